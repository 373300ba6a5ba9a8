"""Long conversations by their pattern: the rounds they form, and each direction in figures."""

from wiretale.decode.durations import duration
from wiretale.explain.conversation import Conversation
from wiretale.explain.ends import bare_name, receiver_name, sender_name
from wiretale.explain.messages import Flow, Traffic
from wiretale.explain.story import Step
from wiretale.explain.words import count, listed, sizes, spread
from wiretale.explain.world import World
from wiretale.light import replace

SECOND_NS = 1_000_000_000


def patterns(world: World, talk: Conversation, traffic: Traffic) -> list[Step]:
    """What recurs in the traffic of one connection, a step each: turns of question and answer, and the like."""
    steps = []
    if traffic.rounds is not None and traffic.runs >= 4:
        rounds = traffic.rounds
        back = "s2c" if rounds.asked_by == "c2s" else "c2s"
        asker = sender_name(world, talk, rounds.asked_by)
        answerer = sender_name(world, talk, back)
        said = [
            f"The two ends take turns: {count(rounds.count, 'round')} in which {asker} speaks and {answerer} answers.",
            f"{asker} sends {sizes(*rounds.ask, rounds.count)} a round, {answerer} answers with "
            f"{sizes(*rounds.answer, rounds.count)}.",
            "A round, from the first call that sends to the last that answers, takes "
            f"{spread(*rounds.took, rounds.count)}.",
        ]
        steps.append(Step("", f"{count(rounds.count, 'round')}", tuple(said), rounds.first_ns, key="rounds",
                          refs=(talk.ref,)))  # fmt: skip
    for flow in traffic.flows.values():
        steps.append(_flow(world, talk, flow))
    note = f"Of these {traffic.total:,} messages the ones below are told in full."
    steps[-1] = replace(steps[-1], sentences=(*steps[-1].sentences, note))
    return steps


_UNIT = {"write": "call that sends", "read": "call that reads", "packet": "packet with data"}
_UNIT_VERB = {"write": "sent", "read": "took", "packet": "carried"}
_UNITS = {"write": "calls that send", "read": "calls that read", "packet": "packets with data"}


def _flow(world: World, talk: Conversation, flow: Flow) -> Step:
    sender = sender_name(world, talk, flow.direction)
    receiver = receiver_name(world, talk, flow.direction)
    span = flow.last_ns - flow.first_ns
    units = count(flow.messages, _UNIT[flow.kind], _UNITS[flow.kind])
    said = [f"From {sender} to {receiver}: {count(flow.bytes, 'byte')} in {units} within {duration(span)}."]
    if flow.messages > 1:
        said.append(f"Each {_UNIT_VERB[flow.kind]} {sizes(flow.least, flow.median, flow.most, flow.messages)}.")
    if span > 0 and flow.bytes > 1_000_000:
        said.append(f"That is {flow.bytes * SECOND_NS / span / 1e6:,.1f} million bytes a second.")
    how = _how_many(world, talk, flow)
    if how:
        said.append(how)
    return Step(
        "", f"{count(flow.bytes, 'byte')} from {bare_name(world, talk, talk.sender(flow.direction))}",
        tuple(said), flow.first_ns, refs=(talk.ref,),
        key="to-server" if flow.direction == "c2s" else "to-client",
    )  # fmt: skip


def _how_many(world: World, talk: Conversation, flow: Flow) -> str:
    """Calls, segments and reads need not be one for one: TCP keeps bytes, not messages."""
    row = world.db.execute(
        "SELECT (SELECT count(*) FROM segment g JOIN packet p USING (packet_id) WHERE g.connection_id = $1 AND"
        " g.direction = $2 AND g.shown AND p.payload_bytes > 0),"
        " (SELECT count(*) FROM stream_read WHERE connection_id = $1 AND direction = $2 AND NOT peeked)",
        [talk.connection_id, flow.direction],
    ).fetchone()
    packets, reads = (int(row[0]), int(row[1])) if row else (0, 0)
    if not talk.is_tcp or flow.kind != "write" or not packets or talk.left.get(flow.direction, 0) < flow.bytes:
        return ""
    if packets == flow.messages and reads in (0, flow.messages):
        return ""
    taken = [count(packets, "packet")] + ([count(reads, "call that read", "calls that read")] if reads else [])
    became = f"{count(flow.messages, 'call')} became {listed(taken)}"
    return f"{became}: TCP carries bytes, and keeps no borders between calls."
