"""Between DuckDB and Python: small tables out as tuples, small tables in as typed temporary tables."""

from collections.abc import Iterable, Sequence
from typing import Any

import duckdb
import numpy as np

from wiretale.store.bulk import NUMPY_TYPES, Column, coded, insert

Value = object
Row = tuple[Value, ...]

# What the joins of UDP's datagrams (datagrams.py) and of raw packets (raw_connections.py) find, in tables of one shape.
MATCHED_PACKET = (
    ("packet_id", "BIGINT"),
    ("connection_id", "BIGINT"),
    ("direction", "VARCHAR"),
    ("lo", "BIGINT"),
    ("bytes", "BIGINT"),
    ("repeated", "BOOLEAN"),
)
MATCH = (
    ("kind", "VARCHAR"),
    ("connection_id", "BIGINT"),
    ("direction", "VARCHAR"),
    ("lo", "BIGINT"),
    ("hi", "BIGINT"),
    ("write_call", "BIGINT"),
    ("write_message", "INTEGER"),
    ("packet_id", "BIGINT"),
    ("read_call", "BIGINT"),
    ("read_message", "INTEGER"),
    ("exact", "BOOLEAN"),
)


def put(db: duckdb.DuckDBPyConnection, name: str, columns: Sequence[tuple[str, str]], rows: Iterable[Row]) -> None:
    """Make the temporary table `name` with `columns` (name, DuckDB type) and fill it with `rows`."""
    ddl = ", ".join(f'"{c}" {t}' for c, t in columns)
    db.execute(f'CREATE OR REPLACE TEMP TABLE "{name}" ({ddl})')
    by_column = list(zip(*rows, strict=True))
    if by_column:
        batch = {c: _column(values, t) for (c, t), values in zip(columns, by_column, strict=True)}
        insert(db, f'INSERT INTO "{name}" SELECT * FROM batch', [batch])  # noqa: S608 (our own table)


def _column(values: Sequence[Any], kind: str) -> Column:
    if kind == "VARCHAR":
        return coded(values)
    absent = [v is None for v in values]
    if any(absent):
        return np.ma.masked_array([0 if v is None else v for v in values], absent, NUMPY_TYPES[kind])
    return np.array(values, NUMPY_TYPES[kind])


def clock_error_ns(db: duckdb.DuckDBPyConnection) -> int:
    """How far the times of two sources can disagree: the sum of their stated errors, in nanoseconds."""
    row = db.execute("SELECT coalesce(sum(clock_error_ns), 0) FROM source WHERE ran").fetchone()
    return int(row[0]) if row else 0
