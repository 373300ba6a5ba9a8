"""The compiled decoder says of every frame that it takes what the other one says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.decode.test_packets import FRAMES, PACKETS, ethernet, ip4, ip6, tcp, udp
from wiretale.decode.packets import decode_any, decode_frames, new_table
from wiretale.decode.usual import decode_usual

ETHERNET, RAW = 1, 101
STAMP = bytes.fromhex("0101080a0000000100000002")

OPTION = st.sampled_from(
    [
        *(b"\0", b"\1", b"\2\4\5\xb4", b"\3\3\7", b"\4\2", b"\5\x0a" + bytes(range(8)), b"\5\x12" + bytes(range(16))),
        *(b"\x08\x0a" + bytes(range(8)), b"\x1e\3\x10", b"\x22\2", b"\xfe\4\xf9\x89", b"\x4d\3x", b"\2\3x", b"\5\4xx"),
    ]
)
OPTIONS = st.one_of(
    st.just(STAMP),
    st.lists(OPTION, max_size=5).map(b"".join).filter(lambda o: len(o) <= 40).map(lambda o: o + b"\1" * (-len(o) % 4)),
)
TRANSPORT = st.one_of(
    st.tuples(st.just(6), st.builds(lambda o, p: tcp(p, options=o), OPTIONS, st.binary(max_size=40))),
    st.tuples(
        st.just(17), st.builds(lambda p, n: udp(p, length=n), st.binary(max_size=40), st.integers(0, 60) | st.none())
    ),
)
USUAL = st.one_of(
    st.builds(lambda t, o: ethernet(ip4(t[1], t[0], options=o)), TRANSPORT, st.sampled_from([b"", b"\1\1\1\1"])),
    st.builds(lambda t: ethernet(ip6(t[1], t[0]), 0x86DD), TRANSPORT),
)
USED = (
    ethernet(ip4(tcp(options=bytes.fromhex("020405b40402080a00000001000000000103030a"), flags=2))),
    ethernet(ip4(udp(b"x"), 17)),
)
CHANGES = st.lists(st.tuples(st.integers(12, 80), st.integers(0, 255)), max_size=2)


def changed(frame: bytes, changes: list[tuple[int, int]]) -> bytes:
    """`frame` with some bytes replaced."""
    data = bytearray(frame)
    for at, value in changes:
        if at < len(data):
            data[at] = value
    return bytes(data)


def arrays(frames: list[bytes], cut: int, beyond: int, link: int):
    """What the decoders take: the frames with `cut` bytes not captured, and `beyond` more on the wire."""
    size = np.array([len(f) for f in frames], np.int64)
    captured = np.maximum(size - cut, 0)
    return (
        np.frombuffer(b"".join(frames), np.uint8), np.cumsum(size) - size, captured, size + beyond,
        np.full(len(frames), link, np.int64),
    )  # fmt: skip


@settings(deadline=None, max_examples=300)
@given(
    st.lists(st.one_of(st.builds(changed, USUAL, CHANGES), USUAL, FRAMES), min_size=1, max_size=8),
    st.integers(0, 30) | st.just(0),
    st.integers(-3, 9),
    st.sampled_from([ETHERNET, RAW]),
)
def test_both_decoders_agree(frames: list[bytes], cut: int, beyond: int, link: int) -> None:
    given_arrays = arrays([f[14:] if link == RAW else f for f in frames], cut, beyond, link)
    found, wanted = decode_frames(*given_arrays), decode_any(*given_arrays)
    assert found.keys() == wanted.keys()
    assert {n: v.tolist() for n, v in found.items()} == {n: v.tolist() for n, v in wanted.items()}


@given(st.lists(PACKETS, min_size=1, max_size=4))
@settings(deadline=None)
def test_both_decoders_agree_on_bare_packets(packets: list[bytes]) -> None:
    given_arrays = arrays(packets, 0, 0, RAW)
    found, wanted = decode_frames(*given_arrays), decode_any(*given_arrays)
    assert {n: v.tolist() for n, v in found.items()} == {n: v.tolist() for n, v in wanted.items()}


@pytest.mark.parametrize(
    "frame",
    [
        ethernet(ip4(tcp(b"salam\n", options=STAMP))),
        ethernet(ip4(tcp(options=bytes.fromhex("020405b40402080a00000001000000000103030a"), flags=2))),
        ethernet(ip4(tcp(options=bytes.fromhex("0101050a0000000100000002")))),
        ethernet(ip4(udp(b"x"), 17)),
        ethernet(ip6(tcp(b"salam\n")), 0x86DD),
    ],
)
def test_usual_frames_need_no_other_decoder(frame: bytes) -> None:
    assert len(decode_usual(*arrays([frame], 0, 0, ETHERNET))[1]) == 0


def test_a_table_is_used_again() -> None:
    """What frames of before left in it is gone, and a shorter run of frames takes its begin."""
    table = new_table(3)
    many, one = (arrays([frame] * n, 0, 0, ETHERNET) for frame, n in ((USED[0], 3), (USED[1], 1)))
    decode_frames(*many, into=table)
    found, wanted = decode_frames(*one, into=table), decode_any(*one)
    assert {n: v.tolist() for n, v in found.items()} == {n: v.tolist() for n, v in wanted.items()}


def test_many_addresses_are_told_apart() -> None:
    """Of both versions, and where the bytes of one begin another."""
    fours = [ethernet(ip4(udp(b"x"), 17)) for _ in range(3000)]
    frames = [f[:26] + n.to_bytes(4, "big") + (n // 7).to_bytes(4, "big") + f[34:] for n, f in enumerate(fours)]
    sixes = [ethernet(ip6(udp(b"x"), 17), 0x86DD) for _ in range(300)]
    frames += [f[:22] + n.to_bytes(4, "big") + bytes(12) + bytes(15) + b"\1" + f[54:] for n, f in enumerate(sixes)]
    given_arrays = arrays(frames, 0, 0, ETHERNET)
    found, wanted = decode_frames(*given_arrays), decode_any(*given_arrays)
    assert [found[n].tolist() for n in ("src", "dst")] == [wanted[n].tolist() for n in ("src", "dst")]
    assert len(set(found["src"].values)) == len(found["src"].values)


def test_rows_outside_the_buffer_are_left_out() -> None:
    frame = ethernet(ip4(tcp(b"salam\n")))
    buffer = np.frombuffer(frame, np.uint8)
    bad = [(-1, 10), (0, -1), (0, len(frame) + 1), (len(frame) + 1, 0), (5, 2**62), (2**62, 5)]
    offset, captured = (np.array(values, np.int64) for values in zip(*bad, strict=True))
    _, others = decode_usual(buffer, offset, captured, captured, np.ones(len(bad), np.int64))
    assert others.tolist() == list(range(len(bad)))
