"""Link layers: from the first byte of a frame to its network protocol.

Layouts: https://www.tcpdump.org/linktypes.html (link types and cooked captures), IEEE 802.3, 802.1Q and 802.2, RFC 1042
(SNAP), RFC 1661, 1662 and 2516 (PPP, PPPoE), RFC 3032 (MPLS), RFC 2427 (frame relay), RFC 2684 (ATM).
"""

import numpy as np

from wiretale.decode.ethertypes import ETH_ARP
from wiretale.decode.frames import ABSENT, MOST_HEADERS, Frames, Next
from wiretale.decode.words import Ints

ETH_IPV4 = 0x0800
ETH_IPV6 = 0x86DD
ETH_BRIDGED = 0x6558  # Transparent Ethernet Bridging: an Ethernet frame follows (RFC 1701)
ETH_PPP = 0x880B
ETH_MPLS = 0x8847
_PPPOE_SESSION = 0x8864
_MACSEC, _NSH = 0x88E5, 0x894F
_FABRIC_PATH = 0x8903  # Cisco: a tag of two bytes, then the Ethernet frame again
_MPLS = (ETH_MPLS, 0x8848)
_VLAN_TYPES = (0x8100, 0x88A8, 0x9100)  # 802.1Q, 802.1ad, the older QinQ
_LEAST_ETHERTYPE = 0x0600  # below: IEEE 802.3 length field
_LONGEST_8023 = 1500
_COOKED_LLC = 4  # ETH_P_802_2, linux/if_ether.h

# LINKTYPE_* to its first handler. Names and numbers: https://www.tcpdump.org/linktypes.html
LINKS = {
    0: Next.NULL, 1: Next.ETHERNET, 6: Next.TOKEN_RING, 9: Next.PPP, 10: Next.FDDI, 12: Next.IP, 14: Next.IP,
    50: Next.PPP, 51: Next.PPP_ETHERNET, 100: Next.RFC1483, 101: Next.IP, 104: Next.C_HDLC, 105: Next.WIFI,
    107: Next.FRAME_RELAY, 108: Next.LOOP, 109: Next.ENC, 113: Next.SLL, 117: Next.PFLOG, 119: Next.PRISM,
    122: Next.IP_OVER_FC, 127: Next.RADIOTAP, 166: Next.PPP, 204: Next.PPP, 228: Next.IPV4, 229: Next.IPV6,
    239: Next.NFLOG, 242: Next.INFINIBAND, 276: Next.SLL2,
}  # fmt: skip
_NFULA_PAYLOAD = 9
# Juniper's, by what follows its header
_JUNIPER = {178: Next.ETHERNET, 179: Next.PPP, 180: Next.FRAME_RELAY, 181: Next.C_HDLC}
_JUNIPER_MAGIC = 0x4D4743  # "MGC"
_DIRECTION_FIRST = (166, 204)  # PPP with a byte before it that tells the direction

# BSD's address families (NULL, LOOP, ENC): AF_INET, and AF_INET6 of NetBSD, FreeBSD, macOS, Linux
_FAMILIES = {2: ETH_IPV4, 10: ETH_IPV6, 24: ETH_IPV6, 28: ETH_IPV6, 30: ETH_IPV6}
_PPP_PROTOCOLS = {0x0021: ETH_IPV4, 0x0057: ETH_IPV6, 0x0281: ETH_MPLS, 0x0283: ETH_MPLS}


def begin(frames: Frames, linktype: Ints) -> None:
    """Let every frame begin with its link layer."""
    rows = frames.inside
    kinds = linktype[rows]
    for kind in np.unique(kinds).tolist():
        these = rows[kinds == kind]
        if kind in _DIRECTION_FIRST:
            these = these[frames.step(these, np.ones(len(these), np.int64), "PPP header")]
        if kind in LINKS:
            frames.follow(these, LINKS[kind])
        elif kind in _JUNIPER:
            frames.follow(these, Next.JUNIPER, int(_JUNIPER[kind]))
        else:
            frames.stop(these, f"link type {kind} is not decoded")


def ethernet(frames: Frames, rows: Ints, _: Ints) -> None:
    rows = frames.with_room(rows, 14, "Ethernet header")
    ethertype = frames.u16(frames.pos[rows] + 12)
    frames.pos[rows] += 14
    frames.follow(rows, Next.ETHERTYPE, ethertype)


