"""What holds a packet again: tunnels over IP and UDP, and the headers that services put between link and network.

Layouts: RFC 2784, 2890 and 2637 (GRE), RFC 3378 (EtherIP), RFC 7761 (PIM registers), RFC 7348 (VXLAN),
draft-ietf-nvo3-vxlan-gpe (VXLAN-GPE), RFC 8926 (Geneve), 3GPP TS 29.281 (GTP-U), RFC 4380 (Teredo), RFC 2661 (L2TP),
RFC 5415 and 5416 (CAPWAP), RFC 8300 (NSH), IEEE 802.1AE (MACsec).
"""

import numpy as np

from wiretale.decode.frames import Frames, Next
from wiretale.decode.words import Ints

_ERSPAN, _ERSPAN3 = 0x88BE, 0x22EB
_AUTHENTICATION, _ORIGIN = 1, 0  # of Teredo
# RFC 8300, section 2.2, and the same numbers in VXLAN-GPE
_NEXT_PROTOCOLS = {1: Next.IPV4, 2: Next.IPV6, 3: Next.ETHERNET, 4: Next.NSH, 5: Next.MPLS}
_MACSEC_CHECK_BYTES = 16  # the integrity check value at the end (IEEE 802.1AE, section 14.6)
_IEEE_80211 = 1  # wireless binding of CAPWAP (RFC 5415, section 4.3)


def gre(frames: Frames, rows: Ints, _: Ints) -> None:
    """RFC 2784 and 2890; version 1 is PPTP's (RFC 2637), which may acknowledge and carry nothing."""
    rows = frames.with_room(rows, 4, "GRE header")
    at = frames.pos[rows]
    flags = frames.u16(at)
    protocol = frames.u16(at + 2)
    checksum = (flags & 0xC000) != 0
    sequence = (flags & 0x1000) != 0
    acknowledged = ((flags & 7) == 1) & ((flags & 0x0080) != 0)
    # Not 4 * (a + b): the sum of two of NumPy's booleans is a boolean.
    size = 4 + 4 * checksum + 4 * ((flags & 0x2000) != 0) + 4 * sequence + 4 * acknowledged
    ok = frames.step(rows, size, "GRE header")
    rows, flags, protocol, sequence = rows[ok], flags[ok], protocol[ok], sequence[ok]
    empty = ((flags & 7) == 1) & ~sequence
    frames.stop(rows[empty], "GRE acknowledgement without data")
    rows, protocol, sequence = rows[~empty], protocol[~empty], sequence[~empty]
    spans = (protocol == _ERSPAN) | (protocol == _ERSPAN3)
    mirror = np.where(protocol[spans] == _ERSPAN3, 12, np.where(sequence[spans], 8, 0))
    fits = frames.step(rows[spans], mirror, "ERSPAN header")
    frames.follow(rows[spans][fits], Next.ETHERNET)
    frames.follow(rows[~spans], Next.ETHERTYPE, protocol[~spans])


def ether_ip(frames: Frames, rows: Ints, _: Ints) -> None:
    ok = frames.step(rows, np.full(len(rows), 2, np.int64), "EtherIP header")
    frames.follow(rows[ok], Next.ETHERNET)


def vxlan(frames: Frames, rows: Ints, _: Ints) -> None:
    ok = frames.step(rows, np.full(len(rows), 8, np.int64), "VXLAN header")
    frames.follow(rows[ok], Next.ETHERNET)


def geneve(frames: Frames, rows: Ints, _: Ints) -> None:
    rows = frames.with_room(rows, 8, "Geneve header")
    at = frames.pos[rows]
    protocol = frames.u16(at + 2)
    ok = frames.step(rows, 8 + (frames.u8(at) & 63) * 4, "Geneve header")
    frames.follow(rows[ok], Next.ETHERTYPE, protocol[ok])


def gtp(frames: Frames, rows: Ints, _: Ints) -> None:
    """Version 1, user data (message type 255). Extension headers are chained, each with its length in words."""
    rows = frames.with_room(rows, 8, "GTP header")
    at = frames.pos[rows]
    flags = frames.u8(at)
    is_data = ((flags >> 4) == 3) & (frames.u8(at + 1) == 255)
    rows, flags = rows[is_data], flags[is_data]
    frames.pos[rows] += 8
    optional = (flags & 7) != 0
    frames.follow(rows[~optional], Next.IP)
    rows, flags = rows[optional], flags[optional]
    rows_with = frames.has_room(rows, 4, "GTP header")
    rows, flags = rows[rows_with], flags[rows_with]
    following = np.where(flags & 4, frames.u8(frames.pos[rows] + 3), 0)
    frames.pos[rows] += 4
    while len(rows):
        frames.follow(rows[following == 0], Next.IP)
        rows = frames.with_room(rows[following != 0], 4, "GTP extension header")
        size = np.maximum(frames.u8(frames.pos[rows]), 1) * 4
        ok = frames.step(rows, size, "GTP extension header")
        rows = rows[ok]
        following = frames.u8(frames.pos[rows] - 1)


