"""How a connection ended: who closed first and why, FIN and ACK in order, what the other end saw, TIME-WAIT."""

from wiretale.decode.constants import error_message, error_name
from wiretale.decode.durations import duration
from wiretale.explain import asks
from wiretale.explain.conversation import RECEIVES, SENDS, Conversation, End, Wait
from wiretale.explain.copies import copies_closed
from wiretale.explain.ends import bare_name, end_name
from wiretale.explain.rows import FIN, RST, Call, Packet
from wiretale.explain.story import Anchors, Hop, Ref, Section, Step
from wiretale.explain.words import code, count, place, within
from wiretale.explain.world import Process, World
from wiretale.light import replace

TIME_WAIT_SECONDS = 60  # TCP_TIMEWAIT_LEN, include/net/tcp.h


def ended(world: World, talk: Conversation, anchors: Anchors, after_ns: int) -> Section | None:
    """The section; `after_ns` is when the last payload moved."""
    steps: list[Step] = []
    told: set[int] = set()  # calls that are told together with the segment they sent
    fins = _first_of_each(talk, FIN)
    resets = [p for p in talk.packets if p.flags & RST]
    for i, fin in enumerate(fins):
        # Where both close at the same time the call of the second may have begun before that of the first.
        step, call = _fin(world, talk, fin, is_first=i == 0, first_ns=steps[0].time_ns or 0 if steps else 0)
        steps.append(step)
        told |= {call.call_id} if call is not None else set()
    if resets and not talk.is_attempt:
        step, call = _reset(world, talk, resets[0])
        steps.append(step)
        told |= {call.call_id} if call is not None else set()
    for end in talk.ends:
        copies = [(c, talk.held[c.call_id]) for e, c in talk.calls if e is end and c.call_id in talk.held]
        steps += copies_closed(world, copies)
        told |= {call.call_id for call, _ in copies}
    steps += _calls(world, talk, after_ns, fins, told)
    steps += _time_wait(world, talk)
    steps += _deaths(world, talk, [*fins, *resets])
    if not steps:
        return None
    return Section("How it ended", anchors.in_order(steps))


def _first_of_each(talk: Conversation, flag: int) -> list[Packet]:
    """The first segment with a flag of each direction, in order of time."""
    found: dict[str, Packet] = {}
    for packet in talk.packets:
        if packet.flags & flag and packet.direction not in found:
            found[packet.direction] = packet
    return list(found.values())


def _closing_call(world: World, talk: Conversation, packet: Packet) -> Call | None:
    """The call of the sender in whose time a FIN or RST was seen."""
    end = talk.sender(packet.direction)
    for call in reversed([c for e, c in talk.calls if e is end and c.name in ("shutdown", "close")]):
        if not _ends_sending(talk, call):
            continue
        if call.holds(packet.time_ns, world.error_ns):
            return call
    return None


def _ends_sending(talk: Conversation, call: Call) -> bool:
    """Whether a shutdown() or close() makes the kernel send a FIN: not one of reading only, nor one of a copy."""
    is_reading = call.name == "shutdown" and call.argument("how") == "SHUT_RD"
    return not (call.failed or is_reading or call.call_id in talk.held)


def _asked_before(world: World, talk: Conversation, fin: Packet) -> Call | None:
    """The call that had returned before its FIN could be sent, because bytes were still to be sent before that."""
    end = talk.sender(fin.direction)
    mine = [c for e, c in talk.calls if e is end and c.name in ("shutdown", "close") and _ends_sending(talk, c)]
    return next((c for c in mine if c.exit_ns is not None and c.exit_ns < fin.time_ns - world.error_ns), None)


def _death(world: World, talk: Conversation, packet: Packet) -> Process | None:
    """The process of the sender, if the kernel closed the socket because it had ended."""
    end = talk.sender(packet.direction)
    process = world.processes.get(end.closer_pid or -1)
    if process is None or end.closed_how != "exit" or packet.time_ns > (end.closed_ns or 0) + world.error_ns:
        return None
    return process


