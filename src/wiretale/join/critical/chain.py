"""The chain itself: from the end of an interval backwards, along whoever made the next step possible.

What must stay true: the pieces tile the interval, each begins where the one before it ends. A thread that ran is
followed back while it ran; one that waited is left for whoever woke it. A packet is followed to the thread that sent
it; what a softirq sent in answer to a packet is followed to that packet's sender. Where the one who acted was not
recorded the piece says so, and the chain goes on with what is known to have come before.
"""

from collections.abc import Callable
from enum import StrEnum
from functools import partial

from wiretale.join.critical.timeline import Event, Part, State, Timeline
from wiretale.light import dataclass, replace

Evidence = tuple[tuple[str, int], ...]  # table and id; of thread_state, whose key is the thread too, from_ns
Step = Callable[[], "Step | None"]


class Did(StrEnum):
    """What a piece of the chain was spent on."""

    USER = "user"  # running its own code
    CALL = "call"  # running in a call
    RAN = "ran"  # running, in so many calls that their times are added up: Piece.parts
    ENDING = "ending"  # the thread's own end, after its last event
    RUNNABLE = "runnable"  # waiting for a CPU
    BLOCKED = "blocked"  # waiting, and nobody recorded ended it
    STOPPED = "stopped"  # by a signal or a debugger
    WIRE = "wire"  # a packet on its way: device, softirq, receiving stack
    LOST = "lost"  # a packet's first copy was lost; until it was sent again
    QUEUED = "queued"  # bytes in the sender's queue, until a timer or a deferred work sent them
    NEIGHBOUR = "neighbour"  # a packet in IP, until the link address of the next host was known
    OUTSIDE = "outside"  # in a program or host that was not recorded
    UNKNOWN = "unknown"  # no scheduler event says what the thread did


