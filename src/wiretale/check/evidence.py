"""The rows of connections as columns, and what headers, results and links say of each other.

Positions of TCP segments are computed again from the raw sequence numbers; every link is held against its two rows.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import duckdb
import numpy as np

from wiretale.check.compared import SIDES, THROWN_AWAY, Compared
from wiretale.check.multipath import multipath
from wiretale.check.ranges import Flags, Ints, Lines, Ranges, total, union
from wiretale.light import dataclass, replace

SYN, RST = 2, 4  # TCP flags (RFC 9293)
KINDS = tuple(SIDES)
RAW = ("icmp", "icmpv6", "raw")  # protocols of connections whose positions count IP packets, headers too
IN_KERNEL = ("sendfile", "sendfile64", "splice", "tee", "copy_file_range")
Columns = dict[str, Any]  # of NumPy

# All for the connections with numbers from one to another: a query for each connection would read each table as often.
_CALLS = """
SELECT t.{id} AS id, t.connection_id, t.direction = 's2c' AS back, t.lo, t.hi,
       coalesce({peeked}, false) AS peeked, coalesce(t.exact, false) AS exact,
       list_contains($in_kernel, c.name) AS in_kernel
FROM {table} t JOIN call c USING (call_id) WHERE t.connection_id BETWEEN $first AND $last ORDER BY t.{id}
"""
_INEXACT = """
SELECT {id}, reason FROM {table} WHERE NOT exact AND reason IS NOT NULL AND connection_id BETWEEN $first AND $last
"""
# The IP header in a raw socket's packet, in bytes; a fragment's segment begins behind it.
_IHL = "CASE WHEN p.ip_version = 4 THEN 4 * (('0x' || hex(p.frame[{at} + 1:{at} + 1]))::INTEGER & 15) ELSE 40 END"
_HEAD = f"""
    CASE WHEN p.fragment THEN 0
    ELSE coalesce(p.transport_offset - p.network_offset, {_IHL.format(at="p.network_offset")}) END"""
# An ICMP exchange: the client's address, and the identifier, in the header or in what an error quotes (RFC 792, 4443).
_IDENT = "hex(p.frame[{at} + 5:{at} + 6]) = printf('%04X', k.client_port)"
_QUOTED = f"p.transport_offset + 8 + {_IHL.format(at='(p.transport_offset + 8)')}"
_RAW_IS_OURS = f"""
    (k.client_addr IS NULL OR CASE s.direction WHEN 'c2s' THEN p.src ELSE p.dst END = k.client_addr)
    AND coalesce(CASE
        WHEN k.client_port IS NULL THEN CASE s.direction WHEN 'c2s' THEN p.dst ELSE p.src END = k.server_addr
        ELSE (s.direction = 's2c' OR p.dst = k.server_addr) AND (coalesce(p.fragment, false)
             OR {_IDENT.format(at="p.transport_offset")} OR {_IDENT.format(at=f"({_QUOTED})")}) END, false)"""
_PACKETS = f"""
SELECT s.packet_id AS id, s.connection_id, s.direction = 's2c' AS back, s.lo IS NOT NULL AS placed,
       coalesce(s.lo, 0) AS lo, coalesce(s.hi, 0) AS hi, k.protocol = 'tcp' AS is_tcp, k.protocol LIKE 'udp%' AS is_udp,
       coalesce(list_contains(s.analysis, 'keep_alive'), false) AS keep_alive, p.seq IS NOT NULL AS has_seq,
       coalesce(p.seq, 0)::BIGINT AS seq, coalesce(p.flags, 0) AS flags, p.payload_offset IS NULL AS in_parts,
       coalesce(p.payload_bytes, 0)::BIGINT AS payload_bytes, k.protocol IN {RAW} AS is_raw,
       CASE WHEN k.protocol IN {RAW} THEN {_HEAD} ELSE 0 END AS head,
       -- only the first of an IP packet's fragments has ports
       CASE WHEN k.protocol IN {RAW} THEN {_RAW_IS_OURS} ELSE
       coalesce(p.src = CASE s.direction WHEN 'c2s' THEN k.client_addr ELSE k.server_addr END AND coalesce(
           p.srcport = CASE s.direction WHEN 'c2s' THEN k.client_port ELSE k.server_port END, p.fragment
       ), false) END AS is_ours
