"""The events whose bytes hold what a filter looks for, found before the filter is asked: it is then asked of few."""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import duckdb
import numpy as np

from wiretale.filter.condition import Needle
from wiretale.filter.events import EventKind
from wiretale.store.bulk import BATCH_ROWS, Ints
from wiretale.store.holding import rows_holding

# Per kind: the table, its key, and the query of keys and bytes for the keys of a part.
_SEARCHED = {
    EventKind.PACKET: ("packet", "packet_id", "SELECT packet_id, frame FROM packet WHERE packet_id BETWEEN {} AND {}"),
    EventKind.CALL: (
        "call",
        "call_id",
        "SELECT call_id, bytes FROM call_data WHERE role = 'payload' AND call_id BETWEEN {} AND {}",
    ),
}
# What stands in a filter's SQL for a table, and what for those of its rows that were found.
_REPLACED = {
    EventKind.PACKET: (("packet p", "narrowed_packet p"),),
    EventKind.CALL: (("call c", "narrowed_call c"), ("FROM call_data WHERE role", "FROM narrowed_data WHERE role")),
}
_FEW = 0.2  # of all rows; more of them are found soon enough without
_SAMPLE = 2048  # rows that tell whether all are worth searching
# That are searched at once, at most. malloc uses no buffer of 32 MB again, which is what DuckDB asks for where it needs
# 17: to have the kernel clear its pages anew takes longer than to search them.
_TOGETHER_BYTES = 1 << 23
_MOST_BYTES = 4096  # of a row, on average

Needles = tuple[Needle, ...]


def narrow(db: duckdb.DuckDBPyConnection, needles: Mapping[EventKind, Needles]) -> dict[EventKind, int | None]:
    """Make temporary tables of the events of each kind that hold one of its needles. How many they are; None: they are
    many, or cannot be told."""
    queries = {kind: _queries(db, kind, each) for kind, each in needles.items()}
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # each processor searches a part at a time
        parts = {k: [pool.submit(_holding, db, q, needles[k]) for q in each] for k, each in queries.items()}
    return {kind: _keep(db, kind, [p.result() for p in each]) if each else None for kind, each in parts.items()}


def _queries(db: duckdb.DuckDBPyConnection, kind: EventKind, needles: Needles) -> list[str]:
    """By which all events of a kind are searched, a part by each; none where that is of no use."""
    table, key, query = _SEARCHED[kind]
    [(rows, low, high)] = db.execute(f"SELECT count(*), min({key}), max({key}) FROM {table}").fetchall()  # noqa: S608 (fixed text)
    each = _bytes_each(db, kind) if rows else 0
    if not rows or each > _MOST_BYTES:
        return []
    middle = (low + high) // 2
    if len(_holding(db, query.format(middle, middle + _SAMPLE - 1), needles)) > _FEW * min(rows, _SAMPLE):
        return []
    # As DuckDB stores them: it reads what it compressed together from its begin.
    processors = os.cpu_count() or 1
    step = max(min(BATCH_ROWS, int(_TOGETHER_BYTES / max(each, 1)), (high - low) // processors + 1), 1)
    return [query.format(first, first + step - 1) for first in range(low, high + 1, step)]


def _keep(db: duckdb.DuckDBPyConnection, kind: EventKind, parts: list[Ints]) -> int | None:
    """The temporary tables, of what was found in each part."""
    table, key, _ = _SEARCHED[kind]
    found = np.unique(np.concatenate(parts))
    [(rows,)] = db.execute(f"SELECT count(*) FROM {table}").fetchall()  # noqa: S608 (fixed text)
    if len(found) > _FEW * rows:
        return None
    db.register("found", {"id": found})
    tables = ((table, table), ("call_data", "data")) if kind is EventKind.CALL else ((table, table),)
    for whole, part in tables:
        # Whether any is among none would be asked of every row.
        chosen = f"WHERE {key} IN (SELECT id FROM found)" if len(found) else "LIMIT 0"  # noqa: S608 (fixed text)
        db.execute(f"CREATE OR REPLACE TEMP TABLE narrowed_{part} AS FROM {whole} {chosen}")
    db.unregister("found")
    return len(found)


def of_narrowed(sql: str, kind: EventKind) -> str:
    """SQL about the events of a kind, of those alone that `narrow` found."""
    for whole, part in _REPLACED[kind]:
        sql = sql.replace(whole, part)
    return sql


def _bytes_each(db: duckdb.DuckDBPyConnection, kind: EventKind) -> float:
    what = {EventKind.PACKET: "avg(captured_bytes) FROM packet", EventKind.CALL: "avg(full_bytes) FROM call_data"}[kind]
    [(each,)] = db.execute(f"SELECT {what}").fetchall()
    return float(each or 0)


def _holding(db: duckdb.DuckDBPyConnection, query: str, needles: Needles) -> Ints:
    exact = [n.data for n in needles if not n.either_case]
    small = [n.data for n in needles if n.either_case]
    return rows_holding(db.cursor().sql(query), exact, small)
