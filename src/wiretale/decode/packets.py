"""Frames to header columns, vectorised: every step works on all frames that got that far at once.

Pure, and total: any bytes give a row. A frame that is short, malformed or of an unknown kind keeps what was decoded and
says in `undecoded` why decoding stopped. Layouts: IEEE 802.3 and 802.1Q, RFC 791 (IPv4), RFC 8200 (IPv6), RFC 9293 and
RFC 7323 (TCP), RFC 2018 (SACK), RFC 768 (UDP), RFC 792 (ICMP), RFC 4443 (ICMPv6),
https://www.tcpdump.org/linktypes.html (cooked captures).
"""

import socket

import numpy as np
from numpy.typing import NDArray

from wiretale.decode.words import Ints, Words
from wiretale.model.packet_ring import LINKTYPE_ETHERNET, LINKTYPE_RAW, LINKTYPE_SLL, LINKTYPE_SLL2

Columns = dict[str, NDArray[np.int64] | NDArray[np.object_]]

ABSENT = -1  # value of a number column where the table has NULL

# Columns of model.raw.PACKET that are decoded, all int64; booleans are 0 and 1.
NUMBERS = (
    "ethertype", "ip_version", "ip_protocol", "ip_id", "ttl", "fragment", "srcport", "dstport", "seq", "ack", "flags",
    "window", "mss", "wscale", "sack_permitted", "tsval", "tsecr", "icmp_type", "icmp_code", "network_offset",
    "transport_offset", "payload_offset", "payload_bytes",
)  # fmt: skip
SACK_EDGES = tuple(f"sack_{n}" for n in range(8))  # at most four blocks fit into 40 bytes of options

ETH_IPV4 = 0x0800
ETH_ARP = 0x0806
ETH_IPV6 = 0x86DD
_VLAN_TYPES = (0x8100, 0x88A8, 0x9100)  # 802.1Q, 802.1ad, the older QinQ
_MAX_VLAN_TAGS = 8
_MAX_EXTENSIONS = 32
_LEAST_ETHERTYPE = 0x0600  # below: IEEE 802.3 length field

TCP, UDP, ICMP, ICMPV6 = 6, 17, 1, 58
_HOP_BY_HOP, _ROUTING, _FRAGMENT, _AUTHENTICATION, _OPTIONS = 0, 43, 44, 51, 60
_EXTENSIONS = (_HOP_BY_HOP, _ROUTING, _FRAGMENT, _AUTHENTICATION, _OPTIONS, 135, 139, 140)  # IANA protocol numbers
_NO_NEXT_HEADER = 59

_NOP_NOP_TIMESTAMP = 0x0101080A  # the options of nearly every Linux segment, as one word


class _Frames(Words):
    """The frames being decoded: where each one's next header is, and the columns filled so far.

    All positions are indices into `buffer`. `pos` is the next header, `end` the end of the captured bytes, `wire_end`
    the end on the wire (where they would end had all been captured), cut down by each length field met.
    """

    def __init__(self, buffer: NDArray[np.uint8], offset: Ints, captured: Ints, length: Ints) -> None:
        super().__init__(buffer, ">")
        size = len(buffer)
        count = len(offset)
        inside = (offset >= 0) & (captured >= 0) & (offset <= size) & (captured <= size - offset)
        self.start = np.where(inside, offset, 0)
        self.pos = self.start.copy()
        self.end = self.start + np.where(inside, captured, 0)
        self.wire_end = np.maximum(self.start + np.where(inside, length, 0), self.end)
        self.columns: dict[str, Ints] = {n: np.full(count, ABSENT, np.int64) for n in (*NUMBERS, *SACK_EDGES)}
        self.src: NDArray[np.object_] = np.full(count, None, object)
        self.dst: NDArray[np.object_] = np.full(count, None, object)
        self.undecoded: NDArray[np.object_] = np.full(count, None, object)
        self.stop(np.flatnonzero(~inside), "the frame lies outside the captured data")

    def put(self, column: str, rows: Ints, values: Ints | int) -> None:
        self.columns[column][rows] = values

    def note_header(self, column: str, rows: Ints) -> None:
        """The next header of `rows` is the one that `column` tells the place of, counted from the frame's begin."""
        self.columns[column][rows] = self.pos[rows] - self.start[rows]

    def stop(self, rows: Ints, reason: str) -> None:
        """Say why decoding of `rows` ended; the first reason stays."""
        if len(rows):
            self.undecoded[rows] = np.where(self.undecoded[rows] == None, reason, self.undecoded[rows])  # noqa: E711

    def stop_each(self, rows: Ints, values: Ints, reason: str) -> None:
        """The same where the reason names a value: `{}` in it."""
        for value in np.unique(values).tolist():
            self.stop(rows[values == value], reason.format(value))

    def has_room(self, rows: Ints, need: Ints | int, what: str) -> NDArray[np.bool_]:
        """Which of `rows` hold `need` more bytes; the others stop, by the capture's or their own shortness."""
        position = self.pos[rows]
        fits = position + need <= self.end[rows]
        if not fits.all():
            on_wire = position + need <= self.wire_end[rows]
            self.stop(rows[~fits & on_wire], f"captured bytes end inside the {what}")
            self.stop(rows[~fits & ~on_wire], f"too short for the {what}")
        return fits

    def with_room(self, rows: Ints, need: int, what: str) -> Ints:
        """Those of `rows` that hold `need` more bytes."""
        return rows[self.has_room(rows, need, what)]

    def ends_at(self, rows: Ints, end: Ints) -> None:
        """A length field says where the packet ends: bytes behind it are padding."""
        self.wire_end[rows] = np.minimum(end, self.wire_end[rows])
        self.end[rows] = np.minimum(end, self.end[rows])


