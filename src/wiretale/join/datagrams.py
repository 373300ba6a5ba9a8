"""Which datagram is which: those written, captured and read in one direction of a conversation, matched by content.

Every receiver has a queue of its own: what several sockets read of one multicast is matched for each of them.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from itertools import accumulate, islice

import duckdb

from wiretale.join.datagram import PREFIX_BYTES, Datagram, align, doubtful, fits
from wiretale.join.rows import MATCH, MATCHED_PACKET, Row, put
from wiretale.join.senders import datagram_of_call, read_prefixes
from wiretale.light import dataclass

EQUAL = "datagrams of this content were lost or left unread: which of them this is, is not told"


@dataclass(slots=True)
class _Stream:
    """One direction of one datagram conversation."""

    connection_id: int
    direction: str
    writes: list[Datagram]
    packets: list[Datagram]
    reads: list[Datagram]


CALLS = """
SELECT p.connection_id, p.direction, p.side, p.call_id, p.message, p.bytes, p.start_ns, p.exit_ns, p.peeked,
       p.socket_id, p.cut
FROM j_placed p WHERE p.datagram AND p.protocol NOT IN ('icmp', 'icmpv6', 'raw')
ORDER BY p.exit_ns, p.call_id, p.message
"""
# The only part put in is PREFIX_BYTES. Frames are cut before they are joined: a join would hold them whole.
PACKETS = f"""
SELECT c.connection_id, CASE WHEN f.forward = (c.forward = 'c2s') THEN 'c2s' ELSE 's2c' END, f.packet_id,
       p.payload_bytes, p.prefix, f.time_ns, p.ip_id
FROM j_flow_packet f
JOIN j_connection_flow c ON c.flow_id = f.flow_id AND f.time_ns >= c.from_ns AND f.time_ns < c.to_ns
JOIN (
    SELECT packet_id, payload_bytes, ip_id,
           frame[payload_offset + 1:payload_offset + least(payload_bytes, {PREFIX_BYTES})] AS prefix
    FROM packet WHERE ip_protocol IN (17, 136)
) p USING (packet_id)
WHERE f.proto IN (17, 136) ORDER BY f.packet_id
"""  # noqa: S608


def _streams(db: duckdb.DuckDBPyConnection) -> list[_Stream]:
    found: dict[tuple[int, str], _Stream] = {}

    def stream(connection_id: int, direction: str) -> _Stream:
        key = (connection_id, direction)
        if key not in found:
            found[key] = _Stream(connection_id, direction, [], [], [])
        return found[key]

    rows = db.execute(CALLS).fetchall()
    prefixes = (
        read_prefixes(
            db, "SELECT call_id, side FROM j_placed WHERE datagram AND protocol NOT IN ('icmp', 'icmpv6', 'raw')"
        )
        if rows
        else {}
    )
    for connection, direction, side, *row in rows:
        d = datagram_of_call(prefixes, side, (*row,))
        (stream(connection, direction).writes if side == "w" else stream(connection, direction).reads).append(d)
    for connection, direction, packet_id, length, prefix, time, ip_id in db.execute(PACKETS).fetchall():
        size = length or 0
        d = Datagram((packet_id,), size, size, prefix or b"", time, time, ip_id=ip_id)
        stream(connection, direction).packets.append(d)
    return list(found.values())


@dataclass(slots=True)
class _Pair:
    """Two rows that saw one datagram: `first` has the write or packet, `last` the packet or read; `kind` says which."""

    kind: str
    stream: _Stream
    first: Datagram
    last: Datagram
    exact: bool = True


class _Result:
    """Rows for the temporary tables."""

    def __init__(self) -> None:
        self.packets: list[Row] = []
        self.reads: list[Row] = []
        self.pairs: list[_Pair] = []

    def rows(self) -> Iterable[Row]:
        """Rows of j_match."""
        for p in self.pairs:
            write = p.first.key if p.kind != "segment_read" else (None, None)
            packet = {"write_segment": p.last.key, "segment_read": p.first.key}.get(p.kind, (None,))
            read = p.last.key if p.kind != "write_segment" else (None, None)
            lo = max(p.first.lo, p.last.lo)
            hi = min(p.first.lo + p.first.size, p.last.lo + p.last.size)
            yield (p.kind, p.stream.connection_id, p.stream.direction, lo, hi, *write, *packet, *read, p.exact)


def _positions(items: list[Datagram]) -> None:
    at = 0
    for d in items:
        d.lo = at
        at += d.size


def _put_in_place(sent: list[Datagram], seen: list[Datagram], pairs: list[tuple[int, int]]) -> None:
    """Give `seen` the positions of what they are; the segments of one datagram follow each other in it."""
    reached: dict[int, int] = {}
    for i, j in pairs:
        if seen[j].lo < 0 and sent[i].lo >= 0:
            seen[j].lo = reached.get(i, sent[i].lo)
            reached[i] = seen[j].lo + seen[j].size


def _match(s: _Stream, error_ns: int, out: _Result) -> None:
    queues: dict[int | None, list[Datagram]] = defaultdict(list)
    for r in s.reads:
        if not r.peeked:
            queues[r.socket_id].append(r)
    _positions(s.writes or s.packets or next(iter(queues.values()), []))
    repeated: set[int] = set()
    if s.writes:
        pairs = align(s.writes, s.packets, error_ns)
        _put_in_place(s.writes, s.packets, pairs)
        doubts = doubtful(s.writes, s.packets, pairs, error_ns)
        out.pairs += [_Pair("write_segment", s, s.writes[i], s.packets[j], exact=j not in doubts) for i, j in pairs]
    by_id = {p.ip_id: p for p in s.packets if p.lo >= 0 and p.ip_id}
    for p in s.packets:
        twin = by_id.get(p.ip_id) if p.lo < 0 and p.ip_id else None
        if twin is not None and twin.content == p.content:  # the network repeated it
            p.lo = twin.lo
            repeated.add(p.key[0])
    equal: set[tuple[int, ...]] = set()
    for queue in queues.values():
        equal |= _match_queue(s, queue, error_ns, out)
    _match_peeks(s, error_ns, out)
    out.packets += [
        (p.key[0], s.connection_id, s.direction, p.lo if p.lo >= 0 else None, p.size, p.key[0] in repeated)
        for p in s.packets
    ]
    top = 0
    for r in s.reads:
        reason = EQUAL if r.key in equal else None
        if r.lo < 0:
            reason, r.lo = "no datagram of this content was seen before it", top
        out.reads.append((*r.key, r.lo, reason))
        top = max(top, r.lo + r.size)


def _match_queue(s: _Stream, reads: list[Datagram], error_ns: int, out: _Result) -> set[tuple[int, ...]]:
    """What one socket read. Returns the keys of reads that may as well have been another datagram."""
    equal: set[tuple[int, ...]] = set()
    # Packets come first: they tell which of the equal datagrams were lost on the way.
    for source, kind in ((s.packets, "segment_read"), (s.writes, "write_read")):
        pairs = align(source, reads, error_ns)
        _put_in_place(source, reads, pairs)
        if kind == "segment_read" or not s.packets:
            equal |= {reads[j].key for j in doubtful(source, reads, pairs, error_ns)}
        for i, j in pairs:
            d, r = source[i], reads[j]
            if d.lo >= 0 and _meet(d, r):
                out.pairs.append(_Pair(kind, s, d, r, exact=r.key not in equal))
    return equal


def _meet(a: Datagram, b: Datagram) -> bool:
    """Whether their positions overlap, or are one empty datagram's."""
    return a.lo == b.lo or (a.lo < b.lo + b.size and b.lo < a.lo + a.size)


