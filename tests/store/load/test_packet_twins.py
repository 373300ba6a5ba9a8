"""Pairing loopback's copies: the k-th that leaves with the k-th that arrives."""

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store.load.ring_blocks import Packet, block
from wiretale.store.load.packet_blocks import BlockFile
from wiretale.store.load.packet_twins import COMPARED_BYTES, pair_twins

FRAMES = [b"", b"abc", b"abd", b"q" * 95, b"q" * 96, b"q" * 100, b"q" * 99 + b"r", b"w" * 7, b"w" * 8, b"w" * 9]


def twins(packets: list[tuple[bool, bytes]]) -> list[int]:
    """(leaves, frame) in order of time -> place of each packet's twin, from 1, or -1."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "b"
        rows = [Packet(n, f[:COMPARED_BYTES] if leaves else f, len(f)) for n, (leaves, f) in enumerate(packets)]
        path.write_bytes(block(rows))
        file = BlockFile(path)
        leaving = np.array([leaves for leaves, _ in packets], bool)
        return pair_twins(file, file.walk().packets, np.arange(len(packets)), leaving, ~leaving).tolist()


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.sampled_from(FRAMES)), max_size=40))
def test_as_many_pairs_as_there_can_be_and_in_order(packets: list[tuple[bool, bytes]]) -> None:
    paired = twins(packets)
    expected = [-1] * len(packets)
    # Frames that agree in length and in the bytes that are compared cannot be told apart.
    for key in {(len(f), f[:COMPARED_BYTES]) for _, f in packets}:
        places = [n for n, (_, f) in enumerate(packets) if (len(f), f[:COMPARED_BYTES]) == key and len(f) >= 8]
        out, into = ([n for n in places if packets[n][0] is side] for side in (True, False))
        for a, b in zip(out, into, strict=False):
            expected[a], expected[b] = b + 1, a + 1
    told_apart = [n for n, (_, f) in enumerate(packets) if len(f) >= 8]
    assert [paired[n] for n in told_apart] == [expected[n] for n in told_apart]


def test_one_direction_alone_has_no_twins() -> None:
    assert twins([(True, b"x" * 60), (True, b"x" * 60)]) == [-1, -1]
    assert twins([]) == []
