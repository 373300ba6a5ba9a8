"""A server that read what came last on a connection, or left it unread, and gave no answer: its side of a hang.

The other end was not recorded; where it was, `no_answer` tells what its program waited for. A rest is no hang: while a
thread of the process waits for that very connection, nothing is told; nor while one waits for events of an epoll
instance, unless bytes lie unread, which would have ended that wait (epoll(7)).
"""

import struct
from typing import Any

from wiretale.decode.durations import duration
from wiretale.explain.conversation import RECEIVES
from wiretale.explain.odd._cpu import on_cpu
from wiretale.explain.odd._last_words import LastWords, last_words
from wiretale.explain.odd._rows import packet_refs, refs
from wiretale.explain.odd._served import SERVED
from wiretale.explain.odd._since import spent
from wiretale.explain.odd._stands import in_calls, where_it_stands
from wiretale.explain.story import Ref, Step
from wiretale.explain.words import capital, code, count, listed, place
from wiretale.explain.world import World
from wiretale.light import dataclass

LEAST_NS = 1_000_000_000
MOST = 4
EPOLLS = ("epoll_wait", "epoll_pwait", "epoll_pwait2", "io_uring_enter")
EPOLL_NAME = "anon_inode:[eventpoll]"  # fs/eventpoll.c
POLLS = ("poll", "ppoll")
SELECTS = ("select", "pselect6")
_POLLFD = struct.Struct("<iHH")  # struct pollfd (poll.h)

# Served ends of connections whose other end nobody recorded: what was last read and written, and what came.
_QUERY = f"""
WITH side AS (
    SELECT connection_id, pid, fd, sends, addr, port, inode, file_id FROM ({SERVED}) WHERE peer IS NULL
),
taken AS (
    SELECT r.connection_id, r.direction, max(r.hi) AS hi, arg_max({{'call': c.call_id, 'task_id': c.task_id,
        'pid': c.pid, 'tid': c.tid, 'name': c.name, 'size': r.hi - r.lo, 'at': c.exit_ns}}, c.call_id) AS last
    FROM stream_read r JOIN call c USING (call_id)
    WHERE NOT r.peeked AND r.hi > r.lo AND r.connection_id IN (SELECT connection_id FROM side) GROUP BY ALL
),
given AS (
    SELECT v.connection_id, v.direction, max(c.start_ns) AS at FROM stream_write v JOIN call c USING (call_id)
    WHERE v.connection_id IN (SELECT connection_id FROM side) GROUP BY ALL
),
came AS (
    SELECT g.connection_id, g.direction, max(g.hi) AS hi, max(p.time_ns) AS at
    FROM segment g JOIN packet p USING (packet_id)
    WHERE g.shown AND g.hi > g.lo AND g.connection_id IN (SELECT connection_id FROM side) GROUP BY ALL
)
SELECT s.*, t.last, t.hi, g.at, a.hi, a.at
FROM side s LEFT JOIN taken t ON t.connection_id = s.connection_id AND t.direction <> s.sends
LEFT JOIN given g ON g.connection_id = s.connection_id AND g.direction = s.sends
LEFT JOIN came a ON a.connection_id = s.connection_id AND a.direction <> s.sends
WHERE greatest(coalesce(t.last.at, 0), coalesce(a.at, 0)) >= coalesce(g.at, 0)
ORDER BY s.pid, s.connection_id LIMIT 1000"""  # noqa: S608 (fixed text)

_LEFT = """SELECT min(p.time_ns), arg_min({'id': p.packet_id, 'number': p.number, 'reset': p.flags & 4 <> 0}, p.time_ns)
FROM segment g JOIN packet p USING (packet_id)
WHERE g.shown AND g.connection_id = ? AND g.direction <> ? AND p.flags & 5 <> 0 AND p.time_ns > ?"""

# Calls of the process from then on that show a rest: reading or closing this connection, or waiting for events. Of an
# epoll instance that was made while recorded it is known that it does not watch the connection, if neither that nor
# another instance, which might, was ever added to it.
_AT_REST = f"""
WITH blind AS (
    SELECT f.file_id FROM file f WHERE f.name = '{EPOLL_NAME}' AND f.open_call_id IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM call e JOIN call_file y USING (call_id)
        JOIN descriptor d ON d.pid = e.pid AND d.fd = e.a2 AND d.from_ns <= e.exit_ns
            AND coalesce(d.to_ns, e.start_ns) >= e.start_ns
        JOIN file t ON t.file_id = d.file_id
        WHERE y.file_id = f.file_id AND e.name = 'epoll_ctl' AND (d.file_id = $file OR t.name = f.name))
)
SELECT count(*) FROM call c LEFT JOIN call_file x USING (call_id)
WHERE c.pid = $pid AND coalesce(c.exit_ns, $until) > $since AND c.start_ns < $until AND c.call_id <> $last AND (
    (c.name IN {EPOLLS} AND NOT $unread
        AND coalesce(x.file_id NOT IN (FROM blind), true))
    OR (c.name IN {(*RECEIVES, "close", "shutdown")} AND x.file_id = $file))"""  # noqa: S608