def decode_frames(buffer: NDArray[np.uint8], offset: Ints, captured: Ints, length: Ints, linktype: Ints) -> Columns:
    """Header columns of the frames `buffer[offset:offset + captured]`, which were `length` bytes long on the wire.

    `linktype` is LINKTYPE_* per frame. Returns NUMBERS and SACK_EDGES (int64, ABSENT where the table has NULL), and
    `src`, `dst`, `undecoded` (object: str or None). The arrays must be of one length; their values may be anything.
    """
    frames = _Frames(buffer, offset, captured, length)
    rows = np.flatnonzero(frames.undecoded == None)  # noqa: E711
    _link(frames, rows, linktype)
    ethertype = frames.columns["ethertype"]
    frames.note_header("network_offset", np.flatnonzero(ethertype == ETH_ARP))
    _ipv4(frames, np.flatnonzero(ethertype == ETH_IPV4))
    _ipv6(frames, np.flatnonzero(ethertype == ETH_IPV6))
    known = (ethertype == ETH_IPV4) | (ethertype == ETH_IPV6) | (ethertype == ETH_ARP) | (ethertype == ABSENT)
    other = np.flatnonzero(~known)
    frames.stop_each(other, ethertype[other], "network protocol 0x{:04x} is not decoded")
    return {**frames.columns, "src": frames.src, "dst": frames.dst, "undecoded": frames.undecoded}


def _link(frames: _Frames, rows: Ints, linktype: Ints) -> None:
    kind = linktype[rows]
    _ethernet(frames, rows[kind == LINKTYPE_ETHERNET])
    _raw(frames, rows[kind == LINKTYPE_RAW])
    _cooked(frames, rows[kind == LINKTYPE_SLL], header=16, protocol=14)
    _cooked(frames, rows[kind == LINKTYPE_SLL2], header=20, protocol=0)
    unknown = rows[~np.isin(kind, (LINKTYPE_ETHERNET, LINKTYPE_RAW, LINKTYPE_SLL, LINKTYPE_SLL2))]
    frames.stop_each(unknown, linktype[unknown], "link type {} is not decoded")


def _ethernet(frames: _Frames, rows: Ints) -> None:
    rows = frames.with_room(rows, 14, "Ethernet header")
    ethertype = frames.u16(frames.pos[rows] + 12)
    frames.pos[rows] += 14
    _network(frames, rows, ethertype)


def _cooked(frames: _Frames, rows: Ints, header: int, protocol: int) -> None:
    rows = frames.with_room(rows, header, "cooked link header")
    ethertype = frames.u16(frames.pos[rows] + protocol)
    frames.pos[rows] += header
    _network(frames, rows, ethertype)


def _raw(frames: _Frames, rows: Ints) -> None:
    rows = frames.with_room(rows, 1, "IP header")
    version = frames.u8(frames.pos[rows]) >> 4
    frames.put("ethertype", rows[version == 4], ETH_IPV4)
    frames.put("ethertype", rows[version == 6], ETH_IPV6)
    odd = (version != 4) & (version != 6)
    frames.stop_each(rows[odd], version[odd], "IP version {} does not exist")


