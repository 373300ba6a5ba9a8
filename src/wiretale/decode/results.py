"""What a successful return value is in words, for both dialects: the number, what it stands for, what follows it."""

from collections.abc import Callable

from wiretale.decode import readiness
from wiretale.decode.struct_text import octal
from wiretale.decode.syscalls.spec import Call, Result
from wiretale.decode.writer import Writer


def value_text(w: Writer, spec: Call, value: int) -> str:
    """The value itself."""
    if spec.result is Result.HEX:
        return hex(w.unsigned(value)) if value else "0"
    if spec.result in (Result.FD, Result.SOCKET):
        return w.fd(value)
    if spec.result is Result.PID:
        return w.pid(value)
    if w.call.name == "umask":
        return octal(value & 0o777)
    if w.call.name in _FCNTL:
        return _fcntl(w, value)
    makes = _MAKES.get(w.call.name)
    if makes is not None and w.values[makes[0]] & 0xFFFFFFFF in makes[1]:
        return w.fd(value)
    return str(value)


# Which commands return a descriptor, and which argument the command is: linux/bpf.h, linux/kvm.h (KVM_CREATE_VM, _VCPU)
_MAKES = {
    "bpf": (0, frozenset({0, 5, 7, 13, 14, 17, 18, 19, 28, 30, 32, 33})),
    "ioctl": (1, frozenset({0xAE01, 0xAE41})),
}


_FCNTL = frozenset({"fcntl", "fcntl64"})
_F_DUPFDS, _F_GETFD, _F_GETFL, _F_GETOWN, _F_GETSIG, _F_GETLEASE, _F_GET_SEALS = (0, 1030), 1, 3, 9, 11, 1025, 1034


def _fcntl(w: Writer, value: int) -> str:
    command = w.values[1] & 0xFFFFFFFF
    if command in _F_DUPFDS:
        return w.fd(value)
    if command == _F_GETFL:
        return f"{hex(value) if value else 0} (flags {w.open_flags(value)})"
    if command == _F_GETFD and value:
        return f"{value:#x} (flags {w.flags('fd_flags', value)})"
    if command == _F_GETOWN:
        return w.pid(value)
    if command == _F_GETSIG and value:
        return f"{value} ({w.plain_signal(value)})"
    if command == _F_GETLEASE:
        return f"{hex(value) if value else 0} ({w.plain_enum('lease', value)})"
    if command == _F_GET_SEALS and value:
        return f"{value:#x} (seals {w.flags('seals', value)})"
    return str(value)


EXTRAS: dict[str, Callable[[Writer], str]] = {  # what follows the value
    "poll": readiness.poll_result,
    "ppoll": readiness.poll_result,
    "ppoll_time64": readiness.poll_result,
    "select": readiness.select_result,
    "_newselect": readiness.select_result,
    "pselect6": readiness.select_result,
    "pselect6_time64": readiness.select_result,
}
