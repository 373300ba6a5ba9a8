"""How a connection ended: who closed first and why, FIN and ACK in order, what the other end saw, TIME-WAIT."""

from wiretale.decode.constants import error_name, error_text
from wiretale.decode.durations import duration
from wiretale.explain import asks
from wiretale.explain.conversation import RECEIVES, SENDS, Conversation, End, Wait
from wiretale.explain.rows import FIN, RST, Call, Packet
from wiretale.explain.story import Counter, Hop, Ref, Section, Step
from wiretale.explain.words import code, place, within
from wiretale.explain.world import World

TIME_WAIT_SECONDS = 60  # TCP_TIMEWAIT_LEN, include/net/tcp.h


def end_name(world: World, end: End) -> str:
    """The process, or the address where it was not traced."""
    return world.who(end.pid) if end.pid is not None else code(place(end.addr, end.port))


def ended(world: World, talk: Conversation, counter: Counter, after_ns: int) -> Section | None:
    """The section; `after_ns` is when the last payload moved."""
    steps: list[Step] = []
    fins = _first_of_each(talk, FIN)
    resets = [p for p in talk.packets if p.flags & RST]
    if resets and talk.established_ns is not None:
        steps.append(_reset(world, talk, resets[0]))
    elif fins:
        steps.append(_first_fin(world, talk, fins[0]))
    steps += _calls(world, talk, after_ns, fins)
    if len(fins) > 1:
        steps.append(_second_fin(world, talk, fins[1]))
    steps += _time_wait(world, talk)
    steps += _deaths(world, talk, fins)
    if not steps:
        return None
    return Section("How it ended", counter.in_order(steps))


def _first_of_each(talk: Conversation, flag: int) -> list[Packet]:
    """The first segment with a flag of each direction, in order of time."""
    found: dict[str, Packet] = {}
    for packet in talk.packets:
        if packet.flags & flag and packet.direction not in found:
            found[packet.direction] = packet
    return list(found.values())


def _cause(world: World, talk: Conversation, packet: Packet) -> tuple[str, tuple[Ref, ...], bool]:
    """Why an end sent its FIN or RST: a call in whose time the segment was seen, or the end of the process."""
    end = talk.sender(packet.direction)
    who = end_name(world, end)
    for call in reversed([c for e, c in talk.calls if e is end and c.name in ("shutdown", "close")]):
        if call.failed or (call.name == "shutdown" and call.argument("how") == "SHUT_RD"):
            continue
        if call.holds(packet.time_ns, world.error_ns):
            since = duration(max(packet.time_ns - call.start_ns, 0))
            return f"{who} calls {code(call.text)}; packet {packet.number} was seen {since} after that began" \
                f"{within(world.error_ns)}.", (call.ref,), False  # fmt: skip
    process = world.processes.get(end.closer_pid or -1)
    if process is not None and end.closed_how == "exit" and packet.time_ns <= (end.closed_ns or 0) + world.error_ns:
        if process.end_how == "killed":
            how = (
                f"{process.name} was killed by {code(process.signal or 'a signal')}; the kernel closed its descriptors."
            )
        else:
            how = f"{process.name} ended without closing it; the kernel closed its descriptors."
        return how, (process.ref,), True
    return "", (), False


def _first_fin(world: World, talk: Conversation, fin: Packet) -> Step:
    end = talk.sender(fin.direction)
    other = talk.receiver(fin.direction)
    why, refs, inferred = _cause(world, talk, fin)
    said = [
        f"{end_name(world, end)} is the end that closes first: packet {fin.number} carries its FIN, which says that it "
        "will send no more."
    ]
    if why:
        said.append(why)
    hops = [_wire(fin, "I send no more")]
    wake = _wake(talk, fin, other)
    if wake is not None and wake.to_ns is not None:
        after = f"; the return was seen {duration(wake.latency_ns)} after it" if wake.latency_ns else ""
        said.append(
            f"The FIN ended the waiting of {world.who(wake.pid)} in {code(wake.name + '()')}, which had lasted "
            f"{duration(wake.to_ns - wake.from_ns)}{after}."
        )
        hops.append(Hop(wake.to_ns, world.short(wake.pid), f"{wake.name}() returns",
                        "the end of the stream makes it ready", (wake.ref,), lane=other.role))  # fmt: skip
    ack = _acknowledgement(talk, fin)
    if ack is not None and not ack.flags & FIN:
        hops.append(_wire(ack, "got your FIN"))
    hops += _signal_hops(world, end, fin)
    return Step(
        "", f"{_short(world, end)} closes first", tuple(said), fin.time_ns,
        hops=tuple(sorted(hops, key=lambda h: h.time_ns)), refs=(fin.ref, *refs), inferred=inferred, topics=("FIN",),
    )  # fmt: skip