def _network(frames: _Frames, rows: Ints, ethertype: Ints) -> None:
    """Take off VLAN tags, then note the network protocol."""
    for _ in range(_MAX_VLAN_TAGS):
        tagged = np.isin(ethertype, _VLAN_TYPES)
        if not tagged.any():
            break
        frames.put("ethertype", rows, ethertype)
        inner = frames.with_room(rows[tagged], 4, "VLAN tag")
        plain = ~tagged
        inner_type = frames.u16(frames.pos[inner] + 2)
        frames.pos[inner] += 4
        _note_ethertype(frames, rows[plain], ethertype[plain])
        # A tag that was cut keeps its own EtherType, and its reason.
        rows, ethertype = inner, inner_type
    _note_ethertype(frames, rows, ethertype)


def _note_ethertype(frames: _Frames, rows: Ints, ethertype: Ints) -> None:
    real = ethertype >= _LEAST_ETHERTYPE
    frames.put("ethertype", rows[real], ethertype[real])
    frames.put("ethertype", rows[~real], ABSENT)
    frames.stop(rows[~real], "IEEE 802.3 frame without an EtherType is not decoded")


def _ipv4(frames: _Frames, rows: Ints) -> None:
    rows = frames.with_room(rows, 20, "IPv4 header")
    at = frames.pos[rows]
    first = frames.u8(at)
    rows = _check_version(frames, rows, first >> 4, 4)
    at = frames.pos[rows]
    header = (frames.u8(at) & 15) * 4
    total = frames.u16(at + 2)
    fragment = frames.u16(at + 6)
    protocol = frames.u8(at + 9)
    frames.note_header("network_offset", rows)
    frames.put("ip_version", rows, 4)
    frames.put("ip_id", rows, frames.u16(at + 4))
    frames.put("fragment", rows, ((fragment & 0x3FFF) != 0).astype(np.int64))  # more fragments, or an offset
    frames.put("ttl", rows, frames.u8(at + 8))
    frames.put("ip_protocol", rows, protocol)
    frames.src[rows] = _ipv4_text(frames.u32(at + 12))
    frames.dst[rows] = _ipv4_text(frames.u32(at + 16))
    # Segments beyond 64 KB (BIG TCP) leave the kernel with total length 0: the frame's own length counts.
    frames.ends_at(rows, np.where(total, at + total, frames.wire_end[rows]))
    good = (header >= 20) & ((total == 0) | (total >= header))
    frames.stop(rows[~good], "malformed IPv4 header: its lengths contradict each other")
    good[good] = frames.has_room(rows[good], header[good], "IPv4 options")
    rows = rows[good]
    frames.pos[rows] += header[good]
    _transport(frames, rows, protocol[good], fragment[good] & 0x1FFF)


def _check_version(frames: _Frames, rows: Ints, version: Ints, wanted: int) -> Ints:
    wrong = version != wanted
    if wrong.any():
        frames.stop_each(rows[wrong], version[wrong], "malformed IP header: version {}")
    right: Ints = rows[~wrong]
    return right


def _ipv6(frames: _Frames, rows: Ints) -> None:
    rows = frames.with_room(rows, 40, "IPv6 header")
    rows = _check_version(frames, rows, frames.u8(frames.pos[rows]) >> 4, 6)
    at = frames.pos[rows]
    length = frames.u16(at + 4)
    following = frames.u8(at + 6)
    frames.note_header("network_offset", rows)
    frames.put("ip_version", rows, 6)
    frames.put("ttl", rows, frames.u8(at + 7))
    frames.put("fragment", rows, 0)
    frames.put("ip_protocol", rows, following)
    frames.src[rows] = _ipv6_text(frames, at + 8)
    frames.dst[rows] = _ipv6_text(frames, at + 24)
    # Payload length 0: a jumbogram (RFC 2675) or BIG TCP; the frame's own length counts.
    frames.ends_at(rows, np.where(length, at + 40 + length, frames.wire_end[rows]))
    frames.pos[rows] += 40
    rows, following, fragment = _extensions(frames, rows, following)
    _transport(frames, rows, following, fragment)


