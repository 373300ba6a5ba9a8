"""A way through the kernel in words: what the bytes of a call waited for, one thing after the other."""

from collections.abc import Iterator
from dataclasses import dataclass

import duckdb

from wiretale.decode.durations import duration
from wiretale.join.kernel_path import KernelPath, PathCall, PathEvent, kernel_path
from wiretale.model.enums import NUD_INCOMPLETE, NUD_VALID

_NEIGHBOUR = "neigh:neigh_update"
_QUEUED, _RECEIVED, _READY = "net:net_dev_queue", "net:netif_receive_skb", "sock:sk_data_ready"
_REACHED = "tcp:tcp_probe"
_WAKING, _RUNS = "sched:sched_waking", "sched:sched_switch"
_COPIED, _RETURNED = "skb:skb_copy_datagram_iovec", "sock:sock_recv_length"
_WRITTEN = "written"  # the sender's call had returned, and its bytes lay in the sender's queue
_OVER = ("irq:softirq_exit", "sock:sock_send_length")  # whoever told the socket's sleepers is done with it
_BY_TIME = frozenset({"TIMER", "HRTIMER"})
_LEAST_PART = 20  # a part of a span is told if it is at least the 20th of it

# What the bytes waited for until an event, in order of the way: the first of each. What was not seen is left out.
_SPANS = (
    (_NEIGHBOUR, "until the neighbour's link address was known, which IP had to ask for"),
    (_WRITTEN, "in the sender's call, until it had put them into its queue and returned"),
    (_QUEUED, "in the sender's call, until IP handed the packet to the device"),
    (_RECEIVED, "in the device, and until the deferred work took the packet"),
    (_REACHED, "in the socket's backlog, until the call that had it locked let go of it"),
    (_READY, "in the receiving stack, until the socket's sleepers were told"),
    (_WAKING, "until the reader was woken"),
    (_RUNS, "until the woken reader had a CPU"),
)
_UNIX_READY = "in the sender's call, until they lay in the receiver's queue and its sleepers were told"


@dataclass(frozen=True, slots=True)
class Spent:
    """Nanoseconds and what they were spent on. `parts`: what the one thread meanwhile did that was expected to work."""

    ns: int
    what: str
    parts: tuple[tuple[int, str], ...] = ()


def spans(path: KernelPath) -> Iterator[Spent]:
    """One after the other, the last one all together: of the first packet, and of the first read."""
    if path.call is None:
        return
    at = _first_times(path, path.call)
    last = begin = path.call.start_ns
    for name, what in _SPANS:
        if at.get(name, -1) >= last:
            in_call = path.call.tid if name == _QUEUED and _WRITTEN not in at else 0
            yield _spent(path, last, at[name], _what(path, name, what, at), in_call)
            last = at[name]
    # Datagrams are copied without a tracepoint of their own; what is seen is that the receive call had its result.
    end = _COPIED if _COPIED in at else _RETURNED
    if at.get(end, -1) >= last:
        done = "took them" if end == _COPIED else "had them"
        where = "in the reader, until its" if last == at.get(_RUNS) else "in the receive queue, until the reader's"
        yield _spent(path, last, at[end], f"{where} call {done}", path.reads[0].tid if path.reads else 0)
        last = at[end]
    if last > begin:
        arrived = "until the reader's call " + ("took them" if end == _COPIED else "had them")
        of = "the first bytes, " if len(path.packets) > 1 or len(path.reads) > 1 else ""
        yield Spent(last - begin, f"in all, {of}{arrived if last == at.get(end) else 'as far as it was seen'}")


def is_backlog(path: KernelPath, event: PathEvent) -> bool:
    """Whether a segment that a softirq received met its connection in a call: it had waited for the socket's lock."""
    return (
        event.name == _REACHED
        and event.context == "task"
        and any(
            e.name == _RECEIVED and e.context == "softirq" and e.packet_number == event.packet_number
            for e in path.events
            if e.time_ns <= event.time_ns
        )
    )


