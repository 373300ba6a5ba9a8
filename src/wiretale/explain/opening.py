"""From a step to the events it rests on, so that a reader can open them."""

from collections.abc import Iterable

import duckdb

from wiretale.errors import UsageFault
from wiretale.explain.story import Ref, Step, Story
from wiretale.light import dataclass

EVENTS = ("call", "packet", "task")

# Rows that are about calls stand for those calls.
_CALLS_OF = {
    "wait": "SELECT wait_id, call_id FROM wait WHERE wait_id IN (SELECT unnest(?))",
    "stream_write": "SELECT write_id, call_id FROM stream_write WHERE write_id IN (SELECT unnest(?))",
    "stream_read": "SELECT read_id, call_id FROM stream_read WHERE read_id IN (SELECT unnest(?))",
    "descriptor": "SELECT descriptor_id, unnest([open_call_id, close_call_id]) FROM descriptor"
    " WHERE descriptor_id IN (SELECT unnest(?))",
}


@dataclass(frozen=True, slots=True)
class Opened:
    """Ids of the events a step rests on; `others` are rows that are no events, such as a connection."""

    calls: tuple[int, ...]
    packets: tuple[int, ...]
    tasks: tuple[int, ...]
    others: tuple[Ref, ...]


def find_step(story: Story, name: str) -> Step:
    """The step with this anchor, or with this number in the order of telling: 7, or of a chapter c3.2.

    Raises UsageFault if there is none.
    """
    steps = story.steps()
    found = next((step for step in steps if step.anchor == name), None)
    if found is None:
        prefix, _, number = f".{name}".rpartition(".")
        counted = [step for step in steps if f".{step.anchor}.".startswith(f"{prefix}.")]
        if number.isdecimal() and 0 < int(number) <= len(counted):
            found = counted[int(number) - 1]
    if found is None:
        anchors = f"{steps[0].anchor} to {steps[-1].anchor}" if steps else "none"
        raise UsageFault(f"the story has no step {name!r}", f"wiretale explain FILE names them: {anchors}")
    return found


def events_of(db: duckdb.DuckDBPyConnection, refs: Iterable[Ref]) -> dict[Ref, tuple[tuple[str, int], ...]]:
    """The events behind each row, as table and id; none for rows that are no events, such as a connection."""
    found: dict[Ref, tuple[tuple[str, int], ...]] = {}
    by_table: dict[str, dict[int, Ref]] = {}
    for ref in refs:
        found[ref] = ((ref.table, ref.id),) if ref.table in EVENTS else ()
        by_table.setdefault(ref.table, {})[ref.id] = ref
    for table, query in _CALLS_OF.items():
        of_table = by_table.get(table, {})
        for row_id, call_id in db.execute(query, [list(of_table)]).fetchall() if of_table else ():
            if call_id is not None:
                found[of_table[row_id]] += (("call", call_id),)
    return found


def opened(db: duckdb.DuckDBPyConnection, refs: Iterable[Ref]) -> Opened:
    """The events behind some rows."""
    found = events_of(db, refs)
    ids = {table: {i for events in found.values() for t, i in events if t == table} for table in EVENTS}
    others = tuple(ref for ref in found if ref.table not in EVENTS and ref.table not in _CALLS_OF)
    calls, packets, tasks = (tuple(sorted(ids[table])) for table in EVENTS)
    return Opened(calls, packets, tasks, others)
