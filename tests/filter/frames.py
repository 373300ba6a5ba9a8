# ruff: noqa: E501 (a table: one frame, one line)
"""Frames for the filter tests: every header the filter fields read, in a small pcap, and the same frames as a capture.

All of them are written here by hand. Ports and payloads are such that tshark hands no payload to an inner dissector.
"""

import socket
import struct
from pathlib import Path

from wiretale.cli import run
from wiretale.errors import Exit

ETHERNET, RAW, SLL, SLL2 = 1, 101, 113, 276
START_NS = 1_700_000_000_123_456_789
STEP_NS = 1_250_000
CLIENT_MAC, SERVER_MAC = bytes.fromhex("0a0000000001"), bytes.fromhex("020000c0ffee")
FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = (1 << n for n in range(8))
NOP, EOL = b"\x01", b"\x00"
MSS, WSCALE, SACK_PERMITTED = b"\x02\x04\x05\xb4", b"\x03\x03\x07", b"\x04\x02"


def stamp(value: int, echo: int) -> bytes:
    return b"\x08\x0a" + struct.pack(">II", value, echo)


def checksum(data: bytes) -> int:
    """RFC 1071."""
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ip4(
    body: bytes, protocol: int, source: str = "10.1.0.1", target: str = "10.2.0.2", *, tos: int = 0, ident: int = 7,
    fragment: int = 0x4000, ttl: int = 64, options: bytes = b"",
) -> bytes:  # fmt: skip
    words = 5 + len(options) // 4
    head = struct.pack(
        ">BBHHHBBH4s4s", 0x40 | words, tos, words * 4 + len(body), ident, fragment, ttl, protocol, 0,
        socket.inet_aton(source), socket.inet_aton(target),
    ) + options  # fmt: skip
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + body


def ip6(body: bytes, following: int, source: str = "2001:db8::1", target: str = "fe80::2", *, word: int = 0) -> bytes:
    addresses = socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, target)
    return struct.pack(">IHBB", 6 << 28 | word, len(body), following, 61) + addresses + body


def tcp(  # noqa: PLR0917 (the fields of a header, in its order)
    source: int, target: int, seq: int, ack: int, flags: int, payload: bytes = b"", options: bytes = b"", *,
    window: int = 502, urgent: int = 0,
) -> bytes:  # fmt: skip
    words = 5 + len(options) // 4
    head = struct.pack(">HHIIHHHH", source, target, seq, ack, words << 12 | flags, window, 0xBEEF, urgent)
    return head + options + payload


def udp(source: int, target: int, payload: bytes) -> bytes:
    return struct.pack(">HHHH", source, target, 8 + len(payload), 0x1234) + payload


def ethernet(packet: bytes, kind: int = 0x0800, *tags: tuple[int, int], back: bool = False) -> bytes:
    source, target = (SERVER_MAC, CLIENT_MAC) if back else (CLIENT_MAC, SERVER_MAC)
    inner = b"".join(struct.pack(">HH", tag, info) for tag, info in tags)
    return target + source + inner + struct.pack(">H", kind) + packet


def arp(operation: int, source: str, target: str, *, reply: bool = False) -> bytes:
    body = struct.pack(
        ">HHBBH6s4s6s4s", 1, 0x0800, 6, 4, operation, SERVER_MAC if reply else CLIENT_MAC, socket.inet_aton(source),
        CLIENT_MAC if reply else bytes(6), socket.inet_aton(target),
    )  # fmt: skip
    head = (CLIENT_MAC if reply else b"\xff" * 6) + (SERVER_MAC if reply else CLIENT_MAC)
    return head + b"\x08\x06" + body + bytes(18)


def icmp(kind: int, code: int, rest: bytes) -> bytes:
    head = struct.pack(">BBH", kind, code, 0) + rest
    return head[:2] + struct.pack(">H", checksum(head)) + rest


