"""Questions that a server read, handed on, and did not answer, while it went on waiting for more of the same client.

A server that waits for more may simply be at rest: most of what clients send needs no answer. So it is told only if an
answer is due: by the protocol (a whole request of HTTP/1), or because questions at that address were answered before in
the same way. What is handed on, and to whom, is seen: bytes the same thread wrote to another server, or a thread that
it woke. That what was handed on is the question is inferred from the order.
"""

import re

from wiretale.decode.durations import duration
from wiretale.explain.conversation import ACCEPTS, RECEIVES, WAITS
from wiretale.explain.odd._blocked import Blocked, blocked, thread
from wiretale.explain.odd._rows import refs
from wiretale.explain.odd._served import SERVED
from wiretale.explain.story import Ref, Step
from wiretale.explain.words import capital, code, count, place
from wiretale.explain.world import World
from wiretale.light import dataclass

LEAST_NS = 1_000_000_000
LEAST_TIMES_LONGER = 10  # than the slowest answer
LEAST_ROUNDS = 2
MOST = 4
_RESTS = (*WAITS, *ACCEPTS, "io_uring_enter")
# A request of HTTP/1 that is whole: of a method that has no content, up to the empty line (RFC 9112, section 2.1).
_HTTP = re.compile(rb"(?:GET|HEAD) \S+ HTTP/1\.[01]\r\n(?:[^\r\n]+\r\n)*\r\n")

# Turns of the ends that a recorded process serves: what came last without an answer, and how those before went.
_QUERY = f"""
WITH side AS ({SERVED} AND o.pid IS NULL),
moved AS (
    SELECT s.connection_id, true AS came, r.call_id FROM side s
    JOIN stream_read r ON r.connection_id = s.connection_id AND r.direction <> s.sends
    WHERE r.hi > r.lo AND NOT r.peeked
    UNION ALL
    SELECT s.connection_id, false, v.call_id FROM side s
    JOIN stream_write v ON v.connection_id = s.connection_id AND v.direction = s.sends
),
turn AS (
    SELECT m.connection_id, m.came, c.call_id, c.task_id, c.tid, c.name, c.start_ns, c.exit_ns,
        lag({{'came': came, 'task_id': c.task_id, 'exit_ns': c.exit_ns}}) OVER w AS before,
        lead(c.call_id) OVER w IS NULL AS last
    FROM moved m JOIN call c USING (call_id)
    -- a thread that only reads is in its next read before another has answered
    WINDOW w AS (PARTITION BY connection_id ORDER BY CASE WHEN came THEN c.exit_ns ELSE c.start_ns END, c.call_id)
)
SELECT s.connection_id, s.pid, s.own_addr, s.own_port, s.addr, s.port, t.call_id, t.task_id, t.tid, t.name, t.exit_ns,
    (SELECT retval FROM call c WHERE c.call_id = t.call_id),
    (SELECT list({{'from': a.before.exit_ns, 'to': a.start_ns, 'asked': a.before.task_id, 'task': a.task_id}})
     FROM turn a JOIN side o USING (connection_id)
     WHERE o.pid = s.pid AND o.own_port IS NOT DISTINCT FROM s.own_port AND o.own_addr IS NOT DISTINCT FROM s.own_addr
        AND NOT a.came AND a.before.came AND a.start_ns >= a.before.exit_ns)
FROM turn t JOIN side s USING (connection_id)
WHERE t.last AND t.came AND $end - t.exit_ns >= {LEAST_NS} ORDER BY t.exit_ns LIMIT 200"""  # noqa: S608 (fixed text)

_CLOSED = """SELECT min(ended_ns) FROM (
    SELECT p.time_ns AS ended_ns FROM segment g JOIN packet p USING (packet_id)
    WHERE g.shown AND g.connection_id = $connection AND p.flags & 5 <> 0 AND p.time_ns > $since
    UNION ALL
    SELECT c.start_ns FROM call c JOIN call_file x USING (call_id) JOIN socket s USING (file_id)
    JOIN endpoint e ON e.socket_id = s.socket_id
    WHERE e.connection_id = $connection AND c.name IN ('close', 'shutdown') AND c.start_ns > $since)"""

# When the thread that read it went to rest again, or read something else. An event loop that has work left looks for
# more without waiting: with a time limit of 0, which is epoll_wait()'s fourth and poll()'s third argument.
_TURN_ENDS = f"""SELECT min(c.start_ns) FROM call c LEFT JOIN call_file x USING (call_id)
WHERE c.task_id = $task AND c.start_ns >= $since AND c.call_id <> $call AND ((c.name IN {_RESTS}
    AND NOT (c.name LIKE 'epoll%' AND c.a3 & 4294967295 = 0) AND NOT (c.name = 'poll' AND c.a2 & 4294967295 = 0)) OR (
    c.name IN {RECEIVES} AND x.socket_id IN (SELECT e.socket_id FROM endpoint e WHERE e.role = 'server')))"""  # noqa: S608