def _extensions(frames: _Frames, rows: Ints, following: Ints) -> tuple[Ints, Ints, Ints]:
    """Walk extension headers; returns the rows that reached their end, the protocol there and the fragment offset."""
    fragment = np.zeros(len(frames.pos), np.int64)
    protocol = np.full(len(frames.pos), ABSENT, np.int64)
    protocol[rows] = following
    whole = np.ones(len(frames.pos), bool)
    active = rows[np.isin(following, _EXTENSIONS)]
    for _ in range(_MAX_EXTENSIONS):
        if not len(active):
            break
        fits = frames.has_room(active, 8, "IPv6 extension header")
        whole[active[~fits]] = False
        active = active[fits]
        kind = protocol[active]
        at = frames.pos[active]
        units = frames.u8(at + 1)
        size = np.where(kind == _FRAGMENT, 8, np.where(kind == _AUTHENTICATION, (units + 2) * 4, (units + 1) * 8))
        is_fragment = kind == _FRAGMENT
        part = active[is_fragment]
        frames.put("fragment", part, 1)
        frames.put("ip_id", part, frames.u32(at[is_fragment] + 4))
        fragment[part] = frames.u16(at[is_fragment] + 2) >> 3
        fits = frames.has_room(active, size, "IPv6 extension header")
        whole[active[~fits]] = False
        active = active[fits]
        protocol[active] = frames.u8(at[fits])
        frames.pos[active] += size[fits]
        # Behind the header of a later fragment comes the middle of something: nothing more can be read.
        active = active[np.isin(protocol[active], _EXTENSIONS) & (fragment[active] == 0)]
    frames.stop(active, f"more than {_MAX_EXTENSIONS} IPv6 extension headers")
    whole[active] = False
    done = rows[whole[rows]]
    frames.put("ip_protocol", done, protocol[done])
    return done, protocol[done], fragment[done]


def _transport(frames: _Frames, rows: Ints, protocol: Ints, fragment_offset: Ints) -> None:
    """What follows IP. Where no transport header is expected, all of it is payload."""
    later = fragment_offset > 0
    _note_payload(frames, rows[later])
    frames.stop(rows[later], "later fragment of an IP packet: the transport header is in the first one")
    rows, protocol = rows[~later], protocol[~later]
    _tcp(frames, rows[protocol == TCP])
    _udp(frames, rows[protocol == UDP])
    version = frames.columns["ip_version"][rows]
    is_icmp = ((protocol == ICMP) & (version == 4)) | ((protocol == ICMPV6) & (version == 6))
    _icmp(frames, rows[is_icmp])
    other = ~is_icmp & (protocol != TCP) & (protocol != UDP)
    _note_payload(frames, rows[other])
    other &= protocol != _NO_NEXT_HEADER
    frames.stop_each(rows[other], protocol[other], "IP protocol {} is not decoded")


def _note_payload(frames: _Frames, rows: Ints) -> None:
    position = frames.pos[rows]
    frames.put("payload_offset", rows, position - frames.start[rows])
    frames.put("payload_bytes", rows, np.maximum(frames.wire_end[rows] - position, 0))


def _tcp(frames: _Frames, rows: Ints) -> None:
    rows = frames.with_room(rows, 20, "TCP header")
    frames.note_header("transport_offset", rows)
    at = frames.pos[rows]
    for column, values in (
        ("srcport", frames.u16(at)),
        ("dstport", frames.u16(at + 2)),
        ("seq", frames.u32(at + 4)),
        ("ack", frames.u32(at + 8)),
        ("flags", frames.u16(at + 12) & 0x1FF),
        ("window", frames.u16(at + 14)),
        ("sack_permitted", 0),
    ):
        frames.put(column, rows, values)
    header = (frames.u8(at + 12) >> 4) * 4
    wrong = (header < 20) | (at + header > frames.wire_end[rows])
    frames.stop(rows[wrong], "malformed TCP header: its length is impossible")
    rows, header = rows[~wrong], header[~wrong]
    options_begin = frames.pos[rows] + 20
    frames.pos[rows] += header
    # The payload is known from the lengths alone, even where options were not captured.
    _note_payload(frames, rows)
    _tcp_options(frames, rows, options_begin, frames.pos[rows])


