"""fanotify in strace's words. Source: linux/fanotify.h."""

from wiretale.decode.strace import names
from wiretale.decode.strace.arguments import Printer, strace
from wiretale.decode.strace.style import Names
from wiretale.decode.syscalls.spec import Arg
from wiretale.decode.writer import Writer, signed32

_CLASSES, _NO_FD = 0xC, -1  # FAN_CLASS_*, FAN_NOFD


def _init_flags(w: Writer, index: int, arg: Arg) -> str:
    """A class, which is a number, and flags."""
    value = w.values[index] & 0xFFFFFFFF
    rest = value & ~_CLASSES
    kind = w.enum("fanotify_class", value & _CLASSES)
    return f"{kind}|{w.flags('fanotify_init_flags', rest)}" if rest else kind


def _directory(w: Writer, index: int, arg: Arg) -> str:
    number = signed32(w.values[index])
    return w.note("FAN_NOFD", _NO_FD) if number == _NO_FD else w.dirfd(number)


def _event_flags(w: Writer, index: int, arg: Arg) -> str:
    value, style = w.values[index] & 0xFFFFFFFF, strace(w).style.names
    if style is Names.RAW:
        return names.number(value)
    parts = [names.one("open_access", value & 3, w.arch, Names.ABBREV)]
    parts += [names.several("open_flags", value & ~3, w.arch, Names.ABBREV).partition(" /* ")[0]] if value & ~3 else []
    text = "|".join(parts)
    return f"{names.number(value)} /* {text} */" if style is Names.VERBOSE else text


ARGUMENTS: dict[tuple[str, str], Printer] = {
    ("fanotify_init", "flags"): _init_flags,
    ("fanotify_init", "event_f_flags"): _event_flags,
    ("fanotify_mark", "dirfd"): _directory,
}
