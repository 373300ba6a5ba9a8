"""The bytes of one connection in order, from the calls that wrote and read them and the packets that carried them.

Whatever captured a byte gives it: what one source cut short another may have whole. A stretch that nobody captured is a
`Gap` with its length, never left out in silence.
"""

import heapq
from collections.abc import Iterator

import duckdb

from wiretale.errors import UsageFault
from wiretale.filter.condition import Filter
from wiretale.filter.events import EventKind, source
from wiretale.filter.tables import with_all_tables
from wiretale.light import dataclass
from wiretale.show.labels import address

DIRECTIONS = ("c2s", "s2c")
CUT = "longer than what was recorded of each buffer and packet"
MISSING = "no call and no packet in the capture carries them"
SOURCES = ("writes", "segments", "reads")
_BATCH = 500
_NAMED = 5  # connections named when a filter matches several


@dataclass(frozen=True, slots=True)
class Data:
    """Captured bytes of one direction from position `lo` on; `source` is one of SOURCES."""

    direction: str
    lo: int
    data: bytes
    time_ns: int
    source: str

    @property
    def hi(self) -> int:
        return self.lo + len(self.data)


@dataclass(frozen=True, slots=True)
class Gap:
    """Bytes [lo, hi) passed, but are not in the capture."""

    direction: str
    lo: int
    hi: int
    time_ns: int
    reason: str


@dataclass(frozen=True, slots=True)
class Boundary:
    """Where a write, segment or read begins. `what` is one of SOURCES, `number` its call or packet."""

    direction: str
    lo: int
    hi: int
    time_ns: int
    what: str
    number: int
    who: str


Piece = Data | Gap | Boundary

# Where a segment begins in its frame. Of raw and ICMP sockets it is the IP packet, or what a fragment has behind its
# header: it ends where the packet does (RFC 791: total length; RFC 8200: payload length).
_BEGINS = """CASE WHEN k.protocol IN ('icmp', 'icmpv6', 'raw') THEN p.network_offset - (s.hi - s.lo) + CASE p.ip_version
    WHEN 4 THEN ('0x' || hex(p.frame[p.network_offset + 3:p.network_offset + 4]))::BIGINT
    ELSE 40 + ('0x' || hex(p.frame[p.network_offset + 5:p.network_offset + 6]))::BIGINT END
    ELSE p.payload_offset END"""
# Every captured piece, with the range its row covers: a write's bytes are those at its entry, a read's at its exit.
_PIECES = f"""
WITH piece AS (
    SELECT w.lo + d."offset" AS lo, w.hi, 0 AS rank, c.start_ns AS time_ns, d.bytes[1:w.hi - w.lo - d."offset"] AS data
    FROM stream_write w JOIN call c USING (call_id)
    LEFT JOIN call_data d ON d.call_id = w.call_id AND d.role = 'payload' AND NOT d.at_exit
         AND d.idx // 65536 = w.message AND d."offset" < w.hi - w.lo
    WHERE w.connection_id = $connection AND w.direction = $direction AND w.hi > w.lo
    UNION ALL
    SELECT s.lo, s.hi, 1, p.time_ns, p.frame[{_BEGINS} + 1:{_BEGINS} + (s.hi - s.lo)]
    FROM segment s JOIN packet p USING (packet_id) JOIN connection k USING (connection_id)
    WHERE s.connection_id = $connection AND s.direction = $direction AND s.shown AND s.hi > s.lo
      AND NOT list_contains(s.analysis, 'keep_alive')
    UNION ALL
    SELECT r.lo + d."offset", r.hi, 2, c.exit_ns, d.bytes[1:r.hi - r.lo - d."offset"]
    FROM stream_read r JOIN call c USING (call_id)
    LEFT JOIN call_data d ON d.call_id = r.call_id AND d.role = 'payload' AND d.at_exit
         AND d.idx // 65536 = r.message AND d."offset" < r.hi - r.lo
    WHERE r.connection_id = $connection AND r.direction = $direction AND r.hi > r.lo
)
SELECT coalesce(lo, 0), hi, rank, time_ns, coalesce(data, ''::BLOB) FROM piece WHERE lo IS NOT NULL
ORDER BY lo, rank, octet_length(data) DESC
"""  # noqa: S608 (fixed text)

