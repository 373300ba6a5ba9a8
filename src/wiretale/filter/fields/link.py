"""Fields of link headers: Ethernet (IEEE 802.3), VLAN tags (802.1Q), Linux cooked captures (SLL, SLL2), and ARP."""

from wiretale.filter.fields.table import BOOLEAN, BYTES, ETHER, IPV4, NUMBER, Field, Term, packet, protocol
from wiretale.filter.header import bits, flag, ipv4, number, octets

_ETH = "p.linktype = 1"
_TYPED = "p.linktype = 1 AND p.captured_bytes >= 14"
_DST, _SRC = octets("0", 6, _ETH), octets("6", 6, _ETH)


def _mac_bit(name: str, meaning: str, mask: int, *positions: int) -> Field:
    return packet(name, BOOLEAN, meaning, *(flag(str(n), 1, _ETH, mask) for n in positions))


_LOCAL, _GROUP = "locally administered address", "group address"
_LENGTH = number("12", 2, _ETH)
# A length of 0 is that of a packet which is longer than it can say, or was not yet cut into segments.
_NETWORK_END = (
    "CASE WHEN p.ethertype = 2054 THEN p.network_offset + 28"
    f" WHEN p.ip_version = 4 THEN p.network_offset + nullif({number('p.network_offset + 2', 2, 'TRUE')}, 0)"
    f" WHEN p.ip_version = 6 THEN p.network_offset + 40 + nullif({number('p.network_offset + 4', 2, 'TRUE')}, 0) END"
)
# What fills a frame up to 60 bytes is zeros; anything else behind the packet is a trailer.
_FILLED = f"CASE WHEN {_LENGTH} <= 1500 THEN 14 + {_LENGTH} ELSE {_NETWORK_END} END"
_FILL = f"p.frame[CAST({_FILLED} AS BIGINT) + 1 : 60]"
_PADDING = (
    f"CASE WHEN {_ETH} AND {_FILLED} < 60 AND p.captured_bytes >= 60 AND ltrim(hex({_FILL}), '0') = '' THEN {_FILL} END"
)
# Of 64 bytes and more the last four that belong to nothing else are taken for a checksum.
_REST_BEGIN = f"CASE WHEN {_PADDING} IS NOT NULL THEN 60 ELSE {_FILLED} END"
_WHOLE = f"{_ETH} AND p.captured_bytes = p.frame_bytes AND {_LENGTH} NOT IN (33024, 34984, 37120)"  # no tag
_HAS_FCS = f"p.frame_bytes >= 64 AND {_REST_BEGIN} + 4 <= p.frame_bytes"
_TRAILER_END = f"p.frame_bytes - CASE WHEN {_HAS_FCS} THEN 4 ELSE 0 END"
_TRAILER = (
    f"CASE WHEN {_WHOLE} AND {_REST_BEGIN} < {_TRAILER_END}"
    f" THEN p.frame[CAST({_REST_BEGIN} AS BIGINT) + 1 : {_TRAILER_END}] END"
)

ETHERNET_FIELDS: tuple[Field, ...] = (
    protocol("eth", "an Ethernet frame", _ETH, "0", "14", "14"),
    packet("eth.dst", ETHER, "destination address", _DST, size=6),
    packet("eth.src", ETHER, "source address", _SRC, size=6),
    packet("eth.addr", ETHER, "either address", _DST, _SRC, size=6),
    packet("eth.dst.oui", NUMBER, "first three bytes of the destination", number("0", 3, _ETH), size=3),
    packet("eth.src.oui", NUMBER, "first three bytes of the source", number("6", 3, _ETH), size=3),
    packet(
        "eth.addr.oui",
        NUMBER,
        "first three bytes of either address",
        number("0", 3, _ETH),
        number("6", 3, _ETH),
        size=3,
    ),
    _mac_bit("eth.dst.lg", _LOCAL, 2, 0),
    _mac_bit("eth.dst.ig", _GROUP, 1, 0),
    _mac_bit("eth.src.lg", _LOCAL, 2, 6),
    _mac_bit("eth.src.ig", _GROUP, 1, 6),
    _mac_bit("eth.lg", _LOCAL, 2, 0, 6),
    _mac_bit("eth.ig", _GROUP, 1, 0, 6),
    packet(
        "eth.type",
        NUMBER,
        "EtherType; of a tagged frame that of the tag",
        f"CASE WHEN {_LENGTH} >= 1536 THEN {_LENGTH} END",
        size=2,
    ),
    packet(
        "eth.len",
        NUMBER,
        "length, in a frame without EtherType",
        f"CASE WHEN {_LENGTH} <= 1500 THEN {_LENGTH} END",
        size=2,
    ),
    packet("eth.padding", BYTES, "zeros that fill a short frame up to 60 bytes", _PADDING),
    packet("eth.trailer", BYTES, "what else follows the packet in the frame", _TRAILER),
    packet(
        "eth.fcs",
        NUMBER,
        "checksum of the frame: the last four of bytes that belong to nothing, in a frame of 64 or more",
        number("p.captured_bytes - 4", 4, f"{_WHOLE} AND {_HAS_FCS}"),
        size=4,
    ),
)

