"""Waiting for conditions, with a deadline."""

import select
import time
from collections.abc import Callable

DEADLINE_S = 20.0


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Return as soon as `condition()` is true; fail after DEADLINE_S."""
    end = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"waited in vain for: {what}")
        select.select([], [], [], 0.002)
