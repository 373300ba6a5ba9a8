"""Ranges behave as the sets of positions they stand for."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wiretale.check.ranges import Lines, Ranges, common, minus, union

pairs = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=20)


def positions(ranges: Ranges) -> set[int]:
    return {p for low, high in ranges.tolist() for p in range(low, high)}


def size(ranges: Ranges) -> int:
    return int(np.diff(ranges).sum())


def covered(given_pairs: list[tuple[int, int]]) -> set[int]:
    return {p for low, high in given_pairs for p in range(low, high)}


@given(pairs, pairs)
def test_they_are_sets(a: list[tuple[int, int]], b: list[tuple[int, int]]) -> None:
    x, y = union(a), union(b)
    assert positions(x) == covered(a)
    assert positions(minus(x, y)) == covered(a) - covered(b)
    assert positions(common(x, y)) == covered(a) & covered(b)
    assert size(x) == len(covered(a))


@given(pairs)
def test_they_are_sorted_and_do_not_touch(a: list[tuple[int, int]]) -> None:
    flat = union(a).ravel().tolist()
    assert flat == sorted(set(flat))


@given(pairs, pairs)
def test_each_of_several_that_overlap_is_cut_for_itself(a: list[tuple[int, int]], b: list[tuple[int, int]]) -> None:
    several, other = np.array([(x, y) for x, y in a if x < y], np.int64).reshape(-1, 2), union(b)
    assert size(minus(several, other)) == sum(len(covered([x]) - covered(b)) for x in a)
    assert size(common(several, other)) == sum(len(covered([x]) & covered(b)) for x in a)


@given(st.lists(pairs, min_size=1, max_size=4))
def test_lines_end_to_end_are_as_each_by_itself(several: list[list[tuple[int, int]]]) -> None:
    lines = Lines(np.full(len(several), 5), np.full(len(several), 35))
    rows = np.array([(n, a, b) for n, those in enumerate(several) for a, b in those], np.int64).reshape(-1, 3)
    whole = union(lines.place(*rows.T))
    alone = [{p for p in covered(those) if 5 <= p < 35} for those in several]
    assert lines.sizes(whole).tolist() == [len(positions) for positions in alone]
    found = [set[int]() for _ in several]
    for n, low, high in zip(*lines.back(whole), strict=True):
        found[int(n)] |= set(range(int(low), int(high)))
    assert found == alone
    assert positions(lines.only(whole, np.arange(len(several)) == 0)) == {p - 5 for p in alone[0]}
