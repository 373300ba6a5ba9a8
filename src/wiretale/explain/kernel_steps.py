"""The steps of a call's first bytes: when they were over, what they were spent on, whose work was waited for.

The first packet is followed alone: others, which carry later bytes, reach sockets and softirqs in between. It may be
lost and sent again, and be passed on by bridges and routers.
"""

from collections.abc import Iterator

from wiretale.decode.escape import escape_text
from wiretale.join.kernel_passing import QUEUED, RECEIVED, PassedOn
from wiretale.join.kernel_path import KernelPath, PathCall, PathEvent
from wiretale.light import dataclass, field
from wiretale.model.enums import NUD_INCOMPLETE, NUD_VALID

_NEIGHBOUR, _DROPPED = "neigh:neigh_update", "skb:kfree_skb"
_REACHED, _READY = "tcp:tcp_probe", "sock:sk_data_ready"
_WAKING, _RUNS = "sched:sched_waking", "sched:sched_switch"
_COPIED, _RETURNED = "skb:skb_copy_datagram_iovec", "sock:sock_recv_length"
_OVER = ("irq:softirq_exit", "sock:sock_send_length")  # whoever told the socket's sleepers is done with it
_BY_TIME = frozenset({"TIMER", "HRTIMER"})
_STACK = "in the receiving stack, until"


@dataclass(frozen=True, slots=True)
class Step:
    """Over at `at_ns`. `tid`: the thread that was expected to work meanwhile; 0: none. `taken`: the reader has them."""

    at_ns: int
    what: str
    tid: int = 0
    taken: bool = False


@dataclass(slots=True)
class _Walk:
    """What has become of the first packet so far."""

    path: KernelPath
    call: PathCall
    copies: frozenset[int]  # packets with the first bytes: the first one, sent again, passed on
    sent: bool = False
    kept: bool = False  # by IP, until the neighbour's link address was known
    reached: dict[int, bool] = field(default_factory=dict)  # by CPU: whether what came in last is one of the copies
    dropped: Step | None = None
    ready: PathEvent | None = None

    @property
    def arrived(self) -> bool:
        """Whether the packet came in last, on some CPU."""
        return any(self.reached.values())

    def is_first(self, event: PathEvent) -> bool:
        return event.packet_number in self.copies or (not self.path.packets and event.packet_number is None)

    def steps(self) -> Iterator[Step]:
        """Up to the moment at which the socket's sleepers are told, or the packet was dropped for good."""
        for event in self.path.events:
            if event.name in (RECEIVED, _REACHED) and (event.answer or not self.is_first(event)):
                self.reached[event.cpu] = False
            elif not event.answer:
                yield from self._step(event)
            if self.ready is not None:
                return
        if self.dropped is not None:
            yield self.dropped

    def _step(self, event: PathEvent) -> Iterator[Step]:
        if event.name == _NEIGHBOUR:
            # the other host has learnt from the question, or a known entry was confirmed
            if event.value == NUD_INCOMPLETE and event.value2 & NUD_VALID and (not self.sent or self.arrived):
                self.kept = True
                yield Step(event.time_ns, "until the neighbour's link address was known, which IP had to ask for")
        elif event.name == _READY:
            # where nothing was seen to come in, the first is taken for it
            if self.reached.get(event.cpu, not self.reached):
                self.ready = event
                yield Step(event.time_ns, self._told(event))
        elif not self.is_first(event):
            return
        elif event.name == QUEUED:
            yield from self._queued(event)
        elif event.name == RECEIVED:
            self.reached[event.cpu] = True
            yield Step(event.time_ns, "in the device, and until the deferred work took the packet")
        elif event.name == _REACHED:
            self.reached[event.cpu] = True
            if is_backlog(self.path, event):
                yield Step(event.time_ns, "in the socket's backlog, until the call that had it locked let go of it")
        elif event.name == _DROPPED:
            why = self.path.reasons.get("drop", {}).get(event.value, "for an unknown reason")
            where = _STACK if self.arrived else "until"
            self.dropped = Step(event.time_ns, f"{where} the packet was dropped ({why})")

    def _queued(self, event: PathEvent) -> Iterator[Step]:
        passes = self.path.passed_on.get(event.event_id)
        again, self.sent = self.sent, True
        if passes is not None:
            yield Step(event.time_ns, _passes(passes, event))
        elif again:
            why = "the packet was dropped" if self.dropped else "the packet did not arrive, as far as it was seen"
            why += f" ({self.dropped.what.rpartition('(')[2]}" if self.dropped else ""
            self.dropped = None
            yield Step(event.time_ns, f"lost, as {why}, until {_again(self.path, event)}")
        elif self.kept:
            yield Step(event.time_ns, "until IP, which had kept the packet, handed it to the device")
        elif self.call.exit_ns is not None and event.time_ns > self.call.exit_ns:
            yield Step(self.call.exit_ns, "in the sender's call, until it had put them into its queue and returned")
            yield Step(event.time_ns, f"in the sender's queue, until {_let_go(self.path, event)}")
        else:
            what = "in the sender's call, until IP handed the packet to the device"
            yield Step(event.time_ns, what, self.call.tid)

    def _told(self, event: PathEvent) -> str:
        if not any(e.name.startswith(("net:", "tcp:")) for e in self.path.events):
            return "in the sender's call, until they lay in the receiver's queue and its sleepers were told"
        return f"{_STACK} the socket's sleepers were told"


