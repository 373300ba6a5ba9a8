"""The time axis of figures: compressed, so that microseconds beside seconds can both be seen.

Every stretch between two moments that matter gets room that grows with the logarithm of its length. Order is kept,
lengths are not: figures say so, and print the times.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps times to [0, 1]."""

    moments: Sequence[int]
    places: Sequence[float]

    def at(self, time_ns: int) -> float:
        """Where a moment lies; those outside lie at the borders."""
        if not self.moments or time_ns <= self.moments[0]:
            return 0.0
        if time_ns >= self.moments[-1]:
            return 1.0
        i = bisect_right(self.moments, time_ns) - 1
        low, high = self.moments[i], self.moments[i + 1]
        share = (time_ns - low) / (high - low)
        return self.places[i] + share * (self.places[i + 1] - self.places[i])


def compressed(moments: Iterable[int], least: float = 0.6) -> Scale:
    """A scale over some moments; `least` is the room of the shortest stretch, in decades of nanoseconds over 1 us."""
    found = sorted(set(moments))
    rooms = [max(least, math.log10(max(b - a, 1) / 1000)) for a, b in pairwise(found)]
    total = sum(rooms) or 1.0
    places, at = [0.0], 0.0
    for room in rooms:
        at += room
        places.append(at / total)
    return Scale(found, places)
