"""The tracer's spool as plain Python records, read while it grows. For `wiretale strace`, which must start quickly:
neither NumPy nor DuckDB is imported here (`live_calls.py` reads the same files for `wiretale run`).

Layouts: `model.spool.EVENT` and `CHUNK`; a test compares them.
"""

import os
import struct
from collections.abc import Callable, Iterable
from functools import partial
from operator import add

from wiretale.light import NamedTuple
from wiretale.model.spool import CHUNK_BYTES, EVENT_BYTES, HEADER_BYTES
from wiretale.store.tracer_files import TracerFiles

EVENT_STRUCT = struct.Struct("<4Q2I2HIIi2q6QQ")
CHUNK_STRUCT = struct.Struct("<4QIiHHIQQ")
_COMMITTED = struct.Struct("<Q")
_COMMITTED_AT = 16  # in FILE_HEADER
ENTRY, EXIT, CALL = 1, 2, 11  # of model.spool.EventKind, whose classes are slow to load; a test compares them
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


# As TracerChunk._make, without a call of a Python function for each.
_MAKE_CHUNK: Callable[[Iterable[object]], TracerChunk] = partial(tuple.__new__, TracerChunk)
_MAKE_EVENT: Callable[[Iterable[object]], TracerEvent] = partial(tuple.__new__, TracerEvent)


def _split(events: list[TracerEvent]) -> list[TracerEvent]:
    """Each CALL as its entry and its exit, which has its chunks: kernel programs tell a call when it returns."""
    found = []
    for event in events:
        if event.kind != CALL:
            found.append(event)
            continue
        times, who = event[:2], event[2:4]
        begun, ended = times
        rest = event[6:8]
        found.append(TracerEvent(begun, begun, *who, ENTRY, 0, *rest, event.extra, event.args, 0, ()))
        found.append(
            TracerEvent(ended, ended, *who, EXIT, event.flags, *rest, event.value, event.args, 0, event.chunks)
        )
    return found


class EventReader:
    """Gives what was appended since the last `read`."""

    def __init__(self, files: TracerFiles) -> None:
        self._events = _GrowingFile(files.events_path)
        self._chunks = _GrowingFile(files.chunks_path)
        self._data = _GrowingFile(files.data_path)
        self._next = 0

    def read(self) -> list[TracerEvent]:
        """New events in the order of the stops, at most a few thousand; often none."""
        count = min(self._events.committed() - self._next, _MOST_EVENTS)
        if count <= 0:
            return []
        raw = self._events.bytes(self._next * EVENT_BYTES, count * EVENT_BYTES)
        # Columns, because records are then made by loops in C.
        columns = list(zip(*EVENT_STRUCT.iter_unpack(raw[: len(raw) // EVENT_BYTES * EVENT_BYTES]), strict=True))
        if not columns:
            return []
        time, resume, _, first, tid, pid, kind, flags, counts, arch, _, number, value = columns[:13]
        self._next += len(time)
        chunks = self._chunks_of(first[0], first[-1] + counts[-1] - first[0])
        base = first[0]
        mine = [tuple(chunks[f - base : f - base + n]) if n else () for f, n in zip(first, counts, strict=True)]
        args = zip(*columns[13:19], strict=True)
        rows = zip(time, resume, tid, pid, kind, flags, arch, number, value, args, columns[19], mine, strict=True)
        found = list(map(_MAKE_EVENT, rows))
        return _split(found) if CALL in kind else found

    @property
    def position(self) -> int:
        """The number of the event that comes next."""
        return self._next

    def skip_to(self, number: int) -> None:
        """Go on with the event of this number."""
        self._next = number

    def event(self, number: int) -> TracerEvent:
        """One event that is there, by its number (of a recording without CALLs)."""
        (row,) = EVENT_STRUCT.iter_unpack(self._events.bytes(number * EVENT_BYTES, EVENT_BYTES))
        time, resume, _, first, tid, pid, kind, flags, count, arch, _, call, value, *args, extra = row
        chunks = tuple(self._chunks_of(first, count))
        return TracerEvent(time, resume, tid, pid, kind, flags, arch, call, value, tuple(args), extra, chunks)

    def _chunks_of(self, first: int, count: int) -> list[TracerChunk]:
        raw = self._chunks.bytes(first * CHUNK_BYTES, count * CHUNK_BYTES)
        columns = list(zip(*CHUNK_STRUCT.iter_unpack(raw[: len(raw) // CHUNK_BYTES * CHUNK_BYTES]), strict=True))
        if not columns:
            return []
        _, address, full, offset, captured, error, role, arg, place, detail, _ = columns
        base = min(offset)
        data = self._data.bytes(base, max(map(add, offset, captured)) - base)
        pieces = [data[o - base : o - base + n] for o, n in zip(offset, captured, strict=True)]
        return list(map(_MAKE_CHUNK, zip(role, arg, place, address, full, error, detail, pieces, strict=True)))

    def committed(self) -> int:
        """How many events there are now, read or not."""
        return self._events.committed()

    def close(self) -> None:
        for file in (self._events, self._chunks, self._data):
            file.close()


class _GrowingFile:
    """One spool file; opened when it is there, empty until then."""

    def __init__(self, path: str) -> None:
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
