"""What stands behind `=`: the value or the error, and what strace adds in parentheses."""

from collections.abc import Callable

from wiretale.decode.readiness import poll_result, select_result
from wiretale.decode.results import EXTRAS, value_text
from wiretale.decode.strace import names, rare
from wiretale.decode.struct_text import struct_text
from wiretale.decode.syscalls.spec import Call, Result
from wiretale.decode.writer import Writer

_INT_WRAP = 1 << 32
_RESTARTS = range(512, 530)  # include/linux/errno.h: seen by tracers only
_PLAIN = frozenset({"setsid", "set_tid_address"})  # strace does not look up whose number it is
_IDENTITIES = frozenset(f"get{kind}id{wide}" for kind in ("u", "eu", "g", "eg") for wide in ("", "32"))
_COUNTS = frozenset({Result.INT, Result.BYTES})  # less than 0 only by -e inject
_SIGNED = frozenset({"fcntl", "fcntl64"})  # F_GETOWN: a process group
_NS_GET_NSTYPE, _CREATE_BUFS, _KVM_RUN = 0xB703, 0xC100565C, 0xAE80
_EXIT_REASON_AT = 8  # in struct kvm_run


def result_text(w: Writer, spec: Call | None, *, raw: bool = False) -> tuple[str, str]:
    """The result, and what follows it: ("1", " ([{fd=3, revents=POLLIN}])")."""
    value, errno = w.call.retval, w.call.errno
    if errno is not None:
        if errno in _RESTARTS:
            return f"? {w.error(errno)}", ""
        return f"-1 {w.error(errno)}", ""
    if value is None:
        return "?", ""
    if raw or spec is None:
        return hex(value & 0xFFFFFFFFFFFFFFFF) if value else "0", ""
    if spec.result is Result.PID:  # an int, even where -e inject gives more
        value = (value + _INT_WRAP // 2) % _INT_WRAP - _INT_WRAP // 2
    if w.call.name in _PLAIN:
        return str(value), ""
    extra = _EXTRAS.get(w.call.name)
    unsigned = w.call.name in _IDENTITIES or (value < 0 and spec.result in _COUNTS and w.call.name not in _SIGNED)
    own = rare.result(w) or (str(w.unsigned(value)) if unsigned else "")
    return own or value_text(w, spec, value), extra(w) if extra is not None else ""


def _requested(w: Writer) -> str:
    """What a request of ioctl has to say beside its arguments."""
    request = w.values[1] & 0xFFFFFFFF
    if request == _CREATE_BUFS:
        return _created(w)
    if request == _KVM_RUN:
        return _exit_of_vcpu(w)
    return _namespace(w)


def _created(w: Writer) -> str:
    """VIDIOC_CREATE_BUFS of linux/videodev2.h: which buffers there are now."""
    datum = w.readable(2, "struct", at_exit=True) if w.succeeded else None
    if datum is None:
        return ""
    first, count = (int.from_bytes(datum.bytes[at : at + 4], "little") for at in (0, 4))
    return f" ({{index={first}, count={count}}})"


def _exit_of_vcpu(w: Writer) -> str:
    """Why the virtual CPU stopped: exit_reason of struct kvm_run (linux/kvm.h), recorded only if it is asked for."""
    datum = w.datum(2, "struct", at_exit=True)
    if datum is None or len(datum.bytes) < _EXIT_REASON_AT + 4 or not w.succeeded:
        return ""
    reason = int.from_bytes(datum.bytes[_EXIT_REASON_AT : _EXIT_REASON_AT + 4], "little")
    return f" ({names.known('device_kvm_exit', reason, w.arch) or 'KVM_EXIT_???'})"


def _namespace(w: Writer) -> str:
    """NS_GET_NSTYPE of linux/nsfs.h returns a flag of clone."""
    if w.values[1] & 0xFFFFFFFF != _NS_GET_NSTYPE or not w.succeeded:
        return ""
    known = names.known("clone", w.call.retval or 0, w.arch)
    return f" ({w.flags('clone', w.call.retval or 0)})" if known else ""


def _left(w: Writer) -> str:
    """recvmmsg says how much of its timeout was left."""
    datum = w.readable(4, "struct", at_exit=True)
    if datum is None:
        return ""
    name = "timespec64" if w.call.name.endswith("64") else "timespec"
    return f" (left {struct_text(w, name, datum.bytes)})"


def _without_labels(w: Writer, say: Callable[[Writer], str]) -> str:
    """Behind the result descriptors are numbers: what they are stands among the arguments already."""
    label, w.label = w.label, None
    text = say(w)
    w.label = label
    return text


def _polled(w: Writer) -> str:
    return _without_labels(w, poll_result)


def _selected(w: Writer) -> str:
    """As the shared decoder says it; empty brackets where what is ready is beyond the sets."""
    text = _without_labels(w, select_result)
    return text or (" ()" if w.succeeded else "")


def _waited_for(w: Writer) -> str:
    """rt_sigtimedwait returns a signal."""
    return f" ({w.plain_signal(w.call.retval or 0)})" if w.succeeded and w.call.retval else ""


_SELECTS = ("select", "_newselect", "pselect6", "pselect6_time64")
_EXTRAS: dict[str, Callable[[Writer], str]] = {
    **EXTRAS,
    **dict.fromkeys(("recvmmsg", "recvmmsg_time64"), _left),
    **dict.fromkeys(_SELECTS, _selected),
    **dict.fromkeys(("poll", "ppoll", "ppoll_time64"), _polled),
    **dict.fromkeys(("rt_sigtimedwait", "rt_sigtimedwait_time64"), _waited_for),
    "ioctl": _requested,
}
