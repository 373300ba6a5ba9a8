"""What every chapter needs: the clock, the processes and how they are called."""

import json
import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

import duckdb

from wiretale.light import dataclass, field

if TYPE_CHECKING:
    from wiretale.explain.choose import Candidate
from wiretale.decode.durations import duration
from wiretale.decode.escape import escape_text
from wiretale.explain.signs import Signs, load_signs
from wiretale.explain.story import Ref
from wiretale.filter.events import LAST_MOMENT, ORIGIN

STOPS_PER_CALL = 2  # at the entry and at the return


@dataclass(frozen=True, slots=True)
class Process:
    """One traced process over all its program images. Times in ns; `task_id` is that of its last image."""

    pid: int
    task_id: int
    parent_pid: int | None
    comm: str
    argv: tuple[str, ...]
    how: str
    start_ns: int
    end_ns: int | None
    end_how: str | None
    exit_status: int | None
    signal: str | None
    threads: int
    calls: int

    @property
    def name(self) -> str:
        """`pid 12 (nc)`, safe."""
        return f"pid {self.pid} ({escape_text(self.comm)})"

    @property
    def command(self) -> str:
        """Its command line as typed in a shell, raw."""
        words = list(self.argv)
        # A program that writes a title over its arguments leaves the rest of their room as empty strings.
        if words[-2:] == ["", ""]:
            while words and not words[-1]:
                words.pop()
        return shlex.join(words) if words else f"[{self.comm}]"

    @property
    def ref(self) -> Ref:
        """The row."""
        return Ref("task", self.task_id, f"task {self.task_id}")


