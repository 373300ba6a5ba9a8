"""Fields of neighbour discovery among ICMPv6's messages (RFC 4861; RFC 8106: servers of names)."""

from wiretale.filter.fields.table import BOOLEAN, BYTES, IPV6, NUMBER, Field, Term, packet
from wiretale.filter.header import bits, digits, flag, ipv6_in, number, number_in, one_address

_T = "p.transport_offset"
_ROUTERS, _ADVERTISED, _ASKED, _ANSWERED, _REDIRECTED = 133, 134, 135, 136, 137
# Of 8 bytes in an option. What is longer (a redirect quotes a packet) comes last, and is one text with all that follows.
_MOST_UNITS = 9


def _of(*kinds: int) -> str:
    return f"p.ip_protocol = 58 AND p.icmp_type IN ({', '.join(map(str, kinds))})"


_RA, _NA = _of(_ADVERTISED), _of(_ANSWERED)
_BEFORE_OPTIONS = {_ROUTERS: 8, _ADVERTISED: 16, _ASKED: 24, _ANSWERED: 24, _REDIRECTED: 40}
_BEGIN = f"{_T} + CASE p.icmp_type {' '.join(f'WHEN {kind} THEN {size}' for kind, size in _BEFORE_OPTIONS.items())} END"
_OPTION = "|".join(f"..{n:02X}.{{{16 * n - 4}}}" for n in range(1, _MOST_UNITS + 1))
_OPTIONS = f"regexp_extract_all({digits(_BEGIN, _of(*_BEFORE_OPTIONS))}, '{_OPTION}|.+')"
_SERVERS = (
    f"flatten(list_transform({_OPTIONS}, lambda o:"
    " CASE WHEN o[1:2] = '19' THEN regexp_extract_all(o[17:], '.{32}') ELSE CAST([] AS VARCHAR[]) END))"
)


def _address(name: str, meaning: str, at: int, kind: int) -> Field:
    return packet(
        f"icmpv6.{name}", IPV6, meaning, Term(ipv6_in(1), elements=one_address(f"{_T} + {at}", _of(kind))), size=16
    )


def _option(name: str, meaning: str, kind: int, first: int, size: int) -> Field:
    """A number in options of one kind, from the digit `first` on."""
    value = f"CASE WHEN v[1:2] = '{kind:02X}' THEN {number_in(first, size)} END"
    return packet(f"icmpv6.opt.{name}", NUMBER, meaning, Term(value, elements=_OPTIONS), size=size)


def _option_flag(name: str, meaning: str, mask: int) -> Field:
    value = f"CASE WHEN v[1:2] = '03' THEN ({number_in(7)} & {mask}) <> 0 END"
    return packet(f"icmpv6.opt.prefix.flag.{name}", BOOLEAN, meaning, Term(value, elements=_OPTIONS))


def _link_address(name: str, meaning: str, kinds: str) -> Field:
    value = f"CASE WHEN v[1:2] IN ({kinds}) AND len(v) = 16 THEN unhex(v[5:]) END"
    return packet(f"icmpv6.opt.{name}", BYTES, meaning, Term(value, elements=_OPTIONS))


NEIGHBOUR_FIELDS: tuple[Field, ...] = (
    _address("nd.ns.target_address", "neighbour solicitation: whose link address is asked for", 8, _ASKED),
    _address("nd.na.target_address", "neighbour advertisement: whose link address is told", 8, _ANSWERED),
    packet("icmpv6.nd.na.flag", NUMBER, "neighbour advertisement: the flags as one number", number(f"{_T} + 4", 4, _NA), size=4),
    packet("icmpv6.nd.na.flag.r", BOOLEAN, "is from a router", flag(f"{_T} + 4", 1, _NA, 0x80)),
    packet("icmpv6.nd.na.flag.s", BOOLEAN, "was asked for", flag(f"{_T} + 4", 1, _NA, 0x40)),
    packet("icmpv6.nd.na.flag.o", BOOLEAN, "replaces what was known", flag(f"{_T} + 4", 1, _NA, 0x20)),
    packet("icmpv6.nd.ra.cur_hop_limit", NUMBER, "router advertisement: hop limit to use", number(f"{_T} + 4", 1, _RA), size=1),
    packet("icmpv6.nd.ra.flag", NUMBER, "router advertisement: the flags as one number", number(f"{_T} + 5", 1, _RA), size=1),
    packet("icmpv6.nd.ra.flag.m", BOOLEAN, "addresses are to be had by DHCPv6", flag(f"{_T} + 5", 1, _RA, 0x80)),
    packet("icmpv6.nd.ra.flag.o", BOOLEAN, "other things are to be had by DHCPv6", flag(f"{_T} + 5", 1, _RA, 0x40)),
    packet("icmpv6.nd.ra.flag.h", BOOLEAN, "is a home agent", flag(f"{_T} + 5", 1, _RA, 0x20)),
    packet("icmpv6.nd.ra.flag.prf", NUMBER, "preference: 1 high, 0 medium, 3 low", bits(f"{_T} + 5", 1, _RA, 3, 3), size=1),
    packet("icmpv6.nd.ra.flag.p", BOOLEAN, "is a proxy's", flag(f"{_T} + 5", 1, _RA, 0x04)),
    packet("icmpv6.nd.ra.router_lifetime", NUMBER, "seconds to use the router for", number(f"{_T} + 6", 2, _RA), size=2),
    packet("icmpv6.nd.ra.reachable_time", NUMBER, "milliseconds to believe a neighbour reachable for", number(f"{_T} + 8", 4, _RA), size=4),
    packet("icmpv6.nd.ra.retrans_timer", NUMBER, "milliseconds between solicitations", number(f"{_T} + 12", 4, _RA), size=4),
    _address("nd.rd.target_address", "redirect: the better way", 8, _REDIRECTED),
    _address("rd.na.destination_address", "redirect: to what address", 24, _REDIRECTED),
    packet(
        "icmpv6.opt.type", NUMBER, "option of neighbour discovery: 1 source's and 2 target's link address, 3 prefix, 5 MTU, 25 servers of names",
        Term(number_in(1), elements=_OPTIONS), size=1,
    ),
    packet("icmpv6.opt.length", NUMBER, "length of an option, in units of 8 bytes", Term(number_in(3), elements=_OPTIONS), size=1),
    _link_address("linkaddr", "link address in an option", "'01', '02'"),
    _link_address("src_linkaddr", "sender's link address", "'01'"),
    _link_address("target_linkaddr", "target's link address", "'02'"),
    _option("mtu", "MTU of the link", 5, 9, 4),
    packet("icmpv6.opt.prefix", IPV6, "prefix", Term(f"CASE WHEN v[1:2] = '03' THEN {ipv6_in(33)} END", elements=_OPTIONS), size=16),
    _option("prefix.length", "length of a prefix", 3, 5, 1),
    _option_flag("l", "addresses with the prefix are on the link", 0x80),
    _option_flag("a", "addresses may be made of the prefix", 0x40),
    _option("prefix.valid_lifetime", "seconds that the prefix is valid for", 3, 9, 4),
    _option("prefix.preferred_lifetime", "seconds that its addresses are preferred for", 3, 17, 4),
    packet("icmpv6.opt.rdnss", IPV6, "each server of names", Term(ipv6_in(1), elements=_SERVERS), size=16),
    _option("rdnss.lifetime", "seconds that they may be used for", 25, 9, 4),
)  # fmt: skip
