"""One packet on one line, as Wireshark's list would have it, in plain words."""

import socket
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from wiretale.decode.escape import escape_bytes
from wiretale.decode.ethertypes import ETH_ARP
from wiretale.decode.icmp_names import ECHO_V4, ECHO_V6, ERRORS_V4, ERRORS_V6, icmp_name
from wiretale.decode.ip_protocols import TCP, UDP, UDPLITE
from wiretale.decode.multicast import IGMP, MLD, igmp, mld
from wiretale.decode.tcp_flags import flag_names
from wiretale.light import dataclass
from wiretale.model.packet_ring import LINKTYPE_RAW

PAYLOAD_SHOWN_BYTES = 32

Row = Mapping[str, Any]  # columns of model.raw.PACKET

# RFC 9293, RFC 3168 (ECE, CWR), RFC 7560 (AE); in the order Wireshark lists them
_ETHERTYPES = {0x0800: "IPv4", 0x86DD: "IPv6", 0x0806: "ARP", 0x88CC: "LLDP", 0x8863: "PPPoE", 0x8864: "PPPoE"}
_PROTOCOLS = {
    1: "ICMP",
    2: "IGMP",
    6: "TCP",
    17: "UDP",
    47: "GRE",
    50: "ESP",
    58: "ICMPv6",
    59: "no payload",
    33: "DCCP",
    132: "SCTP",
    136: "UDP-Lite",
}
_LEAST_QUOTED = 28  # an IPv4 header and eight bytes
_LONGEST_HEADERS = 128
_ARP_REQUEST, _ARP_REPLY = 1, 2


@dataclass(frozen=True, slots=True)
class Known:
    """What the join knows of the segment beyond its own header (columns of model.derived.SEGMENT)."""

    rel_seq: int | None = None
    rel_ack: int | None = None
    scaled_window: int | None = None
    analysis: Iterable[str] = ()


def packet_text(packet: Row, known: Known | None = None, payload_shown: int = PAYLOAD_SHOWN_BYTES) -> str:
    """For example `127.0.0.1:4444 -> 127.0.0.1:4000 TCP [PSH, ACK] seq=1 ack=1 win=65536 len=6 "salam\\n"`.

    `packet` has the columns of the table packet; `payload_shown` limits the payload's text. Never raises on any
    captured bytes.
    """
    if packet["srcport"] is not None and packet["ip_protocol"] == TCP:
        text = _tcp(packet, known or Known(), payload_shown)
    elif packet["srcport"] is not None and packet["ip_protocol"] in (UDP, UDPLITE):
        text = f"{_ends(packet)} {_PROTOCOLS[packet['ip_protocol']]}{_length(packet)}{_payload(packet, payload_shown)}"
    elif packet["icmp_type"] is not None:
        text = _icmp(packet)
    elif packet["ethertype"] == ETH_ARP:
        text = _arp(packet)
    elif packet["ip_protocol"] == IGMP and (told := igmp(_body(packet))) is not None:
        text = f"{_ends(packet)} IGMPv{told.version} {told.text}"
    elif packet["src"] is not None:
        text = _other_ip(packet)
    else:
        kind = packet["ethertype"]
        name = "frame" if kind is None else _ETHERTYPES.get(kind, f"protocol 0x{kind:04x}")
        text = f"{name}, {packet['frame_bytes']} bytes"
    marks = "".join(f" [{m.replace('_', ' ')}]" for m in (known.analysis if known else ()))
    why = f" ({packet['undecoded']})" if packet["undecoded"] else ""
    return f"{text}{marks}{why}"


def address_and_port(address: str | None, port: int | None) -> str:
    """`127.0.0.1:80`, `[::1]:80`; the address alone without a port."""
    if port is None:
        return str(address)
    return f"[{address}]:{port}" if ":" in str(address) else f"{address}:{port}"


def _ends(packet: Row) -> str:
    return _from_to(packet["src"], packet["srcport"], packet["dst"], packet["dstport"])


@lru_cache(maxsize=4096)
def _from_to(src: str, srcport: int | None, dst: str, dstport: int | None) -> str:
    return f"{address_and_port(src, srcport)} -> {address_and_port(dst, dstport)}"


def _tcp(packet: Row, known: Known, payload_shown: int) -> str:
    flags = packet["flags"]
    if flags is None:  # the capture kept the ports, not the whole header
        return f"{_ends(packet)} TCP"
    parts = [f"{_ends(packet)} TCP {flag_names(flags)}"]
    parts.append(f"seq={packet['seq'] if known.rel_seq is None else known.rel_seq}")
    if flags & 0x010:
        parts.append(f"ack={packet['ack'] if known.rel_ack is None else known.rel_ack}")
    parts.append(f"win={packet['window'] if known.scaled_window is None else known.scaled_window}")
    # A header cut by the capture has no known payload length.
    parts += [f"len={packet['payload_bytes']}"] if packet["payload_offset"] is not None else []
    parts += [f"mss={packet['mss']}"] if packet["mss"] is not None else []
    parts += [f"wscale={packet['wscale']}"] if packet["wscale"] is not None else []
    parts += ["sack_permitted"] if packet["sack_permitted"] else []
    parts += [f"sack={_sack(packet, known)}"] if packet["sack"] else []
    return " ".join(parts) + _payload(packet, payload_shown)


