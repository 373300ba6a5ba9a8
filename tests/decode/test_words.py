"""Integers at any position, checked against the standard library's reading of the same bytes."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wiretale.decode.words import Words


@given(st.binary(min_size=8, max_size=40), st.data(), st.sampled_from([(">", "big"), ("<", "little")]))
def test_every_width_at_every_position(data: bytes, pick: st.DataObject, order: tuple[str, str]) -> None:
    words = Words(np.frombuffer(data, np.uint8), order[0])
    for size, read in ((1, words.u8), (2, words.u16), (4, words.u32), (8, words.u64)):
        at = pick.draw(st.lists(st.integers(0, len(data) - size), max_size=5))
        expected = [int.from_bytes(data[a : a + size], order[1]) for a in at]  # type: ignore[arg-type]
        assert [int(v) for v in read(np.array(at, np.int64))] == expected


@given(st.binary(max_size=9))
def test_short_buffers_can_be_wrapped(data: bytes) -> None:
    words = Words(np.frombuffer(data, np.uint8), "<")
    assert words.u64(np.array([], np.int64)).tolist() == []
