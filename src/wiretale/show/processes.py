"""The process tree of a capture: who started whom, when, and how each ended."""

import duckdb

from wiretale.decode.escape import escape_text
from wiretale.filter.tables import with_all_tables
from wiretale.light import dataclass, field


@dataclass(slots=True)
class ProcessRow:
    """One process: its images (execve replaces one by the next) are joined; threads are counted. Times in ns."""

    pid: int
    parent_pid: int | None
    comm: str
    argv: tuple[str, ...]
    how: str
    start_ns: int
    end_ns: int | None
    end_how: str | None
    exit_status: int | None
    signal: str | None
    uid: int | None
    traced: bool
    calls: int
    threads: list["ThreadRow"] = field(default_factory=list)
    programs: list[str] = field(default_factory=list)  # exe of each image, in order
    depth: int = 0

    @property
    def outcome(self) -> str:
        """How it ended, in words."""
        return ending(self.end_how, self.exit_status, self.signal)


@dataclass(frozen=True, slots=True)
class ThreadRow:
    """One thread other than the first."""

    tid: int
    comm: str
    start_ns: int
    end_ns: int | None


def ending(end_how: str | None, status: int | None, signal: str | None) -> str:
    """`exited 0`, `killed by SIGINT`, `detached`, or `running`."""
    if end_how is None:
        return "running"
    if end_how == "exited":
        return "exited" if status is None else f"exited {status}"
    return f"killed by {escape_text(signal or '?')}" if end_how == "killed" else escape_text(end_how)


_QUERY = """
WITH counted AS (SELECT pid, count(*) AS calls FROM call GROUP BY pid)
SELECT t.pid, t.tid, t.is_leader, t.parent_pid, t.comm, t.argv, t.how, t.start_ns, t.end_ns, t.end_how, t.exit_status,
    t.signal, t.uid, t.traced, t.exe, coalesce(c.calls, 0)
FROM task t LEFT JOIN counted c ON c.pid = t.pid
WHERE ? IS NULL OR t.start_ns <= ? AND (t.end_ns IS NULL OR t.end_ns > ?)
ORDER BY t.start_ns, t.task_id"""


def processes(db: duckdb.DuckDBPyConnection, *, at_ns: int | None, untraced: bool) -> list[ProcessRow]:
    """Processes in the order of their tree, children under their parents; `at_ns` keeps those alive at that moment."""
    with_all_tables(db)
    found: dict[int, ProcessRow] = {}
    for row in db.execute(_QUERY, [at_ns, at_ns, at_ns]).fetchall():
        pid, tid, leader, parent, comm, argv, how, start, end, end_how, status, signal, uid, traced, exe, calls = row
        if not traced and not untraced:
            continue
        process = found.get(pid)
        if process is None:
            process = ProcessRow(
                pid, parent, comm or "?", tuple(argv or ()), how or "", start, end, end_how, status, signal, uid,
                bool(traced), calls
            )  # fmt: skip
            found[pid] = process
        elif leader:
            # The next image of the same process: the newest name and end count, the first start stays.
            process.comm, process.argv = comm or process.comm, tuple(argv or process.argv)
            process.end_ns, process.end_how, process.exit_status, process.signal = end, end_how, status, signal
        if leader and exe and (not process.programs or process.programs[-1] != exe):
            process.programs.append(exe)
        if not leader:
            process.threads.append(ThreadRow(tid, comm or "?", start, end))
    return _tree(found)


def _tree(found: dict[int, ProcessRow]) -> list[ProcessRow]:
    children: dict[int | None, list[ProcessRow]] = {}
    for process in found.values():
        parent = process.parent_pid if process.parent_pid in found and process.parent_pid != process.pid else None
        children.setdefault(parent, []).append(process)
    ordered: list[ProcessRow] = []
    pending = [(p, 0) for p in reversed(children.get(None, []))]
    while pending:
        process, depth = pending.pop()
        process.depth = depth
        ordered.append(process)
        pending += [(child, depth + 1) for child in reversed(children.get(process.pid, []))]
    # Processes whose numbers were used twice can name each other as parent: they are listed, not lost.
    seen = {id(p) for p in ordered}
    return ordered + [p for p in found.values() if id(p) not in seen]