def _short(world: World, end: End) -> str:
    return world.who(end.pid) if end.pid is not None else place(end.addr, end.port)


def _wire(packet: Packet, note: str) -> Hop:
    arrow = "→" if packet.direction == "c2s" else "←"
    return Hop(packet.time_ns, f"packet {packet.number} {arrow}", packet.flag_text, note, (packet.ref,), lane="wire")


def _signal_hops(world: World, end: End, fin: Packet) -> list[Hop]:
    """The signal that killed the end, if it came before its FIN."""
    process = world.processes.get(end.pid) if end.pid is not None else None
    if process is None or process.end_how != "killed":
        return []
    row = world.db.execute(
        "SELECT s.time_ns, s.name FROM signal s JOIN task t USING (task_id) WHERE t.pid = ? AND s.name = ?"
        " AND NOT s.stopped AND s.time_ns <= ? ORDER BY s.time_ns DESC LIMIT 1",
        [process.pid, process.signal, fin.time_ns],
    ).fetchone()
    if row is None:
        return []
    return [Hop(row[0], world.short(process.pid), f"receives {row[1]}", "it dies of it", (process.ref,), lane=end.role)]


def _wake(talk: Conversation, packet: Packet, end: End) -> Wait | None:
    return next((w for w in talk.waits if w.packet_id == packet.packet_id and w.ended_by == "packet"), None)


def _acknowledgement(talk: Conversation, fin: Packet) -> Packet | None:
    """The first segment of the other side that acknowledges a FIN (it counts as one byte after the payload)."""
    if fin.rel_seq is None:
        return None
    wanted = fin.rel_seq + fin.payload_bytes + 1
    return next(
        (p for p in talk.packets if p.packet_id > fin.packet_id and p.direction != fin.direction
         and p.rel_ack is not None and p.rel_ack >= wanted), None,
    )  # fmt: skip


def _second_fin(world: World, talk: Conversation, fin: Packet) -> Step:
    end = talk.sender(fin.direction)
    why, refs, inferred = _cause(world, talk, fin)
    said = [f"Packet {fin.number} carries the FIN of {end_name(world, end)}: now neither end will send."]
    if why:
        said.append(why)
    hops = [_wire(fin, "I send no more either")]
    ack = _acknowledgement(talk, fin)
    if ack is not None:
        said.append(
            f"Packet {ack.number} acknowledges it {duration(ack.time_ns - fin.time_ns)} later; with that the "
            "connection is over."
        )
        hops.append(_wire(ack, "got yours"))
    return Step("", "The other end closes too", tuple(said), fin.time_ns, hops=tuple(hops),
                refs=(fin.ref, *refs), inferred=inferred, topics=("FIN",))  # fmt: skip


def _reset(world: World, talk: Conversation, rst: Packet) -> Step:
    end, other = talk.sender(rst.direction), talk.receiver(rst.direction)
    why, refs, inferred = _cause(world, talk, rst)
    said = [
        f"Packet {rst.number} is a reset (RST) from {end_name(world, end)}: the connection ends at once, and what was "
        f"still on its way or unread at {end_name(world, other)} may be lost."
    ]
    if why:
        said.append(why)
    return Step("", "The connection is reset", tuple(said), rst.time_ns, hops=(_wire(rst, ""),),
                refs=(rst.ref, *refs), inferred=inferred, topics=("RST", "ECONNRESET"))  # fmt: skip


def _calls(world: World, talk: Conversation, after_ns: int, fins: list[Packet]) -> list[Step]:
    """The calls that ended each side: reads that met the end or an error, shutdown, close."""
    steps = []
    for end, call in talk.calls:
        if call.name in RECEIVES and call.retval == 0 and not call.failed and _reads_end(call, talk):
            steps.append(_end_of_stream(world, talk, end, call, fins))
        elif call.name in (*RECEIVES, *SENDS) and call.failed and call.entry_ns >= after_ns:
            steps.append(_transfer_error(world, call))
        elif call.name in ("shutdown", "close"):
            steps.append(asks.step(world, call, ""))
    return steps