_TYPE1, _TYPE2 = number("12", 2, _ETH), number("16", 2, _ETH)
_TAG1, _TAG2 = (f"{_ETH} AND coalesce({kind} IN (33024, 34984, 37120), FALSE)" for kind in (_TYPE1, _TYPE2))
# A tag of 802.1ad (0x88A8) is another protocol to Wireshark: of two tags the inner one is then the first of `vlan`.
_IS_TAG1, _IS_TAG2 = f"coalesce({_TYPE1} IN (33024, 37120), FALSE)", f"coalesce({_TYPE2} IN (33024, 37120), FALSE)"
_SERVICE = f"{_TAG1} AND coalesce({_TYPE1} = 34984, FALSE)"
_PLACES = (
    (f"{_TAG1} AND {_IS_TAG1}", 14, 1),
    (f"{_SERVICE} AND {_TAG2} AND {_IS_TAG2}", 18, 1),
    (f"{_TAG2} AND {_IS_TAG1} AND {_IS_TAG2}", 18, 2),
)


def _vlan(name: str, meaning: str, offset: int, mask: int, shift: int = 0) -> Field:
    values = (Term(bits(str(at + offset), 2, when, mask, shift), layer=n) for when, at, n in _PLACES)
    return packet(name, NUMBER, meaning, *values, size=2)


_VLAN_THERE = f"({_PLACES[0][0]} OR {_PLACES[1][0]})"

VLAN_FIELDS: tuple[Field, ...] = (
    protocol(
        "vlan",
        "an 802.1Q tag",
        _VLAN_THERE,
        f"CASE WHEN {_TYPE1} = 34984 THEN 18 ELSE 14 END",
        f"CASE WHEN {_TYPE1} = 34984 THEN 22 ELSE 18 END",
        "4",
    ),
    _vlan("vlan.id", "VLAN; vlan.id#2 is the inner of two tags", 0, 0xFFF),
    _vlan("vlan.priority", "priority", 0, 0x7, 13),
    packet(
        "vlan.dei",
        BOOLEAN,
        "drop eligible",
        *(Term(flag(str(at), 2, when, 0x1000), layer=n) for when, at, n in _PLACES),
    ),
    _vlan("vlan.etype", "EtherType behind the tag", 2, 0xFFFF),
    protocol("ieee8021ad", "an 802.1ad (service) tag", _SERVICE, "14", "18", "4"),
    packet("ieee8021ad.id", NUMBER, "VLAN of a service tag", bits("14", 2, _SERVICE, 0xFFF), size=2),
    packet("ieee8021ad.priority", NUMBER, "priority of a service tag", bits("14", 2, _SERVICE, 7, 13), size=2),
    packet("ieee8021ad.dei", NUMBER, "drop eligible, in a service tag", bits("14", 2, _SERVICE, 1, 12), size=2),
)

_SLL, _SLL2, _COOKED = "p.linktype = 113", "p.linktype = 276", "p.linktype IN (113, 276)"


def _cooked(name: str, meaning: str, at: int, at2: int, size: int, size2: int) -> Field:
    """A number that stands elsewhere in SLL2 (https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL2.html)."""
    one, two = number(str(at), size, _SLL), number(str(at2), size2, _SLL2)
    return packet(name, NUMBER, meaning, f"coalesce({one}, {two})", size=2)


_COOKED_MAC = (
    f"coalesce({octets('6', 6, _SLL + ' AND ' + number('4', 2, _SLL) + ' = 6')},"
    f" {octets('12', 6, _SLL2 + ' AND ' + number('11', 1, _SLL2) + ' = 6')})"
)
_ARPHRD = f"coalesce({number('2', 2, _SLL)}, {number('8', 2, _SLL2)})"  # linux/if_arp.h
# Of netlink (824) it is the family.
_KIND = f"CASE WHEN {_ARPHRD} <> 824 THEN coalesce({number('14', 2, _SLL)}, {number('0', 2, _SLL2)}) END"


