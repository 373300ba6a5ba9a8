"""What the threads did, who woke them, and which packet was which, during one interval: the rows the chain is made of.

Everything is fetched once, as columns; the chain then looks up by binary search.
"""

from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from wiretale.light import dataclass
from wiretale.model.enums import NUD_INCOMPLETE

Numbers = NDArray[Any]

# Far enough before the interval for a packet that was sent before it and lost, or came while its thread slept.
_SENT_BEFORE_NS = 60_000_000_000

_STATES = """SELECT s.tid, s.from_ns, s.to_ns, s.state, coalesce(s.call_id, 0) AS call_id, coalesce(s.cpu, 0) AS cpu,
       coalesce(s.reason, '') AS reason, coalesce(c.name, '') AS call
FROM thread_state s LEFT JOIN call c USING (call_id)
WHERE s.from_ns < $to_ns AND s.to_ns > $from_ns ORDER BY s.tid, s.from_ns"""

_EVENTS = """SELECT event_id, time_ns, name, cpu, tid, context, coalesce(softirq, '') AS softirq,
       coalesce(other_tid, 0) AS other_tid, value, coalesce(bytes, 0) AS bytes, coalesce(seq, 0) AS seq,
       coalesce(ack, 0) AS ack, coalesce(flags, 0) AS flags, coalesce(sk, 0) AS sk,
       coalesce(k.packet_id, 0) AS packet_id, coalesce(skb, 0) AS skb, coalesce(head, 0) AS head,
       CASE WHEN srcport > 0 THEN concat_ws(' ', protocol, src, srcport, dst, dstport) ELSE '' END AS flow,
       CASE WHEN srcport > 0 THEN concat_ws(' ', protocol, dst, dstport, src, srcport) ELSE '' END AS back
FROM kernel_event e LEFT JOIN kernel_link k USING (event_id)
WHERE time_ns <= $to_ns AND (time_ns >= $from_ns OR (name = 'net:net_dev_queue' AND time_ns >= $before_ns))
  AND name IN ('sched:sched_waking', 'sched:sched_wakeup', 'sched:sched_process_fork', 'sched:sched_switch',
    'net:net_dev_queue', 'net:netif_receive_skb', 'irq:softirq_exit', 'neigh:neigh_update')
ORDER BY time_ns, event_id"""

# Of packets that left in deferred work: the last call that wrote some of their bytes.
_WRITERS = """SELECT l.packet_id, arg_max(c.tid, c.start_ns), max(c.start_ns),
       arg_max(coalesce(c.exit_ns, c.start_ns), c.start_ns)
FROM link l JOIN stream_write w USING (write_id) JOIN call c USING (call_id)
WHERE l.kind = 'write_segment' AND l.packet_id IN (
    SELECT k.packet_id FROM kernel_event e JOIN kernel_link k USING (event_id)
    WHERE e.name = 'net:net_dev_queue' AND e.context <> 'task' AND e.time_ns BETWEEN $from_ns AND $to_ns)
GROUP BY l.packet_id"""

WAKING = frozenset({"sched:sched_waking", "sched:sched_wakeup", "sched:sched_process_fork"})
SENT, RECEIVED = "net:net_dev_queue", "net:netif_receive_skb"
SWITCH, SOFTIRQ_END = "sched:sched_switch", "irq:softirq_exit"
NEIGHBOUR = "neigh:neigh_update"
_SYN_OR_FIN = 3  # flags that take a sequence number (RFC 9293)
_UDP = "17 "  # how a flow begins: IPPROTO_UDP


@dataclass(frozen=True, slots=True)
class State:
    """A row of `thread_state`. Times are CLOCK_MONOTONIC nanoseconds; call_id 0: in no call."""

    tid: int
    from_ns: int
    to_ns: int
    state: str
    call_id: int
    cpu: int
    reason: str


@dataclass(frozen=True, slots=True)
class Turn:
    """Rows in which a thread ran without a break: their positions, and when the first begins."""

    first: int
    rows: int
    from_ns: int


@dataclass(frozen=True, slots=True)
class Part:
    """How long a thread ran in calls of one name, and in how many; without a name: in its own code."""

    call: str
    ns: int
    calls: int


@dataclass(frozen=True, slots=True)
class Event:
    """A kernel event, as far as the chain needs it. `flow` names both ends of a packet; empty: no packet."""

    event_id: int
    time_ns: int
    name: str
    cpu: int
    tid: int
    context: str
    softirq: str
    other_tid: int
    value: int
    bytes: int
    seq: int
    ack: int
    flags: int
    sk: int  # whose packet it is, on its way out; 0: unknown
    packet_id: int  # 0: not captured
    skb: int
    head: int  # of its data, which clones share
    flow: str
    back: str  # the flow of answers

    @property
    def is_datagram(self) -> bool:
        """Of UDP: two of a flow may have equal headers, and none is ever sent again."""
        return self.flow.startswith(_UDP)