def _what(path: KernelPath, name: str, what: str, at: dict[str, int]) -> str:
    if name == _READY and not any(e.name.startswith(("net:", "tcp:")) for e in path.events):
        return _UNIX_READY  # no packet, no stack
    if name == _QUEUED and _WRITTEN in at:
        return f"in the sender's queue, until {_let_go(path, at[_QUEUED])}"
    return what


def _let_go(path: KernelPath, sent_ns: int) -> str:
    """What made a packet leave whose bytes' call had returned."""
    sent = next(e for e in path.events if e.name == _QUEUED and e.time_ns == sent_ns)
    if sent.context == "task":
        name = path.calls.get(sent.call_id or 0)
        return f"{name}() handed the packet to the device" if name else "the packet was handed to the device"
    if sent.softirq in _BY_TIME:
        return "a timer sent the packet"
    return "a packet from the other end let it go" if sent.softirq == "NET_RX" else "deferred work sent the packet"


def _spent(path: KernelPath, from_ns: int, to_ns: int, what: str, tid: int) -> Spent:
    """With what the thread did in that time, if it was not simply at work in one call."""
    found: dict[str, int] = {}
    for did in path.did:
        ns = min(did.to_ns, to_ns) - max(did.from_ns, from_ns)
        if did.tid == tid and ns > 0:
            where = f"in {did.call}()" if did.call else "in its own code" if did.state == "running" else "in no call"
            clause = {"running": f"it ran {where}", "runnable": "it waited for a CPU"}.get(
                did.state, f"it was {did.state} {where}"
            )
            found[clause] = found.get(clause, 0) + ns
    parts = [(ns, clause) for clause, ns in found.items() if ns * _LEAST_PART >= to_ns - from_ns]
    return Spent(to_ns - from_ns, what, tuple(parts) if len(found) > 1 else ())


def _first_times(path: KernelPath, call: PathCall) -> dict[str, int]:
    """When each kind of step was first seen. The reader's turn counts only if the bytes woke it."""
    readers, calls = {c.tid for c in path.reads}, {c.call_id for c in path.reads}
    at: dict[str, int] = {}
    for event in path.events:
        if event.answer:
            continue
        if event.name == _NEIGHBOUR and not (event.value == NUD_INCOMPLETE and event.value2 & NUD_VALID):
            continue  # the other host has learnt from the question, or a known entry was confirmed
        if event.name == _REACHED and not is_backlog(path, event):
            continue
        if event.name == _WAKING:
            continue
        if event.name == _RUNS and (event.other_tid not in readers or _WAKING not in at):
            continue
        if event.name in (_COPIED, _RETURNED) and event.call_id not in calls:
            continue
        at.setdefault(event.name, event.time_ns)
        if event.name == _READY and at[_READY] == event.time_ns:
            woken = _woken_by(path, event, readers)
            if woken is not None:
                at[_WAKING] = woken
    if call.exit_ns is not None and _NEIGHBOUR not in at and at.get(_QUEUED, -1) > call.exit_ns:
        at[_WRITTEN] = call.exit_ns
    return at


def _woken_by(path: KernelPath, ready: PathEvent, readers: set[int]) -> int | None:
    """When whoever told the socket's sleepers woke the reader, in the same turn; None if it was awake."""
    for event in path.events[path.events.index(ready) + 1 :]:
        if (event.tid, event.cpu, event.context) != (ready.tid, ready.cpu, ready.context):
            continue
        if event.name == _WAKING and event.other_tid in readers:
            return event.time_ns
        if event.name in _OVER or event.name == _READY:
            return None
    return None


def told(db: duckdb.DuckDBPyConnection, call_id: int) -> str:
    """The way of one call's bytes in one sentence; empty if it was not seen."""
    path = kernel_path(db, call_id)
    steps = list(spans(path)) if path is not None and path.hi > path.lo else []
    if len(steps) < 2:
        return ""
    parts = "; ".join(f"{duration(step.ns)} {step.what}" for step in steps)
    return f"On their way through the kernel the bytes were {parts}."
