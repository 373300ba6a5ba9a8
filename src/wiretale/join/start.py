"""Where streams begin: position 0 is the first byte after the SYN, also in connections older than the recording.

The kernel's own counters (TCP_INFO of a socket's first sample) say how much had passed by then; a capture that missed
the SYN has positions relative to its first segment. A program goes on while it is looked at and attached to, and what
it writes and reads meanwhile no call shows: so calls are placed by captured bytes and by times (join/alignment.py),
each side for itself, and only by its counter where these do not contradict it. What stays open says so.
"""

import struct
from collections.abc import Iterator
from functools import cached_property

import duckdb

from wiretale.join.alignment import ANY, Bounds, call_bounds, is_possible, segment_bounds, shift_of
from wiretale.join.rows import Row, put
from wiretale.join.stream_bytes import Known, Stream, call_bytes, of_streams, segment_bytes
from wiretale.light import dataclass

REASON = (
    "the connection is older than the recording, and neither TCP_INFO nor captured bytes tell how much passed before"
)
SIDES = ("w", "r")
# offsets in struct tcp_info (linux/tcp.h)
NOTSENT, BYTES_RECEIVED, BYTES_SENT, WHOLE = 144, 128, 200, 216

OLD = """
SELECT s.connection_id, c.protocol, s.role,
       (SELECT first((m.tcp_info, coalesce(m.recv_queue, 0), m.time_ns) ORDER BY m.time_ns)
        FROM socket_sample m WHERE m.inode = k.inode AND (m.tcp_info IS NOT NULL OR c.protocol <> 'tcp')),
       (SELECT min(a.entry_ns) FROM j_placed p JOIN call a USING (call_id) WHERE p.socket_id = k.socket_id)
FROM j_side s JOIN j_connection c USING (connection_id) JOIN socket k USING (socket_id)
WHERE k.made_call_id IS NULL AND c.protocol IN ('tcp', 'unix-stream')
ORDER BY s.connection_id, s.role
"""
UNCERTAIN = """
SELECT f.connection_id, CASE WHEN b.forward = (f.forward = 'c2s') THEN 'c2s' ELSE 's2c' END
FROM j_base b JOIN j_connection_flow f USING (flow_id) WHERE NOT b.certain
  AND f.connection_id IN (SELECT connection_id FROM j_placed)  -- without calls, positions count from the first segment
ORDER BY ALL
"""
# How far the segments of each stream were at two instants.
PASSED = """
SELECT k.connection_id, k.direction, k.side, coalesce(max(s.hi) FILTER (s.time_ns <= k.first_ns), 0),
       coalesce(max(s.hi) FILTER (s.time_ns <= k.second_ns), 0)
FROM (SELECT unnest($connections) AS connection_id, unnest($directions) AS direction, unnest($sides) AS side,
             unnest($first) AS first_ns, unnest($second) AS second_ns) k
JOIN j_subflow c USING (connection_id) JOIN j_flow f USING (flow_id) JOIN j_segment s USING (stream)
WHERE (s.forward = (c.forward = 'c2s')) = (k.direction = 'c2s')
GROUP BY ALL
"""
SIZES = "SELECT connection_id, direction, sum(bytes)::BIGINT FROM j_placed WHERE bytes IS NOT NULL GROUP BY ALL"
_MOST_BYTES, _MOST_STREAMS = 64 << 20, 500  # looked at together


@dataclass(frozen=True, slots=True)
class _Counter:
    """What was known of one side of a stream when its socket was looked at, before its process was attached to.

    `moved`: payload bytes its calls had written or read; `passed`: those that had left or come. None: not counted.
    """

    moved: int | None = None
    passed: int | None = None
    time_ns: int = 0
    first_call_ns: int = 0


Counters = dict[str, _Counter]  # by side; a side that is not in it is younger than the recording, and begins at 0


def put_starts(db: duckdb.DuckDBPyConnection) -> None:
    """Make `j_start` (base position of a side's calls) and `j_align` (shift of a flow's segments)."""
    old = _old_sides(db)
    bases: dict[tuple[int, str, str], int | None] = {(*key, side): 0 for key, sides in old.items() for side in sides}
    shifts: dict[Stream, int | None] = {}
    _write(db, bases, shifts)
    uncertain = {(c, d) for c, d in db.execute(UNCERTAIN).fetchall()}
    for part in _parts(db, sorted(uncertain | old.keys())):
        sources = _Sources(db, part, old)
        for stream in part:
            shift, found = _Placing(sources, stream, old.get(stream, {}), is_certain=stream not in uncertain).place()
            bases.update({(*stream, side): base for side, base in found.items()})
            if stream in uncertain:
                shifts[stream] = shift
    _write(db, bases, shifts)


