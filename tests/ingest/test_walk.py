"""The compiled walk finds what a plain reading of the same bytes finds, however the file is damaged and sliced."""

import random
import shutil
import struct
import subprocess
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import require
from tests.ingest.files import block, enhanced, interface, options, pcap, section
from tests.ingest.plain import Told, tell_pcap, tell_pcapng
from wiretale.errors import CaptureError
from wiretale.ingest import pcap as pcap_reader
from wiretale.ingest import pcapng as pcapng_reader
from wiretale.ingest import walk
from wiretale.ingest.found import NO_LINK, NO_TIME, Found
from wiretale.ingest.pcap import VARIANTS, read_pcap
from wiretale.ingest.pcapng import read_pcapng
from wiretale.ingest.walk import Room

SECOND_NS = 1_000_000_000
HERE = Path(__file__).parent
ORDERS = st.sampled_from("<>")
TEXTS = st.one_of(st.binary(max_size=9), st.sampled_from([b"said\0\0", "grüße".encode(), b"\xe2\x82", b"\0", b""]))
OPTIONS = st.lists(
    st.tuples(st.sampled_from([1, 1, 2, 3, 5, 7, 9, 14]), st.one_of(TEXTS, st.binary(min_size=4, max_size=8))),
    max_size=4,
)
SLICES = [(walk.BATCH_ROWS, walk.BATCH_BYTES), (3, walk.BATCH_BYTES), (100, 40), (1, 1)]


@st.composite
def blocks(draw: st.DrawFn, order: str) -> bytes:
    """One, of any kind, mostly with what belongs in it."""
    kind, number = draw(st.sampled_from([1, 2, 3, 5, 6, 6, 6, 9, 0xBAD, 0x204, 0x0BADCAFE])), draw(st.integers(0, 2))
    frame = draw(st.binary(max_size=20))
    said = [(c, v) for c, v in draw(OPTIONS)]
    if kind == 1:
        return interface(order, 1, *said, snaplen=draw(st.sampled_from([0, 0, 3, 1 << 18])))
    if kind == 6:
        return enhanced(frame, draw(st.integers(0, (1 << 64) - 1)), *said, order=order, number=number)
    if kind == 2:
        head = struct.pack(order + "HHIIII", number, 0, 1, 2, len(frame), 60)
        return block(order, 2, head + frame + bytes(-len(frame) % 4) + options(order, *said))
    if kind == 3:
        return block(order, 3, struct.pack(order + "I", draw(st.integers(0, 30))) + frame)
    if kind == 5:
        return block(order, 5, struct.pack(order + "III", number, 0, 9) + options(order, *said))
    return block(order, kind, frame)


@st.composite
def pcapng_files(draw: st.DrawFn) -> bytes:
    data = b""
    for order in draw(st.lists(ORDERS, min_size=1, max_size=3)):
        data += section(order, *draw(OPTIONS))
        data += b"".join(interface(order) for _ in range(draw(st.integers(0, 2))))
        data += b"".join(draw(st.lists(blocks(order), max_size=8)))
    return data


@st.composite
def pcap_files(draw: st.DrawFn) -> tuple[bytes, str]:
    order, magic = draw(ORDERS), draw(st.sampled_from(sorted(VARIANTS)))
    major, minor = draw(st.sampled_from([(2, 4), (2, 3), (2, 2), (543, 0)]))
    variant = VARIANTS[magic]
    data = struct.pack(order + "IHHiIII", magic, major, minor, 0, 0, 99, 1).ljust(variant.header_bytes, b"\0")
    for frame in draw(st.lists(st.binary(max_size=30), max_size=8)):
        lengths = [len(frame), draw(st.sampled_from([len(frame), 60, 1 << 31]))]
        if (major, minor) != (2, 4) and draw(st.booleans()):
            lengths.reverse()
        data += struct.pack(order + "4I", draw(st.integers(0, (1 << 32) - 1)), 7, *lengths)
        data += bytes(variant.record_bytes - 16) + frame
    return data, order


def damaged(data: bytes, dice: random.Random, whole: int) -> bytes:
    """Flipped behind the first `whole` bytes, and cut, or neither."""
    changed = bytearray(data)
    for _ in range(dice.choice([0, 0, 1, 3])):
        if len(changed) > whole:
            changed[dice.randrange(whole, len(changed))] = dice.choice([0, 1, 4, 0x7F, 0xFF, dice.randrange(256)])
    return bytes(changed[: dice.choice([len(changed), dice.randrange(whole, len(changed) + 1)])])


def told_by(found: Found, stamps: Callable[[int], int | None]) -> Told:
    """The same of a reader's; `stamps` gives back a stamp of nanoseconds."""
    told = Told(faults=[(f.at, f.text) for f in found.faults], about=found.about)
    told.names = [i.name for i in found.interfaces]
    for part, read in zip(found.slices, found.packets(), strict=True):
        assert part.first == len(told.frames)
        told.comments |= {part.first + row: text for row, text in read.comments.items()}
        columns = (read.at, read.captured, read.length, read.realtime_ns, read.interface, read.direction)
        for at, captured, length, time, index, direction in zip(*(c.tolist() for c in columns), strict=True):
            told.frames.append((at, captured, length, stamps(time), index, direction))
    assert len(found) == len(told.frames)
    return told


