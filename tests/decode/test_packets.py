"""Frames to columns: each header by hand, every cut and every length that lies, and any bytes at all."""

import socket
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wiretale.decode.packets import ABSENT, FRAGMENT_NUMBERS, NUMBERS, SACK_EDGES, decode_frames

ETHERNET, RAW, SLL, SLL2 = 1, 101, 113, 276
MACS = bytes(12)
COLUMNS = (*NUMBERS, *SACK_EDGES, *FRAGMENT_NUMBERS, "src", "dst", "undecoded")


def decode(*frames: bytes, link: int = ETHERNET, length: int | None = None) -> list[dict[str, object]]:
    """One dict of the present columns per frame; all of them decoded in one call."""
    sizes = np.array([len(f) for f in frames], np.int64)
    offsets = np.concatenate([[0], np.cumsum(sizes)])[:-1].astype(np.int64)
    wire = sizes if length is None else np.full(len(frames), length)
    columns = decode_frames(
        np.frombuffer(b"".join(frames), np.uint8), offsets, sizes, wire, np.full(len(frames), link, np.int64)
    )
    assert set(columns) == set(COLUMNS)
    rows = [{n: columns[n][i] for n in COLUMNS} for i in range(len(frames))]
    return [{n: v for n, v in r.items() if v is not None and (isinstance(v, str) or v != ABSENT)} for r in rows]


