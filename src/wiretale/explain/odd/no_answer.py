"""A question that was never answered: a thread waited for the other end of a stream until it gave up or all ended."""

from typing import Any

from wiretale.decode.durations import duration
from wiretale.decode.ip_protocols import TCP
from wiretale.explain.conversation import WAITS
from wiretale.explain.icmp import errors_between
from wiretale.explain.odd._rows import packet_refs, refs
from wiretale.explain.odd._since import spent
from wiretale.explain.story import Ref, Step
from wiretale.explain.words import capital, code, count, place
from wiretale.explain.world import World
from wiretale.light import dataclass

LEAST_NS = 1_000_000_000
AT_ONCE_NS = 250_000_000
MOST = 4

# Of each connection the last question: what the client wrote since it last read something, and how long one of its
# threads was then blocked on this socket alone. A server that waits has answered and waits for the next question: that
# is its rest. Of a socketpair the end that wrote first is the client.
_QUERY = f"""
WITH asleep AS (
    SELECT w.wait_id, w.call_id, w.task_id, c.pid, c.tid, c.name, w.fd, w.socket_id, w.ended_by, w.from_ns,
        coalesce(w.to_ns, least(coalesce(t.end_ns, $end), $end)) AS until, 1 AS times
    FROM wait w JOIN call c USING (call_id) JOIN task t ON t.task_id = w.task_id
    WHERE w.socket_id IS NOT NULL AND w.ended_by IN ('not ended', 'signal', 'timeout')
        AND until - w.from_ns >= {LEAST_NS // 20}
),
looped AS ( -- waits for several at once, in vain
    SELECT w.*, c.pid, c.tid, c.name, row_number() OVER (PARTITION BY w.task_id ORDER BY w.from_ns) AS n
    FROM wait w JOIN call c USING (call_id)
    WHERE w.socket_id IS NULL AND w.ended_by = 'timeout' AND c.name IN {WAITS}
),
closed AS ( -- sockets that were closed, and when they had last been written to
    SELECT c.task_id, c.fd, c.start_ns, s.socket_id, max(w.start_ns) AS written_ns
    FROM call c JOIN call_file x USING (call_id) JOIN socket s USING (file_id)
    JOIN endpoint e ON e.socket_id = s.socket_id
    JOIN stream_write v ON v.connection_id = e.connection_id AND v.direction = e.sends
    JOIN call w ON w.call_id = v.call_id
    WHERE c.name = 'close' AND c.task_id IN (SELECT task_id FROM looped) GROUP BY ALL
),
dropped AS ( -- an event loop that waited for it among others, and closed it when its time limit ran out
    SELECT l.wait_id, l.call_id, l.task_id, l.pid, l.tid, l.name, d.fd, d.socket_id, l.ended_by, f.from_ns,
        l.to_ns AS until, l.n - f.n + 1 AS times
    FROM closed d ASOF JOIN looped l ON l.task_id = d.task_id AND d.start_ns >= l.to_ns
    ASOF JOIN looped f ON f.task_id = d.task_id AND d.written_ns <= f.from_ns
    WHERE d.start_ns - l.to_ns <= {AT_ONCE_NS} AND f.from_ns <= l.from_ns
),
met AS (
    SELECT s.*, e.connection_id, e.sends, e.role, k.protocol, e.addr AS own_addr, e.port AS own_port,
        o.addr, o.port, o.pid AS peer, k.protocol <> 'tcp' AND e.addr IS NULL AND o.addr IS NULL AS is_pair
    FROM (FROM asleep UNION ALL FROM dropped) s JOIN endpoint e USING (socket_id)
    JOIN connection k USING (connection_id)
    JOIN endpoint o ON o.connection_id = e.connection_id AND o.role <> e.role
    WHERE k.protocol IN ('tcp', 'unix-stream', 'unix-seqpacket')
),
got AS (
    SELECT r.connection_id, r.direction, max(r.call_id) AS call FROM stream_read r
    WHERE r.hi > r.lo AND NOT r.peeked AND r.connection_id IN (SELECT connection_id FROM met) GROUP BY ALL
),
asked AS (
    SELECT x.connection_id, x.direction AS sends, min(x.lo) AS lo, max(x.hi) AS hi, max(c.start_ns) AS at,
        arg_max({{'id': c.call_id, 'name': c.name}}, c.start_ns) AS written
    FROM stream_write x JOIN call c USING (call_id)
    LEFT JOIN got g ON g.connection_id = x.connection_id AND g.direction <> x.direction
    WHERE x.connection_id IN (SELECT connection_id FROM met) AND c.call_id > coalesce(g.call, 0) GROUP BY ALL
)
SELECT connection_id, sends, protocol, own_addr, own_port, addr, port, peer, sum(times)::BIGINT, min(m.from_ns),
    arg_max({{'wait_id': wait_id, 'call_id': call_id, 'task_id': task_id, 'pid': pid, 'tid': tid, 'name': name,
        'fd': fd, 'ended_by': ended_by, 'until': until}}, until),
    a.lo, a.hi, a.at, written.id, written.name
FROM met m JOIN asked a USING (connection_id, sends)
WHERE m.from_ns >= a.at AND CASE WHEN is_pair THEN sends = (
        SELECT arg_min(direction, write_id) FROM stream_write x WHERE x.connection_id = m.connection_id)
    ELSE role = 'client' END
GROUP BY ALL HAVING max(until) - min(m.from_ns) >= {LEAST_NS}
ORDER BY max(until) - min(m.from_ns) DESC"""  # noqa: S608 (fixed text of this module)

