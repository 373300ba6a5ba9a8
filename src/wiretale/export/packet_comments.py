"""What is known of a packet's two ends: process, descriptor, calls and byte range, in words for a comment.

The sentences are put together by DuckDB, from words that were escaped before: a Python object for each of their parts
takes longer than all the rest of an export.
"""

from collections import defaultdict
from typing import NamedTuple

import duckdb

from wiretale.decode.escape import escape_text

CALLS_NAMED = 4  # calls listed for one packet and one end; the rest is counted


class PacketEnds(NamedTuple):
    """Comments of one packet; `pid` and `tid` are the sender's, or the receiver's if only that one was traced."""

    comments: list[str]
    pid: int
    tid: int


# Of each end and direction: which process.
_ENDS = """
CREATE OR REPLACE TEMP TABLE k_ends AS SELECT connection_id, sends, pid, w.escaped || '(' || pid || ')' ||
    coalesce(' fd ' || fd, '') AS process
FROM (
    SELECT e.connection_id, e.sends, e.pid, e.fd, coalesce(arg_max(t.comm, t.start_ns), '?') AS comm
    FROM endpoint e LEFT JOIN task t ON t.pid = e.pid AND t.is_leader WHERE e.pid IS NOT NULL GROUP BY ALL
) JOIN k_words w ON w.word = comm"""

_SEGMENTS = """
SELECT s.packet_id, 'from ' || a.process, a.pid, 'to ' || b.process, b.pid
FROM segment s SEMI JOIN {packets} USING (packet_id)
LEFT JOIN k_ends a ON a.connection_id = s.connection_id AND a.sends = s.direction
LEFT JOIN k_ends b ON b.connection_id = s.connection_id AND b.sends <> s.direction
WHERE s.packet_id BETWEEN $first AND $last"""

# Grouped before names are looked up: of each packet and call one row.
_CALLS = """
WITH linked AS (
    SELECT l.packet_id, s.call_id, min(l.lo) AS low, max(l.hi) - 1 AS high
    FROM link l SEMI JOIN {packets} USING (packet_id) JOIN {table} s ON s.{key} = l.{key}
    WHERE l.kind = '{kind}' AND l.packet_id BETWEEN $first AND $last GROUP BY l.packet_id, s.call_id
),
counted AS (
    SELECT *, count(*) OVER (PARTITION BY packet_id) AS calls FROM linked
    QUALIFY row_number() OVER (PARTITION BY packet_id ORDER BY call_id) <= {named}
)
SELECT n.packet_id, '{way} ' || w.escaped || '(' || c.pid || ')' || coalesce(' fd ' || c.fd, '') || ': ' || v.escaped
       || ' (call ' || call_id || '), '
       || CASE low WHEN high THEN 'byte ' || low ELSE 'bytes ' || low || '-' || high END,
       c.pid, c.tid, n.calls
FROM counted n JOIN call c USING (call_id) LEFT JOIN task t ON t.task_id = c.task_id
JOIN k_words w ON w.word = coalesce(t.comm, '?') JOIN k_words v ON v.word = c.name
ORDER BY n.packet_id, call_id"""
_SIDES = {
    "from": ("stream_write", "write_id", "write_segment"),
    "to": ("stream_read", "read_id", "segment_read"),
}
_Call = tuple[str, int, int, int]  # comment, pid, tid, calls of this packet and end, the others included


class Comments:
    """Answers for the packets of a temporary table."""

    def __init__(self, db: duckdb.DuckDBPyConnection, packets: str) -> None:
        self._db, self._packets = db, packets
        words = db.execute("SELECT DISTINCT comm FROM task UNION SELECT DISTINCT name FROM call UNION SELECT '?'")
        escaped = [(word, escape_text(word)) for (word,) in words.fetchall() if word is not None]
        db.execute("CREATE OR REPLACE TEMP TABLE k_words (word VARCHAR, escaped VARCHAR)")
        db.executemany("INSERT INTO k_words VALUES (?, ?)", escaped)
        db.execute(_ENDS)

    def of(self, first: int, last: int) -> dict[int, PacketEnds]:
        """Of the packets with numbers from one to another, by number; those of which nothing is known are left out."""
        found: dict[int, PacketEnds] = {}
        span = {"first": first, "last": last}
        writes, reads = (self._calls(way, span) for way in _SIDES)
        segments = self._db.execute(_SEGMENTS.format(packets=self._packets), span).fetchall()
        for packet_id, sender, sender_pid, receiver, receiver_pid in segments:
            comments: list[str] = []
            who = _say(comments, "from", writes.get(packet_id), sender, sender_pid)
            to = _say(comments, "to", reads.get(packet_id), receiver, receiver_pid)
            if who or to:
                found[packet_id] = PacketEnds(comments, *(who or to))
        return found

    def _calls(self, way: str, span: dict[str, int]) -> dict[int, list[_Call]]:
        table, key, kind = _SIDES[way]
        query = _CALLS.format(packets=self._packets, table=table, key=key, kind=kind, named=CALLS_NAMED, way=way)
        grouped: dict[int, list[_Call]] = defaultdict(list)
        for packet_id, *call in self._db.execute(query, span).fetchall():
            grouped[packet_id].append(tuple(call))
        return grouped


def _say(
    comments: list[str], way: str, calls: list[_Call] | None, end: str | None, pid: int | None
) -> tuple[int, int] | tuple[()]:
    """Add what is known of one end. Returns its pid and tid."""
    if calls:
        comments += [call[0] for call in calls]
        _, pid, tid, count = calls[0]
        if count > len(calls):
            comments.append(f"{way} {count - len(calls)} more calls")
        return pid, tid
    if end is None or pid is None:
        return ()
    comments.append(end)
    return pid, pid