class By(StrEnum):
    """What ended a piece."""

    END = "end"  # the call returned: the end of the interval
    NEXT = "next"  # the same thread went on: into a call, out of one, from waiting to running
    WOKE = "woke"  # it woke the thread of the next piece
    MADE = "made"  # it made the thread of the next piece
    SENT = "sent"  # it sent the packet of the next piece
    WROTE = "wrote"  # its call, which wrote the bytes of the packet of the next piece, returned
    DELIVERED = "delivered"  # the packet woke the thread of the next piece
    FORWARDED = "forwarded"  # the packet, on its way, was handed to the device of the next piece
    ANSWERED = "answered"  # the packet made the kernel send the packet of the next piece
    TIMER = "timer"
    DISK = "disk"
    INTERRUPT = "interrupt"
    STRANGER = "stranger"  # woken by a thread that was not recorded
    UNSEEN = "unseen"  # who woke it was not recorded


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of the chain. Times are CLOCK_MONOTONIC nanoseconds.

    `tid` is 0 where no recorded thread did it, `call_id` 0 where it was in no call. `waiter` is the last thread of the
    chain behind this piece that was blocked (or stopped) at its end, in `waiter_call`; 0 if none was.
    """

    from_ns: int
    to_ns: int
    did: Did
    by: By
    tid: int
    call_id: int
    cpu: int | None  # of a running thread
    evidence: Evidence
    packet_id: int = 0
    other_tid: int = 0  # of By.WOKE, MADE, DELIVERED: who; of STRANGER: the waker
    waiter: int = 0
    waiter_call: int = 0
    waiter_stopped: bool = False
    parts: tuple[Part, ...] = ()
    sent_id: int = 0  # packet_id of what was sent at its end (By.SENT, ANSWERED, FORWARDED, TIMER); 0: not captured
    sent_bytes: int = 0  # payload of that; the device layer may cut it into several packets, of which it is the first
    peer: str = ""  # of Did.OUTSIDE: address and port of the packet's sender
    stranger: int = 0  # of Did.OUTSIDE: the thread that was not recorded and was seen to send the packet; 0: none was
    became: str = ""  # of By.FORWARDED: the packet's flow from there on, if address translation (NAT) changed it


# A waking in one of these cannot have been a packet's doing.
_BY_TIME = frozenset({"TIMER", "HRTIMER"})
_BY_DISK = frozenset({"BLOCK", "IRQ_POLL"})
_MOST_ROWS = 64  # of one turn of a thread that become pieces of their own
_MOST_LEFT = 8  # threads behind a piece that are asked whether they waited
_UNINTERRUPTIBLE = 2  # TASK_UNINTERRUPTIBLE of linux/sched.h: disk, and short waits in the kernel


class _Chain:
    """The walk. `now` only goes down; at one time no thread is taken up twice."""

    def __init__(self, rows: Timeline, begin_ns: int, end_ns: int, tid: int, no_packets: frozenset[int]) -> None:
        self.rows, self.begin, self.now, self.tid = rows, begin_ns, end_ns, tid
        self.no_packets = no_packets
        self.pieces: list[Piece] = []
        self.step: Step = self._thread
        self.by, self.to, self.became, self.sent, self.sent_bytes = By.END, 0, "", 0, 0
        self.because: Evidence = ()
        self.left: list[int] = []  # threads that the chain came through, the last one last
        self.met = {tid}  # threads taken up at `now`

    def go(self) -> list[Piece]:
        while self.now > self.begin:
            self.step = self.step() or self._thread
        return self.pieces[::-1]

    def _put(
        self, from_ns: int, did: Did, *, row: State | None = None, packet: Event | None = None,
        evidence: Evidence = (), by: By | None = None, to: int | None = None, parts: tuple[Part, ...] = (),
        stranger: int = 0, peer: str = "",
    ) -> None:  # fmt: skip
        """One piece more, up to `now`; nothing if it would be empty. Without a row nobody recorded did it."""
        start = max(from_ns, self.begin)
        if start >= self.now:
            return
        call = row.call_id if row is not None else 0
        known = self.because + evidence
        if row is not None:
            known += (("thread_state", row.from_ns), *((("call", call),) if call else ()))
        who = row.tid if row is not None else 0
        waiter = self._waiter(who)
        self.pieces.append(
            Piece(
                from_ns=start,
                to_ns=self.now,
                did=did,
                by=self.by if by is None else by,
                tid=who,
                call_id=call,
                cpu=row.cpu if row is not None and row.state == "running" else None,
                evidence=tuple(dict.fromkeys(known)),
                packet_id=packet.packet_id if packet is not None else 0,
                other_tid=self.to if to is None else to,
                waiter=waiter.tid if waiter is not None else 0,
                waiter_call=waiter.call_id if waiter is not None else 0,
                waiter_stopped=waiter is not None and waiter.state == "stopped",
                parts=parts,
                sent_id=self.sent,
                sent_bytes=self.sent_bytes,
                peer=peer,
                stranger=stranger,
                became=self.became,
            )
        )
        self.now = start
        self.met = {self.tid}
        self._next(By.NEXT)

    def _waiter(self, who: int) -> State | None:
        """Who was blocked while the piece that ends at `now` lasted."""
        for tid in self.left[: -_MOST_LEFT - 1 : -1]:
            row = self.rows.state(tid, self.now) if tid != who else None
            if row is not None and row.state in ("blocked", "stopped"):
                return row
        return None

    def _next(self, by: By, to: int = 0, *because: Event) -> None:
        """What will be said of how the piece before this one ended."""
        self.by, self.to, self.became = by, to, ""
        self.because = _ids(*because)
        self.sent, self.sent_bytes = (because[0].packet_id, because[0].bytes) if because else (0, 0)

    def _leave(self) -> None:
        if self.tid in self.left:
            self.left.remove(self.tid)
        self.left.append(self.tid)

    def _go_on_with(self, tid: int) -> None:
        self.tid = tid
        self.met.add(tid)

    def _thread(self) -> "Step | None":
        """What the thread did just before `now`."""
        row = self.rows.state(self.tid, self.now)
        if row is None:
            self._unknown()
        elif row.state == "running":
            self._ran(row)
        elif row.state == "runnable":
            self._runnable(row)
        else:
            return self._waited(row)
        return None

    def _ran(self, row: State) -> None:
        turn = self.rows.turn(self.tid, self.now)
        if turn.rows <= _MOST_ROWS:
            self._put(row.from_ns, Did.CALL if row.call_id else Did.USER, row=row)
            return
        parts = self.rows.parts(turn, self.begin, self.now)
        self._put(turn.from_ns, Did.RAN, row=replace(row, from_ns=turn.from_ns, call_id=0), parts=parts)

    def _unknown(self) -> None:
        """No row: before a thread's first one, or after its last event, while it ended."""
        before = self.rows.before(self.tid, self.now)
        if before is None:
            self._put(self.begin, Did.UNKNOWN)
        else:
            ending = replace(before, call_id=0)
            self._put(before.to_ns, Did.ENDING if before.state == "running" else Did.UNKNOWN, row=ending)

    def _runnable(self, row: State) -> None:
        made = self.rows.waking(self.tid, row.from_ns)
        self._put(row.from_ns, Did.RUNNABLE, row=row, evidence=_ids(made))
        if row.reason != "new" or self.now != row.from_ns or made is None:
            return
        self._next(By.MADE, self.tid, made)
        if made.tid in self.rows.traced:
            self._go_on_with(made.tid)
        else:
            self._put(self.begin, Did.OUTSIDE)

    def _waited(self, row: State) -> "Step | None":
        left = self.rows.leaving(self.tid, row.from_ns)
        waking = self.rows.waking(self.tid, row.to_ns) if row.to_ns == self.now else None
        if waking is None:
            self._put(row.from_ns, _wait(row), row=row, evidence=_ids(left), by=By.UNSEEN)
            return None
        by_thread = waking.context == "task" and waking.tid in self.rows.traced
        packet = None if by_thread or row.call_id in self.no_packets else self.rows.delivered(waking)
        if packet is not None:
            self._leave()
            self._next(By.DELIVERED, self.tid, waking)
            return partial(self._arrived, packet)
        if by_thread and waking.tid not in self.met:
            self._leave()
            self._next(By.WOKE, self.tid, waking)
            self._go_on_with(waking.tid)
            return None
        stranger = waking.tid if waking.context == "task" else 0
        by = _ender(waking, left)
        if by is By.INTERRUPT and row.call_id in self.no_packets:
            by = By.TIMER  # which interrupted a softirq
        self._put(row.from_ns, _wait(row), row=row, evidence=_ids(left, waking), by=by, to=stranger)
        return None

    def _arrived(self, packet: Event) -> "Step | None":
        """Back to where the packet was handed to a device."""
        sent = self.rows.sent(packet, min(packet.time_ns, self.now))
        if sent is None:
            return partial(self._outside, packet)
        self._put(sent.time_ns, Did.WIRE, packet=packet, evidence=_ids(packet, sent))
        return partial(self._sent, sent)

    def _sent(self, sent: Event) -> "Step | None":
        """`now` is when a packet was handed to a device: who did that, and why then?"""
        came = self.rows.passed_on(sent)
        if came is not None:
            self._next(By.FORWARDED, 0, sent)
            self.became = sent.flow if sent.flow != came.flow else ""
            return partial(self._arrived, came)
        first = self.rows.earlier_copy(sent)
        if first is not None and first.sk == sent.sk:
            self._next(By.TIMER if _is_timed(sent) else By.ANSWERED, 0, sent)
            self._put(first.time_ns, Did.LOST, packet=first, evidence=_ids(first))
            return partial(self._sent, first)
        if first is not None:  # it passed through this machine: a router, a bridge, another namespace
            self._next(By.FORWARDED, 0, sent)
            self._put(first.time_ns, Did.WIRE, packet=first, evidence=_ids(first))
            return partial(self._sent, first)
        if sent.context == "task" and sent.tid in self.rows.traced:
            self._next(By.SENT, 0, sent)
            self._go_on_with(sent.tid)
            return None
        cause = self.rows.delivered(sent)
        if cause is not None:
            self._next(By.ANSWERED, 0, sent)
            return partial(self._arrived, cause)
        if sent.context == "task":
            self._next(By.SENT, 0, sent)
            return partial(self._outside, sent, sent.tid)
        return partial(self._queued, sent)

    def _queued(self, sent: Event) -> "Step | None":
        """A timer or other deferred work sent it: back to the call that wrote its bytes, or to the flow's packet before
        it, whichever was later. It was ready since then, at the earliest.
        """
        before = self.rows.last_sent(sent.flow, self.now)
        since = before.time_ns if before is not None else 0
        writer = self.rows.writers.get(sent.packet_id)
        if writer is not None and (writer.to_ns < since or writer.tid in self.met):
            writer = None
        if writer is not None and writer.to_ns >= self.now:
            if writer.from_ns >= since:  # deferred work in the time of the call itself
                self._next(By.SENT, 0, sent)
                self._go_on_with(writer.tid)
                return None
            writer = None
        learnt = self.rows.neighbour_learnt(sent)
        self._next(By.TIMER if _is_timed(sent) else By.INTERRUPT, 0, sent)
        did = Did.QUEUED if learnt is None else Did.NEIGHBOUR
        if writer is not None:
            self._put(writer.to_ns, did, packet=sent, evidence=_ids(learnt))
            self._next(By.WROTE, 0, sent)
            self._go_on_with(writer.tid)
            return None
        self._put(since or self.begin, did, packet=sent, evidence=_ids(before, learnt))
        return partial(self._sent, before) if before is not None else None

    def _outside(self, packet: Event, stranger: int = 0) -> "Step | None":
        """Its sender was not recorded: back to the last packet that went to the sender before."""
        asked = self.rows.last_sent(packet.back, min(packet.time_ns, self.now))
        start = asked.time_ns if asked is not None else self.begin
        self._put(
            start,
            Did.OUTSIDE,
            packet=packet,
            evidence=_ids(packet, asked),
            stranger=stranger,
            peer=source_of(packet.flow),
        )
        return partial(self._sent, asked) if asked is not None else None


