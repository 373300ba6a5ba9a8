"""How far the positions of one side's calls are from those of its stream's segments, or of the other side's calls.

Both count from a beginning of their own where a connection is older than the recording. Captured bytes tell the shift
between them; where bytes repeat themselves, when they passed does.
"""

from collections.abc import Sequence
from itertools import islice
from typing import Any

import duckdb

from wiretale.join.models import model
from wiretale.join.rows import clock_error_ns
from wiretale.join.stream_bytes import Known, Stream, of_streams

Piece = tuple[int, bytes]  # position and captured bytes
Bounds = tuple[int, int]  # the least and the greatest shift

_FAR = 1 << 62
ANY: Bounds = (-_FAR, _FAR)
_MOST_PIECES = 64
_FEW_PIECES = 16  # fewer of them may be somewhere by chance
_MOST_PLACES = 10_000
# A segment that a tap has seen may be this far from its socket's queue: the tap comes first (__netif_receive_skb_core).
_QUEUED_NS = 5_000
_PAUSE_NS = 1_000_000  # a program that is told of something to read has read it


def shift_of(calls: list[Piece], known: Known, bounds: Bounds) -> int | None:
    """What to add to a position of `calls` to get that of `known`; None if no number is possible, or more than one."""
    calls = [(lo, data) for lo, data in calls if data]
    spread = calls[:: len(calls) // _MOST_PIECES + 1]  # `known` may begin behind all of the first ones
    for pieces in (calls[:_MOST_PIECES], spread):
        for within in (ANY, bounds):
            found = _fitting(pieces, known, within)
            if len(found) == 1:
                return found[0]
    return None


def is_possible(shift: int, calls: list[Piece], known: Known, bounds: Bounds) -> bool:
    """Whether neither bytes nor times contradict `shift`. Of pieces whose order is doubtful some may disagree."""
    least, greatest = bounds
    pieces = [known.agrees(lo + shift, data) for lo, data in calls[:_MOST_PIECES] if data]
    return least <= shift <= greatest and 2 * sum(pieces) >= len(pieces)


def _fitting(calls: list[Piece], known: Known, bounds: Bounds) -> list[int]:
    """The shifts within `bounds` at which all `calls` agree with `known`: two where there are more.

    None at all where there are too many places to try.
    """
    rest = calls if bounds[0] <= bounds[1] else []
    while rest:
        rest = rest[len(rest) // 2 :]  # `known` may begin too late to hold the first ones
        lo, data = max(rest, key=lambda c: len(c[1]))
        places = list(islice(known.places(data, lo + bounds[0], lo + bounds[1]), _MOST_PLACES))
        if len(places) == _MOST_PLACES:
            return []
        if places or len(rest) < _FEW_PIECES:
            shifts = (at - lo for at in places)
            fitting = (s for s in shifts if _agree(calls, known, s) and _agree(rest, known, s, len(rest) // 2))
            return list(islice(fitting, 2))
    return []


def _agree(calls: list[Piece], known: Known, shift: int, least: int = 0) -> bool:
    """Whether `known` contradicts none of `calls`, and holds something of at least so many."""
    compared = [known.compare(at + shift, data) for at, data in calls]
    return min(compared) >= 0 and sum(c > 0 for c in compared) >= least


def segment_bounds(db: duckdb.DuckDBPyConnection, streams: Sequence[Stream]) -> dict[tuple[int, str, str], Bounds]:
    """Of the calls of each side of each stream and its segments."""
    return {(c, d, side): _finite(*found) for c, d, side, *found in _rows(db, "j_segment_bounds", streams)}


def call_bounds(db: duckdb.DuckDBPyConnection, streams: Sequence[Stream]) -> dict[Stream, Bounds]:
    """Of what was read and what was written."""
    return {(c, d): _finite(*found) for c, d, *found in _rows(db, "j_call_bounds", streams)}


def _rows(db: duckdb.DuckDBPyConnection, name: str, streams: Sequence[Stream]) -> list[tuple[Any, ...]]:
    limits = {"error": clock_error_ns(db), "queued": _QUEUED_NS, "pause": _PAUSE_NS}
    return db.execute(model(name), of_streams(streams) | limits).fetchall()


def _finite(least: int | None, greatest: int | None) -> Bounds:
    return (-_FAR if least is None else least, _FAR if greatest is None else greatest)
