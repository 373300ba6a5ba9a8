"""Whether the captured bytes of a large table are worth compressing.

zstd takes a second for 150 MB of frames, as long as all else that filling the table takes, and time again where joins
read them. Headers always repeat, but random, encrypted or packed payload does not.
"""

import zlib

import duckdb
import numpy as np

from wiretale.model.table import Table
from wiretale.store.bulk import BATCH_ROWS, Slices

_TOGETHER = 2048  # rows that DuckDB compresses together (STANDARD_VECTOR_SIZE)
_SAMPLES = 4
_MOST_SAMPLE_BYTES = 1 << 17  # of each; zlib looks back 32 KB, so more says the same
_WORTH_IT = 0.5  # compressed size divided by the size before, at most


def prepare(db: duckdb.DuckDBPyConnection, table: Table, blobs: Slices) -> None:
    """Make the empty `table` anew without compression, if its first batch has `blobs` that it would not halve."""
    if len(blobs.size) >= BATCH_ROWS and not _is_worth_it(blobs):
        db.execute(f'DROP TABLE "{table.name}"')
        db.execute(table.plain_ddl)


def _is_worth_it(blobs: Slices) -> bool:
    """Tried on some runs of rows with a compressor that is about as good."""
    before = after = 0
    for first in np.linspace(0, len(blobs.size) - _TOGETHER, _SAMPLES).astype(np.int64).tolist():
        rows = slice(first, first + _TOGETHER)
        spans = zip(blobs.start[rows].tolist(), blobs.size[rows].tolist(), strict=True)
        sample = b"".join(blobs.buffer[a : a + n].tobytes() for a, n in spans)[:_MOST_SAMPLE_BYTES]
        before += len(sample)
        after += len(zlib.compress(sample, 1))
    return after <= _WORTH_IT * before
