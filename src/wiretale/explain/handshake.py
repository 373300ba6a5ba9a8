"""How a TCP connection was made: connect, the three segments, and how the times of call and wire agree."""

import re
from itertools import pairwise

from wiretale.decode.constants import error_name
from wiretale.decode.durations import duration
from wiretale.explain import asks
from wiretale.explain.conversation import EALREADY, EINPROGRESS, WAITS, Conversation, End
from wiretale.explain.rows import ACK, RST, SYN, Call, Packet, calls
from wiretale.explain.story import Hop, Step
from wiretale.explain.words import capital, code, count, listed, numbers, place, within
from wiretale.explain.world import World
from wiretale.light import dataclass


@dataclass(frozen=True, slots=True)
class Handshake:
    """The segments that make a connection, as far as they were captured."""

    syns: tuple[Packet, ...]
    syn_ack: Packet | None
    third: Packet | None
    reset: Packet | None

    @property
    def seen(self) -> list[Packet]:
        """In order of time."""
        found = [*self.syns, self.syn_ack, self.third, self.reset]
        return sorted((p for p in found if p is not None), key=lambda p: p.packet_id)

    @property
    def is_whole(self) -> bool:
        """Whether all three segments were captured."""
        return bool(self.syns) and self.syn_ack is not None and self.third is not None


def handshake_of(talk: Conversation) -> Handshake:
    """Pick the segments of the handshake out of a connection's first packets."""
    syns = tuple(p for p in talk.packets if p.flags & SYN and not p.flags & ACK and p.direction == "c2s")
    syn_ack = next((p for p in talk.packets if p.flags & SYN and p.flags & ACK and p.direction == "s2c"), None)
    third = None
    if talk.established_ns is not None and syn_ack is not None:
        third = next(
            (p for p in talk.packets if p.time_ns == talk.established_ns and p.direction == "c2s" and p.flags & ACK
             and not p.flags & (SYN | RST)), None,
        )  # fmt: skip
    reset = None
    if syn_ack is None:
        reset = next((p for p in talk.packets if p.flags & RST and p.direction == "s2c"), None)
    return Handshake(syns, syn_ack, third, reset)


def _options(packet: Packet) -> str:
    """What a SYN offers, in words."""
    said = []
    if packet.mss is not None:
        said.append(f"segments of up to {packet.mss:,} bytes (MSS)")
    if packet.wscale is not None:
        said.append(f"windows counted in units of {1 << packet.wscale:,} bytes (scale {packet.wscale})")
    if packet.sack_permitted:
        said.append("selective acknowledgements")
    return "offers " + ", ".join(said) if said else ""


def _segment_hop(talk: Conversation, packet: Packet, what: str, note: str) -> Hop:
    arrow = "→" if packet.direction == "c2s" else "←"
    return Hop(packet.time_ns, f"packet {packet.number} {arrow}", what, note, (packet.ref,), lane="wire")


def segment_hops(talk: Conversation, shake: Handshake) -> list[Hop]:
    """One hop for each segment of the handshake."""
    hops = []
    for i, syn in enumerate(shake.syns):
        start = f"my bytes count from sequence number {syn.seq}" if syn.seq is not None else ""
        note = f"{start}; {_options(syn)}".strip("; ") if i == 0 else "sent again: no answer had come"
        hops.append(_segment_hop(talk, syn, "SYN: may I connect?", note))
    if shake.syn_ack is not None:
        start = f"mine count from {shake.syn_ack.seq}" if shake.syn_ack.seq is not None else ""
        note = f"{start}; {_options(shake.syn_ack)}".strip("; ")
        hops.append(_segment_hop(talk, shake.syn_ack, "SYN, ACK: you may, and I got your SYN", note))
    if shake.third is not None:
        note = "the third segment: with it the connection stands at both ends"
        hops.append(_segment_hop(talk, shake.third, "ACK: I got yours", note))
    if shake.reset is not None:
        hops.append(_segment_hop(talk, shake.reset, "RST: nobody serves this port", ""))
    return hops


