"""The packets between the two ends of a connection in order, with the calls of each end beside them."""

from collections.abc import Sequence

from wiretale.decode.constants import error_name
from wiretale.decode.durations import duration
from wiretale.explain.conversation import ACCEPTS, RECEIVES, SENDS, WAITS, Conversation, End
from wiretale.explain.rows import FIN, RST, SYN, Call, Packet, calls
from wiretale.explain.story import Arrow, Figure, Mark, Omission
from wiretale.explain.words import count, listed, place
from wiretale.explain.world import World
from wiretale.light import dataclass

HEAD, TAIL = 32, 12  # of a long conversation the first and the last packets and calls

_SET_UP = ("socket", "bind", "connect", "shutdown", "close")
_NAMES = (*_SET_UP, *ACCEPTS, *SENDS, *RECEIVES)

# The calls on both sockets, those that made them, and those that waited for them (poll names no socket of its own).
_CALLS = f"""
WITH mine AS (
    SELECT f.socket_id, c.call_id FROM call_file f JOIN call c USING (call_id)
    WHERE f.socket_id IN (SELECT unnest(?)) AND c.name IN {_NAMES} AND c.errno IS DISTINCT FROM 11 -- EAGAIN
    UNION SELECT socket_id, made_call_id FROM socket
    WHERE socket_id IN (SELECT unnest(?)) AND made_call_id IS NOT NULL
    UNION SELECT socket_id, call_id FROM wait WHERE socket_id IN (SELECT unnest(?))
),
ranked AS (
    SELECT m.socket_id, m.call_id, row_number() OVER (ORDER BY c.start_ns, m.call_id, m.socket_id) AS n,
        count(*) OVER () AS total FROM mine m JOIN call c USING (call_id)
)
SELECT socket_id, call_id, total FROM ranked WHERE n <= {HEAD + TAIL} OR n > total - {TAIL} ORDER BY n"""  # noqa: S608 (fixed text; values are parameters)

# Where no packet was captured, the links say which bytes passed from which write to a read.
_BYTES = f"""
WITH moved AS (
    SELECT l.direction, l.write_id, min(l.lo) AS lo, max(l.hi) AS hi FROM link l
    WHERE l.kind = 'write_read' AND l.connection_id = ? AND l.evidence <> 'ambiguous' GROUP BY ALL
)
SELECT m.direction, w.call_id, m.hi - m.lo, count(*) OVER () AS total
FROM moved m JOIN stream_write w USING (write_id)
QUALIFY row_number() OVER (ORDER BY w.write_id) <= {HEAD + TAIL}
    OR row_number() OVER (ORDER BY w.write_id DESC) <= {TAIL}
ORDER BY w.write_id"""  # noqa: S608 (fixed text; values are parameters)


@dataclass(frozen=True, slots=True)
class _Drawn:
    """What is drawn of all there is. The totals count what there is."""

    items: list[Arrow | Mark]
    packets: int
    calls: int


def ladder(world: World, talk: Conversation) -> Figure | None:
    """The figure; None if there is too little to draw."""
    found = _found(world, talk)
    if len(found.items) < 3:
        return None
    items, omitted = _thinned(found)
    arrows = tuple(a for a in items if isinstance(a, Arrow))
    marks = tuple(m for m in items if isinstance(m, Mark))
    said = ["Time runs down; rows are in order, not to scale."]
    if talk.packets:
        said.append("A packet stands at the moment it was captured.")
    elif arrows:
        said.append("An arrow stands for the bytes of a write that the other end read; no packet was captured.")
    if marks:
        said.append("Beside each end's line the calls on its socket; the line is thick while a call was in the kernel.")
        if any(mark.label.startswith("[") for mark in marks):
            said.append("A number in brackets is another process that held the socket.")
    if world.error_ns and talk.packets and marks:
        said.append(f"Packets and calls closer than {duration(world.error_ns)} may be in the other order.")
    if omitted is not None:
        said.append(f"Left out in the middle: {omitted.text}.")
    title = "Packets, and the calls beside them" if talk.packets else "Calls of both ends"
    return Figure(
        f"fig-c{talk.connection_id}-ladder", title, " ".join(said), left=_end(world, talk.client),
        right=_end(world, talk.server), arrows=arrows, marks=marks,
        omitted=omitted,
    )  # fmt: skip


