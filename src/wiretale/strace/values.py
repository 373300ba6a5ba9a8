"""Values of single options, read. Each raises StraceFault as strace would refuse."""

import re

from wiretale.decode.strace.style import Names
from wiretale.strace.faults import StraceFault
from wiretale.strace.options import Precision

_INT_MAX = 0x7FFFFFFF
MOST_NS = (1 << 63) - 1  # 292 years
MOST_COLUMNS = 1 << 16  # each line is padded to it
MOST_STRINGS = 0x3FFFFFFF  # a byte of a string may take four characters, and a length is an int


def number(text: str, what: str, most: int = _INT_MAX) -> int:
    """A number in decimal digits. StraceFault if it is none, or more than `most`."""
    if not text.isdigit() or int(text) > most:
        raise StraceFault(f"invalid {what} argument: '{text}'", usage=True)
    return int(text)


_DURATION = re.compile(r"\s*\+?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?(s|ms|us|ns|)", re.ASCII)
_UNITS = {"": 10**3, "s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}


def duration_ns(text: str, what: str) -> int:
    """A number of s, ms, us (without a unit, too) or ns, with a fraction or not."""
    found = _DURATION.fullmatch(text)
    exact = int(found[1]) * _UNITS[found[3]] if found and found[1].isdigit() and not found[2] else None
    ns = float(found[1] + (found[2] or "")) * _UNITS[found[3]] if found else MOST_NS + 1
    if ns > MOST_NS:
        raise StraceFault(f"invalid {what} argument: '{text}'", usage=True)
    return int(ns) if exact is None else exact


def precision(text: str, what: str) -> Precision:
    """s, ms, us or ns."""
    try:
        return Precision[text.upper()]
    except KeyError:
        raise StraceFault(f"invalid {what} argument: '{text}'", usage=True) from None


def pids(text: str) -> list[int]:
    """Process ids, separated by commas or blanks; there may be none."""
    words = text.replace(",", " ").split()  # none, as of `-p "$(pidof NAME)"`, are none
    for word in words:
        if not word.isdigit() or not 1 <= int(word) <= _INT_MAX:
            raise StraceFault(f"Invalid process id: '{word}'")
    return [int(word) for word in words]


_SORTS = {
    "time": "time-percent", "time-percent": "time-percent", "time-total": "time-percent", "total-time": "time-percent",
    "calls": "calls", "count": "calls", "errors": "errors", "error": "errors", "name": "name", "syscall": "name",
    "syscall-name": "name", "nothing": "nothing", "none": "nothing", "min-time": "min-time", "shortest": "min-time",
    "time-min": "min-time", "max-time": "max-time", "longest": "max-time", "time-max": "max-time",
    "avg-time": "avg-time", "time-avg": "avg-time",
}  # fmt: skip
_COLUMN_WORDS = {
    **{word: name for word, name in _SORTS.items() if name not in ("nothing", "time-percent")},
    "time": "time-percent", "time-percent": "time-percent", "total-time": "total-time", "time-total": "total-time",
}  # fmt: skip


def columns(text: str) -> tuple[str, ...]:
    """Columns of -U in the order given; the names of calls are added at the end where they were not asked for."""
    found = []
    for given in text.split(","):
        word = given.replace("_", "-")
        if word not in _COLUMN_WORDS:
            raise StraceFault(f"unknown column name: '{given}'", usage=True)
        if _COLUMN_WORDS[word] in found:
            raise StraceFault(f"call summary column given more than once: '{given}'", usage=True)
        found.append(_COLUMN_WORDS[word])
    return (*found, *(() if "name" in found else ("name",)))


def sort(text: str) -> str:
    """The column that -S sorts by."""
    word = text.replace("_", "-")
    if word not in _SORTS:
        raise StraceFault(f"invalid sortby: '{text}'", usage=True)
    return _SORTS[word]


def interruptible(value: str, what: str) -> int:
    """When signals may end the tracer (-I): 1 to 4, or in words."""
    words = {"anywhere": 1, "always": 1, "waiting": 2, "never": 3, "never_tstp": 4}
    number = words.get(value) or (int(value) if value.isdigit() else 0)
    if not 1 <= number <= 4:
        raise StraceFault(f"invalid {what} argument: '{value}'", usage=True)
    return number


def names(value: str, what: str) -> Names:
    """How constants are printed (-X)."""
    try:
        return Names(value)
    except ValueError:
        raise StraceFault(f"invalid {what} argument: '{value}'", usage=True) from None