def _conversation() -> list[bytes]:
    """A TCP conversation over IPv4: handshake, data, a retransmission with SACK, urgent data, the end."""

    def c(seq: int, ack: int, flags: int, payload: bytes = b"", options: bytes = b"", **more: int) -> bytes:
        return ethernet(
            ip4(tcp(40444, 44000, 1000 + seq, 5000 + ack if flags & ACK else 0, flags, payload, options, **more), 6)
        )

    def s(seq: int, ack: int, flags: int, payload: bytes = b"", options: bytes = b"", **more: int) -> bytes:
        packet = ip4(
            tcp(44000, 40444, 5000 + seq, 1000 + ack, flags, payload, options, **more),
            6,
            "10.2.0.2",
            "10.1.0.1",
            ttl=57,
            tos=0xB9,
        )
        return ethernet(packet, back=True)

    usual = NOP + NOP
    return [
        c(0, 0, SYN | ECE | CWR, b"", MSS + SACK_PERMITTED + stamp(100, 0) + NOP + WSCALE, window=64240),
        s(0, 1, SYN | ACK | ECE, b"", MSS + SACK_PERMITTED + stamp(900, 100) + NOP + WSCALE, window=65160),
        c(1, 1, ACK, b"", usual + stamp(101, 900)),
        c(1, 1, PSH | ACK, b"salam\n", usual + stamp(102, 900)),
        s(1, 7, ACK, b"", usual + stamp(903, 102)),
        s(1, 7, PSH | ACK, b"GET /index HTTP\r\n\x00\xff\xfe", usual + stamp(904, 102)),
        c(7, 21, ACK, b"", usual + stamp(105, 904)),
        c(17, 21, PSH | ACK, b"behind the hole", usual + stamp(106, 904)),
        s(21, 7, ACK, b"", usual + stamp(906, 105) + usual + b"\x05\x0a" + struct.pack(">II", 1017, 1032)),
        c(7, 21, PSH | ACK, b"0123456789", usual + stamp(107, 906)),
        s(21, 32, ACK, b"", usual + stamp(908, 107), window=0),
        s(21, 32, ACK, b"", usual + stamp(909, 107), window=400),
        c(32, 21, PSH | ACK | URG, b"!", usual + stamp(110, 909), urgent=1),
        s(21, 33, ACK, b"", usual + stamp(910, 110)),
        c(33, 21, FIN | ACK, b"", usual + stamp(111, 910)),
        s(21, 34, FIN | ACK, b"", usual + stamp(911, 111)),
        c(34, 22, ACK, b"", usual + stamp(112, 911)),
    ]  # fmt: skip


