"""Priorities of I/O, personalities, comparing processes, the log and other kernels to start, in strace's words."""

from collections.abc import Callable

from wiretale.decode.strace import names
from wiretale.decode.strace.arguments import KINDS, Printer, address, bounded_string, strace
from wiretale.decode.strace.arrays import array
from wiretale.decode.strace.style import Names
from wiretale.decode.syscalls.spec import Arg
from wiretale.decode.writer import Writer

_CLASS_SHIFT, _DATA = 13, 0x1FFF  # linux/ioprio.h: IOPRIO_CLASS_SHIFT, IOPRIO_PRIO_MASK
_KIND, _ASKS = 0xFF, 0xFFFFFFFF  # linux/personality.h: PER_MASK; personality(2)
_SEGMENTS, _ARCH = 16, 0xFFFF0000  # linux/kexec.h: KEXEC_SEGMENT_MAX, KEXEC_ARCH_MASK


def priority(w: Writer, value: int, style: Names) -> str:
    """IOPRIO_PRIO_VALUE(class, data)."""
    kind = names.one("ioprio_class", value >> _CLASS_SHIFT, w.arch, style)
    return f"IOPRIO_PRIO_VALUE({kind}, {value & _DATA})"


def _priority(w: Writer, index: int, arg: Arg) -> str:
    value, style = w.values[index] & 0xFFFFFFFF, strace(w).style.names
    number, text = str(_signed(value)), priority(w, value, style)
    return {Names.RAW: number, Names.VERBOSE: f"{number} /* {text} */"}.get(style, text)


def _returned_priority(w: Writer) -> str:
    value = w.unsigned(w.call.retval or 0)
    style = strace(w).style.names
    return str(value) if style is Names.RAW else f"{value} ({priority(w, value, style)})"


def personality(w: Writer, value: int, style: Names) -> str:
    """What is emulated, and its flags."""
    kind = names.one("personality_type", value & _KIND, w.arch, style)
    flags = value & ~_KIND
    return f"{kind}|{names.several('personality_flags', flags, w.arch, style)}" if flags else kind


def _personality(w: Writer, index: int, arg: Arg) -> str:
    """0xffffffff changes nothing."""
    value = w.values[index] & 0xFFFFFFFF
    return hex(value) if value == _ASKS else personality(w, value, strace(w).style.names)


def _former_personality(w: Writer) -> str:
    value = (w.call.retval or 0) & 0xFFFFFFFF
    return f"{names.number(value)} ({personality(w, value, strace(w).style.names)})"


def _segments(w: Writer, index: int, arg: Arg) -> str:
    """More than the kernel takes are not looked at."""
    return address(w, index) if w.unsigned(w.values[1]) > _SEGMENTS else array(w, index, arg)


def _kexec_flags(w: Writer, index: int, arg: Arg) -> str:
    value = w.unsigned(w.values[index])
    kind, flags = w.enum("kexec_arch", value & _ARCH), value & ~_ARCH
    return f"{kind}|{w.flags('kexec_load', flags)}" if flags else kind


_CLOSE, _OPEN, _READ, _READ_ALL, _READ_CLEAR, _CONSOLE_LEVEL = 0, 1, 2, 3, 4, 8  # include/linux/syslog.h
_NO_MORE = frozenset({_CLOSE, _OPEN, 5, 6, 7, 9, 10})  # actions without a buffer
_READS = frozenset({_READ, _READ_ALL, _READ_CLEAR})
# include/linux/kern_levels.h
_LEVELS = ("EMERG", "ALERT", "CRIT", "ERR", "WARNING", "NOTICE", "INFO", "DEBUG", "DEBUG+1")


def _action(w: Writer, index: int, arg: Arg) -> str:
    """The action, by number and name whatever the style."""
    value = _signed(w.values[index])
    name = names.known("syslog", value, w.arch) or "SYSLOG_ACTION_???"
    return f"{value} /* {name} */"


def _log(w: Writer, index: int, arg: Arg) -> str:
    action = _signed(w.values[0])
    if action in _NO_MORE:
        return ""
    return KINDS[arg.kind](w, index, arg) if action in _READS else address(w, index)


def _log_length(w: Writer, index: int, arg: Arg) -> str:
    action, value = _signed(w.values[0]), _signed(w.values[index])
    if action in _NO_MORE:
        return ""
    if action != _CONSOLE_LEVEL:
        return str(value)
    return f"{value} /* LOGLEVEL_{_LEVELS[value] if 0 <= value < len(_LEVELS) else '???'} */"


def _slot(w: Writer, index: int, arg: Arg) -> str:
    value = w.unsigned(w.values[index])
    return hex(value) if value else "0"


def _descriptor(w: Writer, index: int, arg: Arg) -> str:
    return w.fd(w.values[index] & 0xFFFFFFFF) if w.values[index] & 0x80000000 == 0 else str(_signed(w.values[index]))


def _signed(value: int) -> int:
    value &= 0xFFFFFFFF
    return value - (value >> 31 << 32)


ARGUMENTS: dict[tuple[str, str], Printer] = {
    ("ioprio_set", "ioprio"): _priority,
    ("personality", "persona"): _personality,
    ("kexec_load", "segments"): _segments,
    ("reboot", "arg"): bounded_string(255),
    ("kexec_load", "flags"): _kexec_flags,
    ("syslog", "type"): _action,
    ("syslog", "bufp"): _log,
    ("syslog", "len"): _log_length,
    ("kcmp", "idx1"): _slot,
    ("kcmp", "idx2"): _slot,
    ("kcmp", "fd1"): _descriptor,
    ("kcmp", "fd2"): _descriptor,
}
RESULTS: dict[str, Callable[[Writer], str]] = {"ioprio_get": _returned_priority, "personality": _former_personality}
