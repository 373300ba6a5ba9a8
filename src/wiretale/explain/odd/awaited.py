"""Answers of programs that were not recorded, which a client waited for, and whether the time was lost on the way."""

from ipaddress import ip_address

from wiretale.decode.durations import duration
from wiretale.explain.conversation import RECEIVES
from wiretale.explain.odd._rows import packet_refs, refs
from wiretale.explain.story import Ref, Step
from wiretale.explain.words import capital, code, place, spread
from wiretale.explain.world import World
from wiretale.light import dataclass

LEAST_NS = 200_000_000
LEAST_SHARE = 80  # per cent of the time that threads must have waited for this connection alone
MOST = 4
POLLS = ("poll", "ppoll", "ppoll_time64")  # a1: how many descriptors

# From the last write of a question to the return of the first read after it. A program that waits for several things at
# once and reads a terminal, or its standard input, may be waiting for that instead.
_QUERY = f"""
WITH side AS (
    SELECT e.connection_id, e.pid, e.socket_id, e.sends, k.server_addr AS addr, k.server_port AS port,
        coalesce(k.initial_rtt_ns, 0) AS rtt, k.protocol
    FROM connection k JOIN endpoint e ON e.connection_id = k.connection_id AND e.role = 'client'
    JOIN endpoint o ON o.connection_id = e.connection_id AND o.role = 'server'
    WHERE e.pid IS NOT NULL AND o.pid IS NULL AND k.client_known_by <> 'guess'
        AND k.protocol IN ('tcp', 'unix-stream', 'unix-seqpacket')
),
moved AS (
    SELECT s.*, true AS came, r.call_id, r.lo, r.hi FROM side s
    JOIN stream_read r ON r.connection_id = s.connection_id AND r.direction <> s.sends
    WHERE r.hi > r.lo AND NOT r.peeked
    UNION ALL
    SELECT s.*, false, v.call_id, v.lo, v.hi FROM side s
    JOIN stream_write v ON v.connection_id = s.connection_id AND v.direction = s.sends
),
turn AS (
    SELECT m.*, c.task_id, c.tid, c.name, c.start_ns, c.exit_ns, lag({{'came': came, 'call_id': call_id, 'name': c.name,
        'start_ns': c.start_ns, 'hi': hi}}) OVER (PARTITION BY connection_id ORDER BY c.start_ns, call_id) AS asked
    FROM moved m JOIN call c USING (call_id)
),
answer AS (
    SELECT *, exit_ns - asked.start_ns AS took FROM turn
    WHERE came AND NOT asked.came AND exit_ns - asked.start_ns >= {LEAST_NS} + rtt
),
waited AS (
    SELECT a.call_id, sum(least(w.to_ns, a.exit_ns) - greatest(w.from_ns, a.asked.start_ns))::BIGINT AS total,
        arg_max(w.wait_id, w.to_ns - w.from_ns) AS longest, arg_max(c.name, w.to_ns - w.from_ns) AS wait,
        bool_and(c.name IN {RECEIVES} OR c.name IN {POLLS} AND c.a1 = 1) AS alone
    FROM answer a JOIN wait w ON w.socket_id = a.socket_id AND w.from_ns < a.exit_ns AND w.to_ns > a.asked.start_ns
    JOIN call c ON c.call_id = w.call_id GROUP BY a.call_id
),
typed AS (
    SELECT DISTINCT c.pid FROM call c JOIN call_file x USING (call_id) JOIN file f ON f.file_id = x.file_id
    WHERE (f.kind = 'terminal' OR c.fd = 0) AND c.name IN {RECEIVES} AND c.pid IN (SELECT pid FROM answer)
)
SELECT pid, addr, port, count(*), min(took), quantile_disc(took, 0.5), max(took),
    arg_max({{'task_id': task_id, 'tid': tid, 'pid': pid, 'wait': wait, 'alone': alone,
    'connection_id': connection_id, 'protocol': protocol, 'sends': sends, 'name': name, 'call_id': call_id,
    'asked_call': asked.call_id, 'asked_name': asked.name, 'asked_ns': asked.start_ns, 'hi': asked.hi, 'lo': lo,
    'took': took, 'wait_id': longest}}, took)
FROM answer JOIN waited USING (call_id)
WHERE total * 100 >= took * {LEAST_SHARE} AND (alone OR pid NOT IN (FROM typed))
GROUP BY pid, addr, port ORDER BY max(took) DESC LIMIT {MOST}"""  # noqa: S608 (fixed text)