@settings(deadline=None, max_examples=400)
@given(pcap_files(), st.integers(0, 1 << 32), st.sampled_from(SLICES))
def test_pcap_files(made: tuple[bytes, str], seed: int, sizes: tuple[int, int]) -> None:
    whole, order = made
    (magic,) = struct.unpack_from(order + "I", whole)
    variant, (major, minor) = VARIANTS[magic], struct.unpack_from(order + "HH", whole, 4)
    swapped = "no" if minor == 4 else "maybe" if minor == 3 else "yes"
    data = damaged(whole, random.Random(seed), variant.header_bytes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pcap_reader, "Room", partial(Room, most=sizes[0], most_bytes=sizes[1]))
        told = told_by(read_pcap(np.frombuffer(data, np.uint8)), lambda time: time)
    record = variant.record_bytes
    expected = tell_pcap(data, order, at=variant.header_bytes, header=record, unit_ns=variant.unit_ns, swapped=swapped)
    expected.names = [None]
    assert told == expected
    assert major in {2, 543}


@settings(deadline=None, max_examples=800)
@given(pcapng_files(), st.integers(0, 1 << 32), st.sampled_from(SLICES))
def test_pcapng_files(whole: bytes, seed: int, sizes: tuple[int, int]) -> None:
    data = damaged(whole, random.Random(seed), 12)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pcapng_reader, "Room", partial(Room, most=sizes[0], most_bytes=sizes[1]))
        # As they stand in the file: their units have a test of their own.
        patch.setattr(pcapng_reader, "_nanoseconds", lambda stamps, units, offsets: stamps.view(np.int64))
        found = read_pcapng(np.frombuffer(data, np.uint8))
        told = told_by(found, lambda time: time)
    expected = tell_pcapng(data)
    stamps = [
        None if stamp is None else (stamp + (1 << 63)) % (1 << 64) - (1 << 63) for *_, stamp, _, _ in expected.frames
    ]
    expected.frames = [
        (*frame[:3], NO_TIME if stamp is None else stamp, *frame[4:])
        for frame, stamp in zip(expected.frames, stamps, strict=True)
    ]
    assert (sorted(told.faults), found.dropped) == (sorted(expected.faults), sum(expected.dropped.values()))
    told.faults, expected.faults, expected.dropped = [], [], {}
    assert told == expected
    assert all(((read.linktype == NO_LINK) == (read.interface < 0)).all() for read in found.packets())


@given(st.lists(st.one_of(st.none(), st.integers(0, 50)), max_size=30), st.sampled_from(SLICES))
def test_what_is_true_of_all_packets_does_not_depend_on_the_slices(
    times: list[int | None], sizes: tuple[int, int]
) -> None:
    def packet(time: int | None) -> bytes:
        return block("<", 3, struct.pack("<I", 1) + b"x") if time is None else enhanced(b"y" * (time + 1), time)

    data = section() + interface() + b"".join(packet(time) for time in times)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pcapng_reader, "Room", partial(Room, most=sizes[0], most_bytes=sizes[1]))
        found = read_pcapng(np.frombuffer(data, np.uint8))
        filled = [
            time
            for part, read in zip(found.slices, found.packets(), strict=True)
            for time in read.filled_times(part.before_ns).tolist()
        ]
    expected, before = [], NO_TIME
    for time in times:
        before = before if time is None else time * 1000
        expected.append(before)
    known = [time * 1000 for time in times if time is not None]
    totals = found.totals
    assert filled == expected
    assert (totals.packets, totals.untimed) == (len(times), times.count(None))
    assert (totals.earliest_ns, totals.latest_ns) == ((min(known), max(known)) if known else (NO_TIME, NO_TIME))
    assert totals.backwards == sum(b < a for a, b in pairwise(expected))
    assert sorted(totals.largest.tolist()) == sorted(1 if time is None else time + 1 for time in times)


def test_only_so_many_of_the_largest_packets_are_known() -> None:
    data = pcap([(n, bytes(n % 3000)) for n in range(6000)])
    totals = read_pcap(np.frombuffer(data, np.uint8)).totals
    assert sorted(totals.largest.tolist()) == sorted([*range(1976, 3000)] * 2)


def test_a_file_that_changes_while_it_is_read_is_refused() -> None:
    for read, whole in (
        (read_pcap, pcap([(n, b"x" * 40) for n in range(9)])),
        (read_pcapng, section() + interface() + enhanced(b"x" * 40, 1) * 9),
    ):
        data = np.frombuffer(bytearray(whole), np.uint8)
        found = read(data)
        data[100:] = 0xFF
        with pytest.raises(CaptureError, match="changed while it was read"):
            list(found.packets())


def test_nothing_outside_of_the_bytes_is_read(tmp_path: Path) -> None:
    """The same walk with sanitizers, over bytes that end where their memory ends, in slices of 64 frames and of one."""
    require(shutil.which("cc"), "a C compiler is installed")
    options = ["-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined"]
    options += ["-fno-sanitize-recover=all", f"-I{walk.LIBRARY_PATH.parent}"]
    subprocess.run(["cc", *options, "-o", tmp_path / "walk", HERE / "walk_bytes.c"], check=True)
    files: list[bytes] = []

    @settings(deadline=None, max_examples=200, database=None)
    @given(pcapng_files(), pcap_files(), st.integers(0, 1 << 32))
    def make(pcapng: bytes, pcap: tuple[bytes, str], seed: int) -> None:
        files.extend(damaged(whole, random.Random(seed), 12) for whole in (pcapng, pcap[0]))

    make()
    for number, data in enumerate(files):
        (tmp_path / f"{number}").write_bytes(data)
    command = [tmp_path / "walk", *(tmp_path / f"{n}" for n in range(len(files)))]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stderr) == (0, "")
    counts = [tuple(map(int, line.split())) for line in done.stdout.splitlines()]
    # Both times of the walk, in both sizes of slices.
    assert [pcapng for _, pcapng in counts[::2]] == [4 * len(tell_pcapng(data).frames) for data in files[::2]]
    assert sum(pcap for pcap, _ in counts[1::2]) > len(files)
