"""Readers: every variant gives the same packets; what cannot be read is named with its place; no bytes raise."""

import bz2
import gzip
import lzma
import os
import random
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ingest.files import aix, block, enhanced, interface, kuznetzov, pcap, section
from wiretale.errors import CaptureError, WiretaleError
from wiretale.ingest.found import IN, NO_TIME, OUT, Found, Packets
from wiretale.ingest.load import import_capture
from wiretale.ingest.open import read_capture
from wiretale.ingest.packed import forget
from wiretale.ingest.pcapng import read_pcapng
from wiretale.join.build import build
from wiretale.store.capture import open_capture
from wiretale.store.progress import silent

SECOND = 1_000_000_000
PACKETS = [(1_700_000_000 * SECOND + n * 1_234_000, bytes([n]) * (20 + n)) for n in range(5)]


def read(tmp_path: Path, data: bytes) -> Found:
    path = tmp_path / "x.pcap"
    path.write_bytes(data)
    return read_capture(path)


def frames(found: Found) -> list[bytes]:
    return [
        found.data[a : a + n].tobytes() for part in found.packets() for a, n in zip(part.at, part.captured, strict=True)
    ]


def only(found: Found) -> Packets:
    """The packets of a file that are one slice."""
    (part,) = found.packets()
    return part


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("unit_ns", [1, 1000])
def test_both_byte_orders_and_units_of_pcap(tmp_path: Path, order: str, unit_ns: int) -> None:
    found = read(tmp_path, pcap(PACKETS, order=order, unit_ns=unit_ns, link=101))
    assert frames(found) == [f for _, f in PACKETS]
    assert only(found).realtime_ns.tolist() == [t for t, _ in PACKETS]
    assert (set(only(found).linktype.tolist()), found.faults) == ({101}, [])


def test_kuznetzov_s_records_and_gzip_in_several_members(tmp_path: Path) -> None:
    data = kuznetzov(PACKETS)
    found = read(tmp_path, gzip.compress(data[:50]) + gzip.compress(data[50:]))
    assert frames(found) == [f for _, f in PACKETS]


@pytest.mark.parametrize(("if_type", "linktype"), [(6, 1), (9, 6), (15, 10), (24, 0)])
def test_aix_numbers_link_types_in_its_own_way_and_counts_nanoseconds(
    tmp_path: Path, if_type: int, linktype: int
) -> None:
    found = read(tmp_path, aix(PACKETS, if_type))
    assert (frames(found), set(only(found).linktype.tolist())) == ([f for _, f in PACKETS], {linktype})
    assert only(found).realtime_ns.tolist() == [t for t, _ in PACKETS]
    assert only(found).length.tolist() == [len(f) + 9 for _, f in PACKETS]


def test_a_cut_frame_keeps_its_length_on_the_wire(tmp_path: Path) -> None:
    found = read(tmp_path, pcap(PACKETS, cut=7))
    assert (only(found).captured.tolist(), only(found).length.tolist()) == ([7] * 5, [20, 21, 22, 23, 24])


def test_more_captured_than_was_on_the_wire_is_kept_as_the_file_has_it(tmp_path: Path) -> None:
    """Such a file is wrong somewhere; Wireshark shows both numbers and reads all captured bytes."""
    data = pcap(PACKETS[:1])
    found = read(tmp_path, data[:36] + struct.pack("<I", 3) + data[40:])
    assert (only(found).captured.tolist(), only(found).length.tolist(), frames(found)) == ([20], [3], [PACKETS[0][1]])
    packet = enhanced(b"five!", 1)
    found = read(tmp_path, section() + interface() + packet[:24] + struct.pack("<I", 3) + packet[28:])
    assert (only(found).captured.tolist(), only(found).length.tolist(), frames(found)) == ([5], [3], [b"five!"])


def test_a_custom_block_is_a_frame_without_its_enterprise_number(tmp_path: Path) -> None:
    found = read(tmp_path, section() + interface() + block("<", 0xBAD, struct.pack("<I", 32473) + b"what it says"))
    assert (frames(found), only(found).length.tolist()) == ([b"what it says"], [12])