def _end(world: World, end: End) -> str:
    where = place(end.addr, end.port) if end.addr else ""
    return f"{world.short(end.pid)} {where}".strip() if end.pid is not None else where or "not traced"


def _found(world: World, talk: Conversation) -> _Drawn:
    items: list[Arrow | Mark] = [_arrow(p, talk) for p in talk.packets]
    sides = {end.socket_id: end for end in talk.ends if end.socket_id is not None}
    total = 0
    rows: dict[int, Call] = {}
    if sides:
        found = world.db.execute(_CALLS, [list(sides)] * 3).fetchall()
        rows = calls(world.db, (row[1] for row in found))
        for socket_id, call_id, total in found:  # noqa: B007 (the same in each row)
            if call_id in rows:
                end = sides[socket_id]
                items.append(_mark(rows[call_id], end, on_left=end is talk.client))
    if talk.packets:
        return _Drawn(items, max(talk.packet_count, len(talk.packets)), total)
    moved = world.db.execute(_BYTES, [talk.connection_id]).fetchall()
    written = rows | calls(world.db, (row[1] for row in moved if row[1] not in rows))
    for direction, call_id, size, _ in moved:
        call = written[call_id]
        items.append(Arrow(call.start_ns, direction == "c2s", count(size, "byte"), call.ref, "bytes"))
    return _Drawn(items, moved[0][3] if moved else 0, total)


def _arrow(packet: Packet, talk: Conversation) -> Arrow:
    size = f" {count(packet.payload_bytes, 'byte')}" if packet.payload_bytes else ""
    found = [name.replace("_", " ") for name in packet.analysis]
    kind = "data" if packet.payload_bytes else "opening" if packet.flags & SYN else "control"
    if packet.flags & RST:
        kind = "reset"
    elif packet.flags & FIN:
        kind = "closing"
    elif any("retransmission" in name for name in packet.analysis):
        kind = "again"
    # an error may come from a host on the way
    by = "" if packet.icmp is None or packet.sender in {end.addr for end in talk.ends} else f" from {packet.sender}"
    label = f"{packet.number} {packet.flag_text}{size}{by}" + (f" ({', '.join(found)})" if found else "")
    return Arrow(packet.time_ns, packet.direction == "c2s", label, packet.ref, kind)


def _mark(call: Call, end: End, *, on_left: bool) -> Mark:
    argument = "" if call.fd is None or call.name in WAITS else str(call.fd)
    if call.name == "shutdown":
        argument += f", {call.argument('how')}"
    result = "?" if call.exit_ns is None else error_name(call.errno) if call.errno is not None else str(call.retval)
    # Another process may hold the same socket, for example a child that closes what it inherited.
    other = f"[{call.pid}] " if call.pid != end.pid else ""
    return Mark(call.start_ns, call.exit_ns, on_left, f"{other}{call.name}({argument})", result, call.ref)


def _begins(item: Arrow | Mark) -> tuple[int, bool]:
    return (item.time_ns, True) if isinstance(item, Arrow) else (item.from_ns, False)


def _thinned(found: _Drawn) -> tuple[Sequence[Arrow | Mark], Omission | None]:
    """The first and the last rows where there are too many."""
    items = sorted(found.items, key=_begins)
    if found.packets + found.calls <= HEAD + TAIL:
        return items, None
    head, tail = items[:HEAD], items[-TAIL:]
    kept = [*head, *tail]
    arrows = sum(isinstance(item, Arrow) for item in kept)
    left = (("packet", found.packets - arrows), ("call", found.calls - (len(kept) - arrows)))
    text = listed([count(n, noun) for noun, n in left if n > 0])
    return kept, Omission(_begins(head[-1])[0], _begins(tail[0])[0], text)
