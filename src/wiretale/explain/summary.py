"""The summary: the capture in two sentences, and a last chapter of times, bytes, round trips and waits."""

from wiretale.decode.durations import duration
from wiretale.explain import thread_times
from wiretale.explain.about import missing
from wiretale.explain.choose import Chosen, is_told
from wiretale.explain.conversation import EINPROGRESS, LEAST_BLOCKING_SEND, SENDS, Conversation
from wiretale.explain.echo import in_short as asked_in_short
from wiretale.explain.ends import end_name, is_own
from wiretale.explain.failed import is_unanswered
from wiretale.explain.figures import cpu_lanes, thread_lanes
from wiretale.explain.figures import waits as waits_figure
from wiretale.explain.story import Anchors, Chapter, Figure, Gap, Ref, Section, Step
from wiretale.explain.words import capital, code, count, listed, place, spread
from wiretale.explain.world import Process, World
from wiretale.filter.own_packets import MADE_WHOLE

CONNECTIONS_TOLD, OPENING_TOLD, PROCESSES_NAMED, WAITS_TOLD = 10, 3, 4, 4
STRETCHES = 90  # of the pictures of threads and CPUs
LEAST_SHARE = 100  # waits that were shorter than this part of a process's life are not told


def opening(world: World, chosen: Chosen, talks: dict[int, Conversation]) -> tuple[str, ...]:
    """What happened, in a few sentences."""
    names = [p.name for p in _ranked(world, talks)]
    connections = count(chosen.total - len(chosen.silent), "connection")
    if names:
        lead = (
            f"{listed(names, PROCESSES_NAMED)} took part" if len(names) > 1 else f"One process was recorded, {names[0]}"
        )
        said = [f"{lead}; there {'was' if connections.startswith('1 ') else 'were'} {connections}."]
    else:
        said = [f"No process was recorded; the packets hold {connections}."]
    # What programs say to others comes first: pairs of sockets inside a program or its children matter to it alone.
    ranked = sorted(talks.values(), key=lambda t: (is_own(t) and not t.is_tcp, t.server.addr is None))
    chosen_few = ranked[:OPENING_TOLD]
    for talk in chosen_few:
        others = len(chosen.alike.get(talk.connection_id, ()))
        like = f" {capital(count(others, 'other'))} {'was' if others == 1 else 'were'} like it." if others else ""
        said.append(_in_short(world, talk) + like)
    if len(talks) > OPENING_TOLD:
        more = len(talks) - OPENING_TOLD
        said.append(f"{count(more, 'more kind')} of connection {'is' if more == 1 else 'are'} told below.")
    return tuple(said)


def _ranked(world: World, talks: dict[int, Conversation]) -> list[Process]:
    """The processes, where not all can be named those first that took part in a connection."""
    found = list(world.processes.values())
    if len(found) > PROCESSES_NAMED:
        ends = {pid for t in talks.values() if not is_own(t) for pid in (t.client.pid, t.server.pid)}
        found.sort(key=lambda p: p.pid not in ends)
    return found


