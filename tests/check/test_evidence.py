"""Positions recomputed from raw sequence numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiretale.check.evidence import SYN, misplaced

ACK = 16
Header = tuple[int, int, int, int]  # packet, sequence number, flags, claimed position


def complaints(*streams: list[Header]) -> list[tuple[int, str]]:
    """Of streams whose packets come in turn."""
    turns = sorted((n, stream, header) for stream, those in enumerate(streams) for n, header in enumerate(those))
    rows = np.array([(stream, *header) for _, stream, header in turns], np.int64).reshape(-1, 5)
    return misplaced(*rows.T)


@given(
    isn=st.integers(0, 2**32 - 1),
    steps=st.lists(st.integers(-(2**20), 2**20), max_size=20),
    syn=st.booleans(),
    start=st.integers(0, 2**20),
)
def test_positions_that_follow_the_sequence_numbers_are_right(
    isn: int, steps: list[int], syn: bool, start: int
) -> None:
    at, positions = (0 if syn else start), []
    for step in steps:
        at += step
        positions.append(at)
    headers = [(n, (isn + 1 + p) % 2**32, ACK, p) for n, p in enumerate(positions)]
    if syn:
        headers.insert(0, (99, isn, SYN, 0))
    other = [(n, 7 + n, SYN if n == 0 else ACK, max(n - 1, 0)) for n in range(5)]
    assert not complaints(headers, other)
    assert not complaints(other, headers)


@pytest.mark.parametrize("by", [-1, 1, 2**32])
def test_a_position_that_does_not_is_named(by: int) -> None:
    headers = [(1, 1000, SYN, 0), (2, 1001, ACK, 0), (3, 1011, ACK, 10 + by)]
    assert complaints([], headers) == [(1, f"packet 3 is placed at {10 + by}, its sequence number says 10")]


def test_data_on_a_syn_is_position_zero() -> None:
    assert not complaints([(1, 2**32 - 1, SYN, 0), (2, 5, ACK, 5)])
