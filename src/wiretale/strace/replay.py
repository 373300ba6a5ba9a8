"""A capture as the tracer's events: `wiretale show --format strace` prints them as `wiretale strace` does."""

import heapq
from collections.abc import Iterator
from typing import Any, TextIO

import duckdb

from wiretale.decode.constants.tables import TABLES
from wiretale.model.spool import EventFlag, EventKind, Role
from wiretale.store.load.tracer_events import TracerChunk, TracerEvent
from wiretale.strace.options import StraceOptions
from wiretale.strace.output import Outputs
from wiretale.strace.printer import StracePrinter

_ROLES = {role.name.lower(): int(role) for role in Role}
_SIGNALS = {name: number for number, name in TABLES["signal"].items()}
_CALLS = """
    SELECT call_id, tid, pid, arch, number, a0, a1, a2, a3, a4, a5, retval, errno, entry_ns, start_ns, exit_ns
    FROM call ORDER BY call_id"""
_DATA = """
    SELECT call_id, at_exit, role, arg, idx, address, full_bytes, error, "offset", bytes
    FROM call_data ORDER BY call_id"""
_SIGNALLED = "SELECT time_ns, tid, number, stopped FROM signal ORDER BY time_ns"
_ENDED = """
    SELECT end_ns, tid, pid, end_how, exit_status, signal FROM task
    WHERE traced AND end_how IN ('exited', 'killed') ORDER BY end_ns"""
_BEGUN = "SELECT start_ns, tid, pid FROM task WHERE traced AND how <> 'execve' ORDER BY start_ns"
_SOME = 4096  # rows taken at once


def print_capture(db: duckdb.DuckDBPyConnection, out: TextIO, *, strings: int) -> None:
    """Print every call, signal and end of a capture in strace's layout, each line with its thread."""
    options = StraceOptions(follow=True, strings=strings, quiet=frozenset({"attach"}))
    outputs = Outputs(options, out)
    printer = StracePrinter(options, outputs, 0)
    for number, event in enumerate(events(db)):
        printer.take(event)
        if number % _SOME == 0:
            outputs.flush()
    outputs.close()


def events(db: duckdb.DuckDBPyConnection) -> Iterator[TracerEvent]:
    """All events in the order of their times."""
    lists = (_begun(db), _of_calls(db), _signalled(db), _ended(db))
    yield from heapq.merge(*lists, key=lambda e: e.time_ns)


def _rows(db: duckdb.DuckDBPyConnection, query: str) -> Iterator[tuple[Any, ...]]:
    found = db.cursor().execute(query)
    while rows := found.fetchmany(_SOME):
        yield from rows


def _of_calls(db: duckdb.DuckDBPyConnection) -> Iterator[TracerEvent]:
    """Entries and exits in the order of time: an exit waits until no earlier entry can come."""
    pending: list[tuple[int, int, TracerEvent]] = []
    data = _rows(db, _DATA)
    ahead = next(data, None)
    for row in _rows(db, _CALLS):
        call_id, tid, pid, arch, number, *registers = row[:11]
        retval, errno, entry_ns, start_ns, exit_ns = row[11:]
        chunks: tuple[list[TracerChunk], list[TracerChunk]] = ([], [])
        while ahead is not None and ahead[0] == call_id:
            chunks[bool(ahead[1])].append(_chunk(ahead))
            ahead = next(data, None)
        while pending and pending[0][0] <= int(entry_ns):
            yield heapq.heappop(pending)[2]
        head = (tid, pid)
        args = tuple(registers)
        yield TracerEvent(entry_ns, start_ns, *head, EventKind.ENTRY, 0, arch, number, 0, args, 0, tuple(chunks[0]))
        if exit_ns is not None:
            flags = EventFlag.ERROR if errno is not None else 0
            value = -errno if errno is not None else retval
            leave = TracerEvent(
                exit_ns, exit_ns, *head, EventKind.EXIT, flags, arch, number, value, args, 0, tuple(chunks[1])
            )
            heapq.heappush(pending, (int(exit_ns), int(call_id), leave))
    while pending:
        yield heapq.heappop(pending)[2]


def _chunk(row: tuple[Any, ...]) -> TracerChunk:
    _, _, role, arg, place, address, full, error, offset, data = row
    return TracerChunk(_ROLES[str(role)], arg, place, address, full, error, offset, bytes(data or b""))


def _other(time_ns: int, whose: tuple[int, int], kind: EventKind, number: int = 0, flags: int = 0) -> TracerEvent:
    return TracerEvent(time_ns, time_ns, *whose, kind, flags, 0, number, 0, (), 0, ())


def _begun(db: duckdb.DuckDBPyConnection) -> Iterator[TracerEvent]:
    for time_ns, tid, pid in _rows(db, _BEGUN):
        yield _other(time_ns, (tid, pid), EventKind.ATTACHED, flags=EventFlag.FOLLOWED)


def _signalled(db: duckdb.DuckDBPyConnection) -> Iterator[TracerEvent]:
    for time_ns, tid, number, stopped in _rows(db, _SIGNALLED):
        kind = EventKind.GROUP_STOP if stopped else EventKind.SIGNAL
        yield _other(time_ns, (tid, tid), kind, int(number))


def _ended(db: duckdb.DuckDBPyConnection) -> Iterator[TracerEvent]:
    for time_ns, tid, pid, how, status, signal in _rows(db, _ENDED):
        code = int(status or 0) << 8 if how == "exited" else _SIGNALS.get(str(signal), 0)
        yield _other(time_ns, (tid, pid), EventKind.END, code)
