"""Every link layer and tunnel that is looked into, around one TCP segment: the innermost is described, as by tshark."""

import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from tests.conftest import require
from tests.decode.test_packets import decode, ethernet, ip4, ip6, tcp
from tests.ingest.files import enhanced, interface, section

pytestmark = pytest.mark.e2e

V4, V6 = ip4(tcp(b"salam\n")), ip6(tcp(b"salam\n"))
SNAP = b"\xaa\xaa\x03\0\0\0\x08\0"
NSH = b"\x0f\xc6\x01"  # up to the next protocol: six words, fixed context
RADIOTAP = struct.pack("<BBHI", 0, 0, 8, 0)
WIFI_DATA = b"\x08\x01\0\0" + bytes(18) + b"\0\0"

# What stands before the packet on each link type (https://www.tcpdump.org/linktypes.html).
LINKS: dict[str, tuple[int, bytes]] = {
    "null, little end first": (0, struct.pack("<I", 2) + V4),
    "null, big end first": (0, struct.pack(">I", 2) + V4),
    "null, IPv6 of NetBSD": (0, struct.pack("<I", 24) + V6),
    "null, IPv6 of FreeBSD": (0, struct.pack("<I", 28) + V6),
    "null, IPv6 of macOS": (0, struct.pack("<I", 30) + V6),
    "loop": (108, struct.pack(">I", 2) + V4),
    "Ethernet": (1, ethernet(V4)),
    "Ethernet, IPv6 announced as IPv4": (1, ethernet(V6)),
    "VLAN": (1, ethernet(V4, 0x8100, 0x0800)),
    "QinQ": (1, ethernet(V4, 0x88A8, 0x8100, 0x0800)),
    "QinQ, IPv6": (1, ethernet(V6, 0x8100, 0x8100, 0x86DD)),
    "Ethernet with SNAP": (1, bytes(12) + struct.pack(">H", len(SNAP + V4)) + SNAP + V4),
    "PPPoE": (1, ethernet(struct.pack(">BBHHH", 0x11, 0, 1, len(V4) + 2, 0x0021) + V4, 0x8864)),
    "MPLS, IPv4": (1, ethernet(struct.pack(">II", 0x00010040, 0x00020140) + V4, 0x8847)),
    "MPLS, IPv6": (1, ethernet(struct.pack(">I", 0x00020140) + V6, 0x8847)),
    "raw": (101, V4),
    "raw, IPv6": (101, V6),
    "raw IPv4": (228, V4),
    "raw IPv6": (229, V6),
    "PPP with framing": (9, b"\xff\x03\x00\x21" + V4),
    "PPP, IPv6": (9, b"\xff\x03\x00\x57" + V6),
    "PPP with its protocol in one byte": (9, b"\xff\x03\x21" + V4),
    "PPP in HDLC": (50, b"\xff\x03\x00\x21" + V4),
    "Cisco HDLC": (104, b"\x0f\x00\x08\x00" + V4),
    "frame relay": (107, b"\x18\x41\x03\xcc" + V4),
    "frame relay, three bytes of address": (107, b"\x80\xea\x9d\x08\x00" + V4),
    "frame relay, four bytes of address": (107, b"\x80\xea\x9c\x01\x03\xcc" + V4),
    "cooked": (113, bytes(14) + b"\x08\x00" + V4),
    "cooked, second version": (276, b"\x08\x00" + bytes(18) + V4),
    "cooked, IPv6": (276, b"\x86\xdd" + bytes(18) + V6),
    "radiotap": (127, RADIOTAP + WIFI_DATA + SNAP + V4),
    "IEEE 802.11": (105, WIFI_DATA + SNAP + V4),
    "FDDI": (10, b"\x50" + bytes(12) + SNAP + V4),
    "token ring": (6, b"\x10\x40" + bytes(12) + SNAP + V4),
    "ATM, RFC 2684": (100, SNAP + V4),
    "PFLOG": (117, bytes([61, 2]) + bytes(62) + V4),
    "ENC": (109, struct.pack("<I", 2) + bytes(8) + V4),
    "NFLOG": (
        239,
        b"\x02\0\0\x05"
        + struct.pack("<HHI", 8, 5, 0)
        + struct.pack("<HH", 6, 10)
        + b"x\0\0\0"
        + struct.pack("<HH", len(V4) + 4, 9)
        + V4,
    ),
    "NFLOG, IPv6": (239, b"\x0a\0\0\x05" + struct.pack("<HH", len(V6) + 4, 9) + V6),
    "Juniper's Ethernet": (178, b"MGC\x01" + ethernet(V4)),
    "Juniper's Ethernet with extensions": (178, b"MGC\x81\x00\x06\x01\x01\x00\x05\x01\x00" + ethernet(V4)),
    "Juniper's PPP": (179, b"MGC\x01\xff\x03\x00\x21" + V4),
}


def over_udp(port: int, payload: bytes, *, source: int = 40001) -> bytes:
    return ethernet(ip4(struct.pack(">HHHH", source, port, 8 + len(payload), 0) + payload, 17))


def gre(flags: int, protocol: int, rest: bytes) -> bytes:
    return ethernet(ip4(struct.pack(">HH", flags, protocol) + rest, 47))


