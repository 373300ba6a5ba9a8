"""Statements about what could not be joined: rows of `coverage` whose level is NULL."""

import duckdb


def add_coverage(
    db: duckdb.DuckDBPyConnection,
    item: str,
    count: int,
    state: str,
    reason: str,
) -> None:
    """Add one row; a count of 0 says nothing and is left out."""
    if count:
        db.execute("INSERT INTO coverage VALUES (?, ?, ?, ?, ?, ?)", [None, item, count, state, reason, None])