def ip4(
    payload: bytes, protocol: int = 6, *, options: bytes = b"", total: int | None = None, fragment: int = 0
) -> bytes:
    header = 20 + len(options)
    total = header + len(payload) if total is None else total
    ids = (0x1234, fragment, 64, protocol, 0, b"\x0a\0\0\1", b"\x7f\0\0\2")
    return struct.pack(">BBHHHBBH4s4s", 0x40 | header // 4, 0, total, *ids) + options + payload


def ip6(payload: bytes, following: int = 6, *, length: int | None = None) -> bytes:
    length = len(payload) if length is None else length
    source, target = (socket.inet_pton(socket.AF_INET6, a) for a in ("2001:db8::1", "::ffff:10.1.2.3"))
    return struct.pack(">IHBB16s16s", 6 << 28, length, following, 63, source, target) + payload


def tcp(payload: bytes = b"", *, options: bytes = b"", flags: int = 0x18, offset: int | None = None) -> bytes:
    words = (20 + len(options)) // 4 if offset is None else offset
    return struct.pack(">HHIIHHHH", 4444, 4000, 100, 200, words << 12 | flags, 502, 0, 0) + options + payload


def udp(payload: bytes, *, length: int | None = None) -> bytes:
    return struct.pack(">HHHH", 53, 5353, 8 + len(payload) if length is None else length, 0) + payload


def ethernet(packet: bytes, *types: int) -> bytes:
    """`types`: the EtherTypes; all but the last are VLAN tags."""
    *tags, last = types or (0x0800,)
    return MACS + b"".join(struct.pack(">HH", t, 5) for t in tags) + struct.pack(">H", last) + packet


TCP_COLUMNS = {
    "srcport": 4444, "dstport": 4000, "seq": 100, "ack": 200, "flags": 0x18, "window": 502, "sack_permitted": 0,
}  # fmt: skip
IP4_COLUMNS = {
    "ethertype": 0x0800, "ip_version": 4, "ip_protocol": 6, "ip_id": 0x1234, "ttl": 64, "fragment": 0,
    "src": "10.0.0.1", "dst": "127.0.0.2",
}  # fmt: skip
IP6_COLUMNS = {
    "ethertype": 0x86DD, "ip_version": 6, "ip_protocol": 6, "ttl": 63, "fragment": 0, "src": "2001:db8::1",
    "dst": "::ffff:10.1.2.3",
}  # fmt: skip


def offsets(network: int, transport: int, payload: int) -> dict[str, int]:
    return {"network_offset": network, "transport_offset": transport, "payload_offset": payload}


def test_tcp_over_ipv4() -> None:
    (row,) = decode(ethernet(ip4(tcp(b"salam\n"))))
    assert row == {**IP4_COLUMNS, **TCP_COLUMNS, **offsets(14, 34, 54), "payload_bytes": 6}


def test_tcp_over_ipv6() -> None:
    (row,) = decode(ethernet(ip6(tcp(b"salam\n")), 0x86DD))
    assert row == {**IP6_COLUMNS, **TCP_COLUMNS, **offsets(14, 54, 74), "payload_bytes": 6}


@pytest.mark.parametrize(
    ("head", "link"),
    [
        (b"", RAW),
        (MACS + b"\x08\x00", ETHERNET),
        (MACS + b"\x81\x00\x00\x05\x08\x00", ETHERNET),
        (MACS + b"\x88\xa8\x00\x05\x81\x00\x00\x06\x08\x00", ETHERNET),
        (bytes(14) + b"\x08\x00", SLL),
        (b"\x08\x00" + bytes(18), SLL2),
    ],
)
def test_every_kind_of_link_leads_to_the_same_packet(head: bytes, link: int) -> None:
    (row,) = decode(head + ip4(tcp(b"salam\n")), link=link)
    at = len(head)
    assert row == {**IP4_COLUMNS, **TCP_COLUMNS, **offsets(at, at + 20, at + 40), "payload_bytes": 6}


def test_raw_ip_may_be_version_6() -> None:
    (row,) = decode(ip6(udp(b"hi"), 17), link=RAW)
    assert (row["ip_version"], row["srcport"], row["payload_offset"], row["payload_bytes"]) == (6, 53, 48, 2)


def test_all_tcp_options() -> None:
    options = (
        b"\x02\x04\xff\xd7" b"\x04\x02" b"\x08\x0a" + struct.pack(">II", 7, 0xFFFFFFFE) + b"\x01\x03\x03\x0a"
        b"\x05\x12" + struct.pack(">IIII", 1, 5, 9, 0xFFFFFFFF) + b"\x00\x00"
    )  # fmt: skip
    (row,) = decode(ethernet(ip4(tcp(b"x", options=options))))
    got = {n: row.get(n) for n in ("mss", "wscale", "sack_permitted", "tsval", "tsecr", *SACK_EDGES)}
    assert got == {
        "mss": 65495, "wscale": 10, "sack_permitted": 1, "tsval": 7, "tsecr": 0xFFFFFFFE,
        "sack_0": 1, "sack_1": 5, "sack_2": 9, "sack_3": 0xFFFFFFFF, "sack_4": None, "sack_5": None, "sack_6": None,
        "sack_7": None,
    }  # fmt: skip
    assert (row["payload_bytes"], "undecoded" in row) == (1, False)


def test_blocks_received_out_of_order_follow_the_usual_timestamp() -> None:
    stamp = b"\x01\x01\x08\x0a" + struct.pack(">II", 11, 12)
    (row,) = decode(ethernet(ip4(tcp(b"", options=stamp + b"\x01\x01\x05\x0a" + struct.pack(">II", 3, 4)))))
    assert (row["tsval"], row["tsecr"], row["sack_0"], row["sack_1"]) == (11, 12, 3, 4)


def test_options_before_the_end_of_what_was_captured_count() -> None:
    blocks = struct.pack(">IIIIII", 10, 20, 30, 40, 50, 60)
    options = b"\x02\x04\x05\xb4\x03\x03\x07\x01\x01\x01\x05\x1a" + blocks
    whole = ethernet(ip4(tcp(b"x", options=options)))
    (row,) = decode(whole[: 54 + 12 + 20], length=len(whole))
    assert (row["mss"], row["wscale"]) == (1460, 7)
    assert [row.get(f"sack_{n}") for n in range(6)] == [10, 20, 30, 40, None, None]
    assert row["undecoded"] == "captured bytes end inside the TCP options"


def test_the_usual_timestamp_options() -> None:
    (row,) = decode(ethernet(ip4(tcp(b"", options=b"\x01\x01\x08\x0a" + struct.pack(">II", 11, 12)))))
    assert (row["tsval"], row["tsecr"], row["payload_bytes"]) == (11, 12, 0)


@pytest.mark.parametrize(
    "options", [b"\x02\x01\x00\x00", b"\x08\x0a\x00\x00", b"\x01\x01\x01\x08", b"\x05\x00\x01\x01"]
)
def test_impossible_option_lengths_are_named(options: bytes) -> None:
    (row,) = decode(ethernet(ip4(tcp(b"x", options=options))))
    assert row["undecoded"] == "malformed TCP options: a length is impossible"
    assert (row["seq"], row["payload_bytes"]) == (100, 1)


def test_options_of_unknown_kind_or_odd_size_are_passed_over() -> None:
    (row,) = decode(ethernet(ip4(tcp(b"", options=b"\xfd\x04ab\x02\x03\x00\x03\x03\x07\x01\x01"))))
    assert (row.get("mss"), row["wscale"], "undecoded" in row) == (None, 7, False)


def test_ipv4_options_are_stepped_over() -> None:
    (row,) = decode(ethernet(ip4(tcp(b"abc"), options=b"\x94\x04\x00\x00\x01\x01\x01\x00")))
    assert (row["seq"], row["payload_offset"], row["payload_bytes"]) == (100, 62, 3)


def test_ethernet_padding_is_no_payload() -> None:
    (row,) = decode(ethernet(ip4(tcp()) + bytes(6)))
    assert (row["payload_offset"], row["payload_bytes"]) == (54, 0)
    (row,) = decode(ethernet(ip4(b"\0\0") + bytes(40)))
    assert row["undecoded"] == "too short for the TCP header"


def test_a_segment_beyond_64_kb_has_no_ip_length() -> None:
    for packet, kind, header in (
        (ip4(tcp(bytes(70_000)), total=0), 0x0800, 54),
        (ip6(tcp(bytes(70_000)), length=0), 0x86DD, 74),
    ):
        (row,) = decode(ethernet(packet, kind))
        assert (row["payload_offset"], row["payload_bytes"]) == (header, 70_000)


def test_ipv6_extension_headers() -> None:
    hop_by_hop = b"\x3c\x01" + bytes(14)  # next: destination options; 16 bytes
    destination = b"\x2b\x00" + bytes(6)  # next: routing
    routing = b"\x33\x00" + bytes(6)  # next: authentication
    authentication = b"\x11\x04" + bytes(22)  # next: UDP; (4 + 2) * 4 bytes
    (row,) = decode(ethernet(ip6(hop_by_hop + destination + routing + authentication + udp(b"hi"), 0), 0x86DD))
    assert (row["ip_protocol"], row["dstport"], row["payload_bytes"]) == (17, 5353, 2)
    assert row["payload_offset"] == 14 + 40 + 16 + 8 + 8 + 24 + 8


def test_whole_fragments_wait_for_the_others() -> None:
    first, later = (ethernet(ip4(udp(b"x" * 16, length=4000), 17, fragment=f)) for f in (0x2000, 0x2003))
    for row, place in zip(decode(first, later), (0, 24), strict=True):
        assert (row["fragment"], row.get("srcport"), row["payload_bytes"], row["ip_id"]) == (1, None, 24, 0x1234)
        assert (row["fragment_at"], row["fragment_more"], row["fragment_bytes"]) == (place, 1, 24)
        assert row["undecoded"] == "what it carries is shown with the last fragment to arrive"


def test_a_first_fragment_that_was_cut_is_read_as_it_stands() -> None:
    (row,) = decode(ethernet(ip4(udp(b"x" * 16, length=4000), 17, fragment=0x2000))[:46], length=58)
    assert (row["fragment"], row["srcport"], row["payload_bytes"], "undecoded" in row) == (1, 53, 16, False)


@pytest.mark.parametrize("offset", [1, 0x1000, 0x1FFF])
def test_every_fragment_but_the_first_is_a_later_one(offset: int) -> None:
    (row,) = decode(ethernet(ip4(udp(b"x" * 16), 17, fragment=offset)))
    assert (row["fragment"], row.get("srcport")) == (1, None)


def test_ipv6_fragments() -> None:
    header = struct.pack(">BBHI", 17, 0, 1, 0xABCDEF01), struct.pack(">BBHI", 17, 0, 8 << 3, 0xABCDEF01)
    rows = decode(*(ethernet(ip6(h + udp(b"x" * 8, length=999), 44), 0x86DD) for h in header))
    assert [(r["fragment"], r["ip_id"], r.get("dstport"), r["ip_protocol"]) for r in rows] == [
        (1, 0xABCDEF01, None, 17)
    ] * 2
    assert [(r["fragment_at"], r["fragment_more"]) for r in rows] == [(0, 1), (64, 0)]


def test_icmp_and_icmpv6() -> None:
    a, b = decode(
        ethernet(ip4(b"\x03\x03" + bytes(6) + b"quoted", 1)), ethernet(ip6(b"\x80\x00" + bytes(6) + b"hi", 58), 0x86DD)
    )
    assert (a["icmp_type"], a["icmp_code"], a["payload_offset"], a["payload_bytes"]) == (3, 3, 42, 6)
    assert (b["icmp_type"], b["icmp_code"], b["payload_offset"], b["payload_bytes"]) == (128, 0, 62, 2)


def test_the_checksum_of_udp_lite_covers_a_part() -> None:
    """Its coverage stands where UDP has the length; 0 is all, and it is at least the header (RFC 3828, 3.1)."""
    for coverage in (0, 8, 10, 13):
        (row,) = decode(ethernet(ip4(udp(b"hello", length=coverage), 136)))
        assert (row["srcport"], row["payload_bytes"], row.get("undecoded")) == (53, 5, None)
    for coverage in (1, 7, 14):
        (row,) = decode(ethernet(ip4(udp(b"hello", length=coverage), 136)))
        assert (row["payload_bytes"], row["undecoded"]) == (
            5, "malformed UDP-Lite header: its checksum coverage is impossible"
        )  # fmt: skip


def test_arp_is_noted_and_needs_no_more() -> None:
    (row,) = decode(ethernet(bytes(28), 0x0806))
    assert row == {"ethertype": 0x0806, "network_offset": 14}


@pytest.mark.parametrize(
    ("frame", "link", "reason"),
    [
        (bytes(5), ETHERNET, "too short for the Ethernet header"),
        (ethernet(b"", 0x0800), ETHERNET, "too short for the IPv4 header"),
        (ethernet(b"\0\0", 0x8100), ETHERNET, "too short for the VLAN tag"),
        (ethernet(bytes(40), 0x0026), ETHERNET, "IEEE 802.2 frame without an EtherType is not decoded"),
        (ethernet(bytes(40), 0x88CC), ETHERNET, "network protocol 0x88cc is not decoded"),
        (ethernet(b"\x55" + bytes(30), 0x0800), ETHERNET, "malformed IP header: version 5"),
        (ethernet(b"\x41" + bytes(30), 0x0800), ETHERNET, "malformed IPv4 header: its lengths contradict each other"),
        (ethernet(ip4(b"", total=19)), ETHERNET, "malformed IPv4 header: its lengths contradict each other"),
        (ethernet(ip4(bytes(10))), ETHERNET, "too short for the TCP header"),
        (ethernet(ip4(tcp(offset=4))), ETHERNET, "malformed TCP header: its length is impossible"),
        (ethernet(ip4(tcp(offset=15))), ETHERNET, "malformed TCP header: its length is impossible"),
        (ethernet(ip4(udp(b"hi", length=7), 17)), ETHERNET, "malformed UDP header: its length is impossible"),
        (ethernet(ip4(udp(b"hi", length=99), 17)), ETHERNET, "malformed UDP header: its length is impossible"),
        (ethernet(ip4(bytes(10), 132)), ETHERNET, "IP protocol 132 is not decoded"),
        (ethernet(ip6(b"\x3c\xff" + bytes(6), 0), 0x86DD), ETHERNET, "too short for the IPv6 extension header"),
        (b"\x95" + bytes(40), RAW, "IP version 9 does not exist"),
        (b"", RAW, "too short for the IP header"),
        (bytes(40), 147, "link type 147 is not decoded"),
    ],
)
def test_why_decoding_stopped(frame: bytes, link: int, reason: str) -> None:
    (row,) = decode(frame, link=link)
    assert row["undecoded"] == reason


def test_a_capture_that_cut_the_frame_says_so_and_still_knows_the_lengths() -> None:
    frame = ethernet(ip4(tcp(b"p" * 100, options=b"\x02\x04\x05\xb4")))
    rows = [decode(frame[:n], length=len(frame))[0] for n in (10, 20, 40, 56, 58, 80)]
    assert [r.get("undecoded") for r in rows] == [
        "captured bytes end inside the Ethernet header",
        "captured bytes end inside the IPv4 header",
        "captured bytes end inside the TCP header",
        "captured bytes end inside the TCP options",
        None,
        None,
    ]
    assert [r.get("payload_bytes") for r in rows] == [None, None, None, 100, 100, 100]
    assert [r.get("mss") for r in rows] == [None, None, None, None, 1460, 1460]


def test_whether_the_capture_or_the_frame_ended_is_told_apart_to_the_byte() -> None:
    frame = ethernet(ip4(tcp()))
    (cut,) = decode(frame[:53], length=54)
    (short,) = decode(frame[:53], length=53)
    assert cut["undecoded"] == "captured bytes end inside the TCP header"
    assert short["undecoded"] == "too short for the TCP header"


@pytest.mark.parametrize(("body", "protocol", "name"), [(tcp(), 6, "TCP"), (udp(b""), 17, "UDP")])
def test_a_cut_header_keeps_the_ports_that_it_has(body: bytes, protocol: int, name: str) -> None:
    frame = ethernet(ip4(body, protocol))
    for size in range(34, 34 + (20 if name == "TCP" else 8)):
        (row,) = decode(frame[:size], length=len(frame))
        ports = (int.from_bytes(body[:2], "big"), int.from_bytes(body[2:4], "big")) if size >= 38 else (None, None)
        assert (row.get("srcport"), row.get("dstport")) == ports
        assert row["undecoded"] == f"captured bytes end inside the {name} header"


def test_too_many_extension_headers_end() -> None:
    (row,) = decode(ethernet(ip6((b"\x3c\x00" + bytes(6)) * 50 + udp(b""), 60), 0x86DD))
    assert row["undecoded"] == "more than 48 headers"


def test_nothing_gives_nothing() -> None:
    assert decode() == []


LENGTHS = st.integers(-(2**63), 2**63 - 1) | st.integers(-5, 300)


@settings(deadline=None)
@given(
    st.binary(max_size=300),
    st.lists(st.tuples(LENGTHS, LENGTHS, LENGTHS, st.sampled_from([1, 101, 113, 276, 7])), max_size=6),
)
def test_any_positions_in_any_bytes_give_a_row(data: bytes, frames: list[tuple[int, int, int, int]]) -> None:
    arrays = [np.array([f[n] for f in frames], np.int64) for n in range(4)]
    columns = decode_frames(np.frombuffer(data, np.uint8), *arrays)
    assert {len(v) for v in columns.values()} == {len(frames)}
    for i, (offset, captured, _, _) in enumerate(frames):
        if offset < 0 or captured < 0 or offset + captured > len(data):
            assert columns["undecoded"][i] == "the frame lies outside the captured data"


PACKETS = st.one_of(
    st.binary(max_size=100),
    st.builds(ip4, st.binary(max_size=60), st.sampled_from([1, 6, 17, 58, 132]), fragment=st.integers(0, 0xFFFF)),
    st.builds(ip6, st.binary(max_size=90), st.sampled_from([0, 6, 17, 43, 44, 51, 58, 59, 60])),
    st.builds(
        lambda o, p: ip4(tcp(p, options=o.ljust(-(-len(o) // 4) * 4, b"\0"))), st.binary(max_size=40), st.binary()
    ),
)
FRAMES = st.builds(
    lambda packet, types: ethernet(packet, *types),
    PACKETS,
    st.sampled_from([(0x0800,), (0x86DD,), (0x8100, 0x0800), (0x88A8, 0x8100, 0x86DD), (0x8100, 0x8100)]),
)


@settings(deadline=None)
@given(st.lists(FRAMES, min_size=1, max_size=8))
def test_frames_are_decoded_alike_together_and_alone(frames: list[bytes]) -> None:
    assert decode(*frames) == [decode(f)[0] for f in frames]


@settings(deadline=None)
@given(FRAMES, st.integers(0, 200))
def test_a_cut_frame_never_says_anything_else_than_the_whole_one(frame: bytes, cut: int) -> None:
    (whole,) = decode(frame)
    (part,) = decode(frame[:cut], length=len(frame))
    for name, value in part.items():
        # The protocol behind extension headers, and options, are only known when they were reached.
        if name not in ("undecoded", "ip_protocol", "fragment", "ethertype", "sack_permitted"):
            assert whole.get(name) == value, name


@settings(deadline=None)
@given(st.binary(min_size=16, max_size=16))
def test_ipv6_addresses_are_those_of_the_system(raw: bytes) -> None:
    packet = ip6(b"", 59)[:8] + raw + raw
    (row,) = decode(ethernet(packet, 0x86DD))
    assert row["src"] == row["dst"] == socket.inet_ntop(socket.AF_INET6, raw)


@settings(deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
    st.integers(0, 511),
    st.integers(0, 65535),
    st.binary(max_size=50),
)
def test_every_value_of_the_tcp_fields(seq: int, ack: int, flags: int, window: int, payload: bytes) -> None:
    segment = struct.pack(">HHIIHHHH", 1, 65535, seq, ack, 5 << 12 | flags, window, 0, 0) + payload
    (row,) = decode(ethernet(ip4(segment)))
    names = ("srcport", "dstport", "seq", "ack", "flags", "window", "payload_bytes")
    assert tuple(row[n] for n in names) == (1, 65535, seq, ack, flags, window, len(payload))
