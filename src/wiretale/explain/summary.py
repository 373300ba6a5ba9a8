"""The summary: the capture in two sentences, and a last chapter of times, bytes, round trips and waits."""

from wiretale.decode.durations import duration
from wiretale.explain.choose import Chosen
from wiretale.explain.conversation import Conversation
from wiretale.explain.figures import waits as waits_figure
from wiretale.explain.story import Chapter, Counter, Gap, Ref, Section, Step
from wiretale.explain.words import code, count, listed, place
from wiretale.explain.world import World

CONNECTIONS_TOLD = 10


def opening(world: World, chosen: Chosen, talks: dict[int, Conversation]) -> tuple[str, ...]:
    """What happened, in a few sentences."""
    names = [p.name for p in world.processes.values()]
    said = []
    total = chosen.total - len(chosen.silent)
    connections = count(total, "connection")
    if names:
        who = listed(names, 4)
        said.append(f"{who}: {count(len(names), 'process', 'processes')}, {connections}.")
    else:
        said.append(f"No process was recorded; the packets hold {connections}.")
    for talk in list(talks.values())[:3]:
        said.append(_in_short(world, talk))
    return tuple(said)


def _in_short(world: World, talk: Conversation) -> str:
    client = (
        world.who(talk.client.pid) if talk.client.pid is not None else code(place(talk.client.addr, talk.client.port))
    )
    server = (
        world.who(talk.server.pid) if talk.server.pid is not None else code(place(talk.server.addr, talk.server.port))
    )
    verb = _VERBS.get(talk.outcome)
    if verb is not None and talk.established_ns is None:
        return f"{client} {verb} {code(place(talk.server.addr, talk.server.port))}."
    moved = []
    if talk.client_bytes:
        moved.append(f"{count(talk.client_bytes, 'byte')} to {server}")
    if talk.server_bytes:
        moved.append(
            f"{count(talk.server_bytes, 'byte')} back" if moved else f"{count(talk.server_bytes, 'byte')} from it"
        )
    what = (
        f"sent {' and got '.join(moved)}"
        if len(moved) == 2 or talk.client_bytes
        else f"got {moved[0]}"
        if moved
        else ""
    )
    how = {"reset": ", and the connection was reset", "open": ", and it was still open at the end"}.get(
        talk.outcome, ""
    )
    if not what:
        return f"{client} and {server} were connected and moved no byte{how}."
    return f"{client}, connected to {code(place(talk.server.addr, talk.server.port))}, {what}{how}."


_VERBS = {
    "refused": "was refused by",
    "timed out": "waited in vain for",
    "unreachable": "could not reach",
    "failed": "failed to connect to",
}


def summary_chapter(world: World, talks: dict[int, Conversation]) -> Chapter | None:
    """The last chapter; None if there is nothing to sum up."""
    counter = Counter("sum")
    steps = [*_connections(talks), *_round_trips(world, talks), *_waits(world)]
    if not steps:
        return None
    figure = waits_figure(world)
    return Chapter(
        "sum", "In figures", (), (Section("", tuple(counter.numbered(s) for s in steps)),), (figure,) if figure else ()
    )


def _connections(talks: dict[int, Conversation]) -> list[Step]:
    steps = []
    for talk in list(talks.values())[:CONNECTIONS_TOLD]:
        if talk.to_ns is None or not (talk.client_bytes or talk.server_bytes):
            continue
        up = talk.established_ns
        parts = []
        if up is not None and up > talk.from_ns:
            parts.append(f"{duration(up - talk.from_ns)} to be established")
        span = talk.to_ns - talk.from_ns
        said = f"Connection {talk.connection_id} lived {duration(span)}"
        said += f", of which {parts[0]}" if parts else ""
        said += f"; {count(talk.client_bytes, 'byte')} and {count(talk.server_bytes, 'byte')} of payload"
        said += f" in {count(talk.packet_count, 'packet')}." if talk.packet_count else "."
        steps.append(Step("", f"Connection {talk.connection_id}", (said,), None, refs=(talk.ref,)))
    return steps


def _round_trips(world: World, talks: dict[int, Conversation]) -> list[Step]:
    """Times from a segment to its acknowledgement, where they were captured."""
    rows = world.db.execute(
        "SELECT connection_id, direction, count(*), min(ack_rtt_ns), CAST(median(ack_rtt_ns) AS BIGINT), "
        "max(ack_rtt_ns) FROM segment WHERE shown AND ack_rtt_ns IS NOT NULL AND connection_id IN (SELECT "
        "unnest(?)) GROUP BY ALL ORDER BY ALL LIMIT 12",
        [list(talks)],
    ).fetchall()
    steps = []
    for connection_id, direction, total, least, median, most in rows:
        talk = talks[connection_id]
        # A segment's ack_rtt is the time since what it acknowledges: the acknowledging end is its sender.
        end = talk.sender(direction)
        said = (
            f"{code(place(end.addr, end.port))} acknowledged {count(total, 'segment')} on connection "
            f"{connection_id}: after {duration(least)} at least, {duration(median)} half of the time, "
            f"{duration(most)} at most, seen where the packets were captured."
        )
        steps.append(Step("", "Acknowledgements", (said,), None, refs=(talk.ref,)))
    return steps


