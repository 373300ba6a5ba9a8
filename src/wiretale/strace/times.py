"""Times as strace prints them."""

import time

from wiretale.clock import SECOND_NS
from wiretale.strace.options import Precision, StraceOptions


def fixed(ns: int, precision: Precision, width: int = 1) -> str:
    """Seconds with so many digits: 0.000123."""
    seconds, rest = divmod(ns, SECOND_NS)
    if not precision:
        return f"{seconds:>{width}}"
    return f"{seconds:>{width}}.{rest // 10 ** (9 - precision):0{int(precision)}}"


class Stamps:
    """The times at the beginning of lines. `offset_ns`: what to add to CLOCK_MONOTONIC to get the time since 1970."""

    def __init__(self, options: StraceOptions, offset_ns: int) -> None:
        self._options = options
        self._offset_ns = offset_ns
        self._last_ns: int | None = None
        self.used = options.clock != "none" or options.relative is not None

    def go_on(self, last_ns: int) -> None:
        """The line before the next one began then; -1: there was none."""
        self._last_ns = last_ns if last_ns >= 0 else None

    def text(self, time_ns: int) -> str:
        """What stands before a line that begins at `time_ns`."""
        o = self._options
        shown = ""
        if o.clock != "none":
            shown = self._wall(time_ns + self._offset_ns)
        if o.relative is not None:
            passed = 0 if self._last_ns is None else max(time_ns - self._last_ns, 0)
            self._last_ns = time_ns
            text = fixed(passed, o.relative, 6)
            shown += f"(+{text}) " if o.clock != "none" else f"{text} "
        return shown

    def _wall(self, real_ns: int) -> str:
        precision = self._options.clock_precision
        if self._options.clock == "unix":
            return fixed(real_ns, precision) + " "
        seconds, rest = divmod(real_ns, SECOND_NS)
        fraction = f".{rest // 10 ** (9 - precision):0{int(precision)}}" if precision else ""
        return time.strftime("%H:%M:%S", time.localtime(seconds)) + fraction + " "
