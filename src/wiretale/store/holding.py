"""Rows whose bytes hold one of a few byte strings, looked for in the bytes themselves: SQL cannot search a BLOB."""

import ctypes
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import duckdb
import numpy as np

from wiretale.native import load_library
from wiretale.store.blobs import Blobs, batches
from wiretale.store.bulk import Ints

LIBRARY_PATH = Path(__file__).with_name("_holding.so")


_CASE = 0x20  # in which the small letters of ASCII differ from the capital ones


def rows_holding(result: duckdb.DuckDBPyRelation, exact: Iterable[bytes], small: Iterable[bytes]) -> Ints:
    """The first column (a number) of the rows whose second one (a BLOB) holds one of `exact`, or, with the capital
    letters of ASCII made small, one of `small`."""
    needles = [(n, bytes(len(n))) for n in exact] + [
        (n, bytes(_CASE * bytes((b,)).isalpha() for b in n)) for n in small
    ]
    found = []
    for numbers, blobs in (batch.values() for batch in batches(result)):
        assert isinstance(blobs, Blobs)
        assert not isinstance(numbers, Blobs)
        holds = np.zeros(len(numbers), np.uint8)
        for needle, either in needles:
            given = (blobs.data.ctypes.data, blobs.ends.ctypes.data, len(holds), needle, either, len(needle))
            _library().wt_holding(*given, holds.ctypes.data)
        found.append(numbers[holds != 0])
    return np.concatenate(found) if found else np.zeros(0, np.int64)


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL:
    library = load_library(LIBRARY_PATH, "part that searches bytes")
    pointer, number = ctypes.c_void_p, ctypes.c_int64
    library.wt_holding.restype = None
    library.wt_holding.argtypes = [pointer, pointer, number, ctypes.c_char_p, ctypes.c_char_p, number, pointer]
    return library
