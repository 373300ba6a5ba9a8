"""The proof of a capture, connection by connection: what calls carried, what is linked, compared, missing and wrong."""

from collections.abc import Callable, Iterator

import duckdb
import numpy as np

from wiretale.check.carried import calls_against_streams
from wiretale.check.compared import Compared, compare
from wiretale.check.evidence import KINDS, RAW, captured, read_evidence
from wiretale.check.ranges import FAR, total
from wiretale.check.reasons import UNPLACED, End, Gap, Streams, acknowledged, gaps, uncompared
from wiretale.check.whole import WholeCheck, check_whole
from wiretale.decode.syscalls import CALLS
from wiretale.decode.syscalls.spec import Effect
from wiretale.light import dataclass

OVER_PACKETS = ("tcp", "udp", "udplite", *RAW)


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
    """What the calls' own results say against the streams: 'w' or 'r'. `unplaced` calls belong to no connection.

    Those of them on `other` sockets than TCP's and UDP's (SCTP) have none. What raw sockets carry whole, and is TCP's
    or UDP's, is counted in `Check.whole`.
    """

    side: str
    peeked: bool
    calls: int
    bytes: int
    unplaced_calls: int
    unplaced_bytes: int
    other_calls: int
    other_bytes: int


@dataclass(frozen=True, slots=True)
class Check:
    """The whole proof. It holds if nothing is `wrong`."""

    streams: tuple[StreamCheck, ...]
    calls: tuple[CallCheck, ...]
    whole: tuple[WholeCheck, ...]
    wrong: tuple[str, ...]

    @property
    def holds(self) -> bool:
        return not self.wrong

    @property
    def unexplained(self) -> int:
        """Bytes without a link for which nothing in the capture gives a reason."""
        return sum(g.bytes for s in self.streams for g in s.gaps if not g.explained)


def check(db: duckdb.DuckDBPyConnection, progress: Callable[[str, float], None] | None = None) -> Check:
    """Prove every connection of an open capture. `progress` is told what is done, and which part of that is."""
    say = progress or (lambda text, done: None)
    wrong: list[str] = []
    calls = []
    for side, peeked, *figures, unequal, example in calls_against_streams(db):
        calls.append(CallCheck(side, peeked, *figures))
        if unequal:
            wrong.append(f"{unequal} calls are placed with another size than they returned, for example call {example}")
    wrong += _against_the_clock(db)
    compared = compare(db, lambda done: say("comparing the bytes of links", done))
    streams: list[StreamCheck] = []
    ends, acked = _ends(db), acknowledged(db)
    connections = db.execute(_CONNECTIONS).fetchall()
    for some in _batches(connections):
        say(f"checking connection {len(streams) // 2 + 1} of {len(connections)}", len(streams) / 2 / len(connections))
        streams += _connections(db, some, compared, ends, acked)
    whole, unproven = check_whole(db)
    wrong += unproven
    return Check(tuple(streams), tuple(calls), whole, (*wrong, *(w for s in streams for w in s.wrong)))


Ends = dict[tuple[int, str], End]


_CONNECTIONS = """
SELECT k.connection_id, k.protocol, coalesce(r.rows, 0) FROM connection k LEFT JOIN (
    SELECT connection_id, count(*) AS rows FROM (
        SELECT connection_id FROM segment UNION ALL SELECT connection_id FROM stream_write
        UNION ALL SELECT connection_id FROM stream_read
    ) GROUP BY connection_id
) r USING (connection_id) ORDER BY k.connection_id
"""
_ROWS_AT_ONCE = 1_000_000  # of a batch


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


_ROLES = (("c2s", "client", "server"), ("s2c", "server", "client"))  # direction, who sends, who receives


