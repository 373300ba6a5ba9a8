"""Candidates compared byte by byte wherever both sides were captured.

They are taken in order of time, some at a time, so that a write, the segment that carried it and the read that took it
are fetched once, together, and memory does not grow with the capture.
"""

import ctypes
from functools import lru_cache
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from wiretale.join.candidates import NULL, SEGMENT_READ, WRITE_READ, WRITE_SEGMENT, Flags, Ints
from wiretale.light import dataclass
from wiretale.native import load_library
from wiretale.store.blobs import fetch_blobs
from wiretale.store.bulk import Slices

LIBRARY_PATH = Path(__file__).with_name("_compare.so")

_AT_ONCE = 1 << 16
_CALL = """
SELECT t.{row}_id AS id, t.lo + d."offset" AS lo, least(t.lo + d."offset" + octet_length(d.bytes), t.hi) AS hi, d.bytes
FROM wanted w JOIN stream_{row} t ON t.{row}_id = w.id JOIN call_data d USING (call_id)
WHERE d.role = 'payload' AND d.at_exit = {at_exit} AND d.idx // 65536 = t.message AND octet_length(d.bytes) > 0
  AND d."offset" < t.hi - t.lo
"""
_PIECES = {
    "write_id": _CALL.format(row="write", at_exit=False),
    "read_id": _CALL.format(row="read", at_exit=True) + "AND d.call_id NOT IN (FROM j_discarded)",
    "packet_id": "SELECT p.packet_id AS id, p.frame FROM wanted w JOIN packet p ON p.packet_id = w.id",
}


@dataclass(frozen=True, slots=True)
class _Pieces:
    """Captured bytes of rows, in order of their ids. `lo`, `hi`: where in the stream they stand."""

    columns: dict[str, Ints]
    data: Slices

    @classmethod
    def of(cls, db: duckdb.DuckDBPyConnection, column: str, ids: Ints) -> "_Pieces":
        """All pieces of the rows whose id of this kind is among `ids`."""
        wanted = np.sort(ids[ids != NULL])
        if not len(wanted):
            none = np.zeros(0, np.int64)
            return cls({"id": none, "lo": none, "hi": none}, Slices(none.astype(np.uint8), none, none))
        columns, data = fetch_blobs(db, _PIECES[column], {"id": wanted[np.diff(wanted, prepend=-1) != 0]})
        order = np.argsort(columns["id"], kind="stable")
        return cls(
            {name: values[order] for name, values in columns.items()},
            Slices(data.buffer, data.start[order], data.size[order]),
        )

    def __getitem__(self, name: str) -> Ints:
        return self.columns[name]

    def held_by(self, ids: Ints) -> tuple[Ints, Ints]:
        """Each of `ids`, by its index, with each piece of that row."""
        first = np.searchsorted(self["id"], ids, side="left")
        count = np.searchsorted(self["id"], ids, side="right") - first
        of = np.repeat(np.arange(len(ids)), count)
        return of, np.repeat(first - (np.cumsum(count) - count), count) + np.arange(len(of))


def compare(db: duckdb.DuckDBPyConnection, pairs: dict[str, Any]) -> tuple[Ints, Flags]:
    """How many bytes of each candidate were captured on both sides, and whether all of these are equal."""
    count = len(pairs["lo"])
    compared, equal = np.zeros(count, np.int64), np.ones(count, bool)
    order = np.argsort(pairs["time_ns"], kind="stable")
    for begin in range(0, count, _AT_ONCE):
        rows = order[begin : begin + _AT_ONCE]
        part = {name: values[rows] for name, values in pairs.items()}
        compared[rows], equal[rows] = _compare_part(db, part)
    return compared, equal


def _compare_part(db: duckdb.DuckDBPyConnection, pairs: dict[str, Any]) -> tuple[Ints, Flags]:
    pieces = {column: _Pieces.of(db, column, pairs[column]) for column in _PIECES}
    compared, equal = np.zeros(len(pairs["lo"]), np.int64), np.ones(len(pairs["lo"]), bool)
    for kind, column in ((WRITE_SEGMENT, "write_id"), (SEGMENT_READ, "read_id")):
        # A frame that has not the bytes in one piece has no place for them.
        rows = np.flatnonzero((pairs["kind"] == kind) & (pairs["frame_lo"] != NULL))
        _add(compared, equal, *_with_packet(pairs, rows, pieces[column], column, pieces["packet_id"]))
    rows = np.flatnonzero(pairs["kind"] == WRITE_READ)
    _add(compared, equal, *_with_call(pairs, rows, pieces["write_id"], pieces["read_id"]))
    return compared, equal


def _add(compared: Ints, equal: Flags, rows: Ints, size: Ints, same: Flags) -> None:
    np.add.at(compared, rows, size)
    equal[rows[~same]] = False


def _with_packet(
    pairs: dict[str, Any], rows: Ints, calls: _Pieces, column: str, frames: _Pieces
) -> tuple[Ints, Ints, Flags]:
    of, piece = calls.held_by(pairs[column][rows])
    rows = rows[of]
    frame = np.searchsorted(frames["id"], pairs["packet_id"][rows])
    frame_lo = pairs["frame_lo"][rows]
    lo = np.maximum(pairs["lo"][rows], calls["lo"][piece])
    hi = np.minimum(np.minimum(pairs["hi"][rows], calls["hi"][piece]), frame_lo + frames.data.size[frame])
    left_at = calls.data.start[piece] + lo - calls["lo"][piece]
    right_at = frames.data.start[frame] + lo - frame_lo
    return _judged(rows, hi - lo, (calls.data, left_at), (frames.data, right_at))


def _with_call(pairs: dict[str, Any], rows: Ints, writes: _Pieces, reads: _Pieces) -> tuple[Ints, Ints, Flags]:
    of, write = writes.held_by(pairs["write_id"][rows])
    rows = rows[of]
    of, read = reads.held_by(pairs["read_id"][rows])
    rows, write = rows[of], write[of]
    lo = np.maximum(np.maximum(pairs["lo"][rows], writes["lo"][write]), reads["lo"][read])
    hi = np.minimum(np.minimum(pairs["hi"][rows], writes["hi"][write]), reads["hi"][read])
    left_at = writes.data.start[write] + lo - writes["lo"][write]
    right_at = reads.data.start[read] + lo - reads["lo"][read]
    return _judged(rows, hi - lo, (writes.data, left_at), (reads.data, right_at))


def _judged(rows: Ints, size: Ints, left: tuple[Slices, Ints], right: tuple[Slices, Ints]) -> tuple[Ints, Ints, Flags]:
    """Rows whose two sides overlap, by how many bytes, and whether they are the same ones."""
    some = np.flatnonzero(size > 0)
    rows, size = rows[some], size[some]
    places = [np.ascontiguousarray(at[some]) for _, at in (left, right)]
    buffers = [np.ascontiguousarray(data.buffer) for data, _ in (left, right)]
    for buffer, place in zip(buffers, places, strict=True):
        assert not len(place) or (place.min() >= 0 and (place + size).max() <= len(buffer))
    same = np.zeros(len(rows), np.uint8)
    arrays: list[NDArray[Any]] = [*buffers, *places, size]
    _library().wt_compare(*(a.ctypes.data for a in arrays), len(rows), same.ctypes.data)
    return rows, size, same != 0


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL:
    library = load_library(LIBRARY_PATH, "comparison")
    library.wt_compare.restype = None
    library.wt_compare.argtypes = [ctypes.c_void_p] * 5 + [ctypes.c_int64, ctypes.c_void_p]
    return library
