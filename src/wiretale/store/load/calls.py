"""`ptrace.events`, `.chunks` and `.data` to the tables `task`, `call`, `call_data`, `signal` and the two samples."""

from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import duckdb
import numpy as np
from numpy.typing import NDArray

from wiretale.decode.syscalls import call_spec, table
from wiretale.decode.syscalls.spec import Result
from wiretale.model.raw import CALL
from wiretale.model.spool import EventFlag, EventKind, Role
from wiretale.store.load.call_data import Owners, insert_call_data, insert_samples, insert_signals
from wiretale.store.load.ptrace_files import Numbers, Records, read_records
from wiretale.store.load.tasks import Tasks, insert_tasks, read_tasks
from wiretale.store.report import SourceReport
from wiretale.store.spool import Manifest, Spool

_T = TypeVar("_T", bound=np.generic)
Masked = np.ma.MaskedArray[tuple[int], np.dtype[_T]]
Coverage = tuple[str, int, str, str | None, str | None]  # item, count, state, reason, remedy

_NO_FD = 6  # column of the argument table that stands for "no descriptor"
_CASTS = {"tid": "tid::INTEGER", "pid": "pid::INTEGER"}
_INSERT = f"INSERT INTO call SELECT {', '.join(_CASTS.get(c.name, c.name) for c in CALL.columns)} FROM batch"  # noqa: S608
_RESTART = "restart_syscall"
_HIGHEST_ERRNO = 4095


@dataclass(slots=True)
class Calls:
    """Entry and exit of each call as indices of events, in order of entry; exit -1 while unfinished."""

    entry: Numbers
    exit: Numbers
    unpaired_exits: int


def load_calls(spool: Spool, manifest: Manifest, db: duckdb.DuckDBPyConnection) -> list[Coverage]:
    """Fill the tables; returns (and stores) what is to be said about them. Damage is counted, never raised."""
    records = read_records(spool)
    if records is None:
        return []
    tasks = read_tasks(records, manifest)
    insert_tasks(db, tasks)
    calls = pair(records)
    names = call_names(records, calls.entry)
    _insert_calls(db, records, calls, tasks, names)
    owners = Owners.of(len(records.events), calls.entry, calls.exit)
    cut = insert_call_data(db, records, owners)
    insert_samples(db, records, owners)
    insert_signals(db, records, tasks)
    _correct_report(manifest, records)
    coverage = _coverage(records, calls, cut)
    db.executemany("INSERT INTO coverage VALUES ('syscall', ?, ?, ?, ?, ?)", coverage)
    return coverage


def pair(records: Records) -> Calls:
    """Each ENTRY with the EXIT that is the next of the two kinds in its thread."""
    events = records.events
    is_call = (events["kind"] == EventKind.ENTRY) | (events["kind"] == EventKind.EXIT)
    which = np.flatnonzero(is_call)
    thread = events["tid"].astype(np.int64)
    _follow_execs(records, thread)
    order = which[np.argsort(thread[which], kind="stable")]  # within a thread the order of stops stays
    is_entry = events["kind"][order] == EventKind.ENTRY
    matched = np.zeros(len(order), bool)
    if len(order) > 1:
        matched[:-1] = (
            is_entry[:-1]
            & ~is_entry[1:]
            & (thread[order[:-1]] == thread[order[1:]])
            & (events["number"][order[:-1]] == events["number"][order[1:]])
        )
    entry = order[is_entry]
    exit_ = np.where(matched, np.roll(order, -1), -1)[is_entry]
    by_time = np.argsort(entry, kind="stable")
    unpaired = int(np.count_nonzero(~is_entry)) - int(np.count_nonzero(matched))
    return Calls(entry[by_time], exit_[by_time], unpaired)


def _follow_execs(records: Records, thread: Numbers) -> None:
    """An execve of another thread than the leader returns in the leader's name: give entry and exit one thread."""
    events = records.events
    moved = np.flatnonzero((events["kind"] == EventKind.EXEC) & (events["number"] != events["tid"]))
    for number, at in enumerate(moved.tolist()):
        former, leader = int(events["number"][at]), int(events["tid"][at])
        before = np.flatnonzero((thread[:at] == former) & (events["kind"][:at] == EventKind.ENTRY))
        after = np.flatnonzero((thread[at:] == leader) & (events["kind"][at:] == EventKind.EXIT))
        if len(before) and len(after):
            thread[before[-1]] = thread[at + after[0]] = -1 - number


@lru_cache(maxsize=4096)
def call_name(arch: int, number: int) -> str:
    """Its name; syscall_0x<number> if the architecture has none of that number."""
    return table(arch).get(number) or f"syscall_{number & 0xFFFFFFFFFFFFFFFF:#x}"


@lru_cache(maxsize=4096)
def _fd_column(arch: int, number: int) -> int:
    spec = call_spec(call_name(arch, number), arch)
    return spec.fd_arg if spec is not None and spec.fd_arg >= 0 else _NO_FD


def _distinct(records: Records, which: Numbers) -> tuple[list[tuple[int, int]], Numbers]:
    """The different (arch, number) of the events at `which`, and for each event which of them it is."""
    arch = records.events["arch"][which].astype(np.int64)
    number = records.events["number"][which]
    key = np.stack([arch, number], axis=1) if len(which) else np.zeros((0, 2), np.int64)
    # Sorting one number is ten times faster than sorting pairs; call numbers outside 32 bits exist only in damage.
    if len(which) and (int(number.min()) >= 0 and int(number.max()) < 1 << 31):
        packed, inverse = np.unique(arch << 31 | number, return_inverse=True)
        return [(int(p) >> 31, int(p) & (1 << 31) - 1) for p in packed], inverse.reshape(-1)
    pairs, inverse = np.unique(key, axis=0, return_inverse=True)
    return [(int(a), int(n)) for a, n in pairs], inverse.reshape(-1)


