"""Every query may name every table: those a capture lacks (its joins were never made) are given it empty."""

import duckdb

from wiretale.join.models import run_in_parts
from wiretale.model.derived import CALL_CONNECTION, DERIVED_TABLES


def with_all_tables(db: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Add temporary derived tables where the capture has none. Returns `db`."""
    have = {str(row[0]) for row in db.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    for table in DERIVED_TABLES:
        if table.name not in have:
            db.execute(table.ddl.replace("CREATE TABLE", "CREATE TEMP TABLE"))
    if CALL_CONNECTION.name not in have:  # a capture made before there was this table has all that it is made from
        run_in_parts(db, CALL_CONNECTION.name, "call")
    return db