def _connections(
    db: duckdb.DuckDBPyConnection,
    protocols: dict[int, str],
    compared: Compared,
    ends: Ends,
    acked: dict[tuple[int, str], int],
) -> Iterator[StreamCheck]:
    """Connections that follow each other in number, both directions of each."""
    found = read_evidence(db, np.array(list(protocols), np.int64), compared)
    names = [(c, *role) for c in protocols for role in _ROLES]
    streams = Streams(
        found,
        [protocols[c] for c, *_ in names],
        [ends[c, sender] for c, _, sender, _ in names],
        [ends[c, receiver] for c, _, _, receiver in names],
        np.array([acked.get((c, way), 0) if protocols[c] == "tcp" else 0 for c, way, *_ in names], np.int64),
    )
    missing = gaps(streams)
    missing.add("on the wire, not placed", found.unplaced, UNPLACED)
    unequal = {kind: uncompared(streams, kind, lambda rows: captured(db, found, rows)) for kind in KINDS}
    written, read = (total(rows.stream, rows.hi - rows.lo, len(names)) for rows in (found.writes, found.takes))
    on_wire = streams.lines.sizes(streams.wire) + found.unplaced
    links = np.sum([linked.links for linked in found.linked.values()], axis=0)
    covered, equal = (
        {kind: linked.sizes(getattr(linked, what), len(names)) for kind, linked in found.linked.items()}
        for what in ("covered", "equal")
    )
    for n, (connection_id, direction, *_) in enumerate(names):
        protocol = protocols[connection_id]
        kinds = [k for k in KINDS if (k == "write_read") != (protocol in OVER_PACKETS)]
        # a connection's faults are told once, with its first direction
        wrong = found.wrong.get(connection_id, ()) if direction == "c2s" else ()
        yield StreamCheck(
            connection_id=connection_id,
            protocol=protocol,
            direction=direction,
            written=int(written[n]),
            on_wire=int(on_wire[n]),
            read=int(read[n]),
            links=int(links[n]),
            covered={kind: int(covered[kind][n]) for kind in KINDS},
            equal={kind: int(equal[kind][n]) for kind in KINDS},
            gaps=tuple(missing.of(n)),
            uncompared=tuple(gap for kind in kinds for gap in unequal[kind].of(n)),
            wrong=tuple(f"connection {connection_id}: {text}" for text in wrong),
        )


def _ends(db: duckdb.DuckDBPyConnection) -> Ends:
    """For each end of each connection whether a recorded process held it, and whether that process uses io_uring;
    whether a recorded process had a raw or packet socket, with which it could be an end without holding one; what
    packets carried before the recorder came to its process, and after the last call of one that was let go; and what
    its calls gave that never returned.

    A connection that io_uring accepted has no traced socket; the listener it came to still tells whose it was.
    """
    rows = db.execute(
        """
        WITH uring AS (SELECT DISTINCT pid FROM call WHERE name LIKE 'io\\_uring\\_%' ESCAPE '\\'),
        listener AS (
            SELECT DISTINCT m.local_port FROM socket_sample m JOIN descriptor_sample d USING (inode)
            WHERE m.state = 'LISTEN' AND d.pid IN (FROM uring)
        ),
        since AS (SELECT pid, min(start_ns) AS at FROM task WHERE traced AND how = 'attached' GROUP BY pid),
        early AS (
            SELECT e.endpoint_id, max(s.hi) FILTER (s.direction = e.sends) AS sent,
                max(s.hi) FILTER (s.direction <> e.sends) AS came
            FROM endpoint e JOIN since USING (pid) JOIN segment s USING (connection_id) JOIN packet p USING (packet_id)
            WHERE s.shown AND p.time_ns < since.at GROUP BY ALL
        ),
        let_go AS (
            SELECT pid, max(coalesce(exit_ns, entry_ns)) AS at FROM call
            WHERE pid IN (SELECT pid FROM task WHERE traced AND end_how = 'detached') GROUP BY pid
        ),
        late AS (
            SELECT e.endpoint_id, min(s.lo) FILTER (s.direction = e.sends) AS sent,
                min(s.lo) FILTER (s.direction <> e.sends) AS came
            FROM endpoint e JOIN let_go USING (pid) JOIN segment s USING (connection_id) JOIN packet p USING (packet_id)
            WHERE s.shown AND s.hi > s.lo AND p.time_ns > let_go.at GROUP BY ALL
        ),
        pending AS (
            SELECT f.socket_id, sum(d.full_bytes)::BIGINT AS bytes
            FROM call c JOIN call_file f USING (call_id)
            JOIN call_data d ON d.call_id = c.call_id AND d.role = 'payload' AND NOT d.at_exit
            WHERE c.retval IS NULL AND c.errno IS NULL AND c.name IN (SELECT unnest($sends)) GROUP BY ALL
        )
        SELECT e.connection_id, e.role, e.socket_id IS NOT NULL,
               coalesce(e.pid IN (FROM uring), false)
               OR (e.pid IS NULL AND e.role = 'server' AND e.port IN (FROM listener)),
               EXISTS (FROM packet_call) OR EXISTS (FROM socket WHERE family = 'AF_PACKET'
                   OR family IN ('AF_INET', 'AF_INET6') AND type = 'SOCK_RAW' AND protocol NOT IN (1, 58)), -- ICMP's
               coalesce(y.sent, 0), coalesce(y.came, 0), coalesce(l.sent, $far), coalesce(l.came, $far),
               coalesce(n.bytes, 0), coalesce(e.pid IN (SELECT pid FROM let_go), false)
        FROM endpoint e LEFT JOIN early y USING (endpoint_id) LEFT JOIN late l USING (endpoint_id)
        LEFT JOIN pending n ON n.socket_id = e.socket_id
        """,
        {"far": FAR, "sends": [call.name for call in CALLS.values() if Effect.SENDS in call.effects]},
    ).fetchall()
    return {(connection, role): End(*known) for connection, role, *known in rows}


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