FROM segment s JOIN packet p USING (packet_id) JOIN connection k USING (connection_id)
WHERE s.connection_id BETWEEN $first AND $last AND s.shown ORDER BY s.packet_id
"""  # noqa: S608 (fixed texts)
_LINKS = """
SELECT link_id, connection_id, direction = 's2c' AS back, lo, hi, coalesce({a}, -1) AS a, coalesce({b}, -1) AS b
FROM link WHERE kind = '{kind}' AND connection_id BETWEEN $first AND $last ORDER BY link_id
"""
# What was captured of calls. How long captured bytes are is asked once, not for every few connections again.
_LENGTHS = """
CREATE TEMP TABLE IF NOT EXISTS k_lengths AS
SELECT call_id, at_exit, idx // 65536 AS message, "offset", octet_length(bytes) AS bytes FROM call_data d
WHERE role = 'payload' AND octet_length(bytes) > 0
"""
_CAPTURED = """
SELECT t.connection_id, t.direction = 's2c' AS back, t.{id} AS id, t.lo + d."offset" AS lo,
       least(t.hi, t.lo + d."offset" + d.bytes) AS hi
FROM {table} t JOIN k_lengths d ON d.call_id = t.call_id AND d.message = t.message AND d.at_exit = {at_exit}
WHERE t.connection_id BETWEEN $first AND $last AND NOT (d.at_exit AND t.call_id IN ({thrown_away}))
"""


@dataclass(frozen=True, slots=True)
class Rows:
    """Writes, packets or reads, by id. `stream` numbers both directions of the connections at hand."""

    id: Ints
    stream: Ints
    lo: Ints
    hi: Ints
    flags: Mapping[str, Flags]
    reasons: Mapping[int, str]  # why a call's position is not exact, by its place in these columns

    def __len__(self) -> int:
        return len(self.id)

    def those(self, which: Flags) -> "Rows":
        """The rows for which `which` holds, a flag for each, with their reasons under their new places."""
        places = np.flatnonzero(which)
        new = {int(place): n for n, place in enumerate(places.tolist())} if self.reasons else {}
        return Rows(
            self.id[which], self.stream[which], self.lo[which], self.hi[which],
            {name: flags[which] for name, flags in self.flags.items()},
            {new[place]: reason for place, reason in self.reasons.items() if place in new},
        )  # fmt: skip

    def places(self, ids: Ints) -> tuple[Ints, Flags]:
        """Where the rows with these ids stand, and which of them are here at all."""
        at = np.minimum(np.searchsorted(self.id, ids), max(len(self.id) - 1, 0))
        return at, self.id[at] == ids if len(self.id) else np.zeros(len(ids), bool)


@dataclass(frozen=True, slots=True)
class Linked:
    """Links of one kind. `rows` are the calls they account for, and `lines` has one for each: several sockets may read
    the same multicast. On these lines, what is `covered`, and what of it was compared and is `equal`."""

    rows: Rows
    lines: Lines
    covered: Ranges
    equal: Ranges
    links: Ints  # of each stream

    def of_streams(self, ranges: Ranges, streams: Lines) -> Ranges:
        """Ranges of calls as those of their streams; they may overlap."""
        which, low, high = self.lines.back(ranges)
        return streams.place(self.rows.stream[which], low, high)

    def sizes(self, ranges: Ranges, streams: int) -> Ints:
        """How many bytes of each stream."""
        return total(self.rows.stream[self.lines.which(ranges)], ranges[:, 1] - ranges[:, 0], streams)


@dataclass(frozen=True, slots=True)
class Evidence:
    """All rows of some connections; stream 2n is from client to server of the nth of them, 2n + 1 the way back."""

    connections: Ints
    writes: Rows
    packets: Rows
    reads: Rows
    heads: Rows  # the IP headers in packets of raw and ICMP sockets
    linked: Mapping[str, Linked]
    unplaced: Ints  # bytes of packets without a position, of each stream
    wrong: Mapping[int, list[str]]  # by the number of the connection

    @property
    def takes(self) -> Rows:
        """Reads that took what they returned."""
        return self.linked["segment_read"].rows


class _Reader:
    """Reads the rows of connections `first` to `last`."""

    def __init__(self, db: duckdb.DuckDBPyConnection, connections: Ints) -> None:
        self._db, self._connections = db, connections
        self._span = {"first": int(connections[0]), "last": int(connections[-1])}

    def columns(self, query: str, **values: object) -> Columns:
        """What a query gives, and the streams of its rows."""
        found: Columns = self._db.execute(query, {**self._span, **values}).fetchnumpy()
        stream = 2 * np.searchsorted(self._connections, found["connection_id"]) + found["back"]
        return {**found, "stream": stream}

    def calls(self, table: str, name: str, peeked: str) -> Rows:
        found = self.columns(_CALLS.format(table=table, id=name, peeked=peeked), in_kernel=list(IN_KERNEL))
        inexact = self._db.execute(_INEXACT.format(table=table, id=name), self._span).fetchall()
        flags = {flag: found[flag] for flag in ("peeked", "exact", "in_kernel")}
        rows = Rows(found["id"], found["stream"], found["lo"], found["hi"], flags, {})
        at, known = rows.places(np.array([row_id for row_id, _ in inexact], np.int64))
        reasons = {int(at[n]): str(reason) for n, (_, reason) in enumerate(inexact) if known[n]}
        return replace(rows, reasons=dict(sorted(reasons.items())))


def read_evidence(db: duckdb.DuckDBPyConnection, connections: Ints, compared: Compared) -> Evidence:
    """The rows of some connections, which follow each other in number, and their links held against them."""
    reader = _Reader(db, connections)
    wrong: dict[int, list[str]] = defaultdict(list)
    streams = 2 * len(connections)
    writes = reader.calls("stream_write", "write_id", "false")
    reads = reader.calls("stream_read", "read_id", "t.peeked")
    takes = reads.those(~reads.flags["peeked"])
    links = {kind: reader.columns(_LINKS.format(kind=kind, a=a, b=b)) for kind, (a, b) in SIDES.items()}
    claimed = reader.columns(_PACKETS)
    multiple, faults = multipath(db, int(connections[0]), int(connections[-1]))
    for connection_id, text in faults:
        wrong[connection_id].append(text)
    _against_headers(claimed, connections, wrong, np.isin(claimed["id"], list(multiple)))
    # a keep-alive's byte is none of the stream's; where a link says that it is, the bytes are compared
    linked_packets = np.concatenate((links["write_segment"]["b"], links["segment_read"]["a"]))
    is_probe = claimed["keep_alive"] & ~np.isin(claimed["id"], linked_packets)
    carrying = claimed["placed"] & ((claimed["hi"] > claimed["lo"]) | claimed["is_udp"]) & ~is_probe
    flags = {"in_parts": claimed["in_parts"] & ~claimed["is_raw"]}
    packets = Rows(claimed["id"], claimed["stream"], claimed["lo"], claimed["hi"], flags, {}).those(carrying)
    heads = Rows(claimed["id"], claimed["stream"], claimed["lo"], claimed["lo"] + claimed["head"], {}, {})
    lost = ~claimed["placed"]
    sides = {"write_id": writes, "packet_id": packets, "read_id": reads}
    linked = {}
    for kind, (a, b) in SIDES.items():
        good = _against_rows(kind, links[kind], (sides[a], sides[b]), compared, wrong)
        calls = ("a", writes) if kind == "write_segment" else ("b", takes)
        counts = np.bincount(links[kind]["stream"], minlength=streams).astype(np.int64)
        linked[kind] = _linked(links[kind], good, calls, compared, counts)
    unplaced = total(claimed["stream"][lost], claimed["payload_bytes"][lost], streams)
    return Evidence(connections, writes, packets, reads, heads.those(claimed["head"] > 0), linked, unplaced, wrong)


def captured(db: duckdb.DuckDBPyConnection, found: Evidence, calls: Rows) -> tuple[Ints, Ints, Ints]:
    """What was captured of the writes, or of the reads: streams, and from where to where."""
    db.execute(_LENGTHS)
    wrote = calls is found.writes
    name, table = ("write_id", "stream_write") if wrote else ("read_id", "stream_read")
    query = _CAPTURED.format(id=name, table=table, at_exit=not wrote, thrown_away=THROWN_AWAY)
    pieces = _Reader(db, found.connections).columns(query)
    _, known = calls.places(pieces["id"])
    return pieces["stream"][known], pieces["lo"][known], pieces["hi"][known]


def _against_headers(packets: Columns, connections: Ints, wrong: dict[int, list[str]], multiple: Flags) -> None:
    """Hold packets against their own addresses and sequence numbers; those of `multiple` paths have others."""
    for n in np.flatnonzero(~packets["is_ours"] & ~multiple).tolist():
        end = "server" if packets["back"][n] else "client"
        text = f"packet {packets['id'][n]} does not come from the {end}'s address"
        wrong[int(packets["connection_id"][n])].append(text)
    numbered = packets["placed"] & packets["is_tcp"] & packets["has_seq"] & (packets["flags"] & RST == 0) & ~multiple
    headers = (packets[name][numbered] for name in ("stream", "id", "seq", "flags", "lo"))
    for stream, text in misplaced(*headers):
        wrong[int(connections[stream // 2])].append(text)


def misplaced(stream: Ints, packet: Ints, seq: Ints, flags: Ints, claimed: Ints) -> list[tuple[int, str]]:
    """Segments whose claimed position is not what their sequence number says (RFC 9293): stream, and a sentence.

    Segments of a stream are in order. The first byte after the SYN is position 0; without a SYN all must at least
    agree with each other.
    """
    if not len(stream):
        return []
    order = np.argsort(stream, kind="stable")
    stream, packet, seq, claimed = (values[order] for values in (stream, packet, seq, claimed))
    syn = flags[order] & SYN != 0
    begins = np.flatnonzero(np.diff(stream, prepend=-1))
    group = np.cumsum(np.diff(stream, prepend=-1) != 0) - 1
    # steps between consecutive sequence numbers are taken as the nearer way around the 32-bit circle
    steps = np.remainder(np.diff(seq, prepend=0) + (1 << 31), 1 << 32) - (1 << 31)
    steps[begins] = 0
    so_far = np.cumsum(steps)
    unwrapped = so_far - so_far[begins][group] + syn  # payload on a SYN begins one after it
    origin = (unwrapped - claimed)[begins]
    with_syn = np.flatnonzero(syn)[::-1]
    origin[group[with_syn]] = unwrapped[with_syn]  # the first one stays
    position = unwrapped - origin[group]
    return [
        (int(stream[n]), f"packet {packet[n]} is placed at {claimed[n]}, its sequence number says {position[n]}")
        for n in np.flatnonzero(position != claimed).tolist()
    ]


def _against_rows(
    kind: str, links: Columns, ends: tuple[Rows, Rows], compared: Compared, wrong: dict[int, list[str]]
) -> Flags:
    """Which links lie inside both of their rows. What is wrong goes to `wrong`, by connection."""
    inside, is_empty = np.ones(len(links["lo"]), bool), np.zeros(len(links["lo"]), bool)
    for rows, name in zip(ends, ("a", "b"), strict=True):
        at, known = rows.places(links[name])
        inside &= known
        if len(rows):
            inside &= (rows.stream[at] == links["stream"]) & (rows.lo[at] <= links["lo"]) & (links["hi"] <= rows.hi[at])
            is_empty |= rows.lo[at] == rows.hi[at]
    # It is empty if one of them is: a datagram without bytes, or none taken.
    inside &= (links["lo"] < links["hi"]) | ((links["lo"] == links["hi"]) & is_empty)
    differs = inside & np.isin(links["link_id"], list(compared.differs_at))
    for n in np.flatnonzero(~inside | differs).tolist():
        link_id = int(links["link_id"][n])
        fault = ", is not inside both of its rows"
        if inside[n]:
            fault = f": the captured bytes differ at {compared.differs_at[link_id]}"
        text = f"{kind} link {link_id}, bytes {links['lo'][n]} to {links['hi'][n]}{fault}"
        wrong[int(links["connection_id"][n])].append(text)
    return inside


def _linked(links: Columns, good: Flags, calls: tuple[str, Rows], compared: Compared, counts: Ints) -> Linked:
    """`good` links as ranges of the calls that the column `calls` names."""
    name, rows = calls
    at, known = rows.places(links[name])
    lines = Lines(rows.lo, rows.hi)
    chosen = good & known
    covered = lines.place(at[chosen], links["lo"][chosen], links["hi"][chosen])
    whole = chosen & compared.whole[links["link_id"]]
    part_links, parts = compared.parts_of(links["link_id"])
    inside = chosen[part_links]
    equal = [
        lines.place(at[whole], links["lo"][whole], links["hi"][whole]),
        lines.place(at[part_links[inside]], parts[inside, 0], parts[inside, 1]),
    ]
    return Linked(rows, lines, union(covered), union(np.concatenate(equal)), counts)
