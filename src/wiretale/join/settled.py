"""Where packets stand in a stream whose bytes repeat themselves: told by instants at which nothing was under way.

An old connection's packets are placed by content (join/start.py). Equal messages fit in many places. But now and then
all that the calls had moved was all that packets had carried:

- of what is written, when everything carried so far had been acknowledged and no call had written for a while: a kernel
  with nothing in flight sends what it has;
- of what is read, when a call took less than it had room for, or nothing (EAGAIN), and no other returned until, a while
  later, more came: had something been left, the program would have been told.

All such instants must give the same place, or none is told. What holds data back at such an instant (TCP_CORK, a closed
window, a lost packet) makes them differ.
"""

from bisect import bisect_right

import duckdb

from wiretale.light import dataclass

WHILE_NS = 1_000_000  # from tap to socket, or from a call to the wire, takes microseconds
MOST_CALLS = 1000
FAR_NS = 1 << 62

# Payload of one direction and, for the other, what it acknowledges. A stream over several flows (MPTCP) has none.
_PACKETS = """
SELECT s.time_ns, (s.forward = (c.forward = 'c2s')) = ($direction = 'c2s') AS carries, s.lo, s.hi,
       s.rel_ack - 1 AS acked
FROM j_connection_flow c JOIN j_flow f USING (flow_id) JOIN j_segment s USING (stream)
WHERE c.connection_id = $connection AND s.time_ns <= $until AND NOT list_contains(s.analysis, 'keep_alive')
  AND (SELECT count(*) FROM j_subflow u WHERE u.connection_id = c.connection_id) = 1
ORDER BY s.packet_id
"""
_CALLS = """
SELECT p.start_ns, p.exit_ns, p.bytes::BIGINT, c.errno IS NOT NULL
       OR c.name IN ('read', 'recv', 'recvfrom') AND p.msg_flags & 32 = 0 AND c.a2 > c.retval AS drained
FROM (
    SELECT p.call_id, p.message, p.start_ns, p.exit_ns, p.bytes, p.msg_flags FROM j_placed p
    WHERE p.connection_id = $connection AND p.direction = $direction AND p.side = $side AND NOT p.peeked
    UNION ALL
    SELECT c.call_id, 0, c.start_ns, c.exit_ns, 0, 0 FROM call c JOIN call_file x USING (call_id)
    JOIN j_effect e ON e.name = c.name AND e.receives AND NOT e.per_message
    JOIN j_side d ON d.socket_id = x.socket_id
    WHERE $side = 'r' AND c.errno = 11 AND d.connection_id = $connection AND (d.role = 'client') = ($direction = 's2c')
) p JOIN call c USING (call_id)
ORDER BY p.exit_ns, p.call_id, p.message LIMIT $most
"""


@dataclass(frozen=True, slots=True)
class _Carried:
    """What packets had carried of one direction, and what had been acknowledged of it, at any time."""

    times: list[int]  # of packets with payload
    tops: list[int]  # how far they and those before them had come
    first: int  # where the first of them begins
    ack_times: list[int]
    acked: list[int]

    def until(self, time_ns: int) -> int:
        """How far payload had come."""
        at = bisect_right(self.times, time_ns)
        return self.tops[at - 1] if at else self.first

    def next(self, time_ns: int) -> int | None:
        """When the next packet with payload came."""
        at = bisect_right(self.times, time_ns)
        return self.times[at] if at < len(self.times) else None

    def acknowledged(self, time_ns: int) -> bool:
        """Whether the other end had confirmed all that had been carried."""
        at = bisect_right(self.ack_times, time_ns)
        return at > 0 and self.acked[at - 1] >= self.until(time_ns)


def settled_place(
    db: duckdb.DuckDBPyConnection, connection_id: int, direction: str, side: str, base: int
) -> int | None:
    """What to add to positions of one side's calls, which begin at `base`, to have those of the packets."""
    values = {"connection": connection_id, "direction": direction}
    calls = db.execute(_CALLS, {**values, "side": side, "most": MOST_CALLS}).fetchall()
    carried = _carried(db, {**values, "until": calls[-1][1]}) if calls else None
    if carried is None:
        return None
    instants = _written if side == "w" else _read
    places = {at - base for at in instants(carried, calls)}
    return places.pop() if len(places) == 1 else None


def _carried(db: duckdb.DuckDBPyConnection, values: dict[str, object]) -> _Carried | None:
    times: list[int] = []
    tops: list[int] = []
    ack_times: list[int] = []
    acked: list[int] = []
    first = None
    for time, carries, lo, hi, ack in db.execute(_PACKETS, values).fetchall():
        if carries and hi > lo:
            first = lo if first is None else first
            times.append(time)
            tops.append(max(hi, tops[-1]) if tops else hi)
        elif not carries and ack is not None:
            ack_times.append(time)
            acked.append(max(ack, acked[-1]) if acked else ack)
    return None if first is None else _Carried(times, tops, first, ack_times, acked)


_Call = tuple[int, int, int, bool]  # begin, return, bytes, whether it left nothing to read


def _written(carried: _Carried, calls: list[_Call]) -> set[int]:
    """How far packets had come when nothing had been written, before each call that began a while after the last."""
    found, moved, returned = set(), 0, None
    for start, end, size, _ in calls:
        if returned is not None and start - returned >= WHILE_NS and carried.acknowledged(start):
            found.add(carried.until(start) - moved)
        moved += size
        returned = end if returned is None else max(end, returned)
    return found


def _read(carried: _Carried, calls: list[_Call]) -> set[int]:
    """The same, after each call that left nothing to read, if the next to return had to wait for another packet."""
    found, moved = set(), 0
    for n, (_, end, size, drained) in enumerate(calls):
        moved += size
        came = carried.next(end)
        next_end = calls[n + 1][1] if n + 1 < len(calls) else FAR_NS
        if drained and came is not None and end + WHILE_NS <= came <= next_end:
            found.add(carried.until(end) - moved)
    return found
