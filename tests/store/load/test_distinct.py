"""The different numbers of a column, near each other or far apart, are what sorting would find."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiretale.store.load.distinct import distinct, in_groups

KINDS = {"int32": (-(1 << 31), (1 << 31) - 1), "uint32": (0, (1 << 32) - 1), "int64": (-(1 << 62), 1 << 62)}


@st.composite
def columns(draw):
    kind = draw(st.sampled_from(sorted(KINDS)))
    low, high = KINDS[kind]
    base = draw(st.integers(low, high - 20))
    near = st.integers(base, base + 20)
    return np.array(draw(st.lists(near | st.integers(low, high) if draw(st.booleans()) else near)), kind)


@given(columns())
def test_it_finds_what_sorting_finds(column):
    found = distinct(column)
    values, first, which = np.unique(column, return_index=True, return_inverse=True)
    assert found.values.tolist() == values.tolist()
    assert found.values.dtype == column.dtype
    assert found.which.tolist() == which.tolist()
    assert found.first.tolist() == first.tolist()


@given(columns())
def test_equal_numbers_stand_together_in_the_order_they_had(column):
    assert in_groups(column).tolist() == np.argsort(column, kind="stable").tolist()


@pytest.mark.parametrize("count", [1 << 16, (1 << 16) + 1])
def test_so_many_different_numbers_that_they_need_more_than_16_bits(count):
    column = np.tile(np.arange(count, dtype=np.int64)[::-1] * 3, 2)
    assert in_groups(column).tolist() == np.argsort(column, kind="stable").tolist()
