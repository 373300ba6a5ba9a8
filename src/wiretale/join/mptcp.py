"""Multipath TCP: which flows are one connection, and where their segments' bytes stand in it (RFC 8684).

A subflow counts its own bytes; where they stand in the connection is what DSS options say, and bytes may be sent again
on another subflow under other numbers. So positions of its segments come from mappings alone. Temporary tables:
`j_data` (one row per segment of such a flow) and `j_joined` (one row per further subflow, with the flow it joined).
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable

import duckdb

from wiretale.decode.mptcp import Capable, Join, Mapping, Option, Signal, initial_number, read, token, unwrapped
from wiretale.join.coverage import add_coverage
from wiretale.join.rows import Row, put
from wiretale.light import dataclass, field

SYN, ACK = 2, 16  # flags of TCP
_NEAR = 8  # a shorter mapping may repeat a part of a longer one

_ROWS = """
SELECT s.packet_id, f.flow_id, s.forward, f.cookie, s.flags, s.rel_seq, coalesce(p.payload_bytes, 0), p.options
FROM j_flow f JOIN j_segment s USING (stream)
JOIN ( -- frames are cut before they are joined
    SELECT packet_id, payload_bytes, frame[transport_offset + 21:payload_offset] AS options
    FROM packet WHERE ip_protocol = 6
) p USING (packet_id)
WHERE s.stream IN (SELECT stream FROM j_segment JOIN packet USING (packet_id) WHERE mptcp IS NOT NULL)
ORDER BY s.packet_id
"""
_PLACED = """
CREATE OR REPLACE TEMP TABLE j_segment AS
SELECT s.* REPLACE (
    CASE WHEN d.packet_id IS NULL THEN s.lo ELSE d.lo END AS lo,
    CASE WHEN d.packet_id IS NULL THEN s.hi ELSE d.hi END AS hi,
    coalesce(d.fin, s.fin) AS fin, coalesce(d.is_new, s.is_new) AS is_new)
FROM j_segment s LEFT JOIN j_data d USING (packet_id)
"""
_COLUMNS = (
    ("packet_id", "BIGINT"), ("lo", "BIGINT"), ("hi", "BIGINT"), ("fin", "BOOLEAN"), ("is_new", "BOOLEAN"),
    ("acked", "BIGINT"),
)  # fmt: skip
UNMAPPED = "no mapping of their bytes to the connection's (RFC 8684, DSS) was captured"


@dataclass(slots=True)
class _Segment:
    """`at`: relative sequence number of its first byte of payload; `forward`: sent by the flow's first end."""

    packet_id: int
    forward: bool
    at: int
    size: int
    options: list[Option]


@dataclass(slots=True)
class _Flow:
    """One flow with options of MPTCP. `keys`: of the end that sends that way, with the version."""

    cookie: int | None
    segments: list[_Segment] = field(default_factory=list)
    keys: dict[bool, tuple[bytes, int]] = field(default_factory=dict)
    joins: tuple[bytes, bool] | None = None  # the token, and which way the SYN went that named it

    def add(self, segment: _Segment, flags: int) -> None:
        """Its segments come in order."""
        self.segments.append(segment)
        for option in segment.options:
            if isinstance(option, Capable) and option.receiver is not None:
                self.keys[segment.forward] = option.sender, option.version
                self.keys[not segment.forward] = option.receiver, option.version
            elif isinstance(option, Capable) and flags & (SYN | ACK) == SYN | ACK:
                self.keys[segment.forward] = option.sender, option.version
            elif isinstance(option, Join) and flags & (SYN | ACK) == SYN:
                self.joins = option.token, segment.forward


@dataclass(slots=True)
class _Way:
    """One direction of a connection. `origin`: the data sequence number of its first byte; None if nobody told."""

    origin: int | None
    last: int = 0  # a number seen lately: those with 32 bits are near it
    last_ack: int = 0
    carried: list[tuple[int, int]] = field(default_factory=list)  # what was, in order and apart

    def position(self, number: int, bits: int) -> int:
        """Where in the stream a data sequence number stands."""
        if self.origin is None:
            self.origin = self.last = number
        self.last = unwrapped(number, bits, self.last)
        return self.last - self.origin

    def acknowledged(self, number: int, bits: int) -> int | None:
        """The position that the other end acknowledged; None where it cannot be told."""
        if self.origin is None:
            return None
        self.last_ack = unwrapped(number, bits, self.last_ack or self.origin)
        return self.last_ack - self.origin

    def is_new(self, lo: int, hi: int) -> bool:
        """Whether any of these bytes was not carried before; it is now."""
        first = bisect_right(self.carried, (lo,)) - 1
        first = first if first >= 0 and self.carried[first][1] >= lo else first + 1
        last = first
        while last < len(self.carried) and self.carried[last][0] <= hi:
            last += 1
        touched = self.carried[first:last]
        if touched and touched[0][0] <= lo and touched[0][1] >= hi:
            return False
        self.carried[first:last] = [(min([lo, *(a for a, _ in touched)]), max([hi, *(b for _, b in touched)]))]
        return True


