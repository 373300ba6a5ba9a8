"""poll, select and epoll: what was asked before, what came out after."""

from wiretale.decode.signals import SIGSET_BYTES
from wiretale.decode.struct_text import struct_text
from wiretale.decode.structs import struct_size, unpack
from wiretale.decode.writer import Writer, pointer_text, signed32

_SETS = ((1, "in"), (2, "out"), (3, "except"))
_TIMEOUTS = {"ppoll": 2, "ppoll_time64": 2, "select": 4, "_newselect": 4, "pselect6": 4, "pselect6_time64": 4}
_POLLFD = 8


def _pollfds(data: bytes) -> list[tuple[int, int, int]]:
    """(fd, events, revents) of each struct pollfd; the layout is the same everywhere (asm-generic/poll.h)."""
    found = []
    for at in range(0, len(data) - _POLLFD + 1, _POLLFD):
        fd = int.from_bytes(data[at : at + 4], "little", signed=True)
        events = int.from_bytes(data[at + 4 : at + 6], "little")
        found.append((fd, events, int.from_bytes(data[at + 6 : at + 8], "little")))
    return found


def poll_fds(w: Writer, index: int) -> str:
    """The pollfds as given: [{fd=3, events=POLLIN}]."""
    datum = w.readable(index, "array", at_exit=False)
    if datum is None:
        return "[]" if signed32(w.values[1]) == 0 and w.values[index] else pointer_text(w.values[index])
    shown = [
        f"{{fd={w.fd(fd)}, events={w.flags('poll', events)}}}" if fd >= 0 else f"{{fd={fd}}}"
        for fd, events, _ in _pollfds(datum.bytes)
    ]
    if len(datum.bytes) < datum.full_bytes:
        shown.append("...")
    return f"[{', '.join(shown)}]"


def poll_result(w: Writer) -> str:
    """What follows the return value: ([{fd=3, revents=POLLIN}]) and the time left."""
    if w.call.retval == 0:
        return " (Timeout)"
    parts = []
    datum = w.readable(0, "array", at_exit=True)
    if datum is not None:
        ready = [
            f"{{fd={w.fd(fd)}, revents={w.flags('poll', revents)}}}"
            for fd, _, revents in _pollfds(datum.bytes)
            if revents
        ]
        if w.brief and len(ready) > w.limit:
            ready = [*ready[: w.limit], "..."]
        parts.append(f"[{', '.join(ready)}]")
    parts += _left(w)
    return f" ({', '.join(parts)})" if parts else ""


def _left(w: Writer) -> list[str]:
    """The time that was left, where the kernel writes it back."""
    index = _TIMEOUTS.get(w.call.name)
    after = w.readable(index, "struct", at_exit=True) if index is not None else None
    if after is None or index is None:
        return []
    struct = "timeval" if "select" in w.call.name and w.call.name[0] != "p" else _timespec(w)
    return [f"left {struct_text(w, struct, after.bytes)}"]


def _timespec(w: Writer) -> str:
    return "timespec64" if w.call.name.endswith("64") else "timespec"


def _members(w: Writer, data: bytes, bits: int) -> list[int]:
    value = int.from_bytes(data, "little") & ((1 << bits) - 1)
    return [n for n in range(min(bits, len(data) * 8)) if value >> n & 1]


def fd_set(w: Writer, index: int) -> str:
    """One fd_set as given: [3 4]."""
    if not w.values[index]:
        return "NULL"
    datum = w.readable(index, "fdset", at_exit=False)
    if datum is None:
        return "[]" if signed32(w.values[0]) == 0 else pointer_text(w.values[index])
    members = " ".join(w.fd(n) for n in _members(w, datum.bytes, max(signed32(w.values[0]), 0)))
    return f"[{members}]" if len(datum.bytes) >= datum.full_bytes else f"[{members} ...]"


def select_result(w: Writer) -> str:
    """What follows the return value: (in [3], left {...})."""
    if w.call.retval == 0:
        return " (Timeout)"
    parts: list[str] = []
    ready = w.call.retval or 0  # one set may be given as several: the kernel's count says how many of them are meant
    for index, word in _SETS:
        datum = w.readable(index, "fdset", at_exit=True)
        members = _members(w, datum.bytes, max(signed32(w.values[0]), 0))[:ready] if datum is not None else []
        ready -= len(members)
        if members:
            parts.append(f"{word} [{' '.join(w.fd(n) for n in members)}]")
    parts += _left(w)
    return f" ({', '.join(parts)})" if parts else ""


def sigset_argpack(w: Writer, index: int) -> str:
    """pselect6's last argument: a pointer to {sigset, size}."""
    datum = w.readable(index, "struct", at_exit=False)
    if datum is None:
        return pointer_text(w.values[index])
    values = [v for _, v in unpack("sigset_argpack", w.arch, datum.bytes) if isinstance(v, int)]
    if len(values) < 2:
        return pointer_text(w.values[index])
    mask = w.readable(index, "struct", at_exit=False, idx=1)
    known = mask is not None and values[1] == len(mask.bytes) == SIGSET_BYTES
    text = w.signal_set(int.from_bytes(mask.bytes, "little")) if known and mask is not None else pointer_text(values[0])
    return f"{{sigmask={text}, sigsetsize={values[1]}}}"


def epoll_event_text(w: Writer, data: bytes) -> str:
    """{events=EPOLLIN, data={u32=4, u64=4}}."""
    values = [v for _, v in unpack("epoll_event", w.arch, data) if isinstance(v, int)]
    if len(values) < 2:
        return "{...}"
    events = w.flags("epoll", values[0])
    whole = values[1] if values[1] < 1 << 32 else hex(values[1])
    return f"{{events={events}, data={{u32={values[1] & 0xFFFFFFFF}, u64={whole}}}}}"


def epoll_event(w: Writer, index: int) -> str:
    """epoll_ctl's event; EPOLL_CTL_DEL ignores it."""
    datum = w.readable(index, "struct", at_exit=False)
    return pointer_text(w.values[index]) if datum is None else epoll_event_text(w, datum.bytes)


def epoll_events(w: Writer, index: int) -> str:
    """The events epoll_wait gave."""
    if w.succeeded and w.call.retval == 0:
        return "[]"
    datum = w.readable(index, "array", at_exit=True)
    if datum is None:
        return pointer_text(w.values[index])
    size = struct_size("epoll_event", w.arch)
    events = [epoll_event_text(w, datum.bytes[i : i + size]) for i in range(0, len(datum.bytes) - size + 1, size)]
    if len(datum.bytes) < datum.full_bytes:
        events.append("...")
    return f"[{', '.join(events)}]"
