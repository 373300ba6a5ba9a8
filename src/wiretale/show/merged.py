"""A capture as one merged list: places -> rows and notes -> lines or JSON objects."""

from collections import defaultdict
from collections.abc import Callable, Iterator

import duckdb

from wiretale.decode.record_types import FdLabel
from wiretale.filter.tables import with_all_tables
from wiretale.light import dataclass, field, replace
from wiretale.show import notes as note
from wiretale.show.fetch import Rows, fetch, ids
from wiretale.show.json_facts import Facts, facts
from wiretale.show.labels import Labels
from wiretale.show.lines import Line, LineRenderer
from wiretale.show.order import LineKind, Place

_CALLS = (LineKind.CALL, LineKind.ENTER, LineKind.RETURN)
_FOLDS = {LineKind.START: "program start", LineKind.LOOK: "looking for files of the system"}


@dataclass(slots=True)
class Batch:
    """Some places in order, with everything known about them."""

    places: list[Place]
    rows: Rows
    bytes_notes: note.Notes = field(default_factory=dict)
    wait_notes: note.Notes = field(default_factory=dict)
    packet_notes: note.Notes = field(default_factory=lambda: defaultdict(list))
    labels: Labels | None = None
    facts: Facts = field(default_factory=Facts)


def batch_maker(
    db: duckdb.DuckDBPyConnection, *, labels: bool, with_facts: bool = False
) -> Callable[[list[Place]], Batch]:
    """What finds out everything known about some places; `with_facts` for JSON."""
    with_all_tables(db)
    wording = _wording(db)
    return lambda found: _batch(db, found, wording, labels=labels, with_facts=with_facts)


def _wording(db: duckdb.DuckDBPyConnection) -> note.Wording:
    row = db.execute(
        "SELECT (SELECT min(connection_id) < max(connection_id) FROM stream_write),"
        " EXISTS (SELECT 1 FROM link WHERE kind = 'write_read')"
    ).fetchone()
    return note.Wording(*map(bool, row or ()))


def _batch(
    db: duckdb.DuckDBPyConnection, found: list[Place], wording: note.Wording, *, labels: bool, with_facts: bool
) -> Batch:
    made = Batch(found, fetch(db, found))
    calls, packets = ids(found, _CALLS), ids(found, (LineKind.PACKET,))
    if calls:
        made.bytes_notes, made.wait_notes = note.of_calls(db, wording)
    if packets:
        note.of_packets(db, made.packet_notes)
    if with_facts:
        made.facts = facts(db, calls, packets)
    if labels and made.rows.calls:
        entries = [c.entry_ns for c in made.rows.calls.values()]
        made.labels = Labels(db, min(entries), max(entries))
    return made


def lines(batch: Batch, renderer: LineRenderer, *, ids: bool = False) -> Iterator[Line]:
    """The lines of a batch; with `ids` each call's line begins with its number."""
    for place in batch.places:
        line = _line(batch, place, renderer)
        yield replace(line, text=f"#{place.id} {line.text}") if ids and place.kind in _CALLS else line


def _line(batch: Batch, place: Place, renderer: LineRenderer) -> Line:
    rows = batch.rows
    if place.kind in _CALLS:
        record = rows.calls[place.id]
        moved, waited = batch.bytes_notes.get(place.id, []), batch.wait_notes.get(place.id, [])
        label: FdLabel | None = None
        if batch.labels is not None:
            label = batch.labels.at(record.actor.pid, record.entry_ns)
        if place.kind is LineKind.ENTER:
            return renderer.entered(record, (), label)
        if place.kind is LineKind.RETURN:
            return renderer.returned(record, [*waited, *moved], label)
        return renderer.call(record, [*moved, *waited], label)
    if place.kind is LineKind.PACKET:
        return renderer.packet(rows.packets[place.id], batch.packet_notes.get(place.id, []))
    if place.kind is LineKind.KERNEL:
        return renderer.kernel(rows.kernel[place.id])
    if place.kind is LineKind.SIGNAL:
        return renderer.signal(rows.signals[place.id])
    task = rows.tasks[place.id]
    if place.kind in _FOLDS:
        span = place.until_ns - place.time_ns
        return renderer.folded(task.actor, place.time_ns, place.count, span, _FOLDS[place.kind])
    if place.kind is LineKind.BEGIN:
        return renderer.began(task)
    return renderer.ended(task, place.time_ns)
