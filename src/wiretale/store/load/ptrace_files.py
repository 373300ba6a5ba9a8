"""The `ptrace.*` files as NumPy arrays: what is whole, and how much is not.

Nothing in the files is believed before it is checked: a recorder may have been killed, a disk may have been full, a
file may have been cut or damaged.
"""

import mmap
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from wiretale.light import dataclass, replace
from wiretale.model.spool import (
    CHUNK,
    CHUNK_BYTES,
    EVENT,
    EVENT_BYTES,
    FILE_HEADER,
    HEADER_BYTES,
    MAGIC,
    SOCKET,
    SPOOL_VERSION,
    EventKind,
    Role,
)
from wiretale.store.bulk import Slices
from wiretale.store.load.packed_calls import unpack
from wiretale.store.spool import Spool

Array = NDArray[np.void]
Numbers = NDArray[np.int64]
_T = TypeVar("_T", bound=np.generic)


def record_type(layout: Sequence[tuple[str, str, str]]) -> np.dtype[np.void]:
    """The NumPy type of one record of `model.spool`; packed, as the C structures have no padding."""
    return np.dtype([(name, kind) for name, kind, _ in layout])


HEADER_TYPE = record_type(FILE_HEADER)
EVENT_TYPE = record_type(EVENT)
CHUNK_TYPE = record_type(CHUNK)
SOCKET_TYPE = record_type(SOCKET)
MOST_PID = 1 << 22  # PID_MAX_LIMIT of linux/threads.h
_INT32_MOST = (1 << 31) - 1  # call numbers, signals and wait statuses are C ints
_BLOCK = 1 << 14
_AT_ONCE = 1 << 20  # records: what is mapped of the files meanwhile is no more than these
_KINDS = (min(EventKind), max(EventKind))
_ROLES = (min(Role), max(Role))


@dataclass(frozen=True, slots=True)
class File:
    """One file: its bytes after the header, cut to what is committed. `fault` says why it is empty or short."""

    body: memoryview
    lost: int = 0
    fault: str = ""
    mapped: mmap.mmap | None = None


_EMPTY = File(memoryview(b""))


