"""Moments in words; spans of time are in `decode/durations`."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum

from wiretale.light import dataclass


class TimeMode(StrEnum):
    """Values of --time."""

    RELATIVE = "relative"  # seconds since the first event
    ABSOLUTE = "absolute"  # local time of day
    REAL = "real"  # UTC date and time
    MONOTONIC = "monotonic"  # the capture's clock


@dataclass(frozen=True, slots=True)
class TimeFormat:
    """`origin_ns` is the first event's time, `offset_ns` gives real time when added, `seconds_digits` pads."""

    mode: TimeMode = TimeMode.RELATIVE
    origin_ns: int = 0
    offset_ns: int = 0
    seconds_digits: int = 3

    def text(self, time_ns: int) -> str:
        """The time of an event, microseconds where relative, else as exact as the source is."""
        if self.mode is TimeMode.RELATIVE:
            since = time_ns - self.origin_ns
            sign = "-" if since < 0 else ""
            micro = (abs(since) + 500) // 1000
            return f"{sign}{micro // 1_000_000}.{micro % 1_000_000:06d}".rjust(self.seconds_digits + 7)
        if self.mode is TimeMode.MONOTONIC:
            return f"{time_ns // 1_000_000_000}.{time_ns % 1_000_000_000:09d}"
        real = time_ns + self.offset_ns
        whole = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=real // 1_000_000_000)
        fraction = real % 1_000_000_000
        if self.mode is TimeMode.REAL:
            return f"{whole:%Y-%m-%dT%H:%M:%S}.{fraction:09d}Z"
        return f"{whole.astimezone():%H:%M:%S}.{fraction // 1000:06d}"