# Where acknowledgements can be put beside positions of the stream at all: the first that has reached one.
_ACKED = """SELECT count(*) > 0, min(p.packet_id) FILTER (g.acked >= $hi), min(p.number) FILTER (g.acked >= $hi)
FROM segment g JOIN packet p USING (packet_id)
WHERE g.connection_id = $connection AND g.direction <> $sends AND g.acked IS NOT NULL AND p.number IS NOT NULL"""

_TAKEN = """SELECT max(r.hi), arg_max({'call': c.call_id, 'task': c.task_id, 'pid': c.pid, 'tid': c.tid,
    'name': c.name, 'at': c.exit_ns}, c.exit_ns)
FROM stream_read r JOIN call c USING (call_id) WHERE r.connection_id = ? AND r.direction = ? AND NOT r.peeked"""

# What of the question lies unread at the other end, if that is a socket of the same network namespace. A FIN in the
# queue is counted as a byte (tcp_diag_get_info, net/ipv4/tcp_diag.c: rcv_nxt - copied_seq).
_UNREAD = """SELECT time_ns, greatest(recv_queue - (state IN ('CLOSE-WAIT', 'LAST-ACK', 'CLOSING'))::INTEGER, 0)
FROM socket_sample
WHERE recv_queue IS NOT NULL AND state <> 'LISTEN' AND time_ns > ?
    AND local_addr = ? AND local_port = ? AND peer_addr = ? AND peer_port = ? ORDER BY time_ns DESC LIMIT 1"""

# A recorded process that listens on a port: of a connection to it whose server is no process's nobody has accepted it.
_LISTENS = """SELECT min(d.pid) FROM descriptor d JOIN socket s USING (file_id)
JOIN socket_sample m ON m.inode = s.inode
WHERE s.listening AND m.state = 'LISTEN' AND m.local_port = ? HAVING count(*) > 0"""

# Threads of the same process that were blocked to the end in a lock, from after the question was asked.
_LOCKED = f"""SELECT list(c.call_id ORDER BY c.call_id), list(DISTINCT c.tid ORDER BY c.tid), min(w.from_ns)
FROM wait w JOIN call c USING (call_id)
WHERE c.name IN ('futex', 'futex_wait') AND w.ended_by = 'not ended' AND c.pid = ? AND c.task_id <> ?
    AND w.from_ns > ? AND ? - w.from_ns >= {LEAST_NS}"""  # noqa: S608 (fixed text of this module)


@dataclass(frozen=True, slots=True)
class _Asleep:
    """A wait in a call, and who waited. Times in ns."""

    wait_id: int
    call_id: int
    task_id: int
    pid: int
    tid: int
    name: str
    fd: int | None
    ended_by: str
    until: int


