"""Ranges behave as the sets of positions they stand for."""

from hypothesis import given
from hypothesis import strategies as st

from wiretale.check.ranges import Ranges, common, minus, size, union

pairs = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=20)


def positions(ranges: Ranges) -> set[int]:
    return {p for low, high in ranges.tolist() for p in range(low, high)}


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
