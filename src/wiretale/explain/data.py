"""How data moved: each message and its way from call to call; long conversations by their pattern."""

from wiretale.decode.durations import duration
from wiretale.decode.escape import escape_bytes
from wiretale.explain import kernel_way
from wiretale.explain.asks import timeout_words
from wiretale.explain.conversation import Conversation, Wait
from wiretale.explain.ends import bare_name, receiver_name, sender_name
from wiretale.explain.messages import Message, Traffic
from wiretale.explain.patterns import patterns
from wiretale.explain.rows import SHOWN_BYTES, Call, Packet, calls
from wiretale.explain.story import Anchors, Hop, Ref, Section, Step
from wiretale.explain.words import bytes_at, capital, code, count, listed, numbers
from wiretale.explain.world import World
from wiretale.light import replace

KERNEL_TOLD = 3  # messages of a connection whose way through the kernel is told


def data_section(world: World, talk: Conversation, traffic: Traffic, anchors: Anchors) -> Section | None:
    """The section, or None if nothing moved."""
    if not traffic.total:
        return None
    # The kernel knows how much had passed before: then the first bytes seen are not at position 0.
    first = {m.direction: m.low for m in reversed(traffic.told) if m.low is not None}
    talk.counted = {direction for direction, low in first.items() if low}
    waits = _waiting_calls(world, traffic)
    steps = [] if traffic.is_whole else patterns(world, talk, traffic)
    slow_run = traffic.rounds.slowest_run if traffic.rounds is not None and not traffic.is_whole else -1
    for message in traffic.told:
        slow = message.run in (slow_run, slow_run + 1)
        steps.append(_message(world, talk, message, waits, of_slowest=slow))
    if world.has_kernel:
        steps = _with_kernel(world, traffic, steps)
    return Section("How data moved", anchors.all_named(steps))


def _with_kernel(world: World, traffic: Traffic, steps: list[Step]) -> list[Step]:
    """Add the way through the kernel to the steps of the first messages."""
    found, told = list(steps), 0
    for i, message in enumerate(traffic.told, len(steps) - len(traffic.told)):
        way = (
            kernel_way.told(world.db, message.write.call_id) if message.write is not None and told < KERNEL_TOLD else ""
        )
        if way:
            told += 1
            remedy = f"wiretale path FILE --call {message.write.call_id}" if message.write is not None else ""
            found[i] = replace(found[i], sentences=(*found[i].sentences, way), remedy=remedy)
    return found


def _waiting_calls(world: World, traffic: Traffic) -> dict[int, Call]:
    """The calls that the messages woke, where they are not the reads themselves."""
    wanted = {w.call_id for m in traffic.told for w in m.wakes} - {r.call_id for m in traffic.told for r in m.reads}
    return calls(world.db, wanted)


# -- one message -----------------------------------------------------------------------------------------------------


def _message(world: World, talk: Conversation, message: Message, waits: dict[int, Call], *, of_slowest: bool) -> Step:
    sender = sender_name(world, talk, message.direction)
    receiver = receiver_name(world, talk, message.direction)
    content = message.content()
    hops = _hops(world, message, waits)
    said = [
        *_sent(world, talk, message, sender),
        *_carried(world, message),
        *_received(world, talk, message, receiver, waits),
    ]
    if message.after is not None:
        said.append(
            f"{world.caller(message.after)} then writes the same bytes to descriptor "
            f"{message.after.fd}{_target(world, message.after)}{_likeness(message.after)}."
        )
    if not message.exact:
        said.append(f"Their place in the stream is not certain: {message.reason or 'the stream was joined late'}.")
    total = count(message.size, "byte")
    ends = (
        bare_name(world, talk, talk.sender(message.direction)),
        bare_name(world, talk, talk.receiver(message.direction)),
    )
    title = f"{total} from {ends[0]} to {ends[1]}"
    if of_slowest:
        title = f"The slowest round: {title}"
    topics = [c.name for c in (message.write, *message.reads[:1]) if c is not None]
    topics += ["ACK"] if message.acknowledged is not None else []
    return Step(
        "", title, tuple(said), message.at_ns, hops=tuple(sorted(hops, key=lambda h: h.time_ns)),
        excerpt=escape_bytes(content, SHOWN_BYTES) if content else "", refs=_refs(talk, message),
        inferred=not message.exact, topics=tuple(dict.fromkeys(topics)),
    )  # fmt: skip


