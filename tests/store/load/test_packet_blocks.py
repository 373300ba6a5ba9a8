"""Walking the blocks: where the packets are, what is whole, what is missing."""

from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store.load.ring_blocks import OFFSET_NS, Packet, block
from wiretale.store.load.packet_blocks import BlockFile, linktypes


def opened(folder: Path, data: bytes) -> BlockFile:
    path = folder / "packets.blocks"
    path.write_bytes(data)
    return BlockFile(path)


def test_packets_of_several_blocks_in_their_order(tmp_path: Path) -> None:
    packets = [
        Packet(n, bytes([n]) * (n + 1), n + 100, ifindex=n + 7, pkttype=n, protocol=0x86DD + n) for n in range(5)
    ]
    file = opened(tmp_path, block(packets[:2], 3) + block([], 4) + block(packets[2:], 5))
    walk = file.walk()
    got = walk.packets
    assert (walk.next_at, walk.next_seq, walk.missing_blocks, walk.damaged_packets) == (len(file), 6, 0, 0)
    assert got.captured.tolist() == [1, 2, 3, 4, 5]
    assert got.length.tolist() == [100, 101, 102, 103, 104]
    assert (got.realtime_ns - OFFSET_NS).tolist() == [0, 1, 2, 3, 4]
    assert got.ifindex.tolist() == [7, 8, 9, 10, 11]
    assert got.pkttype.tolist() == [0, 1, 2, 3, 4]
    assert got.protocol.tolist() == [0x86DD + n for n in range(5)]
    assert [bytes(file.array[a : a + c]) for a, c in zip(got.at, got.captured, strict=True)] == [
        p.frame for p in packets
    ]


def test_a_walk_goes_on_where_the_last_one_ended(tmp_path: Path) -> None:
    first, second = block([Packet(1, b"a")], 1), block([Packet(2, b"b"), Packet(3, b"c")], 2)
    begun = opened(tmp_path, first + second[:60]).walk()
    assert (len(begun.packets), begun.next_at) == (1, len(first))
    rest = opened(tmp_path, first + second).walk(begun.next_at, begun.next_seq)
    assert (len(rest.packets), rest.missing_blocks) == (2, 0)


def test_a_number_out_of_all_proportion_is_damage(tmp_path: Path) -> None:
    good, mad = block([Packet(1, b"a")], 1), block([Packet(2, b"b")], 1 << 60)
    walk = opened(tmp_path, good + mad).walk()
    assert (len(walk.packets), walk.next_at, walk.missing_blocks) == (1, len(good), 0)


def test_kinds_of_link() -> None:
    hatypes = {1: 1, 772: 1, 519: 101, 0xFFFE: 101, 776: 101, 512: 276, 280: 276, 0: 276}
    assert linktypes(np.array(list(hatypes))).tolist() == list(hatypes.values())


@settings(deadline=None)
@given(st.lists(st.lists(st.binary(max_size=50), max_size=4), max_size=4))
def test_what_was_written_is_read(tmp_path_factory: object, blocks: list[list[bytes]]) -> None:
    folder = tmp_path_factory.mktemp("blocks")  # type: ignore[attr-defined]
    file = opened(folder, b"".join(block([Packet(1, f) for f in frames], n) for n, frames in enumerate(blocks)))
    walk = file.walk()
    got = walk.packets
    read = [bytes(file.array[a : a + c]) for a, c in zip(got.at, got.captured, strict=True)]
    assert read == [f for frames in blocks for f in frames]
    assert walk.damaged_packets == walk.missing_blocks == 0
