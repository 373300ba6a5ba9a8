"""The packet that an ICMP error quotes: which packet the error is about."""

import ipaddress
import struct

from wiretale.decode.ip_protocols import TCP, UDP, UDPLITE
from wiretale.light import dataclass


@dataclass(frozen=True, slots=True)
class Quoted:
    """The packet that an ICMP error quotes: who sent it to whom."""

    protocol: int
    src: str
    srcport: int
    dst: str
    dstport: int


def quoted_packet(version: int, data: bytes) -> Quoted | None:
    """Addresses and ports of the packet quoted in an ICMP error (RFC 792, RFC 4443); None if too little is there."""
    if version == 4 and len(data) >= 20 and data[0] >> 4 == 4:
        head, protocol = (data[0] & 15) * 4, data[9]
        src, dst = str(ipaddress.IPv4Address(data[12:16])), str(ipaddress.IPv4Address(data[16:20]))
    elif version == 6 and len(data) >= 40 and data[0] >> 4 == 6:
        head, protocol = 40, data[6]
        src, dst = str(ipaddress.IPv6Address(data[8:24])), str(ipaddress.IPv6Address(data[24:40]))
    else:
        return None
    if protocol not in (TCP, UDP, UDPLITE) or head < 20 or len(data) < head + 4:
        return None
    srcport, dstport = struct.unpack_from(">HH", data, head)
    return Quoted(protocol, src, srcport, dst, dstport)
