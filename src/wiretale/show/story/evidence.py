"""The rows that statements rest on: as people name them, and as `wiretale show` prints them."""

from collections.abc import Iterable
from dataclasses import dataclass

import duckdb

from wiretale.explain.opening import events_of
from wiretale.explain.story import Ref
from wiretale.show.lines import Style
from wiretale.show.merged import batch, lines
from wiretale.show.occurrences import Printer
from wiretale.show.order import LineKind, Place


@dataclass(frozen=True, slots=True, order=True)
class Line:
    """One event as `wiretale show` prints it."""

    time_ns: int
    text: str


_KINDS = {"call": LineKind.CALL, "packet": LineKind.PACKET, "task": LineKind.BEGIN}


def evidence_text(refs: Iterable[Ref]) -> str:
    """`calls 12 and 13, packet 4`."""
    grouped: dict[str, list[str]] = {}
    for ref in refs:
        word, _, number = ref.label.rpartition(" ")
        grouped.setdefault(word, []).append(number)
    return "; ".join(
        f"{word}{'s' if len(numbers) > 1 else ''} {', '.join(numbers)}" for word, numbers in grouped.items()
    )


def evidence_lines(db: duckdb.DuckDBPyConnection, refs: Iterable[Ref]) -> dict[Ref, tuple[Line, ...]]:
    """The events behind each row, as `wiretale show` prints them."""
    events = events_of(db, refs)
    places = {event: Place(0, _KINDS[event[0]], event[1]) for found in events.values() for event in found}
    renderer = Printer.of(db, Style()).renderer
    printed = lines(batch(db, list(places.values()), labels=True), renderer, ids=True)
    by_event = {event: Line(line.time_ns, renderer.layout(line)) for event, line in zip(places, printed, strict=True)}
    return {ref: tuple(by_event[event] for event in found) for ref, found in events.items()}
