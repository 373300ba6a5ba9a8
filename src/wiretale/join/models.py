"""The SQL models: their texts, and how one is executed. No numpy here: reading a capture needs none."""

from importlib import resources

import duckdb


def model(name: str) -> str:
    """The text of `sql/NAME.sql`."""
    return resources.files("wiretale.join").joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")


_AT_ONCE = 8 * 122_880  # rows; what DuckDB holds of them fits into its memory and, mostly, into the processor's cache


def run_in_parts(db: duckdb.DuckDBPyConnection, name: str, table: str) -> None:
    """Execute `sql/NAME.sql` for the rows of `table`, some of them at a time: those with ids from $first to $last.

    Of several statements the last one is told them. Of no rows it is executed once, too.
    """
    bounds = f"SELECT coalesce(min({table}_id), 0), coalesce(max({table}_id), 0) FROM {table}"  # noqa: S608 (our own table)
    [(least, most)] = db.execute(bounds).fetchall()
    for first in range(least, most + 1, _AT_ONCE):
        db.execute(model(name), {"first": first, "last": first + _AT_ONCE - 1})


def run(db: duckdb.DuckDBPyConnection, name: str) -> None:
    """Execute all statements of `sql/NAME.sql`."""
    db.execute(model(name))
