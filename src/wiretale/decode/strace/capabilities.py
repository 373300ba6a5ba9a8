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


def _word_text(w: Writer, value: int, first: int) -> str:
    """One word of a set, whose lowest bit is the capability `first`."""
    style = strace(w).style.names
    if not value or style is Names.RAW:
        return names.number(value)
    known = [(n, names.known("capability", first + n, w.arch)) for n in range(32) if value >> n & 1]
    rest = sum(1 << n for n, name in known if not name)
    if rest == value:
        return f"{value:#x} /* CAP_??? */"
    shown = "|".join([*(f"1<<{name}" for _, name in known if name), *([hex(rest)] if rest else [])])
    return f"{value:#x} /* {shown} */" if style is Names.VERBOSE else shown


def _set_text(w: Writer, low: int, high: int) -> str:
    return "|".join(_word_text(w, word, first) for word, first in ((low, 0), (high, 32)) if word) or "0"


def _sets(w: Writer, index: int, arg: Arg) -> str:
    head = w.readable(0, "struct", at_exit=False)
    version = integers("cap_header", w.arch, head.bytes).get("version") if head is not None else None
    out = w.call.name == "capget"
    datum = w.datum(index, "struct", at_exit=out) if not strace(w).terse and not strace(w).refused else None
    words = 6 if version in _WIDE else 3
    if version is None or datum is None or len(datum.bytes) < 4 * words:
        return address(w, index)
    values = struct.unpack_from(f"<{words}I", datum.bytes)
    high = values[3:] or (0, 0, 0)
    return "{" + ", ".join(f"{name}={_set_text(w, values[i], high[i])}" for i, name in enumerate(_SETS)) + "}"


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