def _in_short(world: World, talk: Conversation) -> str:
    client, server = end_name(world, talk, talk.client), end_name(world, talk, talk.server)
    target = code(place(talk.server.addr, talk.server.port))
    if talk.is_icmp and talk.client.port is not None:
        return asked_in_short(world, talk)
    verb = _VERBS.get(talk.outcome)
    if verb is not None and talk.established_ns is None:
        return f"{client} {verb} {target}."
    if is_unanswered(talk):
        return f"{client} asked to connect to {target}; no answer was captured."
    how = {"reset": " The connection was reset.", "open": " It was still open at the end."}.get(talk.outcome, "")
    to_server, back = count(talk.client_bytes, "byte"), count(talk.server_bytes, "byte")
    if not (talk.client_bytes or talk.server_bytes) and is_own(talk):
        return f"{world.who(talk.client.pid)} connected to itself over {target} and sent nothing.{how}"
    if is_own(talk) and talk.client.pid is not None:
        via = f" over {target}" if talk.server.addr else ""
        return (
            f"{world.who(talk.client.pid)} talked to itself{via}: {to_server} went from descriptor {talk.client.fd} to "
            f"descriptor {talk.server.fd} and {back} came back.{how}"
        )
    if not (talk.client_bytes or talk.server_bytes):
        if talk.was_there:
            return (
                f"{client} and {server} were connected before, and sent each other nothing while it was recorded.{how}"
            )
        return f"{client} and {server} were connected and sent each other nothing.{how}"
    bond = "talking" if not talk.is_stream else "connected"
    via = f", {bond} to {server}," if talk.server.pid is None or not talk.server.addr else f", {bond} to {target},"
    if not talk.server_bytes:
        return f"{client}{via} sent {to_server}{_to(talk, server)} and got none back.{how}"
    if not talk.client_bytes:
        return f"{client}{via} sent nothing and got {back}{_to(talk, server, 'from')}.{how}"
    return f"{client}{via} sent {to_server}{_to(talk, server)} and got {back} back.{how}"


def _to(talk: Conversation, server: str, word: str = "to") -> str:
    """` to pid 12 (nc)`, where that is not what it was connected to."""
    return f" {word} {server}" if talk.server.pid is not None and talk.server.addr else ""


_VERBS = {
    "refused": "was refused by",
    "timed out": "waited in vain for",
    "unreachable": "could not reach",
    "failed": "failed to connect to",
}


def summary_chapter(world: World, talks: dict[int, Conversation], connection_id: int | None = None) -> Chapter | None:
    """The last chapter; None if there is nothing to sum up. Of one connection only what bounded its slowest answer."""
    anchors = Anchors("sum")
    steps = _slowest_answer(world, connection_id)
    if connection_id is None:
        steps = [*_connections(talks), *_round_trips(world, talks), *_waits(world), *steps]
    if not steps:
        return None
    figures = [waits_figure(world), *_lanes(world)] if connection_id is None else []
    sections = (Section("", anchors.all_named(steps)),)
    return Chapter("sum", "In figures", (), sections, tuple(f for f in figures if f is not None))


def _lanes(world: World) -> list[Figure | None]:
    part = thread_times.whole(world.db) if world.has_kernel else None
    return [thread_lanes(world.db, part, STRETCHES), cpu_lanes(world.db, part, STRETCHES)] if part is not None else []


def _slowest_answer(world: World, connection_id: int | None) -> list[Step]:
    if not world.has_kernel:
        return []
    from wiretale.explain.bounded import slowest  # noqa: PLC0415 (it needs NumPy, which most stories do without)

    return slowest(world, connection_id)


def _connections(talks: dict[int, Conversation]) -> list[Step]:
    steps = []
    for talk in list(talks.values())[:CONNECTIONS_TOLD]:
        lived = talk.lived_ns
        if lived is None or not (talk.client_bytes or talk.server_bytes):
            continue
        up = talk.established_ns
        # A unix socket is connected when connect() returns; its server knows of it when accept() does.
        is_set_up = talk.is_tcp and up is not None and up > talk.from_ns
        setup = f", of which {duration((up or 0) - talk.from_ns)} to be established" if is_set_up else ""
        packets = f", in {count(talk.packet_count, 'packet')}" if talk.packet_count else ""
        said = (
            f"{_lasted(talk, lived)}{setup}{'. ' if lived else ''}"
            f"{capital(count(talk.client_bytes, 'byte'))}{'' if talk.is_raw else ' of payload'} went to the server and "
            f"{count(talk.server_bytes, 'byte')} came back{packets}."
        )
        steps.append(Step("", f"Connection {talk.connection_id}", (said,), None, refs=(talk.ref,)))
    return steps


def _lasted(talk: Conversation, lived: int) -> str:
    """How long it was; of a single datagram nothing."""
    return f"It {'took' if talk.is_udp or talk.is_raw else 'lived'} {duration(lived)}" if lived else ""