def _tcp_options(frames: _Frames, rows: Ints, at: Ints, stop: Ints) -> None:
    cut = stop > frames.end[rows]
    frames.stop(rows[cut], "captured bytes end inside the TCP options")
    some = (stop > at) & ~cut
    rows, at, stop = rows[some], at[some], stop[some]
    usual = stop - at == 12
    usual[usual] = frames.u32(at[usual]) == _NOP_NOP_TIMESTAMP
    frames.put("tsval", rows[usual], frames.u32(at[usual] + 4))
    frames.put("tsecr", rows[usual], frames.u32(at[usual] + 8))
    rows, at, stop = rows[~usual], at[~usual], stop[~usual]
    while len(rows):
        kind = frames.u8(at)
        two = at + 2 <= stop
        size = np.where(kind == 1, 1, frames.u8(np.where(two, at + 1, at)))
        single = kind <= 1
        bad = ~single & (~two | (size < 2) | (at + size > stop))
        frames.stop(rows[bad], "malformed TCP options: a length is impossible")
        go = ~bad & (kind != 0)
        rows, at, stop, kind, size = rows[go], at[go], stop[go], kind[go], size[go]
        _tcp_option(frames, rows, at, kind, size)
        at = at + size
        more = at < stop
        rows, at, stop = rows[more], at[more], stop[more]


def _tcp_option(frames: _Frames, rows: Ints, at: Ints, kind: Ints, size: Ints) -> None:
    """One option of each row. One whose size is not the standard's is skipped, as the kernel does."""
    is_mss = (kind == 2) & (size == 4)
    frames.put("mss", rows[is_mss], frames.u16(at[is_mss] + 2))
    is_scale = (kind == 3) & (size == 3)
    frames.put("wscale", rows[is_scale], frames.u8(at[is_scale] + 2))
    frames.put("sack_permitted", rows[(kind == 4) & (size == 2)], 1)
    is_stamp = (kind == 8) & (size == 10)
    frames.put("tsval", rows[is_stamp], frames.u32(at[is_stamp] + 2))
    frames.put("tsecr", rows[is_stamp], frames.u32(at[is_stamp] + 6))
    is_sack = (kind == 5) & (size >= 10) & ((size - 2) % 8 == 0)
    for edge, column in enumerate(SACK_EDGES):
        has = is_sack & (size >= 6 + 4 * edge)
        frames.put(column, rows[has], frames.u32(at[has] + 2 + 4 * edge))


def _udp(frames: _Frames, rows: Ints) -> None:
    rows = frames.with_room(rows, 8, "UDP header")
    frames.note_header("transport_offset", rows)
    at = frames.pos[rows]
    frames.put("srcport", rows, frames.u16(at))
    frames.put("dstport", rows, frames.u16(at + 2))
    length = frames.u16(at + 4)
    left = frames.wire_end[rows] - at
    # 0 stands for "see the IP length" (RFC 2675). A fragment's own bytes are less than the datagram's.
    cut_short = (length > left) & (frames.columns["fragment"][rows] == 0)
    frames.stop(rows[cut_short | ((length > 0) & (length < 8))], "malformed UDP header: its length is impossible")
    believable = (length >= 8) & (length <= left)
    frames.wire_end[rows] = np.where(believable, at + length, frames.wire_end[rows])
    frames.pos[rows] += 8
    _note_payload(frames, rows)


def _icmp(frames: _Frames, rows: Ints) -> None:
    rows = frames.with_room(rows, 4, "ICMP header")
    frames.note_header("transport_offset", rows)
    at = frames.pos[rows]
    frames.put("icmp_type", rows, frames.u8(at))
    frames.put("icmp_code", rows, frames.u8(at + 1))
    frames.pos[rows] = np.minimum(at + 8, frames.wire_end[rows])
    _note_payload(frames, rows)


def _ipv4_text(addresses: Ints) -> NDArray[np.object_]:
    distinct, which = np.unique(addresses, return_inverse=True)
    texts = [socket.inet_ntop(socket.AF_INET, int(a).to_bytes(4, "big")) for a in distinct]
    return np.array(texts, object)[which]


def _ipv6_text(frames: _Frames, at: Ints) -> NDArray[np.object_]:
    """Text of the 16 bytes at each position, after RFC 5952, with IPv4-mapped addresses dotted (its section 5)."""
    if not len(at):
        return np.empty(0, object)
    raw = np.stack([frames.u32(at + n) for n in (0, 4, 8, 12)], axis=1).astype(">u4")
    distinct, which = np.unique(raw.view("V16").ravel(), return_inverse=True)
    texts = [socket.inet_ntop(socket.AF_INET6, bytes(a)) for a in distinct]
    return np.array(texts, object)[which]
