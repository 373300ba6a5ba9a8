"""The SQL models: their texts, and how one is executed. No numpy here: reading a capture needs none."""

from importlib import resources

import duckdb


def model(name: str) -> str:
    """The text of `sql/NAME.sql`."""
    return resources.files("wiretale.join").joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")


def run(db: duckdb.DuckDBPyConnection, name: str) -> None:
    """Execute all statements of `sql/NAME.sql`."""
    db.execute(model(name))