def sll(frames: Frames, rows: Ints, _: Ints) -> None:
    _cooked(frames, rows, header=16, protocol=14)


def sll2(frames: Frames, rows: Ints, _: Ints) -> None:
    _cooked(frames, rows, header=20, protocol=0)


def infiniband(frames: Frames, rows: Ints, _: Ints) -> None:
    """IP over InfiniBand: a global routing header of 40 bytes, then an EtherType (RFC 4391)."""
    _cooked(frames, rows, header=44, protocol=40)


def _cooked(frames: Frames, rows: Ints, header: int, protocol: int) -> None:
    rows = frames.with_room(rows, header, "cooked link header")
    ethertype = frames.u16(frames.pos[rows] + protocol)
    frames.pos[rows] += header
    frames.follow(rows, Next.ETHERTYPE, ethertype)
    frames.follow(rows[ethertype == _COOKED_LLC], Next.LLC)


def null(frames: Frames, rows: Ints, _: Ints) -> None:
    """The family is in the byte order of the capturing machine: small numbers, so the order shows."""
    rows = frames.with_room(rows, 4, "loopback header")
    family = frames.u32(frames.pos[rows])
    swapped = (family >> 24) | (family >> 8 & 0xFF00)
    _family(frames, rows, np.where(family >> 16, swapped, family), 4)


def loop(frames: Frames, rows: Ints, _: Ints) -> None:
    rows = frames.with_room(rows, 4, "loopback header")
    _family(frames, rows, frames.u32(frames.pos[rows]), 4)


def enc(frames: Frames, rows: Ints, _: Ints) -> None:
    rows = frames.with_room(rows, 12, "IPsec link header")
    family = frames.u32(frames.pos[rows])
    swapped = (family >> 24) | (family >> 8 & 0xFF00)
    _family(frames, rows, np.where(family >> 16, swapped, family), 12)


def pflog(frames: Frames, rows: Ints, _: Ints) -> None:
    """OpenBSD's packet filter log: its first byte is its length, without padding to four."""
    rows = frames.with_room(rows, 4, "packet filter header")
    at = frames.pos[rows]
    size = (frames.u8(at) + 3) & ~3
    family = frames.u8(at + 1)
    ok = frames.has_room(rows, size, "packet filter header")
    _family(frames, rows[ok], family[ok], size[ok])


def nflog(frames: Frames, rows: Ints, _: Ints) -> None:
    """Linux's netfilter log: family, version and group, then records; one of them has the packet.

    Layout: linux/netfilter/nfnetlink_log.h. Lengths are in the byte order of the capturing machine: here little-endian.
    """
    rows = frames.with_room(rows, 4, "netfilter header")
    family = np.zeros(len(frames.pos), np.int64)
    family[rows] = frames.u8(frames.pos[rows])
    frames.pos[rows] += 4
    for _record in range(MOST_HEADERS):
        rows = frames.with_room(rows, 4, "netfilter record")
        at = frames.pos[rows]
        size = frames.u8(at) | frames.u8(at + 1) << 8
        is_payload = (frames.u8(at + 2) | frames.u8(at + 3) << 8) == _NFULA_PAYLOAD
        frames.stop(rows[size < 4], "malformed netfilter record: its length is impossible")
        payload = rows[is_payload & (size >= 4)]
        frames.ends_at(payload, frames.pos[payload] + size[is_payload & (size >= 4)])
        _family(frames, payload, family[payload], 4)
        following = ~is_payload & (size >= 4)
        rows, size = rows[following], size[following]
        if not len(rows):
            return
        rows = rows[frames.step(rows, size + 3 & ~3, "netfilter record")]
    frames.stop(rows, f"more than {MOST_HEADERS} netfilter records")


def _family(frames: Frames, rows: Ints, family: Ints, header: Ints | int) -> None:
    frames.pos[rows] += header
    for value in np.unique(family).tolist():
        these = rows[family == value]
        if value in _FAMILIES:
            frames.follow(these, Next.ETHERTYPE, _FAMILIES[value])
        else:
            frames.stop(these, f"address family {value} is not decoded")


