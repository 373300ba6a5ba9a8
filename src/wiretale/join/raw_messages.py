"""What raw and ICMP sockets carried, and the IP packets it may have been: the input of join/raw_connections.py.

A raw socket sends what stands behind the IP header (or the header too: IP_HDRINCL, and always with IPPROTO_RAW), and
reads the packet with its header over IPv4, without it over IPv6 (raw(7), RFC 3542). An ICMP socket of type SOCK_DGRAM
never has the header. Of what is sent the kernel fills in parts: `filled`.
"""

import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator

import duckdb

from wiretale.decode.ip_message import ICMP, ICMPV6, IpHeader, ip_header
from wiretale.join.addresses import same_spelling
from wiretale.join.associations import INTERNET, UDP, UDPLITE, Socket
from wiretale.join.datagram import Datagram
from wiretale.light import dataclass, field

TCP = 6  # include/uapi/linux/in.h
IPPROTO_RAW = 255
PORTS = (TCP, UDP, UDPLITE)  # their packets are segments of connections of their own
MOST_BYTES = 256  # of a message: two IP headers, an ICMP header and what is quoted, and enough to tell messages apart
KEY_BYTES = 16  # of a message that stand for it in an index
# optname of IP_HDRINCL at level IPPROTO_IP (linux/in.h), of IPV6_HDRINCL at level IPPROTO_IPV6 (linux/in6.h)
_HDRINCL = {"AF_INET": (0, 3), "AF_INET6": (41, 36)}
_CHECKSUM, _ICMP_ID = (2, 4), (4, 6)  # of an ICMP header
# Of an IPv4 header: total length, identification, checksum, source address (raw(7))
_OF_HEADER = ((2, 4), (4, 6), (10, 12), (12, 16))


@dataclass(slots=True)
class Unit:
    """One IP packet, whole: as captured (several frames if it was fragmented), or, without frames, as a call wrote it.

    Its bytes are counted from `lo`, the header's first; `body` are the first ones behind the header.
    """

    version: int
    protocol: int
    src: str | None
    dst: str | None
    head: int
    body: bytes
    size: int  # behind the header
    early_ns: int
    late_ns: int
    cookie: int | None = None
    ip_id: int = 0
    frames: list["Frame"] = field(default_factory=list)
    filled: tuple[tuple[int, int], ...] = ()  # of the body, as the call wrote it
    lo: int = -1
    repeated: bool = False

    @property
    def hi(self) -> int:
        return self.lo + self.head + self.size


@dataclass(frozen=True, slots=True)
class Frame:
    """One captured frame of a Unit: from where to where in it, and where in the frame its first byte stands."""

    packet_id: int
    time_ns: int
    low: int
    high: int
    place: int


@dataclass(slots=True)
class Message:
    """What one call sent or took. `header` stands in its bytes before the body; None where there is none."""

    key: tuple[int, int]  # call_id, message
    side: str
    socket: Socket
    pid: int
    length: int  # bytes that the call moved
    version: int
    protocol: int
    header: IpHeader | None
    data: bytes
    early_ns: int
    late_ns: int
    peeked: bool
    cut: bool
    remote: str | None
    unit: Unit | None = None
    exact: bool = True

    @property
    def head(self) -> int:
        """Bytes of header in what the call carried."""
        return self.header.head if self.header is not None else 0

    @property
    def source(self) -> str | None:
        """Of what was read: where it came from."""
        return self.header.src if self.header is not None else self.remote

    @property
    def target(self) -> str | None:
        """Of what was sent: where to."""
        return self.header.dst if self.header is not None else self.remote

    @property
    def body(self) -> bytes:
        return self.data[self.head :]

    @property
    def filled(self) -> tuple[tuple[int, int], ...]:
        """Ranges of the body that the kernel writes, whatever stands there: ICMPv6's checksum, and of ICMP sockets of
        type SOCK_DGRAM the checksum and the identifier (raw(7), RFC 3542 3.1; net/ipv4/ping.c)."""
        if self.side != "w" or self.header is not None or self.protocol not in (ICMP, ICMPV6):
            return ()
        if self.socket.type == "SOCK_DGRAM":
            return (_CHECKSUM, _ICMP_ID)
        return (_CHECKSUM,) if self.protocol == ICMPV6 else ()

    @property
    def filled_header(self) -> tuple[tuple[int, int], ...]:
        return _OF_HEADER if self.side == "w" and self.header is not None and self.version == 4 else ()

    def datagram(self, blank: tuple[tuple[int, int], ...]) -> Datagram:
        size = self.length - self.head
        whole = -1 if self.cut else size
        return Datagram(self.key, size, whole, blanked(self.body, blank), self.early_ns, self.late_ns)