@dataclass(frozen=True, slots=True)
class Writer:
    """A thread that wrote bytes, and its call's begin and end."""

    tid: int
    from_ns: int
    to_ns: int


@dataclass(frozen=True, slots=True)
class _Index:
    """Positions of rows that share a key, in order of time."""

    at: Numbers
    times: Numbers

    def last(self, time_ns: int) -> int:
        """Position of the last row not after `time_ns`; -1 if there is none."""
        place = int(np.searchsorted(self.times, time_ns, side="right")) - 1
        return int(self.at[place]) if place >= 0 else -1


class Timeline:
    """States by thread, events by what is asked of them."""

    def __init__(
        self,
        states: dict[str, Numbers],
        events: dict[str, Numbers],
        traced: set[int],
        writers: dict[int, Writer] | None = None,
    ) -> None:
        """`states` in order of thread and time, `events` in order of time: the columns of State and of Event.

        `writers` by packet_id, of packets that left in deferred work.
        """
        self.traced = traced
        self.writers = writers or {}
        self._states = states
        self._events = events
        self._by_thread = _grouped(states["tid"], states["from_ns"])
        self._turn_begins = _turn_begins(states)
        named = events["name"]
        self._woken = _of(events, np.isin(named, list(WAKING)), "other_tid")
        self._left = _of(events, named == SWITCH, "tid")
        self._sent = _of(events, named == SENT, "flow")
        self._received_on = _of(events, named == RECEIVED, "cpu")
        self._learnt_on = _of(events, (named == NEIGHBOUR) & (events["value"] == NUD_INCOMPLETE), "cpu")
        # what runs on a CPU after one of these is another turn
        self._turned_on = _of(events, np.isin(named, [SOFTIRQ_END, SWITCH]), "cpu")

    def state(self, tid: int, time_ns: int) -> State | None:
        """What a thread did just before a time: the row that begins before it and does not end before it."""
        found = self.before(tid, time_ns)
        return found if found is not None and found.to_ns >= time_ns else None

    def before(self, tid: int, time_ns: int) -> State | None:
        """The last row of a thread that begins before a time."""
        place = self._place(tid, time_ns)
        if place < 0:
            return None
        return State(*(_plain(self._states[name][place]) for name in State.__slots__))

    def turn(self, tid: int, time_ns: int) -> Turn:
        """The rows, up to the one just before a time, in which a thread ran without a break."""
        place = self._place(tid, time_ns)
        first = int(self._turn_begins[place])
        return Turn(first, place - first + 1, int(self._states["from_ns"][first]))

    def parts(self, turn: Turn, from_ns: int, to_ns: int) -> tuple[Part, ...]:
        """What a turn's time between two times was spent in, the most first."""
        rows = slice(turn.first, turn.first + turn.rows)
        begins = np.maximum(self._states["from_ns"][rows], from_ns)
        lasted = np.maximum(np.minimum(self._states["to_ns"][rows], to_ns) - begins, 0)
        names, which = np.unique(self._states["call"][rows].astype(str), return_inverse=True)
        each = [np.flatnonzero(which == number) for number in range(len(names))]
        found = [Part(str(name), int(lasted[at].sum()), len(at)) for name, at in zip(names, each, strict=True)]
        return tuple(sorted(found, key=lambda part: -part.ns))

    def _place(self, tid: int, time_ns: int) -> int:
        index = self._by_thread.get(tid)
        return index.last(time_ns - 1) if index else -1

    def waking(self, tid: int, time_ns: int) -> Event | None:
        """The event that made a thread runnable at exactly this time. The first of several: the others found it so."""
        index = self._woken.get(tid)
        place = int(np.searchsorted(index.times, time_ns)) if index else 0
        if index is None or place >= len(index.times) or int(index.times[place]) != time_ns:
            return None
        return self._event(int(index.at[place]))

    def leaving(self, tid: int, time_ns: int) -> Event | None:
        """The switch with which a thread left the CPU at exactly this time."""
        index = self._left.get(tid)
        found = self._event(index.last(time_ns)) if index else None
        return found if found is not None and found.time_ns == time_ns else None

    def delivered(self, event: Event) -> Event | None:
        """The packet whose reception an event is part of: the last that entered the stack on its CPU, in its turn."""
        return self._in_turn(self._received_on, event)

    def neighbour_learnt(self, event: Event) -> Event | None:
        """In the same turn, before an event: a neighbour's link address became known, which IP had asked for."""
        return self._in_turn(self._learnt_on, event)

    def _in_turn(self, by_cpu: dict[Any, _Index], event: Event) -> Event | None:
        index = by_cpu.get(event.cpu)
        found = self._event(index.last(event.time_ns) if index else -1)
        if found is None or (found.tid, found.context) != (event.tid, event.context):
            return None
        turned = self._turned_on.get(event.cpu)
        turn = self._event(turned.last(event.time_ns)) if turned else None
        return None if turn is not None and turn.time_ns > found.time_ns else found

    def passed_on(self, sent: Event) -> Event | None:
        """The packet that came in just before and is what was handed to a device here: by a bridge, by IP, with NAT.

        It is the same sk_buff, or holds the same data. Memory is used again: an answer may lie where the packet lay
        that it answers.
        """
        came = self.delivered(sent)
        if came is None or came.flow == sent.back or (came.bytes, came.flags) != (sent.bytes, sent.flags):
            return None
        is_same = (sent.skb and came.skb == sent.skb) or (sent.head and came.head == sent.head)
        return came if is_same else None

    def sent(self, packet: Event, before_ns: int) -> Event | None:
        """The last hand-over to a device, not after a time, of a packet that carried this one's bytes."""
        index = self._sent.get(packet.flow) if packet.flow else None
        if index is None:
            return None
        at = index.at[: int(np.searchsorted(index.times, before_ns, side="right"))]
        of = self._events
        if packet.is_datagram:  # by where its data lies; a copy made outside of the kernel lies elsewhere
            same = of["bytes"][at] == packet.bytes
            there = same & (packet.head != 0) & (of["head"][at] == packet.head)
            found = np.flatnonzero(there if there.any() else same)
            return self._event(int(at[found[-1]])) if len(found) else None
        begins = (packet.seq - of["seq"][at].astype(np.int64)) & 0xFFFFFFFF
        same = (begins == 0) & (of["bytes"][at] == packet.bytes) & (of["flags"][at] == packet.flags)
        if not packet.bytes:
            same &= of["ack"][at] == packet.ack
        else:  # the device, or a queue on the way, may have cut a large packet into several
            same |= (of["bytes"][at] > packet.bytes) & (begins + packet.bytes <= of["bytes"][at])
        found = np.flatnonzero(same)
        return self._event(int(at[found[-1]])) if len(found) else None

    def last_sent(self, flow: str, before_ns: int) -> Event | None:
        """The last packet of a flow that was handed to a device before a time."""
        index = self._sent.get(flow) if flow else None
        return self._event(index.last(before_ns - 1)) if index else None

    def earlier_copy(self, packet: Event) -> Event | None:
        """The hand-over, before this one, of the same bytes: then this was sent again. Not of bare ACKs, datagrams."""
        if packet.is_datagram or (not packet.bytes and not packet.flags & _SYN_OR_FIN):
            return None
        return self.sent(packet, packet.time_ns - 1)

    def _event(self, place: int) -> Event | None:
        if place < 0:
            return None
        return Event(*(_plain(self._events[name][place]) for name in Event.__slots__))


