"""The proof of a capture, connection by connection: what calls carried, what is linked, compared, missing and wrong."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import duckdb

from wiretale.check.carried import calls_against_streams
from wiretale.check.evidence import KINDS, Row, Rows, follow_links, read_rows
from wiretale.check.ranges import size, union
from wiretale.check.reasons import End, Gap, Stream, acknowledged, gaps, uncompared

OVER_PACKETS = ("tcp", "udp")


@dataclass(frozen=True, slots=True)
class StreamCheck:
    """One direction of one connection, in bytes. `covered` and `equal` have a figure for each kind of link.

    Of what was written (by write_segment) or read (by the others). `equal`: captured on both sides, and the same.
    """

    connection_id: int
    protocol: str
    direction: str
    written: int
    on_wire: int
    read: int
    links: int
    covered: dict[str, int]
    equal: dict[str, int]
    gaps: tuple[Gap, ...]
    uncompared: tuple[Gap, ...]
    wrong: tuple[str, ...]

    @property
    def _proving(self) -> tuple[str, str]:
        """The kinds of link that prove what was written, and what was read: by packets where there are any."""
        return ("write_segment", "segment_read") if self.protocol in OVER_PACKETS else ("write_read", "write_read")

    @property
    def carried(self) -> int:
        """Bytes that the calls of both ends carried."""
        return self.written + self.read

    @property
    def linked(self) -> int:
        """How many of those are linked: through packets, or on unix sockets from write to read."""
        return sum(self.covered[kind] for kind in self._proving)

    @property
    def compared(self) -> int:
        """How many of those were compared and are equal."""
        return sum(self.equal[kind] for kind in self._proving)


@dataclass(frozen=True, slots=True)
class CallCheck:
    """What the calls' own results say against the streams: 'w' or 'r'. `unplaced` calls belong to no connection."""

    side: str
    peeked: bool
    calls: int
    bytes: int
    unplaced_calls: int
    unplaced_bytes: int


@dataclass(frozen=True, slots=True)
class Check:
    """The whole proof. It holds if nothing is `wrong`."""

    streams: tuple[StreamCheck, ...]
    calls: tuple[CallCheck, ...]
    wrong: tuple[str, ...]

    @property
    def holds(self) -> bool:
        return not self.wrong

    @property
    def unexplained(self) -> int:
        """Bytes without a link for which nothing in the capture gives a reason."""
        return sum(g.bytes for s in self.streams for g in s.gaps if not g.explained)


def check(db: duckdb.DuckDBPyConnection, progress: Callable[[int, int], None] | None = None) -> Check:
    """Prove every connection of an open capture. `progress` is told how many are done, and of how many."""
    wrong: list[str] = []
    calls = []
    for side, peeked, count, size_, missing, missing_bytes, unequal, example in calls_against_streams(db):
        calls.append(CallCheck(side, peeked, count, size_, missing, missing_bytes))
        if unequal:
            wrong.append(f"{unequal} calls are placed with another size than they returned, for example call {example}")
    wrong += _against_the_clock(db)
    streams: list[StreamCheck] = []
    ends, acked = _ends(db), acknowledged(db)
    connections = db.execute(_CONNECTIONS).fetchall()
    done = 0
    for protocols in _batches(connections):
        if progress is not None:
            progress(done, len(connections))
        for connection_id, rows in read_rows(db, protocols).items():
            streams += _connection(connection_id, protocols[connection_id], rows, ends, acked)
            done += 1
    return Check(tuple(streams), tuple(calls), (*wrong, *(w for s in streams for w in s.wrong)))


Ends = dict[tuple[int, str], End]


_CONNECTIONS = """
SELECT k.connection_id, k.protocol, coalesce(r.rows, 0) FROM connection k LEFT JOIN (
    SELECT connection_id, count(*) AS rows FROM (
        SELECT connection_id FROM segment UNION ALL SELECT connection_id FROM stream_write
        UNION ALL SELECT connection_id FROM stream_read
    ) GROUP BY connection_id
) r USING (connection_id) ORDER BY k.connection_id
"""
_ROWS_AT_ONCE = 100_000  # of a batch; each is a Python object


