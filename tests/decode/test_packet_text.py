"""Each kind of packet in words; captured bytes never reach the line unescaped."""

import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.decode.test_packets import FRAMES, MACS, ethernet, ip4, ip6, tcp, udp
from wiretale.decode.packet_text import Known, address_and_port, packet_text
from wiretale.decode.packets import ABSENT, NUMBERS, SACK_EDGES, decode_frames
from wiretale.decode.tcp_flags import flag_names


def row(frame: bytes, length: int | None = None) -> dict[str, Any]:
    """The row of `packet` for one frame, as the loader makes it."""
    one = np.array([len(frame)], np.int64)
    wire = one if length is None else one * 0 + length
    columns = decode_frames(np.frombuffer(frame, np.uint8), one * 0, one, wire, one * 0 + 1)
    values: dict[str, Any] = {n: None if columns[n][0] == ABSENT else int(columns[n][0]) for n in NUMBERS}
    sack = [int(columns[n][0]) for n in SACK_EDGES if columns[n][0] != ABSENT]
    texts = {n: columns[n][0] for n in ("src", "dst", "undecoded")}
    return (
        values
        | texts
        | {"sack": sack or None, "frame": frame, "frame_bytes": int(wire[0]), "captured_bytes": len(frame)}
    )


def test_a_segment_with_what_the_join_knows() -> None:
    known = Known(rel_seq=1, rel_ack=1, scaled_window=65536, analysis=["fast_retransmission", "keep_alive"])
    assert packet_text(row(ethernet(ip4(tcp(b"salam\n")))), known) == (
        r'10.0.0.1:4444 -> 127.0.0.2:4000 TCP [PSH, ACK] seq=1 ack=1 win=65536 len=6 "salam\n"'
        " [fast retransmission] [keep alive]"
    )


def test_a_segment_alone() -> None:
    assert packet_text(row(ethernet(ip6(tcp(b"", flags=0x11)), 0x86DD))) == (
        "[2001:db8::1]:4444 -> [::ffff:10.1.2.3]:4000 TCP [FIN, ACK] seq=100 ack=200 win=502 len=0"
    )


def test_a_syn_with_its_options() -> None:
    options = b"\x02\x04\x05\xb4\x04\x02\x03\x03\x07\x00\x00\x00"
    assert packet_text(row(ethernet(ip4(tcp(b"", options=options, flags=2))))).endswith(
        "TCP [SYN] seq=100 win=502 len=0 mss=1460 wscale=7 sack_permitted"
    )


def test_sack_counts_like_the_acknowledgement() -> None:
    segment = row(ethernet(ip4(tcp(b"", options=b"\x01\x01\x05\x0a" + struct.pack(">II", 210, 250), flags=0x10))))
    assert packet_text(segment).endswith("sack=210-250")
    assert packet_text(segment, Known(rel_ack=1)).endswith("ack=1 win=502 len=0 sack=11-51")


def test_payload_is_escaped_and_its_cut_is_visible() -> None:
    frame = ethernet(ip4(udp(b"\x1b[2J\0\xff" + b"a" * 40, length=8 + 46), 17))
    assert packet_text(row(frame), payload_shown=8) == r'10.0.0.1:53 -> 127.0.0.2:5353 UDP len=46 "\33[2J\0\377aa"...'
    assert packet_text(row(frame[:44], len(frame)), payload_shown=8).endswith(r'len=46 "\33["...')
    assert packet_text(row(frame), payload_shown=0).endswith("len=46")


def test_a_header_cut_by_the_capture() -> None:
    whole = ethernet(ip4(tcp(b"salam", options=b"\x01" * 8)))
    assert packet_text(row(whole[:36], len(whole))) == (
        "10.0.0.1 -> 127.0.0.2 TCP (captured bytes end inside the TCP header)"
    )
    assert packet_text(row(whole[:50], len(whole))) == (
        "10.0.0.1:4444 -> 127.0.0.2:4000 TCP (captured bytes end inside the TCP header)"
    )
    datagram = ethernet(ip4(udp(b"salam"), 17))
    assert packet_text(row(datagram[:40], len(datagram))) == (
        "10.0.0.1:53 -> 127.0.0.2:5353 UDP (captured bytes end inside the UDP header)"
    )
    assert packet_text(row(whole[:56], len(whole))) == (
        "10.0.0.1:4444 -> 127.0.0.2:4000 TCP [PSH, ACK] seq=100 ack=200 win=502 len=5"
        " (captured bytes end inside the TCP options)"
    )


