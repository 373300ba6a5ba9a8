"""What packet sockets carried, and raw sockets whose packets are TCP's or UDP's: the input of whole_packets.py.

Each message is a frame, an IP packet, or what is behind the IP header, whole: packet(7), raw(7).
"""

import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator

import duckdb

from wiretale.decode.ip_message import ip_header
from wiretale.join.raw_messages import Message, blanked
from wiretale.light import dataclass

# What of a frame a message is: all; what stands behind the link layer's header; an IP packet; what that carries.
FRAME, NETWORK, PACKET, TRANSPORT = "frame", "network", "packet", "transport"
MOST_BYTES = 512  # of a message that are compared while its packet is looked for; all are, once it is found
KEY_BYTES = 64  # of a message that stand for it in an index
PACKET_OUTGOING = 4  # sll_pkttype of linux/if_packet.h
_SOCKADDR_LL = struct.Struct("<H2xiHBB")  # linux/if_packet.h: family, protocol (left out), interface, hardware, kind
IPPROTO_IPV6, IPV6_CHECKSUM = 41, 7  # linux/in6.h

Ranges = tuple[tuple[int, int], ...]


@dataclass(slots=True, eq=False)
class Whole:
    """One message. `filled`: ranges that the kernel writes, whatever stands there. `ifindex`, `outgoing`: of the
    interface that its address names, and whether what was read was on its way out; None where nothing tells."""

    key: tuple[int, int]  # call_id, message
    side: str
    socket_id: int
    netns_cookie: int | None
    since_ns: int  # the socket's first sight
    begins: str
    size: int
    data: bytes
    early_ns: int
    late_ns: int
    peeked: bool
    cut: bool
    filled: Ranges = ()
    ifindex: int | None = None
    outgoing: bool | None = None
    packet: "Frame | None" = None
    exact: bool = True

    @property
    def shape(self) -> tuple[str, int, Ranges]:
        """How the key of a packet is made that is compared with its own."""
        return self.begins, min(KEY_BYTES, len(self.data)), self.filled

    @property
    def start(self) -> bytes:
        return blanked(self.data[:KEY_BYTES], self.filled)


@dataclass(slots=True, eq=False)
class Frame:
    """One captured frame, or its copy on the other side of a loopback interface: `packet_id` is the shown one's."""

    packet_id: int
    time_ns: int
    cookie: int | None
    ifindex: int
    outgoing: bool | None
    places: dict[str, tuple[int, int]]  # where a message begins that is of such a kind, and how long it is then
    data: bytes

    def start(self, shape: tuple[str, int, Ranges]) -> bytes | None:
        begins, size, filled = shape
        place = self.places.get(begins)
        if place is None:
            return None
        return blanked(self.data[place[0] : place[0] + min(size, place[1])], filled)

    def may_be(self, m: Whole) -> bool:
        """Whether the bytes of `m` are this frame's, as far as both were kept, and nothing else speaks against it."""
        low, size = self.places[m.begins]
        if m.size > size or (m.size < size and not m.cut):
            return False
        here = None in (m.netns_cookie, self.cookie) or m.netns_cookie == self.cookie  # not the other end of a wire
        if here and m.ifindex not in (None, self.ifindex):
            return False
        if here and None not in (m.outgoing, self.outgoing) and m.outgoing != self.outgoing:
            return False
        own = self.data[low : low + len(m.data)]
        return blanked(own, m.filled) == blanked(m.data[: len(own)], m.filled)


def of_raw(messages: Iterable[Message], checksums: dict[int, int]) -> list[Whole]:
    """Those of raw sockets whose packets are TCP's or UDP's. `checksums`: where a socket has the kernel put one."""
    return [
        Whole(
            m.key, m.side, m.socket.socket_id, m.socket.netns_cookie, m.socket.from_ns,
            PACKET if m.header is not None else TRANSPORT, m.length, m.data, m.early_ns, m.late_ns, m.peeked, m.cut,
            _filled(m, checksums), None, m.side == "w",
        )
        for m in messages
    ]  # fmt: skip


def _filled(m: Message, checksums: dict[int, int]) -> Ranges:
    """Of an IPv4 header length and checksum, and identification and source where they are 0 (raw(7))."""
    if m.side == "r":
        return ()
    if m.header is None:
        at = checksums.get(m.socket.socket_id)
        return ((at, at + 2),) if at is not None else ()
    if m.version == 6:
        return ()
    empty = [(low, high) for low, high in ((4, 6), (12, 16)) if not any(m.data[low:high])]
    return tuple(sorted([(2, 4), (10, 12), *empty]))


_CHECKSUMS = """
SELECT f.socket_id, last(d.bytes ORDER BY c.exit_ns)
FROM call c JOIN call_file f USING (call_id)
JOIN call_data d ON d.call_id = c.call_id AND d.role = 'optval' AND NOT d.at_exit
WHERE c.name = 'setsockopt' AND c.errno IS NULL AND c.a1 = $level AND c.a2 = $name GROUP BY ALL
"""


def checksum_places(db: duckdb.DuckDBPyConnection) -> dict[int, int]:
    """By socket: where in a packet the kernel puts the checksum (IPV6_CHECKSUM: ipv6(7), RFC 3542 3.1)."""
    rows = db.execute(_CHECKSUMS, {"level": IPPROTO_IPV6, "name": IPV6_CHECKSUM}).fetchall()
    found = {s: int.from_bytes(data[:4], "little", signed=True) for s, data in rows if data and len(data) >= 4}
    return {socket_id: at for socket_id, at in found.items() if at >= 0}


