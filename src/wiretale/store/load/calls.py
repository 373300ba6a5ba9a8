"""`ptrace.events`, `.chunks` and `.data` to the tables `task`, `call`, `call_data`, `signal` and the two samples."""

from collections.abc import Iterator
from functools import lru_cache
from typing import TypeVar

import duckdb
import numpy as np
from numpy.typing import NDArray

from wiretale.decode.syscalls import call_spec, table
from wiretale.decode.syscalls.spec import Result
from wiretale.light import dataclass
from wiretale.model.raw import CALL
from wiretale.model.spool import EventFlag, EventKind, Role
from wiretale.store.bulk import BATCH_ROWS, Batch, Coded, insert
from wiretale.store.load.call_data import Owners, insert_call_data, insert_samples, insert_signals
from wiretale.store.load.distinct import distinct, in_groups
from wiretale.store.load.ptrace_files import Numbers, Records, in_order, read_records
from wiretale.store.load.tasks import Tasks, insert_tasks, read_tasks
from wiretale.store.progress import Progress, silent, tracked
from wiretale.store.report import SourceReport
from wiretale.store.spool import Manifest, Spool

_T = TypeVar("_T", bound=np.generic)
Masked = np.ma.MaskedArray[tuple[int], np.dtype[_T]]
Coverage = tuple[str, int, str, str | None, str | None]  # item, count, state, reason, remedy

_NO_FD = 6  # column of the argument table that stands for "no descriptor"
_INSERT = f"INSERT INTO call SELECT {', '.join(c.name for c in CALL.columns)} FROM batch"  # noqa: S608
_RESTART = "restart_syscall"
_HIGHEST_ERRNO = 4095


@dataclass(slots=True)
class Calls:
    """Entry and exit of each call as indices of events, in order of entry; exit -1 while unfinished."""

    entry: Numbers
    exit: Numbers
    unpaired_exits: int


def load_calls(
    spool: Spool, manifest: Manifest, db: duckdb.DuckDBPyConnection, progress: Progress = silent
) -> list[Coverage]:
    """Fill the tables; returns (and stores) what is to be said about them. Damage is counted, never raised."""
    records = read_records(spool)
    if records is None:
        return []
    if spool.calls_path.exists() or any(s.source == "ebpf calls" for s in manifest.sources):
        records = in_order(records)
    tasks = read_tasks(records, manifest)
    insert_tasks(db, tasks)
    calls = pair(records)
    kinds = call_kinds(records, calls.entry)
    batches = _batches(records, calls, tasks, kinds)
    insert(db, _INSERT, tracked(progress, "reading calls", batches, len(calls.entry) / BATCH_ROWS))
    owners = Owners.of(len(records.events), calls.entry, calls.exit)
    cut = insert_call_data(db, records, owners, progress)
    insert_samples(db, records, owners)
    insert_signals(db, records, tasks)
    _correct_report(manifest, records)
    coverage = _coverage(records, calls, kinds, cut)
    db.executemany("INSERT INTO coverage VALUES ('syscall', ?, ?, ?, ?, ?)", coverage)
    records.forget()
    return coverage


def pair(records: Records) -> Calls:
    """Each ENTRY with the EXIT that is the next of the two kinds in its thread."""
    kind = records.kind
    which = np.flatnonzero((kind == EventKind.ENTRY) | (kind == EventKind.EXIT))
    thread = records.column("tid", np.int32)
    _follow_execs(records, thread)
    order = which[in_groups(thread[which])]  # within a thread the order of stops stays
    is_entry = kind[order] == EventKind.ENTRY
    matched = np.zeros(len(order), bool)
    if len(order) > 1:
        of, number = thread[order], records.column("number", np.int32)[order]
        matched[:-1] = is_entry[:-1] & ~is_entry[1:] & (of[:-1] == of[1:]) & (number[:-1] == number[1:])
    entry = order[is_entry]
    exit_ = np.full(len(kind), -1)
    exit_[entry] = np.where(matched, np.roll(order, -1), -1)[is_entry]
    unpaired = int(np.count_nonzero(~is_entry)) - int(np.count_nonzero(matched))
    by_time = np.flatnonzero(kind == EventKind.ENTRY)
    return Calls(by_time, exit_[by_time], unpaired)


def _follow_execs(records: Records, thread: NDArray[np.int32]) -> None:
    """An execve of another thread than the leader returns in the leader's name: give entry and exit one thread."""
    events, kind = records.events, records.kind
    execs = np.flatnonzero(kind == EventKind.EXEC)
    moved = execs[events["number"][execs] != events["tid"][execs]]
    for number, at in enumerate(moved.tolist()):
        former, leader = int(events["number"][at]), int(events["tid"][at])
        before = np.flatnonzero((thread[:at] == former) & (kind[:at] == EventKind.ENTRY))
        after = np.flatnonzero((thread[at:] == leader) & (kind[at:] == EventKind.EXIT))
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


@dataclass(slots=True)
class CallKinds:
    """The different (arch, number) of some calls, and for each call which of them it is."""

    pairs: list[tuple[int, int]]
    which: NDArray[np.int32]

    @property
    def names(self) -> list[str]:
        return [call_name(a, n) for a, n in self.pairs]

    def each(self, values: list[object], kind: type[_T]) -> "NDArray[_T]":
        """For each call its kind's value."""
        found: NDArray[_T] = np.array(values or [0], kind)[self.which]
        return found


def call_kinds(records: Records, which: Numbers) -> CallKinds:
    """Of the calls whose entries are the events at `which`."""
    if not len(which):
        return CallKinds([], np.zeros(0, np.int32))
    arch = distinct(records.column("arch", np.uint32)[which])
    number = distinct(records.column("number", np.int32)[which])
    both = distinct(arch.which.astype(np.int64) * len(number.values) + number.which)
    of_arch, of_number = np.divmod(both.values, len(number.values))
    pairs = zip(arch.values[of_arch].tolist(), number.values[of_number].tolist(), strict=True)
    return CallKinds(list(pairs), both.which)


