"""Regenerate src/wiretale/decode/constants/requests.py: the requests of ioctl that Debian's kernel headers define.

A macro is a request if its definition comes down to _IO, _IOR, _IOW or _IOWR, or if it is one of the old plain numbers
(PLAIN). The C compiler says the values. Names of one value are joined by " or ".
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

TARGET = Path(__file__).parent.parent / "src/wiretale/decode/constants/requests.py"
INCLUDE = Path("/usr/include")
FOLDERS = ("linux", "linux/*", "asm-generic", "mtd", "rdma", "sound", "scsi", "misc", "video", "drm")
FIRST = ("sys/types.h", "sys/socket.h", "time.h", "stdint.h", "linux/types.h", "linux/ioctl.h", "linux/filter.h")
PLAIN = re.compile(
    r"SIOC\w+|TC(GET|SET)[AFSWX2]+\w*|TCSBRKP?|TCXONC|TCFLSH|TIOC\w+|FIO\w+|HDIO_\w+|BLK[A-Z]+|CDROM[A-Z_]+|DVD_[A-Z_]+"
    r"|KD[A-Z]+|KI[A-Z]+|GIO_\w+|PIO_\w+|VT_[A-Z]+|LOOP_[A-Z_0-9]+|SG_\w+|SCSI_IOCTL_\w+|LP[A-Z]+|FIBMAP|FIGETBSZ"
)
NUMBER = re.compile(r"\(?(0x[0-9A-Fa-f]+|\w+\s*\+\s*\d+)\)?")
# What is no request: numbers of other kinds with names alike, and names that a newer one has replaced.
LEFT_OUT = re.compile(
    r"TIOC(PKT|M|SER)_\w+|TIOCLINUX_\w+|SIOC(PROTO|DEV)PRIVATE|SIOC(GSTAMP(NS)?|INQ|OUTQ)|TIOCINQ|BLKTRACESETUP2|FS_IOC32_\w+"
    r"|VT_[A-Z]*(AUTO|PROCESS|ACKACQ)|LOOP_(CONFIGURABLE|SET_STATUS_\w+_FLAGS)|SG_(MAX|DEF|BIG|SCATTER|INFO|FLAG|DXFER|LIB|INTERFACE)\w*"
    r"|CDROM_(LBA|MSF|DATA|LEADOUT|AUDIO)\w*|DVD_(STRUCT|LU|AUTH|HOST|INVALIDATE|REPORT)_\w*|HDIO_DRIVE_\w+_HDR_SIZE|SIOCKCM\w+|PPPIOCGIDLE|_\w+"
)


def preprocess(header: str) -> dict[str, str] | None:
    """Macros with their definitions; None if the header cannot be used by itself."""
    source = "".join(f"#include <{h}>\n" for h in (*FIRST, header))
    run = subprocess.run(
        ["cc", "-E", "-dM", "-D_GNU_SOURCE", "-x", "c", "-"], input=source, capture_output=True, text=True, check=False
    )
    return dict(re.findall(r"^#define (\w+(?:\([^)]*\))?) (\S.*)$", run.stdout, re.M)) if not run.returncode else None


def requests(macros: dict[str, str]) -> list[str]:
    """The names of requests among macros."""
    functions = {name.partition("(")[0]: text for name, text in macros.items() if "(" in name}

    def is_request(text: str, depth: int = 0) -> bool:
        if re.match(r"\(?_IO(R|W|WR|C)?(_BAD)?\s*\(", text):
            return True
        found = re.match(r"\(?(\w+)\s*(\(|\)?$)", text)
        if found is None or depth > 4:
            return False
        inner = (functions if found[2] == "(" else macros).get(found[1])
        return inner is not None and is_request(inner, depth + 1)

    named = {n: t for n, t in macros.items() if "(" not in n and not LEFT_OUT.fullmatch(n)}
    return [n for n, t in named.items() if is_request(t) or (PLAIN.fullmatch(n) and NUMBER.fullmatch(t))]


def values(header: str, names: list[str], folder: Path) -> dict[str, int]:
    """What the compiler says; names that it cannot evaluate are left out."""
    source, program = folder / "values.c", folder / "values"
    head = "#include <stdio.h>\n" + "".join(f"#include <{h}>\n" for h in (*FIRST, header)) + "int main(void) {\n"
    while names:
        source.write_text(head + "".join(f'printf("{n} %u\\n", (unsigned)({n}));\n' for n in names) + "return 0; }\n")
        built = subprocess.run(
            ["cc", "-w", "-D_GNU_SOURCE", "-o", program, source], capture_output=True, text=True, check=False
        )
        if not built.returncode:
            output = subprocess.run([program], capture_output=True, text=True, check=True).stdout
            return {name: int(value) for name, value in (line.split() for line in output.splitlines())}
        wrong = {int(n) - 1 - head.count("\n") for n in re.findall(r"values\.c:(\d+):", built.stderr)}
        kept = [n for i, n in enumerate(names) if i not in wrong]
        if kept == names:
            print(f"{header}: {built.stderr[:200]}", file=sys.stderr)
            break
        names = kept
    return {}


def main() -> int:
    headers = sorted({str(h.relative_to(INCLUDE)) for f in FOLDERS for h in INCLUDE.glob(f"{f}/*.h")})
    found: dict[int, set[str]] = {}
    seen: set[str] = set()
    with tempfile.TemporaryDirectory() as folder:
        for header in (*headers, "asm/ioctls.h", "asm/mtrr.h", "asm/mce.h", "asm/kvm.h"):
            macros = preprocess(header)
            names = [n for n in requests(macros or {}) if n not in seen]
            seen.update(names)
            for name, value in values(header, names, Path(folder)).items():
                found.setdefault(value, set()).add(name)
    rows = "".join(f'    {value:#x}: "{" or ".join(sorted(names))}",\n' for value, names in sorted(found.items()))
    TARGET.write_text(
        '"""Requests of ioctl: number -> name. Made by scripts/make_requests.py; do not edit.\n\n'
        "Source: the headers of linux-libc-dev 6.1 for x86-64.\n"
        f'"""\n\nREQUESTS: dict[int, str] = {{\n{rows}}}\n',
        encoding="utf-8",
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