_WHO = "coalesce(t.comm, '?') || '(' || c.pid || ') fd ' || coalesce(c.fd::VARCHAR, '?')"
_OF_CALLS = """
SELECT w.lo, w.hi, {time}, '{what}', w.call_id, c.name || ' by ' || {who} FROM {table} w JOIN call c USING (call_id)
LEFT JOIN task t ON t.task_id = c.task_id
WHERE w.connection_id = $connection AND w.direction = $direction {more}
"""
_BOUNDARIES = {
    "writes": _OF_CALLS.format(time="c.start_ns", what="writes", who=_WHO, table="stream_write", more=""),
    "segments": """
        SELECT s.lo, s.hi, p.time_ns, 'segments', p.number, 'packet ' || p.number
        FROM segment s JOIN packet p USING (packet_id)
        WHERE s.connection_id = $connection AND s.direction = $direction AND s.shown AND s.lo IS NOT NULL
          AND (s.hi > s.lo OR p.ip_protocol IN (17, 136))""",
    "reads": _OF_CALLS.format(time="c.exit_ns", what="reads", who=_WHO, table="stream_read", more="AND NOT w.peeked"),
}


@dataclass(frozen=True, slots=True)
class Followed:
    """The connection that is followed, as two ends, and what is uncertain about its positions (None: nothing)."""

    connection_id: int
    protocol: str
    client: tuple[str | None, int | None]
    server: tuple[str | None, int | None]
    doubt: str | None


def followed(db: duckdb.DuckDBPyConnection, connection_id: int) -> Followed:
    """Raises UsageFault if there is no such connection."""
    with_all_tables(db)
    row = db.execute(
        "SELECT protocol, client_addr, client_port, server_addr, server_port FROM connection WHERE connection_id = ?",
        [connection_id],
    ).fetchone()
    if row is None:
        raise UsageFault(f"the capture has no connection {connection_id}", "wiretale connections --all lists them")
    doubt = db.execute(
        "SELECT min(reason) FROM (SELECT connection_id, reason FROM stream_write UNION ALL"
        " SELECT connection_id, reason FROM stream_read) WHERE connection_id = ?",
        [connection_id],
    ).fetchone()
    return Followed(connection_id, row[0], (row[1], row[2]), (row[3], row[4]), doubt[0] if doubt else None)


def connection_matching(db: duckdb.DuckDBPyConnection, wanted: Filter) -> int:
    """The one connection to which what the filter matches belongs. Raises UsageFault if it is none, or several."""
    with_all_tables(db)
    call, packet = wanted.conditions[EventKind.CALL], wanted.conditions[EventKind.PACKET]
    ctes = f"WITH {', '.join(wanted.ctes)}" if wanted.ctes else ""
    # Not through the listening socket: what is done to that belongs to all connections that came from it.
    rows = db.execute(
        f"""
{ctes}
SELECT g.connection_id FROM {source(EventKind.PACKET, "g.", packet.sql)}
WHERE p.shown AND g.connection_id IS NOT NULL AND {packet.sql}
UNION
SELECT x.connection_id FROM {source(EventKind.CALL, call.sql)} JOIN (
    SELECT call_id, connection_id FROM stream_write UNION SELECT call_id, connection_id FROM stream_read
    UNION SELECT f.call_id, e.connection_id FROM call_file f JOIN endpoint e USING (socket_id)
) x ON x.call_id = c.call_id WHERE {call.sql}
ORDER BY 1""",  # noqa: S608 (built from fixed text; values are parameters)
        [*packet.parameters, *call.parameters],
    ).fetchall()
    found = [int(row[0]) for row in rows]
    if len(found) == 1:
        return found[0]
    if not found:
        raise UsageFault("no connection matches the filter", "wiretale connections --all lists them")
    named = ", ".join(str(n) for n in found[:_NAMED]) + (", ..." if len(found) > _NAMED else "")
    raise UsageFault(
        f"{len(found)} connections match the filter: {named}", "give the number of one, or a filter that matches one"
    )


def only_connection(db: duckdb.DuckDBPyConnection) -> int:
    """The one connection that carried bytes. Raises UsageFault, which names them, if there are several or none."""
    with_all_tables(db)
    rows = db.execute(f"""
SELECT connection_id, protocol, client_addr, client_port, server_addr, server_port FROM connection
SEMI JOIN (
    SELECT connection_id FROM stream_write WHERE hi > lo UNION SELECT connection_id FROM stream_read WHERE hi > lo
    UNION SELECT connection_id FROM segment WHERE hi > lo
) USING (connection_id)
ORDER BY 1 LIMIT {_NAMED + 1}""").fetchall()  # noqa: S608 (a number of ours)
    if len(rows) == 1:
        return int(rows[0][0])
    if not rows:
        raise UsageFault("no connection carried any byte", "wiretale connections --all lists them")
    named = [f"{row[0]} ({row[1]}, {_end(row[2], row[3])} > {_end(row[4], row[5])})" for row in rows[:_NAMED]]
    raise UsageFault(
        f"several connections carried bytes: {', '.join(named)}" + (", ..." if len(rows) > _NAMED else ""),
        f"wiretale follow FILE {rows[0][0]}; wiretale connections lists them",
    )