def _descriptors(kinds: CallKinds, args: NDArray[np.uint64], begin: int) -> "Masked[np.int32]":
    """The descriptor each call acts on; masked where it has none, or a negative number stands in its place."""
    rows = np.arange(len(args))
    columns = np.array([_fd_column(a, n) for a, n in kinds.pairs], np.int64)[kinds.which[begin : begin + len(args)]]
    has = columns != _NO_FD
    fd = args[rows, np.where(has, columns, 0)].astype(np.uint32).view(np.int32)
    return np.ma.masked_array(fd, ~has | (fd < 0))


def returns_never(kinds: CallKinds) -> NDArray[np.bool_]:
    """Whether calls are exit and its like."""
    specs = [call_spec(call_name(a, n), a) for a, n in kinds.pairs]
    return kinds.each([s is not None and s.result is Result.NONE for s in specs], np.bool_)


def _restarted(records: Records, calls: Calls, kinds: CallKinds) -> NDArray[np.int32]:
    """For each restart_syscall the kind of the call it goes on with, the last of its thread that is none; else -1."""
    is_restart = kinds.each([name == _RESTART for name in kinds.names], np.bool_)
    found = np.full(len(is_restart), -1, np.int32)
    if not is_restart.any():
        return found
    thread = records.column("tid", np.int32)[calls.entry]
    order = in_groups(thread)
    place = np.arange(len(order))
    begins = np.maximum.accumulate(np.where(np.diff(thread[order], prepend=thread[order[:1]]) != 0, place, 0))
    before = np.maximum.accumulate(np.where(is_restart[order], -1, place))
    rows = np.flatnonzero(is_restart[order] & (before >= begins))
    found[order[rows]] = kinds.which[order[before[rows]]]
    return found


def _batches(records: Records, calls: Calls, tasks: Tasks, kinds: CallKinds) -> Iterator[Batch]:
    """The rows of `call`."""
    names = kinds.names
    restarted = _restarted(records, calls, kinds)
    for begin in range(0, len(calls.entry), BATCH_ROWS):
        part = slice(begin, begin + BATCH_ROWS)
        exit_index = calls.exit[part]
        entry, done = records.events[calls.entry[part]], exit_index >= 0
        exit_ = records.events[np.where(done, exit_index, 0)]
        value = exit_["value"]
        failed = done & ((exit_["flags"] & EventFlag.ERROR) != 0) & (value < 0) & (value >= -_HIGHEST_ERRNO)
        yield {
            "call_id": np.arange(begin + 1, begin + len(entry) + 1),
            "task_id": tasks.ids_of(entry["tid"].astype(np.int64), entry["seq"].astype(np.int64)),
            "tid": entry["tid"].astype(np.int32),
            "pid": entry["tgid"].astype(np.int32),
            "arch": entry["arch"],
            "number": entry["number"].astype(np.int32),
            "name": Coded(kinds.which[part], names),
            **{f"a{i}": entry["args"][:, i] for i in range(6)},
            "fd": _descriptors(kinds, entry["args"], begin),
            "retval": np.ma.masked_array(value, ~done),
            "errno": np.ma.masked_array(np.where(failed, -value, 0).astype(np.int32), ~failed),
            "entry_ns": entry["time_ns"].astype(np.int64),
            "start_ns": entry["resume_ns"].astype(np.int64),
            "exit_ns": np.ma.masked_array(exit_["time_ns"].astype(np.int64), ~done),
            "resume_ns": np.ma.masked_array(exit_["resume_ns"].astype(np.int64), ~done),
            "complete": done,
            "restarts": Coded(restarted[part], names),
        }
        records.forget()


def _correct_report(manifest: Manifest, records: Records) -> None:
    """A recorder that was killed could not report: its files say what they hold."""
    report = next((s for s in manifest.sources if s.level == "syscall"), None)
    if report is None:
        reason = "the recorder was killed before it could report"
        report = SourceReport("ptrace", "syscall", ran=True, reason=reason)
        manifest.sources.append(report)
    report.items = max(report.items, len(records.events))
    report.lost = max(report.lost, records.lost)


def _coverage(records: Records, calls: Calls, kinds: CallKinds, cut: int) -> list[Coverage]:
    unfinished = int(np.count_nonzero((calls.exit < 0) & ~returns_never(kinds)))
    rows: list[Coverage] = [("calls", len(calls.entry), "recorded", None, None)]
    if unfinished:
        rows.append(("unfinished calls", unfinished, "recorded", "their return was not seen", None))
    if calls.unpaired_exits:
        reason = "they had begun before the recording, so what they were asked to do is unknown"
        rows.append(("calls", calls.unpaired_exits, "not recorded", reason, None))
    if cut:
        rows.append(("buffers", cut, "truncated", "longer than --snaplen", "record all bytes: --snaplen all"))
    if records.damaged_events:
        rows.append(("events", records.damaged_events, "lost", "ptrace.events or ptrace.calls is damaged there", None))
    if records.damaged_chunks:
        rows.append(
            ("pieces of memory", records.damaged_chunks, "lost", "ptrace.chunks or ptrace.data is damaged", None)
        )
    rows += [("events", 0, "lost", fault, None) for fault in records.faults]
    failed = records.chunk_column("error", np.int32) != 0
    unread = int(np.count_nonzero(failed & (records.role <= Role.ENVP)))
    if unread:
        rows.append(("pieces of memory", unread, "not recorded", "the program's memory could not be read there", None))
    return rows
