"""Fields of IPv4 (RFC 791), IPv6 (RFC 8200), ICMP (RFC 792) and ICMPv6 (RFC 4443).

A call on a socket of a connection has that connection's addresses; its own end is the source.
"""

from wiretale.filter.fields.table import (
    BOOLEAN,
    CALL,
    IPV4,
    IPV6,
    KERNEL,
    LABEL,
    NUMBER,
    PACKET,
    PROTOCOL,
    Field,
    Term,
    Terms,
    packet,
    protocol,
    terms,
)
from wiretale.filter.header import bits, flag, ipv4, number, option_byte, options
from wiretale.filter.types import FieldType

_N = "p.network_offset"
_FOUR, _SIX = "p.ip_version = 4", "p.ip_version = 6"
PROTOCOL_NUMBERS = {
    "ICMP": 1,
    "IGMP": 2,
    "TCP": 6,
    "UDP": 17,
    "IPV6": 41,
    "GRE": 47,
    "ESP": 50,
    "ICMPV6": 58,
    "SCTP": 132,
    "UDPLITE": 136,
}


def _address(name: str, type_: FieldType, meaning: str, *ends: str) -> Field:
    """`ends` are "src", "dst". A packet that an ICMP error quotes is its second layer."""
    version = 4 if type_ is IPV4 else 6
    of_packet = [Term(f"CASE WHEN p.ip_version = {version} THEN p.{end} END") for end in ends]
    if version == 4:
        of_packet += [Term(f"q.{end}", layer=2) for end in ends]
    columns = {"src": "cc.own_addr", "dst": "cc.peer_addr"}
    colon = "LIKE" if version == 6 else "NOT LIKE"
    of_call = [
        f"CASE WHEN cc.protocol IN ('tcp', 'udp', 'udplite') AND {columns[end]} {colon} '%:%' THEN {columns[end]} END"
        for end in ends
    ]
    of_kernel = [f"CASE WHEN e.{end} {colon} '%:%' THEN e.{end} END" for end in ends]
    on = {PACKET: tuple(of_packet), CALL: terms(*of_call), KERNEL: terms(*of_kernel)}
    return Field(name, type_, meaning, on, size=4 if version == 4 else 16)


def _with_quoted(expression: str, quoted: str) -> Terms:
    return (Term(expression), Term(quoted, layer=2))


def _of_ip(name: str, meaning: str, whole: str, begin: str, end: str, length: str, on_call: str, quoted: str) -> Field:
    base = protocol(name, meaning, whole, begin, end, length)
    present = {PACKET: (*base.present[PACKET], *((Term(quoted, layer=2),) if quoted else ())), CALL: terms(on_call)}
    return Field(name, PROTOCOL, meaning, base.on, present, length=base.length, whole=base.whole, window=base.window)


_HEADER = f"({bits(_N, 1, _FOUR, 15)} * 4)"
_FLAGS = bits(f"{_N} + 6", 1, _FOUR, 7, 5)

IP_FIELDS: tuple[Field, ...] = (
    _of_ip(
        "ip",
        "IPv4",
        _FOUR,
        _N,
        f"{_N} + {_HEADER}",
        _HEADER,
        "nullif(cc.protocol IN ('tcp', 'udp', 'udplite') AND cc.own_addr NOT LIKE '%:%', FALSE)",
        "nullif(q.src IS NOT NULL, FALSE)",
    ),
    _address("ip.addr", IPV4, "either IPv4 address", "src", "dst"),
    _address("ip.src", IPV4, "IPv4 source; of a call: its own end", "src"),
    _address("ip.dst", IPV4, "IPv4 destination; of a call: the peer", "dst"),
    packet("ip.version", NUMBER, "4; 6 of an IPv6 packet", "p.ip_version", size=1),
    packet("ip.hdr_len", NUMBER, "length of the header", _HEADER, size=1),
    Field(
        "ip.dsfield",
        NUMBER,
        "differentiated services field (type of service)",
        {PACKET: _with_quoted(number(f"{_N} + 1", 1, _FOUR), "q.dsfield")},
        size=1,
    ),
    Field(
        "ip.dsfield.dscp",
        NUMBER,
        "differentiated services codepoint",
        {PACKET: _with_quoted(bits(f"{_N} + 1", 1, _FOUR, 63, 2), "q.dsfield >> 2")},
        size=1,
    ),
    Field(
        "ip.dsfield.ecn",
        NUMBER,
        "explicit congestion notification",
        {PACKET: _with_quoted(bits(f"{_N} + 1", 1, _FOUR, 3), "q.dsfield & 3")},
        size=1,
    ),
    Field("ip.len", NUMBER, "total length", {PACKET: _with_quoted(number(f"{_N} + 2", 2, _FOUR), "q.bytes")}, size=2),
    Field(
        "ip.id",
        NUMBER,
        "identification",
        {PACKET: _with_quoted(f"CASE WHEN {_FOUR} THEN p.ip_id END", "q.ip_id")},
        size=2,
    ),
    packet("ip.flags", NUMBER, "the three flags as one number", _FLAGS, size=1),
    packet("ip.flags.rb", BOOLEAN, "reserved bit", flag(f"{_N} + 6", 1, _FOUR, 0x80)),
    packet("ip.flags.df", BOOLEAN, "don't fragment", flag(f"{_N} + 6", 1, _FOUR, 0x40)),
    packet("ip.flags.mf", BOOLEAN, "more fragments", flag(f"{_N} + 6", 1, _FOUR, 0x20)),
    packet(
        "ip.frag_offset", NUMBER, "fragment offset, in units of 8 bytes", bits(f"{_N} + 6", 2, _FOUR, 0x1FFF), size=2
    ),
    Field(
        "ip.ttl", NUMBER, "time to live", {PACKET: _with_quoted(f"CASE WHEN {_FOUR} THEN p.ttl END", "q.ttl")}, size=1
    ),
    Field(
        "ip.proto",
        NUMBER,
        "protocol number, or TCP, UDP, ICMP, ...",
        {PACKET: _with_quoted(f"CASE WHEN {_FOUR} THEN p.ip_protocol END", "q.protocol")},
        size=1,
        names=PROTOCOL_NUMBERS,
    ),
    packet("ip.checksum", NUMBER, "header checksum", number(f"{_N} + 10", 2, _FOUR), size=2),
    packet("ip.checksum.status", NUMBER, "2: checksums are not verified", f"CASE WHEN {_FOUR} THEN 2 END", size=1),
)

