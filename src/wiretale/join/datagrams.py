"""Which datagram is which: the k-th written, captured and read are matched by length and bytes, never by count alone.

Datagrams get lost, repeated and reordered. Two lists are walked together; where they disagree the nearer of "these were
lost" and "these came from elsewhere" is taken, and what is left over is matched if its content occurs once.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import duckdb

from wiretale.join.rows import Row, put

PREFIX_BYTES = 64  # enough to tell datagrams apart here; links compare all that was captured
_LOOK_AHEAD = 256


@dataclass(slots=True)
class Datagram:
    """One datagram as one row saw it. `early_ns` and `late_ns` bound when it can have been there."""

    key: tuple[int, ...]  # (call_id, message) or (packet_id,)
    size: int
    whole: int  # size before a too small buffer cut it; -1 if the buffer was full, so that nobody knows
    prefix: bytes
    early_ns: int
    late_ns: int
    peeked: bool = False
    ip_id: int | None = None
    lo: int = -1


def fits(sent: Datagram, seen: Datagram, error_ns: int) -> bool:
    """Could `seen` be `sent`: not before it, as long (or cut by a small buffer), and equal where both were captured."""
    if seen.late_ns + error_ns < sent.early_ns or seen.size > sent.size:
        return False
    if seen.whole != sent.size and seen.size == seen.whole:
        return False
    common = min(len(sent.prefix), len(seen.prefix))
    return sent.prefix[:common] == seen.prefix[:common]


def align(sent: Sequence[Datagram], seen: Sequence[Datagram], error_ns: int) -> list[tuple[int, int]]:
    """Index pairs (sent, seen) in order of `sent`."""
    pairs: list[tuple[int, int]] = []
    lost: list[int] = []
    strange: list[int] = []
    i = j = 0
    while i < len(sent) and j < len(seen):
        if fits(sent[i], seen[j], error_ns):
            pairs.append((i, j))
            i, j = i + 1, j + 1
            continue
        ahead_i = _first(fits(d, seen[j], error_ns) for d in sent[i + 1 : i + _LOOK_AHEAD])
        ahead_j = _first(fits(sent[i], d, error_ns) for d in seen[j + 1 : j + _LOOK_AHEAD])
        if ahead_i is None and ahead_j is None:
            lost.append(i)
            strange.append(j)
            i, j = i + 1, j + 1
        elif ahead_j is None or (ahead_i is not None and ahead_i <= ahead_j):
            assert ahead_i is not None
            lost += range(i, i + ahead_i)
            i += ahead_i
        else:
            strange += range(j, j + ahead_j)
            j += ahead_j
    lost += range(i, len(sent))
    strange += range(j, len(seen))
    return sorted(pairs + _left_over(sent, seen, lost, strange, error_ns))


def _first(fitting: Iterable[bool]) -> int | None:
    """How many steps ahead the first that fits is."""
    return next((step for step, fits_here in enumerate(fitting, 1) if fits_here), None)


def _left_over(
    sent: Sequence[Datagram], seen: Sequence[Datagram], lost: list[int], strange: list[int], error_ns: int
) -> list[tuple[int, int]]:
    """Reordered ones: contents that occur once on both sides."""
    by_content: dict[tuple[int, bytes], list[int]] = defaultdict(list)
    for i in lost:
        by_content[sent[i].size, sent[i].prefix].append(i)
    wanted: dict[tuple[int, bytes], list[int]] = defaultdict(list)
    for j in strange:
        wanted[seen[j].size, seen[j].prefix].append(j)
    return [
        (by_content[content][0], js[0])
        for content, js in wanted.items()
        if len(js) == 1
        and len(by_content.get(content, [])) == 1
        and fits(sent[by_content[content][0]], seen[js[0]], error_ns)
    ]


@dataclass(slots=True)
class _Stream:
    """One direction of one datagram conversation."""

    connection_id: int
    direction: str
    writes: list[Datagram]
    packets: list[Datagram]
    reads: list[Datagram]


# the only part put in is PREFIX_BYTES
CALLS = f"""
SELECT p.connection_id, p.direction, p.side, p.call_id, p.message, p.bytes, p.start_ns, p.exit_ns, p.peeked,
       (SELECT first(d.bytes[1:{PREFIX_BYTES}]) FROM call_data d WHERE d.call_id = p.call_id AND d.role = 'payload'
        AND d."offset" = 0 AND d.idx // 65536 = p.message AND d.at_exit = (p.side = 'r')) AS prefix,
       p.side = 'r' AND c.name IN ('read', 'recv', 'recvfrom') AND c.a2 = p.bytes AS is_full
FROM j_placed p JOIN call c USING (call_id) WHERE p.datagram ORDER BY p.exit_ns, p.call_id, p.message
"""  # noqa: S608
PACKETS = f"""
SELECT c.connection_id, CASE WHEN f.forward = (c.forward = 'c2s') THEN 'c2s' ELSE 's2c' END, f.packet_id,
       p.payload_bytes, p.frame[p.payload_offset + 1:p.payload_offset + least(p.payload_bytes, {PREFIX_BYTES})],
       f.time_ns, p.ip_id
FROM j_flow_packet f
JOIN j_connection_flow c ON c.flow_id = f.flow_id AND f.time_ns >= c.from_ns AND f.time_ns < c.to_ns
JOIN packet p USING (packet_id)
WHERE f.proto = 17 ORDER BY f.packet_id
"""  # noqa: S608


def _streams(db: duckdb.DuckDBPyConnection) -> list[_Stream]:
    found: dict[tuple[int, str], _Stream] = {}

    def stream(connection_id: int, direction: str) -> _Stream:
        key = (connection_id, direction)
        if key not in found:
            found[key] = _Stream(connection_id, direction, [], [], [])
        return found[key]

    for connection, direction, side, call_id, message, size, start, end, peeked, prefix, is_full in db.execute(
        CALLS
    ).fetchall():
        whole = -1 if is_full else size
        d = Datagram((call_id, message), size, whole, (prefix or b"")[:size], start, end, peeked)
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
            lo, hi = p.last.lo, p.last.lo + p.last.size
            yield (p.kind, p.stream.connection_id, p.stream.direction, lo, hi, *write, *packet, *read)


def _positions(items: list[Datagram]) -> None:
    at = 0
    for d in items:
        d.lo = at
        at += d.size


def _match(s: _Stream, error_ns: int, out: _Result) -> None:
    consumed = [r for r in s.reads if not r.peeked]
    first = s.writes or s.packets or consumed
    _positions(first)
    repeated: set[int] = set()
    if s.writes:
        for i, j in align(s.writes, s.packets, error_ns):
            s.packets[j].lo = s.writes[i].lo
            out.pairs.append(_Pair("write_segment", s, s.writes[i], s.packets[j]))
    by_id = {p.ip_id: p for p in s.packets if p.lo >= 0 and p.ip_id}
    for p in s.packets:
        twin = by_id.get(p.ip_id) if p.lo < 0 and p.ip_id else None
        if twin is not None and twin.size == p.size and twin.prefix == p.prefix:  # the network repeated it
            p.lo = twin.lo
            repeated.add(p.key[0])
    for source, kind in ((s.packets, "segment_read"), (s.writes, "write_read")):
        for i, j in align(source, consumed, error_ns):
            d, r = source[i], consumed[j]
            if d.lo < 0:
                continue
            r.lo = d.lo if r.lo < 0 or kind == "segment_read" else r.lo
            if r.lo == d.lo:
                out.pairs.append(_Pair(kind, s, d, r))
    _match_peeks(s, error_ns, out)
    out.packets += [
        (p.key[0], s.connection_id, s.direction, p.lo if p.lo >= 0 else None, p.size, p.key[0] in repeated)
        for p in s.packets
    ]
    top = 0
    for r in s.reads:
        reason = None
        if r.lo < 0:
            reason, r.lo = "no datagram of this content was seen before it", top
        out.reads.append((*r.key, r.lo, reason))
        top = max(top, r.lo + r.size)


def _match_peeks(s: _Stream, error_ns: int, out: _Result) -> None:
    """A peek shows the datagram that the next read will take: the first that fits after those already taken."""
    taken = -1
    for r in s.reads:
        if not r.peeked:
            taken = max(taken, r.lo)
            continue
        source, kind = (s.packets, "segment_read") if s.packets else (s.writes, "write_read")
        shown = next((d for d in source if d.lo > taken and fits(d, r, error_ns)), None)
        if shown is not None:
            r.lo = shown.lo
            out.pairs.append(_Pair(kind, s, shown, r))


def put_datagrams(db: duckdb.DuckDBPyConnection, error_ns: int) -> None:
    """Make j_datagram_packet, j_datagram_read and j_match from the datagrams of all conversations."""
    out = _Result()
    for stream in _streams(db):
        _match(stream, error_ns, out)
    columns = (
        ("packet_id", "BIGINT"),
        ("connection_id", "BIGINT"),
        ("direction", "VARCHAR"),
        ("lo", "BIGINT"),
        ("bytes", "BIGINT"),
        ("repeated", "BOOLEAN"),
    )
    put(db, "j_datagram_packet", columns, out.packets)
    read = (("call_id", "BIGINT"), ("message", "INTEGER"), ("lo", "BIGINT"), ("reason", "VARCHAR"))
    put(db, "j_datagram_read", read, out.reads)
    put(
        db,
        "j_match",
        (
            ("kind", "VARCHAR"),
            ("connection_id", "BIGINT"),
            ("direction", "VARCHAR"),
            ("lo", "BIGINT"),
            ("hi", "BIGINT"),
            ("write_call", "BIGINT"),
            ("write_message", "INTEGER"),
            ("packet_id", "BIGINT"),
            ("read_call", "BIGINT"),
            ("read_message", "INTEGER"),
        ),
        out.rows(),
    )
