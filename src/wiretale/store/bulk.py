"""NumPy columns into DuckDB without a Python object for each value.

DuckDB reads numbers out of NumPy arrays directly, but text and BLOBs one Python object at a time: ten microseconds a
row. Here they are described in place by the Arrow C data interface (https://arrow.apache.org/docs/format/
CDataInterface.html): text as codes into a short list of values, BLOBs as slices of the mapped file they stand in.
Batches are made when DuckDB asks for them, so that it compresses one while the next is decoded.
"""

import ctypes
import errno
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from wiretale.light import dataclass
from wiretale.native import load_library
from wiretale.store.arrow import (
    ArrowArray,
    ArrowArrayStream,
    ArrowSchema,
    GetLastError,
    GetNext,
    GetSchema,
    ReleaseArray,
    ReleaseSchema,
    ReleaseStream,
)

LIBRARY_PATH = Path(__file__).with_name("_bulk.so")

Ints = NDArray[np.int64]

# DuckDB compresses so many rows at a time (its row group). A batch of exactly as many goes there as it is, while the
# next is made in another thread; smaller ones are first copied together, which takes as long again.
BATCH_ROWS = 122_880

_INLINE = 12  # a view of at most so many bytes holds them itself
_WINDOW = 1 << 30  # views address their buffer with 31 bits: a longer one is described as several that overlap
_REACH = (1 << 31) - 1
_NULLABLE = 2  # ARROW_FLAG_NULLABLE
_FORMATS = {
    "i1": b"c", "u1": b"C", "i2": b"s", "u2": b"S", "i4": b"i", "u4": b"I", "i8": b"l", "u8": b"L", "f8": b"g",
    "b1": b"b",
}  # fmt: skip
# DuckDB's types and NumPy's: a column that comes in its table's type is copied, any other is cast value by value
NUMPY_TYPES = {
    "BOOLEAN": "b1", "UTINYINT": "u1", "USMALLINT": "u2", "INTEGER": "i4", "UINTEGER": "u4", "BIGINT": "i8",
    "UBIGINT": "u8", "DOUBLE": "f8",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Coded:
    """A text column: element i is `values[codes[i]]`; a negative code is NULL."""

    codes: NDArray[Any]
    values: Sequence[str]


@dataclass(frozen=True, slots=True)
class Slices:
    """A BLOB column: element i is `buffer[start[i]:start[i] + size[i]]`, which must lie inside."""

    buffer: NDArray[np.uint8]
    start: Ints
    size: Ints


@dataclass(frozen=True, slots=True)
class Lists:
    """A column of lists of numbers: element i has the next `size[i]` of `values`; a negative size is NULL."""

    values: NDArray[Any]
    size: Ints


@dataclass(frozen=True, slots=True)
class Nullable:
    """A column of numbers: element i is NULL where bit i of `valid` (the least significant first) is not set."""

    values: NDArray[Any]
    valid: NDArray[np.uint8]


Column = NDArray[Any] | Coded | Slices | Lists | Nullable
Batch = Mapping[str, Column]


class _Numbers(dict[str | None, int]):
    """Numbers the texts it is asked for, in order; None is -1."""

    def __missing__(self, text: str | None) -> int:
        self[text] = number = -1 if text is None else len(self) - (None in self)
        return number


def coded(values: Iterable[str | None]) -> Coded:
    """The column of any texts."""
    numbers = _Numbers()
    codes = np.fromiter(map(numbers.__getitem__, values), np.int32)
    return Coded(codes, [v for v in numbers if v is not None])


def nullable(values: Ints, kind: "np.dtype[Any]", absent: int) -> Column:
    """The column of `values`, as numbers of `kind` they fit into, with NULL for each that is `absent`."""
    values = np.ascontiguousarray(values, np.int64)
    narrow = values if kind.itemsize == values.itemsize else np.empty(len(values), kind)
    valid = np.zeros((len(values) + 7) // 8, np.uint8)
    arrays = (narrow.ctypes.data, valid.ctypes.data)
    nulls = _library().wt_narrow(values.ctypes.data, len(values), absent, kind.itemsize, *arrays)
    narrow = narrow.view(kind)
    return Nullable(narrow, valid) if nulls else narrow


def insert(db: duckdb.DuckDBPyConnection, statement: str, batches: Iterable[Batch]) -> None:
    """Run `statement`, which selects from `batch`: the rows of all batches, in order. All must have the same columns.

    What making a batch raises comes out of here.
    """
    remaining = iter(batches)
    first = next(remaining, None)
    if first is None:
        return
    batch = _Stream(first, remaining)  # DuckDB finds it by its name in this function
    try:
        db.execute(statement)
    except duckdb.Error:
        if batch.fault is not None:
            raise batch.fault from None
        raise


_new_capsule = ctypes.pythonapi.PyCapsule_New
_new_capsule.restype = ctypes.py_object
_new_capsule.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]


# Nothing to free: the memory belongs to the stream. A structure without `release` counts as released.
_release_schema = ReleaseSchema(lambda schema: setattr(schema[0], "release", ReleaseSchema()))
_release_child = ReleaseArray(lambda array: setattr(array[0], "release", ReleaseArray()))


class _Stream:
    """Batches as an Arrow stream. DuckDB asks for a stream more than once, but reads only one to its end."""

    def __init__(self, first: Batch, remaining: Iterator[Batch]) -> None:
        self.fault: BaseException | None = None
        self._first, self._remaining = first, remaining
        self._pending: list[Batch] = [first]
        self._alive: dict[int, object] = {}  # what arrays point into, until DuckDB releases them
        self._made = 0
        self._kept: list[object] = []
        self._message = ctypes.create_string_buffer(b"a batch could not be made")
        self._release_array = ReleaseArray(self._released)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        callbacks = (
            GetSchema(self._get_schema),
            GetNext(self._get_next),
            GetLastError(lambda _: ctypes.addressof(self._message)),
            ReleaseStream(_release_stream),
        )
        stream = ArrowArrayStream(*callbacks, None)
        self._kept += [callbacks, stream]
        return _new_capsule(ctypes.addressof(stream), b"arrow_array_stream", None)

    def _guarded(self, make: Callable[[], None]) -> int:
        """An exception must not pass through DuckDB: it is kept, and raised by `insert`."""
        try:
            make()
        except BaseException as fault:  # noqa: BLE001 (raised again by `insert`)
            self.fault = fault
            return errno.EIO
        return 0

    def _get_schema(self, _: Any, out: Any) -> int:
        return self._guarded(lambda: self._put_schema(out))

    def _put_schema(self, out: Any) -> None:
        children = [_schema_of(name, column) for name, column in self._first.items()]
        pointers = _pointers(ArrowSchema, children)
        self._kept += [children, pointers]
        out[0] = ArrowSchema(b"+s", b"", None, 0, len(children), pointers, None, _release_schema, None)

    def _get_next(self, _: Any, out: Any) -> int:
        return self._guarded(lambda: self._put_next(out))

    def _put_next(self, out: Any) -> None:
        batch = self._pending.pop() if self._pending else next(self._remaining, None)
        if batch is None:
            out[0].release = ReleaseArray()
            return
        arrays = [_array_of(column) for column in batch.values()]
        lengths = {array.length for array, _ in arrays}
        assert len(lengths) == 1, "the columns of a batch are of one length"
        pointers = _pointers(ArrowArray, [array for array, _ in arrays])
        buffers = (ctypes.c_void_p * 1)(None)
        self._made += 1
        self._alive[self._made] = (arrays, pointers, buffers)
        out[0] = ArrowArray(
            lengths.pop(), 0, 0, 1, len(arrays), buffers, pointers, None, self._release_array, self._made
        )  # fmt: skip

    def _released(self, array: Any) -> None:
        self._alive.pop(array[0].private_data, None)
        array[0].release = ReleaseArray()


def _release_stream(stream: Any) -> None:
    stream[0].release = ReleaseStream()


def _pointers(kind: Any, structures: Sequence[Any]) -> Any:
    return (ctypes.POINTER(kind) * len(structures))(*(ctypes.pointer(s) for s in structures))


def _schema_of(name: str, column: Column) -> ArrowSchema:
    dictionary, child = None, None
    if isinstance(column, Coded):
        layout = b"i"
        dictionary = ctypes.pointer(ArrowSchema(b"u", b"", None, _NULLABLE, 0, None, None, _release_schema, None))
    elif isinstance(column, Slices):
        layout = b"vz"
    elif isinstance(column, Lists):
        layout, child = b"+l", _pointers(ArrowSchema, [_schema_of("item", column.values)])
    else:
        numbers = column.values if isinstance(column, Nullable) else column
        layout = _FORMATS[numbers.dtype.str[1:]]
    children = int(child is not None)
    return ArrowSchema(layout, name.encode(), None, _NULLABLE, children, child, dictionary, _release_schema, None)


def _array_of(column: Column) -> tuple[ArrowArray, object]:
    """The description of a column, and what has to stay alive with it."""
    dictionary, kept, child = None, None, None
    if isinstance(column, Coded):
        length = len(column.codes)
        valid = column.codes >= 0
        buffers = [None if valid.all() else _bits(valid), np.ascontiguousarray(column.codes, np.int32)]
        dictionary, kept = _texts(column.values)
    elif isinstance(column, Slices):
        length = len(column.start)
        buffers = [None, *_views(column)]
    elif isinstance(column, Lists):
        length = len(column.size)
        ends = np.concatenate([[0], np.cumsum(np.maximum(column.size, 0))]).astype(np.int32)
        buffers = [_bits(column.size >= 0), ends]
        item, kept = _array_of(column.values)
        child = _pointers(ArrowArray, [item])
    elif isinstance(column, Nullable):
        length = len(column.values)
        buffers = [column.valid, _data(column.values)]
    else:
        length = len(column)
        mask = getattr(column, "mask", False)  # of a masked array; asking for its type would load numpy.ma
        valid_bits = _bits(np.broadcast_to(~mask, length)) if np.any(mask) else None
        buffers = [valid_bits, _data(np.asarray(column))]
    array, pointers = _plain(length, buffers, child, dictionary)
    return array, (buffers, pointers, dictionary, child, kept)


def _plain(
    length: int, buffers: Sequence[NDArray[Any] | None], child: Any = None, dictionary: Any = None
) -> tuple[ArrowArray, object]:
    pointers = (ctypes.c_void_p * len(buffers))(*(None if b is None else b.ctypes.data for b in buffers))
    nulls, children = 0 if buffers[0] is None else -1, int(child is not None)
    layout = (length, nulls, 0, len(buffers), children, pointers, child, dictionary, _release_child, None)
    return ArrowArray(*layout), pointers


def _data(numbers: NDArray[Any]) -> NDArray[Any]:
    return _bits(numbers) if numbers.dtype == bool else np.ascontiguousarray(numbers)


def _bits(flags: NDArray[np.bool_]) -> NDArray[np.uint8]:
    return np.packbits(flags, bitorder="little")


def _texts(values: Sequence[str]) -> tuple[Any, object]:
    """The list that codes point into."""
    encoded = [v.encode() for v in values]
    ends = np.zeros(len(encoded) + 1, np.int32)
    np.cumsum([len(e) for e in encoded], out=ends[1:])
    data = np.frombuffer(b"".join(encoded) or b"\0", np.uint8)
    array, pointers = _plain(len(encoded), [None, ends, data])
    return ctypes.pointer(array), (ends, data, pointers)


def _views(column: Slices) -> list[NDArray[Any]]:
    """The views, the buffers they point into, and those buffers' lengths."""
    start, size = (np.ascontiguousarray(values, np.int64) for values in (column.start, column.size))
    buffer = np.ascontiguousarray(column.buffer)
    assert not len(start) or (start.min() >= 0 and size.min() >= 0 and (start + size).max() <= len(buffer))
    views = np.zeros((len(start), 4), np.uint32)
    _library().wt_views(buffer.ctypes.data, start.ctypes.data, size.ctypes.data, len(start), views.ctypes.data)
    far = np.flatnonzero(size > _INLINE)
    base = int(start[far].min()) if len(far) else 0
    # No call moves more than 2 GB; slices that long get a buffer each.
    width = _WINDOW if size.max(initial=0) <= _WINDOW else 1
    window, offset = np.divmod(start[far] - base, width)
    which = np.zeros(min(len(far), 1), np.int64)
    if window.any():
        which, window = np.unique(window, return_inverse=True)
    views[far, 2], views[far, 3] = window, offset
    parts = [buffer[base + int(w) * width :][:_REACH] for w in which]
    return [views, *parts, np.array([len(p) for p in parts], np.int64)]


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL:
    library = load_library(LIBRARY_PATH, "part that fills tables")
    library.wt_views.restype = None
    pointer, number = ctypes.c_void_p, ctypes.c_int64
    library.wt_views.argtypes = [pointer, pointer, pointer, number, pointer]
    library.wt_narrow.restype = number
    library.wt_narrow.argtypes = [pointer, number, number, ctypes.c_int, pointer, pointer]
    return library