def ppp(frames: Frames, rows: Ints, _: Ints) -> None:
    """RFC 1661, with the address and control of RFC 1662 where they are there; one byte of protocol if compressed."""
    rows = frames.with_room(rows, 2, "PPP header")
    framed = frames.u16(frames.pos[rows]) == 0xFF03
    cisco = np.isin(frames.u8(frames.pos[rows]), (0x0F, 0x8F))
    frames.follow(rows[cisco], Next.C_HDLC)
    rows, framed = rows[~cisco], framed[~cisco]
    frames.pos[rows[framed]] += 2
    _ppp_protocol(frames, rows)


def _ppp_protocol(frames: Frames, rows: Ints) -> None:
    rows = frames.with_room(rows, 1, "PPP header")
    short = (frames.u8(frames.pos[rows]) & 1) == 1
    long = frames.with_room(rows[~short], 2, "PPP header")
    protocol = frames.u16(frames.pos[long])
    frames.pos[long] += 2
    brief = rows[short]
    number = frames.u8(frames.pos[brief])
    frames.pos[brief] += 1
    rows, protocol = np.concatenate([long, brief]), np.concatenate([protocol, number])
    for value in np.unique(protocol).tolist():
        these = rows[protocol == value]
        if value in _PPP_PROTOCOLS:
            frames.follow(these, Next.ETHERTYPE, _PPP_PROTOCOLS[value])
        else:
            frames.stop(these, f"PPP protocol 0x{value:04x} is not decoded")


def ppp_ethernet(frames: Frames, rows: Ints, _: Ints) -> None:
    """RFC 2516: version and type, code, session, length; then PPP without framing."""
    rows = frames.with_room(rows, 6, "PPPoE header")
    at = frames.pos[rows]
    session = frames.u8(at + 1) == 0
    length = frames.u16(at + 4)
    frames.stop(rows[~session], "PPPoE discovery is not decoded")
    frames.pos[rows] += 6
    rows, length = rows[session], length[session]
    frames.ends_at(rows, frames.pos[rows] + length)
    _ppp_protocol(frames, rows)


def c_hdlc(frames: Frames, rows: Ints, _: Ints) -> None:
    rows = frames.with_room(rows, 4, "Cisco HDLC header")
    ethertype = frames.u16(frames.pos[rows] + 2)
    frames.pos[rows] += 4
    frames.follow(rows, Next.ETHERTYPE, ethertype)


def juniper(frames: Frames, rows: Ints, inner: Ints) -> None:
    """Magic number and flags; 0x80: extensions follow, 2: a family stands in place of the link layer."""
    fits = frames.has_room(rows, 4, "Juniper header")
    rows, inner = rows[fits], inner[fits]
    at = frames.pos[rows]
    right = frames.u32(at) >> 8 == _JUNIPER_MAGIC
    frames.stop(rows[~right], "not a Juniper header: its magic number is missing")
    rows, inner = rows[right], inner[right]
    flags = frames.u8(frames.pos[rows] + 3)
    frames.pos[rows] += 4
    extended = (flags & 0x80) != 0
    cut = np.zeros(len(rows), bool)
    cut[extended] = ~frames.has_room(rows[extended], 2, "Juniper header")
    rows, inner, flags, extended = rows[~cut], inner[~cut], flags[~cut], extended[~cut]
    size = np.where(extended, 2 + frames.u16(np.where(extended, frames.pos[rows], 0)), 0)
    ok = frames.step(rows, size, "Juniper header")
    rows, inner, flags = rows[ok], inner[ok], flags[ok]
    bare = (flags & 2) != 0
    for value in np.unique(inner[~bare]).tolist():
        frames.follow(rows[~bare][inner[~bare] == value], value)
    null(frames, rows[bare], inner[bare])