def connect_step(world: World, talk: Conversation, call: Call | None, anchor: str) -> Step | None:
    """connect() and the segments in one step; without the call the segments alone; None if there is neither."""
    shake = handshake_of(talk)
    hops = segment_hops(talk, shake)
    if call is None and not hops:
        return None
    said: list[str] = []
    if call is not None:
        said += _asked(world, talk, call)
        note = "" if call.exit_ns is not None else "it had not returned when the recording ended"
        actor = world.caller_short(call)
        hops.append(Hop(call.start_ns, actor, f"connect({call.fd}) begins", note, (call.ref,), lane="client"))
        if call.exit_ns is not None:
            result = "0" if call.retval == 0 else error_name(call.errno or 0)
            hops.append(Hop(call.exit_ns, actor, f"connect() returns {result}", "", (call.ref,), lane="client"))
    elif shake.syns and talk.client.pid is None:
        said.append(f"{code(place(talk.client.addr, talk.client.port))} asks to connect to "
                    f"{code(place(talk.server.addr, talk.server.port))}.")  # fmt: skip
    said += _segments_said(world, talk, shake, call)
    refs = (call.ref,) if call is not None else ()
    topics = [*(asks.topics(call) if call is not None else ("connect",))]
    topics += [word for word, there in (("handshake", shake.third), ("SYN", shake.syns), ("RST", shake.reset)) if there]
    return Step(
        anchor,
        _title(shake, call),
        tuple(said),
        call.entry_ns if call is not None else hops[0].time_ns,
        call.text if call is not None else "",
        asks.arguments(call) if call is not None else (),
        tuple(sorted(hops, key=lambda h: h.time_ns)) if shake.seen else (),
        refs=refs,
        topics=tuple(topics),
    )  # fmt: skip


def _title(shake: Handshake, call: Call | None) -> str:
    if shake.is_whole:
        return "connect() and the three segments" if call is not None else "The three segments"
    if shake.reset is not None or (shake.syns and shake.syn_ack is None):
        return "An attempt to connect"
    return "connect()" if call is not None and not shake.seen else "The handshake"


def _asked(world: World, talk: Conversation, call: Call) -> list[str]:
    target = asks.address_of(call) or place(talk.server.addr, talk.server.port)
    said = [f"{world.caller(call)} asks the kernel to connect descriptor {call.fd} to {code(target)}."]
    if call.exit_ns is None:
        return [*said, "The call had not returned when the recording or the process ended."]
    if call.errno == EINPROGRESS:
        return [*said, f"It returns {code('EINPROGRESS')}: the descriptor does not wait, so the kernel goes on "
                "connecting by itself. That is no failure."]  # fmt: skip
    if call.failed:
        return [*said, f"It fails after {world.took(call.took_ns or 0)}: {asks.failure(call)}."]
    took = world.took(call.took_ns or 0)
    return [*said, f"It returns 0 after {took}: {_MEANS.get(talk.protocol, 'the connection stands')}."]


_MEANS = {  # what success of connect() means (connect(2), udp(7), unix(7))
    "udplite": "nothing was sent for that; the kernel only notes the address, and the socket hears no other",
    "udp": "nothing was sent for that; the kernel only notes the address, and the socket hears no other",
    "unix-dgram": "nothing was sent for that; the kernel only notes the address",
    "unix-stream": "the connection stands, even if the server has not yet called accept()",
    "unix-seqpacket": "the connection stands, even if the server has not yet called accept()",
}


def _segments_said(world: World, talk: Conversation, shake: Handshake, call: Call | None) -> list[str]:
    said: list[str] = []
    if shake.is_whole and shake.third is not None and shake.syn_ack is not None:
        first = shake.syns[0]
        span = shake.third.time_ns - first.time_ns
        answered = shake.syn_ack.time_ns - shake.syns[-1].time_ns
        said.append(
            f"The handshake took {duration(span)} from the first segment to the third; the other end's answer was seen "
            f"{duration(answered)} after the SYN."
        )
        if len(shake.syns) > 1:
            said.append(f"The SYN had to be sent {count(len(shake.syns), 'time')}.")
    elif shake.reset is not None and shake.syns:
        said.append(
            f"The answer to the SYN was a segment with RST, {duration(shake.reset.time_ns - shake.syns[-1].time_ns)} "
            "later: the other end can be reached, and nothing there accepts connections to that port."
        )
    elif shake.syns and shake.syn_ack is None:
        waits = [b.time_ns - a.time_ns for a, b in zip(shake.syns, shake.syns[1:], strict=False)]
        again = f" and was sent again after {listed(duration(w) for w in waits)}" if waits else ""
        said.append(f"The SYN got no answer{again}.")
    if call is not None and call.exit_ns is not None and shake.seen:
        said += _agreement(world, shake.seen, call)
    return said


