"""Frames to header columns, vectorised: every step works on all frames that got that far at once.

Usual frames are decoded to the same columns by a compiled pass (usual.c). Pure, and total: any bytes give a row. A
frame that is short, malformed or of an unknown kind keeps what was decoded and says in `undecoded` why decoding
stopped. In a tunnel the innermost packet is the one described. The layers are in links.py, wifi.py, network.py,
tunnels.py and transport.py; which function reads which header is decided here.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wiretale.decode import links, network, transport, tunnels, wifi
from wiretale.decode.ethertypes import ETH_ARP
from wiretale.decode.frames import ABSENT, FRAGMENT_NUMBERS, NUMBERS, SACK_EDGES, Frames, Handler, Next
from wiretale.decode.ip_protocols import ICMP, ICMPV6, TCP, UDP, UDPLITE
from wiretale.decode.links import ETH_IPV4, ETH_IPV6
from wiretale.decode.multicast import IGMP
from wiretale.decode.usual import Table, decode_usual, new_table
from wiretale.decode.words import Ints

__all__ = [
    "ABSENT", "ETH_ARP", "ETH_IPV4", "ETH_IPV6", "FRAGMENT_NUMBERS", "NUMBERS", "SACK_EDGES", "Columns", "Table",
    "decode_frames", "decode_payloads", "new_table",
]  # fmt: skip

Columns = dict[str, Any]  # NDArray[np.int64], Texts or NDArray[np.object_]

_NO_NEXT_HEADER = 59
_IP_IN_IP, _IPV6_IN_IP, _GRE, _ETHER_IP, _PIM, _MPLS_IN_IP = 4, 41, 47, 97, 103, 137
# IANA protocol numbers: hop by hop, routing, fragment, authentication, destination options, mobility, HIP, Shim6
_EXTENSIONS = (0, 43, 44, 51, 60, 135, 139, 140)


def decode_frames(
    buffer: NDArray[np.uint8], offset: Ints, captured: Ints, length: Ints, linktype: Ints, *, into: Table | None = None
) -> Columns:
    """Header columns of the frames `buffer[offset:offset + captured]`, which were `length` bytes long on the wire.

    `linktype` is LINKTYPE_* per frame. Returns NUMBERS, SACK_EDGES and FRAGMENT_NUMBERS (int64, ABSENT where the table
    has NULL), and `src`, `dst`, `undecoded` (Texts). The arrays must be of one length; their values may
    be anything. The numbers stand in `into`, a `new_table` of at least as many rows, until it is used again.
    """
    columns, others = decode_usual(buffer, offset, captured, length, linktype, into=into)
    if len(others):
        found = decode_any(buffer, offset[others], captured[others], length[others], linktype[others])
        for name, values in found.items():
            columns[name][others] = values
    return columns


def decode_any(buffer: NDArray[np.uint8], offset: Ints, captured: Ints, length: Ints, linktype: Ints) -> Columns:
    """The same without the compiled decoder of usual frames; texts are objects (str or None)."""
    frames = Frames(buffer, offset, captured, length)
    links.begin(frames, linktype)
    frames.run(_HANDLERS)
    return _columns(frames)


def decode_payloads(buffer: NDArray[np.uint8], offset: Ints, length: Ints, version: Ints, protocol: Ints) -> Columns:
    """The same for what IP carried, without its header: packets of IP `version` put together from fragments."""
    frames = Frames(buffer, offset, length, length)
    rows = frames.inside
    frames.put("ip_version", rows, version[rows])
    frames.put("ip_protocol", rows, protocol[rows])
    frames.follow(rows, Next.PROTOCOL, protocol[rows])
    frames.run(_HANDLERS)
    return _columns(frames)


def _columns(frames: Frames) -> Columns:
    return {**frames.columns, "src": frames.src, "dst": frames.dst, "undecoded": frames.undecoded}


def _protocol(frames: Frames, rows: Ints, number: Ints) -> None:
    """What follows IP. Where no transport header is expected, all of it is payload."""
    for value in np.unique(number).tolist():
        these = rows[number == value]
        handler = _PROTOCOLS.get(value)
        if handler is not None:
            handler(frames, these, number[number == value])
            continue
        frames.note_payload(these)
        if value not in (_NO_NEXT_HEADER, IGMP):  # multicast.py reads IGMP where it is asked for
            frames.stop(these, f"IP protocol {value} is not decoded")


def _tcp(frames: Frames, rows: Ints, _: Ints) -> None:
    transport.tcp(frames, rows)


def _udp(frames: Frames, rows: Ints, _: Ints) -> None:
    transport.udp(frames, rows)


def _udplite(frames: Frames, rows: Ints, _: Ints) -> None:
    transport.udplite(frames, rows)


def _icmp(frames: Frames, rows: Ints, number: Ints) -> None:
    """ICMP belongs to one version of IP each."""
    own = frames.columns["ip_version"][rows] == np.where(number == ICMP, 4, 6)
    transport.icmp(frames, rows[own])
    frames.note_payload(rows[~own])
    frames.stop_each(rows[~own], number[~own], "IP protocol {} is not decoded")


def _into(step: Next) -> Handler:
    """A tunnel: the packet begins anew behind this header."""

    def handler(frames: Frames, rows: Ints, _: Ints) -> None:
        frames.note_payload(rows)
        frames.follow(rows, step)

    return handler


def _gre(frames: Frames, rows: Ints, _: Ints) -> None:
    frames.note_payload(rows)
    tunnels.gre(frames, rows, _)


def _ether_ip(frames: Frames, rows: Ints, _: Ints) -> None:
    frames.note_payload(rows)
    tunnels.ether_ip(frames, rows, _)


_PROTOCOLS: dict[int, Handler] = {
    TCP: _tcp,
    UDP: _udp,
    UDPLITE: _udplite,
    ICMP: _icmp,
    ICMPV6: _icmp,
    _IP_IN_IP: _into(Next.IP),
    _IPV6_IN_IP: _into(Next.IPV6),
    _GRE: _gre,
    _ETHER_IP: _ether_ip,
    _PIM: tunnels.pim,
    _MPLS_IN_IP: _into(Next.MPLS),
    **dict.fromkeys(_EXTENSIONS, network.extension),
}

_HANDLERS: dict[int, Handler] = {
    Next.ETHERNET: links.ethernet,
    Next.ETHERTYPE: links.ethertype,
    Next.SLL: links.sll,
    Next.SLL2: links.sll2,
    Next.NULL: links.null,
    Next.LOOP: links.loop,
    Next.ENC: links.enc,
    Next.PFLOG: links.pflog,
    Next.NFLOG: links.nflog,
    Next.PPP: links.ppp,
    Next.PPP_ETHERNET: links.ppp_ethernet,
    Next.C_HDLC: links.c_hdlc,
    Next.JUNIPER: links.juniper,
    Next.FRAME_RELAY: links.frame_relay,
    Next.RFC1483: links.rfc1483,
    Next.IP_OVER_FC: links.ip_over_fc,
    Next.FDDI: links.fddi,
    Next.TOKEN_RING: links.token_ring,
    Next.INFINIBAND: links.infiniband,
    Next.LLC: links.llc,
    Next.MPLS: links.mpls,
    Next.RADIOTAP: wifi.radiotap,
    Next.PRISM: wifi.prism,
    Next.WIFI: wifi.wifi,
    Next.IP: network.any_ip,
    Next.IPV4: network.ipv4,
    Next.IPV6: network.ipv6,
    Next.PROTOCOL: _protocol,
    Next.MACSEC: tunnels.macsec,
    Next.NSH: tunnels.nsh,
    Next.VXLAN: tunnels.vxlan,
    Next.VXLAN_GPE: tunnels.vxlan_gpe,
    Next.GENEVE: tunnels.geneve,
    Next.GTP: tunnels.gtp,
    Next.TEREDO: tunnels.teredo,
    Next.L2TP: tunnels.l2tp,
    Next.CAPWAP: tunnels.capwap,
}
