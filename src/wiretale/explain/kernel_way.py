"""A way through the kernel in words: what the bytes of a call waited for, one thing after the other."""

from collections.abc import Iterator

import duckdb

from wiretale.decode.durations import duration
from wiretale.join.kernel_path import KernelPath, kernel_path
from wiretale.model.enums import NUD_INCOMPLETE, NUD_VALID

_NEIGHBOUR = "neigh:neigh_update"
_QUEUED, _RECEIVED, _READY = "net:net_dev_queue", "net:netif_receive_skb", "sock:sk_data_ready"
_WAKING, _RUNS = "sched:sched_waking", "sched:sched_switch"
_COPIED, _RETURNED = "skb:skb_copy_datagram_iovec", "sock:sock_recv_length"

# What the bytes waited for until an event, in order of the way: the first of each. What was not seen is left out.
_SPANS = (
    (_NEIGHBOUR, "until the neighbour's link address was known, which IP had to ask for"),
    (_QUEUED, "in the sender's call, until IP handed the packet to the device"),
    (_RECEIVED, "in the device, and until the deferred work took the packet"),
    (_READY, "in the receiving stack, until the socket's sleepers were told"),
    (_WAKING, "until the reader was woken"),
    (_RUNS, "until the woken reader had a CPU"),
)


def spans(path: KernelPath) -> Iterator[tuple[int, str]]:
    """Nanoseconds and what they were spent on, one after the other: of the first packet, and of the first read."""
    at = _first_times(path)
    last = begin = path.call.start_ns
    for name, what in _SPANS:
        if at.get(name, -1) >= last:
            yield at[name] - last, what
            last = at[name]
    # Datagrams are copied without a tracepoint of their own; what is seen is that the receive call had its result.
    end = _COPIED if _COPIED in at else _RETURNED
    if at.get(end, -1) >= last:
        done = "took them" if end == _COPIED else "had them"
        where = "in the reader, until its" if last == at.get(_RUNS) else "in the receive queue, until the reader's"
        yield at[end] - last, f"{where} call {done}"
        last = at[end]
    if last > begin:
        arrived = "until the reader's call " + ("took them" if end == _COPIED else "had them")
        of = "the first bytes, " if len(path.packets) > 1 or len(path.reads) > 1 else ""
        yield last - begin, f"in all, {of}{arrived if last == at.get(end) else 'as far as it was seen'}"


def _first_times(path: KernelPath) -> dict[str, int]:
    """When each kind of step was first seen. The reader's turn counts only if the bytes woke it."""
    readers, calls = {c.tid for c in path.reads}, {c.call_id for c in path.reads}
    came = [e.time_ns for e in path.events if e.name in (_RECEIVED, _READY) and not e.answer]
    here = min(came, default=path.call.start_ns)
    at: dict[str, int] = {}
    for event in path.events:
        if event.answer:
            continue
        if event.name == _NEIGHBOUR and not (event.value == NUD_INCOMPLETE and event.value2 & NUD_VALID):
            continue  # the other host has learnt from the question, or a known entry was confirmed
        if event.name in (_WAKING, _RUNS) and event.other_tid not in readers:
            continue
        if event.name == _WAKING and event.time_ns < here:
            continue
        if event.name == _RUNS and _WAKING not in at:
            continue
        if event.name in (_COPIED, _RETURNED) and event.call_id not in calls:
            continue
        at.setdefault(event.name, event.time_ns)
    return at


def told(db: duckdb.DuckDBPyConnection, call_id: int) -> str:
    """The way of one call's bytes in one sentence; empty if it was not seen."""
    path = kernel_path(db, call_id)
    steps = list(spans(path)) if path is not None and path.hi > path.lo else []
    if len(steps) < 2:
        return ""
    parts = "; ".join(f"{duration(span)} {what}" for span, what in steps)
    return f"On their way through the kernel the bytes were {parts}."
