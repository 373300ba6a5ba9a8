"""Rows that were made one by one, a dictionary each, into a table of the model: all at once."""

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from wiretale.model.table import Table

Row = Mapping[str, object]

_RANGES = {
    "BIGINT": (-(2**63), 2**63 - 1),
    "UBIGINT": (0, 2**64 - 1),
    "INTEGER": (-(2**31), 2**31 - 1),
    "UINTEGER": (0, 2**32 - 1),
}


def insert_rows(db: duckdb.DuckDBPyConnection, table: Table, rows: Sequence[Row]) -> None:
    """Insert them; a key that is missing, or a value that does not fit into its column, is NULL.

    A statement per row would cost two milliseconds each.
    """
    if not rows:
        return
    batch = {c.name: _array([_fitting(row.get(c.name), c.type) for row in rows], c.type) for c in table.columns}
    assert batch  # DuckDB finds it by its name in this function
    casts = ", ".join(f'CAST("{c.name}" AS {c.type})' for c in table.columns)
    db.execute(f'INSERT INTO "{table.name}" SELECT {casts} FROM batch')  # noqa: S608 (a table of the model)


def _array(values: list[Any], kind: str) -> NDArray[Any]:
    """A column for DuckDB, NULL where a value is None."""
    if kind in _RANGES or kind == "BOOLEAN":
        absent = np.array([v is None for v in values])
        number_type = {"UBIGINT": np.uint64, "BOOLEAN": np.bool_}.get(kind, np.int64)
        return np.ma.masked_array(np.array([v or 0 for v in values], number_type), absent)
    column = np.empty(len(values), object)
    column[:] = values
    return column


def _fitting(value: object, kind: str) -> object:
    """`value` if a column of type `kind` can hold it, else None: a damaged line must not end the loading."""
    if kind in _RANGES:
        low, high = _RANGES[kind]
        return value if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high else None
    if kind == "VARCHAR":
        return _clean(value) if isinstance(value, str) else None
    if kind == "VARCHAR[]":
        return [_clean(v) for v in value if isinstance(v, str)] if isinstance(value, list) else None
    if kind == "BLOB":
        return value if isinstance(value, bytes) else None
    return value if isinstance(value, bool) else None


def _clean(text: str) -> str:
    """JSON can spell lone surrogates, UTF-8 cannot."""
    return text.encode(errors="backslashreplace").decode()