def source_of(flow: str) -> str:
    """Address and port that the packets of a flow come from; empty if there is no flow."""
    _, source, port, *_ = [*flow.split(), "", "", ""]
    return f"{source} port {port}" if source else ""


def ends_of(flow: str) -> str:
    """Both ends of a flow."""
    _, source, port, target, target_port = flow.split()
    return f"{source} port {port} -> {target} port {target_port}"


def _ids(*events: Event | None) -> Evidence:
    return tuple(("kernel_event", e.event_id) for e in events if e is not None)


def _wait(row: State) -> Did:
    return Did.STOPPED if row.state == "stopped" else Did.BLOCKED


def _is_timed(event: Event) -> bool:
    """In a timer's time: its softirq, or an interrupt outside of any."""
    return event.context != "task" and (event.softirq in _BY_TIME or not event.softirq)


def _ender(waking: Event, left: Event | None) -> By:
    """What ended a wait that no recorded thread and no packet ended."""
    uninterruptible = left is not None and bool(left.value & _UNINTERRUPTIBLE)
    if waking.softirq in _BY_DISK or uninterruptible:
        return By.DISK
    if waking.context == "task" and waking.tid:
        return By.STRANGER
    return By.TIMER if _is_timed(waking) else By.INTERRUPT


def chain(
    rows: Timeline, tid: int, begin_ns: int, end_ns: int, no_packets: frozenset[int] = frozenset()
) -> list[Piece]:
    """The pieces from `begin_ns` to `end_ns`, in order of time, of what bounded what a thread had done by `end_ns`.

    `no_packets` are calls that no packet can end (a sleep, a lock, a child): a softirq in whose time they were woken
    was interrupted by what did it.
    """
    return _Chain(rows, begin_ns, end_ns, tid, no_packets).go()