def open_file(path: Path, kind: str, record_bytes: int) -> File | None:
    """The file's committed part; None if there is no such file."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size < HEADER_BYTES:
                return File(_EMPTY.body, fault=f"{path.name} has only {size} bytes")
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except FileNotFoundError:
        return None
    except OSError as error:
        return File(_EMPTY.body, fault=f"{path.name} cannot be read: {error.strerror}")
    view = memoryview(mapped)
    header = np.frombuffer(view[:HEADER_BYTES], HEADER_TYPE, 1)[0]
    if bytes(view[:8]) != MAGIC[kind] or int(header["record_bytes"]) != record_bytes:
        return File(_EMPTY.body, fault=f"{path.name} has a damaged header")
    if int(header["version"]) > SPOOL_VERSION:
        return File(_EMPTY.body, fault=f"{path.name} has a newer version")
    have = (len(view) - HEADER_BYTES) // record_bytes
    committed = int(header["committed"])
    fault = f"{path.name} was cut: {have} of {committed} records are left" if committed > have else ""
    end = HEADER_BYTES + min(have, committed) * record_bytes
    return File(view[HEADER_BYTES:end], int(header["lost"]), fault, mapped)


@dataclass(slots=True)
class Records:
    """Events and chunks that are whole. `event_of` gives for each chunk the index of its event in `events`.

    `kind` of events and `role` of chunks stand beside them, too: each walk through a field of a file takes as long as
    reading the file.
    """

    events: Array
    kind: NDArray[np.uint16]
    chunks: Array
    role: NDArray[np.uint16]
    event_of: Numbers
    data: memoryview
    lost: int = 0
    damaged_events: int = 0
    damaged_chunks: int = 0
    faults: tuple[str, ...] = ()
    maps: tuple[mmap.mmap, ...] = ()

    def forget(self) -> None:
        """Give back the memory of what was read of the files; it is read again where it is looked at again."""
        _forget(self.maps)

    def column(self, name: str, kind: type[_T]) -> NDArray[_T]:
        """One field of all events."""
        return _column(self.events, name, kind, self.maps)

    def chunk_column(self, name: str, kind: type[_T]) -> NDArray[_T]:
        """One field of all chunks."""
        return _column(self.chunks, name, kind, self.maps)

    def slices(self, which: Numbers) -> Slices:
        """The captured bytes of the chunks at the indices `which`, in place."""
        chunks = self.chunks[which]
        buffer = np.frombuffer(self.data, np.uint8)
        return Slices(buffer, chunks["offset"].astype(np.int64), chunks["captured_bytes"].astype(np.int64))

    def bytes_of(self, which: Numbers) -> NDArray[np.object_]:
        """The captured bytes of the chunks at the indices `which`."""
        begin = self.chunks["offset"][which].astype(np.int64)
        end = begin + self.chunks["captured_bytes"][which].astype(np.int64)
        found = np.empty(len(which), object)
        data = self.data
        found[:] = [bytes(data[a:b]) for a, b in zip(begin.tolist(), end.tolist(), strict=True)]
        return found


def read_records(spool: Spool) -> Records | None:
    """All records of a spool; None if it has no ptrace files."""
    files = (
        open_file(spool.events_path, "events", EVENT_BYTES),
        open_file(spool.chunks_path, "chunks", CHUNK_BYTES),
        open_file(spool.data_path, "data", 1),
    )
    if files[0] is None:
        return None
    events, chunks, data = (f or File(_EMPTY.body, fault="a file of the ptrace source is missing") for f in files)
    bodies = tuple(f.body for f in (events, chunks, data))
    maps = tuple(f.mapped for f in (events, chunks, data) if f.mapped is not None)
    damaged = 0
    if spool.calls_path.exists():
        maps, damaged = unpack(spool.calls_path, bodies)
        bodies = tuple(map(memoryview, maps))
    sizes = (len(bodies[0]) // EVENT_BYTES, len(bodies[1]) // CHUNK_BYTES)  # no file is empty
    rows = np.frombuffer(bodies[0], EVENT_TYPE, sizes[0]), np.frombuffer(bodies[1], CHUNK_TYPE, sizes[1])
    found = check_records(*rows, bodies[2], first_seq=0, maps=maps)
    found.damaged_events += damaged
    found.lost = events.lost
    found.faults = tuple(f.fault for f in (events, chunks, data) if f.fault)
    return found


def in_order(records: Records) -> Records:
    """The same records by time, renumbered, a CALL as its entry and its exit (which has its chunks).

    Kernel programs tell a call when it returns, and CPUs are not in step.
    """
    whole = records.kind == EventKind.CALL
    which = np.concatenate([np.arange(len(whole)), np.flatnonzero(whole)])
    events = records.events[which]
    exits, entries = np.flatnonzero(whole), slice(len(whole), None)
    for part, kind, time, value in (
        (exits, EventKind.EXIT, "resume_ns", "value"),
        (entries, EventKind.ENTRY, "time_ns", "extra"),
    ):
        events["kind"][part] = kind
        events["time_ns"][part] = events["resume_ns"][part] = events[time][part]
        events["value"][part] = events[value][part].astype(np.int64)
        events["extra"][part] = 0
    events["flags"][entries] = 0
    events["chunks"][entries] = 0
    order = np.lexsort((events["kind"] == EventKind.EXIT, which, events["time_ns"]))
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    events = events[order]
    events["seq"] = np.arange(len(order), dtype=np.uint64)
    event_of = place[records.event_of]
    by_event = np.argsort(event_of, kind="stable")
    return replace(
        records,
        events=events,
        kind=events["kind"].copy(),
        chunks=records.chunks[by_event],
        role=records.role[by_event],
        event_of=event_of[by_event],
    )


def _forget(maps: Sequence[mmap.mmap]) -> None:
    for mapped in maps:
        mapped.madvise(mmap.MADV_DONTNEED)


def _column(records: Array, name: str, kind: type[_T], maps: Sequence[mmap.mmap]) -> NDArray[_T]:
    """A field of all records: no more of the files stays in memory meanwhile than some records."""
    found = np.empty(len(records), kind)
    for at in range(0, len(found), _AT_ONCE):
        found[at : at + _AT_ONCE] = records[name][at : at + _AT_ONCE]
        _forget(maps)
    return found


def _in_blocks(
    records: Array, look: Callable[[slice], NDArray[np.bool_]], maps: Sequence[mmap.mmap]
) -> list[NDArray[np.bool_]]:
    """What `look` says of each block of `records`."""
    found = []
    for at in range(0, len(records), _BLOCK):
        found.append(look(slice(at, at + _BLOCK)))
        if at % _AT_ONCE == 0:
            _forget(maps)
    return found


def check_records(
    events: Array, chunks: Array, data: memoryview, first_seq: int, maps: tuple[mmap.mmap, ...] = ()
) -> Records:
    """Keep the events that are in their place, and of their chunks those whose numbers are possible.

    Where all are, as nearly always, nothing is copied. Records are looked at block by block: each field of a file that
    does not fit into the CPU's cache would otherwise cost a walk through all of it.
    """
    parts = _in_blocks(events, lambda block: _whole_events(events[block], first_seq + block.start), maps)
    whole = np.concatenate(parts) if parts else np.zeros(0, bool)
    kept = events if whole.all() else events[whole]
    count, first = _column(kept, "chunks", np.int64, maps), _column(kept, "first_chunk", np.uint64, maps)
    room = np.uint64(len(chunks))
    inside = (first <= room) & (count <= len(chunks)) & (first + count.astype(np.uint64) <= room)
    counts = np.where(inside, count, 0)
    # A damaged count could claim the same chunk for many events; what was written never does.
    if int(counts.sum()) > len(chunks):
        counts[:] = 0
        inside = np.zeros(len(kept), bool)
    event_of = np.repeat(np.arange(len(kept)), counts)
    starts = first.astype(np.int64, casting="unsafe")
    # Usually the chunks of the events follow each other in the file without a gap.
    if len(event_of) == len(chunks) and bool((starts == np.cumsum(counts) - counts)[counts > 0].all()):
        mine = chunks
    else:
        mine = chunks[np.repeat(starts - (np.cumsum(counts) - counts), counts) + np.arange(len(event_of))]
    parts = _in_blocks(mine, lambda block: _whole_chunks(mine[block], kept["seq"][event_of[block]], len(data)), maps)
    good = np.concatenate(parts) if parts else np.zeros(0, bool)
    all_good = bool(good.all())
    if not all_good:
        mine = mine[good]
    return Records(
        events=kept,
        kind=_column(kept, "kind", np.uint16, maps),
        chunks=mine,
        role=_column(mine, "role", np.uint16, maps),
        event_of=event_of if all_good else event_of[good],
        data=data,
        damaged_events=int(np.count_nonzero(~whole)),
        damaged_chunks=int(np.count_nonzero(~good)) + int(np.count_nonzero(~inside)),
        maps=maps,
    )


def _whole_events(events: Array, first_seq: int) -> NDArray[np.bool_]:
    expected = np.arange(first_seq, first_seq + len(events), dtype=np.uint64)
    whole: NDArray[np.bool_] = events["seq"] == expected
    whole &= (events["kind"] >= _KINDS[0]) & (events["kind"] <= _KINDS[1])
    whole &= (events["time_ns"] < 1 << 62) & (events["resume_ns"] < 1 << 62)
    for name in ("tid", "tgid"):
        whole &= (events[name] > 0) & (events[name] <= MOST_PID)
    whole &= (events["number"] >= -_INT32_MOST) & (events["number"] <= _INT32_MOST)
    return whole


def _whole_chunks(chunks: Array, owner: NDArray[np.uint64], data_bytes: int) -> NDArray[np.bool_]:
    end = np.uint64(data_bytes)
    good: NDArray[np.bool_] = chunks["event"] == owner
    good &= (chunks["role"] >= _ROLES[0]) & (chunks["role"] <= _ROLES[1])
    good &= (chunks["offset"] <= end) & (chunks["offset"] + chunks["captured_bytes"] <= end)
    good &= chunks["captured_bytes"] <= _INT32_MOST
    good &= (chunks["full_bytes"] < 1 << 62) & (chunks["detail"] < 1 << 62)
    return good