@pytest.mark.parametrize("order", ["<", ">"])
def test_sections_interfaces_and_options_of_pcapng(tmp_path: Path, order: str) -> None:
    other = "<" if order == ">" else ">"
    data = section(order, (4, b"dumpcap")) + interface(order, 1, (2, b"eth0"))
    data += interface(order, 101, (9, bytes([9])), (14, struct.pack(order + "q", 100)))
    data += interface(order, 101, (9, bytes([0x80 | 10])))  # units of 2^-10 s
    data += enhanced(
        b"one", 1_500_000, (1, "grüße".encode()), (1, b"two"), (2, struct.pack(order + "I", 2)), order=order
    )
    data += enhanced(b"two!", 1_500_000_001, order=order, number=1)
    data += enhanced(b"three", 1536, (2, struct.pack(order + "I", 1)), order=order, number=2)
    data += block(order, 0x0BADCAFE, b"unknown") + block(order, 4, bytes(8))
    data += section(other) + interface(other, 276) + enhanced(b"four", 7, order=other)
    data += block(other, 3, struct.pack(other + "I", 4) + b"five")
    data += block(other, 2, struct.pack(other + "HHIIII", 0, 0, 0, 9, 3, 3) + b"six\0")
    found = read(tmp_path, data)
    assert frames(found) == [b"one", b"two!", b"three", b"four", b"five", b"six"]
    assert only(found).realtime_ns.tolist() == [1_500_000_000, 101_500_000_001, 1_500_000_000, 7_000, NO_TIME, 9_000]
    assert only(found).linktype.tolist() == [1, 101, 101, 276, 276, 276]
    assert only(found).interface.tolist() == [0, 1, 2, 3, 3, 3]
    assert only(found).direction.tolist() == [OUT, 0, IN, 0, 0, 0]
    assert only(found).comments == {0: "grüße\ntwo"}
    assert (found.interfaces[0].name, found.about, found.faults) == ("eth0", {"application": "dumpcap"}, [])


def test_dropped_packets_that_the_file_tells_of(tmp_path: Path) -> None:
    counts = b"".join(struct.pack("<HHQ", code, 8, 3) for code in (5, 7)) + bytes(4)
    data = section() + interface() + enhanced(b"x", 1) + block("<", 5, struct.pack("<III", 0, 0, 9) + counts)
    assert read(tmp_path, data).dropped == 6


@pytest.mark.parametrize(
    "data", [pcap(PACKETS), section() + interface() + b"".join(enhanced(f, t) for t, f in PACKETS)]
)
def test_a_file_cut_short_keeps_the_whole_packets(tmp_path: Path, data: bytes) -> None:
    found = read(tmp_path, data[:-3])
    assert len(found) == len(PACKETS) - 1
    (fault,) = found.faults
    assert "cut short" in fault.text
    assert fault.at < len(data) - 3 and len(data) - fault.at < 100


def test_an_impossible_length_is_named_with_its_place(tmp_path: Path) -> None:
    data = bytearray(pcap(PACKETS))
    struct.pack_into("<I", data, 24 + 16 + 20 + 8, 1 << 30)
    found = read(tmp_path, bytes(data))
    assert (len(found), found.faults[0].at) == (1, 60)
    assert "1073741824 bytes" in found.faults[0].text


def test_a_bad_packet_in_a_whole_block_costs_only_itself(tmp_path: Path) -> None:
    data = section() + interface() + enhanced(b"a", 1) + enhanced(b"b", 2, number=9) + enhanced(b"c", 3)
    found = read(tmp_path, data)
    assert frames(found) == [b"a", b"c"]
    assert "interface 9" in found.faults[0].text


def test_an_option_that_claims_too_much_is_named_and_costs_no_packet(tmp_path: Path) -> None:
    packet = bytearray(enhanced(b"abcd", 1, (1, b"said of it")))
    packet[34:36] = struct.pack("<H", 500)  # the length of the comment
    found = read(tmp_path, section() + interface() + packet + enhanced(b"e", 2))
    assert (frames(found), only(found).comments) == ([b"abcd", b"e"], {})
    assert [(f.at, f.text) for f in found.faults] == [(80, "an option claims 500 bytes, more than its block holds")]


def test_gzip_that_ends_early_keeps_what_it_held(tmp_path: Path) -> None:
    # Random bytes do not shrink, so that what is cut off is the end of the packets.
    packets = [(t, random.Random(t).randbytes(500)) for t, _ in PACKETS]
    found = read(tmp_path, gzip.compress(pcap(packets))[:-600])
    assert frames(found) == [f for _, f in packets[: len(found)]]
    assert 0 < len(found) < 5
    assert any("cut short" in f.text for f in found.faults)


