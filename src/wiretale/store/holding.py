"""Rows whose bytes hold one of a few byte strings, looked for in the bytes themselves: SQL cannot search a BLOB."""

import ctypes
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import duckdb

from wiretale.native import load_library
from wiretale.store.arrow import Stream

LIBRARY_PATH = Path(__file__).with_name("_holding.so")


_CASE = 0x20  # in which the small letters of ASCII differ from the capital ones


class _Needle(ctypes.Structure):
    """struct needle."""

    _fields_ = [("bytes", ctypes.c_char_p), ("either", ctypes.c_char_p), ("size", ctypes.c_int64)]


class _Found(ctypes.Structure):
    """struct found."""

    _fields_ = [("ids", ctypes.POINTER(ctypes.c_int64)), ("count", ctypes.c_int64), ("room", ctypes.c_int64)]


def rows_holding(result: duckdb.DuckDBPyRelation, exact: Iterable[bytes], small: Iterable[bytes]) -> list[int]:
    """The first column (a number) of the rows whose second one (a BLOB) holds one of `exact`, or, with the capital
    letters of ASCII made small, one of `small`. The interpreter is free meanwhile."""
    needles = [_Needle(n, bytes(len(n)), len(n)) for n in exact]
    needles += [_Needle(n, bytes(_CASE * bytes((b,)).isalpha() for b in n), len(n)) for n in small]
    stream, found = Stream(result), _Found()
    assert list(stream.layouts.values()) == [b"l", b"z"]
    try:
        stream.check(_library().wt_holding(stream.pointer, (_Needle * len(needles))(*needles), len(needles), found))
        ids: list[int] = found.ids[: found.count]
        return ids
    finally:
        _library().wt_forget(found)


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL:
    library = load_library(LIBRARY_PATH, "part that searches bytes")
    found = ctypes.POINTER(_Found)
    library.wt_holding.argtypes = [ctypes.c_void_p, ctypes.POINTER(_Needle), ctypes.c_int64, found]
    library.wt_forget.restype = None
    library.wt_forget.argtypes = [found]
    return library
