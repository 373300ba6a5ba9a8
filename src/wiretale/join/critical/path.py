"""One answer's critical path with what is needed to tell it: calls, threads, packets by their numbers."""

import duckdb

from wiretale.join.critical.chain import Did, Piece, chain
from wiretale.join.critical.held import (
    bare_acknowledgements,
    beyond_the_window,
    calls_with_small_window,
    calls_without_room,
    waited_for_acknowledgement,
)
from wiretale.join.critical.lookups import WaitFor, waits_for_names
from wiretale.join.critical.span import Span
from wiretale.join.critical.timeline import fetch
from wiretale.join.kernel_path import threads
from wiretale.light import dataclass, field

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
    small_window: dict[int, int] = field(default_factory=dict)  # by call_id: bytes of a window that was too small
    beyond: dict[int, int] = field(default_factory=dict)  # by packet_id: bytes of the window that it waited for
    names: dict[int, WaitFor] = field(default_factory=dict)  # by call_id: the names whose answers it waited for
    round_trips: dict[int, int] = field(default_factory=dict)  # by packet_id: nanoseconds, its connection's fastest


_CALLS = f"""SELECT c.call_id, c.name, c.fd, c.tid, c.retval, any_value(f.kind), any_value(f.name),
       any_value(x.connection_id), {_SLEEPS}
FROM call c LEFT JOIN call_file USING (call_id) LEFT JOIN file f USING (file_id)
LEFT JOIN call_connection x ON x.call_id = c.call_id
WHERE c.call_id IN (SELECT unnest(?)) GROUP BY ALL"""  # noqa: S608 (fixed text)

_NO_PACKETS = f"""SELECT call_id FROM call c WHERE (name IN (SELECT unnest(?)) OR {_SLEEPS}) AND start_ns < ?
AND coalesce(exit_ns, start_ns) >= ?"""  # noqa: S608 (fixed text)


# The fastest round trip that the packet's sender took part in: the handshake's, or until it acknowledged something.
_ROUND_TRIPS = """SELECT g.packet_id, least(any_value(c.initial_rtt_ns), min(h.ack_rtt_ns))
FROM segment g JOIN connection c USING (connection_id)
JOIN segment h ON h.connection_id = g.connection_id AND h.direction = g.direction AND h.shown
WHERE g.packet_id IN (SELECT unnest(?)) AND c.initial_rtt_ns IS NOT NULL GROUP BY g.packet_id"""

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
    packets = sorted({i for p in pieces for i in (p.packet_id, p.sent_id) if i})
    numbers = db.execute(
        "SELECT packet_id, number FROM packet WHERE packet_id IN (SELECT unnest(?))", [packets]
    ).fetchall()
    bare, beyond = bare_acknowledgements(db, packets), beyond_the_window(db, pieces)
    nagle = waited_for_acknowledgement(db, packets, bare, beyond)
    waiting = sorted(wanted)
    no_room = calls_without_room(db, waiting)
    turns = [p.to_ns for p in pieces if p.did is Did.RUNNABLE]
    before = {(tid, at): who for tid, at, who in db.execute(_BEFORE, [turns]).fetchall()}
    source = db.execute(
        "SELECT coalesce(bool_or(source = 'ptrace' AND ran), false), coalesce(sum(lost) FILTER (source = 'ebpf'), 0)"
        " FROM source"
    ).fetchone()
    stopped, lost = source or (False, 0)
    return CriticalPath(
        span, pieces, {c.call_id: c for c in calls}, threads(db),
        dict(numbers), bare, nagle, no_room, before, stopped, int(lost),
        calls_with_small_window(db, waiting), beyond, waits_for_names(db, waiting),
        dict(db.execute(_ROUND_TRIPS, [sorted({p.packet_id for p in pieces if p.did is Did.OUTSIDE})]).fetchall()),
    )  # fmt: skip