def _refs(talk: Conversation, message: Message) -> tuple[Ref, ...]:
    table = {"write": "stream_write", "read": "stream_read"}.get(message.kind)
    return (
        (Ref(table, message.id, f"{message.kind} {message.id}"),)
        if table
        else tuple(p.ref for p in message.packets[:1]) or (talk.ref,)
    )


def _sent(world: World, talk: Conversation, message: Message, sender: str) -> list[str]:
    size = count(message.size, "byte")
    where = bytes_at(message.low, message.high)
    is_stream = not talk.is_udp and "dgram" not in talk.protocol
    end = talk.sender(message.direction)
    unknown = end.initial_seq is None and end.made_call_id is None and talk.is_tcp
    seen = "what was seen of " if unknown and message.direction not in talk.counted else ""
    stream = f": {where} of {seen}its stream" if where and is_stream else ""
    call = message.write
    if call is None:
        whose = f"{sender}, whose calls were not recorded," if message.kind == "read" else sender
        return [f"{whose} sent {size}{stream}."]
    if message.size == 0:
        return [f"{world.caller(call)} sends an empty message with {code(call.name + '()')}."]
    said, sender = [], world.caller(call)
    taken = ""
    if message.before is not None:
        waited = message.input
        if waited is not None and waited.to_ns is not None:
            span = duration(waited.to_ns - waited.from_ns)
            said.append(f"{sender} had been waiting in {code(waited.name + '()')} for {span} until there was input.")
        source = f"descriptor {message.before.fd}{_target(world, message.before)}"
        taken = f" reads these {size} from {source}{_likeness(message.before)} and"
    subject = "It" if said else sender
    handed = f"{'it' if message.size == 1 else 'them'}" if taken else size
    said.append(f"{subject}{taken} hands {handed} to the kernel with {code(call.name + '()')}{stream}.")
    if call.name in ("sendfile", "sendfile64"):
        said.append(
            f"It only names descriptor {call.raw.args[1]} as their source: the kernel takes them from there, and they "
            "never pass through the memory of the program."
        )
    if "MSG_OOB" in call.argument("flags"):
        which = "It" if message.size == 1 else "The last of them"
        said.append(
            f"{which} is marked as urgent ({code('MSG_OOB')}): ordinary reads of the other end pass it by, unless "
            f"{code('SO_OOBINLINE')} is set there."
        )
    asked = _asked_bytes(call)
    if call.retval is not None and asked is not None and call.retval < asked:
        said.append(f"It had offered {asked:,}: the kernel had room for no more, and the rest must be sent again.")
    return said


def _likeness(call: Call) -> str:
    """How it is known that a call on another descriptor moved these bytes, where not all of them were captured."""
    kept = len(call.payload())
    return f" (inferred: as many, and the first {kept} are the same)" if kept < (call.retval or 0) else ""


_LENGTH_ARGUMENT = {"write": 2, "sendto": 2, "send": 2}


def _asked_bytes(call: Call) -> int | None:
    index = _LENGTH_ARGUMENT.get(call.name)
    return call.raw.args[index] if index is not None and len(call.raw.args) > index else None


def _carried(world: World, message: Message) -> list[str]:
    if not message.packets:
        return []
    said = []
    more = message.packet_total - len(message.packets) - len(message.resent)
    shown = numbers("packet", [p.number for p in message.packets], max(more, 0))
    first = message.packets[0]
    carried = f"{capital(shown)} carried {'it' if message.size == 1 else 'them'}"
    if message.write is not None:
        carried += _seen(world, message.write, first, message.last_packet or message.packets[-1])
    said.append(carried + ".")
    if message.resent:
        again = numbers("packet", [p.number for p in message.resent])
        repeated = sum(_part(message, p.lo, p.hi) for p in message.resent)
        them = "it" if message.size == 1 else "them" if repeated >= message.size else f"{repeated:,} of them"
        said.append(f"{capital(again)} carried {them} again: a retransmission.")
    ack, last = message.acknowledged, message.last_packet or message.packets[-1]
    if ack is not None and ack.time_ns >= last.time_ns:
        reference = f" after packet {last.number}, the last of them" if more > 0 else " later"
        said.append(
            f"Packet {ack.number} acknowledges {'it' if message.size == 1 else 'them'} "
            f"{duration(ack.time_ns - last.time_ns)}{reference}."
        )
    return said


