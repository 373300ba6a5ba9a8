"""The chapter of one connection: who talks to whom, then how it was made, used and ended."""

from wiretale.decode.durations import duration
from wiretale.explain.asks import socket_error
from wiretale.explain.choose import Candidate
from wiretale.explain.conversation import EINPROGRESS, Conversation, End
from wiretale.explain.data import data_section
from wiretale.explain.datagrams import datagram_section
from wiretale.explain.echo import echo_sections
from wiretale.explain.ended import ended
from wiretale.explain.established import established
from wiretale.explain.failed import is_unanswered, never_accepted, why_it_failed
from wiretale.explain.figures import ladder, states
from wiretale.explain.handshake import handshake_of
from wiretale.explain.messages import Traffic
from wiretale.explain.story import Anchors, Chapter, Section, Step
from wiretale.explain.unix import unix_section
from wiretale.explain.words import capital, code, count, listed, numbers, place
from wiretale.explain.world import World

_PROTOCOLS = {
    "tcp": "TCP connection", "udp": "UDP conversation", "udplite": "UDP-Lite conversation",
 "icmp": "ICMP exchange", "icmpv6": "ICMPv6 exchange", "raw": "exchange of IP packets",
    "unix-stream": "unix stream connection",
    "unix-dgram": "unix datagram conversation", "unix-seqpacket": "unix seqpacket connection",
}  # fmt: skip


def title(talk: Conversation) -> str:
    """`TCP connection 3: 127.0.0.1:4444 → 127.0.0.1:4000`."""
    word = _PROTOCOLS.get(talk.protocol, f"{talk.protocol} connection")
    client, server = place(talk.client.addr, talk.client.port), place(talk.server.addr, talk.server.port)
    ends = f"{client} → {server}" if talk.client.addr else server if talk.server.addr else "two sockets without a name"
    return f"{word[0].upper()}{word[1:]} {talk.connection_id}: {ends}"


def _end(world: World, talk: Conversation, end: End) -> str:
    where = place(end.addr, end.port)
    if end.pid is None:
        return f"{code(where)}, {world.stranger}"
    held = f", descriptor {end.fd}" if end.fd is not None else ""
    return f"{world.who(end.pid)}{held}" + (f", at {code(where)}" if end.addr else "")


def _server(world: World, talk: Conversation) -> str:
    """The other end; of an attempt that failed only the address that was asked for is known."""
    if talk.server.pid is None and talk.outcome == "refused" and talk.is_tcp:
        return f"It asks for {code(place(talk.server.addr, talk.server.port))}, where nobody listens"
    failed = talk.outcome in _DATAGRAM_OUTCOMES or talk.outcome == "timed out" or is_unanswered(talk)
    if talk.server.pid is None and talk.established_ns is None and failed:
        return f"It asks for {code(place(talk.server.addr, talk.server.port))}"
    if talk.server.pid is None and talk.is_tcp and never_accepted(world, talk):
        return f"The server is {code(place(talk.server.addr, talk.server.port))}, where nobody had accepted it"
    return f"The server is {_end(world, talk, talk.server)}"


def _ends(world: World, talk: Conversation) -> str:
    """Who talks to whom."""
    if talk.is_raw and talk.server.pid is None:
        client = _end(world, talk, talk.client) if talk.client.pid is not None else code(talk.client.addr or "?")
        other = code(talk.server.addr or "?")
        heard = "" if talk.client.pid is not None else "; no recorded program sent or read that"
        return f"{client} {'asks' if talk.is_icmp else 'sends to'} {other}{heard}."
    if talk.client.pid is None and talk.server.pid is None and talk.established_ns is not None and talk.client.addr:
        client, server = (code(place(end.addr, end.port)) for end in talk.ends)
        return f"The client is {client}, the server is {server}; neither program was traced."
    return f"The client is {_end(world, talk, talk.client)}. {_server(world, talk)}."


