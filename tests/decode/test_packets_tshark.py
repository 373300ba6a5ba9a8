"""The frame decoder beside tshark on the same made-up frames: links, tags, options, extension headers, cuts."""

import random
import shutil
import socket
import struct
import subprocess
from pathlib import Path

import pytest

from tests.conftest import require
from tests.decode.test_packets import ETHERNET, RAW, SLL, SLL2, decode, ethernet, ip4, ip6, tcp, udp

pytestmark = pytest.mark.e2e

FIELDS = {
    "ip.src": "src", "ip.dst": "dst", "ipv6.src": "src", "ipv6.dst": "dst", "tcp.srcport": "srcport",
    "tcp.dstport": "dstport", "udp.srcport": "srcport", "udp.dstport": "dstport", "tcp.seq_raw": "seq",
    "tcp.ack_raw": "ack", "tcp.flags": "flags", "tcp.window_size_value": "window", "tcp.len": "payload_bytes",
    "tcp.options.mss_val": "mss", "tcp.options.wscale.shift": "wscale", "tcp.options.timestamp.tsval": "tsval",
    "tcp.options.timestamp.tsecr": "tsecr", "tcp.options.sack_le": "sack_0", "tcp.options.sack_re": "sack_1",
    "ip.id": "ip_id", "ip.ttl": "ttl", "ipv6.hlim": "ttl", "icmp.type": "icmp_type", "icmp.code": "icmp_code",
    "icmpv6.type": "icmp_type", "icmpv6.code": "icmp_code",
}  # fmt: skip
NUMBERS_OF = {
    "tcp": {"srcport", "dstport", "seq", "ack", "flags", "window", "payload_bytes", "mss", "wscale", "tsval", "tsecr",
            "sack_0", "sack_1"},
    "udp": {"srcport", "dstport"},
    "icmp": {"icmp_type", "icmp_code"},
    "icmpv6": {"icmp_type", "icmp_code"},
}  # fmt: skip


def random_tcp(dice: random.Random) -> bytes:
    """A segment with well-formed options in any order and any field values."""
    kinds = [
        b"\x02\x04" + dice.randbytes(2),
        b"\x03\x03" + bytes([dice.randrange(15)]),
        b"\x04\x02",
        b"\x08\x0a" + dice.randbytes(8),
        b"\x05\x0a" + dice.randbytes(8),
        b"\x01",
    ]
    usual = b"\x01\x01\x08\x0a" + dice.randbytes(8)
    options = usual if dice.random() < 0.2 else b"".join(dice.sample(kinds, dice.randrange(4)))
    options += b"\x01" * (-len(options) % 4)
    words = (20 + len(options)) // 4
    fixed = struct.pack(
        ">HHIIHHHH", dice.randrange(1, 65536), dice.randrange(1, 65536), dice.getrandbits(32), dice.getrandbits(32),
        words << 12 | dice.getrandbits(9), dice.getrandbits(16), 0, 0,
    )  # fmt: skip
    return fixed + options + dice.randbytes(dice.randrange(30))


def random_transport(dice: random.Random, version: int) -> tuple[bytes, int]:
    kind = dice.choice(["tcp", "tcp", "udp", "icmp"])
    if kind == "tcp":
        return random_tcp(dice), socket.IPPROTO_TCP
    if kind == "udp":
        # Ports no protocol of tshark's claims: its inner dissectors would add fields.
        return struct.pack(">HH", 40001, 40003) + udp(dice.randbytes(dice.randrange(40)))[4:], socket.IPPROTO_UDP
    echo = bytes([dice.choice([0, 8]) if version == 4 else dice.choice([128, 129]), 0]) + dice.randbytes(14)
    return echo, socket.IPPROTO_ICMP if version == 4 else socket.IPPROTO_ICMPV6


def random_packet(dice: random.Random) -> tuple[bytes, int]:
    """An IP packet and its EtherType."""
    if dice.random() < 0.5:
        body, protocol = random_transport(dice, 4)
        options = dice.choice([b"", b"", b"\x01\x01\x01\x00", b"\x94\x04\x00\x00"])
        return ip4(body, protocol, options=options), 0x0800
    body, protocol = random_transport(dice, 6)
    for _ in range(dice.randrange(3)):
        body = bytes([protocol, 1, 1, 12]) + bytes(12) + body  # destination options: padding (PadN)
        protocol = 60
    return ip6(body, protocol), 0x86DD


