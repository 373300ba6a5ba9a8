"""poll and epoll in strace's words."""

from wiretale.decode.strace.arguments import address, strace
from wiretale.decode.structs import struct_size
from wiretale.decode.syscalls.spec import Arg
from wiretale.decode.writer import Writer

_EPOLL_CTL_DEL, _POLLFD_BYTES = 2, 8


def _epoll_text(w: Writer, data: bytes) -> str:
    events, value = int.from_bytes(data[:4], "little"), int.from_bytes(data[-8:], "little")
    return f"{{events={w.flags('epoll', events)}, data={{u32={value & 0xFFFFFFFF}, u64={value}}}}}"


def epoll_event(w: Writer, index: int) -> str:
    """EPOLL_CTL_DEL does not look at it."""
    deletes = w.values[1] & 0xFFFFFFFF == _EPOLL_CTL_DEL
    datum = None if deletes else w.readable(index, "struct", at_exit=False)
    return address(w, index) if datum is None or len(datum.bytes) < datum.full_bytes else _epoll_text(w, datum.bytes)


def epoll_events(w: Writer, index: int) -> str:
    datum = w.readable(index, "array", at_exit=True)
    if datum is None:
        return "[]" if w.succeeded and w.call.retval == 0 else address(w, index)
    size = struct_size("epoll_event", w.arch)
    count = len(datum.bytes) // size
    shown = [_epoll_text(w, datum.bytes[i * size : (i + 1) * size]) for i in range(min(count, w.limit))]
    return f"[{', '.join(shown)}{', ...' if count > len(shown) else ''}]"


def poll_fds(w: Writer, index: int, arg: Arg) -> str:
    """What is polled for; strace says where the memory ends, and stops at -s elements."""
    datum = w.readable(index, "array", at_exit=False)
    count = w.values[1] & 0xFFFFFFFF
    start = w.unsigned(w.values[index])
    if datum is None or len(datum.bytes) < _POLLFD_BYTES:
        return "[]" if not count and start else address(w, index)
    limit = w.limit if strace(w).brief else count
    shown: list[str] = []
    for at in range(0, len(datum.bytes) - _POLLFD_BYTES + 1, _POLLFD_BYTES):
        if len(shown) == limit:
            break
        fd, events = int.from_bytes(datum.bytes[at : at + 4], "little", signed=True), datum.bytes[at + 4 : at + 6]
        what = f", events={w.flags('poll', int.from_bytes(events, 'little'))}" if fd >= 0 else ""
        shown.append(f"{{fd={w.fd(fd)}{what}}}")
    if len(shown) < count:
        cut = len(shown) == limit and len(datum.bytes) >= (limit + 1) * _POLLFD_BYTES
        shown.append("..." if cut else f"... /* {start + len(shown) * _POLLFD_BYTES:#x} */")
    return f"[{', '.join(shown)}]"
