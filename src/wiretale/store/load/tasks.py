"""Rows of `task`: one per thread and program image, from the events of its life."""

import os
from functools import lru_cache

import duckdb
import numpy as np

from wiretale.decode.constants import signal_name
from wiretale.light import dataclass, field
from wiretale.model.raw import TASK
from wiretale.model.spool import EventFlag, EventKind, Role
from wiretale.store.load.distinct import distinct
from wiretale.store.load.ptrace_files import MOST_PID, Array, Numbers, Records
from wiretale.store.load.rows import insert_rows
from wiretale.store.spool import Manifest

# linux/sched.h, linux/ptrace.h
_CLONE_FILES, _CLONE_VFORK, _CLONE_THREAD = 0x400, 0x4000, 0x10000
_EVENT_FORK, _EVENT_VFORK = 1, 2
_SEQ_BITS = 40
_LIFE = (EventKind.ATTACHED, EventKind.CLONE, EventKind.EXEC, EventKind.END, EventKind.DETACHED)
_IDENTITY = (Role.COMM, Role.EXE, Role.CMDLINE, Role.STATUS, Role.NETNS, Role.CWD)


@dataclass(slots=True)
class Task:
    """One row, while it is being found out. Fields as the columns of `task`; `seq` is its first event."""

    task_id: int
    tid: int
    pid: int
    how: str
    start_ns: int
    seq: int
    parent: "Task | None" = None
    parent_pid: int | None = None
    end_ns: int | None = None
    end_how: str | None = None
    exit_status: int | None = None
    signal: str | None = None
    comm: str | None = None
    exe: str | None = None
    argv: list[str] | None = None
    cwd: str | None = None
    uid: int | None = None
    netns: int | None = None
    shares_files_with: int | None = None

    def row(self) -> dict[str, object]:
        """By the table's columns."""
        values: dict[str, object] = {
            "parent_task_id": self.parent.task_id if self.parent else None,
            "is_leader": self.tid == self.pid,
            "traced": True,
        }
        return {c.name: values[c.name] if c.name in values else getattr(self, c.name) for c in TASK.columns}


@dataclass(slots=True)
class Tasks:
    """All rows, and which of them each event belongs to."""

    rows: list[Task] = field(default_factory=list)
    open: dict[int, Task] = field(default_factory=dict)  # by tid: the latest
    _keys: Numbers | None = None
    _ids: Numbers | None = None

    def add(self, tid: int, pid: int, how: str, time_ns: int, seq: int) -> Task:
        """A new row; from now on it is the task that `tid` means."""
        task = Task(len(self.rows) + 1, tid, pid, how, time_ns, seq)
        self.rows.append(task)
        self.open[tid] = task
        return task

    def ids_of(self, tid: Numbers, seq: Numbers) -> Numbers:
        """task_id of the row that thread `tid` had at event `seq`; every pair must have one (see `read_tasks`)."""
        if not len(tid):
            return np.zeros(0, np.int64)
        if self._keys is None or self._ids is None or len(self._keys) != len(self.rows):
            keys = np.array([(t.tid << _SEQ_BITS) + t.seq for t in self.rows], np.int64)
            order = np.argsort(keys, kind="stable")
            self._keys, self._ids = keys[order], np.array([t.task_id for t in self.rows], np.int64)[order]
        found: Numbers = self._ids[np.searchsorted(self._keys, (tid << _SEQ_BITS) + seq, side="right") - 1]
        return found


def text(raw: bytes) -> str:
    """Names and paths are bytes to the kernel; what is no UTF-8 is kept visible."""
    return raw.decode(errors="backslashreplace")


def read_tasks(records: Records, manifest: Manifest) -> Tasks:
    """All tasks that the events speak of. A thread without a first sight (damage) gets a row at its first event."""
    events = records.events
    tasks = Tasks()
    started = {p.pid for p in manifest.programs if not p.attached}
    identity = _identities(records)
    life = np.isin(records.kind, _LIFE)
    first = distinct(records.column("tid", np.int32)).first
    interesting = np.union1d(np.flatnonzero(life), first).tolist()
    known = set(first.tolist())
    for i in interesting:
        event = events[i]
        kind, tid = int(event["kind"]), int(event["tid"])
        if i in known and tid not in tasks.open and kind not in (EventKind.ATTACHED, EventKind.EXEC):
            tasks.add(tid, int(event["tgid"]), "attached", int(event["time_ns"]), int(event["seq"]))
        if life[i]:
            _live(tasks, event, kind, started, identity.get(i, {}))
    return tasks