def _seen(world: World, write: Call, first: Packet, last: Packet) -> str:
    """When the packets of a message were seen: the kernel may send some of them after the call has returned."""
    since = first.time_ns - write.start_ns
    if since <= -world.error_ns:
        return ""
    one = first is last
    when = f", {'' if one else 'the first '}seen {duration(max(since, 0))} after the call began"
    if not write.holds(first.time_ns, world.error_ns):
        return when
    if one or write.holds(last.time_ns, world.error_ns):
        return f"{when}, {'' if one else 'all '}while the call was still in the kernel"
    late = duration(last.time_ns - (write.exit_ns or last.time_ns))
    return f"{when}, while the call was still in the kernel, the last {late} after its return"


def _part(message: Message, low: int | None, high: int | None) -> int:
    """How many bytes of a message lie in a range of the stream."""
    if None in (low, high, message.low, message.high):
        return 0
    return max(0, min(high or 0, message.high or 0) - max(low or 0, message.low or 0))


def _received(world: World, talk: Conversation, message: Message, receiver: str, waits: dict[int, Call]) -> list[str]:
    said = []
    for wait in message.wakes[:2]:
        said += _woken(world, message, wait, waits)
    if message.reads:
        first = message.reads[0]
        receiver = world.caller(first)
        how_many = _returned(first, message)
        it, them = "It" if said and said[-1].startswith(receiver) else receiver, "it" if message.size == 1 else "them"
        name = code(first.name + "()")
        if message.read_total > 1 and talk.is_udp and all(r.retval == message.size for r in message.reads):
            said.append(_copies(world, message))
        elif message.read_total > 1:
            said.append(
                f"{receiver} takes them with {message.read_total:,} calls; the first, {name} on descriptor {first.fd}, "
                f"returns {first.retval:,}."
            )
        elif said and message.wakes[-1].call_id == first.call_id:
            said.append(f"That {name}, on descriptor {first.fd}, returns {how_many}.")
        else:
            said.append(f"{it} takes {them} with {name} on descriptor {first.fd}, which returns {how_many}.")
    elif message.kind == "write" and message.size and talk.receiver(message.direction).pid is not None:
        them = "it" if message.size == 1 else "them"
        said.append(f"No call of {world.who(talk.receiver(message.direction).pid)} that read {them} was recorded.")
    return said


def _copies(world: World, message: Message) -> str:
    """A datagram to a group or a broadcast address, which each socket that hears it gets whole."""
    takers = [f"{world.caller(r)} with {code(r.name + '()')} on descriptor {r.fd}" for r in message.reads]
    if message.read_total > len(takers):
        takers.append(f"{message.read_total - len(takers):,} more")
    each = f"each of {message.read_total:,} sockets"
    return f"The kernel gave {each} a copy of its own; they were taken by {listed(takers)}."


def _returned(call: Call, message: Message) -> str:
    """What a call that read returned, against what was sent and what it had asked for."""
    if call.name == "recvmmsg":
        return f"{call.retval:,}, the number of datagrams"
    if call.retval == message.size and message.kind != "read":
        return f"{call.retval:,}: exactly {'this byte' if message.size == 1 else 'these bytes'}"
    asked = call.raw.args[2] if call.name in ("read", "recvfrom", "recv") and len(call.raw.args) > 2 else None
    return f"{call.retval:,}" + (f" of at most {asked:,}" if asked is not None else "")