class Doing(Protocol):
    """A call, or a wait in one: who made it."""

    @property
    def pid(self) -> int: ...
    @property
    def tid(self) -> int: ...
    @property
    def task_id(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class World:
    """The clock and the cast. `cost_ns`: what the tracer itself costs a call; shorter durations are not facts."""

    db: duckdb.DuckDBPyConnection
    origin_ns: int
    end_ns: int
    error_ns: int
    cost_ns: int
    has_calls: bool
    has_packets: bool
    has_kernel: bool
    processes: Mapping[int, Process]
    signs: Signs
    programs: Mapping[int, str] = field(default_factory=dict)  # task_id -> the program it ran
    images: Mapping[int, tuple[tuple[int, str], ...]] = field(default_factory=dict)  # pid -> (since, program)
    file_names: dict[int, str] = field(default_factory=dict)
    connections: list["Candidate"] = field(default_factory=list)  # of `choose.candidates`, which asks once

    def at(self, time_ns: int) -> str:
        """Seconds since the first event, to the microsecond: `0.171939 s`."""
        since = time_ns - self.origin_ns
        micro = (abs(since) + 500) // 1000
        return f"{'-' if since < 0 else ''}{micro // 1_000_000}.{micro % 1_000_000:06d} s"

    @property
    def stranger(self) -> str:
        """An end that no traced process held; raw and packet sockets are no ends, though they send and hear."""
        or_raw = ", or used a raw or packet socket" if self.signs.raw else ""
        return f"a program that was not traced{or_raw}"

    def who(self, pid: int | None) -> str:
        """`pid 12 (nc)`; for an end that no traced process holds, what is known."""
        if pid is None:
            return self.stranger
        process = self.processes.get(pid)
        return process.name if process is not None else f"pid {pid}"

    def caller(self, call: Doing) -> str:
        """Who made a call, by the program it ran then: `pid 12 (nc)`, `thread 14 of pid 12 (nc)`."""
        return f"thread {call.tid} of {self.who(call.pid)}" if call.tid != call.pid else self._program(call)

    def caller_short(self, call: Doing) -> str:
        """The same, to stand in a narrow column: `nc[12]`, `nc[12/14]`."""
        comm = self.programs.get(call.task_id or -1)
        if call.tid != call.pid:
            return f"{self.short(call.pid).removesuffix(']')}/{call.tid}]"
        return f"{escape_text(comm)}[{call.pid}]" if comm is not None else self.short(call.pid)

    def _program(self, call: Doing) -> str:
        comm = self.programs.get(call.task_id or -1)
        return f"pid {call.pid} ({escape_text(comm)})" if comm is not None else self.who(call.pid)

    def short(self, pid: int | None) -> str:
        """The same, to stand in a narrow column: `nc[12]`."""
        process = self.processes.get(pid) if pid is not None else None
        return f"{escape_text(process.comm)}[{pid}]" if process is not None else f"[{pid}]" if pid is not None else "?"

    def took(self, span_ns: int) -> str:
        """A duration of a call; below the tracer's own cost it is said to be that and no more."""
        if self.cost_ns and span_ns < self.cost_ns:
            return f"less than {duration(self.cost_ns)}, the tracer's own cost"
        return duration(span_ns)

    def lag(self, span_ns: int) -> str:
        """A time between two rows of different sources: below the clock error they are called simultaneous."""
        if abs(span_ns) <= self.error_ns:
            return "at the same time, as far as the clocks can tell"
        return f"{duration(abs(span_ns))} {'later' if span_ns > 0 else 'earlier'}"


def _detail(text: object) -> dict[str, object]:
    try:
        found = json.loads(str(text or "{}"))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


_PROCESSES = """
WITH counted AS (SELECT pid, count(*) AS calls FROM call GROUP BY pid),
threads AS (SELECT pid, count(*) AS n FROM task WHERE NOT is_leader GROUP BY pid),
-- the recorder's own child, before it becomes the program, is no part of the cast
image AS (SELECT *, row_number() OVER (PARTITION BY pid ORDER BY start_ns DESC, task_id DESC) AS back
          FROM task WHERE is_leader)
SELECT i.pid, i.task_id, first.parent_pid, i.comm, i.argv, first.how, first.start_ns, i.end_ns, i.end_how,
    i.exit_status, i.signal,
    coalesce(x.n, 0), coalesce(c.calls, 0)
FROM image i LEFT JOIN counted c USING (pid) LEFT JOIN threads x USING (pid)
JOIN (SELECT pid, arg_min(parent_pid, (start_ns, task_id)) AS parent_pid, arg_min(how, (start_ns, task_id)) AS how,
      min(start_ns) AS start_ns FROM task WHERE is_leader GROUP BY pid) first USING (pid)
WHERE i.back = 1 AND i.traced ORDER BY first.start_ns, i.pid"""

_ENDS = f"""
WITH {LAST_MOMENT}
SELECT (SELECT end_ns FROM last_moment), EXISTS (FROM call), EXISTS (FROM packet), EXISTS (FROM kernel_event)"""  # noqa: S608 (fixed text)


def load_world(db: duckdb.DuckDBPyConnection) -> World:
    """Read the clock and the processes."""
    row = db.execute(f"WITH {ORIGIN} SELECT origin_ns FROM origin").fetchone()  # noqa: S608 (fixed text)
    origin = int(row[0]) if row else 0
    row = db.execute(_ENDS).fetchone()
    end, has_calls, has_packets, has_kernel = row if row is not None else (None, False, False, False)
    error, cost = 0, 0
    for source, ran, source_error, detail in db.execute(
        "SELECT source, ran, clock_error_ns, detail FROM source"
    ).fetchall():
        if not ran:
            continue
        error += source_error or 0
        per_stop = _detail(detail).get("cpu_ns_per_stop")
        if source == "ptrace" and isinstance(per_stop, int | float):
            cost = STOPS_PER_CALL * int(per_stop)
    processes = {
        r[0]: Process(r[0], r[1], r[2], r[3] or "?", tuple(r[4] or ()), r[5] or "", r[6] or 0, *r[7:13])
        for r in db.execute(_PROCESSES).fetchall()
    }
    return World(
        db,
        origin,
        int(end) if end is not None else origin,
        error,
        cost,
        bool(has_calls),
        bool(has_packets),
        bool(has_kernel),
        processes,
        load_signs(db),
        *_programs(db),
    )


def _programs(db: duckdb.DuckDBPyConnection) -> tuple[dict[int, str], dict[int, tuple[tuple[int, str], ...]]]:
    """Which program each task ran, and which each process ran one after the other."""
    programs: dict[int, str] = {}
    images: dict[int, tuple[tuple[int, str], ...]] = {}
    for task_id, pid, comm, how, is_leader, start in db.execute(
        "SELECT task_id, pid, comm, how, is_leader, start_ns FROM task WHERE traced AND comm <> ''"
        " ORDER BY start_ns, task_id"
    ).fetchall():
        programs[task_id] = comm
        if is_leader and how != "started":  # before its first exec it is the recorder's own child
            images[pid] = (*images.get(pid, ()), (start or 0, comm))
    return programs, images
