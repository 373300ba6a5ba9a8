"""Counts and times of a capture: its calls, its traffic over time, its waits. Each is one query."""

import duckdb

from wiretale.filter.condition import Filter
from wiretale.filter.events import LAST_MOMENT, EventKind, source
from wiretale.filter.tables import with_all_tables
from wiretale.light import dataclass

NICE = (1, 2, 5)


@dataclass(frozen=True, slots=True)
class CallStats:
    """Calls of one name, or on one descriptor. Times are from entry to return, in ns; bytes are those it moved."""

    what: str
    count: int
    errors: int
    total_ns: int
    p50_ns: int | None
    p99_ns: int | None
    max_ns: int | None
    bytes: int


@dataclass(frozen=True, slots=True)
class TrafficStats:
    """What passed through one connection: payload bytes and packets per bucket, from `origin` on."""

    connection_id: int
    protocol: str
    client: tuple[str | None, int | None]
    server: tuple[str | None, int | None]
    c2s_bytes: int
    s2c_bytes: int
    packets: int
    bytes_over_time: tuple[int, ...]
    packets_over_time: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class WaitStats:
    """Waits of one process in one kind of call on one thing that ended one way."""

    comm: str
    pid: int
    call: str
    on: str
    ended_by: str
    count: int
    total_ns: int
    p50_ns: int | None
    max_ns: int | None
    unended: int


# What one call moved: its stretches of payload, or, of calls on files and pipes, nothing.
_MOVED = """
moved AS (
    SELECT call_id, sum(hi - lo) AS bytes FROM (
        SELECT call_id, lo, hi FROM stream_write UNION ALL SELECT call_id, lo, hi FROM stream_read WHERE NOT peeked
        UNION ALL SELECT call_id, 0, size FROM packet_call WHERE NOT peeked
    ) GROUP BY call_id
)"""
_TIMES = """count(*), count(*) FILTER (errno IS NOT NULL), coalesce(sum(took), 0)::BIGINT,
    quantile_disc(took, 0.5), quantile_disc(took, 0.99), max(took), coalesce(sum(bytes), 0)::BIGINT"""

# The name of a file: a socket's is the connection it was an end of, if that was one.
FILE_NAMES = """
file_name AS (
    SELECT f.file_id, CASE
        WHEN e.protocol IS NOT NULL THEN 'connection ' || e.connection_id || ' (' || e.protocol || ', ' || e.role || ')'
        WHEN s.listening THEN 'listening ' || coalesce(l.local_addr, '?') || coalesce(':' || l.local_port, '')
        WHEN s.family IS NOT NULL THEN lower(replace(s.family, 'AF_', '')) || ' ' || coalesce(f.name, 'socket')
        ELSE coalesce(f.name, f.kind) END AS name
    FROM file f LEFT JOIN socket s USING (file_id)
    LEFT JOIN (
        SELECT e.socket_id, any_value(e.connection_id) AS connection_id, any_value(k.protocol) AS protocol,
               any_value(e.role) AS role
        FROM endpoint e JOIN connection k USING (connection_id) GROUP BY e.socket_id HAVING count(*) = 1
    ) e USING (socket_id)
    LEFT JOIN (
        SELECT inode, arg_max(local_addr, time_ns) AS local_addr, arg_max(local_port, time_ns) AS local_port
        FROM socket_sample WHERE inode <> 0 GROUP BY inode
    ) l ON l.inode = s.inode
    QUALIFY row_number() OVER (PARTITION BY f.file_id ORDER BY s.socket_id) = 1
)"""


def _calls(wanted: Filter, label: str, more: str, name_cte: str = "") -> str:
    ctes = [*wanted.ctes, _MOVED.strip(), *([name_cte.strip()] if name_cte else [])]
    condition = wanted.conditions[EventKind.CALL].sql
    return f"""
WITH {", ".join(ctes)},
chosen AS (
    SELECT c.call_id, c.name, c.pid, c.fd, t.comm, c.errno, c.exit_ns - c.entry_ns AS took
    FROM {source(EventKind.CALL, "t.", condition)} WHERE {condition}
)
SELECT {label} AS what, {_TIMES}
FROM chosen c LEFT JOIN moved m USING (call_id) {more}
GROUP BY what ORDER BY 4 DESC, 2 DESC, 1"""  # noqa: S608 (built from fixed text; values are parameters)


def calls_by_name(db: duckdb.DuckDBPyConnection, wanted: Filter) -> list[CallStats]:
    """By the call's name, those that took most time first."""
    return _call_stats(db, _calls(wanted, "c.name", ""), wanted)


def calls_by_descriptor(db: duckdb.DuckDBPyConnection, wanted: Filter) -> list[CallStats]:
    """By process and what the descriptor was, those that took most time first."""
    label = "coalesce(c.comm, '?') || '(' || c.pid || ') fd ' || c.fd || ' ' || coalesce(n.name, '?')"
    more = "JOIN call_file f USING (call_id) LEFT JOIN file_name n USING (file_id)"
    return _call_stats(db, _calls(wanted, label, more, FILE_NAMES), wanted)


def _call_stats(db: duckdb.DuckDBPyConnection, query: str, wanted: Filter) -> list[CallStats]:
    rows = with_all_tables(db).execute(query, list(wanted.conditions[EventKind.CALL].parameters)).fetchall()
    return [CallStats(str(row[0]), *row[1:]) for row in rows]