def _intro(world: World, talk: Conversation) -> list[str]:
    said = [_ends(world, talk)]
    made = talk.client.made_call_id
    if made is not None and made == talk.server.made_call_id:
        said.append(
            "socketpair() made both ends at once, so neither called the other: which is called client means nothing."
        )
    elif talk.known_by == "guess":
        said[0] += " Which is which is a guess: the beginning was not recorded."
    elif talk.known_by == "listener":
        said[0] += " The beginning was not recorded: a socket that listens on its port tells which is the server."
    if talk.is_raw:
        return [*said, *_intro_of_raw(talk)]
    moved = f"{count(talk.client_bytes, 'byte')} went to the server and {count(talk.server_bytes, 'byte')} came back"
    packets = f", in {count(talk.packet_count, 'packet')}" if talk.packet_count else ""
    outcome = _DATAGRAM_OUTCOMES.get(talk.outcome) if talk.is_udp else _OUTCOMES.get(talk.outcome)
    if is_unanswered(talk):
        outcome = "No answer had come when the recording ended."
    if outcome is not None:
        said.append(outcome)
    if talk.client_bytes or talk.server_bytes:
        said.append(f"{moved}{packets}.")
    elif talk.established_ns is not None:
        passed = f"{capital(count(talk.packet_count, 'packet'))} passed, without payload."
        when = " while it was recorded" if talk.was_there else ""
        said.append(passed if packets else f"No payload was sent{when}.")
    said += _never_left(world, talk)
    lived = talk.lived_ns
    if talk.is_udp and talk.packets:
        if lived:
            said.append(f"From the first datagram to the last it took {duration(lived)}.")
    elif lived:
        if not talk.is_attempt:
            seen = "" if talk.established_ns is not None or not talk.is_tcp else "It was there before the recording. "
            said.append(f"{seen}{'It was seen for' if seen else 'It lived'} {duration(lived)}.")
        else:
            said.append(f"The attempt took {world.took(attempt_ended(talk) - talk.from_ns)}.")
    return said


def _intro_of_raw(talk: Conversation) -> list[str]:
    """What passed, and how it is counted."""
    said = []
    if talk.packet_count:
        said.append(
            f"{capital(count(talk.packet_count, 'packet'))} passed: {count(talk.client_bytes, 'byte')} there and "
            f"{count(talk.server_bytes, 'byte')} back, counted with the IP headers."
        )
        if talk.lived_ns:
            said.append(f"From the first packet to the last it took {duration(talk.lived_ns)}.")
    return said


def attempt_ended(talk: Conversation) -> int:
    """When it was known that an attempt had failed: by the answer, by the call that says so, else by the close."""
    reset = handshake_of(talk).reset
    if reset is not None:
        return reset.time_ns
    failed = [c for c in talk.of(talk.client, "connect") if c.failed and c.errno != EINPROGRESS and c.exit_ns]
    asked = [c for c in talk.of(talk.client, "getsockopt") if socket_error(c) and c.exit_ns]
    return min((c.exit_ns or 0 for c in (*failed, *asked)), default=talk.to_ns or talk.from_ns)


def _never_left(world: World, talk: Conversation) -> list[str]:
    """What a program handed to its kernel and no segment carried before a reset: the peer took no more."""
    said = []
    for direction, handed in (("c2s", talk.client_bytes), ("s2c", talk.server_bytes)):
        left, end = talk.left.get(direction, 0), talk.sender(direction)
        if talk.outcome == "reset" and talk.packet_count and end.pid is not None and left < handed:
            said.append(
                f"Only {left:,} of the {count(handed, 'byte')} that {world.who(end.pid)} wrote were seen on the way; "
                "the others had not left its kernel when the connection ended."
            )
    return said


_OUTCOMES = {
    "refused": "The connection was refused.",
    "timed out": "The attempt got no answer.",
    "unreachable": "The other end could not be reached.",
    "reset": "It ended with a reset.",
    "failed": "The attempt failed.",
    "open": "It was still open when the recording ended.",
    "half-closed": "Only one end had closed it when the recording ended.",
}

_DATAGRAM_OUTCOMES = {  # UDP has no connection that could be refused or end
    "refused": "An ICMP error said that nobody takes datagrams there.",
    "unreachable": "The other end could not be reached.",
    "failed": "The attempt failed.",
}


