"""One answer's critical path with what is needed to tell it: calls, threads, packets by their numbers."""

from dataclasses import dataclass

import duckdb

from wiretale.join.critical.chain import Did, Piece, chain
from wiretale.join.critical.span import Span
from wiretale.join.critical.timeline import fetch
from wiretale.join.kernel_path import strangers

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
    bare: frozenset[int]  # packets (packet_id) that only acknowledge: no payload, SYN, FIN or RST, and no probe
    nagle: frozenset[int]  # packets (packet_id) that are proven to have waited for the acknowledgement of earlier bytes
    no_room: frozenset[int]  # calls (call_id) during which the other end's receive window was full
    before: dict[tuple[int, int], int]  # by thread and time at which it got a CPU: the thread that had it until then
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


# A probe of a window or of life is no acknowledgement, though it looks like one.
_BARE = """SELECT packet_id FROM packet p LEFT JOIN segment g USING (packet_id)
WHERE packet_id IN (SELECT unnest(?)) AND p.payload_bytes = 0 AND p.flags & 7 = 0 AND g.truth IS NULL
AND NOT list_has_any(g.analysis, ['keep_alive', 'zero_window_probe'])"""

_NO_ROOM = """SELECT DISTINCT c.call_id FROM call c JOIN stream_write w USING (call_id)
JOIN segment g ON g.connection_id = w.connection_id JOIN packet p USING (packet_id)
WHERE c.call_id IN (SELECT unnest(?)) AND p.time_ns BETWEEN c.start_ns AND coalesce(c.exit_ns, p.time_ns)
  AND list_contains(g.analysis, CASE WHEN g.direction = w.direction THEN 'window_full' ELSE 'zero_window' END)"""

# RFC 9293 3.7.4: a segment of less than the MSS is not sent while earlier bytes are unacknowledged. The call that wrote
# its bytes was over when the acknowledgement came, and nothing else held it: no window (there was room, and nothing was
# lost, after which the congestion window is small), no TCP_CORK.
_NAGLE = """SELECT DISTINCT p.packet_id FROM packet p JOIN segment g USING (packet_id)
JOIN link l ON l.packet_id = p.packet_id AND l.kind = 'write_segment' JOIN stream_write w USING (write_id)
JOIN call c ON c.call_id = w.call_id
JOIN (SELECT q.time_ns, h.connection_id, h.direction, h.acked FROM packet q JOIN segment h USING (packet_id)
      WHERE q.packet_id IN (SELECT unnest($bare))) a ON a.connection_id = g.connection_id AND a.direction <> g.direction
WHERE p.packet_id IN (SELECT unnest($packets)) AND a.acked = g.lo AND a.time_ns <= p.time_ns AND c.exit_ns < a.time_ns
  AND p.payload_bytes > 0
  AND p.payload_bytes < (SELECT min(mss) FROM packet y JOIN segment z USING (packet_id)
                         WHERE z.connection_id = g.connection_id AND y.flags & 2 > 0)
  AND NOT EXISTS (SELECT 1 FROM segment e WHERE e.connection_id = g.connection_id AND e.packet_id <= g.packet_id
      AND list_has_any(e.analysis, ['retransmission', 'fast_retransmission', 'window_full', 'zero_window']))
  AND NOT EXISTS (SELECT 1 FROM call o JOIN call_connection x USING (call_id)
      WHERE x.connection_id = g.connection_id AND o.name = 'setsockopt' AND o.a1 = 6 AND o.a2 IN (1, 3))"""

_BEFORE = """SELECT other_tid, time_ns, tid FROM kernel_event
WHERE name = 'sched:sched_switch' AND time_ns IN (SELECT unnest(?))"""


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
    bare = frozenset(i for (i,) in db.execute(_BARE, [packets]).fetchall())
    no_room = frozenset(i for (i,) in db.execute(_NO_ROOM, [sorted(wanted)]).fetchall())
    found = db.execute(_NAGLE, {"bare": sorted(bare), "packets": packets}).fetchall()
    nagle = frozenset(i for (i,) in found)
    turns = [p.to_ns for p in pieces if p.did is Did.RUNNABLE]
    before = {(tid, at): who for tid, at, who in db.execute(_BEFORE, [turns]).fetchall()}
    source = db.execute(
        "SELECT coalesce(bool_or(source = 'ptrace' AND ran), false), coalesce(sum(lost) FILTER (source = 'ebpf'), 0)"
        " FROM source"
    ).fetchone()
    stopped, lost = source or (False, 0)
    return CriticalPath(
        span, pieces, {c.call_id: c for c in calls}, strangers(db) | dict(db.execute(_THREADS).fetchall()),
        dict(numbers), bare, nagle, no_room, before, stopped, int(lost),
    )  # fmt: skip
