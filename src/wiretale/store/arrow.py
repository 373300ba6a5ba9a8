"""The Arrow C data interface (https://arrow.apache.org/docs/format/CDataInterface.html), by which columns come out of
DuckDB and go into it as they are in memory. C reads the same layout by arrow.h.
"""

import ctypes
from typing import Any

import duckdb


class ArrowSchema(ctypes.Structure):
    """struct ArrowSchema."""


class ArrowArray(ctypes.Structure):
    """struct ArrowArray."""


class ArrowArrayStream(ctypes.Structure):
    """struct ArrowArrayStream."""


ReleaseSchema = ctypes.CFUNCTYPE(None, ctypes.POINTER(ArrowSchema))
ReleaseArray = ctypes.CFUNCTYPE(None, ctypes.POINTER(ArrowArray))
ReleaseStream = ctypes.CFUNCTYPE(None, ctypes.POINTER(ArrowArrayStream))
GetSchema = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ArrowArrayStream), ctypes.POINTER(ArrowSchema))
GetNext = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ArrowArrayStream), ctypes.POINTER(ArrowArray))
GetLastError = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.POINTER(ArrowArrayStream))
ArrowSchema._fields_ = [
    ("format", ctypes.c_char_p),
    ("name", ctypes.c_char_p),
    ("metadata", ctypes.c_char_p),
    ("flags", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("children", ctypes.POINTER(ctypes.POINTER(ArrowSchema))),
    ("dictionary", ctypes.POINTER(ArrowSchema)),
    ("release", ReleaseSchema),
    ("private_data", ctypes.c_void_p),
]
ArrowArray._fields_ = [
    ("length", ctypes.c_int64),
    ("null_count", ctypes.c_int64),
    ("offset", ctypes.c_int64),
    ("n_buffers", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("buffers", ctypes.POINTER(ctypes.c_void_p)),
    ("children", ctypes.POINTER(ctypes.POINTER(ArrowArray))),
    ("dictionary", ctypes.POINTER(ArrowArray)),
    ("release", ReleaseArray),
    ("private_data", ctypes.c_void_p),
]
ArrowArrayStream._fields_ = [
    ("get_schema", GetSchema),
    ("get_next", GetNext),
    ("get_last_error", GetLastError),
    ("release", ReleaseStream),
    ("private_data", ctypes.c_void_p),
]


BIGINT, BLOB = b"l", b"z"

_capsule_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_capsule_pointer.restype = ctypes.c_void_p
_capsule_pointer.argtypes = [ctypes.py_object, ctypes.c_char_p]


class Stream:
    """The rows of a result, whose columns must be BIGINTs and BLOBs, in batches. `pointer` lives as long as it."""

    def __init__(self, result: duckdb.DuckDBPyRelation) -> None:
        self._capsule = result.__arrow_c_stream__()
        self.pointer: Any = ctypes.cast(
            _capsule_pointer(self._capsule, b"arrow_array_stream"), ctypes.POINTER(ArrowArrayStream)
        )
        schema = ArrowSchema()
        self.check(self.pointer[0].get_schema(self.pointer, ctypes.pointer(schema)))
        fields = [(f[0].name.decode(), f[0].format) for f in schema.children[: schema.n_children]]
        schema.release(ctypes.pointer(schema))
        assert all(layout in (BIGINT, BLOB) for _, layout in fields), fields
        self.layouts: dict[str, bytes] = dict(fields)  # by the name of the column

    def check(self, code: int) -> None:
        """Raises duckdb.Error where `code`, which the stream has returned, says that it failed."""
        if code:
            message = self.pointer[0].get_last_error(self.pointer)
            text = ctypes.string_at(message).decode(errors="replace") if message else f"Arrow error {code}"
            raise duckdb.Error(text)
