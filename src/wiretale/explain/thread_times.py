"""What each thread did with its time, and who had each CPU: `thread_state`, added up for a part of a capture."""

import duckdb

from wiretale.decode.escape import escape_text
from wiretale.light import dataclass

OWN_CODE, IN_CALL, RUNNABLE, BLOCKED, STOPPED = "own-code", "in-call", "runnable", "blocked", "stopped"

_KIND = "CASE WHEN s.state <> 'running' THEN s.state WHEN s.call_id IS NULL THEN 'own-code' ELSE 'in-call' END"
_WITHIN = "s.from_ns < $to_ns AND s.to_ns > $from_ns AND s.tid = coalesce($tid, s.tid)"
_LASTED = "least(s.to_ns, $to_ns) - greatest(s.from_ns, $from_ns)"

# Who waited for a CPU was woken or had lost it: both begin a row that does not follow one of its own kind.
_TIMES = f"""
WITH part AS (
    SELECT s.tid, {_KIND} AS kind, {_LASTED} AS ns, c.name, s.state = 'runnable' AND (lag(s.state) OVER w <> 'runnable'
           OR lag(s.to_ns) OVER w IS DISTINCT FROM s.from_ns) AS turn
    FROM thread_state s LEFT JOIN call c USING (call_id) WHERE {_WITHIN}
    WINDOW w AS (PARTITION BY s.tid ORDER BY s.from_ns)
),
mostly AS (
    SELECT tid, arg_max(name, ns) AS name, max(ns) AS ns
    FROM (SELECT tid, coalesce(name, '') AS name, sum(ns) AS ns FROM part WHERE kind = 'blocked' GROUP BY ALL)
    GROUP BY tid
)
SELECT p.tid, coalesce(sum(ns) FILTER (kind = 'own-code'), 0), coalesce(sum(ns) FILTER (kind = 'in-call'), 0),
       coalesce(sum(ns) FILTER (kind = 'runnable'), 0), count(*) FILTER (turn IS NOT false AND kind = 'runnable'),
       coalesce(max(ns) FILTER (kind = 'runnable'), 0), coalesce(sum(ns) FILTER (kind = 'blocked'), 0),
       coalesce(sum(ns) FILTER (kind = 'stopped'), 0), coalesce((SELECT name FROM mostly m WHERE m.tid = p.tid), '')
FROM part p GROUP BY p.tid ORDER BY 2 + 3 DESC, p.tid"""  # noqa: S608 (constants)

# Of each thread (or CPU) what it spent most time on in each of a number of equal stretches.
_STRETCHES = """
WITH cut AS (
    SELECT {who} AS who, {what} AS what, {label} AS label,
           unnest(range((greatest(s.from_ns, $from_ns) - $from_ns) // $width,
                        (least(s.to_ns, $to_ns) - 1 - $from_ns) // $width + 1)) AS stretch, s.from_ns, s.to_ns
    FROM {table} s LEFT JOIN call c ON c.call_id = {call} WHERE {within}
),
spent AS (
    SELECT who, stretch, what, label, sum(least(to_ns, $from_ns + (stretch + 1) * $width, $to_ns)
               - greatest(from_ns, $from_ns + stretch * $width)) AS ns
    FROM cut GROUP BY ALL
),
kind AS (SELECT who, stretch, what, sum(ns) AS ns, arg_max(label, ns) AS label FROM spent GROUP BY ALL)
SELECT who, stretch, arg_max(what, ns), arg_max(label, ns), max(ns) FROM kind GROUP BY who, stretch
ORDER BY who, stretch"""

_ROWS = f"""
SELECT s.tid, s.from_ns, s.to_ns, {_KIND}, s.cpu, s.call_id, c.name, s.reason, s.waker_tid,
       lead(s.waker_tid) OVER w, lead(s.reason) OVER w
FROM thread_state s LEFT JOIN call c USING (call_id) WHERE {_WITHIN}
WINDOW w AS (PARTITION BY s.tid ORDER BY s.from_ns) ORDER BY s.from_ns, s.tid"""  # noqa: S608 (constants)

_TURNS = f"""SELECT s.cpu, s.tid, s.from_ns, s.to_ns, s.user_ns FROM cpu_use s WHERE {_WITHIN}
ORDER BY s.cpu, s.from_ns"""  # noqa: S608 (constants)

