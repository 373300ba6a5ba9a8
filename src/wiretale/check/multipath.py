"""Positions of MPTCP's segments, held against the options that came with them (RFC 8684)."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence

import duckdb

from wiretale.decode.mptcp import Capable, Join, Mapping, Signal, initial_number, read, token
from wiretale.light import dataclass, field

SYN, ACK = 2, 16  # flags of TCP
_CIRCLE = 1 << 32
_NEAR = 8  # a shorter mapping may repeat a part of a longer one

_ROWS = """
SELECT s.packet_id, s.connection_id, s.direction, s.tcp_stream, s.tcp_stream = k.tcp_stream, p.flags, p.seq::BIGINT,
       coalesce(p.payload_bytes, 0)::BIGINT, s.lo, p.options
FROM segment s JOIN connection k USING (connection_id)
JOIN ( -- frames are cut before they are joined
    SELECT packet_id, flags, seq, payload_bytes, frame[transport_offset + 21:payload_offset] AS options
    FROM packet WHERE ip_protocol = 6
) p USING (packet_id)
WHERE s.shown AND p.seq IS NOT NULL AND s.connection_id IN (
    SELECT connection_id FROM segment JOIN packet USING (packet_id)
    WHERE mptcp IS NOT NULL AND connection_id BETWEEN $first AND $last)
ORDER BY s.packet_id
"""


@dataclass(slots=True)
class _Way:
    """One direction of one subflow: its first sequence number, and the mappings that were sent."""

    begin: int | None = None
    mappings: dict[int, set[Mapping]] = field(default_factory=lambda: defaultdict(set))  # by where they begin
    begins: list[int] = field(default_factory=list)  # in order, once all are known

    def add(self, mapping: Mapping) -> None:
        self.mappings[mapping.at].add(mapping)

    def numbers(self, at: int, size: int) -> set[int]:
        """The data sequence numbers, in 32 bits, that mappings give these bytes: those begun shortly before them."""
        self.begins = self.begins or sorted(self.mappings)
        last = bisect_right(self.begins, at)
        near = self.begins[max(last - _NEAR, 0) : last] or self.begins[-_NEAR:]
        return {
            (m.number + (at - m.at) % _CIRCLE) % _CIRCLE
            for begin in near
            for m in self.mappings[begin]
            if (at - m.at) % _CIRCLE + size <= m.length
        }


@dataclass(slots=True)
class _Connection:
    """`keys` by direction, of the end that sends that way, with the version."""

    keys: dict[str, tuple[bytes, int]] = field(default_factory=dict)
    joins: dict[int, bytes] = field(default_factory=dict)  # tokens, by the TCP stream that named them
    ways: dict[tuple[int, str], _Way] = field(default_factory=lambda: defaultdict(_Way))
    rows: list[Sequence[object]] = field(default_factory=list)

    @property
    def speaks(self) -> bool:
        return len(self.keys) == 2 or any(way.mappings for way in self.ways.values())


def multipath(db: duckdb.DuckDBPyConnection, first: int, last: int) -> tuple[set[int], list[tuple[int, str]]]:
    """The packets of connections over MPTCP, which have places of their own; and of which connection what is wrong."""
    found: dict[int, _Connection] = defaultdict(_Connection)
    for row in db.execute(_ROWS, {"first": first, "last": last}).fetchall():
        _, connection_id, way, stream, is_first, flags, seq, size, _, options = row
        connection = found[connection_id]
        connection.rows.append(row)
        subflow = connection.ways[stream, way]
        if flags & SYN and subflow.begin is None:
            subflow.begin = seq
        for option in read(options or b""):
            if isinstance(option, Signal) and option.mapping is not None:
                subflow.add(option.mapping)
            elif isinstance(option, Join) and not flags & ACK:
                connection.joins[stream] = option.token
            elif isinstance(option, Capable) and is_first:
                _learn(connection, option, way, flags, size)
    packets: set[int] = set()
    wrong: list[tuple[int, str]] = []
    for connection_id, connection in found.items():
        if connection.speaks:
            packets |= {int(str(row[0])) for row in connection.rows}
            wrong += [(connection_id, text) for text in _faults(connection)]
    return packets, wrong


def _learn(connection: _Connection, option: Capable, way: str, flags: int, size: int) -> None:
    if option.receiver is not None:
        back = "c2s" if way == "s2c" else "s2c"
        connection.keys |= {way: (option.sender, option.version), back: (option.receiver, option.version)}
    elif flags & ACK:
        connection.keys[way] = option.sender, option.version
    if size and way in connection.keys:
        mapped = Mapping(initial_number(*connection.keys[way]) + 1, 64, 1, option.length or size, fin=False)
        for (_, towards), subflow in connection.ways.items():
            if towards == way:
                subflow.add(mapped)
                break


def _faults(connection: _Connection) -> list[str]:
    tokens = {token(*key) for key in connection.keys.values()}
    origins = {way: (initial_number(*key) + 1) % _CIRCLE for way, key in connection.keys.items()}
    faults = []
    for packet_id, _, way, stream, is_first, _, seq, size, lo, _ in connection.rows:
        if not is_first and tokens and connection.joins.get(int(str(stream))) not in tokens:
            faults.append(f"packet {packet_id} is of a subflow that did not join the connection")
        begin = connection.ways[int(str(stream)), str(way)].begin
        if not size or lo is None or begin is None:
            continue
        at = (int(str(seq)) - begin) % _CIRCLE or 1  # payload on a SYN begins one after it
        numbers = connection.ways[int(str(stream)), str(way)].numbers(at, int(str(size)))
        origin = origins.setdefault(str(way), (min(numbers, default=0) - int(str(lo))) % _CIRCLE)
        if (origin + int(str(lo))) % _CIRCLE not in numbers:
            faults.append(f"packet {packet_id} is placed at {lo}, which no mapping of its subflow says")
    return faults