def blanked(body: bytes, ranges: tuple[tuple[int, int], ...]) -> bytes:
    """`body` with zeros where the kernel fills in."""
    for low, high in ranges:
        if low < len(body):
            body = body[:low] + bytes(min(high, len(body)) - low) + body[high:]
    return body


def is_raw(socket: Socket) -> bool:
    """Whether it is a raw socket of the internet, or an ICMP socket of type SOCK_DGRAM."""
    if socket.family not in INTERNET:
        return False
    return socket.type == "SOCK_RAW" or (socket.type == "SOCK_DGRAM" and socket.protocol in (ICMP, ICMPV6))


_TRANSFERS = """
SELECT t.call_id, t.message, t.side, t.socket_id, t.bytes, t.start_ns, coalesce(t.exit_ns, t.start_ns), t.peeked, t.cut,
       t.remote_addr, t.pid
FROM j_transfer t WHERE t.socket_id IN (SELECT unnest($sockets)) ORDER BY t.exit_ns, t.call_id, t.message
"""
_DATA = """
SELECT d.call_id, d.idx // 65536, d.at_exit, d.bytes[1:$most] FROM call_data d
WHERE d.call_id IN (SELECT call_id FROM j_transfer WHERE socket_id IN (SELECT unnest($sockets)))
  AND d.role = 'payload' AND d."offset" < $most ORDER BY d.call_id, d."offset"
"""
_OPTIONS = """
SELECT f.socket_id, c.a1, c.a2, c.exit_ns, first(d.bytes)
FROM call c JOIN call_file f USING (call_id)
JOIN call_data d ON d.call_id = c.call_id AND d.role = 'optval' AND NOT d.at_exit
WHERE c.name = 'setsockopt' AND c.errno IS NULL AND f.socket_id IN (SELECT unnest($sockets)) GROUP BY ALL
"""


def read_messages(db: duckdb.DuckDBPyConnection, sockets: dict[int, Socket]) -> list[Message]:
    """What raw and ICMP sockets carried, in the order in which the calls returned."""
    raw = {"sockets": [s.socket_id for s in sockets.values() if is_raw(s)]}
    rows = db.execute(_TRANSFERS, raw).fetchall() if raw["sockets"] else []
    if not rows:
        return []
    data: dict[tuple[int, int, bool], bytes] = defaultdict(bytes)
    for call_id, message, at_exit, piece in db.execute(_DATA, {**raw, "most": MOST_BYTES}).fetchall():
        data[call_id, message, at_exit] += piece or b""
    given: dict[int, list[tuple[int, bool]]] = defaultdict(list)  # socket -> since when it gives headers itself
    for socket_id, level, name, exit_ns, value in db.execute(_OPTIONS, raw).fetchall():
        if (level, name) == _HDRINCL.get(sockets[socket_id].family or ""):
            given[socket_id].append((exit_ns, any(value or b"")))
    found = (_message(sockets[row[3]], row, data, given[row[3]]) for row in rows)
    return [m for m in found if m is not None]


def _message(
    socket: Socket,
    row: tuple[int, int, str, int, int, int, int, bool, bool, str | None, int],
    data: dict[tuple[int, int, bool], bytes],
    given: list[tuple[int, bool]],
) -> Message | None:
    call_id, number, side, _, size, start, end, peeked, cut, addr, pid = row
    carried = data.get((call_id, number, side == "r"), b"")[: min(size, MOST_BYTES)]
    version = 4 if socket.family == "AF_INET" else 6
    has_header = socket.type == "SOCK_RAW" and (
        version == 4
        if side == "r"
        else (not given and socket.protocol == IPPROTO_RAW)
        or next((on for at, on in reversed(given) if at <= start), False)
    )
    if has_header and side == "w" and version == 4:  # whatever stands there, the kernel sets the length (raw(7))
        header = ip_header(carried[:2] + struct.pack(">H", size & 0xFFFF) + carried[4:])
    else:
        header = ip_header(carried) if has_header else None
    if has_header and header is None:
        return None  # nothing of it is known
    protocol = header.protocol if header is not None else socket.protocol or 0
    peer = socket.peer_at(start) if addr is None else None
    remote = same_spelling(addr) if addr is not None else peer.addr if peer is not None else None
    if side == "w" and remote in ("0.0.0.0", "::"):
        remote = "127.0.0.1" if version == 4 else "::1"  # the kernel sends what goes to "any" to this host
    return Message(
        (call_id, number), side, socket, pid, size, version, protocol, header, carried, start, end, peeked, cut, remote
    )  # fmt: skip


