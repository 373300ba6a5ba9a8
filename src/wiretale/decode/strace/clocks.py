"""Clocks in strace's words: the state of the clock, ticks in seconds, and points in time as dates."""

from collections.abc import Callable

from wiretale.decode.strace import names
from wiretale.decode.strace.arguments import Printer, address, strace
from wiretale.decode.strace.arrays import whole
from wiretale.decode.strace.dates import date
from wiretale.decode.strace.style import Names
from wiretale.decode.struct_text import struct_text
from wiretale.decode.structs import integers, struct_size
from wiretale.decode.syscalls.spec import Arg
from wiretale.decode.writer import Writer

_TICKS = 100  # USER_HZ
_NOW, _OMIT = (1 << 30) - 1, (1 << 30) - 2  # linux/stat.h: UTIME_NOW, UTIME_OMIT


def _commented(text: str, comment: str) -> str:
    return f"{text} /* {comment} */" if comment else text


def _ticks(w: Writer, index: int, arg: Arg) -> str:
    data = whole(w, index, at_exit=True)
    if data is None or len(data) < struct_size("tms", w.arch):
        return address(w, index)
    values = integers("tms", w.arch, data).items()
    style = strace(w).style.names
    shown = [
        f"{name}={value}" + (f" /* {value / _TICKS:.2f} s */" if value and style is not Names.RAW else "")
        for name, value in values
    ]
    return "{" + ", ".join(shown) + "}"


def _seconds(w: Writer, index: int, arg: Arg) -> str:
    data = whole(w, index, at_exit=True)
    value = integers("time_t", w.arch, data).get("value") if data is not None else None
    return address(w, index) if value is None else f"[{_commented(str(value), date(value))}]"


def _access_and_change(w: Writer, index: int, arg: Arg) -> str:
    data = whole(w, index, at_exit=False)
    values = integers("utimbuf", w.arch, data) if data is not None else {}
    if "modtime" not in values:
        return address(w, index)
    return "{" + ", ".join(f"{name}={_commented(str(v), date(v))}" for name, v in values.items()) + "}"


def _two_times(w: Writer, index: int, arg: Arg) -> str:
    data, size = whole(w, index, at_exit=False, role="array"), struct_size(arg.struct, w.arch)
    if data is None or len(data) < 2 * size:
        return address(w, index)
    return f"[{_point(w, arg.struct, data[:size])}, {_point(w, arg.struct, data[size:])}]"


def _point(w: Writer, name: str, data: bytes) -> str:
    seconds, fraction = integers(name, w.arch, data).values()
    text, nanoseconds = struct_text(w, name, data), name.startswith("timespec")
    if not nanoseconds or fraction not in (_NOW, _OMIT):
        return _commented(text, date(seconds, fraction, 9 if nanoseconds else 6))
    known = "UTIME_NOW" if fraction == _NOW else "UTIME_OMIT"
    style = strace(w).style.names
    return {Names.RAW: text, Names.VERBOSE: f"{text} /* {known} */"}.get(style, known)


def _now(w: Writer) -> str:
    value = w.unsigned(w.call.retval or 0)
    return f"{value} ({date(value)})" if date(value) else ""


ARGUMENTS: dict[tuple[str, str], Printer] = {
    ("times", "buf"): _ticks,
    ("time", "tloc"): _seconds,
    ("utime", "times"): _access_and_change,
    **{(name, "times"): _two_times for name in ("utimes", "futimesat", "utimensat")},
}


def _state(w: Writer) -> str:
    value = w.unsigned(w.call.retval or 0)
    name = names.known("timex_state", value, w.arch)
    return f"{value} ({name})" if name else ""


RESULTS: dict[str, Callable[[Writer], str]] = {
    **dict.fromkeys(("adjtimex", "clock_adjtime", "clock_adjtime64"), _state),
    "time": _now,
}
