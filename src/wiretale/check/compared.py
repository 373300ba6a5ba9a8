"""The bytes at both sides of every link, compared again: independent of how the joins compared them.

By runs of packets (of writes, where no packet is between), which with the calls they are linked to stand beside each
other in the tables: each table is read about once, and what is held does not grow with the capture.
"""

from collections.abc import Callable

import duckdb
import numpy as np

from wiretale.check.ranges import NONE, Flags, Ints, Ranges
from wiretale.light import dataclass, field

_ROWS_AT_ONCE = 250_000
PORTS = (6, 17, 136)  # TCP, UDP, UDP-Lite (linux/in.h)

# The captured bytes of calls: `data` from byte `skip` on stands at `at` to `till` of the stream.
_CALLS = """
SELECT t.{id} AS id, t.lo + d."offset" AS at, least(t.hi, t.lo + d."offset" + octet_length(d.bytes)) AS till,
       d.bytes AS data, 0 AS skip
FROM {table} t JOIN call_data d USING (call_id)
WHERE t.{id} BETWEEN $first_{id} AND $last_{id} AND t.call_id BETWEEN $first_call_of_{id} AND $last_call_of_{id}
  AND d.call_id BETWEEN $first_call_of_{id} AND $last_call_of_{id}
  AND d.role = 'payload' AND d.at_exit = {at_exit} AND d.idx // 65536 = t.message AND d.bytes IS NOT NULL
"""
# TCP throws away what MSG_TRUNC takes (tcp(7)); the buffer then holds what was there before
THROWN_AWAY = """
SELECT call_id FROM call c JOIN stream_read r USING (call_id) JOIN connection k USING (connection_id)
WHERE k.protocol = 'tcp' AND 32 & -- MSG_TRUNC (linux/socket.h)
    CASE c.name WHEN 'recvmsg' THEN c.a2 WHEN 'recvfrom' THEN c.a3 WHEN 'recv' THEN c.a3 ELSE 0 END <> 0
"""
# A frame cut at the snaplen gives what there is of it.
# Of raw and ICMP sockets a segment is the IP packet, or what a fragment has behind its header: its end is the packet's.
_IP_END = """p.network_offset + CASE p.ip_version
    WHEN 4 THEN ('0x' || hex(p.frame[p.network_offset + 3:p.network_offset + 4]))::BIGINT
    ELSE 40 + ('0x' || hex(p.frame[p.network_offset + 5:p.network_offset + 6]))::BIGINT END"""
_PACKETS = f"""
SELECT s.packet_id AS id, s.lo AS at, p.frame AS data, p.payload_offset AS skip,
       s.lo + least(p.payload_bytes, p.captured_bytes::BIGINT - p.payload_offset) AS till
FROM segment s JOIN packet p USING (packet_id)
WHERE s.packet_id BETWEEN $first_packet_id AND $last_packet_id
  AND p.packet_id BETWEEN $first_packet_id AND $last_packet_id AND p.payload_offset IS NOT NULL
  AND p.frame IS NOT NULL AND p.ip_protocol IN {PORTS}
UNION ALL
SELECT s.packet_id, s.lo, p.frame, {_IP_END} - (s.hi - s.lo),
       s.lo + least(s.hi - s.lo, p.captured_bytes::BIGINT - ({_IP_END} - (s.hi - s.lo)))
FROM segment s JOIN packet p USING (packet_id)
WHERE s.packet_id BETWEEN $first_packet_id AND $last_packet_id
  AND p.packet_id BETWEEN $first_packet_id AND $last_packet_id AND p.network_offset IS NOT NULL
  AND p.frame IS NOT NULL AND p.ip_protocol NOT IN {PORTS}
"""  # noqa: S608 (fixed texts)
_ROWS = {
    "write_id": _CALLS.format(id="write_id", table="stream_write", at_exit=False),
    "packet_id": _PACKETS,
    "read_id": _CALLS.format(id="read_id", table="stream_read", at_exit=True)
    + f"""AND t.call_id NOT IN (
        {THROWN_AWAY} AND call_id BETWEEN $first_call_of_read_id AND $last_call_of_read_id
    )""",
}
SIDES = {
    "write_segment": ("write_id", "packet_id"),
    "segment_read": ("packet_id", "read_id"),
    "write_read": ("write_id", "read_id"),
}
_FROM_TO = "SELECT min({id}), max({id}) FROM link WHERE kind = ?"
_LINKS = """
CREATE OR REPLACE TEMP TABLE k_links AS SELECT link_id, lo, hi, write_id, packet_id, read_id FROM link
WHERE kind = $kind AND {id} BETWEEN $first AND $last
"""
_PARTS = """
SELECT link_id, lo, hi, is_whole, a_data[a_skip + lo + 1:a_skip + hi] AS a_part,
       b_data[b_skip + lo + 1:b_skip + hi] AS b_part
FROM (
    SELECT l.link_id, greatest(l.lo, a.at, b.at) AS lo, least(l.hi, a.till, b.till) AS hi,
           l.lo >= greatest(a.at, b.at) AND l.hi <= least(a.till, b.till) AS is_whole,
           a.data AS a_data, a.skip - a.at AS a_skip, b.data AS b_data, b.skip - b.at AS b_skip
    FROM k_links l JOIN ({a}) a ON a.id = l.{a_id} JOIN ({b}) b ON b.id = l.{b_id}
) WHERE lo < hi
"""
_SAME = "SELECT link_id, lo, hi, is_whole, a_part = b_part AS same FROM ({parts})"
# the first position of a link last
_DIFFERING = "SELECT link_id, lo, a_part, b_part FROM ({parts}) WHERE a_part <> b_part ORDER BY link_id, lo DESC"
_PACKETS_SPAN = "SELECT min(packet_id), max(packet_id) FROM k_links"
_CALLS_SPAN = "SELECT min({id}), max({id}), min(call_id), max(call_id) FROM k_links JOIN {table} USING ({id})"


