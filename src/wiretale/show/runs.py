"""Which calls stand in runs that are long enough to fold, told from their names alone: of the others nothing need be
known. In C, for a window over all calls takes SQL a second for a million.
"""

import ctypes
from collections.abc import Collection
from functools import lru_cache
from pathlib import Path

import duckdb

from wiretale.native import load_library
from wiretale.store.arrow import Stream

LIBRARY_PATH = Path(__file__).with_name("_runs.so")


class _Found(ctypes.Structure):
    """struct found."""

    _fields_ = [
        ("ids", ctypes.POINTER(ctypes.c_int64)),
        ("at_begin", ctypes.POINTER(ctypes.c_bool)),
        ("count", ctypes.c_int64),
    ]


def keep_candidates(db: duckdb.DuckDBPyConnection, names: Collection[str], at_least: int) -> int:
    """Make the temporary table `candidate` (call_id, at_begin) of the calls in runs of `at_least` or more of these
    names, each run with the call before it, which ends the one before; `at_begin`: it is its task's first. Returns
    how many calls there are.
    """
    # By a cursor of its own, for `db` may have rows that nobody has fetched yet.
    # So asked they come in the order in which they are stored, which is that of their ids: not with a WHERE clause, nor
    # with list_contains, which DuckDB makes a join of.
    calls = db.cursor().sql(
        "SELECT call_id::BIGINT, CASE WHEN name IS NULL THEN -1 ELSE coalesce(task_id, -1) END::BIGINT,"
        " coalesce(list_position(?, name), 0)::BIGINT FROM call",
        params=[list(names)],
    )
    ids, at_begin = _in_runs(calls, at_least)
    db.execute(
        "CREATE OR REPLACE TEMP TABLE candidate AS"
        " SELECT unnest(?::BIGINT[]) AS call_id, unnest(?::BOOLEAN[]) AS at_begin",
        [ids, at_begin],
    )
    return len(ids)


def _in_runs(calls: duckdb.DuckDBPyRelation, at_least: int) -> tuple[list[int], list[bool]]:
    stream, found = Stream(calls), _Found()
    try:
        stream.check(_library().wt_runs(stream.pointer, at_least, found))
        return found.ids[: found.count], found.at_begin[: found.count]
    finally:
        _library().wt_forget(found)


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL:
    library = load_library(LIBRARY_PATH, "part that finds runs of calls")
    found = ctypes.POINTER(_Found)
    library.wt_runs.argtypes = [ctypes.c_void_p, ctypes.c_int64, found]
    library.wt_forget.restype = None
    library.wt_forget.argtypes = [found]
    return library
