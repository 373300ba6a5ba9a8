"""fanotify in strace's words. Source: linux/fanotify.h."""

from wiretale.decode.strace.arguments import Printer, strace
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
    return strace(w).styled_open_flags(w.values[index] & 0xFFFFFFFF)


ARGUMENTS: dict[tuple[str, str], Printer] = {
    ("fanotify_init", "flags"): _init_flags,
    ("fanotify_init", "event_f_flags"): _event_flags,
    ("fanotify_mark", "dirfd"): _directory,
}