def put_mptcp(db: duckdb.DuckDBPyConnection) -> set[int]:
    """Make `j_data` and `j_joined`, and place the segments in j_segment. Returns the flows that joined another."""
    flows = _read(db)
    joined = _joined(flows)
    groups: dict[int, list[tuple[_Flow, bool]]] = {n: [(f, True)] for n, f in flows.items() if n not in joined}
    for flow_id, (main, same) in joined.items():
        groups[main].append((flows[flow_id], same))
    rows = [row for n, group in groups.items() for row in _placed(flows[n].keys, group)]
    put(db, "j_data", _COLUMNS, rows)
    columns = (("flow_id", "BIGINT"), ("main_id", "BIGINT"), ("same", "BOOLEAN"))
    put(db, "j_joined", columns, ((n, *of) for n, of in joined.items()))
    if rows:
        db.execute(_PLACED)
    lost = "SELECT count(*) FROM j_data JOIN packet USING (packet_id) WHERE lo IS NULL AND payload_bytes > 0"
    row = db.execute(lost).fetchone()
    add_coverage(db, "MPTCP segments without a place", int(row[0]) if row else 0, "unmatched", UNMAPPED)
    return set(joined)


def _read(db: duckdb.DuckDBPyConnection) -> dict[int, _Flow]:
    """The flows in which MPTCP was spoken: both ends were capable of it, or data came with mappings."""
    flows: dict[int, _Flow] = {}
    rows = db.execute(_ROWS)
    while batch := rows.fetchmany(10_000):
        for packet_id, flow_id, forward, cookie, flags, rel_seq, size, options in batch:
            flow = flows.setdefault(flow_id, _Flow(cookie))
            at = (rel_seq or 0) + (flags >> 1 & 1)  # a SYN counts as the byte before
            flow.add(_Segment(packet_id, forward, at, size, list(read(options or b""))), flags)
    return {n: f for n, f in flows.items() if len(f.keys) == 2 or f.joins or _has_mappings(f)}


def _has_mappings(flow: _Flow) -> bool:
    return any(isinstance(o, Signal) and o.mapping is not None for s in flow.segments for o in s.options)


def _joined(flows: dict[int, _Flow]) -> dict[int, tuple[int, bool]]:
    """Which flow each further subflow joined, and whether the first ends of both are the same end."""
    owners = {
        (flow.cookie, token(key, version)): (n, way)
        for n, flow in flows.items()
        for way, (key, version) in flow.keys.items()
    }
    found = {}
    for n, flow in flows.items():
        if flow.joins is not None and (owner := owners.get((flow.cookie, flow.joins[0]))) is not None:
            main, way = owner  # the SYN went to the end that has the key, as what the other end of `main` sends
            found[n] = main, flow.joins[1] == (not way)
    return found


def _placed(keys: dict[bool, tuple[bytes, int]], group: list[tuple[_Flow, bool]]) -> Iterable[Row]:
    """Rows of `j_data` for the flows of one connection; ways are those of its first flow."""
    ways = {w: _Way(initial_number(*keys[w]) + 1 if w in keys else None) for w in (True, False)}
    for way in ways.values():
        way.last = way.origin or 0
    segments = sorted(
        ((s, n, s.forward == same) for n, (flow, same) in enumerate(group) for s in flow.segments),
        key=lambda found: found[0].packet_id,
    )
    mappings: dict[tuple[int, bool], dict[int, tuple[int, int]]] = defaultdict(dict)  # at: (length, position)
    ends: dict[int, int] = {}  # packet: the position of its DATA_FIN
    for segment, n, w in segments:
        for mapping in _mappings(segment, ways[w]):
            position = ways[w].position(mapping.number, mapping.bits)
            at = unwrapped(mapping.at, 32, segment.at)
            known = mappings[n, w].get(at)
            if known is None or known[0] < mapping.length:
                mappings[n, w][at] = mapping.length, position
            if mapping.fin:
                ends[segment.packet_id] = position + mapping.length - 1
    begins = {key: sorted(found) for key, found in mappings.items()}
    for segment, n, w in segments:
        lo = _place(segment, mappings[n, w], begins.get((n, w), []))
        end = ends.get(segment.packet_id)
        if not segment.size:
            lo = end
        hi = None if lo is None else lo + segment.size
        is_new = ways[w].is_new(lo, hi) if segment.size and lo is not None and hi is not None else None
        acked = [
            ways[not w].acknowledged(o.ack, o.ack_bits)
            for o in segment.options
            if isinstance(o, Signal) and o.ack is not None
        ]
        yield segment.packet_id, lo, hi, hi is not None and hi == end, is_new, acked[0] if acked else None


def _mappings(segment: _Segment, way: _Way) -> Iterable[Mapping]:
    """Of DSS, and of MP_CAPABLE that comes with the connection's first bytes (section 3.1)."""
    for option in segment.options:
        if isinstance(option, Signal) and option.mapping is not None:
            yield option.mapping
        elif isinstance(option, Capable) and segment.size and way.origin is not None:
            yield Mapping(way.origin, 64, 1, option.length or segment.size, fin=False)


def _place(segment: _Segment, mappings: dict[int, tuple[int, int]], begins: list[int]) -> int | None:
    """The position of its first byte, if one mapping holds all of it."""
    last = bisect_right(begins, segment.at)
    for begin in reversed(begins[max(last - _NEAR, 0) : last]):
        length, position = mappings[begin]
        if segment.at + segment.size <= begin + length:
            return position + segment.at - begin
    return None
