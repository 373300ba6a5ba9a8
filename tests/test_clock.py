"""Clock arithmetic: conversions are exact to a nanosecond and monotone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiretale.clock import (
    Snapshot,
    conversion_error_ns,
    now_ns,
    offset_at,
    realtime_to_monotonic,
    take_snapshot,
)

REAL_2026 = 1_790_000_000_000_000_000


def test_a_snapshot_lies_between_two_readings_and_is_tight() -> None:
    before = now_ns()
    snapshot = take_snapshot()
    after = now_ns()
    assert before <= snapshot.monotonic_ns <= after
    assert 0 <= snapshot.error_ns < 1_000_000


def test_converting_the_snapshot_itself_is_exact() -> None:
    snapshots = [Snapshot(1_000, REAL_2026, 5), Snapshot(60_000_001_000, REAL_2026 + 60_000_000_777, 5)]
    real = np.array([s.realtime_ns for s in snapshots], dtype=np.int64)
    assert realtime_to_monotonic(snapshots, real).tolist() == [s.monotonic_ns for s in snapshots]


@given(
    drift=st.integers(-50_000, 50_000),
    times=st.lists(st.integers(-(10**9), 10**11), min_size=1, max_size=50),
)
def test_conversion_agrees_with_the_offset_and_keeps_order(drift: int, times: list[int]) -> None:
    snapshots = [Snapshot(0, REAL_2026, 1), Snapshot(60 * 10**9, REAL_2026 + 60 * 10**9 + drift, 1)]
    real = np.sort(np.array([REAL_2026 + t for t in times], dtype=np.int64))
    monotonic = realtime_to_monotonic(snapshots, real)
    assert (np.diff(monotonic) >= 0).all()
    for r, m in zip(real.tolist(), monotonic.tolist(), strict=True):
        assert abs(m + offset_at(snapshots, m) - r) <= 1


def test_error_bound_includes_what_the_clocks_moved_apart() -> None:
    assert conversion_error_ns([Snapshot(0, 100, 7), Snapshot(10, 150, 3)]) == 7 + 40


def test_no_snapshot_is_a_programming_error() -> None:
    for function in (conversion_error_ns, lambda s: offset_at(s, 0)):
        with pytest.raises(ValueError, match="no clock snapshot"):
            function([])
