"""Overlaps by binary search are those that looking at every pair finds."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wiretale.join.candidates import _Line, _Rows


def rows(streams, sizes):
    """Disjoint rows in order: in each stream one after the other, from a position of its own."""
    columns = {name: [] for name in ("id", "connection_id", "s2c", "lo", "hi")}
    for (connection, s2c, begin), lengths in zip(streams, sizes, strict=True):
        at = begin
        for length in lengths:
            for name, value in zip(columns, (len(columns["id"]), connection, s2c, at, at + length), strict=True):
                columns[name].append(value)
            at += length
    return _Rows({name: np.array(values, bool if name == "s2c" else np.int64) for name, values in columns.items()})


STREAMS = [(1, False, 0), (1, True, -7), (4, False, 1 << 40), (9, True, 3)]
LENGTHS = st.lists(st.integers(1, 9), max_size=6)


@given(st.tuples(*[LENGTHS] * 4), st.tuples(*[LENGTHS] * 4))
def test_pairs_are_the_overlaps(first, second):
    a, b = rows(STREAMS, first), rows(STREAMS, second)
    x, y, lo, hi = _Line([a, b]).pairs(a, b)
    found = list(zip(x["id"].tolist(), y["id"].tolist(), lo.tolist(), hi.tolist(), strict=True))
    expected = []
    for i in range(len(a["id"])):
        for j in range(len(b["id"])):
            begin, end = max(a["lo"][i], b["lo"][j]), min(a["hi"][i], b["hi"][j])
            if a.stream[i] == b.stream[j] and begin < end:
                expected.append((i, j, int(begin), int(end)))
    assert sorted(found) == expected