def fetch(db: duckdb.DuckDBPyConnection, from_ns: int, to_ns: int) -> Timeline:
    """The rows of an interval."""
    within = {"from_ns": from_ns, "to_ns": to_ns}
    states = db.execute(_STATES, within).fetchnumpy()
    events = db.execute(_EVENTS, within | {"before_ns": from_ns - _SENT_BEFORE_NS}).fetchnumpy()
    traced = {tid for (tid,) in db.execute("SELECT DISTINCT tid FROM task WHERE traced").fetchall()}
    writers = {packet: Writer(*of) for packet, *of in db.execute(_WRITERS, within).fetchall()}
    return Timeline(_columns(states), _columns(events), traced, writers)


def _turn_begins(states: dict[str, Numbers]) -> Numbers:
    """For each row, the position of the first one of its turn; a row that did not run is a turn of its own."""
    goes_on = np.zeros(len(states["tid"]), bool)
    runs = states["state"] == "running"
    goes_on[1:] = runs[1:] & runs[:-1] & (states["from_ns"][1:] == states["to_ns"][:-1])
    goes_on[1:] &= states["tid"][1:] == states["tid"][:-1]
    return np.maximum.accumulate(np.where(goes_on, 0, np.arange(len(goes_on))))


def _columns(found: dict[str, Any]) -> dict[str, Numbers]:
    return {name: np.asarray(values) for name, values in found.items()}


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _of(events: dict[str, Numbers], chosen: Numbers, key: str) -> dict[Any, _Index]:
    at = np.flatnonzero(chosen)
    return _grouped(events[key][at], events["time_ns"][at], at)


def _grouped(keys: Numbers, times: Numbers, at: Numbers | None = None) -> dict[Any, _Index]:
    """Rows in order of time, by key."""
    if not len(keys):
        return {}
    names, which = np.unique(keys, return_inverse=True)
    order = np.argsort(which, kind="stable")
    cuts = np.cumsum(np.bincount(which))[:-1]
    rows = np.arange(len(keys)) if at is None else at
    return {
        _plain(name): _Index(rows[part], times[part]) for name, part in zip(names, np.split(order, cuts), strict=True)
    }