def frame_relay(frames: Frames, rows: Ints, _: Ints) -> None:
    """RFC 2427: two to four bytes of address, its last one odd; then control and NLPID, or as Cisco's: an EtherType."""
    rows = frames.with_room(rows, 4, "frame relay header")
    at = frames.pos[rows]
    longer = np.where(frames.u8(at + 1) & 1, 0, np.where(frames.u8(at + 2) & 1, 1, 2))
    ok = frames.has_room(rows, 4 + longer, "frame relay header")
    rows = rows[ok]
    frames.pos[rows] += longer[ok]
    two = frames.u16(frames.pos[rows] + 2)
    nlpid = two & 0xFF
    ui = two >> 8 == 0x03
    is_ip = ui & np.isin(nlpid, (0xCC, 0x8E))
    padded = ui & (nlpid == 0)
    frames.pos[rows] += 4
    frames.follow(rows[is_ip], Next.ETHERTYPE, np.where(nlpid[is_ip] == 0xCC, ETH_IPV4, ETH_IPV6))
    snap = frames.with_room(rows[padded], 6, "SNAP header")
    is_snap = frames.u8(frames.pos[snap]) == 0x80
    snap = snap[is_snap]
    ethertype = frames.u16(frames.pos[snap] + 4)
    frames.pos[snap] += 6
    frames.follow(snap, Next.ETHERTYPE, ethertype)
    frames.follow(rows[~ui], Next.ETHERTYPE, two[~ui])
    frames.stop(rows[ui & ~is_ip & ~padded], "frame relay payload of another kind is not decoded")


def llc(frames: Frames, rows: Ints, _: Ints) -> None:
    """IEEE 802.2: a SNAP header leads to an EtherType, the service access point 6 to IP."""
    rows = frames.with_room(rows, 3, "LLC header")
    at = frames.pos[rows]
    points = frames.u16(at)
    control = frames.u8(at + 2)
    size = np.where((control & 3) == 3, 3, 4)
    is_snap = (points == 0xAAAA) & (control == 3)
    is_ip = points >> 8 == 0x06
    other = ~is_snap & ~is_ip
    frames.stop(rows[other], "IEEE 802.2 frame without an EtherType is not decoded")
    ip = rows[is_ip]
    ok = frames.step(ip, size[is_ip], "LLC header")
    frames.follow(ip[ok], Next.ETHERTYPE, ETH_IPV4)
    snap = frames.with_room(rows[is_snap], 8, "SNAP header")
    at = frames.pos[snap]
    organisation = (frames.u16(at + 3) << 8) | frames.u8(at + 5)
    ethertype = frames.u16(at + 6)
    # 00-00-00: RFC 1042; 00-00-F8: bridge tunnel; 00-00-0C: Cisco, whose protocols are no EtherTypes
    known = np.isin(organisation, (0x000000, 0x0000F8))
    frames.pos[snap] += 8
    frames.follow(snap[known], Next.ETHERTYPE, ethertype[known])
    bridged = (organisation == 0x0080C2) & np.isin(ethertype, (1, 7))
    inner = snap[bridged]
    fits = frames.step(inner, np.full(len(inner), 2, np.int64), "bridged frame's padding")
    frames.follow(inner[fits], Next.ETHERNET)
    frames.stop(snap[~known & ~bridged], "SNAP frame of an unknown organisation is not decoded")


def rfc1483(frames: Frames, rows: Ints, _: Ints) -> None:
    """RFC 2684 (which replaced RFC 1483): LLC encapsulation over ATM; or routed IP with an NLPID of its own."""
    rows = frames.with_room(rows, 4, "ATM payload header")
    points = frames.u16(frames.pos[rows])
    nlpid = (points == 0xFEFE) & (frames.u8(frames.pos[rows] + 3) == 0xCC)
    frames.pos[rows[nlpid]] += 4
    frames.follow(rows[nlpid], Next.ETHERTYPE, ETH_IPV4)
    frames.follow(rows[~nlpid], Next.LLC)


def ip_over_fc(frames: Frames, rows: Ints, _: Ints) -> None:
    rows = frames.with_room(rows, 16, "fibre channel header")
    frames.pos[rows] += 16
    frames.follow(rows, Next.LLC)


def fddi(frames: Frames, rows: Ints, _: Ints) -> None:
    rows = frames.with_room(rows, 13, "FDDI header")
    is_llc = (frames.u8(frames.pos[rows]) & 0xF0) == 0x50
    frames.pos[rows] += 13
    frames.follow(rows[is_llc], Next.LLC)
    frames.stop(rows[~is_llc], "FDDI frame without data")


