"""One answer's critical path with what is needed to tell it: calls, threads, packets by their numbers."""

from dataclasses import dataclass

import duckdb

from wiretale.join.critical.chain import Piece, chain
from wiretale.join.critical.span import Span
from wiretale.join.critical.timeline import fetch

# Calls that no packet ends: what wakes them is a timer, another thread, or a child. A poll of nothing is a sleep, too.
_SLEEPS = """(c.name IN ('nanosleep', 'clock_nanosleep') OR (c.name IN ('poll', 'ppoll') AND c.a1 = 0)
    OR (c.name IN ('select', 'pselect6') AND (c.a0 = 0 OR (c.a1 = 0 AND c.a2 = 0 AND c.a3 = 0))))"""
LOCKS = frozenset({"futex", "futex_waitv", "futex_wait"})
CHILDREN = frozenset({"wait4", "waitid", "vfork", "clone", "clone3"})


@dataclass(frozen=True, slots=True)
class CallFacts:
    """A call of the chain. `file` is the kind of file it acted on, `name_of_file` its name; None if none is known.

    `sleeps`: only the time, or a signal, ends it.
    """

    call_id: int
    name: str
    fd: int | None
    tid: int
    retval: int | None
    file: str | None
    name_of_file: str | None
    connection_id: int | None
    sleeps: bool


@dataclass(frozen=True, slots=True)
class CriticalPath:
    """The pieces tile the span. `packets` are numbers by packet_id; `threads` are command name and numbers by tid."""

    span: Span
    pieces: list[Piece]
    calls: dict[int, CallFacts]
    threads: dict[int, str]
    packets: dict[int, int]
    stopped: bool  # the calls were recorded by ptrace, whose stops are in the times
    lost: int  # kernel events that the recorder lost


_CALLS = f"""SELECT c.call_id, c.name, c.fd, c.tid, c.retval, any_value(f.kind), any_value(f.name),
       any_value(x.connection_id), {_SLEEPS}
FROM call c LEFT JOIN call_file USING (call_id) LEFT JOIN file f USING (file_id)
LEFT JOIN call_connection x ON x.call_id = c.call_id
WHERE c.call_id IN (SELECT unnest(?)) GROUP BY ALL"""  # noqa: S608 (fixed text)

_THREADS = """SELECT tid, coalesce(arg_max(comm, start_ns), '?') || ' ' || any_value(pid)
    || CASE WHEN any_value(pid) <> tid THEN '/' || tid ELSE '' END FROM task GROUP BY tid"""

_NO_PACKETS = f"""SELECT call_id FROM call c WHERE (name IN (SELECT unnest(?)) OR {_SLEEPS}) AND start_ns < ?
AND coalesce(exit_ns, start_ns) >= ?"""  # noqa: S608 (fixed text)


def critical_path(db: duckdb.DuckDBPyConnection, span: Span) -> CriticalPath:
    """The chain of waits and work that bounded a span."""
    rows = fetch(db, span.begin_ns, span.end_ns)
    names = sorted(LOCKS | CHILDREN)
    found = db.execute(_NO_PACKETS, [names, span.end_ns, span.begin_ns]).fetchall()
    pieces = chain(rows, span.tid, span.begin_ns, span.end_ns, frozenset(i for (i,) in found))
    wanted = {span.begin_call, span.end_call} | {i for p in pieces for i in (p.call_id, p.waiter_call) if i}
    calls = [CallFacts(*row) for row in db.execute(_CALLS, [sorted(wanted)]).fetchall()]
    packets = sorted({p.packet_id for p in pieces if p.packet_id})
    numbers = db.execute(
        "SELECT packet_id, number FROM packet WHERE packet_id IN (SELECT unnest(?))", [packets]
    ).fetchall()
    source = db.execute(
        "SELECT coalesce(bool_or(source = 'ptrace' AND ran), false), coalesce(sum(lost) FILTER (source = 'ebpf'), 0)"
        " FROM source"
    ).fetchone()
    stopped, lost = source or (False, 0)
    return CriticalPath(
        span, pieces, {c.call_id: c for c in calls}, dict(db.execute(_THREADS).fetchall()),
        dict(numbers), stopped, int(lost),
    )  # fmt: skip
