"""A column of texts is used like an array of objects."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wiretale.decode.texts import Texts

TEXTS = st.lists(st.none() | st.sampled_from(["a", "b", "::1", ""]), min_size=1, max_size=8)


@given(TEXTS, st.lists(st.tuples(st.integers(0, 7), st.none() | st.sampled_from(["a", "c", "d"])), max_size=6))
def test_what_is_put_comes_out_and_no_text_is_kept_twice(texts, changes):
    column, wanted = Texts.absent(len(texts)), list(texts)
    column[np.arange(len(texts))] = np.array(texts, object)
    for row, text in changes:
        place = row % len(texts)
        column[np.array([place])] = np.array([text], object)
        wanted[place] = text
    assert column.tolist() == wanted == [column[row] for row in range(len(column))]
    assert len(set(column.values)) == len(column.values)


def test_one_text_for_several_rows():
    column = Texts(np.array([0, 1, -1], np.int32), ["x", "y"])
    column[[0, 2]] = "y"
    assert column.tolist() == ["y", "y", "y"]
    assert column.values == ["x", "y"]