def zstd(data: bytes) -> bytes:
    """One frame with its size in four bytes, in blocks as they are (RFC 8878, sections 3.1.1.1 and 3.1.1.2)."""
    pieces = [data[at : at + 1000] for at in range(0, len(data), 1000)]
    heads = [(len(p) << 3 | (n == len(pieces) - 1)).to_bytes(3, "little") for n, p in enumerate(pieces)]
    blocks = b"".join(head + piece for head, piece in zip(heads, pieces, strict=True))
    return b"\x28\xb5\x2f\xfd\xa0" + len(data).to_bytes(4, "little") + blocks


def lz4(data: bytes) -> bytes:
    """One frame of blocks as they are; the third byte of its descriptor is the checksum of the other two."""
    pieces = [data[at : at + 1000] for at in range(0, len(data), 1000)]
    blocks = b"".join((1 << 31 | len(p)).to_bytes(4, "little") + p for p in pieces)
    return b"\x04\x22\x4d\x18\x60\x40\x82" + blocks + bytes(4)


@pytest.mark.parametrize("pack", [gzip.compress, zstd, lz4])
def test_compressed_files_whole_in_members_cut_and_damaged(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    packets = [(t, random.Random(t).randbytes(900)) for t, _ in PACKETS]
    data = pcap(packets)
    for packed in (pack(data), pack(data[:1500]) + pack(data[1500:])):
        found = read(tmp_path, packed)
        assert (frames(found), found.faults) == ([f for _, f in packets], [])
        cut = read(tmp_path, packed[:-700])
        assert frames(cut) == [f for _, f in packets[: len(cut)]]
        assert 3 <= len(cut) < 5
        assert any("was cut short" in f.text for f in cut.faults)
    damaged = read(tmp_path, pack(data[:4000]) + pack(data[4000:])[:4] + b"\xff" * 40)
    assert frames(damaged) == [f for _, f in packets[:4]]
    assert any("is damaged near its byte" in f.text for f in damaged.faults)


@pytest.mark.parametrize("pack", [bz2.compress, lzma.compress])
def test_bzip2_and_xz_whole_in_members_cut_and_damaged(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    packets = [(t, random.Random(t).randbytes(900)) for t, _ in PACKETS]
    data = pcap(packets)
    for packed in (pack(data), pack(data[:1500]) + pack(data[1500:]), pack(data) + bytes(8)):
        found = read(tmp_path, packed)
        assert (frames(found), found.faults) == ([f for _, f in packets], [])
    first, second = pack(data[:4000]), pack(data[4000:])
    for packed, words in (
        (first + second[:-20], "was cut short"),
        (first + second[:8] + b"\xff" * 40, "is damaged near its byte"),
    ):
        found = read(tmp_path, packed)
        assert frames(found)[:4] == [f for _, f in packets[:4]]
        assert any(words in f.text for f in found.faults)


def test_a_damaged_gzip_block_costs_nothing_before_it(tmp_path: Path) -> None:
    packets = [(t, random.Random(t).randbytes(900)) for t, _ in PACKETS]
    packer = zlib.compressobj(wbits=31)
    data = pcap(packets)
    whole = packer.compress(data[:3000]) + packer.flush(zlib.Z_FULL_FLUSH)
    found = read(tmp_path, whole + b"\xff" * 2000)
    assert frames(found) == [f for _, f in packets[:3]]
    assert any("is damaged near its byte" in f.text for f in found.faults)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"#!/bin/sh\n", "is no capture file: it begins with the bytes 23 21 2f 62"),
        (b"\x28\xb5\x2f\xfdxxxx", "is damaged near its byte 0"),
        (b"\x04\x22\x4d\x18xxxx", "was cut short"),
        (gzip.compress(gzip.compress(pcap(PACKETS))), "is compressed twice"),
        (b"snoop\0\0\0\0\0\0\2", "is a capture of snoop"),
    ],
)
def test_what_is_no_capture_is_one_sentence_and_a_hint(tmp_path: Path, data: bytes, words: str) -> None:
    with pytest.raises(CaptureError) as fault:
        read(tmp_path, data)
    assert words in fault.value.message
    assert fault.value.hint


