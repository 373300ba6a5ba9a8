"""The rows that statements rest on, as `wiretale show` prints them; apart, because only the page needs what prints."""

from collections.abc import Iterable

import duckdb

from wiretale.explain.opening import events_of
from wiretale.explain.story import Ref
from wiretale.show.lines import Style
from wiretale.show.merged import batch_maker, lines
from wiretale.show.occurrences import Printer
from wiretale.show.order import LineKind, Place
from wiretale.show.story.evidence import Line

_KINDS = {"call": LineKind.CALL, "packet": LineKind.PACKET, "task": LineKind.BEGIN}


def evidence_lines(db: duckdb.DuckDBPyConnection, refs: Iterable[Ref]) -> dict[Ref, tuple[Line, ...]]:
    """The events behind each row, as `wiretale show` prints them."""
    events = events_of(db, refs)
    places = {event: Place(0, _KINDS[event[0]], event[1]) for found in events.values() for event in found}
    renderer = Printer.of(db, Style()).renderer
    printed = lines(batch_maker(db, labels=True)(list(places.values())), renderer, ids=True)
    by_event = {event: Line(line.time_ns, renderer.layout(line)) for event, line in zip(places, printed, strict=True)}
    return {ref: tuple(by_event[event] for event in found) for ref, found in events.items()}
