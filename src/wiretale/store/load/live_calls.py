"""Following the calls of a recording while it runs."""

import os
from pathlib import Path

import numpy as np

from wiretale.decode.record_types import Datum, RawCall
from wiretale.light import dataclass
from wiretale.model.spool import CHUNK_BYTES, EVENT_BYTES, HEADER_BYTES, EventFlag, EventKind, Role
from wiretale.store.load.calls import call_name
from wiretale.store.load.ptrace_files import CHUNK_TYPE, EVENT_TYPE, HEADER_TYPE, Array, Records, check_records
from wiretale.store.spool import Spool

MOST_CHUNKS = 8192  # of one event: argv and environment are bounded by the tracer
MOST_EVENTS = 4096  # a read returns at most so many, so that a busy program cannot keep the display from drawing

TOLD_LATE_NS = 20_000_000  # shorter than a live list waits for what is to stand before its lines

_NOT_SHOWN = (Role.SOCKET, Role.LINK, Role.NAME, Role.OTHER_END)
_IDENTITY = (Role.COMM, Role.EXE, Role.CMDLINE, Role.CWD)


@dataclass(frozen=True, slots=True)
class LiveEvent:
    """One event. For ENTRY and EXIT `call` holds the call as far as it is known; `entry_ns` is set for EXIT if seen.

    `number` and `value` are as in `model.spool.EVENT`. `comm` is the task's name, `exe` its program
    file, `argv` its command line and `cwd` its folder for ATTACHED and EXEC.
    """

    kind: EventKind
    time_ns: int
    resume_ns: int
    seq: int
    tid: int
    pid: int
    number: int
    value: int
    call: RawCall | None = None
    entry_ns: int | None = None
    comm: str = ""
    exe: str = ""
    argv: tuple[str, ...] = ()
    cwd: str = ""