SEEDS = [
    pcap(PACKETS),
    pcap(PACKETS, order=">", unit_ns=1),
    kuznetzov(PACKETS),
    section(">") + interface(">", 1, (2, b"e")) + enhanced(b"abc", 5, (1, b"note"), order=">"),
    section() + interface() + enhanced(b"abc", 5) + section(">") + interface(">") + block(">", 3, b"\0\0\0\4four"),
]


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(SEEDS), st.integers(0, 2**32), st.floats(0, 0.05), st.integers(0, 400))
def test_flipped_and_cut_files_never_raise_anything_else(seed: bytes, dice: int, share: float, keep: int) -> None:
    rng = random.Random(dice)
    data = bytes(rng.randrange(256) if rng.random() < share else b for b in seed)[:keep]
    path = (
        Path("/dev/shm") / f"wiretale-fuzz-{dice}" if Path("/dev/shm").is_dir() else Path(f"/tmp/wiretale-fuzz-{dice}")
    )
    path.write_bytes(data)
    try:
        found = read_capture(path)
    except WiretaleError as fault:
        assert fault.message and fault.hint
    else:
        for part in found.packets():
            assert (part.at + part.captured <= len(found.data)).all()
    finally:
        path.unlink()


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_behind_a_section_header(data: bytes) -> None:
    found = read_pcapng(np.frombuffer(section() + interface() + data, np.uint8))
    for part in found.packets():
        assert (part.at + part.captured <= len(found.data)).all()


def _resident_bytes() -> int:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


def test_the_memory_of_what_was_read_of_a_file_is_given_back(tmp_path: Path) -> None:
    """A capture of gigabytes must not stay in memory while its tables are filled."""
    found = read(tmp_path, pcap([(n, bytes([n]) * 200_000) for n in range(200)]))
    total = int(found.data.sum(dtype=np.int64))
    before = _resident_bytes()
    forget(found.data)
    assert before - _resident_bytes() > 30_000_000
    assert int(found.data.sum(dtype=np.int64)) == total


MANY_EMPTY = 2_000_000
READ_IT = """
import sys
from pathlib import Path
from wiretale.ingest.open import read_capture
status = Path("/proc/self/status")  # the most that getrusage knows is that of the process before exec
kilobytes = lambda: next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM"))
reported = []
before = kilobytes()
found = read_capture(Path(sys.argv[1]), lambda text, done=None, /: reported.append((text, done)))
assert any("unpacking x.pcap.gz" in text for text, _ in reported)
assert all(0 <= done < 1 for text, done in reported if text == "finding packets")
print(len(found), (kilobytes() - before) * 1024)
"""


@pytest.mark.parametrize(
    "data",
    [pcap([]) + bytes(16) * MANY_EMPTY, section() + interface() + enhanced(b"", 1) * MANY_EMPTY],
    ids=["pcap", "pcapng"],
)
def test_the_memory_a_file_takes_does_not_grow_with_its_packets(tmp_path: Path, data: bytes) -> None:
    """Only one slice of them is held: 24 bytes for each of all took 48 MB."""
    path = tmp_path / "x.pcap.gz"
    path.write_bytes(gzip.compress(data, 1))
    done = subprocess.run([sys.executable, "-c", READ_IT, str(path)], capture_output=True, text=True, check=True)
    count, grown = (int(word) for word in done.stdout.split())
    assert count == MANY_EMPTY
    assert grown < 45_000_000


def test_frames_of_a_quarter_of_a_megabyte_are_joined_in_the_memory_set_aside_for_them(tmp_path: Path) -> None:
    """Two thousand frames are read together, and twice as much memory as they are long was not enough for it."""
    size, frames = 240_000, 1_150
    udp = bytes(12) + bytes.fromhex("0800 45000000000000004011 0000 0a000001 0a000002 03e8 07d0 0000 0000")
    path = tmp_path / "x.pcap"
    with path.open("wb") as file:
        file.write(pcap([]))
        for n in range(frames):
            file.write(struct.pack("<IIII", n, 0, size, size) + udp)
            file.seek(size - len(udp), os.SEEK_CUR)  # a hole: it takes no room
        file.truncate()
    target = tmp_path / "x.wiretale"
    import_capture(read_capture(path), path, target, build, rules="4.0", progress=silent)
    with open_capture(target) as db:
        assert db.execute("SELECT count(*) FROM segment").fetchone() == (frames,)
