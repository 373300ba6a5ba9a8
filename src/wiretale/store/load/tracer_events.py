"""The tracer's spool as plain Python records, read while it grows. For `wiretale strace`, which must start quickly:
neither NumPy nor DuckDB is imported here (`live_calls.py` reads the same files for `wiretale run`).

Layouts: `model.spool.EVENT` and `CHUNK`; a test compares them.
"""

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from wiretale.model.spool import CHUNK_BYTES, EVENT_BYTES, HEADER_BYTES
from wiretale.store.spool import Spool

EVENT_STRUCT = struct.Struct("<4Q2I2HIIi2q6QQ")
CHUNK_STRUCT = struct.Struct("<4QIiHHIQQ")
_COMMITTED = struct.Struct("<Q")
_COMMITTED_AT = 16  # in FILE_HEADER
_MOST_EVENTS = 2048  # of one read: the printer draws between two


class TracerChunk(NamedTuple):
    """One piece of memory of one event. Hashable, so that equal calls can be recognised."""

    role: int
    arg: int
    place: int  # `index` of model.spool.CHUNK
    address: int
    full_bytes: int
    error: int
    detail: int
    data: bytes


class TracerEvent(NamedTuple):
    """One event; fields as in `model.spool.EVENT`."""

    time_ns: int
    resume_ns: int
    tid: int
    pid: int
    kind: int
    flags: int
    arch: int
    number: int
    value: int
    args: tuple[int, ...]
    extra: int
    chunks: tuple[TracerChunk, ...]


class EventReader:
    """Gives what was appended since the last `read`."""

    def __init__(self, spool: Spool) -> None:
        self._events = _GrowingFile(spool.events_path)
        self._chunks = _GrowingFile(spool.chunks_path)
        self._data = _GrowingFile(spool.data_path)
        self._next = 0

    def read(self) -> Iterator[TracerEvent]:
        """New events in the order of the stops, at most a few thousand; often none."""
        count = min(self._events.committed() - self._next, _MOST_EVENTS)
        if count <= 0:
            return
        raw = self._events.bytes(self._next * EVENT_BYTES, count * EVENT_BYTES)
        events = list(EVENT_STRUCT.iter_unpack(raw[: len(raw) // EVENT_BYTES * EVENT_BYTES]))
        if not events:
            return
        self._next += len(events)
        first = events[0][3]
        last = max(e[3] + e[8] for e in events)
        raw = self._chunks.bytes(first * CHUNK_BYTES, (last - first) * CHUNK_BYTES)
        chunks = list(CHUNK_STRUCT.iter_unpack(raw[: len(raw) // CHUNK_BYTES * CHUNK_BYTES]))
        base = min((c[3] for c in chunks), default=0)
        data = self._data.bytes(base, max((c[3] + c[4] for c in chunks), default=base) - base)
        for e in events:
            mine = chunks[e[3] - first : e[3] - first + e[8]] if e[8] else ()
            found = tuple(
                TracerChunk(c[6], c[7], c[8], c[1], c[2], c[5], c[9], data[c[3] - base : c[3] - base + c[4]])
                for c in mine
            )
            yield TracerEvent(e[0], e[1], e[4], e[5], e[6], e[7], e[9], e[11], e[12], e[13:19], e[19], found)

    def pending(self) -> bool:
        """Whether a read would give something."""
        return self._events.committed() > self._next

    def close(self) -> None:
        for file in (self._events, self._chunks, self._data):
            file.close()


class _GrowingFile:
    """One spool file; opened when it is there, empty until then."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = -1

    def _open(self) -> bool:
        if self._fd < 0:
            try:
                self._fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            except OSError:
                return False
        return True

    def committed(self) -> int:
        """How many records (bytes, in the data file) are valid."""
        if not self._open():
            return 0
        raw = os.pread(self._fd, _COMMITTED.size, _COMMITTED_AT)
        return int(_COMMITTED.unpack(raw)[0]) if len(raw) == _COMMITTED.size else 0

    def bytes(self, offset: int, size: int) -> bytes:
        """`size` bytes from `offset` after the header page, or fewer."""
        return os.pread(self._fd, size, HEADER_BYTES + offset) if size > 0 and self._open() else b""

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