@pytest.mark.parametrize("quoted_bytes", [8, 28])
def test_an_icmp_error_names_what_it_is_about(quoted_bytes: int) -> None:
    about = ip4(udp(b"anybody? there?!", length=24), 17)[: 20 + quoted_bytes]
    assert packet_text(row(ethernet(ip4(b"\x03\x03" + bytes(6) + about, 1)))) == (
        "10.0.0.1 -> 127.0.0.2 ICMP destination unreachable (port unreachable) about UDP 10.0.0.1:53 -> 127.0.0.2:5353"
    )


def test_icmpv6_error_about_tcp() -> None:
    assert packet_text(row(ethernet(ip6(b"\x01\x04" + bytes(6) + ip6(tcp()), 58), 0x86DD))).endswith(
        "ICMPv6 destination unreachable (port unreachable) about TCP [2001:db8::1]:4444 -> [::ffff:10.1.2.3]:4000"
    )


def test_echo() -> None:
    assert packet_text(row(ethernet(ip4(b"\x08\x00\x00\x00" + struct.pack(">HH", 77, 3) + b"data", 1)))).endswith(
        "ICMP echo request id=77 seq=3"
    )


@pytest.mark.parametrize(
    ("operation", "text"),
    [
        (1, "ARP who has 10.0.0.2? 10.0.0.1 (02:00:00:00:00:01) asks"),
        (2, "ARP 10.0.0.1 is at 02:00:00:00:00:01"),
        (8, "ARP operation 8 from 10.0.0.1 (02:00:00:00:00:01) for 10.0.0.2"),
    ],
)
def test_arp(operation: int, text: str) -> None:
    body = struct.pack(">HHBBH", 1, 0x0800, 6, 4, operation) + bytes.fromhex(
        "020000000001 0a000001 000000000000 0a000002"
    )
    assert packet_text(row(ethernet(body, 0x0806))) == text


def test_other_packets() -> None:
    assert packet_text(row(ethernet(bytes(30), 0x0806))) == "ARP, 44 bytes"
    assert packet_text(row(ethernet(bytes(30), 0x88CC))) == "LLDP, 44 bytes (network protocol 0x88cc is not decoded)"
    assert packet_text(row(ethernet(ip4(bytes(12), 132)))) == (
        "10.0.0.1 -> 127.0.0.2 SCTP len=12 (IP protocol 132 is not decoded)"
    )
    assert packet_text(row(bytes(3))) == "frame, 3 bytes (too short for the Ethernet header)"
    later = packet_text(row(ethernet(ip4(bytes(16), 17, fragment=3))))
    assert later.startswith("10.0.0.1 -> 127.0.0.2 UDP fragment len=16 (what it carries")


def test_names() -> None:
    assert flag_names(0) == "[none]"
    assert flag_names(0x1FF) == "[SYN, FIN, RST, PSH, ACK, URG, ECE, CWR, AE]"
    assert address_and_port("::1", None) == "::1"


ICMP = st.builds(
    lambda kind, rest: ethernet(ip4(bytes([kind, 3]) + rest, 1)), st.integers(0, 12), st.binary(max_size=80)
)
ARP = st.binary(max_size=40).map(lambda b: MACS + b"\x08\x06\x00\x01\x08\x00\x06\x04" + b)


@settings(deadline=None)
@given(FRAMES | ICMP | ARP | st.binary(max_size=120), st.integers(0, 100), st.integers(-1, 40), st.booleans())
def test_any_frame_has_one_printable_line(frame: bytes, missing: int, shown: int, related: bool) -> None:
    known = Known(5, 6, 7, ("out_of_order",)) if related else None
    text = packet_text(row(frame, len(frame) + missing), known, shown)
    assert text.isprintable()
    assert text.isascii()