_HAS_OPTIONS = f"{_FOUR} AND {_HEADER} > 20 AND {_N} + {_HEADER} <= p.captured_bytes"
_OPTIONS = f"CASE WHEN {_HAS_OPTIONS} THEN {options(f'hex(p.frame[CAST({_N} AS BIGINT) + 21 : {_N} + {_HEADER}])')} END"


def _option(name: str, meaning: str, kind: int) -> Field:
    value = Term(f"CASE WHEN v[1:2] = '{kind:02X}' THEN unhex(v) END", elements=_OPTIONS)
    return packet(f"ip.options.{name}", PROTOCOL, meaning, value)


# Kinds of options: IANA, "IP Option Numbers"
IP_OPTION_FIELDS: tuple[Field, ...] = (
    packet("ip.opt.type", NUMBER, "kind of each option", Term(option_byte(1), elements=_OPTIONS), size=1),
    packet(
        "ip.opt.type.copy", BOOLEAN, "is copied to fragments", Term(f"({option_byte(1)} & 128) <> 0", elements=_OPTIONS)
    ),
    packet(
        "ip.opt.type.class",
        NUMBER,
        "0 control, 2 debugging",
        Term(f"({option_byte(1)} >> 5) & 3", elements=_OPTIONS),
        size=1,
    ),
    packet(
        "ip.opt.type.number", NUMBER, "number in its class", Term(f"{option_byte(1)} & 31", elements=_OPTIONS), size=1
    ),
    packet(
        "ip.opt.len",
        NUMBER,
        "length of each option that has one",
        Term(f"CASE WHEN v[1:2] NOT IN ('00', '01') THEN {option_byte(3)} END", elements=_OPTIONS),
        size=1,
    ),
    _option("eol", "end of options", 0),
    _option("nop", "no-op", 1),
    _option("record_route", "record route", 7),
    _option("timestamp", "timestamps", 68),
    _option("security", "security", 130),
    _option("sid", "stream identifier", 136),
    _option("routeralert", "router alert", 148),
)

_NEXT = number(f"{_N} + 6", 1, _SIX)


def _extension(name: str, meaning: str, kind: int) -> Field:
    return Field(name, LABEL, meaning, {PACKET: terms(f"nullif({_NEXT} = {kind}, FALSE)")})


_FIRST_IS_FRAGMENT = f"{_SIX} AND p.fragment AND {_NEXT} = 44"

