"""Where streams begin: position 0 is the first byte after the SYN, also in connections older than the recording.

For such a socket the kernel's own counters (TCP_INFO of its first sample) say how much had passed; a capture that
missed the SYN has positions relative to its first segment, until captured bytes place them, or (where those fit in many
places) instants at which nothing was under way. What stays open says so.
"""

import struct

import duckdb

from wiretale.join.rows import Row, put
from wiretale.join.settled import settled_place
from wiretale.join.stream_bytes import Known, call_bytes, segment_bytes
from wiretale.light import dataclass

REASON = (
    "the connection is older than the recording, and neither TCP_INFO nor captured bytes tell how much passed before"
)
MOST_PLACES = 1000  # of equal bytes in a stream that are tried
# offsets in struct tcp_info (linux/tcp.h)
NOTSENT, BYTES_RECEIVED, BYTES_SENT, WHOLE = 144, 128, 200, 216

OLD = """
SELECT s.connection_id, c.protocol, s.role, s.socket_id,
       (SELECT first((m.tcp_info, coalesce(m.recv_queue, 0), m.time_ns) ORDER BY m.time_ns)
        FROM socket_sample m WHERE m.inode = k.inode AND (m.tcp_info IS NOT NULL OR c.protocol <> 'tcp'))
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


@dataclass(slots=True)
class _Start:
    """Where the calls of one side of a stream begin; None: unknown."""

    base: int | None


def written_before(tcp_info: bytes) -> int | None:
    """Payload bytes a socket had taken from its program; None if this kernel's TCP_INFO does not count them."""
    if len(tcp_info) < WHOLE:
        return None
    sent, again = struct.unpack_from("<QQ", tcp_info, BYTES_SENT)
    return int(sent - again + struct.unpack_from("<I", tcp_info, NOTSENT)[0])


def read_before(tcp_info: bytes, recv_queue: int) -> int | None:
    """Payload bytes a program had taken from its socket; None if not counted."""
    if len(tcp_info) < BYTES_RECEIVED + 8:
        return None
    return max(int(struct.unpack_from("<Q", tcp_info, BYTES_RECEIVED)[0]) - recv_queue, 0)


def put_starts(db: duckdb.DuckDBPyConnection) -> None:
    """Make `j_start` (base position of a side's calls) and `j_align` (shift of a flow's segments)."""
    starts = _old_sockets(db)
    _write(db, starts, [])
    uncertain = [(c, d) for c, d in db.execute(UNCERTAIN).fetchall()]
    shifts: list[Row] = []
    for connection_id, direction in uncertain:
        shift = _shift_of_segments(db, connection_id, direction, starts)
        shifts.append((connection_id, direction, shift or 0, shift is None))
    for (connection_id, direction, side), start in starts.items():
        if start.base is None and (connection_id, direction) not in uncertain:
            start.base = _place(
                _first_calls(db, connection_id, direction, side), segment_bytes(db, connection_id, direction)
            )
    _write(db, starts, shifts)


def _write(db: duckdb.DuckDBPyConnection, starts: dict[tuple[int, str, str], _Start], shifts: list[Row]) -> None:
    put(
        db,
        "j_start",
        (
            ("connection_id", "BIGINT"),
            ("direction", "VARCHAR"),
            ("side", "VARCHAR"),
            ("base", "BIGINT"),
            ("start_reason", "VARCHAR"),
        ),
        ((*key, s.base or 0, REASON if s.base is None else None) for key, s in starts.items()),
    )
    columns = (("connection_id", "BIGINT"), ("direction", "VARCHAR"), ("shift", "BIGINT"), ("unknown", "BOOLEAN"))
    put(db, "j_align", columns, shifts)


def _old_sockets(db: duckdb.DuckDBPyConnection) -> dict[tuple[int, str, str], _Start]:
    """What the first sample of each socket that is older than the recording says of its two streams."""
    starts: dict[tuple[int, str, str], _Start] = {}
    waiting: dict[tuple[int, str], int] = {}
    for connection_id, protocol, role, _, sample in db.execute(OLD).fetchall():
        outgoing, incoming = ("c2s", "s2c") if role == "client" else ("s2c", "c2s")
        info, queue = (None, 0)
        if sample is not None:
            info, queue, *_ = sample.values() if isinstance(sample, dict) else sample
        if protocol == "tcp":
            starts[connection_id, outgoing, "w"] = _Start(written_before(info) if info else None)
            starts[connection_id, incoming, "r"] = _Start(read_before(info, queue) if info else None)
        else:
            # A unix stream has no counters: position 0 is the first byte not yet read when the recording began.
            starts[connection_id, incoming, "r"] = _Start(0)
            waiting[connection_id, incoming] = queue
    for (connection_id, direction), queue in waiting.items():
        starts[connection_id, direction, "w"] = _Start(queue)
    return starts


def _first_calls(
    db: duckdb.DuckDBPyConnection, connection_id: int, direction: str, side: str
) -> list[tuple[int, bytes]]:
    """Position (as j_start has it now) and captured beginning of the first calls of one side."""
    return [(lo, data) for lo, data in call_bytes(db, connection_id, direction, side).pieces[:64] if data]


def _shift_of_segments(
    db: duckdb.DuckDBPyConnection, connection_id: int, direction: str, starts: dict[tuple[int, str, str], _Start]
) -> int | None:
    """What to add to a flow's relative positions so that they are those of its calls; None if nothing tells."""
    known = segment_bytes(db, connection_id, direction)
    shift = None
    # a side whose calls were counted from the connection's beginning says where that is
    for side in sorted(("w", "r"), key=lambda side: _uncounted(starts.get((connection_id, direction, side)))):
        start = starts.get((connection_id, direction, side))
        place = _place_of_side(db, (connection_id, direction, side), known, start)
        if place is None:
            continue
        if shift is None:
            if start is not None and start.base is None:
                start.base = 0  # nobody counted what passed before: positions begin with the first traced call
            shift = -place
        elif start is not None:  # not counted, or before the program went on for a moment until its calls were recorded
            start.base = (start.base or 0) + place + shift
    return shift


def _uncounted(start: _Start | None) -> bool:
    return start is not None and start.base is None


def _place_of_side(
    db: duckdb.DuckDBPyConnection, which: tuple[int, str, str], known: Known, start: _Start | None
) -> int | None:
    """What to add to positions of one side's calls to have those of packets; None if nothing tells."""
    calls = _first_calls(db, *which)
    place = _place(calls, known)
    if place is None and calls:
        base = start.base or 0 if start is not None else 0
        settled = settled_place(db, *which, base)
        if settled is not None:
            equal = [known.compare(lo + settled, data) for lo, data in calls]
            place = settled if min(equal) >= 0 and max(equal) > 0 else None
    return place


def _place(calls: list[tuple[int, bytes]], known: Known) -> int | None:
    """The one shift at which all `calls` agree with `known`; None if there is none, or more than one."""
    longest = max(calls, key=lambda c: len(c[1]), default=None)
    if longest is None:
        return None
    places = known.places(longest[1], MOST_PLACES)
    if len(places) == MOST_PLACES:
        return None  # there may be more
    fitting = {at - longest[0] for at in places if all(known.agrees(lo + at - longest[0], data) for lo, data in calls)}
    return fitting.pop() if len(fitting) == 1 else None