def _round_trips(world: World, talks: dict[int, Conversation]) -> list[Step]:
    """Times from a segment to its acknowledgement, where they were captured."""
    rows = world.db.execute(
        "SELECT connection_id, direction, count(*), min(ack_rtt_ns), CAST(median(ack_rtt_ns) AS BIGINT),"
        " max(ack_rtt_ns) FROM segment WHERE shown AND ack_rtt_ns IS NOT NULL"
        " AND connection_id IN (SELECT unnest(?)) GROUP BY ALL ORDER BY ALL LIMIT 12",
        [list(talks)],
    ).fetchall()
    by_talk: dict[int, list[str]] = {}
    for connection_id, direction, total, least, median, most in rows:
        # A segment's ack_rtt is the time since what it acknowledges: the acknowledging end is its sender.
        end = end_name(world, talks[connection_id], talks[connection_id].sender(direction))
        after = f"{duration(least)} later" if total == 1 else f"after {spread(least, median, most, total)}"
        said = f"The kernel of {end} acknowledged {count(total, 'segment')}, {after}."
        by_talk.setdefault(connection_id, []).append(said)
    return [
        Step(
            "",
            f"Round trips of connection {connection_id}",
            (" ".join(said),),
            None,
            refs=(talks[connection_id].ref,),
            key=f"round-trips-connection{connection_id}",
        )
        for connection_id, said in by_talk.items()
    ]


_ENDED = {
    "packet": "until a packet came", "peer": "until a call of another", "child": "until a child ended or stopped",
    "thread": "until a thread ended",
    "input": "until there was input",
    "timeout": "until its time limit", "signal": "until a signal came", "error": "until an error",
    "not ended": "and had not ended when the recording did", "killed": "until it was killed",
}  # fmt: skip


def longest_waits(world: World) -> list[tuple[int, int, str, int, int, int, int, str]]:
    """For each process the call in which it was blocked longest: pid, tid, name, how often, for how long in ns, the
    longest, the id and the end of that one. The process with the longest comes first."""
    return world.db.execute(
        f"""
        WITH one AS (
            SELECT c.pid, c.tid, c.name, w.wait_id,
                CASE WHEN w.to_ns IS NULL AND t.end_how = 'killed' THEN 'killed' ELSE w.ended_by END AS ended_by,
                coalesce(w.to_ns, t.end_ns, {world.end_ns}) - w.from_ns AS took
            FROM wait w JOIN call c USING (call_id) LEFT JOIN task t ON t.task_id = w.task_id
            WHERE c.errno IS DISTINCT FROM {EINPROGRESS} -- that call did not wait
                AND NOT (c.name IN {SENDS} AND coalesce(c.retval, 0) < {LEAST_BLOCKING_SEND})
        ),
        longest AS (
            SELECT pid, tid, name, count(*) AS n, sum(took)::BIGINT AS took, max(took) AS most,
                arg_max(wait_id, took) AS id, arg_max(ended_by, took) AS ended_by
            FROM one GROUP BY pid, tid, name
        )
        SELECT * FROM longest
        QUALIFY row_number() OVER (PARTITION BY pid ORDER BY name = 'futex', took DESC) = 1
        ORDER BY took DESC"""  # noqa: S608 (numbers and fixed names)
    ).fetchall()