def _parts(db: duckdb.DuckDBPyConnection, streams: list[Stream]) -> Iterator[list[Stream]]:
    """The streams, as many at a time as memory has room for: a query for each of thousands would take minutes."""
    sizes = {(c, d): size for c, d, size in db.execute(SIZES).fetchall()} if streams else {}
    part: list[Stream] = []
    held = 0
    for stream in streams:
        size = min(sizes.get(stream, 0), _MOST_BYTES)
        if part and (held + size > _MOST_BYTES or len(part) == _MOST_STREAMS):
            yield part
            part, held = [], 0
        part.append(stream)
        held += size
    if part:
        yield part


class _Sources:
    """What is known of some streams: captured bytes of segments and calls, and what their times say."""

    def __init__(self, db: duckdb.DuckDBPyConnection, streams: list[Stream], old: dict[Stream, Counters]) -> None:
        self._db, self._streams, self._old = db, streams, old
        self.segments = segment_bytes(db, streams)
        self.calls = {side: call_bytes(db, streams, side) for side in SIDES}  # from 0

    @cached_property
    def segment_bounds(self) -> dict[tuple[int, str, str], Bounds]:
        return segment_bounds(self._db, self._streams)

    @cached_property
    def call_bounds(self) -> dict[Stream, Bounds]:
        return call_bounds(self._db, self._streams)

    @cached_property
    def passed(self) -> dict[tuple[int, str, str], tuple[int, int]]:
        """How far the segments were when a side's socket was looked at, and at its first call."""
        sides = [(s, side, c) for s in self._streams for side, c in self._old.get(s, {}).items()]
        values = of_streams([s for s, *_ in sides]) | {
            "sides": [side for _, side, _ in sides],
            "first": [c.time_ns for *_, c in sides],
            "second": [c.first_call_ns for *_, c in sides],
        }
        return {(c, d, side): (a, b) for c, d, side, a, b in self._db.execute(PASSED, values).fetchall()}


class _Placing:
    """One direction of a connection: its segments, and the calls of either side."""

    def __init__(self, sources: _Sources, stream: Stream, old: Counters, *, is_certain: bool) -> None:
        self._sources, self._stream, self._old, self._is_certain = sources, stream, old, is_certain
        self._calls = {side: sources.calls[side][stream].pieces for side in SIDES}
        self._segments = sources.segments[stream]

    def place(self) -> tuple[int | None, dict[str, int | None]]:
        """What to add to the positions of its segments, and the base of each old side; None where it is unknown."""
        places = {side: self._place_among_segments(side) for side in SIDES}
        if not self._segments.pieces or not (self._is_certain or any(p is not None for p in places.values())):
            return None, self._without_segments()
        zero, bases = self._zero(places), dict[str, int | None]()
        for side, counter in self._old.items():
            place = places[side]
            bases[side] = zero + place if place is not None else self._by_counter(side, counter, zero)
        return zero, bases

    def _place_among_segments(self, side: str) -> int | None:
        """Where among the segments the side's first call is."""
        if not self._segments.pieces or not self._calls[side]:
            return None
        return shift_of(self._calls[side], self._segments, self._bounds(side))

    def _bounds(self, side: str) -> Bounds:
        return self._sources.segment_bounds.get((*self._stream, side), ANY)

    def _passed(self, side: str) -> tuple[int, int]:
        return self._sources.passed.get((*self._stream, side), (0, 0))

    def _zero(self, places: dict[str, int | None]) -> int:
        """The position of the first segment."""
        placed = {side: place for side, place in places.items() if place is not None}
        if self._is_certain:
            return 0
        for side in placed.keys() - self._old.keys():
            return -placed[side]
        for side, counter in self._old.items():
            if counter.passed is not None:
                return max(counter.passed - self._passed(side)[0], 0)
        return -next(iter(placed.values()))  # nobody counted: positions begin with the first traced call

    def _by_counter(self, side: str, counter: _Counter, zero: int) -> int | None:
        """The base the counter gives, if nothing passed between it and the first call, and nothing contradicts it."""
        if counter.moved is None or not self._calls[side]:
            return counter.moved
        first, second = self._passed(side)
        shift = counter.moved - zero
        is_right = first == second and is_possible(shift, self._calls[side], self._segments, self._bounds(side))
        return counter.moved if is_right else None

    def _without_segments(self) -> dict[str, int | None]:
        """Bases that place the calls of both sides beside each other."""
        counted = {side: counter.moved for side, counter in self._old.items()}
        written, read = self._calls["w"], self._calls["r"]
        if not written or not read:
            return counted
        known, bounds = Known(written), self._sources.call_bounds.get(self._stream, ANY)
        found = shift_of(read, known, bounds)
        if found is not None:
            return _beside(found, counted)
        base, read_base = counted.get("w", 0), counted.get("r", 0)
        if base is None or read_base is None:
            return counted
        shift = read_base - base
        # with any other shift the first bytes read would have waited for longer
        is_right = bounds[1] <= shift and is_possible(shift, read, known, bounds)
        return counted if is_right else dict.fromkeys(self._old)


