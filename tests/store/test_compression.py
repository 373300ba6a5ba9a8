"""Bytes that do not shrink are stored as they are; others, and those of small tables, are compressed."""

import duckdb
import numpy as np
import pytest

from wiretale.model.table import Column, Table
from wiretale.store.bulk import BATCH_ROWS, Slices, insert
from wiretale.store.compression import prepare

TABLE = Table("t", "raw", "a row", (Column("b", "BLOB", "bytes"),))
SIZE = 40
RANDOM = np.random.default_rng(1).integers(0, 256, BATCH_ROWS * SIZE, dtype=np.uint8)


@pytest.mark.parametrize(
    ("data", "rows", "expected"),
    [
        (RANDOM, BATCH_ROWS, "Uncompressed"),
        (RANDOM, BATCH_ROWS - 1, "ZSTD"),
        (RANDOM % 2, BATCH_ROWS, "ZSTD"),
    ],
    ids=["random bytes", "few random bytes", "zeros and ones"],
)
def test_only_bytes_that_shrink_are_compressed(data, rows, expected, tmp_path):
    blobs = Slices(data, np.arange(rows) * SIZE, np.full(rows, SIZE))
    with duckdb.connect(str(tmp_path / "x.db")) as db:
        db.execute(TABLE.ddl)
        prepare(db, TABLE, blobs)
        insert(db, TABLE.insertion(("b",)), [{"b": blobs}])
        db.execute("CHECKPOINT")
        used = db.execute("SELECT DISTINCT compression FROM pragma_storage_info('t') WHERE segment_type = 'BLOB'")
        assert used.fetchall() == [(expected,)]
        assert db.execute("SELECT count(*), sum(octet_length(b)) FROM t").fetchone() == (rows, rows * SIZE)