@dataclass(frozen=True, slots=True)
class _Question:
    """Bytes `lo` to `hi` that one end sent, and the wait for what never came. Times in ns."""

    connection_id: int
    sends: str
    protocol: str
    own_addr: str | None
    own_port: int | None
    addr: str | None
    port: int | None
    peer: int | None
    times: int
    since: int
    last: _Asleep
    lo: int
    hi: int
    at: int
    call_id: int
    call: str

    @property
    def waited_ns(self) -> int:
        """From the first wait after the question to the end of the last."""
        return self.last.until - self.since


def find(world: World) -> list[Step]:
    """One step for each process and place that did not answer, the longest wait first."""
    if world.signs.wait_ends.isdisjoint({"not ended", "signal", "timeout"}) or not world.signs.writes:
        return []
    alike: dict[tuple[int, str | None, int | None, int | None, str], list[_Question]] = {}
    for row in world.db.execute(_QUERY, {"end": world.end_ns}).fetchall():
        question = _question(row)
        key = (question.last.pid, question.addr, question.port, question.peer, question.last.ended_by)
        alike.setdefault(key, []).append(question)
    return [_step(world, same[0], len(same) - 1) for same in list(alike.values())[:MOST]]


def _question(row: tuple[Any, ...]) -> _Question:
    columns = dict(zip(_Question.__match_args__, row, strict=True))
    return _Question(**columns | {"last": _Asleep(**columns["last"])})


def _step(world: World, question: _Question, more: int) -> Step:
    asleep = question.last
    size = count(question.hi - question.lo, "byte")
    whom = world.who(question.peer) if question.peer is not None else code(place(question.addr, question.port))
    ended = {
        "timeout": "and stopped when its time limit ran out",
        "signal": "and was then interrupted by a signal",
    }.get(asleep.ended_by, "and still did at the end")
    calls = f" ({count(question.times, 'time')}, this call being the last)" if question.times > 1 else ""
    said = [
        f"{capital(world.caller(asleep))} waited for {duration(question.waited_ns)} in {code(asleep.name + '()')} on "
        f"descriptor {asleep.fd}{calls} for bytes, or the end of the connection, from {whom}, to whom "
        f"it had sent {size} with {code(question.call + '()')} (connection {question.connection_id}), {ended}."
    ]
    evidence: list[Ref] = [*refs("wait", [asleep.wait_id]), *refs("call", [question.call_id, asleep.call_id])]
    remedy = _how_far(world, question, said, evidence)
    _who_else(world, question, said, evidence)
    if more:
        said.append(f"{count(more, 'more connection')} of this process to the same place hung like it, for less long.")
    return Step(
        "", "No answer came", tuple(said), question.at, refs=tuple(evidence),
        background=("A call that reads from a connection waits until bytes come, the other end closes, or a time limit "
                    "that the program itself has set runs out. If the other end stays silent and none was set, it "
                    "waits for ever.",),
        remedy=remedy,
    )  # fmt: skip


def _how_far(world: World, question: _Question, said: list[str], evidence: list[Ref]) -> str:
    """Say how far the question came; the result is where to look next."""
    taken, reader = world.db.execute(_TAKEN, [question.connection_id, question.sends]).fetchone() or (None, None)
    if question.peer is not None and taken is not None and taken >= question.hi:
        return _not_answered(world, question, reader, said, evidence)
    if question.protocol == "tcp":
        place_of = {"connection": question.connection_id, "sends": question.sends, "hi": question.hi}
        is_placed, packet, number = world.db.execute(_ACKED, place_of).fetchone() or (False, None, None)
        if number is not None and is_placed:
            evidence += packet_refs([(packet, number)])
            said.append(f"The kernel at the other end has them: packet {number} acknowledges them.")
        elif is_placed:
            said.append("No acknowledgement of them was captured.")
            _unreachable(world, question, said, evidence)
            return "see whether the other host can be reached, and what lies between"
    if question.peer is None:
        return _not_recorded(world, question, said)
    left = question.hi - max(taken or 0, question.lo)
    what = "them" if left == question.hi - question.lo else f"the last {count(left, 'byte')}"
    said.append(f"{capital(world.who(question.peer))} did not read {what}.")
    return f"see what that program did instead: wiretale show FILE --filter 'proc.pid == {question.peer}'"