def _woken(world: World, message: Message, wait: Wait, waits: dict[int, Call]) -> list[str]:
    if wait.to_ns is None or wait.ended_by not in ("packet", "peer"):
        return []
    call = waits.get(wait.call_id)
    number = next((p.number for p in message.packets if p.packet_id == wait.packet_id), None)
    waited = duration(wait.to_ns - wait.from_ns)
    where = f"in {code(wait.name + '()')}"
    limit = f", {timeout_words(call)}" if call is not None and timeout_words(call) else ""
    by = f"packet {number}" if number is not None else "that call" if wait.ended_by == "peer" else ""
    if not by:
        return []
    late = ""
    if wait.latency_ns is not None:
        late = f": its return was seen {duration(max(wait.latency_ns, 0))} after it" if wait.ended_by == "packet" else \
            f": its return was seen {duration(max(wait.latency_ns, 0))} after that began"  # fmt: skip
    return [f"{world.caller(wait)} had been waiting {where} for {waited}{limit}; {by} ended the wait{late}."]


def _hops(world: World, message: Message, waits: dict[int, Call]) -> list[Hop]:
    hops = []
    waited = message.input
    took = message.before.call_id if message.before is not None else None
    if waited is not None and waited.to_ns is not None and waited.call_id != took:
        what = f"{waited.name}() returns"
        hops.append(Hop(waited.to_ns, world.caller_short(waited), what, "there is input", (waited.ref,), lane="other"))
    if message.before is not None:
        hops.append(_call_hop(world, message.before, "the bytes come in", "other", inferred=True))
    if message.write is not None:
        where = bytes_at(message.low, message.high)
        hops.append(_call_hop(world, message.write, f"→ {where}" if where else "", _lane(message, sends=True)))
    for packet in (*message.packets, *message.resent):
        arrow = "→" if packet.direction == "c2s" else "←"
        note = bytes_at(packet.lo, packet.hi)
        what = f"{packet.flag_text}, {count(packet.payload_bytes, 'byte')}"
        again = "again: " if packet in message.resent else ""
        hops.append(
            Hop(packet.time_ns, f"packet {packet.number} {arrow}", again + what, note, (packet.ref,), lane="wire")
        )
    if message.acknowledged is not None:
        ack = message.acknowledged
        arrow = "→" if ack.direction == "c2s" else "←"
        hops.append(
            Hop(ack.time_ns, f"packet {ack.number} {arrow}", ack.flag_text, f"got all before byte {message.high:,}",
                (ack.ref,), lane="wire")
        )  # fmt: skip
    for wait in message.wakes[:2]:
        call = waits.get(wait.call_id)
        if call is not None and wait.to_ns is not None:
            after = f"{duration(wait.latency_ns)} after its cause" if wait.latency_ns and wait.latency_ns > 0 else ""
            result = call.words.result
            hops.append(Hop(wait.to_ns, world.caller_short(wait), f"{call.name}() returns {result}", after,
                            (call.ref, wait.ref), lane=_lane(message, sends=False)))  # fmt: skip
    for read in message.reads:
        hops.append(_call_hop(world, read, "", _lane(message, sends=False)))
    if message.after is not None:
        hops.append(_call_hop(world, message.after, "the same bytes go out", "other", inferred=True))
    return hops


def _lane(message: Message, *, sends: bool) -> str:
    return "client" if (message.direction == "c2s") == sends else "server"


def _call_hop(world: World, call: Call, note: str, lane: str, *, inferred: bool = False) -> Hop:
    # A read that waited is placed where it returned, everything else where it began.
    at = call.exit_ns if call.words.name in ("read", "recvfrom", "recvmsg") and call.exit_ns else call.start_ns
    return Hop(at, world.caller_short(call), call.text, note, (call.ref,), inferred, lane)


_STANDARD = {0: "standard input", 1: "standard output", 2: "standard error"}


def _target(world: World, call: Call) -> str:
    """What a descriptor was: its usual name and what the capture knows of it."""
    known = world.file_names.get(call.call_id, "")
    usual = _STANDARD.get(call.fd if call.fd is not None else -1, "")
    said = ", ".join(x for x in (usual, known) if x)
    return f" ({said})" if said else ""
