"""The bytes of a stream as far as any source captured them: what positions of doubtful calls are tried against."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence

import duckdb

from wiretale.join.models import model

Stream = tuple[int, str]  # connection and direction

_MOST = 64 << 20  # bytes of one stream held at once; later ones are left out, and what they would decide stays open


class Known:
    """Captured pieces of one stream by position."""

    def __init__(self, pieces: list[tuple[int, bytes]]) -> None:
        self._pieces = sorted(((lo, data) for lo, data in pieces if data), key=lambda p: p[0])
        self._starts = [lo for lo, _ in self._pieces]
        self._longest = max((len(data) for _, data in self._pieces), default=0)

    @property
    def pieces(self) -> list[tuple[int, bytes]]:
        """(position, bytes) in order of position."""
        return self._pieces

    def compare(self, at: int, data: bytes) -> int:
        """How many bytes of `data` at position `at` are known and equal; -1 if one differs."""
        compared = 0
        end = at + len(data)
        first = bisect_right(self._starts, at - self._longest)
        for lo, piece in self._pieces[first:]:
            if lo >= end:
                break
            a, b = max(lo, at), min(lo + len(piece), end)
            if a < b:
                if piece[a - lo : b - lo] != data[a - at : b - at]:
                    return -1
                compared += b - a
        return compared

    def agrees(self, at: int, data: bytes) -> bool:
        return self.compare(at, data) >= 0

    def places(self, data: bytes, first: int, last: int) -> Iterator[int]:
        """Positions from `first` to `last` at which `data` stands within the pieces joined where they touch."""
        for lo, run in self._runs():
            at = run.find(data, max(first - lo, 0))
            while 0 <= at <= last - lo:
                yield lo + at
                at = run.find(data, at + 1)

    def _runs(self) -> list[tuple[int, bytes]]:
        runs: list[tuple[int, bytearray]] = []
        for lo, data in self._pieces:
            if runs and lo <= runs[-1][0] + len(runs[-1][1]):
                new = runs[-1][0] + len(runs[-1][1]) - lo
                runs[-1][1].extend(data[new:])
            else:
                runs.append((lo, bytearray(data)))
        return [(lo, bytes(data)) for lo, data in runs]


def segment_bytes(db: duckdb.DuckDBPyConnection, streams: Sequence[Stream]) -> dict[Stream, Known]:
    """What the packets carried of each stream."""
    return _fetch(db, "j_segment_piece", streams, {})


def call_bytes(db: duckdb.DuckDBPyConnection, streams: Sequence[Stream], side: str) -> dict[Stream, Known]:
    """What the calls of one side ('w' or 'r') carried, at the positions that the order of their returns gives."""
    return _fetch(db, "j_call_piece", streams, {"side": side})


def known_bytes(db: duckdb.DuckDBPyConnection, stream: Stream, side: str) -> Known:
    """What is known of a stream without the calls of `side`: the packets, or else the other end's calls."""
    known = segment_bytes(db, [stream])[stream]
    return known if known.pieces else call_bytes(db, [stream], "r" if side == "w" else "w")[stream]


def _fetch(
    db: duckdb.DuckDBPyConnection, name: str, streams: Sequence[Stream], values: dict[str, object]
) -> dict[Stream, Known]:
    pieces: dict[Stream, list[tuple[int, bytes]]] = {stream: [] for stream in streams}
    total = dict.fromkeys(streams, 0)
    rows = db.execute(model(name), values | of_streams(streams))
    while batch := rows.fetchmany(1000):
        for connection_id, direction, lo, data in batch:
            stream = connection_id, direction
            if total[stream] < _MOST:
                pieces[stream].append((lo, data or b""))
                total[stream] += len(data or b"")
    return {stream: Known(found) for stream, found in pieces.items()}


def of_streams(streams: Sequence[Stream]) -> dict[str, object]:
    """Parameters that name the streams to a query."""
    return {"connections": [c for c, _ in streams], "directions": [d for _, d in streams]}