# The first segments of the other end that acknowledge all of the question, and that carry the answer's first byte.
_SEGMENTS = """
SELECT min({'at': p.time_ns, 'id': p.packet_id, 'n': p.number}) FILTER (g.acked >= $hi),
    min({'at': p.time_ns, 'id': p.packet_id, 'n': p.number}) FILTER (g.lo <= $lo AND g.hi > $lo)
FROM segment g JOIN packet p USING (packet_id)
WHERE g.connection_id = $connection AND g.direction <> $sends AND g.shown AND p.number IS NOT NULL
    AND p.time_ns >= $since"""


@dataclass(frozen=True, slots=True)
class _Answer:
    """The slowest answer of one place. Positions are of the two streams, times in ns."""

    task_id: int
    tid: int
    pid: int
    wait: str
    alone: bool
    connection_id: int
    protocol: str
    sends: str
    name: str
    call_id: int
    asked_call: int
    asked_name: str
    asked_ns: int
    hi: int
    lo: int
    took: int
    wait_id: int


def find(world: World) -> list[Step]:
    """One step for each process and place, the longest wait first."""
    if not world.signs.writes or not world.signs.reads:
        return []
    steps = []
    for pid, addr, port, total, least, median, most, slowest in world.db.execute(_QUERY).fetchall():
        answer = _Answer(**slowest)
        whom = code(place(addr, port)) if addr else f"the other end of connection {answer.connection_id}"
        evidence: list[Ref] = [*refs("call", [answer.asked_call, answer.call_id]), *refs("wait", [answer.wait_id])]
        said = []
        if total > 1:
            said.append(
                f"{capital(world.who(pid))} waited for {whom} {total:,} times: {spread(least, median, most, total)}."
            )
        waited = "for this socket alone" if answer.alone else f"in {code(answer.wait + '()')}, which this socket ended"
        asked, read = code(answer.asked_name + "()"), code(answer.name + "()")
        after = f"The longest was on connection {answer.connection_id}: after" if total > 1 else "After"
        said.append(
            f"{after} {asked} of {world.caller(answer)} it took {duration(answer.took)} until {read} returned with "
            f"bytes from {whom}. Meanwhile it waited {waited}."
        )
        said += _on_the_way(world, answer, addr, evidence)
        steps.append(
            Step("", "A long wait for an answer", tuple(said), answer.asked_ns, refs=tuple(evidence), inferred=True,
                 background=("What answers what is told from the order alone. A program may also be asked to answer "
                             "only when there is something to tell.",),
                 remedy="record that program, too: wiretale record --with 'OTHER COMMAND', or -p PID where it runs")
        )  # fmt: skip
    return steps


def _on_the_way(world: World, answer: _Answer, addr: str | None, evidence: list[Ref]) -> list[str]:
    """Whether the time passed before the other kernel had the question, or after."""
    if answer.protocol != "tcp":
        return []
    acked, came = world.db.execute(
        _SEGMENTS, {"connection": answer.connection_id, "sends": answer.sends, "hi": answer.hi, "lo": answer.lo,
                    "since": answer.asked_ns},
    ).fetchone() or (None, None)  # fmt: skip
    if acked is None or came is None:
        return []
    evidence += packet_refs((one["id"], one["n"]) for one in (acked, came))
    way, there = acked["at"] - answer.asked_ns, came["at"] - acked["at"]
    if there * 100 >= LEAST_SHARE * answer.took:
        unless = "" if _is_loopback(addr) else ", unless what it sent first was lost on the way back"
        return [
            f"The kernel at the other end had acknowledged the question after {duration(way)} (packet {acked['n']}); "
            f"the answer's first byte came {duration(there)} later (packet {came['n']}). So the question was not held "
            f"up on the way: the time was spent by that program, or by those it asked{unless}."
        ]
    if way * 100 >= LEAST_SHARE * answer.took:
        return [
            f"The question was acknowledged only after {duration(way)} (packet {acked['n']}): the time was lost on the "
            "way, or before it was sent."
        ]
    return []


def _is_loopback(addr: str | None) -> bool:
    """Whether nothing can get lost between the two ends."""
    return addr is not None and ip_address(addr.partition("%")[0]).is_loopback
