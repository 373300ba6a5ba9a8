"""Questions that were asked before the recording began, and to which no answer came while it lasted.

Also those that a client in an event loop asked while it was recorded, and that had no answer when it was stopped.

A thread sleeps on a connection on which the process spoke last: the kernel's TCP_INFO tells it, since no call does.
Whoever only listens (to a channel, to notifications) heard last, and is not told.
"""

from wiretale.decode.durations import duration
from wiretale.explain.conversation import RECEIVES, WAITS
from wiretale.explain.odd._blocked import thread
from wiretale.explain.odd._last_words import LastWords, last_words
from wiretale.explain.odd._rows import refs
from wiretale.explain.story import Ref, Step
from wiretale.explain.words import capital, code, count, numbers, place
from wiretale.explain.world import World
from wiretale.light import dataclass

LEAST_NS = 1_000_000_000
MOST = 4
SOON_NS = 100_000_000  # from a question to what was asked of somebody else for it
TICK_NS = 10_000_000  # by which times of TCP_INFO can be off (CONFIG_HZ of 100)
LEAST_ROUNDS = 2
_REMEDY = (
    "see what the other program does (wiretale record -p PID): ss -tnp 'sport = :{port}' on its host shows which it is"
)

_SILENT = """NOT EXISTS (FROM stream_write v WHERE v.connection_id = e.connection_id)
    AND NOT EXISTS (FROM stream_read r WHERE r.connection_id = e.connection_id AND r.hi > r.lo)"""
_CLIENT = (
    """e.port NOT IN (SELECT m.local_port FROM socket_sample m WHERE m.state = 'LISTEN' AND m.local_port IS NOT NULL)"""
)

# Threads that wait to the end on one socket alone, at whose port nobody listens: a client's. No call moved anything.
_QUERY = f"""
SELECT c.pid, c.tid, c.call_id, c.name, w.fd, w.from_ns, e.connection_id, o.addr, o.port, s.inode
FROM wait w JOIN call c USING (call_id) JOIN endpoint e USING (socket_id) JOIN socket s USING (socket_id)
JOIN endpoint o ON o.connection_id = e.connection_id AND o.role <> e.role
JOIN connection k ON k.connection_id = e.connection_id
WHERE w.ended_by = 'not ended' AND c.name IN {(*RECEIVES, *WAITS)} AND k.protocol = 'tcp' AND o.pid IS NULL
    AND $end - w.from_ns >= {LEAST_NS} AND {_SILENT} AND {_CLIENT} ORDER BY c.pid, c.tid"""  # noqa: S608 (fixed text)

# Ends of recorded processes: whether a client's, whether no call moved anything, and whether only this module tells it:
# the process serves nobody, and no thread waits for this socket alone.
_ENDS = f"""
SELECT e.pid, e.connection_id, o.addr, o.port, s.inode, {_CLIENT} AS is_client, {_SILENT} AS silent,
    e.pid NOT IN (SELECT pid FROM endpoint WHERE role = 'server' AND pid IS NOT NULL) AND NOT EXISTS (FROM wait w
        WHERE w.socket_id = e.socket_id AND w.ended_by = 'not ended') AS alone
FROM endpoint e JOIN socket s USING (socket_id) JOIN connection k USING (connection_id)
JOIN endpoint o ON o.connection_id = e.connection_id AND o.role <> e.role
WHERE e.pid IS NOT NULL AND o.pid IS NULL AND k.protocol = 'tcp' AND (silent OR is_client AND alone)
LIMIT 5000"""  # noqa: S608 (fixed text)


@dataclass(frozen=True, slots=True)
class _Asleep:
    """A thread that waits for an answer. Times in ns."""

    pid: int
    tid: int
    call_id: int
    name: str
    fd: int
    since: int
    connection_id: int
    addr: str
    port: int
    words: LastWords


def find(world: World) -> list[Step]:
    """One step for each process and place that did not answer."""
    alike: dict[tuple[int, str, int], list[_Asleep]] = {}
    for pid, tid, call_id, name, fd, since, connection_id, addr, port, inode in world.db.execute(
        _QUERY, {"end": world.end_ns}
    ).fetchall():
        words = last_words(world, inode)
        if words is not None and words.own_spoke_last:
            asleep = _Asleep(pid, tid, call_id, name, fd, since, connection_id, addr, port, words)
            alike.setdefault((asleep.pid, asleep.addr, asleep.port), []).append(asleep)
    return [_step(world, sorted(same, key=lambda a: a.words.sent_ns)) for same in list(alike.values())[:MOST]]


def find_for_others(world: World) -> list[Step]:
    """One step for each process that was asked, asked another server at once, and has been waiting since.

    Then for each process that asked a server, though nobody else is seen to wait for it.

    A process that waits for events may wait for anything. It is told only where both conversations were in turns: one
    segment for each one that came, and one that is not answered. What is sent one way only, as by a collector of logs
    or a broker, looks like that just once, with the first message; the step then says so.
    """
    asleep = {row[6] for row in world.db.execute(_QUERY, {"end": world.end_ns}).fetchall()}  # told above
    asked: dict[int, list[_End]] = {}
    asking: dict[int, list[_End]] = {}
    for pid, connection_id, addr, port, inode, is_client, *_ in world.db.execute(_ENDS).fetchall():
        words = last_words(world, inode)
        if words is None or connection_id in asleep or words.at - max(words.got_ns, words.sent_ns) < LEAST_NS:
            continue
        came, went = words.segments_in, words.segments_out
        # in one tick of the clock both are equal; that they are in turns says who was last
        if is_client and words.sent_ns >= words.got_ns and went == came + 1:
            asking.setdefault(pid, []).append(_End(connection_id, addr, port, words))
        elif not is_client and words.got_ns >= words.sent_ns and came == went + 1:
            asked.setdefault(pid, []).append(_End(connection_id, addr, port, words))
    steps = []
    for pid, ends in asked.items():
        pairs = [(a, b) for a in ends for b in asking.get(pid, ()) if _follows(a, b)]
        if pairs:
            steps.append(_asked_on(world, pid, *min(pairs, key=lambda pair: pair[0].words.got_ns), more=len(pairs) - 1))
            asking.pop(pid)
    steps += [_asked_alone(world, pid, sorted(ends, key=lambda e: e.words.sent_ns)) for pid, ends in asking.items()]
    return steps[:MOST]


