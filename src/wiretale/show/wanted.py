"""The rows a batch of lines is about, as temporary tables `wanted_call` and `wanted_packet` (id), so that each query
over them need not be given thousands of numbers anew: that takes as long as the query."""

from collections.abc import Collection

import duckdb


def want_calls(db: duckdb.DuckDBPyConnection, ids: Collection[int]) -> None:
    """`wanted_call` holds these from now on."""
    _want(db, "wanted_call", ids)


def want_packets(db: duckdb.DuckDBPyConnection, ids: Collection[int]) -> None:
    """`wanted_packet` holds these from now on."""
    _want(db, "wanted_packet", ids)


def _want(db: duckdb.DuckDBPyConnection, table: str, ids: Collection[int]) -> None:
    db.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT unnest(?) AS id", [list(ids)])
