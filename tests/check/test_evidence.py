"""Positions recomputed from raw sequence numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiretale.check.evidence import SYN, misplaced

ACK = 16


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
    assert not misplaced(headers)


@pytest.mark.parametrize("by", [-1, 1, 2**32])
def test_a_position_that_does_not_is_named(by: int) -> None:
    headers = [(1, 1000, SYN, 0), (2, 1001, ACK, 0), (3, 1011, ACK, 10 + by)]
    assert misplaced(headers) == [f"packet 3 is placed at {10 + by}, its sequence number says 10"]


def test_data_on_a_syn_is_position_zero() -> None:
    assert not misplaced([(1, 2**32 - 1, SYN, 0), (2, 5, ACK, 5)])
