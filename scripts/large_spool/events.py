"""Events with their chunks and bytes as whole arrays, and the three files of a tracer."""

from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from wiretale.model.enums import Arch
from wiretale.model.spool import HEADER_BYTES, MAGIC, SPOOL_VERSION, EventKind, Role
from wiretale.store.load.ptrace_files import CHUNK_TYPE, EVENT_TYPE, HEADER_TYPE
from wiretale.store.spool import Spool

from .shape import Ints

BUFFER = 0x7F0000001000


@dataclass
class Events:
    """Events of one generation, in any order; `ordered` gives them by time with their chunks."""

    rows: list[NDArray[Any]] = field(default_factory=list)
    chunks: list[tuple[int, NDArray[Any], NDArray[np.uint8]]] = field(default_factory=list)  # first event, rows, bytes
    count: int = 0

    def add(self, time_ns: Ints, tid: Ints, tgid: int, kind: EventKind, **values: Any) -> int:
        """One event per element of `time_ns`; returns the number of the first."""
        rows = np.zeros(time_ns.size, EVENT_TYPE)
        rows["time_ns"], rows["resume_ns"] = time_ns.ravel(), time_ns.ravel() + 300
        rows["tid"], rows["tgid"], rows["kind"], rows["cpu"] = (
            np.broadcast_to(tid, time_ns.shape).ravel(),
            tgid,
            kind,
            -1,
        )
        rows["arch"] = Arch.X86_64 if kind in (EventKind.ENTRY, EventKind.EXIT) else 0
        for name, value in values.items():
            rows[name] = np.broadcast_to(value, time_ns.shape).ravel() if name != "args" else value
        first = self.count
        self.rows.append(rows)
        self.count += len(rows)
        return first

    def entry(self, time_ns: Ints, tid: Ints, tgid: int, number: int, *args: Any) -> int:
        table = np.zeros((time_ns.size, 6), np.uint64)
        for i, arg in enumerate(args):
            table[:, i] = np.broadcast_to(arg, time_ns.shape).ravel()
        return self.add(time_ns, tid, tgid, EventKind.ENTRY, number=number, args=table)

    def exit(self, time_ns: Ints, tid: Ints, tgid: int, number: int, value: Any) -> int:
        return self.add(time_ns, tid, tgid, EventKind.EXIT, number=number, value=value)

    def attach(
        self, first: int, size: Ints, raw: NDArray[np.uint8], role: Role, full: Ints | None = None, **values: Any
    ) -> None:
        """One chunk to each event from `first` on; `raw` holds their bytes, one after the other."""
        rows = np.zeros(size.size, CHUNK_TYPE)
        rows["captured_bytes"], rows["full_bytes"] = size.ravel(), (size if full is None else full).ravel()
        rows["role"], rows["address"] = role, BUFFER
        for name, value in values.items():
            rows[name] = np.broadcast_to(value, size.shape).ravel()
        self.chunks.append((first, rows, raw))

    def fixed(self, first: int, table: NDArray[np.uint8], role: Role, **values: Any) -> None:
        """The same for chunks of one size: a row of `table` each."""
        self.attach(first, np.full(len(table), table.shape[1], np.int64), table.ravel(), role, **values)

    def ordered(self, seq: int, chunk: int, offset: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.uint8]]:
        """Events, chunks and bytes, numbered from `seq`, `chunk` and `offset` on."""
        events = np.concatenate(self.rows)
        order = np.argsort(events["time_ns"], kind="stable")
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        events = events[order]
        owners = np.concatenate([place[first : first + len(rows)] for first, rows, _ in self.chunks])
        chunks = np.concatenate([rows for _, rows, _ in self.chunks])
        raw = np.concatenate([raw for _, _, raw in self.chunks])
        captured = chunks["captured_bytes"].astype(np.int64)
        chunks["offset"] = offset + np.cumsum(captured) - captured
        by_event = np.argsort(owners, kind="stable")
        chunks, owners = chunks[by_event], owners[by_event]
        chunks["event"] = seq + owners
        events["seq"] = seq + np.arange(len(events))
        events["chunks"] = np.bincount(owners, minlength=len(events))
        counts = events["chunks"].astype(np.int64)
        events["first_chunk"] = chunk + np.cumsum(counts) - counts
        return events, chunks, raw


class PtraceFiles:
    """The three files, written as generations come."""

    def __init__(self, spool: Spool) -> None:
        self._paths = {"events": spool.events_path, "chunks": spool.chunks_path, "data": spool.data_path}
        self._files: dict[str, BinaryIO] = {k: p.open("wb") for k, p in self._paths.items()}
        for file in self._files.values():
            file.write(bytes(HEADER_BYTES))
        self.counts = {"events": 0, "chunks": 0, "data": 0}

    def append(self, events: Events) -> None:
        parts = events.ordered(self.counts["events"], self.counts["chunks"], self.counts["data"])
        for name, part in zip(self._files, parts, strict=True):
            part.tofile(self._files[name])
            self.counts[name] += len(part)

    def close(self) -> None:
        for name, file in self._files.items():
            header = np.zeros(1, HEADER_TYPE)
            header["magic"], header["version"], header["closed"] = MAGIC[name], SPOOL_VERSION, 1
            header["committed"] = self.counts[name]
            header["record_bytes"] = {"events": EVENT_TYPE.itemsize, "chunks": CHUNK_TYPE.itemsize, "data": 1}[name]
            file.seek(0)
            file.write(header.tobytes())
            file.close()
