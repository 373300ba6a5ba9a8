"""Answers that a server took long to begin, and the calls in which the thread that answered spent that time."""

from wiretale.decode.durations import duration
from wiretale.explain.conversation import RECEIVES
from wiretale.explain.odd._rows import refs
from wiretale.explain.odd._served import SERVED
from wiretale.explain.story import Ref, Step
from wiretale.explain.words import capital, code, count, listed, place, spread
from wiretale.explain.world import World
from wiretale.light import dataclass

LEAST_NS = 100_000_000
LEAST_SHARE = 10  # per cent of the time that a call is told for
MOST = 4

# From the return of the last read of a question to the beginning of the first write after it. Left out is what may have
# been written for another reason: the same thread read from another connection that it serves, from a terminal, or from
# its standard input.
_QUERY = f"""
WITH side AS ({SERVED}),
moved AS (
    SELECT s.connection_id, s.pid, s.own_addr, s.own_port, true AS came, r.call_id FROM side s
    JOIN stream_read r ON r.connection_id = s.connection_id AND r.direction <> s.sends
    WHERE r.hi > r.lo AND NOT r.peeked
    UNION ALL
    SELECT s.connection_id, s.pid, s.own_addr, s.own_port, false, v.call_id FROM side s
    JOIN stream_write v ON v.connection_id = s.connection_id AND v.direction = s.sends
),
turn AS (
    SELECT m.*, c.task_id, c.tid, c.name, c.start_ns, c.exit_ns, lag({{'came': came, 'call_id': call_id,
        'task_id': c.task_id, 'name': c.name, 'fd': c.fd, 'exit_ns': c.exit_ns}}) OVER (
            PARTITION BY connection_id ORDER BY c.start_ns, call_id) AS asked
    FROM moved m JOIN call c USING (call_id)
),
answer AS (
    SELECT connection_id, pid, own_addr, own_port, task_id, tid, name, call_id, start_ns, asked,
        start_ns - asked.exit_ns AS took
    FROM turn WHERE NOT came AND asked.came AND start_ns > asked.exit_ns
),
mixed AS (
    SELECT DISTINCT a.call_id FROM answer a JOIN turn t ON t.task_id = a.asked.task_id AND t.came
        AND t.connection_id <> a.connection_id AND t.start_ns BETWEEN a.asked.exit_ns AND a.start_ns
    WHERE a.took >= {LEAST_NS}
    UNION
    SELECT DISTINCT a.call_id FROM answer a JOIN call c ON c.task_id = a.asked.task_id
        AND c.start_ns BETWEEN a.asked.exit_ns AND a.start_ns
    JOIN call_file x ON x.call_id = c.call_id JOIN file f ON f.file_id = x.file_id
    WHERE a.took >= {LEAST_NS} AND (f.kind = 'terminal' OR c.fd = 0) AND c.name IN {RECEIVES}
)
SELECT pid, own_addr, own_port, count(*), min(took), quantile_disc(took, 0.5), max(took), arg_max({{'task_id': task_id,
    'tid': tid, 'pid': pid, 'connection_id': connection_id, 'name': name, 'call_id': call_id, 'start_ns': start_ns,
    'asked_task': asked.task_id, 'asked_call': asked.call_id, 'asked_name': asked.name, 'fd': asked.fd,
    'since': asked.exit_ns}}, took)
FROM answer WHERE call_id NOT IN (FROM mixed) GROUP BY pid, own_addr, own_port HAVING max(took) >= {LEAST_NS}
ORDER BY max(took) DESC"""  # noqa: S608 (fixed text)

_PARTS = """
SELECT c.name, coalesce(w.fd, c.fd), o.addr, o.port, count(*), sum(least(coalesce(c.exit_ns, $until), $until)
    - greatest(c.start_ns, $since))::BIGINT AS took, arg_max(c.call_id, c.exit_ns - c.start_ns)
FROM call c LEFT JOIN wait w USING (call_id) LEFT JOIN endpoint e ON e.socket_id = w.socket_id
LEFT JOIN endpoint o ON o.connection_id = e.connection_id AND o.role <> e.role
WHERE c.task_id = $task AND coalesce(c.exit_ns, $until) > $since AND c.start_ns < $until
GROUP BY ALL ORDER BY took DESC"""


@dataclass(frozen=True, slots=True)
class _Answer:
    """The slowest answer of one server. Times in ns."""

    task_id: int
    tid: int
    pid: int
    connection_id: int
    name: str
    call_id: int
    start_ns: int
    asked_task: int
    asked_call: int
    asked_name: str
    fd: int
    since: int

    @property
    def took(self) -> int:
        """From the question's last bytes to the answer's first."""
        return self.start_ns - self.since


def find(world: World) -> list[Step]:
    """One step for each process and address it serves, the slowest first."""
    if not world.signs.writes or not world.signs.reads:
        return []
    steps = []
    for _, addr, port, total, least, median, most, slowest in world.db.execute(_QUERY).fetchmany(MOST):
        answer = _Answer(**slowest)
        evidence: list[Ref] = [*refs("call", [answer.asked_call, answer.call_id])]
        where = f" at {code(place(addr, port))}" if addr else ""
        said = []
        if total > 1:
            said.append(
                f"{capital(world.who(answer.pid))} answered {total:,} times{where}: "
                f"{spread(least, median, most, total)}, after it had read the last bytes of the question."
            )
        said.append(
            f"{'The slowest was on' if total > 1 else 'On'} connection {answer.connection_id}: {world.caller(answer)} "
            f"began the answer with {code(answer.name + '()')} {duration(answer.took)} after "
            f"{code(answer.asked_name + '()')} on descriptor {answer.fd} had returned with the question."
        )
        said += _where_it_went(world, answer, evidence)
        steps.append(
            Step("", "Slow to answer", tuple(said), answer.since, refs=tuple(evidence), inferred=True,
                 background=("What answers what is told from the order alone: the first bytes written after the last "
                             "that were read.",),
                 remedy="wiretale critical FILE shows what ended each wait (of a recording with --kernel)")
        )  # fmt: skip
    return steps


def _where_it_went(world: World, answer: _Answer, evidence: list[Ref]) -> list[str]:
    """The calls of the thread that answered, by the time they took."""
    if answer.asked_task != answer.task_id:
        return ["Another thread had read the question."]
    rows = world.db.execute(
        _PARTS, {"task": answer.task_id, "since": answer.since, "until": answer.start_ns}
    ).fetchall()
    told, left = [], answer.took
    for name, fd, addr, port, total, took, call_id in rows:
        left -= took
        if took * 100 < LEAST_SHARE * answer.took:
            continue
        on = f" on descriptor {fd}" if fd is not None else ""
        whom = f" (connected to {code(place(addr, port))})" if addr else ""
        times = f", in {count(total, 'call')}" if total > 1 else ""
        told.append(f"{duration(took)} in {code(name + '()')}{on}{whom}{times}")
        evidence += refs("call", [call_id])
    if left * 100 >= LEAST_SHARE * answer.took:
        told.append(f"{duration(left)} in no call: it ran its own code, or waited for a CPU")
    return [f"Of that time the thread spent {listed(told)}."] if told else []