def random_frame(dice: random.Random, link: int) -> bytes:
    packet, kind = random_packet(dice)
    if link == RAW:
        return packet
    if link == SLL:
        return struct.pack(">HHH8sH", 0, 1, 6, bytes(8), kind) + packet
    if link == SLL2:
        return struct.pack(">HHIHBB8s", kind, 0, 1, 1, 0, 6, bytes(8)) + packet
    tags = dice.choice([(), (), (0x8100,), (0x88A8, 0x8100)])
    frame = ethernet(packet, *tags, kind)
    return frame + bytes(dice.choice([0, 0, max(60 - len(frame), 0)]))


def tshark(path: Path, frames: list[tuple[bytes, int]], link: int) -> list[dict[str, str]]:
    """Fields of each frame (bytes captured, length on the wire)."""
    records = (struct.pack("<IIII", 1, n, len(f), size) + f for n, (f, size) in enumerate(frames))
    path.write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, link) + b"".join(records))
    preferences = ("ip.defragment:FALSE", "ipv6.defragment:FALSE", "tcp.relative_sequence_numbers:FALSE")
    command = ["tshark", "-n", "-r", str(path), "-T", "fields", "-E", "occurrence=f", "-e", "frame.protocols"]
    for field in FIELDS:
        command += ["-e", field]
    for preference in preferences:
        command += ["-o", preference]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\n")[:-1]
    return [dict(zip(["frame.protocols", *FIELDS], line.split("\t"), strict=True)) for line in lines]


def compare(ours: dict[str, object], theirs: dict[str, str]) -> int:
    """Assert that every field tshark has is ours, and that we have none of a protocol it does not have."""
    compared = 0
    for field, column in FIELDS.items():
        text = theirs[field]
        protocol = field.split(".")[0]
        if not text:
            present = protocol in theirs["frame.protocols"].split(":")
            if present and column in NUMBERS_OF.get(protocol, ()):
                assert column not in ours, (field, ours, theirs)
            continue
        wanted: object = text if column in ("src", "dst") else int(text, 0)
        assert ours.get(column) == wanted, (field, ours, theirs)
        compared += 1
    return compared


@pytest.mark.parametrize("link", [ETHERNET, RAW, SLL, SLL2])
def test_made_up_frames_mean_what_tshark_says(link: int, tmp_path: Path) -> None:
    require(shutil.which("tshark"), "tshark is not installed")
    dice = random.Random(link)
    frames = [random_frame(dice, link) for _ in range(400)]
    theirs = tshark(tmp_path / "x.pcap", [(f, len(f)) for f in frames], link)
    ours = decode(*frames, link=link)
    assert [o.get("undecoded") for o in ours] == [None] * len(frames)
    assert sum(compare(o, t) for o, t in zip(ours, theirs, strict=True)) > 2000


def test_cut_frames_mean_what_tshark_says(tmp_path: Path) -> None:
    require(shutil.which("tshark"), "tshark is not installed")
    dice = random.Random(1)
    frames = [random_frame(dice, ETHERNET) for _ in range(300)]
    cut = [f[: dice.randrange(54, 100)] for f in frames]
    theirs = tshark(tmp_path / "x.pcap", [(c, len(f)) for c, f in zip(cut, frames, strict=True)], ETHERNET)
    compared = 0
    for part, whole, their in zip(cut, frames, theirs, strict=True):
        (ours,) = decode(part, length=len(whole))
        # tshark shows single fields of a header that was cut; we give a header whole or not at all.
        if "undecoded" not in ours:
            compared += compare(ours, their)
    assert compared > 1000


def test_fragments_mean_what_tshark_says(tmp_path: Path) -> None:
    require(shutil.which("tshark"), "tshark is not installed")
    frames = [
        ethernet(ip4(tcp(b"x" * 20), fragment=0x2000)),
        ethernet(ip4(bytes(24), 6, fragment=0x2005)),
        ethernet(ip6(struct.pack(">BBHI", 6, 0, 1, 7) + tcp(b"x" * 20), 44), 0x86DD),
        ethernet(ip6(struct.pack(">BBHI", 6, 0, 5 << 3, 7) + bytes(16), 44), 0x86DD),
    ]
    theirs = tshark(tmp_path / "x.pcap", [(f, len(f)) for f in frames], ETHERNET)
    ours = decode(*frames)
    assert [o["fragment"] for o in ours] == [1, 1, 1, 1]
    # tshark is told here not to put fragments together, and reads the first ones; we wait for the others.
    assert [o.get("srcport") for o in ours] == [None] * 4
    for later in (1, 3):
        assert theirs[later]["tcp.srcport"] == ""
        compare(ours[later], theirs[later])
