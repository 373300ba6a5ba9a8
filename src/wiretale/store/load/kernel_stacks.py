"""`kernel.stacks` and `kernel.symbols` to the tables `kernel_stack` and `kernel_frame`; which event has which stack.

Stacks that are equal become one. Files may be cut anywhere or damaged: what cannot be read is counted.
"""

from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from wiretale.decode.kernel_stack import divide
from wiretale.decode.kernel_symbols import Function, Symbols
from wiretale.model.kernel_ring import KINDS, RING_HEADER_BYTES, STACK, STACK_BYTES, STACK_FRAMES
from wiretale.model.raw import KERNEL_FRAME, KERNEL_STACK
from wiretale.model.table import Table
from wiretale.store.report import SourceReport
from wiretale.store.spool import Spool

_RECORD = np.dtype([("length", "<u4"), ("page", "<u4"), *((name, kind) for name, kind, _ in STACK)])
_BATCH = 1 << 14
_ADDRESS_BYTES = 8
_LEVEL, _SUBJECT = "kernel", "kernel stacks"
_HIDDEN = "the kernel gave no addresses of its functions ({}): stacks have addresses and no names"
_SHOW = "sudo sysctl kernel.kptr_restrict=0, or record as root"

Records = NDArray[np.void]
Stack = tuple[int, ...]


def load_kernel_stacks(
    spool: Spool, report: SourceReport, db: duckdb.DuckDBPyConnection, events: Records
) -> NDArray[np.int32]:
    """Fill both tables; the stack's number of each of `events`, which are in order of time, 0 for none."""
    stack_of = np.zeros(len(events), np.int32)
    if not spool.stacks_path.exists():
        return stack_of
    records, unread = read_stacks(spool.stacks_path)
    known: dict[Stack, int] = {}
    alone = unwalked = 0
    for begin in range(0, len(records), _BATCH):
        batch = records[begin : begin + _BATCH]
        walked = (batch["bytes"] > 0) & (batch["bytes"] <= _ADDRESS_BYTES * STACK_FRAMES)
        unwalked += int(len(batch) - walked.sum())
        batch = batch[walked]
        at = _events_of(batch, events)
        alone += int((at < 0).sum())
        batch, at = batch[at >= 0], at[at >= 0]
        stack_of[at] = _numbers(batch, known)
    symbols = Symbols(spool.symbols_path.read_bytes() if spool.symbols_path.exists() else b"")
    _insert(db, list(known), symbols)
    hidden = report.detail.get("symbols", {}).get("hidden", "the spool has no names")
    lost = int(report.detail.get("stacks_lost", 0))
    statements: list[tuple[int, str, str | None, str | None]] = [
        (len(records) - unwalked - alone, "recorded", None, None),
        (lost, "lost", "the ring of stacks was full", "stacks of fewer events: --stacks 100"),
        (unread, "lost", "records of kernel.stacks that are cut or damaged", None),
        (unwalked, "lost", "the kernel could not walk the stack", None),
        (alone, "lost", "stacks whose event was lost", None),
        (0 if len(symbols) else len(known), "undecoded", _HIDDEN.format(hidden), _SHOW),
    ]
    rows = [(_LEVEL, _SUBJECT, *s) for s in statements if s[0] or s[1] == "recorded"]
    db.executemany("INSERT INTO coverage VALUES (?, ?, ?, ?, ?, ?)", rows)
    return stack_of


def read_stacks(path: Path) -> tuple[Records, int]:
    """The whole records of a file, and how many are cut, damaged or of an unknown kind."""
    assert _RECORD.itemsize == RING_HEADER_BYTES + STACK_BYTES
    size = path.stat().st_size
    if size < _RECORD.itemsize:
        return np.empty(0, _RECORD), int(size > 0)
    records: Records = np.memmap(path, _RECORD, mode="r", shape=(size // _RECORD.itemsize,))
    good = (records["length"] == STACK_BYTES) & (records["kind"] >= 1) & (records["kind"] <= len(KINDS))
    whole: Records = records if good.all() else records[good]
    return whole, len(records) - len(whole) + int(size % _RECORD.itemsize > 0)


def _events_of(stacks: Records, events: Records) -> NDArray[np.int64]:
    """Of each stack the index of the event with its time, CPU and kind; -1 where there is none."""
    times = events["time_ns"]
    first = np.searchsorted(times, stacks["time_ns"], side="left")
    behind = np.searchsorted(times, stacks["time_ns"], side="right")
    found = np.full(len(stacks), -1, np.int64)
    for step in range(int((behind - first).max(initial=0))):  # two CPUs may pass events in the same nanosecond
        row = np.flatnonzero(first + step < behind)
        event = events[first[row] + step]
        same = (event["cpu"] == stacks["cpu"][row]) & (event["kind"] == stacks["kind"][row])
        found[row[same]] = first[row[same]] + step
    return found


def _numbers(stacks: Records, known: dict[Stack, int]) -> NDArray[np.int32]:
    """The number of each stack, from 1; new ones are added to `known`."""
    filled = stacks["bytes"] // _ADDRESS_BYTES
    frames = np.where(np.arange(STACK_FRAMES) < filled[:, None], stacks["frames"], np.uint64(0))
    as_bytes = np.ascontiguousarray(frames).view(np.dtype((np.void, _ADDRESS_BYTES * STACK_FRAMES))).reshape(-1)
    _, first, which = np.unique(as_bytes, return_index=True, return_inverse=True)
    numbers = np.empty(len(first), np.int32)
    for place, (row, size) in enumerate(zip(frames[first], filled[first], strict=True)):
        numbers[place] = known.setdefault(tuple(row[:size].tolist()), len(known) + 1)
    return numbers[which]


def _insert(db: duckdb.DuckDBPyConnection, stacks: list[Stack], symbols: Symbols) -> None:
    addresses = np.unique(np.array([a for stack in stacks for a in stack], np.uint64))
    functions: dict[int, Function | None] = dict(zip(addresses.tolist(), symbols.functions(addresses), strict=True))
    names = [[f.name if (f := functions[a]) else None for a in stack] for stack in stacks]
    divided = [divide(functions_of_stack) for functions_of_stack in names]
    sizes = [len(stack) for stack in stacks]
    batch: dict[str, Any] = {
        "stack_id": np.arange(1, len(stacks) + 1, dtype=np.int32),
        "context": np.array([d.context for d in divided], object),
        "backlog": np.array([d.backlog for d in divided], bool),
        "frames": np.array(sizes, np.int32),
        "truncated": np.array(sizes, np.int32) >= STACK_FRAMES,
    }
    _fill(db, KERNEL_STACK, batch)
    found = [functions[a] for stack in stacks for a in stack]
    unknown = np.array([f is None for f in found], bool)
    frames: dict[str, Any] = {
        "stack_id": np.repeat(batch["stack_id"], sizes),
        "depth": np.array([depth for size in sizes for depth in range(size)], np.int32),
        "part": np.array([part for d in divided for part in d.parts], object),
        "address": np.array([a for stack in stacks for a in stack], np.uint64),
        "function": np.array([f.name if f else None for f in found], object),
        "offset_bytes": np.ma.masked_array(np.array([f.offset if f else 0 for f in found], np.int64), mask=unknown),
        "module": np.array([(f.module or None) if f else None for f in found], object),
    }
    _fill(db, KERNEL_FRAME, frames)


def _fill(db: duckdb.DuckDBPyConnection, table: Table, batch: dict[str, Any]) -> None:
    if len(batch["stack_id"]):
        db.execute(table.insertion(table.column_names))