def _sack(packet: Row, known: Known) -> str:
    """Ranges received out of order, in the same counting as the acknowledgement number."""
    base = known.rel_ack
    edges = [e if base is None else (e - packet["ack"]) % (1 << 32) + base for e in packet["sack"]]
    return ",".join(f"{left}-{right}" for left, right in zip(edges[::2], edges[1::2], strict=False))


def _payload(packet: Row, shown: int) -> str:
    offset, length = packet["payload_offset"], packet["payload_bytes"]
    if not offset or not length or shown <= 0:
        return ""
    data = bytes(packet["frame"] or b"")[offset : offset + length]
    if not data:
        return ""
    text = escape_bytes(data[:shown])
    return f" {text}..." if length > min(len(data), shown) else f" {text}"


def _icmp(packet: Row) -> str:
    version, kind, code = packet["ip_version"], packet["icmp_type"], packet["icmp_code"]
    name = "ICMPv6" if version == 6 else "ICMP"
    text = f"{_ends(packet)} {name} {icmp_name(version, kind, code)}"
    if version == 6 and kind in MLD and (told := mld(_body(packet, 8))) is not None:
        return f"{text}: {told.text.partition(': ')[2]}"
    frame, offset = bytes(packet["frame"] or b""), packet["payload_offset"] or 0
    if kind in (ECHO_V6 if version == 6 else ECHO_V4) and 8 <= offset <= len(frame):
        number = int.from_bytes(frame[offset - 4 : offset - 2], "big")
        return f"{text} id={number} seq={int.from_bytes(frame[offset - 2 : offset], 'big')}"
    if kind in (ERRORS_V6 if version == 6 else ERRORS_V4):
        return text + _quoted(frame[offset:])
    return text


def _body(packet: Row, header: int = 0) -> bytes:
    """What was captured of the payload, with so many bytes of header before it."""
    offset, size = packet["payload_offset"], packet["payload_bytes"]
    if offset is None or size is None or offset < header:
        return b""
    return bytes(packet["frame"] or b"")[offset - header : offset + size]


def _quoted(inner: bytes) -> str:
    """The packet that an ICMP error is about, as far as it is quoted."""
    # Few captures hold such errors, and NumPy takes longer to load than `show` to print a hundred lines.
    import numpy as np  # noqa: PLC0415

    from wiretale.decode.packets import ABSENT, decode_frames  # noqa: PLC0415

    # An error quotes at least eight bytes behind the IP header (RFC 792): the ports, though no whole TCP header.
    padded = inner + bytes(_LONGEST_HEADERS)
    one = np.array([len(padded)], np.int64)
    columns = decode_frames(np.frombuffer(padded, np.uint8), one * 0, one, one, one * 0 + LINKTYPE_RAW)
    row = {name: values[0] for name, values in columns.items()}
    if row["src"] is None or len(inner) < _LEAST_QUOTED:
        return ""
    protocol = _PROTOCOLS.get(int(row["ip_protocol"]), f"IP protocol {row['ip_protocol']}")
    ports = [None if row[p] == ABSENT else int(row[p]) for p in ("srcport", "dstport")]
    return f" about {protocol} {address_and_port(row['src'], ports[0])} -> {address_and_port(row['dst'], ports[1])}"


def _arp(packet: Row) -> str:
    """RFC 826, for IPv4 over Ethernet; the ARP body is found by its fixed beginning."""
    frame = bytes(packet["frame"] or b"")
    at = frame.find(b"\x00\x01\x08\x00\x06\x04")
    if at < 0 or len(frame) < at + 28:
        return f"ARP, {packet['frame_bytes']} bytes"
    operation = int.from_bytes(frame[at + 6 : at + 8], "big")
    sender_mac = ":".join(f"{b:02x}" for b in frame[at + 8 : at + 14])
    sender = socket.inet_ntop(socket.AF_INET, frame[at + 14 : at + 18])
    target = socket.inet_ntop(socket.AF_INET, frame[at + 24 : at + 28])
    if operation == _ARP_REQUEST:
        return f"ARP who has {target}? {sender} ({sender_mac}) asks"
    if operation == _ARP_REPLY:
        return f"ARP {sender} is at {sender_mac}"
    return f"ARP operation {operation} from {sender} ({sender_mac}) for {target}"


def _other_ip(packet: Row) -> str:
    protocol = packet["ip_protocol"]
    name = "IP" if protocol is None else _PROTOCOLS.get(protocol, f"IP protocol {protocol}")
    return f"{_ends(packet)} {name}{' fragment' if packet['fragment'] else ''}{_length(packet)}"


def _length(packet: Row) -> str:
    return "" if packet["payload_bytes"] is None else f" len={packet['payload_bytes']}"