def _unreachable(world: World, question: _Question, said: list[str], evidence: list[Ref]) -> None:
    """What a router, or the own kernel, said of the way to the other end since."""
    ends = ((question.own_addr, question.own_port), (question.addr, question.port))
    errors = errors_between(world, TCP, *ends, (question.at, question.last.until))
    if errors:
        first = errors[0]
        sender = f"the own kernel ({first.sender})" if first.sender == question.own_addr else code(first.sender)
        said.append(f"At {world.at(first.time_ns)} {sender} reported by ICMP: {first.meaning} (packet {first.number}).")
        evidence.append(first.ref)


def _not_recorded(world: World, question: _Question, said: list[str]) -> str:
    """The other program was not traced: what the kernel's list of sockets says of its socket, if it is in it."""
    listener = world.db.execute(_LISTENS, [question.port]).fetchone() if question.protocol == "tcp" else None
    if listener is not None:
        pid = listener[0]
        said.append(
            f"{capital(world.who(pid))} listens there, and no recorded call accepted the connection: unless a process "
            "that was not recorded did, they lie in its queue."
        )
        return f"see what that program did instead of accept(): wiretale show FILE --filter 'proc.pid == {pid}'"
    own = (question.addr, question.port, question.own_addr, question.own_port)
    row = world.db.execute(_UNREAD, [question.at, *own]).fetchone()
    whose = f"ss -tnp 'sport = :{question.port}'" if question.port else "ss -xp"
    trace = "wiretale record -p PID records what it does"
    if row is None:
        said.append("Whether its program read them was not recorded.")
        return f"at the other end {whose} shows whose they are, and by Recv-Q whether they lie there unread; {trace}"
    at, unread = row
    said.append(
        f"The kernel's list of sockets, read at {world.at(at)}, shows "
        + (f"{count(unread, 'byte')} unread at that end: its program does not read."
           if unread else "nothing unread at that end: its program has read them, and did not answer.")
    )  # fmt: skip
    return f"{whose} shows whose socket that is; {trace}"


def _not_answered(
    world: World, question: _Question, reader: dict[str, int], said: list[str], evidence: list[Ref]
) -> str:
    """The other program took the question: say what it then did."""
    took = f"took them with {code(str(reader['name']) + '()')} at {world.at(reader['at'])} and sent nothing back"
    evidence += refs("call", [reader["call"]])
    who = (
        world.who(question.peer)
        if reader["tid"] == reader["pid"]
        else f"thread {reader['tid']} of {world.who(reader['pid'])}"
    )
    then = spent(world, reader["task"], reader["at"], question.last.until)
    if then is None:
        said.append(f"{capital(who)} {took}; it made no call since.")
        return f"see where it computes: py-spy dump, gdb -p or perf top -p {reader['pid']}"
    evidence += then.refs
    said.append(f"{capital(who)} {took}; {then.sentence('it')}")
    if then.reads(question.connection_id):
        said.append("So each end waits for the other to go on.")
        return "compare what was sent with what the reader expects: a length, an end of line, a buffer to be flushed"
    return f"the cause lies in that program: wiretale show FILE --filter 'proc.tid == {reader['tid']}'"


def _who_else(world: World, question: _Question, said: list[str], evidence: list[Ref]) -> None:
    """Threads that wait for a lock since: perhaps for one that the waiting thread holds."""
    asleep = question.last
    row = world.db.execute(_LOCKED, [asleep.pid, asleep.task_id, question.at, asleep.until]).fetchone()
    if asleep.ended_by != "not ended" or row is None or not row[0]:
        return
    calls, tids, since = row
    threads = f"thread {tids[0]}" if len(tids) == 1 else count(len(tids), "thread")
    said.append(
        f"Since {world.at(since)} {threads} of the same process {'is' if len(tids) == 1 else 'are'} blocked in "
        f"{code('futex()')}, which is how a thread waits for a lock or for another thread. If thread {asleep.tid} "
        f"holds that lock, {'it hangs' if len(tids) == 1 else 'they hang'} on the same silence (inferred)."
    )
    evidence += refs("call", calls[:3])