# What a thread wrote as a client, in a time, on connections on which nothing has come back since.
_ASKED_ON = """
SELECT e.connection_id, o.addr, o.port, min(c.start_ns), arg_max(c.call_id, c.start_ns), arg_max(c.name, c.start_ns),
    sum(v.hi - v.lo)::BIGINT, any_value(c.fd)
FROM stream_write v JOIN call c USING (call_id)
JOIN endpoint e ON e.connection_id = v.connection_id AND e.sends = v.direction AND e.role = 'client'
JOIN endpoint o ON o.connection_id = e.connection_id AND o.role = 'server'
WHERE c.task_id = $task AND c.start_ns >= $since AND c.start_ns <= $until AND v.hi > v.lo
    AND NOT EXISTS (FROM segment g JOIN packet p USING (packet_id) WHERE g.connection_id = v.connection_id AND g.shown
        AND g.direction <> v.direction AND g.hi > g.lo AND p.time_ns > c.start_ns)
    AND NOT EXISTS (FROM stream_read r JOIN call d ON d.call_id = r.call_id WHERE r.connection_id = v.connection_id
        AND r.direction <> v.direction AND r.hi > r.lo AND d.start_ns > c.start_ns)
GROUP BY ALL ORDER BY 4 LIMIT 1"""

# In how many turns before the same place was asked, and answered, between the question and its answer.
_ASKED_BEFORE = """
SELECT count(DISTINCT t."from") FROM (SELECT unnest($turns, recursive := true)) t
JOIN stream_write v ON true JOIN call c USING (call_id)
JOIN endpoint e ON e.connection_id = v.connection_id AND e.sends = v.direction AND e.role = 'client'
JOIN endpoint o ON o.connection_id = e.connection_id AND o.role = 'server'
WHERE c.pid = $pid AND c.start_ns BETWEEN t."from" AND t."to" AND o.addr IS NOT DISTINCT FROM $addr
    AND o.port IS NOT DISTINCT FROM $port
    AND EXISTS (FROM stream_read r JOIN call d ON d.call_id = r.call_id WHERE r.connection_id = v.connection_id
        AND r.direction <> v.direction AND r.hi > r.lo AND d.start_ns BETWEEN c.start_ns AND t."to")"""

# Whom the thread woke in its turn.
_WOKEN = """
SELECT DISTINCT c.task_id, c.tid, c.pid, c.name, c.a0, w.to_ns, k.call_id, k.name
FROM call k JOIN wait w ON w.cause_call_id = k.call_id JOIN call c ON c.call_id = w.call_id
WHERE k.task_id = $task AND k.start_ns >= $since AND k.start_ns < $until AND c.task_id <> $task
ORDER BY w.to_ns LIMIT 20"""

_IS_OF_MUTEX = "SELECT 1 FROM thread_sample WHERE tid = ? AND lock_owner_tid IS NOT NULL AND time_ns >= ? LIMIT 1"
_PAYLOAD = """SELECT bytes FROM call_data WHERE call_id = ? AND role = 'payload' ORDER BY "offset" LIMIT 1"""


@dataclass(frozen=True, slots=True)
class _Question:
    """What a client sent last. Times in ns; `turns`: those at the same address that were answered before."""

    connection_id: int
    pid: int
    own_addr: str | None
    own_port: int | None
    addr: str | None
    port: int | None
    call_id: int
    task_id: int
    tid: int
    name: str
    at: int
    size: int
    turns: list[dict[str, int]] | None

    @property
    def slowest(self) -> int:
        """The longest time between a question and its answer."""
        return max((t["to"] - t["from"] for t in self.turns or ()), default=0)


def find(world: World) -> list[Step]:
    """One step for each address at which a question was not answered, the one that was asked first."""
    if not world.signs.reads:
        return []
    steps: dict[tuple[int, str | None, int | None], Step] = {}
    for row in world.db.execute(_QUERY, {"end": world.end_ns}).fetchall():
        question = _Question(*row)
        key = (question.pid, question.own_addr, question.own_port)
        if key not in steps and (step := _told(world, question)) is not None:
            steps[key] = step
    return list(steps.values())[:MOST]


