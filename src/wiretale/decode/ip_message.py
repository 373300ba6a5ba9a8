"""What an IP packet carries, from its first bytes: its header, and who an ICMP message is about. Pure.

Layouts: RFC 791 (IPv4), RFC 8200 (IPv6), RFC 792 and 950 (ICMP), RFC 4443 (ICMPv6).
"""

import ipaddress
import struct

from wiretale.light import dataclass

ICMP, ICMPV6 = 1, 58  # include/uapi/linux/in.h, in6.h
ICMP_HEADER = 8
# Question -> answer, of the types that carry an identifier and a sequence number (bytes 4 to 8). Keys: IP version.
QUESTIONS = {4: {8: 0, 13: 14, 15: 16, 17: 18}, 6: {128: 129}}
ANSWERS = {version: {answer: question for question, answer in of.items()} for version, of in QUESTIONS.items()}
ERRORS = {4: frozenset({3, 4, 5, 11, 12}), 6: frozenset({1, 2, 3, 4})}
_EXTENSIONS = frozenset({0, 43, 60})  # hop-by-hop options, routing, destination options (RFC 8200 4.1)
_FRAGMENT = 44


@dataclass(frozen=True, slots=True)
class IpHeader:
    """An IP header with its extension headers. `head`, `size`: bytes of the header, and of the whole packet."""

    version: int
    head: int
    size: int
    protocol: int
    src: str
    dst: str
    ip_id: int
    ttl: int
    offset: int  # of a fragment's data in what was fragmented
    more: bool  # fragments follow

    @property
    def is_fragment(self) -> bool:
        return self.more or self.offset > 0


def ip_header(data: bytes) -> IpHeader | None:
    """The IP header that `data` begins with; None if there is none, or not the whole of it."""
    version = data[0] >> 4 if data else 0
    if version == 4 and len(data) >= 20:
        head, size = (data[0] & 15) * 4, struct.unpack_from(">H", data, 2)[0]
        ip_id, flags = struct.unpack_from(">HH", data, 4)
        if head < 20 or size < head or len(data) < head:
            return None
        src, dst = (str(ipaddress.IPv4Address(data[at : at + 4])) for at in (12, 16))
        return IpHeader(4, head, size, data[9], src, dst, ip_id, data[8], (flags & 0x1FFF) * 8, bool(flags & 0x2000))
    return _ip6_header(data) if version == 6 and len(data) >= 40 else None


def _ip6_header(data: bytes) -> IpHeader | None:
    size = 40 + struct.unpack_from(">H", data, 4)[0]
    src, dst = (str(ipaddress.IPv6Address(data[at : at + 16])) for at in (8, 24))
    protocol, head, ip_id, offset, more = data[6], 40, 0, 0, False
    while protocol in _EXTENSIONS or protocol == _FRAGMENT:
        if len(data) < head + 8:
            return None
        if protocol == _FRAGMENT:
            place, ip_id = struct.unpack_from(">HI", data, head + 2)
            offset, more = place & 0xFFF8, bool(place & 1)
            protocol, head = data[head], head + 8
            if offset:
                break
        else:
            protocol, head = data[head], head + (data[head + 1] + 1) * 8
    return (
        None
        if size < head or len(data) < head
        else IpHeader(6, head, size, protocol, src, dst, ip_id, data[7], offset, more)
    )


@dataclass(frozen=True, slots=True)
class IcmpAbout:
    """The exchange that an ICMP message is part of: `client` asks, `server` is asked. `forward`: on the way to it.

    `error`: it is no question and no answer, but quotes one.
    """

    client: str
    server: str
    ident: int
    sequence: int
    forward: bool
    error: bool = False


def icmp_about(version: int, src: str, dst: str, body: bytes) -> IcmpAbout | None:
    """What exchange the ICMP message `body`, sent from `src` to `dst`, is part of; None if it is of none."""
    if len(body) < ICMP_HEADER:
        return None
    kind = body[0]
    ident, sequence = struct.unpack_from(">HH", body, 4)
    if kind in QUESTIONS[version]:
        return IcmpAbout(src, dst, ident, sequence, True)
    if kind in ANSWERS[version]:
        return IcmpAbout(dst, src, ident, sequence, False)
    if kind not in ERRORS[version]:
        return None
    quoted = ip_header(body[ICMP_HEADER:])
    if quoted is None or quoted.offset or quoted.protocol != (ICMP if version == 4 else ICMPV6):
        return None
    found = icmp_about(version, quoted.src, quoted.dst, body[ICMP_HEADER + quoted.head :])
    # an error about an error is not sent (RFC 1122 3.2.2)
    return (
        None
        if found is None or found.error
        else IcmpAbout(found.client, found.server, found.ident, found.sequence, not found.forward, True)
    )