_PACKETS = f"""
SELECT p.packet_id, p.time_ns, i.netns_cookie, p.network_offset,
       p.frame[p.network_offset + 1:p.network_offset + {MOST_BYTES}]
FROM packet p
LEFT JOIN (SELECT netns, any_value(netns_cookie) AS netns_cookie FROM interface GROUP BY netns) i USING (netns)
WHERE p.shown AND p.ip_version IS NOT NULL AND p.network_offset IS NOT NULL AND p.ip_protocol NOT IN {PORTS}
ORDER BY p.packet_id
"""  # noqa: S608 (numbers of this program)


def read_units(db: duckdb.DuckDBPyConnection) -> list[Unit]:
    """The captured IP packets that are none of TCP's and UDP's, in order; fragments together where all are there."""
    found: list[Unit] = []
    parts: dict[tuple[object, ...], list[tuple[IpHeader, Unit, int]]] = defaultdict(list)
    for packet_id, time, cookie, place, data in db.execute(_PACKETS).fetchall():
        header = ip_header(bytes(data or b""))
        if header is None:
            continue
        body = bytes(data)[header.head :]
        unit = Unit(
            header.version, header.protocol, header.src, header.dst, header.head, body[: header.size - header.head],
            header.size - header.head, time, time, cookie, header.ip_id,
        )  # fmt: skip
        if not header.is_fragment:
            unit.frames.append(Frame(packet_id, time, 0, header.size, place))
            found.append(unit)
            continue
        key = (cookie, header.version, header.src, header.dst, header.protocol, header.ip_id)
        unit.frames.append(Frame(packet_id, time, header.offset, header.offset + unit.size, place + header.head))
        parts[key].append((header, unit, packet_id))
        whole = _together(unit for unit in parts[key])
        if whole is not None:
            found.append(whole)
            del parts[key]
    return found


def _together(parts: Iterable[tuple[IpHeader, Unit, int]]) -> Unit | None:
    """One packet of its fragments; None while one is missing. Their headers are no part of it."""
    ordered = sorted(parts, key=lambda part: part[0].offset)
    at = 0
    for header, unit, _ in ordered:
        if header.offset != at:
            return None
        at += unit.size
    if ordered[-1][0].more:
        return None
    first = ordered[0][1]
    head = first.head if first.version == 4 else first.head - 8  # without the fragment header (RFC 8200 4.5)
    whole = Unit(
        first.version, first.protocol, first.src, first.dst, head, first.body, at,
        min(u.early_ns for _, u, _ in ordered), max(u.late_ns for _, u, _ in ordered), first.cookie, first.ip_id,
    )  # fmt: skip
    whole.frames = [
        Frame(f.packet_id, f.time_ns, head + f.low, head + f.high, f.place) for _, u, _ in ordered for f in u.frames
    ]
    return whole


def spans(message: Message, unit: Unit) -> Iterator[tuple[int, int]]:
    """Where in the stream stand the bytes of a message that must be equal in `unit`, which it was matched with."""
    lo = start_of(message, unit)
    skipped = [(lo + a, lo + b) for a, b in message.filled_header if message.data[a:b]]
    body = lo + message.head
    for a, b in message.filled:
        if message.body[a:b] != unit.body[a:b]:
            skipped.append((body + a, body + b))
    at, end = lo, lo + message.length
    for a, b in sorted(skipped):
        if at < a:
            yield at, min(a, end)
        at = max(at, b)
    if at < end or message.length == 0:
        yield at, end


def start_of(message: Message, unit: Unit) -> int:
    """Where in the stream the first byte of a message stands."""
    return unit.lo + unit.head - message.head
