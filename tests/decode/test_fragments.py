"""Packets from fragments: in any order, with repeats and overlaps, and never from the wrong pieces."""

import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.decode.test_packets import ip4, udp
from wiretale.decode.fragments import Reassembly
from wiretale.decode.packets import ABSENT, decode_frames

RAW = 101


def parts(payload: bytes, sizes: list[int], identity: int = 7) -> list[bytes]:
    """`payload` as IPv4 fragments of these multiples of eight bytes, the last with the rest."""
    out, at = [], 0
    for size in [8 * s for s in sizes]:
        if at + size >= len(payload):
            break
        out.append(ip4(payload[at : at + size], 17, fragment=0x2000 | at // 8))
        at += size
    out.append(ip4(payload[at:], 17, fragment=at // 8))
    return [p[:4] + identity.to_bytes(2, "big") + p[6:] for p in out]


def described(frames: list[bytes], reassembly: Reassembly | None = None) -> list[tuple[int, int, object]]:
    """Destination port, payload size and what was not decoded, per frame."""
    sizes = np.array([len(f) for f in frames], np.int64)
    columns = decode_frames(
        np.frombuffer(b"".join(frames), np.uint8), np.cumsum(sizes) - sizes, sizes, sizes, np.full(len(frames), RAW)
    )
    (reassembly or Reassembly()).take(frames.__getitem__, columns)
    return list(zip(*(columns[n].tolist() for n in ("dstport", "payload_bytes", "undecoded")), strict=True))


@settings(deadline=None)
@given(st.integers(30, 3000), st.lists(st.integers(1, 40), min_size=1, max_size=9), st.randoms())
def test_the_frame_that_completes_the_packet_describes_it(size: int, sizes: list[int], dice: random.Random) -> None:
    whole = udp(bytes(size))
    frames = parts(whole, sizes)
    dice.shuffle(frames)
    if len(frames) == 1:
        return
    frames.insert(dice.randrange(len(frames)), frames[0])  # a repeat before the end
    rows = described(frames)
    assert rows[-1] == (5353, size, None)
    assert all(port == ABSENT for port, _, _ in rows[:-1])


def test_pieces_of_different_packets_are_not_mixed() -> None:
    a, b = parts(udp(bytes(100)), [5], 1), parts(udp(bytes(100)), [5], 2)
    assert [r[0] for r in described([a[0], b[1]])] == [ABSENT, ABSENT]
    reassembly = Reassembly()
    described([a[0], b[1]], reassembly)
    assert reassembly.incomplete == 2
    assert described([b[0], a[1]], reassembly)[0][:2] == (5353, 100)
    assert reassembly.incomplete == 0