def steps(path: KernelPath, call: PathCall) -> Iterator[Step]:
    """In order, as far as they were seen."""
    walk = _Walk(path, call, _copies(path))
    yield from walk.steps()
    readers, calls = {c.tid for c in path.reads}, {c.call_id for c in path.reads}
    woken = _woken_by(path, walk.ready, readers) if walk.ready is not None else None
    ran = None
    if woken is not None:
        yield Step(woken, "until the reader was woken")
        turns = (e for e in path.events if e.name == _RUNS and e.other_tid in readers and e.time_ns >= woken)
        ran = next(turns, None)
        if ran is not None:
            yield Step(ran.time_ns, "until the woken reader had a CPU")
    taken = [e for e in path.events if e.call_id in calls and not e.answer]
    # Datagrams are copied without a tracepoint of their own; what is seen is that the receive call had its result.
    end = next((e for name in (_COPIED, _RETURNED) for e in taken if e.name == name), None)
    if end is not None:
        done = "took them" if end.name == _COPIED else "had them"
        where = "in the receive queue, until the reader's" if walk.ready is not None else "until the reader's"
        if ran is not None:
            where = "in the reader, until its"
        yield Step(end.time_ns, f"{where} call {done}", path.reads[0].tid, taken=True)


def is_backlog(path: KernelPath, event: PathEvent) -> bool:
    """Whether a segment that a softirq received met its connection in a call: it had waited for the socket's lock."""
    return (
        event.name == _REACHED
        and event.context == "task"
        and any(
            e.name == RECEIVED and e.context == "softirq" and e.packet_number == event.packet_number
            for e in path.events
            if e.time_ns <= event.time_ns
        )
    )


def _copies(path: KernelPath) -> frozenset[int]:
    """The packets that begin where the first one does, and what became of them where they were passed on."""
    if not path.packets:
        return frozenset()
    places = {e.packet_number: e.rel_seq for e in path.events if e.packet_number is not None and not e.answer}
    place = places.get(path.packets[0])
    same = {n for n in path.packets if place is not None and places.get(n) == place}
    handed = {e.packet_number for e in path.events if e.event_id in path.passed_on and e.packet_number in path.packets}
    onwards = {n for n in handed if n is not None and places.get(n) == place}
    return frozenset({path.packets[0], *same, *onwards})


def _passes(passes: PassedOn, event: PathEvent) -> str:
    device = escape_text(event.interface) if event.interface else "another device"
    if passes.by_bridge:
        return f"in the bridge, until it handed the packet to its port {device}"
    return f"in IP, which passes the packet on, until it handed it to {device}"


def _let_go(path: KernelPath, sent: PathEvent) -> str:
    """What made a packet leave whose bytes' call had returned."""
    if sent.context == "task":
        name = path.calls.get(sent.call_id or 0)
        return f"{name}() handed the packet to the device" if name else "the packet was handed to the device"
    if sent.softirq in _BY_TIME:
        return "a timer sent the packet"
    return "a packet from the other end let it go" if sent.softirq == "NET_RX" else "deferred work sent the packet"


def _again(path: KernelPath, sent: PathEvent) -> str:
    if sent.context == "task":
        name = path.calls.get(sent.call_id or 0)
        return f"{name}() sent them again" if name else "they were sent again"
    if sent.softirq in _BY_TIME:
        return "a timer sent them again"
    return "a packet from the other end had them sent again" if sent.softirq == "NET_RX" else "they were sent again"


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
