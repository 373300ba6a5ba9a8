"""Sets of byte positions as sorted, disjoint half-open ranges: arrays of shape (n, 2). Whole arrays at a time.

The streams of a capture (or its calls) each have positions of their own. `Lines` lays them end to end, so that one set
holds those of all of them.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Ranges = NDArray[np.int64]
NONE: Ranges = np.zeros((0, 2), np.int64)
FAR = np.iinfo(np.int64).max


def union(pairs: Iterable[tuple[int, int]] | Ranges) -> Ranges:
    """The positions that any of `pairs` covers. Empty and reversed pairs cover nothing."""
    given = np.asarray(pairs if isinstance(pairs, np.ndarray) else list(pairs), np.int64).reshape(-1, 2)
    given = given[given[:, 1] > given[:, 0]]
    if not len(given):
        return NONE
    given = given[np.argsort(given[:, 0], kind="stable")]
    top = np.maximum.accumulate(given[:, 1])
    begins = np.concatenate(([True], given[1:, 0] > top[:-1]))
    ends = np.concatenate((begins[1:], [True]))
    return np.column_stack((given[begins, 0], top[ends]))


def common(a: Ranges, b: Ranges) -> Ranges:
    """The positions of `a` that `b` covers. Ranges of `a` may overlap: each is cut for itself."""
    first = np.searchsorted(b[:, 1], a[:, 0], side="right")
    count = np.maximum(np.searchsorted(b[:, 0], a[:, 1], side="left") - first, 0)
    mine = np.repeat(np.arange(len(a)), count)
    theirs = np.arange(len(mine)) - np.repeat(np.cumsum(count) - count - first, count)
    return np.column_stack((np.maximum(a[mine, 0], b[theirs, 0]), np.minimum(a[mine, 1], b[theirs, 1])))


def minus(a: Ranges, b: Ranges) -> Ranges:
    """The positions of `a` that `b` does not cover. Ranges of `a` may overlap: each is cut for itself."""
    edges = np.concatenate(([-FAR], b.ravel(), [FAR]))
    return common(a, edges.reshape(-1, 2))


class Lines:
    """Number lines from `low` to `high` each, laid end to end with a gap between them."""

    def __init__(self, low: Ints, high: Ints) -> None:
        self.low, self.high = low, high
        length = high - low + 1
        self._begin = np.cumsum(length) - length

    def __len__(self) -> int:
        return len(self.low)

    def place(self, which: Ints, low: Ints | int, high: Ints | int) -> Ranges:
        """Ranges of the lines `which` as ranges of the whole; what is off a line is cut away."""
        shift = self._begin[which] - self.low[which]
        ends = [np.clip(at, self.low[which], self.high[which]) + shift for at in (low, high)]
        return np.column_stack(ends)

    def everything(self) -> Ranges:
        """All of all lines; a line without positions gives an empty range."""
        return self.place(np.arange(len(self)), -FAR, FAR)

    def whole(self, lines: Flags) -> Ranges:
        """All of some lines."""
        return self.place(np.flatnonzero(lines), -FAR, FAR)

    def which(self, ranges: Ranges) -> Ints:
        """The line that each range lies on."""
        return np.searchsorted(self._begin, ranges[:, 0], side="right") - 1

    def back(self, ranges: Ranges) -> tuple[Ints, Ints, Ints]:
        """The lines of ranges, and where they begin and end on them."""
        which = self.which(ranges)
        shift = self.low[which] - self._begin[which]
        return which, ranges[:, 0] + shift, ranges[:, 1] + shift

    def only(self, ranges: Ranges, lines: Flags) -> Ranges:
        """Those of some lines."""
        return ranges[lines[self.which(ranges)]]

    def sizes(self, ranges: Ranges) -> Ints:
        """How many positions on each line."""
        return total(self.which(ranges), ranges[:, 1] - ranges[:, 0], len(self))


def total(group: Ints, values: Ints, groups: int) -> Ints:
    """The sum of the values of each group."""
    sums = np.zeros(groups, np.int64)
    np.add.at(sums, group, values)
    return sums