def _told(world: World, question: _Question) -> Step | None:
    process = world.processes.get(question.pid)
    until = process.end_ns if process is not None and process.end_ns else world.end_ns
    closed = world.db.execute(_CLOSED, {"connection": question.connection_id, "since": question.at}).fetchone()
    until = min(until, closed[0]) if closed is not None and closed[0] is not None else until
    silence = until - question.at
    if silence < max(LEAST_NS, LEAST_TIMES_LONGER * question.slowest):
        return None
    turn = {"task": question.task_id, "since": question.at}
    ends = world.db.execute(_TURN_ENDS, turn | {"call": question.call_id}).fetchone()
    if ends is None or ends[0] is None:
        return None  # it has done nothing else since: `unanswered` tells of it
    payload = world.db.execute(_PAYLOAD, [question.call_id]).fetchone()
    is_http = payload is not None and payload[0] is not None and _HTTP.fullmatch(payload[0]) is not None
    evidence: list[Ref] = [
        Ref("connection", question.connection_id, f"connection {question.connection_id}"),
        *refs("call", [question.call_id]),
    ]
    handed = _asked_on(world, question, turn | {"until": ends[0]}, evidence, is_due=is_http)
    if handed is None:
        handed = _woken(world, question, turn | {"until": ends[0]}, until, evidence, is_due=is_http)
    if handed is None and is_http:
        handed = "It asked no other server then, and woke no thread that is stuck: the cause is in its own program."
    if handed is None:
        return None
    who = thread(world, question.tid, question.pid)
    whose = f" of {world.who(question.pid)}" if question.tid != question.pid else ""
    said = [
        f"{capital(who)}{whose} read {count(question.size, 'byte')} of connection {question.connection_id} (from "
        f"{code(place(question.addr, question.port))}) with {code(question.name + '()')} at {world.at(question.at)}, "
        f"went on to wait for more, and nothing was sent back for {duration(silence)}."
    ]
    if is_http:
        said.append("They are a whole request of HTTP, which has to be answered.")
    if question.turns:
        said.append(
            f"{count(len(question.turns), 'question')} at {code(place(question.own_addr, question.own_port))} "
            f"{'was' if len(question.turns) == 1 else 'were'} answered before, "
            f"{'' if len(question.turns) == 1 else 'the slowest '}after {duration(question.slowest)}."
        )
    said.append(handed)
    return Step(
        "", "Read, handed on, and not answered", tuple(said), question.at, refs=tuple(evidence), inferred=True,
        background=("What was handed on, and to whom, is seen; that it is this question is told from the order.",),
        remedy="wiretale record -p PID -p PID records both programs, and so what the other one did with it",
    )  # fmt: skip


def _asked_on(
    world: World, question: _Question, turn: dict[str, int], evidence: list[Ref], *, is_due: bool
) -> str | None:
    """What its thread asked of another server before it went on, and got no answer to."""
    row = world.db.execute(_ASKED_ON, turn).fetchone()
    if row is None:
        return None
    connection, addr, port, at, call_id, name, size, fd = row
    place_of = {"turns": question.turns or [], "pid": question.pid, "addr": addr, "port": port}
    before = world.db.execute(_ASKED_BEFORE, place_of).fetchone() if question.turns else None
    if not is_due and (before is None or before[0] < LEAST_ROUNDS):
        return None
    evidence += [*refs("call", [call_id]), Ref("connection", connection, f"connection {connection}")]
    often = f", as in {count(before[0], 'round')} before, which it answered" if before is not None and before[0] else ""
    return (
        f"{duration(at - question.at)} after the question the thread had sent {count(size, 'byte')} to "
        f"{code(place(addr, port))} "
        f"with {code(name + '()')} on descriptor {fd} (connection {connection}){often}; nothing has come back from "
        "there since: the answer waits for that server (inferred)."
    )


def _woken(
    world: World, question: _Question, turn: dict[str, int], until: int, evidence: list[Ref], *, is_due: bool
) -> str | None:
    """The thread that was woken, if it has been stuck since in another call than the one in which it waits for work."""
    by_others = sum(t["asked"] != t["task"] for t in question.turns or ())
    if not is_due and by_others < LEAST_ROUNDS:
        return None
    for _, tid, pid, waited_in, waited_on, woken, call_id, name in world.db.execute(_WOKEN, turn).fetchall():
        at = blocked(world, tid, until - 1)
        if at is None or at.took_ns < LEAST_NS or not _is_stuck(world, at, (waited_in, waited_on)):
            continue
        evidence += [*refs("call", [call_id]), *at.refs]
        whose = "" if pid == question.pid else f" of {world.who(pid)}"
        often = f" Other threads than the reader gave {by_others} answers before." if by_others else ""
        return (
            f"Its {code(name + '()')} had woken {thread(world, tid, pid)}{whose} {duration(woken - question.at)} after "
            f"the question, and that thread {at.sentence} by {world.at(until)}.{often} So the question is stuck there "
            "(inferred)."
        )
    return None


def _is_stuck(world: World, at: Blocked, rest: tuple[str, int]) -> bool:
    """Whether a call is none in which a thread waits for work."""
    row = world.db.execute("SELECT name, a0, start_ns FROM call WHERE call_id = ?", [at.call_id]).fetchone()
    if row is None or row[0] in _RESTS or (row[0], row[1]) == rest:
        return False
    if row[0].startswith("futex"):
        return world.db.execute(_IS_OF_MUTEX, [at.tid, row[2]]).fetchone() is not None
    return True
