"""Which interval is asked about: from a request's first write to the end of the call that read its answer."""

import duckdb

from wiretale.light import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """One interval. It ends when `end_call` returns; it begins with `begin_call`, which may be the same one."""

    begin_call: int
    end_call: int
    tid: int
    begin_ns: int
    end_ns: int


# Every read, with the write it answers: of the last run of writes before it, by the same end of the connection, the
# first one.
_ANSWERS = """
WITH moved AS (
    SELECT w.connection_id, w.direction = 'c2s' AS by_client, true AS is_write, w.call_id, c.start_ns, c.exit_ns, c.tid
    FROM stream_write w JOIN call c USING (call_id)
    UNION ALL
    SELECT r.connection_id, r.direction = 's2c', false, r.call_id, c.start_ns, c.exit_ns, c.tid
    FROM stream_read r JOIN call c USING (call_id) WHERE NOT r.peeked
),
run AS (
    SELECT *, sum(CAST(is_write AND NOT coalesce(was_write, false) AS INTEGER)) OVER w AS number
    FROM (SELECT *, lag(is_write) OVER (PARTITION BY connection_id, by_client ORDER BY start_ns, call_id) AS was_write
          FROM moved)
    WINDOW w AS (PARTITION BY connection_id, by_client ORDER BY start_ns, call_id ROWS UNBOUNDED PRECEDING)
),
begun AS (
    SELECT connection_id, by_client, number, arg_min(call_id, start_ns) AS begin_call, min(start_ns) AS begin_ns
    FROM run WHERE is_write GROUP BY ALL
)
SELECT b.begin_call, r.call_id, r.tid, b.begin_ns, r.exit_ns
FROM run r JOIN begun b USING (connection_id, by_client, number)
WHERE NOT r.is_write AND r.exit_ns IS NOT NULL
"""

_OF_BYTES = """SELECT r.call_id FROM stream_read r JOIN call c USING (call_id)
WHERE NOT r.peeked AND c.exit_ns IS NOT NULL AND r.connection_id = ? AND r.direction = ? AND r.lo <= ? AND r.hi > ?
ORDER BY c.exit_ns LIMIT 1"""

_OF_PACKET = """SELECT r.call_id FROM packet p JOIN link l USING (packet_id) JOIN stream_read r USING (read_id)
JOIN call c ON c.call_id = r.call_id
WHERE p.number = ? AND l.kind = 'segment_read' AND NOT r.peeked AND c.exit_ns IS NOT NULL
ORDER BY c.exit_ns DESC LIMIT 1"""


def slowest_answer(db: duckdb.DuckDBPyConnection, connection: int | None = None) -> Span | None:
    """The answer, of all or of one connection's, that took longest from its request; None if none was read."""
    where = "AND connection_id = $connection" if connection is not None else ""
    parameters = {"connection": connection} if connection is not None else {}
    found = db.execute(f"{_ANSWERS} {where} ORDER BY r.exit_ns - b.begin_ns DESC LIMIT 1", parameters).fetchone()
    return Span(*found) if found else None


def span_of_call(db: duckdb.DuckDBPyConnection, call_id: int, since: int | None = None) -> Span | None:
    """The interval that a call's return ends; None if there is no such call or it did not return.

    It begins with the call `since`; without one, of a read, with the request it answers; otherwise with the call.
    """
    row = db.execute("SELECT tid, start_ns, exit_ns FROM call WHERE call_id = ?", [call_id]).fetchone()
    if row is None or row[2] is None:
        return None
    tid, start_ns, exit_ns = row
    if since is not None:
        begin = db.execute("SELECT start_ns FROM call WHERE call_id = ?", [since]).fetchone()
        return Span(since, call_id, tid, begin[0], exit_ns) if begin and begin[0] < exit_ns else None
    found = db.execute(f"{_ANSWERS} AND r.call_id = ? ORDER BY b.begin_ns LIMIT 1", [call_id]).fetchone()
    return Span(*found) if found else Span(call_id, call_id, tid, start_ns, exit_ns)


def reader_of_bytes(db: duckdb.DuckDBPyConnection, connection: int, direction: str, last: int) -> int | None:
    """The call that took the byte at a position of a stream."""
    row = db.execute(_OF_BYTES, [connection, direction, last, last]).fetchone()
    return row[0] if row else None


def reader_of_packet(db: duckdb.DuckDBPyConnection, number: int) -> int | None:
    """The call that took the last of a packet's bytes."""
    row = db.execute(_OF_PACKET, [number]).fetchone()
    return row[0] if row else None