def _agreement(world: World, seen: list[Packet], call: Call) -> list[str]:
    """Where the segments lie against the call, and by how much."""
    inside = [p for p in seen if call.holds(p.time_ns, world.error_ns)]
    if call.exit_ns is None or not inside:
        return []
    which = capital(numbers("packet", [p.number for p in inside]))
    passed = "passed" if len(inside) > 1 else "was seen"
    first, last = inside[0].time_ns - call.start_ns, call.exit_ns - inside[-1].time_ns
    said = (
        f"{which} {passed} while connect() was in the kernel: {duration(max(first, 0))} after the call began"
        f"{' the first' if len(inside) > 1 else ''}, {duration(max(last, 0))} before its return was seen"
        f"{' the last' if len(inside) > 1 else ''}{within(world.error_ns)}."
    )
    late = [p for p in seen if p.time_ns > call.exit_ns + world.error_ns]
    after = f" {capital(numbers('packet', [p.number for p in late]))} came after it had returned." if late else ""
    return [said + after]


def finish_steps(world: World, talk: Conversation, call: Call, until_ns: int) -> list[Step]:
    """After EINPROGRESS: the call that waited for the connection, where its result names the descriptor."""
    rows = world.db.execute(
        f"SELECT call_id FROM call WHERE task_id = ? AND call_id > ? AND name IN {WAITS} AND entry_ns < ?"  # noqa: S608 (fixed names)
        " ORDER BY call_id LIMIT 3",
        [call.task_id, call.call_id, until_ns],
    ).fetchall()
    for wait in sorted(calls(world.db, (r[0] for r in rows)).values(), key=lambda c: c.call_id):
        if call.fd is not None and names_descriptor(wait, call.fd):
            return [_waited(world, talk, wait, call.fd)]
    return []


def _waited(world: World, talk: Conversation, wait: Call, fd: int) -> Step:
    """The call that waited for the end of the attempt; if that had come before, it had nothing to wait for."""
    said = [
        f"{world.caller(wait)} calls {code(wait.name + '()')} until descriptor {fd} is ready: a socket that is "
        "connecting "
        "becomes writable when the attempt is over, whether it went well or not.",
    ]
    took = world.took(wait.took_ns or 0)
    blocked = talk.wait_of(wait.call_id)
    if talk.established_ns is not None and talk.established_ns + world.error_ns < wait.start_ns:
        since = duration(wait.start_ns - talk.established_ns)
        said.append(
            f"The connection had stood for {since} by then, so there was nothing to wait for; the call took {took}."
        )
    elif blocked is not None and blocked.to_ns is not None:
        said.append(f"It waited {duration(blocked.to_ns - blocked.from_ns)}.")
    else:
        said.append(f"It took {took}.")
    refs = (wait.ref, blocked.ref) if blocked is not None else (wait.ref,)
    return Step("", "Waiting for the connection", tuple(said), wait.entry_ns, wait.text, asks.arguments(wait),
                refs=refs, topics=asks.topics(wait))  # fmt: skip


def names_descriptor(wait: Call, fd: int) -> bool:
    """Whether poll or select reported that descriptor ready. epoll reports what the program chose: it is left out."""
    result = wait.words.result
    if wait.name.startswith("epoll"):
        return False
    return re.search(rf"fd={fd}\b|[\[ ]{fd}[\] ]", result.partition("(")[2]) is not None


def connect_of(talk: Conversation, end: End) -> Call | None:
    """The connect call that began the attempt: the last but those that only ask how it stands.

    After EINPROGRESS the next connect() of the same socket to the same address sends nothing (connect(2)).
    """
    found = talk.of(end, "connect")
    for earlier, later in pairwise(found):
        if earlier.errno in (EINPROGRESS, EALREADY) and earlier.address() == later.address():
            return earlier
    return found[-1] if found else None
