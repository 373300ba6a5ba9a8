"""The events whose bytes hold what a filter looks for, found before the filter is asked: it is then asked of few."""

import os
from itertools import chain

import duckdb

from wiretale.filter.condition import Needle
from wiretale.filter.events import EventKind
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


def narrow(db: duckdb.DuckDBPyConnection, kind: EventKind, needles: tuple[Needle, ...]) -> int | None:
    """Make temporary tables of the events that hold one of the needles. How many they are; None: they are many, or
    cannot be told."""
    table, key, query = _SEARCHED[kind]
    [(rows, low, high)] = db.execute(f"SELECT count(*), min({key}), max({key}) FROM {table}").fetchall()  # noqa: S608 (fixed text)
    each = _bytes_each(db, kind) if rows else 0
    if not rows or each > _MOST_BYTES:
        return None
    middle = (low + high) // 2
    sample = _found(db, [query.format(middle, middle + _SAMPLE - 1)], needles)
    if len(sample) > _FEW * min(rows, _SAMPLE):
        return None
    processors = os.cpu_count() or 1
    step = max(min(int(_TOGETHER_BYTES / max(each, 1)), (high - low) // processors + 1), 1)
    queries = [query.format(first, first + step - 1) for first in range(low, high + 1, step)]
    found = set(_found(db, queries, needles))
    if len(found) > _FEW * rows:
        return None
    db.execute("CREATE OR REPLACE TEMP TABLE found AS SELECT unnest(?::BIGINT[]) AS id", [list(found)])
    tables = ((table, table), ("call_data", "data")) if kind is EventKind.CALL else ((table, table),)
    for whole, part in tables:
        # Whether any is among none would be asked of every row.
        chosen = f"WHERE {key} IN (SELECT id FROM found)" if found else "LIMIT 0"  # noqa: S608 (fixed text)
        db.execute(f"CREATE OR REPLACE TEMP TABLE narrowed_{part} AS FROM {whole} {chosen}")
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


def _found(db: duckdb.DuckDBPyConnection, queries: list[str], needles: tuple[Needle, ...]) -> list[int]:
    """Each processor searches a part at a time."""
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 (with its logging it is slow to load)

    exact = [n.data for n in needles if not n.either_case]
    small = [n.data for n in needles if n.either_case]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(chain(*pool.map(lambda q: rows_holding(db.cursor().sql(q), exact, small), queries)))
