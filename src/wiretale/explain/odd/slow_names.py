"""Names whose look-up took long: answered late, or one of its questions not at all while another was."""

from wiretale.decode.durations import duration
from wiretale.explain.odd._rows import refs
from wiretale.explain.story import Step
from wiretale.explain.words import capital, code, count, listed, place
from wiretale.explain.world import World
from wiretale.join.critical.lookups import Question, questions
from wiretale.light import dataclass, field

LEAST_NS = 1_000_000_000
MOST = 4
MOST_NAMES = 3

# Sockets on which something came back: silent ones are told by no_reply. Those of load generators are left out, whose
# questions are too many to be read one by one.
_SOCKETS = """
SELECT e.socket_id, e.pid, any_value(s.file_id) AS file_id FROM connection k
JOIN endpoint e ON e.connection_id = k.connection_id AND e.role = 'client' JOIN socket s USING (socket_id)
WHERE k.protocol = 'udp' AND k.server_bytes > 0 AND e.pid IS NOT NULL AND (
    SELECT count(*) FROM stream_write w WHERE w.socket_id = e.socket_id) BETWEEN 1 AND 1000
GROUP BY ALL ORDER BY 1 LIMIT 200"""

_CLOSED = """SELECT x.file_id, max(c.start_ns) FROM call c JOIN call_file x USING (call_id)
WHERE c.name = 'close' AND x.file_id IN (SELECT unnest(?)) GROUP BY 1"""

_WAITS = """SELECT socket_id, wait_id, from_ns, coalesce(to_ns, ?) FROM wait
WHERE socket_id IN (SELECT unnest(?)) ORDER BY from_ns"""


@dataclass(slots=True)
class _Slow:
    """The slow questions of one process to one server. Times in ns."""

    pid: int
    tid: int
    server: str
    late: list[Question] = field(default_factory=list)
    unanswered: list[Question] = field(default_factory=list)
    until_ns: int = 0
    waits: dict[int, int] = field(default_factory=dict)  # how long each lasted

    @property
    def all(self) -> list[Question]:
        """In order of time."""
        return sorted([*self.late, *self.unanswered], key=lambda question: question.asked_ns)


def find(world: World) -> list[Step]:
    """One step for each process and server, in order of time."""
    if not world.signs.talked("udp", "udplite") or not world.signs.writes:
        return []
    sockets = {socket: (pid, file) for socket, pid, file in world.db.execute(_SOCKETS).fetchall()}
    if not sockets:
        return []
    closed = dict(world.db.execute(_CLOSED, [[file for _, file in sockets.values()]]).fetchall())
    found: dict[tuple[int, str], _Slow] = {}
    for question in questions(world.db, list(sockets)):
        pid, file = sockets[question.socket_id]
        until = question.answered_ns or closed.get(file, world.end_ns)
        if until - question.asked_ns < LEAST_NS:
            continue
        slow = found.setdefault((pid, question.lookup.server), _Slow(pid, question.lookup.tid, question.lookup.server))
        (slow.unanswered if question.answered_ns is None else slow.late).append(question)
        slow.until_ns = max(slow.until_ns, until)
    for socket, wait, begin, end in world.db.execute(_WAITS, [world.end_ns, list(sockets)]).fetchall():
        for slow in found.values():
            if any(_is_pending(question, socket, begin, end) for question in slow.all):
                slow.waits[wait] = end - begin
    return [_step(world, slow) for slow in list(found.values())[:MOST]]


def _is_pending(question: Question, socket: int, begin: int, end: int) -> bool:
    """Whether a wait for a socket was one for this answer."""
    return question.socket_id == socket and question.asked_ns <= begin and end <= (question.answered_ns or end)


def _step(world: World, slow: _Slow) -> Step:
    address, _, port = slow.server.partition(" port ")
    server = code(place(address, int(port)))
    who = capital(world.who(slow.pid) if slow.tid == slow.pid else f"thread {slow.tid} of {world.who(slow.pid)}")
    said = []
    if slow.unanswered:
        times = count(sum(question.times for question in slow.unanswered), "datagram")
        said.append(
            f"{who} asked {server} for {_names(slow.unanswered)} with {times} from "
            f"{world.at(slow.unanswered[0].asked_ns)} on, and no answer came, though others of the same socket were "
            "answered."
        )
    if slow.late:
        last = max(slow.late, key=lambda question: (question.answered_ns or 0) - question.asked_ns)
        took = duration((last.answered_ns or 0) - last.asked_ns)
        again = f", {count(last.times, 'time')}" if last.times > 1 else ""
        slowest = ", of the slowest" if len(slow.late) > 1 else ""
        said.append(
            f"{who} asked {server} for {_names(slow.late)} and read the answer{slowest} {took} after it had "
            f"asked{again}."
        )
    if slow.waits:
        said.append(f"Threads waited {duration(sum(slow.waits.values()))} for this.")
    rests = [*refs("call", [question.call_id for question in slow.all[:3]]), *refs("wait", list(slow.waits)[:3])]
    return Step(
        "", "The look-up of a name took long", tuple(said), slow.all[0].asked_ns, refs=tuple(rests),
        background=("A resolver asks for IPv4 and IPv6 addresses at once (A and AAAA) and goes on when both are "
                    "answered. If one answer is lost, or a server or firewall ignores one of the questions, it "
                    "waits for its time limit, 5 s by default, and asks again (resolv.conf(5)).",),
        remedy=f"ask that server by hand, for each type: dig @{address} -p {port} NAME AAAA; for a server that ignores "
               "the second of two: options single-request in /etc/resolv.conf",
    )  # fmt: skip


def _names(asked: list[Question]) -> str:
    """Names with their types, a few of them."""
    names = list(dict.fromkeys(f"{code(question.lookup.name)} ({question.type})" for question in asked))
    more = [count(len(names) - MOST_NAMES, "other name")] if len(names) > MOST_NAMES else []
    return listed([*names[:MOST_NAMES], *more])