def _beside(shift: int, counted: dict[str, int | None]) -> dict[str, int | None]:
    """The bases of both sides: that of the reads is `shift` more. What is not in `counted` begins at 0."""
    if "w" not in counted:
        return {"r": shift}
    if "r" not in counted:
        return {"w": -shift}
    base = max(counted["w"] or 0, -shift)
    return {"w": base, "r": base + shift}


def written_before(tcp_info: bytes) -> tuple[int, int] | None:
    """Payload bytes a socket had taken from its program, and sent; None if this kernel does not count them."""
    if len(tcp_info) < WHOLE:
        return None
    sent, again = struct.unpack_from("<QQ", tcp_info, BYTES_SENT)
    return int(sent - again + struct.unpack_from("<I", tcp_info, NOTSENT)[0]), int(sent - again)


def read_before(tcp_info: bytes, recv_queue: int) -> tuple[int, int] | None:
    """Payload bytes a program had taken from its socket, and that had come; None if not counted."""
    if len(tcp_info) < BYTES_RECEIVED + 8:
        return None
    received = int(struct.unpack_from("<Q", tcp_info, BYTES_RECEIVED)[0])
    return max(received - recv_queue, 0), received


def _old_sides(db: duckdb.DuckDBPyConnection) -> dict[Stream, Counters]:
    """What the first sample of each socket that is older than the recording says of its two streams."""
    old: dict[Stream, Counters] = {}
    for connection_id, protocol, role, sample, first_call_ns in db.execute(OLD).fetchall():
        outgoing, incoming = ("c2s", "s2c") if role == "client" else ("s2c", "c2s")
        info, queue, time_ns = (None, 0, 0)
        if sample is not None:
            info, queue, time_ns = sample.values() if isinstance(sample, dict) else sample
        if protocol == "tcp":
            for direction, side, counts in (
                (outgoing, "w", written_before(info) if info else None),
                (incoming, "r", read_before(info, queue) if info else None),
            ):
                moved, passed = counts or (None, None)
                counter = _Counter(moved, passed, time_ns, first_call_ns or time_ns)
                old.setdefault((connection_id, direction), {})[side] = counter
        else:
            # A unix stream has no counters: position 0 is the first byte not yet read when the recording began.
            old.setdefault((connection_id, incoming), {}).update(r=_Counter(0), w=_Counter(queue))
    return old


def _write(
    db: duckdb.DuckDBPyConnection, bases: dict[tuple[int, str, str], int | None], shifts: dict[Stream, int | None]
) -> None:
    start = (
        ("connection_id", "BIGINT"),
        ("direction", "VARCHAR"),
        ("side", "VARCHAR"),
        ("base", "BIGINT"),
        ("start_reason", "VARCHAR"),
    )
    put(db, "j_start", start, ((*key, base or 0, REASON if base is None else None) for key, base in bases.items()))
    align = (("connection_id", "BIGINT"), ("direction", "VARCHAR"), ("shift", "BIGINT"), ("unknown", "BOOLEAN"))
    rows: list[Row] = [(*key, shift or 0, shift is None) for key, shift in shifts.items()]
    put(db, "j_align", align, rows)
