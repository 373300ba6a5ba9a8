"""The only clock arithmetic: every stored time is integer nanoseconds of CLOCK_MONOTONIC.

Sources that stamp with CLOCK_REALTIME (AF_PACKET) are converted with snapshots of both clocks. A snapshot brackets one
reading of the real-time clock between two of the monotonic clock; half the bracket is its error (clock_gettime(2)).
"""

import time
from itertools import pairwise

from wiretale.light import dataclass

TYPE_CHECKING = False  # typing itself is not loaded: see light.py
if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

SECOND_NS = 1_000_000_000
SNAPSHOT_INTERVAL_NS = 60 * SECOND_NS
_BRACKETS = 64


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The same instant on both clocks, in nanoseconds, and how wrong the pair can be."""

    monotonic_ns: int
    realtime_ns: int
    error_ns: int

    @property
    def offset_ns(self) -> int:
        """Add to a monotonic time to get real time."""
        return self.realtime_ns - self.monotonic_ns


def now_ns() -> int:
    """CLOCK_MONOTONIC now, in nanoseconds."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC)


def take_snapshot() -> Snapshot:
    """Read both clocks; the tightest of many brackets is kept, so that a preemption in between does not count."""
    best = Snapshot(0, 0, 1 << 62)
    for _ in range(_BRACKETS):
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        real = time.clock_gettime_ns(time.CLOCK_REALTIME)
        after = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        error = (after - before + 1) // 2
        if error < best.error_ns:
            best = Snapshot((before + after) // 2, real, error)
    return best


def offset_at(snapshots: list[Snapshot], monotonic_ns: int) -> int:
    """Real time minus monotonic time at `monotonic_ns`: linear between snapshots, constant outside them."""
    return offsets(snapshots)(monotonic_ns)


def offsets(snapshots: list[Snapshot]) -> "Callable[[int], int]":
    """The same for many times."""
    from bisect import bisect_left  # noqa: PLC0415 (recording imports this module)

    if not snapshots:
        raise ValueError("no clock snapshot")
    ordered = sorted(snapshots, key=lambda s: s.monotonic_ns)
    times = [s.monotonic_ns for s in ordered]

    def offset(monotonic_ns: int) -> int:
        after = bisect_left(times, monotonic_ns)
        if after in {0, len(times)}:
            return ordered[min(after, len(times) - 1)].offset_ns
        left, right = ordered[after - 1], ordered[after]
        span = right.monotonic_ns - left.monotonic_ns
        return left.offset_ns + (right.offset_ns - left.offset_ns) * (monotonic_ns - left.monotonic_ns) // span

    return offset


def realtime_to_monotonic(snapshots: list[Snapshot], realtime_ns: "NDArray[np.int64]") -> "NDArray[np.int64]":
    """Convert an array of real times; the offset is linear between snapshots, constant outside them."""
    import numpy as np  # noqa: PLC0415 (recording imports this module and must not pay for NumPy)

    if not snapshots:
        raise ValueError("no clock snapshot")
    ordered = sorted(snapshots, key=lambda s: s.realtime_ns)
    knots = np.array([s.realtime_ns for s in ordered], dtype=np.int64)
    offsets = np.array([s.offset_ns for s in ordered], dtype=np.int64)
    base = int(offsets[0])
    if (offsets == base).all():
        return realtime_ns - base
    # Offsets are interpolated as small differences: a float64 cannot hold nanoseconds since 1970 exactly.
    at = (realtime_ns - knots[0]).astype(np.float64)
    moved = np.interp(at, (knots - knots[0]).astype(np.float64), (offsets - base).astype(np.float64))
    monotonic: NDArray[np.int64] = realtime_ns - (base + np.rint(moved).astype(np.int64))
    return monotonic


def conversion_error_ns(snapshots: list[Snapshot]) -> int:
    """How wrong a converted time can be: the widest bracket, plus how far the clocks moved apart between snapshots."""
    if not snapshots:
        raise ValueError("no clock snapshot")
    offsets = [s.offset_ns for s in snapshots]
    drift = max((abs(b - a) for a, b in pairwise(offsets)), default=0)
    return max(s.error_ns for s in snapshots) + drift