def _end(addr: str | None, port: int | None) -> str:
    return address(addr, port) if addr else "unnamed"


def pieces(
    db: duckdb.DuckDBPyConnection, connection_id: int, directions: tuple[str, ...], boundaries: tuple[str, ...] = ()
) -> Iterator[Piece]:
    """Everything that passed, in the order of time; within one direction in the order of the stream."""
    streams = [_stream(db, connection_id, direction, boundaries) for direction in directions]
    for _, piece in heapq.merge(*streams, key=lambda timed: timed[0]):
        yield piece


def _stream(
    db: duckdb.DuckDBPyConnection, connection_id: int, direction: str, boundaries: tuple[str, ...]
) -> Iterator[tuple[int, Piece]]:
    """One direction, each piece with a time that never goes back, by which the two directions are merged."""
    marks = _marks(db, connection_id, direction, boundaries)
    now = 0
    mark = next(marks, None)
    for piece in _bytes(db, connection_id, direction):
        rest: Data | Gap | None = piece
        while mark is not None and rest is not None and mark.lo < rest.hi:
            before, rest = _split(rest, mark.lo)
            now = max(now, piece.time_ns)
            if before is not None:
                yield now, before
            yield now, mark
            mark = next(marks, None)
        if rest is not None:
            now = max(now, rest.time_ns)
            yield now, rest
    while mark is not None:
        now = max(now, mark.time_ns)
        yield now, mark
        mark = next(marks, None)


def _split(piece: Data | Gap, at: int) -> tuple[Data | Gap | None, Data | Gap | None]:
    if at <= piece.lo:
        return None, piece
    if isinstance(piece, Gap):
        return (
            Gap(piece.direction, piece.lo, at, piece.time_ns, piece.reason),
            Gap(piece.direction, at, piece.hi, piece.time_ns, piece.reason),
        )
    cut = at - piece.lo
    return (
        Data(piece.direction, piece.lo, piece.data[:cut], piece.time_ns, piece.source),
        Data(piece.direction, at, piece.data[cut:], piece.time_ns, piece.source),
    )


def _rows(
    db: duckdb.DuckDBPyConnection, query: str, connection_id: int, direction: str
) -> Iterator[tuple[object, ...]]:
    """The rows of a query over one stream, some at a time: a stream may be larger than memory."""
    cursor = with_all_tables(db.cursor())
    cursor.execute(query, {"connection": connection_id, "direction": direction})
    while batch := cursor.fetchmany(_BATCH):
        yield from batch


def _bytes(db: duckdb.DuckDBPyConnection, connection_id: int, direction: str) -> Iterator[Data | Gap]:
    """Pieces come in the order of their beginnings: what lies between the end so far and the next one, nobody has."""
    at = known = last_ns = 0
    for row in _rows(db, _PIECES, connection_id, direction):
        lo, hi, rank, time_ns, data = int(str(row[0])), int(str(row[1])), int(str(row[2])), int(str(row[3])), row[4]
        assert isinstance(data, bytes)
        begin = min(at, lo) if at == 0 else at  # a capture that began in the middle may have negative positions
        if data and lo + len(data) > begin:
            if lo > begin:
                yield from _gaps(direction, begin, lo, known, last_ns or time_ns)
            start = max(begin, lo)
            yield Data(direction, start, data[start - lo :], time_ns, SOURCES[rank])
            at = lo + len(data)
        known, last_ns = max(known, hi), max(last_ns, time_ns)
    if known > at:
        yield from _gaps(direction, at, known, known, last_ns)


def _gaps(direction: str, lo: int, hi: int, known: int, time_ns: int) -> Iterator[Gap]:
    """The hole [lo, hi); up to `known` some row says that it carried the bytes."""
    middle = min(max(known, lo), hi)
    if lo < middle:
        yield Gap(direction, lo, middle, time_ns, CUT)
    if middle < hi:
        yield Gap(direction, middle, hi, time_ns, MISSING)


def _marks(
    db: duckdb.DuckDBPyConnection, connection_id: int, direction: str, boundaries: tuple[str, ...]
) -> Iterator[Boundary]:
    if not boundaries:
        return
    ranks = {name: rank for rank, name in enumerate(SOURCES)}
    union = " UNION ALL ".join(_BOUNDARIES[name] for name in sorted(set(boundaries), key=ranks.__getitem__))
    for lo, hi, time_ns, what, number, who in _rows(db, f"{union} ORDER BY 1, 3", connection_id, direction):
        position = (int(str(lo)), int(str(hi)), int(str(time_ns)))
        yield Boundary(direction, *position, str(what), int(str(number)), str(who))