def connection_chapter(world: World, talk: Conversation, traffic: Traffic, alike: list[Candidate]) -> Chapter:
    """The chapter."""
    anchors = Anchors(f"c{talk.connection_id}")
    last = max((f.last_ns for f in traffic.flows.values()), default=talk.established_ns or talk.from_ns)
    until = {end.role: _set_up_until(world, talk, traffic, end) for end in talk.ends}
    sections: list[Section] = [established(world, talk, anchors, until)]
    sections += _named(why_it_failed(world, talk), anchors)
    asked = echo_sections(world, talk, anchors)
    data = data_section(world, talk, traffic, anchors) if not asked else None
    sections += asked or ([data] if data is not None else [])
    sections += _named(unix_section(world, talk) or datagram_section(world, talk), anchors)
    end = ended(world, talk, anchors, last)
    sections += [end] if end is not None else []
    if alike:
        sections.append(Section("Others like it", (anchors.named(_alike(talk, alike)),)))
    kept = tuple(s for s in sections if s.steps)
    figures = tuple(f for f in (ladder(world, talk), states(talk)) if f is not None)
    return Chapter(f"c{talk.connection_id}", title(talk), tuple(_intro(world, talk)), kept, figures, talk.connection_id)


def failure_chapter(world: World, talk: Conversation) -> Chapter | None:
    """Of the chapter of a connection only why it failed; None if it did not."""
    sections = tuple(_named(why_it_failed(world, talk), Anchors(f"c{talk.connection_id}")))
    if not sections:
        return None
    return Chapter(
        f"c{talk.connection_id}", title(talk), tuple(_intro(world, talk)), sections, connection_id=talk.connection_id
    )


def _set_up_until(world: World, talk: Conversation, traffic: Traffic, end: End) -> int:
    """When an end turned from setting up to using: at its own first call with payload, else at its end."""
    sent = traffic.flows.get(end.sends)
    used = [sent.first_ns] if sent is not None else []
    used += [m.reads[0].entry_ns for m in traffic.told if m.reads and talk.receiver(m.direction) is end][:1]
    if not used:
        used = [c.entry_ns for c in talk.of(end, "shutdown", "close") if c.entry_ns > talk.from_ns][:1]
    return min(used, default=world.end_ns + 1)


def _named(section: Section | None, anchors: Anchors) -> list[Section]:
    """A section whose steps still lack their anchors."""
    return [Section(section.title, anchors.in_order(section.steps), section.figures)] if section is not None else []


def _alike(talk: Conversation, alike: list[Candidate]) -> Step:
    lasted = sorted(c.lasted_ns for c in alike if c.lasted_ns is not None)
    sizes = sorted(c.bytes for c in alike)
    ports = sorted({c.server[1] for c in alike if c.server[1] is not None})
    others = ports if ports != [talk.server.port] else []
    where = (
        f" to other ports of the same address ({listed([str(p) for p in others], 10)})"
        if others
        else " to the same address"
        if talk.server.addr
        else ""
    )
    what = "more attempt" if talk.is_attempt else "more connection"
    one = len(alike) == 1
    named = numbers(what.removeprefix("more "), [c.connection_id for c in alike[:9]], len(alike) - 9)
    said = [f"{capital(named)} of the same programs{where} ended the same way."]
    if sizes[-1]:
        moved = count(sizes[0], "byte") if sizes[0] == sizes[-1] else f"{sizes[0]:,} to {count(sizes[-1], 'byte')}"
        said.append(f"It moved {moved}." if one else f"They moved {moved} each.")
    if lasted and what == "more connection":
        least, most = duration(lasted[0]), duration(lasted[-1])
        said.append(f"{'It' if one else 'They'} lived {least if least == most else f'{least} to {most}'}.")
    return Step("", f"{count(len(alike), what)} like it", tuple(said), refs=(talk.ref,), key="alike",
                remedy=f"wiretale explain FILE --connection {alike[0].connection_id}")  # fmt: skip