def _cause(
    world: World, talk: Conversation, packet: Packet, sends: str
) -> tuple[list[str], tuple[Ref, ...], Call | None]:
    """Sentences on why an end sent its FIN or RST, the rows they rest on, and the call if one did it."""
    end = talk.sender(packet.direction)
    who = end_name(world, talk, end)
    call = _closing_call(world, talk, packet)
    if call is not None:
        since = duration(max(packet.time_ns - call.start_ns, 0))
        said = (
            f"That sends {sends} (packet {packet.number}), seen {since} after the call began{within(world.error_ns)}."
        )
        return [*asks.sentences(world, call), said], (call.ref,), call
    process = _death(world, talk, packet)
    asked = _asked_before(world, talk, packet) if packet.flags & FIN and process is None else None
    if asked is not None:
        name, later = code(asked.name + "()"), duration(packet.time_ns - asked.start_ns)
        last = f" with the last {count(packet.payload_bytes, 'byte')}" if packet.payload_bytes else ""
        said = (
            f"The FIN that {who} had asked for by {name} goes out{last} (packet {packet.number}), {later} after that "
            "call began: it follows the last byte, and bytes were still waiting to be sent."
        )
        return [said], (asked.ref,), None
    if process is None and packet.flags & RST and end.closed_ns is not None and end.closed_ns < packet.time_ns:
        said = (
            f"{world.who(end.pid)} had closed its socket by then, and nobody is left to read: its kernel answers what "
            f"still comes with {sends} (packet {packet.number})."
        )
        return [said], (), None
    if process is None:
        return [f"{who} sends {sends} (packet {packet.number})."], (), None
    how = f"was killed by {code(process.signal or 'a signal')}" if process.end_how == "killed" else "ended"
    said = (
        f"{process.name} {how} without closing the socket. The kernel closes what a process leaves, and sends {sends} "
        f"(packet {packet.number})."
    )
    return [said], (process.ref,), None


def _fin(world: World, talk: Conversation, fin: Packet, *, is_first: bool, first_ns: int) -> tuple[Step, Call | None]:
    end, other = talk.sender(fin.direction), talk.receiver(fin.direction)
    said, refs, call = _cause(world, talk, fin, "its FIN")
    said.append("The FIN says: I will send no more." if is_first else "Now neither end will send any more.")
    hops = [_wire(fin, "I send no more" if is_first else "I send no more either")]
    wake = _wake(talk, fin)
    if wake is not None and wake.to_ns is not None:
        after = f"; its return was seen {duration(wake.latency_ns)} after it" if wake.latency_ns else ""
        said.append(
            f"The FIN ended the waiting of {world.caller(wake)} in {code(wake.name + '()')}, which had lasted "
            f"{duration(wake.to_ns - wake.from_ns)}{after}."
        )
        hops.append(Hop(wake.to_ns, world.caller_short(wake), f"{wake.name}() returns",
                        "the end of the stream makes it ready", (wake.ref,), lane=other.role))  # fmt: skip
    ack = _acknowledgement(talk, fin)
    if ack is not None and ack.flags & FIN and is_first:
        said.append(f"Packet {ack.number} acknowledges it, together with the other end's own FIN.")
    elif ack is not None:
        over = ", and with that the connection is over" if not is_first else ""
        said.append(f"Packet {ack.number} acknowledges it {duration(ack.time_ns - fin.time_ns)} later{over}.")
        hops.append(_wire(ack, "got your FIN"))
    hops += _signal_hops(world, end, fin)
    if call is not None:
        hops.append(Hop(call.start_ns, world.caller_short(call), call.text, "", (call.ref,), lane=end.role))
    who = _closer(world, talk, end, call, refs)
    title = f"{who} closes first" if is_first else f"{who} closes, too"
    at = call.entry_ns if call is not None else fin.time_ns
    return Step(
        "", title, tuple(said), at if is_first else max(at, first_ns),
        call.text if call is not None else "", asks.arguments(call) if call is not None else (),
        tuple(sorted(hops, key=lambda h: h.time_ns)), refs=(fin.ref, *refs),
        inferred=call is None and any(ref.table == "task" for ref in refs),
        topics=(*(asks.topics(call) if call is not None else ()), "FIN"),
    ), call  # fmt: skip


def _closer(world: World, talk: Conversation, end: End, call: Call | None, refs: tuple[Ref, ...]) -> str:
    """Who closed an end: the end's own name, unless another process did that held it in the end."""
    if call is not None and call.pid != end.pid:
        return world.who(call.pid)
    if end.closer_pid is not None and end.closer_pid != end.pid and any(ref.table == "task" for ref in refs):
        return world.who(end.closer_pid)
    return bare_name(world, talk, end)


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


def _wake(talk: Conversation, packet: Packet) -> Wait | None:
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


def _reset(world: World, talk: Conversation, rst: Packet) -> tuple[Step, Call | None]:
    end, other = talk.sender(rst.direction), talk.receiver(rst.direction)
    said, refs, call = _cause(world, talk, rst, "a reset")
    said.append(
        "The connection ends at once; what was still on its way, or unread at "
        f"{end_name(world, talk, other)}, may be lost."
    )
    return Step(
        "", f"{bare_name(world, talk, end)} resets the connection", tuple(said),
        call.entry_ns if call is not None else rst.time_ns, call.text if call is not None else "",
        asks.arguments(call) if call is not None else (), (_wire(rst, ""),), refs=(rst.ref, *refs),
        inferred=call is None and bool(refs), topics=("RST",),
    ), call  # fmt: skip


