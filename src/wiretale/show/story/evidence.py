"""The rows that statements rest on: as people name them, and as `wiretale show` prints them."""

from collections.abc import Iterable

import duckdb

from wiretale.explain.story import Ref
from wiretale.show.lines import Style
from wiretale.show.merged import batch, lines
from wiretale.show.occurrences import Printer
from wiretale.show.order import LineKind, Place

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


def evidence_lines(db: duckdb.DuckDBPyConnection, refs: Iterable[Ref]) -> dict[Ref, str]:
    """Each row as `wiretale show` prints it; a wait is the call it was in. Rows that are no lines are left out."""
    wanted = list(dict.fromkeys(refs))
    waits = [ref.id for ref in wanted if ref.table == "wait"]
    call_of = dict(
        db.execute("SELECT wait_id, call_id FROM wait WHERE wait_id IN (SELECT unnest(?))", [waits]).fetchall()
    )
    places: dict[Ref, Place] = {}
    for ref in wanted:
        if ref.table in _KINDS:
            places[ref] = Place(0, _KINDS[ref.table], ref.id)
        elif ref.table == "wait" and ref.id in call_of:
            places[ref] = Place(0, LineKind.CALL, call_of[ref.id])
    distinct = list(dict.fromkeys(places.values()))
    renderer = Printer.of(db, Style()).renderer
    printed = [renderer.layout(line) for line in lines(batch(db, distinct, labels=True), renderer, ids=True)]
    by_place = dict(zip(distinct, printed, strict=True))
    return {ref: by_place[place] for ref, place in places.items()}
