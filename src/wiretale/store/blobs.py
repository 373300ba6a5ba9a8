"""BLOBs out of DuckDB without a Python object for each: a result as the Arrow C data interface gives it."""

import ctypes
from collections.abc import Mapping
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from wiretale.store.bulk import ArrowArray, ArrowArrayStream, ArrowSchema, Ints, Slices

_BIGINT, _BLOB = b"l", b"z"

_capsule_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_capsule_pointer.restype = ctypes.c_void_p
_capsule_pointer.argtypes = [ctypes.py_object, ctypes.c_char_p]


def fetch_blobs(
    db: duckdb.DuckDBPyConnection, query: str, wanted: Mapping[str, NDArray[Any]]
) -> tuple[dict[str, Ints], Slices]:
    """The result of `query`, whose columns are BIGINTs without NULL and one BLOB; it may select from `wanted`."""
    assert wanted  # DuckDB finds it by its name in this function
    capsule = db.sql(query).__arrow_c_stream__()
    stream = ctypes.cast(_capsule_pointer(capsule, b"arrow_array_stream"), ctypes.POINTER(ArrowArrayStream))
    schema = ArrowSchema()
    _check(stream, stream[0].get_schema(stream, ctypes.pointer(schema)))
    fields = [(f[0].name.decode(), f[0].format) for f in schema.children[: schema.n_children]]
    schema.release(ctypes.pointer(schema))
    numbers: dict[str, list[Ints]] = {name: [] for name, layout in fields if layout == _BIGINT}
    sizes: list[Ints] = []
    data: list[NDArray[np.uint8]] = []
    assert len(numbers) == len(fields) - 1, fields
    while True:
        array = ArrowArray()
        _check(stream, stream[0].get_next(stream, ctypes.pointer(array)))
        if not array.release:
            break
        for (name, layout), child in zip(fields, array.children[: array.n_children], strict=True):
            column = child[0]
            if layout == _BLOB:
                ends = _memory(column.buffers[1], column.offset * 4, column.length + 1, np.dtype(np.int32))
                sizes.append((ends[1:] - ends[:-1]).astype(np.int64))
                data.append(_memory(column.buffers[2], int(ends[0]), int(ends[-1] - ends[0]), np.dtype(np.uint8)))
            else:
                numbers[name].append(_memory(column.buffers[1], column.offset * 8, column.length, np.dtype(np.int64)))
        array.release(ctypes.pointer(array))
    size = _joined(sizes, np.int64)
    return {n: _joined(parts, np.int64) for n, parts in numbers.items()}, Slices(
        _joined(data, np.uint8), np.cumsum(size) - size, size
    )


def _check(stream: Any, code: int) -> None:
    if code:
        message = stream[0].get_last_error(stream)
        raise duckdb.Error(ctypes.string_at(message).decode(errors="replace") if message else f"Arrow error {code}")


def _memory(address: int | None, skip: int, count: int, kind: np.dtype[Any]) -> NDArray[Any]:
    """A copy: the memory is the stream's, and goes with its array."""
    if not count or address is None:
        return np.zeros(count, kind)
    return np.frombuffer(ctypes.string_at(address + skip, count * kind.itemsize), kind)


def _joined(parts: list[NDArray[Any]], kind: type) -> NDArray[Any]:
    return np.concatenate(parts) if parts else np.zeros(0, kind)