def _calls(world: World, talk: Conversation, after_ns: int, fins: list[Packet], told: set[int]) -> list[Step]:
    """The calls that ended each side: reads that met the end or an error, shutdown, close."""
    steps = []
    for end, call in talk.calls:
        if call.name in RECEIVES and call.retval == 0 and not call.failed and _reads_end(call, talk):
            steps.append(_end_of_stream(world, talk, end, call, fins))
        elif call.name in (*RECEIVES, *SENDS) and call.failed and call.entry_ns >= after_ns:
            steps.append(_transfer_error(world, call))
        elif call.name in ("shutdown", "close") and call.call_id not in told:
            step = asks.step(world, call, "")
            after = (*_to_the_other_end(talk, call), *_held_back(talk, end, call))
            steps.append(replace(step, sentences=(*step.sentences, *after)))
    return steps


def _to_the_other_end(talk: Conversation, call: Call) -> list[str]:
    """What the other end learns of shutdown(SHUT_RD): tcp_shutdown() ignores it, unix_shutdown() tells the peer."""
    if call.failed or call.name != "shutdown" or call.argument("how") != "SHUT_RD":
        return []
    if talk.is_tcp:
        return ["Nothing is sent for that: the other end is not told."]
    if talk.protocol in ("unix-stream", "unix-seqpacket"):
        return [f"What the other end writes from now on fails with {code('EPIPE')}."]
    return []


def _held_back(talk: Conversation, end: End, call: Call) -> list[str]:
    """Why no FIN of a TCP end was seen although it was closed: bytes had to go first, and never went."""
    written = talk.client_bytes if end is talk.client else talk.server_bytes
    left = talk.left.get(end.sends, 0)
    if not talk.is_tcp or not talk.packet_count or not _ends_sending(talk, call) or left >= written:
        return []
    return [f"No FIN of it was seen: {count(written - left, 'byte')} that had been written before had yet to go out."]


def _reads_end(call: Call, talk: Conversation) -> bool:
    """A read of 0 bytes means the end of a stream, unless none were asked for; a datagram may be empty."""
    if "dgram" in talk.protocol or talk.is_udp:
        return False
    asked = call.raw.args[2] if call.name in ("read", "recvfrom", "recv") and len(call.raw.args) > 2 else 1
    return asked > 0


def _end_of_stream(world: World, talk: Conversation, end: End, call: Call, fins: list[Packet]) -> Step:
    other = talk.server if end is talk.client else talk.client
    passed_on = other.closer_pid is not None and other.closer_pid != other.pid
    who = "The other end" if passed_on else end_name(world, talk, other)
    said = [
        f"{world.caller(call)} reads from descriptor {call.fd} and gets 0 bytes: the end of the stream. "
        f"{who} will send nothing more."
    ]
    fin = next(
        (p for p in fins if talk.receiver(p.direction) is end and p.time_ns <= (call.exit_ns or 0) + world.error_ns),
        None,
    )
    refs = [call.ref]
    if fin is not None:
        said.append(f"That is how a program learns of the FIN in packet {fin.number}.")
        refs.append(fin.ref)
    # A read that waited is told where it returned: after the FIN that ended its waiting.
    return Step("", "Read returns 0: the end of the stream", tuple(said), call.exit_ns or call.entry_ns, call.text,
                asks.arguments(call), refs=tuple(refs), topics=(call.name, "end of stream"))  # fmt: skip


def _transfer_error(world: World, call: Call) -> Step:
    doing = "read from" if call.name in RECEIVES else "send on"
    said = [f"{world.caller(call)} tries to {doing} descriptor {call.fd} and gets {asks.failure(call)}."]
    return Step("", f"{error_name(call.errno or 0)}: {error_message(call.errno or 0)}", tuple(said),
                # told where it returned: after what ended its waiting
                call.exit_ns or call.entry_ns, call.text, asks.arguments(call), refs=(call.ref,),
                topics=asks.topics(call))  # fmt: skip


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
                 topics=("TIME_WAIT",), key="time-wait")]  # fmt: skip


def _deaths(world: World, talk: Conversation, told: list[Packet]) -> list[Step]:
    """An end that the kernel closed when its process was gone, where no segment told it already."""
    steps: list[Step] = []
    for end in talk.ends:
        process = world.processes.get(end.closer_pid or -1)
        if process is None or process.end_ns is None or end.closed_how != "exit":
            continue
        if any(talk.sender(p.direction) is end for p in told):
            continue
        how = f"was killed by {code(process.signal or 'a signal')}" if process.end_how == "killed" else "ended"
        if steps and steps[0].refs == (process.ref,):
            said = f"{process.name} {how} with both ends still open; the kernel closed them."
            return [replace(steps[0], sentences=(said,))]
        said = f"{process.name} {how} with the socket still open; the kernel closed it."
        steps.append(Step("", "Closed by the end of the process", (said,), process.end_ns,
                          refs=(process.ref,), inferred=True))  # fmt: skip
    return steps