@dataclass(slots=True)
class Compared:
    """What of links was captured at both sides. `whole`: by link_id, those of which all was, and is equal.

    Of the others `parts` has the ranges that are equal, in the order of their links, `part_links`; `differs_at` has the
    first position that is not.
    """

    whole: Flags
    part_links: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    parts: Ranges = field(default_factory=lambda: NONE)
    differs_at: dict[int, int] = field(default_factory=dict)

    def parts_of(self, links: Ints) -> tuple[Ints, Ranges]:
        """The parts of some links, in order; and for each of them, which of those it belongs to."""
        if not len(links):
            return links, NONE
        some = slice(*np.searchsorted(self.part_links, (links[0], links[-1] + 1)))
        at = np.searchsorted(links, self.part_links[some])
        known = links[at] == self.part_links[some]
        return at[known], self.parts[some][known]


def compare(db: duckdb.DuckDBPyConnection, progress: Callable[[float], None]) -> Compared:
    """Compare all links of a capture. `progress` is told the part that is done."""
    last_link = db.execute("SELECT coalesce(max(link_id), 0) FROM link").fetchall()[0][0]
    found = Compared(np.zeros(last_link + 1, bool))
    links, parts = [found.part_links], [found.parts]
    for n, (kind, sides) in enumerate(SIDES.items()):
        run_by = "packet_id" if "packet_id" in sides else "write_id"
        first, last = db.execute(_FROM_TO.format(id=run_by), [kind]).fetchall()[0]
        if first is None:
            continue
        for begin in range(first, last + 1, _ROWS_AT_ONCE):
            progress((n + (begin - first) / (last + 1 - first)) / len(SIDES))
            run_links, run_parts = _compare_run(db, kind, run_by, begin, found)
            links.append(run_links)
            parts.append(run_parts)
    found.part_links, found.parts = np.concatenate(links), np.concatenate(parts)
    order = np.argsort(found.part_links, kind="stable")
    found.part_links, found.parts = found.part_links[order], found.parts[order]
    return found


def _compare_run(
    db: duckdb.DuckDBPyConnection, kind: str, run_by: str, begin: int, found: Compared
) -> tuple[Ints, Ranges]:
    """Compare the links of some packets or writes. Returns the parts that are equal of those that are not wholly so."""
    db.execute(_LINKS.format(id=run_by), {"kind": kind, "first": begin, "last": begin + _ROWS_AT_ONCE - 1})
    a_id, b_id = SIDES[kind]
    spans = _spans(db, a_id) | _spans(db, b_id)
    if None in spans.values():
        return found.part_links, NONE
    parts = _PARTS.format(a=_ROWS[a_id], b=_ROWS[b_id], a_id=a_id, b_id=b_id)
    rows = db.execute(_SAME.format(parts=parts), spans).fetchnumpy()
    found.whole[rows["link_id"][rows["same"] & rows["is_whole"]]] = True
    differing = [] if rows["same"].all() else db.execute(_DIFFERING.format(parts=parts), spans).fetchall()
    for link_id, low, left, right in differing:
        # cut short, the same bytes are not the same
        both = zip(left, right, strict=False)
        found.differs_at[link_id] = low + next(
            (i for i, (x, y) in enumerate(both) if x != y), min(len(left), len(right))
        )
    equal = rows["same"] & ~rows["is_whole"]
    return rows["link_id"][equal], np.column_stack((rows["lo"][equal], rows["hi"][equal]))


def _spans(db: duckdb.DuckDBPyConnection, name: str) -> dict[str, int | None]:
    """From which row to which this run's links go, and of calls from which call to which. None: to none that is."""
    names, query = [f"first_{name}", f"last_{name}"], _PACKETS_SPAN
    if name != "packet_id":
        names += [f"first_call_of_{name}", f"last_call_of_{name}"]
        query = _CALLS_SPAN.format(id=name, table=f"stream_{name.removesuffix('_id')}")
    return dict(zip(names, db.execute(query).fetchall()[0], strict=True))
