"""The time axis of timelines: even, or compressed, so that microseconds beside seconds can both be seen.

Of the compressed one every stretch between two moments that matter gets one column at least, and of the rest a share
that grows with the logarithm of its length. Order is kept, lengths are not: figures say so, and print the times.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import pairwise

from wiretale.light import dataclass

_TICKS = 6
SAID = "The time axis is compressed: order is kept, lengths are not."


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps times to columns."""

    moments: Sequence[int]
    places: Sequence[float]

    def at(self, time_ns: int) -> float:
        """Where a moment lies; those outside lie at the borders."""
        if not self.moments or time_ns <= self.moments[0]:
            return 0.0
        if time_ns >= self.moments[-1]:
            return self.places[-1]
        i = bisect_right(self.moments, time_ns) - 1
        low, high = self.moments[i], self.moments[i + 1]
        share = (time_ns - low) / (high - low)
        return self.places[i] + share * (self.places[i + 1] - self.places[i])


def even(begin_ns: int, end_ns: int, columns: int) -> Scale:
    """A scale without compression: lengths are what they look like. Its moments are those of its ticks."""
    ticks = sorted({begin_ns + (end_ns - begin_ns) * i // _TICKS for i in range(_TICKS + 1)})
    last = max(len(ticks) - 1, 1)
    return Scale(ticks, [columns * i / last for i in range(len(ticks))])


def compressed(moments: Iterable[int], columns: int) -> Scale:
    """A scale over some moments."""
    found = sorted(set(moments))
    weights = [max(0.1, math.log10((b - a) / 1000)) for a, b in pairwise(found)]
    least = min(1.0, columns / max(len(weights), 1))
    share = (columns - least * len(weights)) / (sum(weights) or 1.0)
    places = [0.0]
    for weight in weights:
        places.append(places[-1] + least + share * weight)
    return Scale(found, places)