def _live(tasks: Tasks, event: Array, kind: int, started: set[int], facts: dict[int, bytes]) -> None:
    tid, pid, time_ns, seq = int(event["tid"]), int(event["tgid"]), int(event["time_ns"]), int(event["seq"])
    task = tasks.open.get(tid)
    if kind == EventKind.ATTACHED:
        if task is None or task.end_how is not None:
            followed = int(event["flags"]) & EventFlag.FOLLOWED
            how = "fork" if followed else "started" if pid in started else "attached"
            if followed and tid != pid:
                how = "thread"
            task = tasks.add(tid, pid, how, time_ns, seq)
            started.discard(pid)
        _identify(tasks, task, facts)
    elif kind == EventKind.CLONE:
        _make(tasks, event, task)
    elif kind == EventKind.EXEC:
        former = tasks.open.get(int(event["number"])) or task
        for ended in (task, former):
            if ended is not None and ended.end_how is None:
                ended.end_ns, ended.end_how = time_ns, "execve"
        image = tasks.add(tid, pid, "execve", time_ns, seq)
        image.parent = former
        image.parent_pid = former.parent_pid if former else None
        _identify(tasks, image, facts)
    elif task is not None and task.end_how is None:
        _end(task, kind, int(event["number"]), time_ns)


def _make(tasks: Tasks, event: Array, maker: Task | None) -> None:
    """fork, vfork or clone. The child may have been seen before its maker's report."""
    born, code, flags = int(event["number"]), int(event["value"]), int(event["extra"])
    if not 0 < born <= MOST_PID:
        return
    child = tasks.open.get(born)
    if child is None or child.parent is not None or child.how not in ("fork", "thread"):
        pid = int(event["tgid"]) if flags & _CLONE_THREAD else born
        child = tasks.add(born, pid, "fork", int(event["time_ns"]), int(event["seq"]))
    if flags & _CLONE_THREAD:
        child.how = "thread"
    elif code == _EVENT_VFORK or flags & _CLONE_VFORK:
        child.how = "vfork"
    else:
        child.how = "fork" if code == _EVENT_FORK else "clone"
    child.parent = maker
    if maker is not None:
        if child.parent_pid is None:
            child.parent_pid = maker.parent_pid if flags & _CLONE_THREAD else maker.pid
        if flags & _CLONE_FILES:
            child.shares_files_with = maker.task_id


def _end(task: Task, kind: int, status: int, time_ns: int) -> None:
    if kind == EventKind.DETACHED:
        task.end_how = "detached"  # it outlives the recording: no end is known
        return
    task.end_ns = time_ns
    status &= 0xFFFF
    if os.WIFSIGNALED(status):
        task.end_how, task.signal = "killed", signal_name(os.WTERMSIG(status))
    else:
        task.end_how, task.exit_status = "exited", os.WEXITSTATUS(status)


def _identities(records: Records) -> dict[int, dict[int, bytes]]:
    """Index of event -> what its chunks say of who the task is."""
    found: dict[int, dict[int, bytes]] = {}
    which = np.flatnonzero(np.isin(records.role, _IDENTITY))
    contents = records.bytes_of(which)
    for event, role, raw in zip(
        records.event_of[which].tolist(), records.chunks["role"][which].tolist(), contents, strict=True
    ):
        found.setdefault(event, {})[role] = raw
    return found


@lru_cache(maxsize=256)
def _status_fields(raw: bytes) -> dict[bytes, bytes]:
    return dict(line.split(b":", 1) for line in raw.split(b"\n") if b":" in line)


def _status_number(raw: bytes, key: bytes, place: int = 0) -> int | None:
    words = _status_fields(raw).get(key, b"").split()
    return int(words[place]) if len(words) > place and words[place].isdigit() and len(words[place]) < 10 else None


def _identify(tasks: Tasks, task: Task, facts: dict[int, bytes]) -> None:
    if Role.COMM in facts:
        task.comm = text(facts[Role.COMM].rstrip(b"\n"))
    if Role.EXE in facts:
        task.exe = text(facts[Role.EXE])
    if Role.CWD in facts:
        task.cwd = text(facts[Role.CWD])
    if facts.get(Role.CMDLINE):
        task.argv = [text(a) for a in facts[Role.CMDLINE].removesuffix(b"\0").split(b"\0")]
    if len(facts.get(Role.NETNS, b"")) == 8:
        task.netns = int.from_bytes(facts[Role.NETNS], "little")
    status = facts.get(Role.STATUS, b"")
    task.uid = _status_number(status, b"Uid", 1)
    parent = _status_number(status, b"PPid")
    task.parent_pid = task.parent_pid if parent is None else parent
    leader = tasks.open.get(task.pid)
    if task.tid != task.pid and leader is not None:  # a thread's own first sight leaves out what it shares
        task.exe, task.argv, task.cwd = task.exe or leader.exe, task.argv or leader.argv, task.cwd or leader.cwd


def insert_tasks(db: duckdb.DuckDBPyConnection, tasks: Tasks) -> None:
    """Write the rows."""
    insert_rows(db, TASK, [t.row() for t in tasks.rows])
