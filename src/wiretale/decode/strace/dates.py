"""Points in time as strace comments on them: in the time zone of whoever reads (TZ)."""

import time


def date(seconds: int, fraction: int = 0, digits: int = 0) -> str:
    """`2026-11-28T01:02:03.000000004+0100`; empty where it is no point in time, or the very first."""
    if not (seconds or fraction) or not 0 <= fraction < 10 ** max(digits, 1):
        return ""
    try:
        when = time.localtime(seconds)
    except (OverflowError, OSError):  # a year that struct tm cannot hold
        return ""
    return time.strftime(f"%Y-%m-%dT%H:%M:%S{f'.{fraction:0{digits}d}' if fraction else ''}%z", when)
