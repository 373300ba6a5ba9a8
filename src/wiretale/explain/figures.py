"""Figures drawn from rows: the ladder of packets with the calls beside it, TCP states, and the threads' waits."""

from collections.abc import Iterable

from wiretale.decode.durations import duration
from wiretale.explain.conversation import Conversation, End
from wiretale.explain.story import Arrow, Figure, Mark, Ref, Section, Span, Track
from wiretale.explain.words import place
from wiretale.explain.world import World

LADDER_ROWS = 44
WAIT_TRACKS, WAIT_SPANS = 8, 60

_CALLS_OF_LADDER = ("shutdown", "close", "bind", "listen", "socket")
_KINDS = {
    "LISTEN": "listening", "SYN-SENT": "opening", "SYN-RECEIVED": "opening", "ESTABLISHED": "open",
    "FIN-WAIT-1": "closing", "FIN-WAIT-2": "closing", "CLOSE-WAIT": "closing", "CLOSING": "closing",
    "LAST-ACK": "closing", "TIME-WAIT": "over", "CLOSED": "over",
}  # fmt: skip


def _end(world: World, end: End) -> str:
    where = place(end.addr, end.port)
    return f"{world.short(end.pid)} {where}" if end.pid is not None else where


def ladder(world: World, talk: Conversation, sections: Iterable[Section]) -> Figure | None:
    """Packets between the two ends in order, with the calls of the chapter's steps beside them."""
    arrows: dict[int, Arrow] = {}
    marks: dict[int, Mark] = {}
    for packet in talk.packets:
        size = f" {packet.payload_bytes:,} bytes" if packet.payload_bytes else ""
        label = f"{packet.number} {packet.flag_text}{size}"
        arrows[packet.packet_id] = Arrow(packet.time_ns, packet.direction == "c2s", label, packet.ref)
    for section in sections:
        for step in section.steps:
            for hop in step.hops:
                for ref in hop.refs:
                    if ref.table == "call" and hop.lane in ("client", "server") and ref.id not in marks:
                        marks[ref.id] = Mark(hop.time_ns, None, hop.lane == "client", _short(hop.what), ref)
    for end, call in talk.calls:
        if call.call_id not in marks and call.name in _CALLS_OF_LADDER and not call.failed:
            text = f"{call.name}({call.fd if call.fd is not None else ''})"
            marks[call.call_id] = Mark(call.start_ns, call.exit_ns, end is talk.client, text, call.ref)
        elif call.call_id not in marks and call.retval == 0 and call.name in ("read", "recvfrom", "recvmsg"):
            marks[call.call_id] = Mark(
                call.start_ns, call.exit_ns, end is talk.client, f"{call.name}({call.fd}) = 0", call.ref
            )
    if not arrows and len(marks) < 3:
        return None
    kept, left = _thinned(list(arrows.values()), list(marks.values()))
    caption = "Time runs down. Packets stand at the moment they were captured, calls where they began or returned."
    if left:
        caption += f" {left:,} packets and calls in the middle are left out."
    return Figure(
        f"fig-c{talk.connection_id}-ladder", "Packets, and the calls beside them", caption,
        left=_end(world, talk.client), right=_end(world, talk.server),
        arrows=tuple(a for a in kept if isinstance(a, Arrow)), marks=tuple(m for m in kept if isinstance(m, Mark)),
    )  # fmt: skip


def _short(text: str) -> str:
    """A hop's text without the arguments that do not fit beside a ladder."""
    name, bracket, rest = text.partition("(")
    if not bracket or rest.startswith(")") or " = " not in rest:
        return text.split(" ([", maxsplit=1)[0]
    first = rest.split(",")[0].split(")")[0]
    return f"{name}({first}) = {text.rpartition(' = ')[2]}"


def _thinned(arrows: list[Arrow], marks: list[Mark]) -> tuple[list[Arrow | Mark], int]:
    """The first and the last rows where there are too many."""

    def at(item: Arrow | Mark) -> int:
        return item.time_ns if isinstance(item, Arrow) else item.from_ns

    both: list[Arrow | Mark] = sorted([*arrows, *marks], key=at)
    if len(both) <= LADDER_ROWS:
        return both, 0
    head, tail = LADDER_ROWS * 2 // 3, LADDER_ROWS - LADDER_ROWS * 2 // 3
    return [*both[:head], *both[-tail:]], len(both) - LADDER_ROWS


def states(talk: Conversation) -> Figure | None:
    """The TCP state of each end over time."""
    tracks = []
    guessed = False
    for end in talk.ends:
        spans = []
        for s in talk.states:
            if s.role != end.role:
                continue
            ref = None
            packet = talk.packet(s.packet_id)
            if packet is not None:
                ref = packet.ref
            elif s.call_id is not None:
                ref = Ref("call", s.call_id, f"call {s.call_id}")
            guessed |= s.inferred
            spans.append(Span(s.state, s.from_ns, s.to_ns, _KINDS.get(s.state, "open"), ref))
        if spans:
            tracks.append(Track(f"{end.role} {place(end.addr, end.port)}", tuple(spans)))
    if not tracks:
        return None
    caption = "The TCP state of each end (RFC 9293), from the segments seen and the calls made."
    if guessed:
        caption += " Some states were not seen but follow from those rules."
    caption += " The time axis is compressed."
    return Figure(f"fig-c{talk.connection_id}-states", "TCP states", caption, tuple(tracks))


def waits(world: World) -> Figure | None:
    """When each thread was blocked, and what ended it."""
    rows = world.db.execute(
        f"""
        SELECT c.pid, c.tid, w.wait_id, w.from_ns, w.to_ns, c.name, w.ended_by, p.number
        FROM wait w JOIN call c USING (call_id) LEFT JOIN packet p ON p.packet_id = w.packet_id
        QUALIFY row_number() OVER (PARTITION BY c.tid ORDER BY coalesce(w.to_ns, {world.end_ns}) - w.from_ns DESC)
            <= {WAIT_SPANS}
        ORDER BY w.from_ns"""  # noqa: S608 (numbers only)
    ).fetchall()
    tracks: dict[tuple[int, int], list[Span]] = {}
    for pid, tid, wait_id, begin, end, name, ended_by, number in rows:
        if (pid, tid) not in tracks and len(tracks) >= WAIT_TRACKS:
            continue
        by = f"packet {number}" if number is not None else ended_by
        span = Span(f"{name}: {by}", begin, end, "waiting", Ref("wait", wait_id, f"wait {wait_id}"))
        tracks.setdefault((pid, tid), []).append(span)
    if not tracks:
        return None
    named = tuple(
        Track(world.short(pid) + (f" thread {tid}" if tid != pid else ""), tuple(spans))
        for (pid, tid), spans in tracks.items()
    )
    span_text = duration(world.end_ns - world.origin_ns)
    return Figure("fig-waits", "Who waited, in which call, and what ended it",
                  f"Between the bars the threads ran or were ready to, in {span_text}. The time axis is "
                  "compressed.", named)  # fmt: skip
