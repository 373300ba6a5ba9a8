"""BLOBs out of DuckDB without a Python object for each: a result as the Arrow C data interface gives it."""

import ctypes
from collections.abc import Iterator, Mapping
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from wiretale.light import dataclass
from wiretale.store.arrow import BLOB, ArrowArray, Stream
from wiretale.store.bulk import Ints, Slices


@dataclass(frozen=True, slots=True)
class Blobs:
    """A BLOB column of one batch: element i is `data[ends[i]:ends[i + 1]]`."""

    data: NDArray[np.uint8]
    ends: NDArray[np.int32]


Column = Ints | Blobs


def fetch_blobs(
    db: duckdb.DuckDBPyConnection, query: str, wanted: Mapping[str, NDArray[Any]]
) -> tuple[dict[str, Ints], Slices]:
    """The result of `query`, whose columns are BIGINTs without NULL and one BLOB; it may select from `wanted`."""
    assert wanted  # DuckDB finds it by its name in this function
    numbers: dict[str, list[Ints]] = {}
    sizes: list[Ints] = []
    data: list[NDArray[np.uint8]] = []
    for batch in batches(db.sql(query)):
        for name, column in batch.items():
            if isinstance(column, Blobs):
                sizes.append(np.diff(column.ends).astype(np.int64))
                data.append(column.data[column.ends[0] : column.ends[-1]].copy())
            else:
                numbers.setdefault(name, []).append(column.copy())
    size = _joined(sizes, np.int64)
    return {n: _joined(parts, np.int64) for n, parts in numbers.items()}, Slices(
        _joined(data, np.uint8), np.cumsum(size) - size, size
    )


def batches(result: duckdb.DuckDBPyRelation) -> Iterator[dict[str, Column]]:
    """The rows of a result whose columns are BIGINTs without NULL and BLOBs. The next batch takes a batch's memory.

    Of no rows there is one batch, too, with the columns.
    """
    stream = Stream(result)
    seen = False
    while True:
        array = ArrowArray()
        stream.check(stream.pointer[0].get_next(stream.pointer, ctypes.pointer(array)))
        if not array.release:
            break
        seen = True
        yield {
            name: _blobs(child[0]) if layout == BLOB else _numbers(child[0])
            for (name, layout), child in zip(stream.layouts.items(), array.children[: array.n_children], strict=True)
        }
        array.release(ctypes.pointer(array))
    if not seen:
        none = Blobs(np.zeros(0, np.uint8), np.zeros(1, np.int32))
        yield {name: none if layout == BLOB else np.zeros(0, np.int64) for name, layout in stream.layouts.items()}


def _blobs(column: ArrowArray) -> Blobs:
    ends = _memory(column.buffers[1], column.offset * 4, column.length + 1, np.dtype(np.int32))
    return Blobs(_memory(column.buffers[2], 0, int(ends[-1]), np.dtype(np.uint8)), ends)


def _numbers(column: ArrowArray) -> Ints:
    return _memory(column.buffers[1], column.offset * 8, column.length, np.dtype(np.int64))


def _memory(address: int | None, skip: int, count: int, kind: np.dtype[Any]) -> NDArray[Any]:
    """What stands there, as it is."""
    if not count or address is None:
        return np.zeros(count, kind)
    return np.frombuffer(memoryview((ctypes.c_char * (count * kind.itemsize)).from_address(address + skip)), kind)


def _joined(parts: list[NDArray[Any]], kind: type) -> NDArray[Any]:
    return np.concatenate(parts) if parts else np.zeros(0, kind)
