"""capget and capset in strace's words. Source: linux/capability.h."""

import struct

from wiretale.decode.strace import names
from wiretale.decode.strace.arguments import Printer, address, strace
from wiretale.decode.strace.style import Names
from wiretale.decode.structs import integers
from wiretale.decode.syscalls.spec import Arg
from wiretale.decode.writer import Writer

_WIDE = frozenset({0x20071026, 0x20080522})  # _LINUX_CAPABILITY_VERSION_2, _LINUX_CAPABILITY_VERSION_3: two words each
_SETS = ("effective", "permitted", "inheritable")


def _set_text(w: Writer, value: int) -> str:
    style = strace(w).style.names
    if not value or style is Names.RAW:
        return names.number(value)
    known = [(n, names.known("capability", n, w.arch)) for n in range(64) if value >> n & 1]
    rest = sum(1 << n for n, name in known if not name)
    shown = "|".join([*(f"1<<{name}" for _, name in known if name), *([hex(rest)] if rest else [])])
    if rest == value:
        return f"{value:#x} /* CAP_??? */"
    return f"{value:#x} /* {shown} */" if style is Names.VERBOSE else shown


def _sets(w: Writer, index: int, arg: Arg) -> str:
    head = w.readable(0, "struct", at_exit=False)
    version = integers("cap_header", w.arch, head.bytes).get("version") if head is not None else None
    out = w.call.name == "capget"
    datum = w.datum(index, "struct", at_exit=out) if not strace(w).terse and not strace(w).refused else None
    words = 6 if version in _WIDE else 3
    if version is None or datum is None or len(datum.bytes) < 4 * words:
        return address(w, index)
    values = struct.unpack_from(f"<{words}I", datum.bytes)
    whole = [values[i] | (values[i + 3] << 32 if words == 6 else 0) for i in range(3)]
    return "{" + ", ".join(f"{name}={_set_text(w, value)}" for name, value in zip(_SETS, whole, strict=True)) + "}"


def _header(w: Writer, index: int, arg: Arg) -> str:
    datum = w.readable(index, "struct", at_exit=False)
    values = integers("cap_header", w.arch, datum.bytes) if datum is not None else {}
    if "pid" not in values:
        return address(w, index)
    return f"{{version={w.enum('cap_version', values['version'])}, pid={strace(w).pid(values['pid'])}}}"


ARGUMENTS: dict[tuple[str, str], Printer] = {
    (call, name): printer for call in ("capget", "capset") for name, printer in (("hdrp", _header), ("datap", _sets))
}
ENTRY_ARGUMENTS: dict[str, int] = {"capget": 1}