# Bytes that lie unread end a wait for events at once, unless the epoll instance does not watch for them (any more).
_IN_EPOLL = f"""
SELECT c.call_id, c.name, c.fd, $until - greatest(c.start_ns, $since) FROM call c
WHERE c.pid = $pid AND c.name IN {EPOLLS[:-1]} AND (c.exit_ns IS NULL OR c.exit_ns >= $until)
    AND $until - greatest(c.start_ns, $since) >= {LEAST_NS} ORDER BY 4 DESC, 1 LIMIT 1"""  # noqa: S608 (fixed text)

_POLLED = f"""
SELECT c.name, d.bytes, octet_length(d.bytes) < d.full_bytes FROM call c JOIN call_data d USING (call_id)
WHERE c.pid = $pid AND coalesce(c.exit_ns, $until) > $since AND c.start_ns < $until AND NOT d.at_exit
    AND c.name IN {(*POLLS, *SELECTS)} AND d.role IN ('array', 'fdset') ORDER BY c.call_id DESC LIMIT 200"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class _Silence:
    """One connection on which the other end spoke last, and nothing followed. Times in ns."""

    pid: int
    connection_id: int
    whom: str
    since: int
    until: int
    how: str  # the sentences' beginning: what came, and what became of it
    evidence: tuple[Ref, ...]
    reader: dict[str, int] | None = None
    unread: bool = False


def find(world: World) -> list[Step]:
    """One step for each process: the longest silence in full, the others in figures."""
    by_process: dict[tuple[int, bool], list[_Silence]] = {}
    for row in world.db.execute(_QUERY).fetchall():
        silence = _silence(world, row)
        if silence is not None:
            by_process.setdefault((silence.pid, silence.unread), []).append(silence)
    return [_step(world, sorted(found, key=_length)) for found in list(by_process.values())[:MOST]]


def _length(silence: _Silence) -> int:
    return silence.since - silence.until


def _silence(world: World, row: tuple[Any, ...]) -> _Silence | None:
    connection_id, pid, fd, sends, addr, port, inode, file_id, last, taken, given, came, came_at = row
    whom = code(place(addr, port))
    left = (came or 0) - (taken or 0)
    found: tuple[int, str, bool] | None
    words = last_words(world, inode)
    if left > 0 and words is not None and not words.unread:
        left = 0  # read before calls were recorded: packets are captured a little longer
    if last is None and left <= 0:
        found = _before(world, words, whom, connection_id) if given is None else None
    elif left > 0:
        said = f"{capital(count(left, 'byte'))} of connection {connection_id} (from {whom}) had come by "
        found = (
            came_at,
            f"{said}{world.at(came_at)}, and {world.who(pid)} did not read {'it' if left == 1 else 'them'}",
            True,
        )
    else:
        found = (last["at"], "", False)
    if found is None:
        return None
    since, how, unread = found
    until, evidence = _until(world, pid, connection_id, sends, since)
    asked = {"pid": pid, "since": since, "until": until}
    rest_of = {"file": file_id, "last": last["call"] if last else 0, "unread": unread}
    rest = world.db.execute(_AT_REST, asked | rest_of).fetchone()
    if until - since < LEAST_NS or (rest is not None and rest[0]) or _is_polled(world, fd, asked):
        return None
    return _Silence(pid, connection_id, whom, since, until, how, evidence, None if unread else last, unread)


def _before(world: World, words: LastWords | None, whom: str, connection_id: int) -> tuple[int, str, bool] | None:
    """What TCP_INFO tells of a connection on which the process did nothing while it was recorded."""
    if words is None or not words.other_spoke_last:
        return None
    said = (
        f"Connection {connection_id} was there before the recording: the kernel says that {whom} has sent "
        f"{count(words.got_bytes, 'byte')}, the last {duration(words.at - words.got_ns)} before {world.at(words.at)}"
        + (f", {duration(words.got_ns - words.sent_ns)} after the last bytes went to it" if words.segments_out else "")
        + f", and that {count(words.unread, 'byte') if words.unread else 'nothing'} of it "
        f"{'lie' if words.unread > 1 else 'lies'} unread"
    )
    return words.got_ns, said, bool(words.unread)


def _until(world: World, pid: int, connection_id: int, sends: str, since: int) -> tuple[int, tuple[Ref, ...]]:
    """When the other end closed, the process ended, or the recording; with the packet that proves it."""
    process = world.processes.get(pid)
    end = process.end_ns if process is not None and process.end_ns and process.end_how != "detached" else world.end_ns
    at, packet = world.db.execute(_LEFT, [connection_id, sends, since]).fetchone() or (None, None)
    if at is not None and at < end:
        return at, packet_refs([(packet["id"], packet["number"])])
    return end, ()


def _is_polled(world: World, fd: int, asked: dict[str, int]) -> bool:
    """Whether a poll() or select() of the process since then asked for this descriptor, or may have."""
    for name, data, is_cut in world.db.execute(_POLLED, asked).fetchall():
        if is_cut:
            return True
        if name in POLLS:
            whole = len(data) - len(data) % _POLLFD.size
            if any(asked_fd == fd for asked_fd, _, _ in _POLLFD.iter_unpack(data[:whole])):
                return True
        elif fd // 8 < len(data) and data[fd // 8] >> fd % 8 & 1:
            return True
    return False


def _step(world: World, found: list[_Silence]) -> Step:
    first, others = found[0], found[1:]
    evidence = [_connection(first), *first.evidence]
    said = _told(world, first, evidence)
    in_epoll = world.db.execute(_IN_EPOLL, {"pid": first.pid, "since": first.since, "until": first.until}).fetchone()
    if first.unread and in_epoll is not None:
        call_id, name, fd, took = in_epoll
        evidence += refs("call", [call_id])
        said.append(
            f"{code(name + '()')} on descriptor {fd} reported none of it for {duration(took)}: that epoll instance did "
            f"not watch for these bytes. They were never asked for there, or {code('EPOLLONESHOT')} or "
            f"{code('EPOLLET')} had reported the descriptor before, and it was not armed again or not read to the end."
        )
    else:
        said.append("No thread of the process waited for more of that connection.")
    if others:
        which = f"connection{'s' if len(others) > 1 else ''} {listed([str(s.connection_id) for s in others])}"
        said.append(f"The same is true of {which}, for {duration(min(s.until - s.since for s in others))} or longer.")
        evidence += [_connection(s) for s in others[:3]]
    said += in_calls(world, first.pid, first.until, evidence)
    said += on_cpu(world, first.pid)
    pid = first.pid
    return Step(
        "", "Sent, and not read" if first.unread else "Read, and not answered", tuple(said), first.since,
        refs=tuple(evidence),
        background=("Bytes that a program has read are its own affair: neither the network nor the kernel holds them "
                    "up. Whether an answer was due depends on the protocol.",),
        remedy=where_it_stands(world, pid, first.until),
    )  # fmt: skip


def _connection(silence: _Silence) -> Ref:
    return Ref("connection", silence.connection_id, f"connection {silence.connection_id}")


def _told(world: World, silence: _Silence, evidence: list[Ref]) -> list[str]:
    """What came, who took it, for how long nothing followed, and what the thread that took it did meanwhile."""
    end = "to the end of what was recorded"
    if silence.evidence:
        end = f"until the other end closed ({silence.evidence[0].label})"
    how_long = f"for {duration(silence.until - silence.since)}, {end}."
    if silence.reader is None:
        return [f"{capital(silence.how)}. Nothing was sent back: {how_long}"]
    reader = _Caller(**{key: silence.reader[key] for key in ("pid", "tid", "task_id")})
    evidence += refs("call", [silence.reader["call"]])
    said = [
        f"{capital(world.caller(reader))} took {count(silence.reader['size'], 'byte')} of connection "
        f"{silence.connection_id} (from {silence.whom}) with {code(str(silence.reader['name']) + '()')} at "
        f"{world.at(silence.since)}, and nothing was sent back: {how_long}"
    ]
    then = spent(world, reader.task_id, silence.since, silence.until)
    if then is None:
        return [*said, "That thread made no call since."]
    evidence += then.refs
    return [*said, capital(then.sentence("it"))]


@dataclass(frozen=True, slots=True)
class _Caller:
    """Who made a call."""

    pid: int
    tid: int
    task_id: int