@dataclass(frozen=True, slots=True)
class _End:
    """A connection of the process, and what lies at its other end."""

    connection_id: int
    addr: str
    port: int
    words: LastWords


def _follows(asked: _End, asking: _End) -> bool:
    return -TICK_NS <= asking.words.sent_ns - asked.words.got_ns <= SOON_NS


def _asked_on(world: World, pid: int, asked: _End, asking: _End, *, more: int) -> Step:
    since = asked.words.at - asked.words.got_ns
    said = [
        f"The kernel says that {code(place(asked.addr, asked.port))} spoke last on connection {asked.connection_id}, "
        f"{duration(since)} before {world.at(asked.words.at)}, and that within {duration(SOON_NS)} of it "
        f"{world.who(pid)} sent something to {code(place(asking.addr, asking.port))} (connection "
        f"{asking.connection_id}). Nothing has come or gone on either since.",
        _rounds(asked.words, asking.words),
    ]
    if more:
        said.append(f"{count(more, 'more pair')} of its connections {'is' if more == 1 else 'are'} like them.")
    rows = tuple(Ref("connection", e.connection_id, f"connection {e.connection_id}") for e in (asked, asking))
    return Step(
        "", "Asked on, and no answer came", tuple(said), asked.words.got_ns, refs=rows, inferred=True,
        background=("A process that waits for events of many connections does not show for which of them it waits.",),
        remedy=_REMEDY.format(port=asking.port),
    )  # fmt: skip


def _asked_alone(world: World, pid: int, ends: list[_End]) -> Step:
    first = ends[0]
    words, whom = first.words, code(place(first.addr, first.port))
    came = (
        f"one more than the {count(words.segments_in, 'segment')} that came from there"
        if words.segments_in
        else "and none has come from there"
    )
    said = [
        f"The kernel says that {world.who(pid)} spoke last on connection {first.connection_id} (to {whom}), "
        f"{duration(words.at - words.sent_ns)} before {world.at(words.at)}; nothing has come or gone since.",
        f"In all, {count(words.segments_out, 'segment')} with payload went there, {came}: the last may be a question "
        "that waits for its answer, or a message that needs none (inferred). No thread waits for it alone.",
    ]
    if len(ends) > 1:
        said.append(
            f"The same is true of {numbers('connection', [e.connection_id for e in ends[1:4]], len(ends[4:]))}."
        )
    return Step(
        "", "Asked, and no answer so far", tuple(said), words.sent_ns, inferred=True,
        refs=tuple(Ref("connection", e.connection_id, f"connection {e.connection_id}") for e in ends[:4]),
        background=("A server may also be asked to answer only when there is something to tell.",),
        remedy=_REMEDY.format(port=first.port),
    )  # fmt: skip


def _rounds(asked: LastWords, asking: LastWords) -> str:
    """What the segments until then say of the last ones; each of the two numbers of a connection differs by one."""
    waits = "the last question of either waits (inferred), the first for the second"
    if min(asked.segments_out, asking.segments_in) >= LEAST_ROUNDS:
        return (
            f"Before, {asked.segments_in} segments with payload had come on the first and {asked.segments_out} "
            f"had gone, and on the second {asking.segments_out} had gone and {asking.segments_in} had come: "
            f"questions and answers in turn, and {waits}."
        )
    came, went = count(asked.segments_in, "segment"), count(asking.segments_out, "segment")
    return (
        f"In all, {came} with payload had come on the first and {asked.segments_out or 'none'} had gone, and on the "
        f"second {went} had gone and {asking.segments_in or 'none'} had come. If these are questions, {waits}; so few "
        "do not tell them from messages that nobody answers."
    )


def _step(world: World, same: list[_Asleep]) -> Step:
    first = same[0]
    who = thread(world, first.tid, first.pid) + (f" of {world.who(first.pid)}" if first.tid != first.pid else "")
    evidence: list[Ref] = [*refs("call", [a.call_id for a in same][:3]), *refs("connection", [first.connection_id])]
    said = [
        f"{capital(who)} waited {duration(world.end_ns - first.since)} in {code(first.name + '()')} on descriptor "
        f"{first.fd} (connection {first.connection_id}) for bytes from {code(place(first.addr, first.port))}, and "
        "still did at the end.",
        f"The kernel says that the process spoke last there, {duration(first.words.at - first.words.sent_ns)} before "
        f"{world.at(first.words.at)}"
        + (f", {duration(first.words.sent_ns - first.words.got_ns)} after the last bytes had come"
           if first.words.segments_in else ", and that nothing has ever come")
        + ": it has waited for an answer since.",
    ]  # fmt: skip
    if len(same) > 1:
        said.append(f"{count(len(same) - 1, 'more thread')} wait{'s' if len(same) == 2 else ''} for the same place so.")
    return Step(
        "", "No answer came", tuple(said), first.words.sent_ns, refs=tuple(evidence),
        background=("A call that reads from a connection waits until bytes come, the other end closes, or a time limit "
                    "that the program itself has set runs out.",),
        remedy=_REMEDY.format(port=first.port),
    )  # fmt: skip
