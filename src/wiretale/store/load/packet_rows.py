"""Decoded packets into the table `packet`, whole batches at once."""

from collections.abc import Callable, Iterable
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from wiretale.decode.packets import ABSENT, NUMBERS, SACK_EDGES
from wiretale.decode.texts import Texts
from wiretale.model.enums import Tap
from wiretale.model.raw import PACKET
from wiretale.store.bulk import BATCH_ROWS, NUMPY_TYPES, Coded, Lists, Slices, insert, nullable
from wiretale.store.compression import prepare
from wiretale.store.progress import Progress, tracked

BATCH_BYTES = 1 << 26  # of frames in a batch
Batch = dict[str, Any]

BOOLEANS = ("fragment", "sack_permitted")
TAPS = (str(Tap.IN), str(Tap.OUT))
_NULLABLE = ("number", "twin_id", "netns", "linktype", *NUMBERS)
_TYPES = {c.name: np.dtype(NUMPY_TYPES[c.type]) for c in PACKET.columns if c.type in NUMPY_TYPES}


def fill_packets(db: duckdb.DuckDBPyConnection, batches: Iterable[Batch], progress: Progress, packets: int) -> None:
    """Insert batches of BATCH_ROWS: one array per column, `sack` as SACK_EDGES, ABSENT for NULL, Texts,
    `frame` as Slices.

    All batches have the same columns; one that they leave out is NULL, and what is no column of the table is left out.
    """
    typed = tracked(progress, "reading packets", (_as_columns(b) for b in batches), packets / BATCH_ROWS)
    remaining = iter(typed)
    first = next(remaining, None)
    if first is None:
        return

    prepare(db, PACKET, first["frame"])

    def every() -> Iterable[Batch]:
        yield first
        yield from remaining

    insert(db, PACKET.insertion(tuple(n for n in PACKET.column_names if n in first)), every())


def batch_ends(captured: NDArray[Any]) -> list[int]:
    """Where each batch of frames of these sizes ends: after BATCH_ROWS rows, or when its frames fill BATCH_BYTES."""
    total = np.cumsum(captured, dtype=np.int64)
    ends: list[int] = []
    begin, before = 0, 0
    while begin < len(total):
        full = int(np.searchsorted(total, before + BATCH_BYTES, "right"))
        begin = min(begin + BATCH_ROWS, max(full, begin + 1), len(total))
        before = int(total[begin - 1])
        ends.append(begin)
    return ends


def frames_of(frames: Slices) -> Callable[[int], bytes]:
    """The bytes of one row."""

    def frame(row: int) -> bytes:
        begin = int(frames.start[row])
        return frames.buffer[begin : begin + int(frames.size[row])].tobytes()

    return frame


def _as_columns(columns: Batch) -> Batch:
    """The same as DuckDB takes it: of the table's types, NULL where a number is absent, text as codes."""
    found: Batch = {}
    for name, values in columns.items():
        if name not in PACKET.column_names:
            continue
        if name in _NULLABLE:
            found[name] = nullable(values, _TYPES[name], ABSENT)
        elif isinstance(values, Texts):
            found[name] = Coded(values.codes, values.values)
        else:
            found[name] = values.astype(_TYPES[name], copy=False) if name in _TYPES else values
    found["sack"] = _sack(columns)
    return found


def _sack(columns: Batch) -> Lists:
    count = np.full(len(columns[SACK_EDGES[0]]), -1, np.int64)
    rows = np.flatnonzero(columns[SACK_EDGES[0]] != ABSENT)
    edges = np.stack([columns[name][rows] for name in SACK_EDGES], axis=1)
    count[rows] = (edges != ABSENT).sum(axis=1)
    return Lists(edges[edges != ABSENT].astype(np.uint32), count)