def _rest_of_address(when: str, length: str, at: int) -> str:
    """What a link address of less than 8 bytes leaves of its place."""
    size = number(length, 1, when)
    return f"CASE WHEN {size} < 8 AND p.captured_bytes >= {at + 8} THEN p.frame[{at + 1} + {size} : {at + 8}] END"


_REST_OF_ADDRESS = f"coalesce({_rest_of_address(_SLL, '5', 6)}, {_rest_of_address(_SLL2, '11', 12)})"

SLL_FIELDS: tuple[Field, ...] = (
    protocol(
        "sll",
        "a Linux cooked capture (-i any)",
        _COOKED,
        "0",
        "CASE WHEN p.linktype = 113 THEN 16 ELSE 20 END",
        "CASE WHEN p.linktype = 113 THEN 16 ELSE 20 END",
    ),
    _cooked("sll.pkttype", "0 to us, 1 broadcast, 2 multicast, 3 to another host, 4 from us", 0, 10, 2, 1),
    _cooked("sll.hatype", "ARPHRD_* of the interface", 2, 8, 2, 2),
    _cooked("sll.halen", "length of the link address", 4, 11, 2, 1),
    packet("sll.src.eth", ETHER, "link address of the sender", _COOKED_MAC, size=6),
    packet(
        "sll.etype", NUMBER, "EtherType", f"CASE WHEN {_KIND} >= 1536 AND {_ARPHRD} <> 778 THEN {_KIND} END", size=2
    ),
    packet(
        "sll.ltype",
        NUMBER,
        "kind of packet, where that is no EtherType",
        f"CASE WHEN {_KIND} < 1536 THEN {_KIND} END",
        size=2,
    ),
    packet(
        "sll.gretype",
        NUMBER,
        "EtherType, on a tunnel of GRE",
        f"CASE WHEN {_KIND} >= 1536 AND {_ARPHRD} = 778 THEN {_KIND} END",
        size=2,
    ),
    packet("sll.unused", BYTES, "what the sender's address leaves of its 8 bytes", _REST_OF_ADDRESS),
    packet("sll.ifindex", NUMBER, "index of the interface", number("4", 4, _SLL2), size=4),
)

_ARP = "p.ethertype = 2054 AND p.network_offset IS NOT NULL"
_N = "p.network_offset"
_SPA, _TPA = ipv4(f"{_N} + 14", _ARP), ipv4(f"{_N} + 24", _ARP)
_OPERATION = number(f"{_N} + 6", 2, _ARP)
_SAME = f"({_ARP} AND {octets(f'{_N} + 14', 4, _ARP)} = {octets(f'{_N} + 24', 4, _ARP)})"


def _arp(name: str, meaning: str, at: int, size: int) -> Field:
    return packet(name, NUMBER, meaning, number(f"{_N} + {at}", size, _ARP), size=size)


ARP_FIELDS: tuple[Field, ...] = (
    protocol("arp", "ARP", _ARP, _N, length=f"p.captured_bytes - {_N}"),
    _arp("arp.hw.type", "hardware type: 1 is Ethernet", 0, 2),
    _arp("arp.proto.type", "protocol type: 0x0800 is IPv4", 2, 2),
    _arp("arp.hw.size", "length of a hardware address", 4, 1),
    _arp("arp.proto.size", "length of a protocol address", 5, 1),
    _arp("arp.opcode", "1 request, 2 reply", 6, 2),
    packet("arp.src.hw_mac", ETHER, "sender's hardware address", octets(f"{_N} + 8", 6, _ARP), size=6),
    packet("arp.src.proto_ipv4", IPV4, "sender's address", _SPA, size=4),
    packet("arp.dst.hw_mac", ETHER, "target's hardware address", octets(f"{_N} + 18", 6, _ARP), size=6),
    packet("arp.dst.proto_ipv4", IPV4, "target's address", _TPA, size=4),
    packet(
        "arp.isgratuitous", BOOLEAN, "sender and target have one address; there where true", f"nullif({_SAME}, FALSE)"
    ),
    packet(
        "arp.isannouncement",
        BOOLEAN,
        "a gratuitous request; there where true",
        f"nullif({_SAME} AND {_OPERATION} = 1, FALSE)",
    ),
    packet(
        "arp.isprobe",
        BOOLEAN,
        "a request from 0.0.0.0; there where true",
        f"nullif({_ARP} AND {_OPERATION} = 1 AND {octets(f'{_N} + 14', 4, _ARP)} = '\\x00\\x00\\x00\\x00'::BLOB, FALSE)",
    ),
)