_MESSAGES = """
SELECT t.call_id, t.message, t.side, t.socket_id, s.netns_cookie, s.from_ns, s.type, t.bytes, t.start_ns,
       coalesce(t.exit_ns, t.start_ns), t.peeked, t.cut
FROM j_transfer t JOIN socket s USING (socket_id)
WHERE s.family = 'AF_PACKET' AND s.type IN ('SOCK_RAW', 'SOCK_DGRAM')
ORDER BY t.exit_ns, t.call_id, t.message
"""
_CALLS_OF = "(SELECT call_id FROM j_transfer JOIN socket USING (socket_id) WHERE family = 'AF_PACKET')"
_DATA = f"""
SELECT d.call_id, d.idx // 65536, d.at_exit, d."offset", d.bytes[1:{MOST_BYTES}] FROM call_data d
WHERE d.call_id IN {_CALLS_OF} AND d.role = 'payload' AND d."offset" < {MOST_BYTES}
ORDER BY d.call_id, d.idx, d."offset"
"""  # noqa: S608 (numbers and text of this program)
_ADDRESSES = f"""
SELECT d.call_id, d.idx // 65536, first(d.bytes ORDER BY d.at_exit DESC) FROM call_data d
WHERE d.call_id IN {_CALLS_OF} AND d.role = 'sockaddr' GROUP BY ALL
"""  # noqa: S608 (numbers and text of this program)


def of_packet_sockets(db: duckdb.DuckDBPyConnection) -> list[Whole]:
    """What packet sockets carried, in the order in which the calls returned."""
    rows = db.execute(_MESSAGES).fetchall()
    if not rows:
        return []
    data: dict[tuple[int, int, bool], bytes] = defaultdict(bytes)
    for call_id, message, at_exit, offset, part in db.execute(_DATA).fetchall():
        key = (call_id, int(message), bool(at_exit))
        if offset == len(data[key]):  # what stands behind bytes that were not kept is not compared here
            data[key] += bytes(part or b"")
    addresses = {(call_id, int(m)): bytes(a or b"") for call_id, m, a in db.execute(_ADDRESSES).fetchall()}
    found = []
    for call_id, message, side, socket_id, cookie, since, kind, size, start, end, peeked, cut in rows:
        carried = data.get((call_id, message, side == "r"), b"")[: min(size, MOST_BYTES)]
        begins = FRAME if kind == "SOCK_RAW" else NETWORK
        whole = Whole(
            (call_id, message), side, socket_id, cookie, since, begins, size, carried, start, end, peeked, cut
        )  # fmt: skip
        address = addresses.get((call_id, message), b"")
        if len(address) >= _SOCKADDR_LL.size:
            _, ifindex, _, kind_of_packet, _ = _SOCKADDR_LL.unpack_from(address)
            whole.ifindex = ifindex or None
            whole.outgoing = kind_of_packet == PACKET_OUTGOING
        if side == "w":
            whole.outgoing = True
        found.append(whole)
    return found


_FRAMES = f"""
SELECT coalesce(CASE WHEN NOT p.shown THEN p.twin_id END, p.packet_id), p.time_ns, i.netns_cookie, p.ifindex,
       CASE p.tap WHEN 'out' THEN TRUE WHEN 'in' THEN FALSE END, p.frame_bytes, p.linktype,
       coalesce(w.frame, p.frame)[1:{MOST_BYTES}]
FROM packet p
LEFT JOIN packet w ON w.packet_id = p.twin_id AND NOT p.shown
LEFT JOIN (SELECT netns, any_value(netns_cookie) AS netns_cookie FROM interface GROUP BY netns) i ON i.netns = p.netns
WHERE p.linktype IS NOT NULL
ORDER BY p.time_ns, p.packet_id
"""  # noqa: S608 (numbers of this program)
_ETHERNET, _RAW = 1, 101  # LINKTYPE_*
_VLANS = (b"\x81\x00", b"\x88\xa8")  # IEEE 802.1Q, 802.1ad


def read_frames(db: duckdb.DuckDBPyConnection, kinds: frozenset[str]) -> Iterator[Frame]:
    """All captured frames, in order of time, with the places of messages of `kinds`."""
    rows = db.execute(_FRAMES)
    while some := rows.fetchmany(10_000):
        for packet_id, time, cookie, ifindex, outgoing, size, linktype, data in some:
            frame = bytes(data or b"")
            yield Frame(packet_id, time, cookie, ifindex, outgoing, _places(frame, size, linktype, kinds), frame)


def _places(frame: bytes, size: int, linktype: int, kinds: frozenset[str]) -> dict[str, tuple[int, int]]:
    found = {FRAME: (0, size)}
    at = {_ETHERNET: 14, _RAW: 0}.get(linktype)
    if at is None or kinds == {FRAME}:
        return found
    while at >= 14 and frame[at - 2 : at] in _VLANS:
        at += 4
    found[NETWORK] = (at, size - at)
    header = ip_header(frame[at:]) if kinds & {PACKET, TRANSPORT} else None
    if header is not None and not header.is_fragment:
        # what stands behind the length that the header states fills up a short frame of Ethernet
        found[PACKET] = (at, header.size)
        found[TRANSPORT] = (at + header.head, header.size - header.head)
    return found