def _waits(world: World) -> list[Step]:
    """The calls in which processes were blocked longest."""
    steps = []
    for pid, tid, name, total, took, most, wait_id, ended_by in longest_waits(world)[:WAITS_TOLD]:
        process = world.processes.get(pid)
        lived = (process.end_ns or world.end_ns) - process.start_ns if process is not None else 0
        if took * LEAST_SHARE < lived:
            continue  # what did not matter
        whose = _whose(process, is_leader=tid == pid)
        share = f" of the {duration(lived)} {whose}" if lived else ""
        who = f"thread {tid} of {world.who(pid)}" if tid != pid else world.who(pid)
        by = f" {_ENDED[ended_by]}" if ended_by in _ENDED else ""
        if total == 1:
            said = f"{who} was blocked once in {code(name + '()')}, for {duration(took)}{share}{',' if by else ''}{by}."
        else:
            said = (
                f"{who} was blocked in {code(name + '()')} for {duration(took)}{share}, in "
                f"{count(total, 'wait')}. The longest lasted {duration(most)}{',' if by else ''}{by}."
            )
        ref = Ref("wait", wait_id, f"wait {wait_id}")
        steps.append(Step("", f"What {world.who(pid)} waited for", (said,), None, refs=(ref,)))
    return steps


def _whose(process: Process | None, *, is_leader: bool) -> str:
    """What the time is that a process was seen for."""
    if process is not None and (process.how == "attached" or process.end_how in (None, "detached")):
        return "it was recorded" if is_leader else "the process was recorded"
    return "it lived" if is_leader else "the process lived"


def about(world: World) -> tuple[str, ...]:
    """How to read the times."""
    calls = world.db.execute("SELECT count(*) FROM call").fetchone()
    packets = world.db.execute("SELECT count(*) FROM packet WHERE shown").fetchone()
    sources = listed([
        count(row[0], word) for word, row in (("system call", calls), ("packet", packets)) if row and row[0]
    ])  # fmt: skip
    others = world.db.execute(
        f"SELECT count(*) FROM segment WHERE shown AND NOT {is_told()} AND connection_id NOT IN ({MADE_WHOLE})"  # noqa: S608
    ).fetchone()
    if others and others[0]:
        sources += f", {others[0]:,} of them of connections between other programs, which are left out"
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


# Whether of some message only the first bytes are in the capture.
_CUT = """
SELECT EXISTS (FROM call_data d WHERE d.role = 'payload' AND octet_length(d.bytes) < d.full_bytes AND d.call_id IN (
    SELECT call_id FROM stream_write UNION ALL SELECT call_id FROM stream_read))"""
_RECORD = "-o FILE.wiretale -- COMMAND"


def gaps(world: World) -> tuple[Gap, ...]:
    """What was not recorded or got lost, and the command that would record it."""
    found = [Gap(f"{capital(gap.text)}.", gap.remedy or "") for gap in missing(world.db)]
    ran = {source for (source,) in world.db.execute("SELECT source FROM source WHERE ran").fetchall()}
    if world.has_calls and not world.has_packets and "packets" in ran:
        found.append(Gap("No packet was captured while the programs ran: what passed between them did not pass an "
                         "interface that was watched, or nothing was sent."))  # fmt: skip
    cut = world.db.execute(_CUT).fetchone()
    if cut is not None and cut[0]:
        found.append(
            Gap("Of some messages only the first bytes were kept.", f"wiretale record --snaplen all {_RECORD}")
        )
    untraced = world.db.execute(
        "SELECT count(DISTINCT e.connection_id) FROM endpoint e JOIN endpoint o ON o.connection_id = e.connection_id"
        " AND o.role <> e.role JOIN connection k ON k.connection_id = e.connection_id"
        " WHERE e.pid IS NULL AND o.pid IS NOT NULL AND k.established_ns IS NOT NULL"
        # one that was never accepted has no other program: the kernel of a recorded listener held it
        " AND NOT (e.role = 'server' AND k.server_port IN (SELECT b.port FROM socket s JOIN (SELECT inode,"
        " arg_max(local_port, time_ns) AS port FROM socket_sample WHERE inode <> 0 GROUP BY inode) b USING (inode)"
        " WHERE s.listening AND s.made_call_id IS NOT NULL))"
    ).fetchone()
    if untraced and untraced[0]:
        found.append(Gap(
            f"Only one end of {count(untraced[0], 'connection')} was traced: what the other program did between its "
            "packets is not known.", f"wiretale record --with 'OTHER COMMAND' {_RECORD}",
        ))  # fmt: skip
    return tuple(found)