_ENDED = {
    "packet": "a packet", "peer": "the other end's call", "input": "input", "timeout": "their time limit",
    "signal": "a signal", "error": "an error", "not ended": "nothing before the end", "unknown": "a cause not seen",
}  # fmt: skip


def _waits(world: World) -> list[Step]:
    """The calls in which each thread was blocked longest."""
    rows = world.db.execute(
        f"""
        WITH one AS (
            SELECT c.pid, c.tid, c.name, w.ended_by, coalesce(w.to_ns, {world.end_ns}) - w.from_ns AS took, w.wait_id
            FROM wait w JOIN call c USING (call_id) WHERE c.errno IS DISTINCT FROM 115 -- EINPROGRESS: it did not wait
        ),
        longest AS (
            SELECT pid, tid, name, count(*) AS n, sum(took)::BIGINT AS took, max(took) AS most,
                arg_max(wait_id, took) AS id, arg_max(ended_by, took) AS ended_by
            FROM one GROUP BY pid, tid, name
        )
        SELECT * FROM longest QUALIFY row_number() OVER (PARTITION BY tid ORDER BY took DESC) = 1
        ORDER BY took DESC LIMIT 4"""  # noqa: S608 (a number only)
    ).fetchall()
    steps = []
    for pid, tid, name, total, took, most, wait_id, ended_by in rows:
        process = world.processes.get(pid)
        lived = (process.end_ns or world.end_ns) - process.start_ns if process is not None else 0
        share = f" of the {duration(lived)} it lived" if lived else ""
        thread = f", thread {tid}," if tid != pid else ""
        said = (
            f"{world.who(pid)}{thread} was blocked in {code(name + '()')} for {duration(took)}{share}, in "
            f"{count(total, 'wait')}; the longest lasted {duration(most)} and was ended by "
            f"{_ENDED.get(ended_by, ended_by)}."
        )
        steps.append(Step("", "Waiting", (said,), None, refs=(Ref("wait", wait_id, f"wait {wait_id}"),)))
    return steps


def about(world: World) -> tuple[str, ...]:
    """How to read the times."""
    calls = world.db.execute("SELECT count(*) FROM call").fetchone()
    packets = world.db.execute("SELECT count(*) FROM packet WHERE shown").fetchone()
    sources = listed([
        count(row[0], word) for word, row in (("system call", calls), ("packet", packets)) if row and row[0]
    ])  # fmt: skip
    said = [f"Told from {sources}." if sources else "The capture holds neither calls nor packets."]
    said.append("Times are seconds since the first event.")
    if world.has_calls and world.has_packets and world.error_ns:
        said.append(f"Calls and packets are on one clock, right to {duration(world.error_ns)}.")
    if world.cost_ns:
        said.append(
            f"A call's return is seen a little late: the tracer costs about {duration(world.cost_ns)} a call, and "
            "shorter durations are not told as facts."
        )
    return tuple(said)


def gaps(world: World) -> tuple[Gap, ...]:
    """What was not recorded or got lost, and the command that would record it."""
    found = []
    word = {"ptrace": "system calls", "packets": "packets"}
    sources = world.db.execute("SELECT source, ran, reason, remedy FROM source ORDER BY rowid").fetchall()
    for source, ran, reason, remedy in sources:
        if source in word and not ran:
            found.append(Gap(f"No {word[source]} were recorded: {code(reason or 'not asked for')}.", remedy or ""))
    ran_names = {s for s, ran, *_ in sources if ran}
    if world.has_packets and not world.has_calls and "ptrace" not in {s for s, *_ in sources}:
        found.append(Gap("Only packets were recorded: which programs sent and read them is not known.",
                         "wiretale record -o FILE.wiretale -- COMMAND"))  # fmt: skip
    if world.has_calls and not world.has_packets and "packets" in ran_names:
        found.append(Gap("No packet was captured while the programs ran: what passed between them did not pass an "
                         "interface that was watched, or nothing was sent."))  # fmt: skip
    for item, total, state, reason, remedy in world.db.execute(
        "SELECT item, count, state, reason, remedy FROM coverage WHERE state <> 'recorded' AND count <> 0"
        " AND NOT (state = 'truncated' AND level IS NOT NULL) ORDER BY rowid LIMIT 12"
    ).fetchall():
        why = f" ({code(reason)})" if reason else ""
        found.append(Gap(f"{code(item or '?')}: {total:,} {state}{why}.", remedy or ""))
    untraced = world.db.execute(
        "SELECT count(DISTINCT e.connection_id) FROM endpoint e JOIN endpoint o ON o.connection_id = e.connection_id"
        " AND o.role <> e.role JOIN connection k ON k.connection_id = e.connection_id"
        " WHERE e.pid IS NULL AND o.pid IS NOT NULL AND k.established_ns IS NOT NULL"
    ).fetchone()
    if untraced and untraced[0]:
        found.append(Gap(
            f"Of {count(untraced[0], 'connection')} only one end was traced: what the other program did between its "
            "packets is not known.", "wiretale record --with 'OTHER COMMAND' -o FILE.wiretale -- COMMAND",
        ))  # fmt: skip
    return tuple(found)