def teredo(frames: Frames, rows: Ints, _: Ints) -> None:
    """IPv6 over UDP, behind an authentication and an origin indication if they are there (RFC 4380, section 5.1.1)."""
    for indication in (_AUTHENTICATION, _ORIGIN):
        some = rows[frames.pos[rows] + 4 <= frames.end[rows]]
        at = frames.pos[some]
        these = some[frames.u16(at) == indication]
        at = frames.pos[these]
        names = frames.u8(at + 2) + frames.u8(at + 3)  # a client's name and its proof; a nonce and a byte follow
        frames.pos[these] += 13 + names if indication == _AUTHENTICATION else 8
    rows = rows[frames.pos[rows] + 40 <= frames.end[rows]]
    is_v6 = frames.u8(frames.pos[rows]) >> 4 == 6
    frames.follow(rows[is_v6], Next.IPV6)


def l2tp(frames: Frames, rows: Ints, _: Ints) -> None:
    """Version 2 (RFC 2661, section 3.1): data messages carry PPP; control messages are left alone."""
    rows = frames.with_room(rows, 6, "L2TP header")
    at = frames.pos[rows]
    flags = frames.u16(at)
    is_data = ((flags & 0x8000) == 0) & ((flags & 15) == 2)
    rows, flags = rows[is_data], flags[is_data]
    fixed = 6 + np.where(flags & 0x4000, 2, 0) + np.where(flags & 0x0800, 4, 0)  # length; sequence numbers
    ok = frames.step(rows, fixed, "L2TP header")
    rows, flags = rows[ok], flags[ok]
    padded = (flags & 0x0200) != 0
    frames.follow(rows[~padded], Next.PPP)
    rows = frames.with_room(rows[padded], 2, "L2TP header")
    ok = frames.step(rows, 2 + frames.u16(frames.pos[rows]), "L2TP header")
    frames.follow(rows[ok], Next.PPP)


def pim(frames: Frames, rows: Ints, _: Ints) -> None:
    """Version 2: a register (type 1) carries the packet that a sender's router passes on; other messages carry none."""
    frames.note_payload(rows)
    rows = frames.with_room(rows, 1, "PIM header")
    is_register = frames.u8(frames.pos[rows]) == 0x21
    frames.stop(rows[~is_register], "IP protocol 103 is not decoded")
    rows = frames.with_room(rows[is_register], 9, "PIM register")
    is_ip = np.isin(frames.u8(frames.pos[rows] + 8) >> 4, (4, 6))
    frames.stop(rows[~is_ip], "PIM register without a packet")
    frames.pos[rows] += 8
    frames.follow(rows[is_ip], Next.IP)


def vxlan_gpe(frames: Frames, rows: Ints, _: Ints) -> None:
    """Its fourth byte says what follows."""
    rows = frames.with_room(rows, 8, "VXLAN header")
    following = frames.u8(frames.pos[rows] + 3)
    frames.pos[rows] += 8
    _next_protocol(frames, rows, following)


def nsh(frames: Frames, rows: Ints, _: Ints) -> None:
    """The network service header: its length is the low six bits of its first word's high half, in words."""
    rows = frames.with_room(rows, 8, "network service header")
    at = frames.pos[rows]
    following = frames.u8(at + 3)
    ok = frames.step(rows, np.maximum((frames.u8(at + 1) & 63) * 4, 8), "network service header")
    _next_protocol(frames, rows[ok], following[ok])


def _next_protocol(frames: Frames, rows: Ints, value: Ints) -> None:
    for number, handler in _NEXT_PROTOCOLS.items():
        frames.follow(rows[value == number], handler)
    other = ~np.isin(value, list(_NEXT_PROTOCOLS))
    frames.stop_each(rows[other], value[other], "next protocol {} is not decoded")


def macsec(frames: Frames, rows: Ints, _: Ints) -> None:
    """A security tag; what it protects is only readable where it is not encrypted. An EtherType follows."""
    rows = frames.with_room(rows, 6, "MACsec tag")
    at = frames.pos[rows]
    control, short = frames.u8(at), frames.u8(at + 1) & 63
    hidden = (control & 0x0C) != 0  # encrypted, or changed
    frames.stop(rows[hidden], "MACsec frame is encrypted")
    rows, control, short = rows[~hidden], control[~hidden], short[~hidden]
    ok = frames.step(rows, 6 + np.where(control & 0x20, 8, 0), "MACsec tag")
    rows, short = rows[ok], short[ok]
    at = frames.pos[rows]
    frames.ends_at(rows, np.where(short, at + short, frames.wire_end[rows] - _MACSEC_CHECK_BYTES))
    rows = frames.with_room(rows, 2, "EtherType behind the MACsec tag")
    ethertype = frames.u16(frames.pos[rows])
    frames.pos[rows] += 2
    frames.follow(rows, Next.ETHERTYPE, ethertype)


def capwap(frames: Frames, rows: Ints, _: Ints) -> None:
    """Data of a wireless access point: a frame of IEEE 802.3, or of 802.11 with its first two bytes exchanged, as
    access points send it. Encrypted packets, fragments and keep-alives are left alone."""
    rows = rows[frames.pos[rows] + 8 <= frames.end[rows]]
    head = frames.u32(frames.pos[rows])
    is_data = (head >> 24 == 0) & (head & 0x88 == 0)  # clear text; neither a fragment nor a keep-alive
    rows, head = rows[is_data], head[is_data]
    ok = frames.step(rows, np.maximum((head >> 19 & 31) * 4, 8), "CAPWAP header")
    rows, head = rows[ok], head[ok]
    native = head & 0x100 != 0
    wireless = native & (head >> 9 & 31 == _IEEE_80211)
    frames.follow(rows[wireless], Next.WIFI, 1)
    frames.follow(rows[~native], Next.ETHERNET)
