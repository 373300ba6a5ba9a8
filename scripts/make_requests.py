"""Regenerate src/wiretale/decode/constants/requests.py: the requests of ioctl that Debian's kernel headers define,
and those of ZFS, from libzfslinux-dev 2.3 (contrib): `make_requests.py [FOLDER]`, where its usr/include lies.

A macro is a request if its definition comes down to _IO, _IOR, _IOW or _IOWR, or if it is one of the old plain numbers
(PLAIN). The C compiler says the values. Names of one value are joined by " or ".
"""

import os
import re
import subprocess
import sys
from pathlib import Path

from kernel_headers import SOURCES, chosen, constants, enumerators, macros, values

TARGET = SOURCES / "decode/constants/requests.py"
INCLUDE = Path("/usr/include")
FOLDERS = ("linux", "linux/*", "asm-generic", "mtd", "rdma", "sound", "scsi", "misc", "video", "drm")
FIRST = "sys/types.h sys/socket.h time.h stdint.h linux/types.h linux/ioctl.h linux/filter.h"
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


def requests(defined: dict[str, str]) -> list[str]:
    """The names of requests among macros."""
    functions = {name.partition("(")[0]: text for name, text in defined.items() if "(" in name}

    def is_request(text: str, depth: int = 0) -> bool:
        if re.match(r"\(?_IO(R|W|WR|C)?(_BAD)?\s*\(", text):
            return True
        found = re.match(r"\(?(\w+)\s*(\(|\)?$)", text)
        if found is None or depth > 4:
            return False
        inner = (functions if found[2] == "(" else defined).get(found[1])
        return inner is not None and is_request(inner, depth + 1)

    named = {n: t for n, t in defined.items() if "(" not in n and not LEFT_OUT.fullmatch(n)}
    return [n for n, t in named.items() if is_request(t) or (PLAIN.fullmatch(n) and NUMBER.fullmatch(t))]


def of_zfs(include: Path) -> dict[str, int]:
    """What the modules of ZFS answer to: an enumeration, and macros of which one is a number like those of the kernel."""
    os.environ["CPATH"] = f"{include / 'libspl'}:{include / 'libzfs'}"
    header = "sys/fs/zfs.h sys/kstat.h"
    names = chosen(enumerators(header), r"ZFS_IOC_\w+", r"ZFS_IOC_(FIRST|LAST|PLATFORM)")
    numbers = values(header, [*names, *chosen(constants(header), r"KSTAT_IOC_\w+", r"\w+_BASE"), "BLKZNAME"])
    del os.environ["CPATH"]
    return numbers


def main() -> None:
    headers = sorted({str(h.relative_to(INCLUDE)) for f in FOLDERS for h in INCLUDE.glob(f"{f}/*.h")})
    found: dict[int, set[str]] = {}
    seen: set[str] = set()
    for header in (*headers, "asm/ioctls.h", "asm/mtrr.h", "asm/mce.h", "asm/kvm.h"):
        included = f"{FIRST} {header}"
        try:
            names = [n for n in requests(macros(included)) if n not in seen]
        except subprocess.CalledProcessError:
            continue  # a header that cannot be used by itself
        seen.update(names)
        try:
            numbers = values(included, names)
        except ValueError as fault:
            print(fault, file=sys.stderr)
            continue
        for name, number in numbers.items():
            found.setdefault(number & 0xFFFFFFFF, set()).add(name)
    for name, number in of_zfs(Path(sys.argv[1] if len(sys.argv) > 1 else INCLUDE)).items():
        found.setdefault(number & 0xFFFFFFFF, set()).add(name)
    rows = "".join(f'    {value:#x}: "{" or ".join(sorted(names))}",\n' for value, names in sorted(found.items()))
    TARGET.write_text(
        '"""Requests of ioctl: number -> name. Made by scripts/make_requests.py; do not edit.\n\n'
        "Source: the headers of linux-libc-dev 6.1 for x86-64, and of libzfslinux-dev 2.3.\n"
        f'"""\n\nREQUESTS: dict[int, str] = {{\n{rows}}}\n',
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
