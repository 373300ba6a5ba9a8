"""Which of several captured copies of the same bytes reached the other end first (temporary table `j_part`).

Where the capture sees packets arrive, it is the first of them. Where it sees them leave, a copy may have been lost on
the way, and only acknowledgements tell. What they cover had arrived before them (RFC 9293, RFC 2018), so a copy that
was the only one sent by then is it. Of copies at the left edge of what one newly covers, those with a later timestamp
than it echoes had not arrived (Eifel, RFC 3522). The reverse proves nothing: an acknowledgement that echoes the last
copy may follow one that was lost. What these leave open stays open.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator

import duckdb

from wiretale.join.rows import Row, put
from wiretale.light import dataclass

COLUMNS = (
    ("packet_id", "BIGINT"),
    ("lo", "BIGINT"),
    ("hi", "BIGINT"),
    ("copies", "INTEGER"),
    ("first_copy", "BOOLEAN"),
)

# Segments of streams in which a position was captured twice: a repeat begins below the top so far.
REPEATED = """
WITH topped AS (
    SELECT s.connection_id, s.direction, s.lo, max(s.hi) OVER before AS top FROM j_segment_row s WHERE NOT s.keep_alive
    WINDOW before AS (PARTITION BY s.connection_id, s.direction ORDER BY s.packet_id
                      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
)
SELECT s.connection_id, s.direction, s.packet_id, s.lo, s.hi, p.tap = 'in', p.tsval
FROM j_segment_row s JOIN packet p USING (packet_id)
WHERE NOT s.keep_alive
  AND (s.connection_id, s.direction) IN (SELECT (connection_id, direction) FROM topped WHERE lo < top)
ORDER BY s.connection_id, s.direction, s.packet_id
"""
# The other end's acknowledgements; SACK edges as positions (sequence numbers are compared around the 32-bit circle).
ACKS = """
SELECT s.packet_id, s.rel_ack - 1, p.tsecr, p.ack, p.sack
FROM segment s JOIN packet p USING (packet_id)
WHERE s.connection_id = $connection AND s.direction <> $direction AND s.shown AND s.rel_ack IS NOT NULL
  AND s.packet_id NOT IN (SELECT packet_id FROM j_data)
UNION ALL -- those of MPTCP; numbers and clocks of subflows have nothing to do with each other
SELECT s.packet_id, s.acked, NULL, NULL, NULL
FROM segment s JOIN j_data USING (packet_id)
WHERE s.connection_id = $connection AND s.direction <> $direction AND s.shown AND s.acked IS NOT NULL
ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Copy:
    """One captured segment with payload [lo, hi); `arriving`: seen where it arrives."""

    packet_id: int
    lo: int
    hi: int
    arriving: bool
    tsval: int | None


@dataclass(frozen=True, slots=True)
class Ack:
    """One acknowledgement: all before `at` and the `blocks` had arrived; `before` is where the last one stood."""

    packet_id: int
    at: int
    before: int
    tsecr: int | None
    blocks: tuple[tuple[int, int], ...]

    def covers(self, lo: int, hi: int) -> bool:
        return self.at >= hi or any(a <= lo and hi <= b for a, b in self.blocks)


def first_to_arrive(copies: list[Copy], lo: int, hi: int, acks: list[Ack]) -> int | None:
    """The packet whose copy of [lo, hi) arrived first; None if the capture does not tell.

    `copies` stand in the order of capture.
    """
    if copies[0].arriving:
        return copies[0].packet_id
    ack = next((a for a in acks if a.packet_id > copies[0].packet_id and a.covers(lo, hi)), None)
    if ack is None:
        return None
    sent = [c for c in copies if c.packet_id < ack.packet_id]
    if len(sent) == 1:
        return sent[0].packet_id
    if ack.at < hi or ack.tsecr is None or not lo <= ack.before < hi:
        return None
    early = [c for c in sent if c.tsval is not None and not _later(c.tsval, ack.tsecr)]
    return early[0].packet_id if len(early) == 1 else None


def _later(a: int, b: int) -> bool:
    """Whether timestamp `a` is after `b`, around the 32-bit circle (RFC 7323, section 5.2)."""
    return 0 < (a - b) & 0xFFFFFFFF < 1 << 31


def parts(copies: list[Copy], acks: list[Ack]) -> Iterator[Row]:
    """Rows of j_part for one stream: each segment cut where the number of copies, or the answer, changes."""
    edges = sorted({edge for c in copies for edge in (c.lo, c.hi)})
    holding: list[list[Copy]] = [[] for _ in edges]
    for copy in copies:
        first = bisect_right(edges, copy.lo) - 1
        for n in range(first, bisect_right(edges, copy.hi) - 1):
            holding[n].append(copy)
    open_rows: dict[int, list[object]] = {}
    for n, group in enumerate(holding[:-1]):
        lo, hi = edges[n], edges[n + 1]
        winner = first_to_arrive(group, lo, hi, acks) if len(group) > 1 else None
        for copy in group:
            state = None if winner is None else copy.packet_id == winner
            row = open_rows.get(copy.packet_id)
            if row is not None and row[2] == lo and row[3:] == [len(group), state]:
                row[2] = hi
                continue
            if row is not None:
                yield tuple(row)
            open_rows[copy.packet_id] = [copy.packet_id, lo, hi, len(group), state]
    for row in open_rows.values():
        yield tuple(row)


def put_copies(db: duckdb.DuckDBPyConnection) -> None:
    """Make `j_part`: rows only for segments of streams in which a position was captured more than once."""
    streams: dict[tuple[int, str], list[Copy]] = defaultdict(list)
    for connection_id, direction, *rest in db.execute(REPEATED).fetchall():
        streams[connection_id, direction].append(Copy(*rest))
    rows: list[Row] = []
    for (connection_id, direction), copies in streams.items():
        values = {"connection": connection_id, "direction": direction}
        rows += parts(copies, list(_acks(db.execute(ACKS, values).fetchall())))
    put(db, "j_part", COLUMNS, rows)


def _acks(rows: list[tuple[int, int, int | None, int, list[int] | None]]) -> Iterator[Ack]:
    before = 0
    for packet_id, at, tsecr, ack, sack in rows:
        positions = [at + (edge - ack + (1 << 31)) % (1 << 32) - (1 << 31) for edge in sack or ()]
        yield Ack(packet_id, at, before, tsecr, tuple(zip(positions[::2], positions[1::2], strict=False)))
        before = max(before, at)
