"""The rows of connections, and what their own bytes and headers say: independent of how the joins compared them.

Positions of TCP segments are computed again from the raw sequence numbers; every link's two rows are compared again.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import duckdb
import numpy as np

from wiretale.check.ranges import Ranges, union

SYN, RST = 2, 4  # TCP flags (RFC 9293)
MSG_TRUNC = 0x20  # linux/socket.h
KINDS = ("write_segment", "segment_read", "write_read")
Pieces = list[tuple[int, bytes]]
Link = tuple[int, str, str, int, int, int, int, int]  # link_id, kind, direction, lo, hi, write_id, packet_id, read_id

# All for the connections with numbers from one to another: a query for each connection would read each table as often.
_ROWS = """
SELECT t.connection_id, {id}, t.direction, t.lo, t.hi, t.exact, t.reason, {peeked}, c.name
FROM {table} t JOIN call c USING (call_id) WHERE t.connection_id BETWEEN $first AND $last ORDER BY t.connection_id, t.lo
"""
_BYTES = """
SELECT {id}, t.lo + d."offset", d.bytes[1:t.hi - t.lo - d."offset"] FROM {table} t JOIN call_data d USING (call_id)
JOIN call c USING (call_id)
JOIN connection k USING (connection_id)
WHERE t.connection_id BETWEEN $first AND $last AND d.role = 'payload' AND d.at_exit = $at_exit
  AND d.idx // 65536 = t.message
  -- TCP throws away what MSG_TRUNC takes (tcp(7)); the buffer then holds what was there before
  AND NOT ($at_exit AND k.protocol = 'tcp' AND $trunc & CASE c.name
           WHEN 'recvmsg' THEN c.a2 WHEN 'recvfrom' THEN c.a3 WHEN 'recv' THEN c.a3 ELSE 0 END <> 0)
  AND d."offset" < t.hi - t.lo AND octet_length(d.bytes) > 0
"""
# The payload of every shown packet; a frame cut at the snaplen gives what there is of it.
_PACKETS = """
SELECT s.connection_id, s.packet_id, s.direction, s.lo, s.hi, p.seq, p.flags,
       -- a keep-alive's byte is none of the stream's; where a link says that it is, the bytes are compared
       list_contains(s.analysis, 'keep_alive')
       AND s.packet_id NOT IN (
           SELECT packet_id FROM link WHERE connection_id BETWEEN $first AND $last AND packet_id IS NOT NULL
       ),
       p.frame[p.payload_offset + 1:p.payload_offset + p.payload_bytes], p.payload_bytes, p.payload_offset IS NULL,
       -- only the first of an IP packet's fragments has ports
       p.src = CASE s.direction WHEN 'c2s' THEN k.client_addr ELSE k.server_addr END
       AND coalesce(p.srcport = CASE s.direction WHEN 'c2s' THEN k.client_port ELSE k.server_port END, p.fragment)