def token_ring(frames: Frames, rows: Ints, _: Ints) -> None:
    """Source routing information follows where the source address's first bit says so; its length is its own."""
    rows = frames.with_room(rows, 14, "token ring header")
    at = frames.pos[rows]
    is_llc = (frames.u8(at + 1) & 0xC0) == 0x40
    routed = (frames.u8(at + 8) & 0x80) != 0
    frames.stop(rows[~is_llc], "token ring frame without data")
    rows, routed = rows[is_llc], routed[is_llc]
    frames.pos[rows] += 14
    with_route = frames.with_room(rows[routed], 2, "token ring route")
    size = frames.u8(frames.pos[with_route]) & 0x1F
    ok = frames.step(with_route, size, "token ring route")
    frames.follow(with_route[ok], Next.LLC)
    frames.follow(rows[~routed], Next.LLC)


def ethertype(frames: Frames, rows: Ints, value: Ints) -> None:
    """Note the network protocol, and go on with it."""
    tagged = np.isin(value, _VLAN_TYPES)
    frames.put("ethertype", rows[tagged], value[tagged])  # a tag that was cut keeps its own EtherType
    inner = frames.with_room(rows[tagged], 4, "VLAN tag")
    inner_type = frames.u16(frames.pos[inner] + 2)
    frames.pos[inner] += 4
    frames.put("ethertype", inner, ABSENT)
    frames.follow(inner, Next.ETHERTYPE, inner_type)
    fabric = frames.with_room(rows[value == _FABRIC_PATH], 2, "FabricPath tag")
    frames.pos[fabric] += 2
    frames.follow(fabric, Next.ETHERNET)
    tagged |= value == _FABRIC_PATH
    rows, value = rows[~tagged], value[~tagged]
    small = value < _LEAST_ETHERTYPE
    _length_field(frames, rows[small], value[small])
    rows, value = rows[~small], value[~small]
    frames.put("ethertype", rows, value)
    for protocol, handler in _NETWORK.items():
        frames.follow(rows[value == protocol], handler)
    frames.note_header("network_offset", rows[value == ETH_ARP])
    other = ~np.isin(value, (*_NETWORK, ETH_ARP))
    frames.stop_each(rows[other], value[other], "network protocol 0x{:04x} is not decoded")


def _length_field(frames: Frames, rows: Ints, value: Ints) -> None:
    """IEEE 802.3: what looks like an EtherType is a length, and LLC follows."""
    impossible = value > _LONGEST_8023
    frames.stop(rows[impossible], "neither an EtherType nor an IEEE 802.3 length")
    rows, value = rows[~impossible], value[~impossible]
    frames.ends_at(rows, frames.pos[rows] + value)
    frames.follow(rows, Next.LLC)


def mpls(frames: Frames, rows: Ints, _: Ints) -> None:
    """RFC 3032: labels of four bytes up to the bottom of the stack. What follows is told by its first nibble."""
    rows = frames.with_room(rows, 4, "MPLS label")
    label = frames.u32(frames.pos[rows])
    frames.pos[rows] += 4
    bottom = (label & 0x100) != 0
    frames.follow(rows[~bottom], Next.MPLS)
    rows = frames.with_room(rows[bottom], 1, "header behind the MPLS labels")
    version = frames.u8(frames.pos[rows]) >> 4
    frames.put("ethertype", rows[version == 4], ETH_IPV4)
    frames.put("ethertype", rows[version == 6], ETH_IPV6)
    frames.follow(rows[version == 4], Next.IPV4)
    frames.follow(rows[version == 6], Next.IPV6)
    # A pseudowire control word begins with 0 (RFC 4385); Ethernet follows it (RFC 4448).
    word = frames.with_room(rows[version == 0], 4, "pseudowire control word")
    frames.pos[word] += 4
    frames.follow(word, Next.ETHERNET)
    frames.follow(rows[(version != 0) & (version != 4) & (version != 6)], Next.ETHERNET)


_NETWORK = {
    ETH_IPV4: Next.IPV4, ETH_IPV6: Next.IPV6, _PPPOE_SESSION: Next.PPP_ETHERNET, _MPLS[0]: Next.MPLS,
    _MPLS[1]: Next.MPLS, ETH_BRIDGED: Next.ETHERNET, ETH_PPP: Next.PPP, _MACSEC: Next.MACSEC, _NSH: Next.NSH,
}  # fmt: skip