def _match_peeks(s: _Stream, error_ns: int, out: _Result) -> None:
    """A peek shows the datagram that the next read will take: the first that fits after those already taken."""
    taken: dict[int | None, int] = {}
    source, kind = (s.packets, "segment_read") if s.packets else (s.writes, "write_read")
    # the highest position up to each: the first that is higher than some position is the first to be so at all
    highest = list(accumulate((d.lo for d in source), max))
    for r in s.reads:
        if not r.peeked:
            taken[r.socket_id] = max(taken.get(r.socket_id, -1), r.lo)
            continue
        after = taken.get(r.socket_id, -1)
        begin = bisect_right(highest, after)
        shown = next((d for d in islice(source, begin, None) if d.lo > after and fits(d, r, error_ns)), None)
        if shown is not None:
            r.lo = shown.lo
            out.pairs.append(_Pair(kind, s, shown, r))


def put_datagrams(db: duckdb.DuckDBPyConnection, error_ns: int) -> None:
    """Make j_datagram_packet, j_datagram_write, j_datagram_read and j_match from the datagrams of all conversations."""
    out = _Result()
    for stream in _streams(db):
        _match(stream, error_ns, out)
    put(db, "j_datagram_packet", MATCHED_PACKET, out.packets)
    read = (("call_id", "BIGINT"), ("message", "INTEGER"), ("lo", "BIGINT"), ("reason", "VARCHAR"))
    put(db, "j_datagram_read", read, out.reads)
    put(db, "j_match", MATCH, out.rows())
    db.execute(_OF_RAW_SOCKETS)


# What join/raw_connections.py found. Of UDP the first byte of the frame stands as far before the payload as it lies.
_OF_RAW_SOCKETS = """
ALTER TABLE j_datagram_packet ADD COLUMN frame_lo BIGINT;
UPDATE j_datagram_packet SET frame_lo = j_datagram_packet.lo - p.payload_offset
FROM packet p WHERE p.packet_id = j_datagram_packet.packet_id;
INSERT INTO j_datagram_packet SELECT * FROM j_raw_packet;
INSERT INTO j_datagram_read SELECT call_id, message, lo, reason FROM j_raw_call WHERE side = 'r';
CREATE OR REPLACE TEMP TABLE j_datagram_write AS SELECT call_id, message, lo, reason FROM j_raw_call WHERE side = 'w';
INSERT INTO j_match SELECT * FROM j_raw_match;
"""