FROM segment s JOIN packet p USING (packet_id) JOIN connection k USING (connection_id)
WHERE s.connection_id BETWEEN $first AND $last AND s.shown ORDER BY s.packet_id
"""
_LINKS = """
SELECT connection_id, link_id, kind, direction, lo, hi, write_id, packet_id, read_id FROM link
WHERE connection_id BETWEEN $first AND $last ORDER BY link_id
"""


@dataclass(frozen=True, slots=True)
class Row:
    """A write, a segment or a read. `data` holds its captured bytes by position."""

    row_id: int
    direction: str
    lo: int
    hi: int
    call: str | None = None
    exact: bool = True
    reason: str | None = None
    peeked: bool = False
    in_parts: bool = False  # a packet put together from fragments: no one frame has its bytes
    data: Pieces = field(default_factory=list)


@dataclass(slots=True)
class Rows:
    """All of one connection, by id; its links; and what is wrong with them."""

    writes: dict[int, Row] = field(default_factory=dict)
    packets: dict[int, Row] = field(default_factory=dict)
    reads: dict[int, Row] = field(default_factory=dict)
    unplaced: dict[str, int] = field(default_factory=lambda: defaultdict(int))  # packets' bytes without a position
    links: list[Link] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Linked:
    """The links of one direction: ranges covered, and of these the bytes compared that were equal.

    By kind and call's row: several sockets may read the same multicast, and a peek takes nothing.
    """

    covered: dict[tuple[str, int], list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))
    equal: dict[tuple[str, int], list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))
    links: int = 0

    def of(self, kind: str, row: Row) -> Ranges:
        """What of a write or a read is linked by `kind`."""
        return union(self.covered.get((kind, row.row_id), ()))

    def compared(self, kind: str, row: Row) -> Ranges:
        """What of a write or a read was compared, and is equal."""
        return union(self.equal.get((kind, row.row_id), ()))


def read_rows(db: duckdb.DuckDBPyConnection, protocols: Mapping[int, str]) -> dict[int, Rows]:
    """The rows of some connections, which follow each other, with their captured bytes; protocols by connection."""
    found = {connection_id: Rows() for connection_id in protocols}
    span = {"first": min(protocols), "last": max(protocols)}
    for table, name, at_exit in (("stream_write", "write_id", False), ("stream_read", "read_id", True)):
        pieces: dict[int, Pieces] = defaultdict(list)
        values = {**span, "at_exit": at_exit, "trunc": MSG_TRUNC}
        for row_id, lo, data in db.execute(_BYTES.format(id=name, table=table), values).fetchall():
            pieces[row_id].append((lo, data))
        peeked = "t.peeked" if at_exit else "false"
        for connection_id, row_id, direction, lo, hi, exact, reason, peek, call in db.execute(
            _ROWS.format(id=name, table=table, peeked=peeked), span
        ).fetchall():
            rows = found[connection_id]
            into = rows.reads if at_exit else rows.writes
            into[row_id] = Row(row_id, direction, lo, hi, call, exact, reason, peek, data=pieces.get(row_id, []))
    _read_packets(db, span, protocols, found)
    for connection_id, *link in db.execute(_LINKS, span).fetchall():
        found[connection_id].links.append(tuple(link))
    return found


def _read_packets(
    db: duckdb.DuckDBPyConnection, span: dict[str, int], protocols: Mapping[int, str], found: dict[int, Rows]
) -> None:
    # id, seq, flags, claimed position
    headers: dict[tuple[int, str], list[tuple[int, int, int, int]]] = defaultdict(list)
    for connection_id, packet_id, direction, lo, hi, seq, flags, is_probe, data, size, in_parts, is_ours in db.execute(
        _PACKETS, span
    ).fetchall():
        rows, protocol = found[connection_id], protocols[connection_id]
        if not is_ours:
            end = "client" if direction == "c2s" else "server"
            rows.wrong.append(f"packet {packet_id} does not come from the {end}'s address")
        if protocol == "tcp" and lo is not None and seq is not None and not flags & RST:
            headers[connection_id, direction].append((packet_id, seq, flags, lo))
        if lo is None:
            rows.unplaced[direction] += size or 0
        elif (hi > lo or protocol == "udp") and not is_probe:
            rows.packets[packet_id] = Row(
                packet_id, direction, lo, hi, in_parts=in_parts, data=[(lo, data)] if data else []
            )
    for (connection_id, _), those in headers.items():
        found[connection_id].wrong += misplaced(those)


def misplaced(headers: Sequence[tuple[int, int, int, int]]) -> list[str]:
    """Segments of one direction, in order, whose claimed position is not what their sequence number says (RFC 9293).

    Each is (packet, sequence number, flags, claimed position). The first byte after the SYN is position 0; without a
    SYN all must at least agree with each other.
    """
    numbers = np.array([seq for _, seq, _, _ in headers], np.int64)
    claimed = np.array([at for _, _, _, at in headers], np.int64)
    syn = np.array([bool(flags & SYN) for _, _, flags, _ in headers])
    if not len(numbers):
        return []
    # steps between consecutive sequence numbers are taken as the nearer way around the 32-bit circle
    steps = (np.diff(numbers) + (1 << 31)) % (1 << 32) - (1 << 31)
    unwrapped = numbers[0] + np.concatenate(([0], np.cumsum(steps)))
    unwrapped = unwrapped + syn  # payload on a SYN begins one after it
    origin = unwrapped[np.argmax(syn)] if syn.any() else unwrapped[0] - claimed[0]
    return [
        f"packet {headers[i][0]} is placed at {claimed[i]}, its sequence number says {unwrapped[i] - origin}"
        for i in np.flatnonzero(unwrapped - origin != claimed).tolist()
    ]


def follow_links(rows: Rows) -> dict[str, Linked]:
    """Compare both rows of every link again. What is wrong goes to `rows.wrong`."""
    found = {direction: Linked() for direction in ("c2s", "s2c")}
    for link_id, kind, direction, lo, hi, write_id, packet_id, read_id in rows.links:
        ends = {
            "write_segment": (rows.writes.get(write_id), rows.packets.get(packet_id)),
            "segment_read": (rows.packets.get(packet_id), rows.reads.get(read_id)),
            "write_read": (rows.writes.get(write_id), rows.reads.get(read_id)),
        }[kind]
        found[direction].links += 1
        first, last = ends
        if first is None or last is None or not _lies_in(first, last, direction, lo, hi):
            rows.wrong.append(f"{kind} link {link_id}, bytes {lo} to {hi}, is not inside both of its rows")
            continue
        row = last.row_id if kind != "write_segment" else first.row_id
        found[direction].covered[kind, row].append((lo, hi))
        same, differs_at = _compare(first.data, last.data, lo, hi)
        found[direction].equal[kind, row] += same
        if differs_at is not None:
            rows.wrong.append(f"{kind} link {link_id}, bytes {lo} to {hi}: the captured bytes differ at {differs_at}")
    return found


def _lies_in(first: Row, last: Row, direction: str, lo: int, hi: int) -> bool:
    """Whether a link is inside both rows. It is empty if one of them is: a datagram without bytes, or none taken."""
    is_empty = first.lo == first.hi or last.lo == last.hi
    inside = all(row.direction == direction and row.lo <= lo <= hi <= row.hi for row in (first, last))
    return inside and (lo < hi or is_empty)


def _compare(first: Pieces, last: Pieces, lo: int, hi: int) -> tuple[list[tuple[int, int]], int | None]:
    """Ranges within [lo, hi) that both captured and that are equal; and the first position at which they differ."""
    same: list[tuple[int, int]] = []
    for a_lo, a in first:
        for b_lo, b in last:
            begin, end = max(lo, a_lo, b_lo), min(hi, a_lo + len(a), b_lo + len(b))
            if begin >= end:
                continue
            left, right = a[begin - a_lo : end - a_lo], b[begin - b_lo : end - b_lo]
            if left != right:
                differs = next(i for i, (x, y) in enumerate(zip(left, right, strict=True)) if x != y)
                return same, begin + differs
            same.append((begin, end))
    return same, None