def _others() -> list[bytes]:
    quoted = ip4(udp(50001, 50003, b"nobody there"), 17)[:28]
    hop_by_hop = bytes([17, 0, 1, 4, 0, 0, 0, 0])
    fragment6 = struct.pack(">BBHI", 17, 0, 0 << 3 | 1, 0xABCDEF01)
    whole = udp(50016, 50017, b"piece one of two and the second piece")
    record_route = b"\x07\x07\x04\x0a\x01\x00\x01\x00"
    return [
        ethernet(ip4(tcp(40445, 44001, 77, 0, SYN, b"", MSS), 6)),
        ethernet(ip4(tcp(44001, 40445, 0, 78, RST | ACK), 6, "10.2.0.2", "10.1.0.1"), back=True),
        ethernet(ip6(tcp(40446, 44002, 1 << 31, 0, SYN, b"", MSS + NOP + WSCALE), 6, word=0xB8 << 20 | 0xABCDE), 0x86DD),
        ethernet(ip6(tcp(44002, 40446, 9, (1 << 31) + 1, SYN | ACK, b"", MSS), 6, "fe80::2", "2001:db8::1"), 0x86DD, back=True),
        ethernet(ip6(tcp(40446, 44002, (1 << 31) + 1, 10, PSH | ACK, b"six bytes"), 6), 0x86DD),
        ethernet(ip4(udp(50001, 50003, b"datagram GET"), 17, tos=0x10)),
        ethernet(ip4(udp(50003, 50001, b"answer\x00\x01\x02"), 17, "10.2.0.2", "10.1.0.1", ident=0xFFFF), back=True),
        ethernet(ip4(udp(50001, 50001, b""), 17, "10.1.0.1", "10.1.0.1")) + bytes(18),
        ethernet(ip6(udp(50001, 50003, b"over six"), 17), 0x86DD),
        ethernet(ip6(hop_by_hop + udp(50005, 50006, b"behind an extension"), 0), 0x86DD),
        ethernet(ip6(fragment6 + udp(50007, 50008, b"first piece, longer"), 44), 0x86DD),
        ethernet(ip4(icmp(8, 0, struct.pack(">HH", 0x1234, 1) + b"ping data of ours"), 1)),
        ethernet(ip4(icmp(0, 0, struct.pack(">HH", 0x1234, 1) + b"ping data of ours"), 1, "10.2.0.2", "10.1.0.1"), back=True),
        ethernet(ip4(icmp(3, 3, bytes(4) + quoted), 1, "10.2.0.2", "10.1.0.1", tos=0xC0), back=True),
        ethernet(ip6(icmp(128, 0, struct.pack(">HH", 7, 2) + b"ping six"), 58), 0x86DD),
        arp(1, "10.1.0.1", "10.1.0.254"),
        arp(2, "10.1.0.254", "10.1.0.1", reply=True),
        arp(1, "10.1.0.1", "10.1.0.1"),
        arp(1, "0.0.0.0", "10.1.0.9"),
        ethernet(ip4(udp(50010, 50011, b"tagged"), 17), 0x0800, (0x8100, 0xA00A)),
        ethernet(ip4(udp(50012, 50013, b"tagged twice"), 17), 0x0800, (0x88A8, 0x0014), (0x8100, 0x701E)),
        ethernet(ip4(udp(50014, 50015, b"options"), 17, options=record_route)),
        ethernet(ip4(whole[:24], 17, fragment=0x2000, ident=99)),
        ethernet(ip4(whole[24:], 17, fragment=3, ident=99)),
        ethernet(ip4(tcp(40447, 44003, 5, 0, SYN, b"", MSS + b"\xfd\x06\x12\x34ab" + b"\x22\x06cook" + EOL * 4), 6)),
        ethernet(ip4(tcp(40448, 44004, 8, 1, ACK, b"x" * 40, NOP * 4), 6, "192.168.7.7", "224.0.0.251", ttl=1)),
        ethernet(ip4(b"no transport we know", 253, "255.255.255.255", "0.0.0.0")),
        ethernet(b"\x00" * 46, 0x88B5),
    ]  # fmt: skip


def frames() -> list[bytes]:
    """The Ethernet frames, in order."""
    return [*_conversation(), *_others()]


def cooked(link: int) -> list[bytes]:
    """A few packets behind another link header."""
    packets = [
        (ip4(udp(50001, 50003, b"cooked"), 17), 0x0800), (ip6(tcp(40446, 44002, 1, 0, SYN), 6), 0x86DD),
        (ip4(icmp(8, 0, bytes(4)), 1), 0x0800),
    ]  # fmt: skip
    if link == RAW:
        return [packet for packet, _ in packets]
    return [
        struct.pack(">HHH8sH", n % 5, 1, 6, CLIENT_MAC + bytes(2), kind) + packet
        if link == SLL
        else struct.pack(">HHIHBB8s", kind, 0, 3 + n, 1, n % 5, 6, CLIENT_MAC + bytes(2)) + packet
        for n, (packet, kind) in enumerate(packets)
    ]


def time_of(index: int) -> int:
    """CLOCK_REALTIME of a frame: uneven steps, so that times tell frames apart."""
    return START_NS + index * STEP_NS + (index * index % 7) * 1_000


def write_pcap(path: Path, contents: list[bytes], link: int = ETHERNET) -> Path:
    """A pcap file with nanosecond times (magic 0xA1B23C4D)."""
    records = (
        struct.pack("<IIII", *divmod(time_of(n), 1_000_000_000), len(f), len(f)) + f for n, f in enumerate(contents)
    )
    path.write_bytes(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, link) + b"".join(records))
    return path


def imported(contents: list[bytes], folder: Path, link: int = ETHERNET) -> Path:
    """The same packets as a capture, made by `wiretale import`."""
    capture = folder / f"{link}.wiretale"
    assert run(["import", str(write_pcap(folder / f"{link}.pcap", contents, link)), "-o", str(capture)]) == Exit.OK
    return capture