TUNNELS: dict[str, bytes] = {
    "IP in IP": ethernet(ip4(V4, 4)),
    "IP in IP in IP": ethernet(ip4(ip4(V4, 4), 4)),
    "6in4": ethernet(ip4(V6, 41)),
    "4in6": ethernet(ip6(V4, 4), 0x86DD),
    "GRE": gre(0, 0x0800, V4),
    "GRE with checksum, key and sequence number": gre(0xB000, 0x0800, bytes(12) + V4),
    "GRE with IPv6": gre(0x2000, 0x86DD, bytes(4) + V6),
    "GRE with Ethernet": gre(0, 0x6558, ethernet(V4)),
    "ERSPAN": gre(0x1000, 0x88BE, bytes(4) + b"\x10\x01\x00\x01\x00\x00\x00\x00" + ethernet(V4)),
    "PPTP": gre(0x3001, 0x880B, struct.pack(">HHI", len(V4) + 4, 1, 1) + b"\xff\x03\x00\x21" + V4),
    "EtherIP": ethernet(ip4(b"\x30\x00" + ethernet(V4), 97)),
    "MPLS in IP": ethernet(ip4(struct.pack(">I", 0x00020140) + V4, 137)),
    "VXLAN": over_udp(4789, b"\x08\0\0\0\0\0\x01\0" + ethernet(V4)),
    "VXLAN with a tag": over_udp(4789, b"\x08\0\0\0\0\0\x01\0" + ethernet(V4, 0x8100, 0x0800)),
    "Geneve": over_udp(6081, b"\x00\x00\x65\x58\0\0\x01\0" + ethernet(V4)),
    "Geneve with options, IPv4": over_udp(6081, b"\x02\x00\x08\x00\0\0\x01\0" + b"\x01\x02\x00\x01\0\0\0\0" + V4),
    "GTP-U": over_udp(2152, struct.pack(">BBHI", 0x30, 255, len(V4), 1) + V4),
    "GTP-U from its port": over_udp(2153, struct.pack(">BBHI", 0x30, 255, len(V4), 1) + V4, source=2152),
    "GTP-U with a sequence number": over_udp(2152, struct.pack(">BBHII", 0x32, 255, len(V4) + 4, 1, 0x10000) + V4),
    "L2TP": over_udp(1701, b"\x00\x02\x00\x01\x00\x02" + b"\xff\x03\x00\x21" + V4),
    "L2TP with every field, from its port": over_udp(
        40003,
        struct.pack(">HHHHHHH", 0x4A02, len(V4) + 20, 1, 2, 3, 4, 2) + b"\0\0" + b"\xff\x03\x00\x21" + V4,
        source=1701,
    ),
    "Teredo": over_udp(3544, V6),
    "Teredo with indications": over_udp(3544, b"\0\x01\x02\x03" + bytes(5 + 9) + b"\0\0" + bytes(6) + V6),
    "VXLAN-GPE": over_udp(4790, b"\x0c\0\0\x01\0\0\x01\0" + V4),
    "NSH": ethernet(NSH + b"\x01" + struct.pack(">I", 0x1FF) + bytes(16) + V4, 0x894F),
    "NSH in VXLAN-GPE, with Ethernet": over_udp(
        4790, b"\x0c\0\0\x04\0\0\x01\0" + NSH + b"\x03" + bytes(20) + ethernet(V6, 0x86DD)
    ),
    "MACsec, not encrypted": ethernet(b"\x20\0" + bytes(4 + 8) + b"\x08\0" + V4 + bytes(16), 0x88E5),
    "PIM register": ethernet(ip4(b"\x21\0\0\0\0\0\0\0" + V4, 103)),
    "PIM register of IPv6": ethernet(ip6(b"\x21\0\0\0\0\0\0\0" + V6, 103), 0x86DD),
    "CAPWAP with IEEE 802.11": over_udp(5247, b"\0\x10\x03\0" + bytes(4) + b"\x01\x08" + WIFI_DATA[2:] + SNAP + V4),
    "CAPWAP with IEEE 802.3": over_udp(5247, b"\0\x10\0\0" + bytes(4) + ethernet(V4)),
    "options before": ethernet(ip6(b"\x06\x00\x01\x04\0\0\0\0" + tcp(b"salam\n"), 60), 0x86DD),
    "authentication": ethernet(ip4(struct.pack(">BBHII", 6, 4, 0, 1, 1) + bytes(12) + tcp(b"salam\n"), 51)),
}
FIELDS = ("tcp.srcport", "tcp.dstport", "tcp.seq_raw", "tcp.len", "tcp.stream")


def test_the_innermost_segment_is_found_by_both(tmp_path: Path) -> None:
    require(shutil.which("tshark"), "tshark is not installed")
    frames = {**LINKS, **{name: (1, frame) for name, frame in TUNNELS.items()}}
    data = section() + b"".join(interface("<", link) for link, _ in frames.values())
    data += b"".join(enhanced(frame, n, number=n) for n, (_, frame) in enumerate(frames.values()))
    path = tmp_path / "x.pcapng"
    path.write_bytes(data)
    command = ["tshark", "-n", "-r", str(path), "-T", "fields", "-E", "occurrence=l"]
    done = subprocess.run(
        [*command, *(a for f in FIELDS for a in ("-e", f))], capture_output=True, text=True, check=True
    )
    theirs = dict(zip(frames, (line.split("\t") for line in done.stdout.splitlines()), strict=True))
    found = {}
    for name, (link, frame) in frames.items():
        (row,) = decode(frame, link=link)
        found[name] = [
            str(row.get(c, row.get("undecoded", ""))) for c in ("srcport", "dstport", "seq", "payload_bytes")
        ]
    assert found == {name: ["4444", "4000", "100", "6"] for name in frames}
    assert {name: values[:4] for name, values in theirs.items()} == found
