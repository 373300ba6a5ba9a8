"""What stands behind `=`: the value or the error, and what strace adds in parentheses."""

from collections.abc import Callable

from wiretale.decode import readiness
from wiretale.decode.constants.tables import ERRORS
from wiretale.decode.strace.writer import StraceWriter
from wiretale.decode.struct_text import octal, open_flags_text, struct_text
from wiretale.decode.syscalls.spec import Call, Result
from wiretale.decode.writer import Writer

_RESTARTS = range(512, 530)  # include/linux/errno.h: seen by tracers only
_FIRST_ERROR = 4095  # linux/err.h: MAX_ERRNO


def result_text(w: Writer, spec: Call | None, *, raw: bool = False) -> tuple[str, str]:
    """The result, and what follows it: ("1", " ([{fd=3, revents=POLLIN}])")."""
    value, errno = w.call.retval, w.call.errno
    if errno is None and value is not None and -_FIRST_ERROR <= value < 0 and -value in ERRORS:
        errno = -value
    if errno is not None:
        if errno in _RESTARTS:
            return f"? {w.error(errno)}", ""
        extra = _FAILED_EXTRAS.get(w.call.name)
        return f"-1 {w.error(errno)}", extra(w) if extra else ""
    if value is None:
        return "?", ""
    if raw or spec is None:
        return hex(value & 0xFFFFFFFFFFFFFFFF) if value else "0", ""
    extra = _EXTRAS.get(w.call.name)
    return _value(w, spec, value), extra(w) if extra is not None else ""


def _value(w: Writer, spec: Call, value: int) -> str:
    if spec.result is Result.HEX:
        return hex(w.unsigned(value)) if value else "0"
    if spec.result in (Result.FD, Result.SOCKET):
        return w.fd(value)
    if spec.result is Result.PID and isinstance(w, StraceWriter):
        return w.pid(value)
    if w.call.name == "umask":
        return octal(value & 0o777)
    if w.call.name in _FCNTL:
        return _fcntl(w, value)
    return str(value)


_FCNTL = frozenset({"fcntl", "fcntl64"})
_F_DUPFDS, _F_GETFD, _F_GETFL, _F_GETSIG, _F_GETLEASE, _F_GET_SEALS = (0, 1030), 1, 3, 11, 1025, 1034


def _fcntl(w: Writer, value: int) -> str:
    command = w.values[1] & 0xFFFFFFFF
    if command in _F_DUPFDS:
        return w.fd(value)
    if command == _F_GETFL:
        return f"{value:#x} (flags {open_flags_text(w, value)})"
    if command == _F_GETFD and value:
        return f"{value:#x} (flags {w.flags('fd_flags', value)})"
    if command == _F_GETSIG and value:
        return f"{value} ({w.signal(value)})"
    if command == _F_GETLEASE:
        return f"{value:#x} ({w.enum('lease', value)})"
    if command == _F_GET_SEALS and value:
        return f"{value:#x} (seals {w.flags('seals', value)})"
    return str(value)


def _left(w: Writer) -> str:
    """recvmmsg says how much of its timeout was left."""
    datum = w.readable(4, "struct", at_exit=True)
    if datum is None:
        return ""
    name = "timespec64" if w.call.name.endswith("64") else "timespec"
    return f" (left {struct_text(w, name, datum.bytes)})"


_EXTRAS: dict[str, Callable[[Writer], str]] = {
    "poll": readiness.poll_result,
    "ppoll": readiness.poll_result,
    "ppoll_time64": readiness.poll_result,
    "select": readiness.select_result,
    "_newselect": readiness.select_result,
    "pselect6": readiness.select_result,
    "pselect6_time64": readiness.select_result,
    "recvmmsg": _left,
    "recvmmsg_time64": _left,
}
_FAILED_EXTRAS: dict[str, Callable[[Writer], str]] = {}
