"""The different numbers of a long column, without sorting it where they lie close together, as ids do."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wiretale.light import dataclass
from wiretale.store.bulk import Ints

_CLOSE = 4  # a table of so many times the column's rows takes less time than sorting it


@dataclass(frozen=True, slots=True)
class Distinct:
    """The different `values`, in order; for each row of the column `which` of them it is; where each stands `first`."""

    values: NDArray[Any]
    which: NDArray[np.int32]
    first: Ints


def distinct(column: NDArray[Any]) -> Distinct:
    """Of a column of integers."""
    low, high = (int(column.min()), int(column.max())) if len(column) else (0, 0)
    if high - low >= _CLOSE * len(column):
        values, first, which = np.unique(column, return_index=True, return_inverse=True)
        return Distinct(values, which.astype(np.int32), first)
    place = (column - column.dtype.type(low)).astype(np.int64)
    first = np.full(high - low + 1, -1)
    first[place[::-1]] = np.arange(len(column) - 1, -1, -1)  # of equal ones the last assigned stays
    found = np.flatnonzero(first >= 0)
    code = np.zeros(len(first), np.int32)
    code[found] = np.arange(len(found))
    return Distinct((found + low).astype(column.dtype), code[place], first[found])


def in_groups(column: NDArray[Any]) -> Ints:
    """The order that brings equal numbers together, each group in the order its rows have now."""
    which = distinct(column).which
    # NumPy sorts numbers of 16 bits by their digits: ten times as fast.
    return np.argsort(which.astype(np.uint16) if which.max(initial=0) < 1 << 16 else which, kind="stable")
