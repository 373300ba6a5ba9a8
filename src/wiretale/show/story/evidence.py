"""The rows that statements rest on, as people name them. How `wiretale show` prints them is in `evidence_rows.py`."""

from collections.abc import Iterable

from wiretale.explain.story import Ref
from wiretale.light import NamedTuple


class Line(NamedTuple):
    """One event as `wiretale show` prints it."""

    time_ns: int
    text: str


def evidence_text(refs: Iterable[Ref]) -> str:
    """`calls 12 and 13, packet 4`."""
    grouped: dict[str, list[str]] = {}
    for ref in refs:
        word, _, number = ref.label.rpartition(" ")
        grouped.setdefault(word, []).append(number)
    return "; ".join(
        f"{word}{'s' if len(numbers) > 1 else ''} {', '.join(numbers)}" for word, numbers in grouped.items()
    )
