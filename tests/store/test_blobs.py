"""What goes into DuckDB as BLOBs comes out again, chunk after chunk."""

import duckdb
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiretale.store.blobs import fetch_blobs


def texts(slices) -> list[bytes]:
    return [
        slices.buffer[a : a + n].tobytes() for a, n in zip(slices.start.tolist(), slices.size.tolist(), strict=True)
    ]


@given(st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), st.binary(max_size=40)), max_size=12))
def test_numbers_and_bytes_come_back(rows: list[tuple[int, bytes]]) -> None:
    with duckdb.connect() as db:
        db.execute("CREATE TABLE t (n INTEGER, id BIGINT, data BLOB)")
        if rows:
            db.executemany("INSERT INTO t VALUES (?, ?, ?)", [(n, *row) for n, row in enumerate(rows)])
        wanted = {"n": np.arange(len(rows) + 1)}
        numbers, data = fetch_blobs(db, "SELECT t.id, t.data FROM t JOIN wanted w ON w.n = t.n ORDER BY t.n", wanted)
    assert list(zip(numbers["id"].tolist(), texts(data), strict=True)) == rows


def test_a_result_of_many_chunks_is_whole() -> None:
    count = 300_000
    with duckdb.connect() as db:
        numbers, data = fetch_blobs(
            db, f"SELECT i AS id, encode(i::VARCHAR) FROM range({count}) r(i)", {"id": np.zeros(1)}
        )
    assert numbers["id"].tolist() == list(range(count))
    assert b"".join(texts(data)[-3:]) == b"299997299998299999"
    assert data.size.sum() == len(data.buffer)


def test_a_fault_of_the_query_is_raised() -> None:
    with duckdb.connect() as db, pytest.raises(duckdb.Error):
        fetch_blobs(db, "SELECT error('no')::BIGINT AS id, 'x'::BLOB", {"id": np.zeros(1)})