def _batches(connections: list[tuple[int, str, int]]) -> Iterator[dict[int, str]]:
    """Connections with their protocols, in order, so many at a time as have about _ROWS_AT_ONCE rows."""
    some: dict[int, str] = {}
    held = 0
    for connection_id, protocol, rows in connections:
        if some and held + rows > _ROWS_AT_ONCE:
            yield some
            some, held = {}, 0
        some[connection_id] = protocol
        held += rows
    if some:
        yield some


def _connection(
    connection_id: int, protocol: str, rows: Rows, ends: Ends, acked: dict[tuple[int, str], int]
) -> list[StreamCheck]:
    linked = follow_links(rows)
    found = []
    for direction, sender, receiver in (("c2s", "client", "server"), ("s2c", "server", "client")):
        stream = Stream(
            _of(rows.writes, direction),
            _of(rows.packets, direction),
            _of(rows.reads, direction),
            linked[direction],
            ends[connection_id, sender],
            ends[connection_id, receiver],
            protocol,
            acked.get((connection_id, direction), 0) if protocol == "tcp" else 0,
        )
        found.append(_stream(connection_id, protocol, direction, stream, rows))
    return found


def _of(rows: dict[int, Row], direction: str) -> list[Row]:
    return [row for row in rows.values() if row.direction == direction]


def _stream(connection_id: int, protocol: str, direction: str, s: Stream, rows: Rows) -> StreamCheck:
    wire = union([(r.lo, r.hi) for r in s.packets])
    missing = gaps(s)
    if rows.unplaced[direction]:
        reason = "where the stream begins is not known, so its packets have no position"
        missing.append(Gap("on the wire, not placed", rows.unplaced[direction], reason))
    kinds = [k for k in KINDS if (k == "write_read") != (protocol in OVER_PACKETS)]
    return StreamCheck(
        connection_id=connection_id,
        protocol=protocol,
        direction=direction,
        written=sum(r.hi - r.lo for r in s.writes),
        on_wire=size(wire) + rows.unplaced[direction],
        read=sum(r.hi - r.lo for r in s.takes),
        links=s.linked.links,
        covered={kind: sum(size(s.linked.of(kind, r)) for r in s.rows_of(kind)) for kind in KINDS},
        equal={kind: sum(size(s.linked.compared(kind, r)) for r in s.rows_of(kind)) for kind in KINDS},
        gaps=tuple(missing),
        uncompared=tuple(gap for kind in kinds for gap in uncompared(s, kind)),
        # a connection's faults are told once, with its first direction
        wrong=tuple(f"connection {connection_id}: {text}" for text in rows.wrong) if direction == "c2s" else (),
    )


def _ends(db: duckdb.DuckDBPyConnection) -> Ends:
    """For each end of each connection whether a recorded process held it, and whether that process uses io_uring.

    A connection that io_uring accepted has no traced socket; the listener it came to still tells whose it was.
    """
    rows = db.execute(
        """
        WITH uring AS (SELECT DISTINCT pid FROM call WHERE name LIKE 'io\\_uring\\_%' ESCAPE '\\'),
        listener AS (
            SELECT DISTINCT m.local_port FROM socket_sample m JOIN descriptor_sample d USING (inode)
            WHERE m.state = 'LISTEN' AND d.pid IN (FROM uring)
        )
        SELECT e.connection_id, e.role, e.socket_id IS NOT NULL,
               coalesce(e.pid IN (FROM uring), false)
               OR (e.pid IS NULL AND e.role = 'server' AND e.port IN (FROM listener))
        FROM endpoint e
        """
    ).fetchall()
    return {(connection, role): End(traced, uring) for connection, role, traced, uring in rows}


def _against_the_clock(db: duckdb.DuckDBPyConnection) -> list[str]:
    """Links whose second row is earlier than the first by more than both clocks can be off."""
    rows = db.execute(
        """
        SELECT kind, count(*), min(lag_ns), arg_min(link_id, lag_ns) FROM link
        WHERE lag_ns < -(SELECT coalesce(sum(clock_error_ns), 0) FROM source WHERE ran) GROUP BY kind ORDER BY kind
        """
    ).fetchall()
    return [
        f"{count} {kind} links end before they begin, the worst (link {link}) by {-worst} ns"
        for kind, count, worst, link in rows
    ]