def bucket_ns(span_ns: int, most: int) -> int:
    """The shortest of 1, 2, 5, 10, 20, ... ns that divides `span_ns` into at most `most` buckets."""
    scale = 1
    while True:
        for step in NICE:
            if span_ns < step * scale * most:
                return step * scale
        scale *= 10


_TRAFFIC = """
event AS (
    SELECT g.connection_id, g.direction, p.time_ns, coalesce(p.payload_bytes, 0)::BIGINT AS bytes, 1 AS packets
    FROM {packet_from} WHERE p.shown AND g.connection_id IS NOT NULL AND {packet}
    UNION ALL -- without packets the writes say when the bytes went
    SELECT w.connection_id, w.direction, c.start_ns, w.hi - w.lo, 0
    FROM {call_from} JOIN stream_write w USING (call_id)
    WHERE w.connection_id IN (SELECT connection_id FROM connection WHERE packets = 0) AND {call}
)"""


def traffic(
    db: duckdb.DuckDBPyConnection, wanted: Filter, most_buckets: int, top: int
) -> tuple[list[TrafficStats], int, int]:
    """The `top` connections by bytes; also the begin and the length in ns of a bucket, the same for all."""
    call, packet = wanted.conditions[EventKind.CALL], wanted.conditions[EventKind.PACKET]
    events = _TRAFFIC.format(
        packet_from=source(EventKind.PACKET, "g.", packet.sql),
        packet=packet.sql,
        call_from=source(EventKind.CALL, call.sql),
        call=call.sql,
    )
    with_all_tables(db)
    begin = f"WITH {', '.join([*wanted.ctes, events.strip()])}"
    parameters = [*packet.parameters, *call.parameters]
    row = db.execute(
        f"{begin} SELECT min(time_ns), max(time_ns) FROM event",  # noqa: S608 (built from fixed text; values are parameters)
        parameters,
    ).fetchone()
    if row is None or row[0] is None:
        return [], 0, 1
    first, width = int(row[0]), bucket_ns(int(row[1]) - int(row[0]), most_buckets)
    buckets = (int(row[1]) - first) // width + 1
    rows = db.execute(
        f"""{begin},
counted AS (
    SELECT connection_id, (time_ns - {first}) // {width} AS bucket, sum(bytes)::BIGINT AS bytes,
           sum(packets)::BIGINT AS packets,
           coalesce(sum(bytes) FILTER (direction = 'c2s'), 0)::BIGINT AS c2s
    FROM event GROUP BY ALL
),
best AS (
    SELECT connection_id, sum(bytes)::BIGINT AS bytes, sum(packets)::BIGINT AS packets, sum(c2s)::BIGINT AS c2s,
           list((bucket, bytes, packets) ORDER BY bucket) AS parts
    FROM counted GROUP BY connection_id ORDER BY bytes DESC, connection_id LIMIT {top}
)
SELECT b.connection_id, k.protocol, k.client_addr, k.client_port, k.server_addr, k.server_port, b.c2s, b.bytes - b.c2s,
       b.packets, b.parts
FROM best b JOIN connection k USING (connection_id) ORDER BY b.bytes DESC, b.connection_id""",  # noqa: S608 (as above)
        parameters,
    ).fetchall()
    found = []
    for identity, protocol, *ends, sent, received, packets, parts in rows:
        size, count = [0] * buckets, [0] * buckets
        for part in parts:
            bucket, number, many = part.values() if isinstance(part, dict) else part
            size[int(bucket)], count[int(bucket)] = int(number), int(many)
        client, server = (ends[0], ends[1]), (ends[2], ends[3])
        found.append(
            TrafficStats(identity, protocol, client, server, sent, received, packets, tuple(size), tuple(count))
        )
    return found, first, width


def waits(db: duckdb.DuckDBPyConnection, wanted: Filter) -> list[WaitStats]:
    """Who waited in which call on what, and what ended it; the longest in sum first.

    A wait that had not ended counts until its task ended, or else the recording.
    """
    condition = wanted.conditions[EventKind.CALL]
    ctes = [*wanted.ctes, FILE_NAMES.strip(), LAST_MOMENT.strip()]
    took = "coalesce(w.to_ns, t.end_ns, (SELECT end_ns FROM last_moment)) - w.from_ns"
    rows = (
        with_all_tables(db)
        .execute(
            f"""
WITH {", ".join(ctes)}
SELECT coalesce(t.comm, '?'), c.pid, c.name, coalesce(n.name, CASE WHEN w.fd IS NOT NULL THEN 'fd ' || w.fd END, '-'),
       w.ended_by, count(*), coalesce(sum({took}), 0)::BIGINT, quantile_disc({took}, 0.5), max({took}),
       count(*) FILTER (w.to_ns IS NULL)
FROM {source(EventKind.CALL, "t.", condition.sql)} JOIN wait w USING (call_id)
LEFT JOIN socket s ON s.socket_id = w.socket_id LEFT JOIN call_file f ON f.call_id = c.call_id AND c.fd = w.fd
LEFT JOIN file_name n ON n.file_id = coalesce(s.file_id, f.file_id)
WHERE {condition.sql}
GROUP BY ALL ORDER BY 7 DESC, 6 DESC, 1, 2, 3, 4, 5""",  # noqa: S608 (built from fixed text; values are parameters)
            list(condition.parameters),
        )
        .fetchall()
    )
    return [WaitStats(*row) for row in rows]