def call_names(records: Records, which: Numbers) -> NDArray[np.object_]:
    """Names of the calls whose entries are the events at `which`."""
    pairs, inverse = _distinct(records, which)
    names = np.array([call_name(a, n) for a, n in pairs] or [""], object)
    return names[inverse] if len(which) else np.zeros(0, object)


def _descriptors(records: Records, which: Numbers) -> "Masked[np.int32]":
    """The descriptor each call acts on; masked where it has none, or a negative number stands in its place."""
    pairs, inverse = _distinct(records, which)
    columns = np.array([_fd_column(a, n) for a, n in pairs] or [_NO_FD], np.int64)[inverse]
    args = records.events["args"][which].astype(np.uint64)
    padded = np.concatenate([args, np.full((len(which), 1), 0xFFFFFFFF, np.uint64)], axis=1)
    fd = padded[np.arange(len(which)), columns[: len(which)]].astype(np.uint32).view(np.int32)
    return np.ma.masked_less(fd, 0)


def returns_never(records: Records, which: Numbers) -> NDArray[np.bool_]:
    """Whether the calls that begin at the events `which` are exit and its like."""
    pairs, inverse = _distinct(records, which)
    specs = [call_spec(call_name(a, n), a) for a, n in pairs]
    never = np.array([s is not None and s.result is Result.NONE for s in specs] or [False])
    return never[inverse] if len(which) else np.zeros(0, bool)


def _restarted(records: Records, calls: Calls, names: NDArray[np.object_]) -> "Masked[np.object_]":
    """For each restart_syscall the call it goes on with: the last one of its thread that is not one itself."""
    found = np.full(len(names), "", object)
    thread = records.events["tid"][calls.entry]
    for at in np.flatnonzero(names == _RESTART).tolist():
        own = np.flatnonzero((thread[:at] == thread[at]) & (names[:at] != _RESTART))
        if len(own):
            found[at] = names[own[-1]]
    return np.ma.masked_equal(found, "")


def _insert_calls(
    db: duckdb.DuckDBPyConnection, records: Records, calls: Calls, tasks: Tasks, names: NDArray[np.object_]
) -> None:
    if not len(calls.entry):
        return
    events = records.events
    entry, done = events[calls.entry], calls.exit >= 0
    exit_ = events[np.where(done, calls.exit, 0)]
    value = exit_["value"]
    failed = done & ((exit_["flags"] & EventFlag.ERROR) != 0) & (value < 0) & (value >= -_HIGHEST_ERRNO)
    unfinished = ~done
    # DuckDB finds `batch` by its name in this function.
    batch = {
        "call_id": np.arange(1, len(entry) + 1),
        "task_id": tasks.ids_of(entry["tid"].astype(np.int64), entry["seq"].astype(np.int64)),
        "tid": entry["tid"].astype(np.int64),
        "pid": entry["tgid"].astype(np.int64),
        "arch": entry["arch"].copy(),
        "number": entry["number"].astype(np.int32),
        "name": names,
        **{f"a{i}": np.ascontiguousarray(entry["args"][:, i]) for i in range(6)},
        "fd": _descriptors(records, calls.entry),
        "retval": np.ma.masked_array(value, unfinished),
        "errno": np.ma.masked_array(np.where(failed, -value, 0), ~failed),
        "entry_ns": entry["time_ns"].astype(np.int64),
        "start_ns": entry["resume_ns"].astype(np.int64),
        "exit_ns": np.ma.masked_array(exit_["time_ns"].astype(np.int64), unfinished),
        "resume_ns": np.ma.masked_array(exit_["resume_ns"].astype(np.int64), unfinished),
        "complete": done,
        "restarts": _restarted(records, calls, names),
    }
    assert batch
    db.execute(_INSERT)


def _correct_report(manifest: Manifest, records: Records) -> None:
    """A recorder that was killed could not report: its files say what they hold."""
    report = next((s for s in manifest.sources if s.source == "ptrace"), None)
    if report is None:
        reason = "the recorder was killed before it could report"
        report = SourceReport("ptrace", "syscall", ran=True, reason=reason)
        manifest.sources.append(report)
    report.items = max(report.items, len(records.events))
    report.lost = max(report.lost, records.lost)


def _coverage(records: Records, calls: Calls, cut: int) -> list[Coverage]:
    unfinished = int(np.count_nonzero((calls.exit < 0) & ~returns_never(records, calls.entry)))
    rows: list[Coverage] = [("calls", len(calls.entry), "recorded", None, None)]
    if unfinished:
        rows.append(("unfinished calls", unfinished, "recorded", "their return was not seen", None))
    if calls.unpaired_exits:
        reason = "they had begun before the recording, so what they were asked to do is unknown"
        rows.append(("calls", calls.unpaired_exits, "not recorded", reason, None))
    if cut:
        rows.append(("buffers", cut, "truncated", "longer than --snaplen", "record all bytes: --snaplen all"))
    if records.damaged_events:
        rows.append(("events", records.damaged_events, "lost", "ptrace.events is damaged there", None))
    if records.damaged_chunks:
        rows.append(
            ("pieces of memory", records.damaged_chunks, "lost", "ptrace.chunks or ptrace.data is damaged", None)
        )
    rows += [("events", 0, "lost", fault, None) for fault in records.faults]
    unread = int(np.count_nonzero((records.chunks["error"] != 0) & (records.chunks["role"] <= Role.ENVP)))
    if unread:
        rows.append(("pieces of memory", unread, "not recorded", "the program's memory could not be read there", None))
    return rows