def _reads_end(call: Call, talk: Conversation) -> bool:
    """A read of 0 bytes means the end of a stream, unless none were asked for; a datagram may be empty."""
    if "dgram" in talk.protocol or talk.protocol == "udp":
        return False
    asked = call.raw.args[2] if call.name in ("read", "recvfrom", "recv") and len(call.raw.args) > 2 else 1
    return asked > 0


def _end_of_stream(world: World, talk: Conversation, end: End, call: Call, fins: list[Packet]) -> Step:
    other = talk.server if end is talk.client else talk.client
    said = [
        f"{world.who(call.pid)} reads from descriptor {call.fd} and gets 0 bytes: the end of the stream. "
        f"{end_name(world, other)} will send nothing more."
    ]
    fin = next(
        (p for p in fins if talk.receiver(p.direction) is end and p.time_ns <= (call.exit_ns or 0) + world.error_ns),
        None,
    )
    refs = [call.ref]
    if fin is not None:
        said.append(f"That is how a program learns of the FIN in packet {fin.number}.")
        refs.append(fin.ref)
    return Step("", "Read returns 0: the end of the stream", tuple(said), call.entry_ns, call.text,
                asks.arguments(call), refs=tuple(refs), topics=(call.name, "end of stream"))  # fmt: skip


def _transfer_error(world: World, call: Call) -> Step:
    doing = "read from" if call.name in RECEIVES else "send on"
    said = [f"{world.who(call.pid)} tries to {doing} descriptor {call.fd} and gets {asks.failure(call)}."]
    return Step("", f"{error_name(call.errno or 0)}: {error_text(call.errno or 0)}", tuple(said),
                call.entry_ns, call.text, asks.arguments(call), refs=(call.ref,), topics=asks.topics(call))  # fmt: skip


def _time_wait(world: World, talk: Conversation) -> list[Step]:
    state = next((s for s in talk.states if s.state == "TIME-WAIT"), None)
    if state is None:
        return []
    end = talk.client if state.role == "client" else talk.server
    said = [
        f"{code(place(end.addr, end.port))}, the end that closed first, goes to TIME-WAIT: its kernel keeps the "
        f"pair of addresses for {TIME_WAIT_SECONDS} seconds (on Linux), so that late segments cannot be taken for "
        "those of a new connection and the last acknowledgement can be repeated."
    ]
    refs = [talk.ref]
    sample = world.db.execute(
        "SELECT time_ns FROM socket_sample WHERE state = 'TIME-WAIT' AND local_addr = ? AND local_port = ? AND"
        " peer_port = ? AND time_ns >= ? ORDER BY time_ns LIMIT 1",
        [end.addr, end.port, (talk.server if end is talk.client else talk.client).port, state.from_ns],
    ).fetchone()
    if sample is not None:
        said.append(f"The kernel's list of sockets, read at {world.at(sample[0])}, shows it there.")
    fixed = [c for c in talk.of(end, "bind") if not c.failed and asks.port_of(c)]
    if fixed:
        reuse = [c for c in talk.of(end, "setsockopt") if c.argument("optname") == "SO_REUSEADDR" and not c.failed]
        if not reuse:
            said.append(
                f"The program chose port {end.port} itself and did not set SO_REUSEADDR: to bind it again within that "
                f"time fails with {code('EADDRINUSE')}."
            )
            refs.append(fixed[-1].ref)
    return [Step("", "TIME-WAIT", tuple(said), state.from_ns, refs=tuple(refs), inferred=sample is None,
                 topics=("TIME_WAIT",))]  # fmt: skip


def _deaths(world: World, talk: Conversation, fins: list[Packet]) -> list[Step]:
    """An end that the kernel closed when its process was gone, where no segment told it already."""
    steps = []
    for end in talk.ends:
        process = world.processes.get(end.closer_pid or -1)
        if process is None or process.end_ns is None or end.closed_how != "exit":
            continue
        if any(talk.sender(p.direction) is end for p in fins):
            continue
        how = f"was killed by {code(process.signal or 'a signal')}" if process.end_how == "killed" else "ended"
        said = f"{process.name} {how} with the socket still open; the kernel closed it."
        steps.append(Step("", "Closed by the end of the process", (said,), process.end_ns,
                          refs=(process.ref,), inferred=True))  # fmt: skip
    return steps
