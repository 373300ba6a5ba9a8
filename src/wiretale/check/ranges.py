"""Sets of byte positions as sorted, disjoint half-open ranges: arrays of shape (n, 2)."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Ranges = NDArray[np.int64]
NONE: Ranges = np.zeros((0, 2), np.int64)


_FEW = 8  # what one call carried: a large capture asks this a million times, and NumPy takes its time for each array


def _of_few(pairs: list[tuple[int, int]]) -> Ranges:
    if not pairs:
        return NONE
    first, *rest = sorted(pairs)
    found = [first]
    for low, high in rest:
        if low > found[-1][1]:
            found.append((low, high))
        elif high > found[-1][1]:
            found[-1] = (found[-1][0], high)
    return np.array(found, np.int64)


def union(pairs: Iterable[tuple[int, int]] | Ranges) -> Ranges:
    """The positions that any of `pairs` covers. Empty and reversed pairs cover nothing."""
    if not isinstance(pairs, np.ndarray):
        pairs = [pair for pair in pairs if pair[1] > pair[0]]
        if len(pairs) <= _FEW:
            return _of_few(pairs)
    given = np.asarray(pairs, np.int64).reshape(-1, 2)
    given = given[given[:, 1] > given[:, 0]]
    if not len(given):
        return NONE
    given = given[np.argsort(given[:, 0], kind="stable")]
    top = np.maximum.accumulate(given[:, 1])
    begins = np.concatenate(([True], given[1:, 0] > top[:-1]))
    ends = np.concatenate((begins[1:], [True]))
    return np.column_stack((given[begins, 0], top[ends]))


def minus(a: Ranges, b: Ranges) -> Ranges:
    """The positions of `a` that `b` does not cover. Ranges of `a` may overlap: each is cut for itself."""
    if not len(a) or not len(b):
        return a
    if len(a) == len(b) == 1 and b[0, 0] <= a[0, 0] and a[0, 1] <= b[0, 1]:
        return NONE
    left = []
    for low, high in a.tolist():
        at = low
        first = int(np.searchsorted(b[:, 1], low, side="right"))
        for b_low, b_high in b[first : int(np.searchsorted(b[:, 0], high, side="left"))].tolist():
            if b_low > at:
                left.append((at, b_low))
            at = max(at, b_high)
        if at < high:
            left.append((at, high))
    return np.array(left, np.int64).reshape(-1, 2)


def common(a: Ranges, b: Ranges) -> Ranges:
    """The positions that both cover, for each range of `a`; ranges of `a` may overlap."""
    everything = np.array([[0, np.iinfo(np.int64).max]], np.int64)
    return minus(a, minus(everything, b)) if len(b) else NONE


def size(a: Ranges) -> int:
    """How many positions."""
    return int((a[:, 1] - a[:, 0]).sum()) if len(a) else 0
