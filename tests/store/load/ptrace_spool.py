"""Writing small ptrace spools by hand, for the tests of the loader."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from wiretale.model.enums import Arch
from wiretale.model.raw import RAW_TABLES
from wiretale.model.spool import HEADER_BYTES, MAGIC, SPOOL_VERSION, EventFlag, EventKind, Role
from wiretale.store.load.ptrace_files import CHUNK_TYPE, EVENT_TYPE, HEADER_TYPE, SOCKET_TYPE
from wiretale.store.spool import Spool

WRITE, READ, RESTART, EXECVE, CLONE, EXIT_GROUP = 1, 0, 219, 59, 56, 231


class PtraceSpool:
    """Collects events and chunks; `write` makes the files."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.chunks: list[dict[str, Any]] = []
        self.data = b""

    def event(self, kind: EventKind, tid: int = 10, tgid: int = 10, **values: Any) -> int:
        """Append one event; returns its seq. Times are seq * 10 and seq * 10 + 1 unless given."""
        seq = len(self.events)
        event = {
            "time_ns": seq * 10,
            "resume_ns": seq * 10 + 1,
            "seq": seq,
            "first_chunk": len(self.chunks),
            "tid": tid,
            "tgid": tgid,
            "kind": kind,
            "arch": Arch.X86_64,
            "cpu": -1,
        }
        self.events.append(event | values)
        return seq

    def entry(self, number: int, *args: int, tid: int = 10, **values: Any) -> int:
        padded = (*args, *(0,) * (6 - len(args)))
        return self.event(EventKind.ENTRY, tid, number=number, args=padded, **values)

    def exit(self, number: int, value: int, *, tid: int = 10, **values: Any) -> int:
        flags = EventFlag.ERROR if value < 0 else 0
        return self.event(EventKind.EXIT, tid, number=number, value=value, flags=flags, **values)

    def chunk(self, role: Role, raw: bytes, **values: Any) -> None:
        """Append one chunk to the last event."""
        event = self.events[-1]
        chunk = {
            "event": event["seq"],
            "full_bytes": len(raw),
            "offset": len(self.data),
            "captured_bytes": len(raw),
            "role": role,
        }
        self.chunks.append(chunk | values)
        self.data += raw
        event["chunks"] = int(event.get("chunks", 0)) + 1

    def write(self, folder: Path, lost: int = 0) -> Spool:
        """The three files in `folder`."""
        folder.mkdir(exist_ok=True)
        spool = Spool(folder)
        _write(spool.events_path, "events", _records(self.events, EVENT_TYPE), len(self.events), lost)
        _write(spool.chunks_path, "chunks", _records(self.chunks, CHUNK_TYPE), len(self.chunks))
        _write(spool.data_path, "data", self.data, len(self.data))
        return spool


def socket_bytes(**values: Any) -> bytes:
    """One struct wt_socket."""
    return _records([values], SOCKET_TYPE)


def _records(rows: Iterable[dict[str, Any]], kind: np.dtype[np.void]) -> bytes:
    rows = list(rows)
    array = np.zeros(len(rows), kind)
    for i, row in enumerate(rows):
        for name, value in row.items():
            array[i][name] = np.void(value) if isinstance(value, bytes) else value
    return array.tobytes()


def _write(path: Path, kind: str, body: bytes, committed: int, lost: int = 0) -> None:
    header = np.zeros(1, HEADER_TYPE)
    header["magic"], header["version"], header["committed"], header["lost"] = (
        MAGIC[kind],
        SPOOL_VERSION,
        committed,
        lost,
    )
    header["record_bytes"] = {"events": 128, "chunks": 64, "data": 1}[kind]
    path.write_bytes(header.tobytes().ljust(HEADER_BYTES, b"\0") + body)


def empty_tables() -> duckdb.DuckDBPyConnection:
    """A database with the raw tables."""
    db = duckdb.connect()
    for table in RAW_TABLES:
        db.execute(table.ddl)
    return db
