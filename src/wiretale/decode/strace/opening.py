"""openat2 in strace's words. Source: linux/openat2.h."""

from wiretale.decode.strace import names
from wiretale.decode.strace.arguments import Printer, address, bounded_string, strace
from wiretale.decode.strace.arrays import beyond, whole
from wiretale.decode.strace.style import Names
from wiretale.decode.struct_text import octal
from wiretale.decode.structs import integers
from wiretale.decode.syscalls.spec import Arg
from wiretale.decode.writer import Writer

_SIZE = 24  # OPEN_HOW_SIZE_VER0
_CREAT, _TMPFILE = 0o100, 0o20000000


def _how(w: Writer, index: int, arg: Arg) -> str:
    size, data = w.unsigned(w.values[3]), whole(w, index, at_exit=False)
    if size < _SIZE or data is None or len(data) < _SIZE:
        return address(w, index)
    values = integers("open_how", w.arch, data)
    shown = [f"flags={strace(w).styled_open_flags(values['flags'])}"]
    if values["mode"] or values["flags"] & (_CREAT | _TMPFILE):
        shown.append(f"mode={octal(values['mode'])}")
    shown.append(f"resolve={w.flags('resolve', values['resolve'])}")
    extra = beyond(w, data, _SIZE, size)
    return "{" + ", ".join([*shown, *([extra] if extra else [])]) + "}"


_HUGE_SHIFT = 26  # linux/memfd.h: MFD_HUGE_SHIFT


def _memory_flags(w: Writer, index: int, arg: Arg) -> str:
    """Flags, and the size of a huge page by its logarithm."""
    value, style = w.values[index] & 0xFFFFFFFF, strace(w).style.names
    huge, flags = value >> _HUGE_SHIFT, value & (1 << _HUGE_SHIFT) - 1
    if not huge or style is Names.RAW:
        return w.flags(arg.constants, value)
    parts = [names.several(arg.constants, flags, w.arch, Names.ABBREV)] if flags else []
    text = "|".join([*parts, f"{huge}<<MFD_HUGE_SHIFT"])
    return f"{value:#x} /* {text} */" if style is Names.VERBOSE else text


ARGUMENTS: dict[tuple[str, str], Printer] = {
    ("openat2", "how"): _how,
    ("memfd_create", "flags"): _memory_flags,
    ("memfd_create", "name"): bounded_string(250),  # NAME_MAX without "memfd:", and one
}
