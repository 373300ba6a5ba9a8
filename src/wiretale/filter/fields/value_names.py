"""Words that stand for numbers, as Wireshark has them for the same fields: `arp.opcode == "request"`.

The words are those of `tshark -G values` (4.0); only of values that are met. Case does not count.
"""

from collections.abc import Mapping

from wiretale.filter.fields.table import Field
from wiretale.light import replace

_ETHERTYPES = {  # IANA, IEEE 802 Numbers
    "IPv4": 0x0800, "ARP": 0x0806, "802.1Q Virtual LAN": 0x8100, "IPv6": 0x86DD,
    "MAC Control": 0x8808, "Slow Protocols": 0x8809, "MPLS label switched packet": 0x8847, "PPPoE Discovery": 0x8863,
    "PPPoE Session": 0x8864, "802.1X Authentication": 0x888E, "802.1ad Provider Bridge (Q-in-Q)": 0x88A8,
    "802.1 Link Layer Discovery Protocol (LLDP)": 0x88CC,
}  # fmt: skip
_CODEPOINTS = {  # RFC 2474, 2597, 3246, 8622
    "Default": 0, "Lower Effort": 1, **{f"Class Selector {n}": 8 * n for n in range(1, 8)},
    **{f"Assured Forwarding {c}{d}": 8 * c + 2 * d for c in range(1, 5) for d in range(1, 4)}, "Expedited Forwarding": 46,
}  # fmt: skip
_CONGESTION = {  # RFC 3168
    "Not ECN-Capable Transport": 0, "ECN-Capable Transport codepoint '01'": 1,
    "ECN-Capable Transport codepoint '10'": 2, "Congestion Experienced": 3,
}  # fmt: skip
_CHECKSUMS = {"Bad": 0, "Good": 1, "Unverified": 2, "Not present": 3, "Illegal": 4}
_HARDWARE = {"Ethernet": 1, "Loopback": 772}  # ARPHRD_*, linux/if_arp.h

VALUE_NAMES: dict[str, Mapping[str, int]] = {
    "frame.encap_type": {"Ethernet": 1},
    "frame.packet_flags_direction": {"Unknown": 0, "Inbound": 1, "Outbound": 2},
    "eth.type": _ETHERTYPES, "vlan.etype": _ETHERTYPES, "sll.etype": _ETHERTYPES, "arp.proto.type": _ETHERTYPES,
    "sll.pkttype": {
        "Unicast to us": 0, "Broadcast": 1, "Multicast": 2, "Unicast to another host": 3, "Sent by us": 4,
    },
    "sll.hatype": _HARDWARE, "arp.hw.type": {"Ethernet": 1},
    "arp.opcode": {"request": 1, "reply": 2, "reverse request": 3, "reverse reply": 4},  # RFC 826, 903
    "ip.dsfield.dscp": _CODEPOINTS, "ipv6.tclass.dscp": _CODEPOINTS,
    "ip.dsfield.ecn": _CONGESTION, "ipv6.tclass.ecn": _CONGESTION,
    "ip.checksum.status": _CHECKSUMS, "tcp.checksum.status": _CHECKSUMS, "udp.checksum.status": _CHECKSUMS,
    "icmpv6.type": {  # RFC 4443, 2710, 4861, 3810
        "Destination Unreachable": 1, "Packet Too Big": 2, "Time Exceeded": 3, "Parameter Problem": 4,
        "Echo (ping) request": 128, "Echo (ping) reply": 129, "Multicast Listener Query": 130,
        "Multicast Listener Report": 131, "Multicast Listener Done": 132, "Router Solicitation": 133,
        "Router Advertisement": 134, "Neighbor Solicitation": 135, "Neighbor Advertisement": 136, "Redirect": 137,
        "Multicast Listener Report Message v2": 143,
    },
    "tcp.option_kind": {  # IANA, TCP Option Kind Numbers
        "End of Option List": 0, "No-Operation": 1, "Maximum Segment Size": 2, "Window Scale": 3, "SACK Permitted": 4,
        "SACK": 5, "Time Stamp Option": 8, "MD5 Signature Option": 19, "TCP Fast Open Cookie": 34,
    },
}  # fmt: skip


def named(fields: tuple[Field, ...]) -> tuple[Field, ...]:
    """The fields, each with the words for its values."""
    return tuple(
        replace(f, names={word.upper(): n for word, n in VALUE_NAMES[f.name].items()}) if f.name in VALUE_NAMES else f
        for f in fields
    )
