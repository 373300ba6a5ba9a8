"""From a step to the events it rests on, so that a reader can open them."""

from collections.abc import Iterable
from dataclasses import dataclass

import duckdb

from wiretale.errors import UsageFault
from wiretale.explain.story import Ref, Step, Story

# Rows that are about calls stand for those calls.
_CALLS_OF = {
    "wait": "SELECT call_id FROM wait WHERE wait_id IN (SELECT unnest(?))",
    "stream_write": "SELECT call_id FROM stream_write WHERE write_id IN (SELECT unnest(?))",
    "stream_read": "SELECT call_id FROM stream_read WHERE read_id IN (SELECT unnest(?))",
    "descriptor": "SELECT unnest([open_call_id, close_call_id]) FROM descriptor"
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
    """The step with this anchor, or with this number in the order of telling. Raises UsageFault if there is none."""
    steps = story.steps()
    if name.isdecimal() and 0 < int(name) <= len(steps):
        return steps[int(name) - 1]
    found = next((step for step in steps if step.anchor == name), None)
    if found is None:
        anchors = f"{steps[0].anchor} to {steps[-1].anchor}" if steps else "none"
        raise UsageFault(f"the story has no step {name!r}", f"wiretale explain FILE names them: {anchors}")
    return found


def opened(db: duckdb.DuckDBPyConnection, refs: Iterable[Ref]) -> Opened:
    """The events behind some rows."""
    by_table: dict[str, list[Ref]] = {}
    for ref in refs:
        by_table.setdefault(ref.table, []).append(ref)
    calls = {ref.id for ref in by_table.pop("call", [])}
    packets = {ref.id for ref in by_table.pop("packet", [])}
    tasks = {ref.id for ref in by_table.pop("task", [])}
    others: list[Ref] = []
    for table, found in by_table.items():
        if table in _CALLS_OF:
            rows = db.execute(_CALLS_OF[table], [[ref.id for ref in found]]).fetchall()
            calls.update(row[0] for row in rows if row[0] is not None)
        else:
            others += found
    return Opened(tuple(sorted(calls)), tuple(sorted(packets)), tuple(sorted(tasks)), tuple(others))