class CallReader:
    """Reads what was appended to the spool since the last `read`."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._next = 0
        self._begun: dict[int, tuple[int, RawCall]] = {}  # tid -> entry time, call

    def read(self) -> list[LiveEvent]:
        """New events in the order they were seen; often none. Files that cannot be read give none."""
        records = self._new_records()
        if records is None:
            return []
        contents = records.bytes_of(np.arange(len(records.chunks)))
        by_event: dict[int, list[int]] = {}
        for chunk, event in enumerate(records.event_of.tolist()):
            by_event.setdefault(event, []).append(chunk)
        found: list[LiveEvent] = []
        for i, event in enumerate(records.events):
            mine = by_event.get(i, [])
            pieces = [(records.chunks[c], contents[c]) for c in mine]
            found += self._whole(event, pieces) if event["kind"] == EventKind.CALL else [self._live(event, pieces)]
        return found

    def _whole(self, event: Array, pieces: list[tuple[Array, bytes]]) -> list[LiveEvent]:
        """A CALL as its entry and its exit; of one that lasted only the exit: younger lines may be printed already.

        Kernel programs tell most calls when they return, and what such a call carries was read then.
        """
        entry, ended = event.copy(), event.copy()
        entry["kind"], entry["flags"] = EventKind.ENTRY, 0
        entry["resume_ns"], entry["value"] = event["time_ns"], event["extra"].astype(np.int64)
        ended["kind"], ended["time_ns"] = EventKind.EXIT, event["resume_ns"]
        both = [self._live(entry, []), self._live(ended, pieces)]
        return both[1:] if int(event["resume_ns"]) - int(event["time_ns"]) > TOLD_LATE_NS else both

    def _new_records(self) -> Records | None:
        # Events are committed last, so what they refer to is there.
        committed = _committed(self._spool.events_path)
        count = min(committed - self._next, MOST_EVENTS)
        if count <= 0:
            return None
        events = _records(_read(self._spool.events_path, self._next * EVENT_BYTES, count * EVENT_BYTES), EVENT_TYPE)
        if not len(events):
            return None
        first = int(events["first_chunk"].min())
        # An event without chunks names the same first one as the event after it, which may have some.
        reach = events["first_chunk"] + np.minimum(events["chunks"], MOST_CHUNKS).astype(np.uint64)
        last = min(int(reach.max()), _committed(self._spool.chunks_path))
        raw = _read(self._spool.chunks_path, first * CHUNK_BYTES, (last - first) * CHUNK_BYTES)
        chunks = _records(raw, CHUNK_TYPE)
        begin = int(chunks["offset"].min()) if len(chunks) else 0
        end = int(chunks["offset"].max()) + int(chunks["captured_bytes"].max()) if len(chunks) else 0
        end = min(end, _committed(self._spool.data_path))
        data = _read(self._spool.data_path, begin, end - begin)
        events["first_chunk"] -= np.uint64(first)
        chunks["offset"] -= np.uint64(begin)
        found = check_records(events, chunks, memoryview(data), self._next)
        self._next += len(events)
        return found

    def _live(self, event: Array, chunks: list[tuple[Array, bytes]]) -> LiveEvent:
        kind = EventKind(int(event["kind"]))
        tid, time_ns = int(event["tid"]), int(event["time_ns"])
        call: RawCall | None = None
        entry_ns: int | None = None
        facts: dict[int, bytes] = {}
        if kind is EventKind.ENTRY:
            call = _entered(event, _data(chunks, at_exit=False))
            self._begun[tid] = (time_ns, call)
        elif kind is EventKind.EXIT:
            begun = self._begun.pop(tid, None)
            entry_ns = begun[0] if begun else None
            call = _returned(event, begun[1] if begun else None, _data(chunks, at_exit=True))
        elif kind in (EventKind.ATTACHED, EventKind.EXEC):
            facts = {int(c["role"]): raw for c, raw in chunks if int(c["role"]) in _IDENTITY}
            former = int(event["number"])
            if kind is EventKind.EXEC and former != tid and former in self._begun:
                self._begun[tid] = self._begun.pop(former)
        elif kind is EventKind.END:
            self._begun.pop(tid, None)
        return LiveEvent(
            kind=kind,
            time_ns=time_ns,
            resume_ns=int(event["resume_ns"]),
            seq=int(event["seq"]),
            tid=tid,
            pid=int(event["tgid"]),
            number=int(event["number"]),
            value=int(event["value"]),
            call=call,
            entry_ns=entry_ns,
            comm=_text(facts.get(Role.COMM, b"").rstrip(b"\n")),
            exe=_text(facts.get(Role.EXE, b"")),
            cwd=_text(facts.get(Role.CWD, b"")),
            argv=tuple(_text(word) for word in facts.get(Role.CMDLINE, b"").removesuffix(b"\0").split(b"\0")),
        )


def _text(raw: bytes) -> str:
    return raw.decode(errors="backslashreplace")


def _records(raw: bytes, kind: np.dtype[np.void]) -> Array:
    """As many whole records as `raw` holds."""
    return np.frombuffer(raw[: len(raw) // kind.itemsize * kind.itemsize], kind).copy()


def _committed(path: Path) -> int:
    """`committed` of the file's header; 0 while there is none."""
    raw = _read(path, -HEADER_BYTES, HEADER_TYPE.itemsize)
    return int(np.frombuffer(raw, HEADER_TYPE, 1)[0]["committed"]) if len(raw) == HEADER_TYPE.itemsize else 0


def _read(path: Path, offset: int, size: int) -> bytes:
    """`size` bytes from `offset` after the header page, or fewer."""
    if size <= 0:
        return b""
    try:
        with path.open("rb") as file:
            left = os.fstat(file.fileno()).st_size - HEADER_BYTES - offset
            file.seek(HEADER_BYTES + offset if left > 0 else 0)
            return file.read(min(size, left)) if left > 0 else b""
    except OSError:
        return b""


def _data(chunks: list[tuple[Array, bytes]], *, at_exit: bool) -> tuple[Datum, ...]:
    return tuple(
        Datum(
            at_exit=at_exit,
            role=Role(int(c["role"])).name.lower(),
            arg=int(c["arg"]),
            idx=int(c["index"]),
            address=int(c["address"]),
            offset=int(c["detail"]) if int(c["role"]) == Role.PAYLOAD else 0,
            full_bytes=int(c["full_bytes"]),
            error=int(c["error"]),
            bytes=raw,
        )
        for c, raw in chunks
        if int(c["role"]) not in _NOT_SHOWN
    )


def _entered(event: Array, data: tuple[Datum, ...]) -> RawCall:
    arch = int(event["arch"])
    args = tuple(int(a) for a in event["args"])
    return RawCall(call_name(arch, int(event["number"])), arch, args, None, None, data)


def _returned(event: Array, begun: RawCall | None, data: tuple[Datum, ...]) -> RawCall:
    value = int(event["value"])
    errno = -value if int(event["flags"]) & EventFlag.ERROR and value < 0 else None
    base = begun if begun is not None else _entered(event, ())
    return RawCall(base.name, base.arch, base.args, value, errno, (*base.data, *data))