_NAMES = "SELECT tid, coalesce(arg_max(comm, start_ns), '?'), any_value(pid) FROM task GROUP BY tid"


@dataclass(frozen=True, slots=True)
class ThreadTimes:
    """One thread's time by what it did, in nanoseconds. `mostly_blocked_in` is a call's name; empty: in none."""

    tid: int
    own_code_ns: int
    calls_ns: int
    runnable_ns: int
    runnable_times: int
    runnable_longest_ns: int
    blocked_ns: int
    stopped_ns: int
    mostly_blocked_in: str


@dataclass(frozen=True, slots=True)
class StateRow:
    """One state of one thread. `ended_by_tid` woke it; None: an interrupt, a softirq, or it was not blocked."""

    tid: int
    from_ns: int
    to_ns: int
    did: str
    cpu: int | None
    call_id: int | None
    call: str | None
    reason: str | None
    waker_tid: int | None
    ended_by_tid: int | None
    then: str | None


@dataclass(frozen=True, slots=True)
class CpuTurn:
    """One turn of a recorded thread on a CPU; `own_code_ns` of it was in no call."""

    cpu: int
    tid: int
    from_ns: int
    to_ns: int
    own_code_ns: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """What a thread did, or who had a CPU, for most of one stretch of time, and the call it was in or their thread."""

    number: int
    what: str
    label: str
    ns: int


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a capture; `tid` None: all threads."""

    from_ns: int
    to_ns: int
    tid: int | None = None

    @property
    def parameters(self) -> dict[str, int | None]:
        """For the queries."""
        return {"from_ns": self.from_ns, "to_ns": self.to_ns, "tid": self.tid}


def whole(db: duckdb.DuckDBPyConnection) -> Part | None:
    """From the first to the last state that is known; None if the scheduler's events were not recorded."""
    row = db.execute("SELECT min(from_ns), max(to_ns) FROM thread_state").fetchone()
    return Part(row[0], row[1]) if row is not None and row[0] is not None else None


def thread_names(db: duckdb.DuckDBPyConnection) -> dict[int, str]:
    """`nc 12`, `nc 12/14`; safe."""
    return {
        tid: f"{escape_text(comm)} {pid}" + (f"/{tid}" if tid != pid else "")
        for tid, comm, pid in db.execute(_NAMES).fetchall()
    }


def times(db: duckdb.DuckDBPyConnection, part: Part) -> list[ThreadTimes]:
    """Of each thread, those that ran longest first."""
    return [ThreadTimes(*row) for row in db.execute(_TIMES, part.parameters).fetchall()]


def rows(db: duckdb.DuckDBPyConnection, part: Part) -> list[StateRow]:
    """Every state, in order of time."""
    return [StateRow(*row) for row in db.execute(_ROWS, part.parameters).fetchall()]


def cpu_turns(db: duckdb.DuckDBPyConnection, part: Part) -> list[CpuTurn]:
    """Every turn on a CPU, whole, by CPU in order of time."""
    return [CpuTurn(*row) for row in db.execute(_TURNS, part.parameters).fetchall()]


def by_thread(db: duckdb.DuckDBPyConnection, part: Part, width_ns: int) -> dict[int, list[Stretch]]:
    """What each thread did most in each stretch of `width_ns`."""
    query = _STRETCHES.format(
        who="s.tid", what=_KIND, label="coalesce(c.name, '')", table="thread_state", call="s.call_id", within=_WITHIN
    )
    return _stretches(db, query, part, width_ns)


def by_cpu(db: duckdb.DuckDBPyConnection, part: Part, width_ns: int) -> dict[int, list[Stretch]]:
    """Which recorded thread had each CPU most in each stretch: its number is `what`."""
    query = _STRETCHES.format(
        who="s.cpu", what="CAST(s.tid AS VARCHAR)", label="''", table="cpu_use", call="NULL", within=_WITHIN
    )
    return _stretches(db, query, part, width_ns)


def _stretches(db: duckdb.DuckDBPyConnection, query: str, part: Part, width_ns: int) -> dict[int, list[Stretch]]:
    found: dict[int, list[Stretch]] = {}
    for who, *stretch in db.execute(query, {**part.parameters, "width": width_ns}).fetchall():
        found.setdefault(who, []).append(Stretch(*stretch))
    return found