IPV6_FIELDS: tuple[Field, ...] = (
    _of_ip(
        "ipv6",
        "IPv6",
        _SIX,
        _N,
        f"{_N} + 40",
        "40",
        "nullif(cc.protocol IN ('tcp', 'udp', 'udplite') AND cc.own_addr LIKE '%:%', FALSE)",
        "",
    ),
    _address("ipv6.addr", IPV6, "either IPv6 address", "src", "dst"),
    _address("ipv6.src", IPV6, "IPv6 source; of a call: its own end", "src"),
    _address("ipv6.dst", IPV6, "IPv6 destination; of a call: the peer", "dst"),
    packet("ipv6.version", NUMBER, "6", f"CASE WHEN {_SIX} THEN 6 END", size=1),
    packet("ipv6.tclass", NUMBER, "traffic class", bits(_N, 2, _SIX, 255, 4), size=4),
    packet("ipv6.tclass.dscp", NUMBER, "differentiated services codepoint", bits(_N, 2, _SIX, 63, 6), size=4),
    packet("ipv6.tclass.ecn", NUMBER, "explicit congestion notification", bits(_N, 2, _SIX, 3, 4), size=4),
    packet("ipv6.flow", NUMBER, "flow label", bits(_N, 4, _SIX, 0xFFFFF), size=4),
    packet("ipv6.plen", NUMBER, "payload length", number(f"{_N} + 4", 2, _SIX), size=2),
    packet(
        "ipv6.nxt",
        NUMBER,
        "next header: the protocol, or the first extension header",
        _NEXT,
        size=1,
        **PROTOCOL_NUMBERS,
    ),
    packet("ipv6.hlim", NUMBER, "hop limit", f"CASE WHEN {_SIX} THEN p.ttl END", size=1),
    _extension("ipv6.hopopts", "the first extension header is hop-by-hop options", 0),
    _extension("ipv6.routing", "the first extension header is routing", 43),
    _extension("ipv6.dstopts", "the first extension header is destination options", 60),
    Field("ipv6.fraghdr", LABEL, "is a fragment", {PACKET: terms(f"nullif({_SIX} AND p.fragment, FALSE)")}),
    packet(
        "ipv6.fraghdr.ident",
        NUMBER,
        "identification of a fragment",
        f"CASE WHEN {_SIX} AND p.fragment THEN p.ip_id END",
        size=4,
    ),
    packet(
        "ipv6.fraghdr.offset",
        NUMBER,
        "fragment offset in units of 8 bytes, where the fragment header is the first",
        bits(f"{_N} + 42", 2, _FIRST_IS_FRAGMENT, 0x1FFF, 3),
        size=2,
    ),
    packet(
        "ipv6.fraghdr.more",
        BOOLEAN,
        "more fragments, where the fragment header is the first",
        flag(f"{_N} + 42", 2, _FIRST_IS_FRAGMENT, 1),
    ),
)

_T = "p.transport_offset"
_ICMP, _ICMP6 = "p.ip_protocol = 1 AND p.icmp_type IS NOT NULL", "p.ip_protocol = 58 AND p.icmp_type IS NOT NULL"
_ECHO = f"{_ICMP} AND p.icmp_type IN (0, 8, 13, 14, 15, 16, 17, 18)"
_ECHO6 = f"{_ICMP6} AND p.icmp_type IN (128, 129)"
_END = "p.payload_offset + p.payload_bytes"


def _swapped(at: str, when: str) -> str:
    """The number as a machine of the other byte order reads it, as ping prints it."""
    return f"(({bits(at, 2, when, 255)} << 8) + {bits(at, 2, when, 255, 8)})"


ICMP_FIELDS: tuple[Field, ...] = (
    protocol("icmp", "ICMP", _ICMP, _T, _END, f"least({_END}, p.captured_bytes) - {_T}"),
    packet("icmp.type", NUMBER, "ICMP type", f"CASE WHEN {_ICMP} THEN p.icmp_type END", size=1),
    packet("icmp.code", NUMBER, "ICMP code", f"CASE WHEN {_ICMP} THEN p.icmp_code END", size=1),
    packet("icmp.checksum", NUMBER, "checksum", number(f"{_T} + 2", 2, _ICMP), size=2),
    packet(
        "icmp.ident",
        NUMBER,
        "identifier of an echo",
        number(f"{_T} + 4", 2, _ECHO),
        size=2,
    ),
    packet("icmp.ident_le", NUMBER, "the same in the other byte order", _swapped(f"{_T} + 4", _ECHO), size=2),
    packet("icmp.seq", NUMBER, "sequence number of an echo", number(f"{_T} + 6", 2, _ECHO), size=2),
    packet("icmp.seq_le", NUMBER, "the same in the other byte order", _swapped(f"{_T} + 6", _ECHO), size=2),
    packet(
        "icmp.mtu",
        NUMBER,
        "MTU of the next hop, of fragmentation needed",
        number(f"{_T} + 6", 2, f"{_ICMP} AND p.icmp_type = 3 AND p.icmp_code = 4"),
        size=2,
    ),
    packet("icmp.redir_gw", IPV4, "gateway of a redirect", ipv4(f"{_T} + 4", f"{_ICMP} AND p.icmp_type = 5"), size=4),
    protocol("icmpv6", "ICMPv6", _ICMP6, _T, _END, f"least({_END}, p.captured_bytes) - {_T}"),
    packet("icmpv6.type", NUMBER, "ICMPv6 type", f"CASE WHEN {_ICMP6} THEN p.icmp_type END", size=1),
    packet("icmpv6.code", NUMBER, "ICMPv6 code", f"CASE WHEN {_ICMP6} THEN p.icmp_code END", size=1),
    packet("icmpv6.checksum", NUMBER, "checksum", number(f"{_T} + 2", 2, _ICMP6), size=2),
    packet("icmpv6.echo.identifier", NUMBER, "identifier of an echo", number(f"{_T} + 4", 2, _ECHO6), size=2),
    packet("icmpv6.echo.sequence_number", NUMBER, "sequence number of an echo", number(f"{_T} + 6", 2, _ECHO6), size=2),
    packet(
        "icmpv6.mtu",
        NUMBER,
        "MTU of the next hop, of packet too big",
        number(f"{_T} + 4", 4, f"{_ICMP6} AND p.icmp_type = 2"),
        size=4,
    ),
)
