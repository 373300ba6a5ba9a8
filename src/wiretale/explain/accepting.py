"""How a server got its end of a connection: accept, and what ended its waiting."""

from wiretale.decode.durations import duration
from wiretale.explain import asks
from wiretale.explain.conversation import ACCEPTS, Conversation
from wiretale.explain.handshake import handshake_of
from wiretale.explain.rows import Call
from wiretale.explain.story import Hop, Ref, Step
from wiretale.explain.words import code, place
from wiretale.explain.world import World


def accept_of(talk: Conversation) -> Call | None:
    """The accept call that returned the server's socket."""
    return next(
        (c for e, c in talk.calls if e is talk.server and c.name in ACCEPTS and c.call_id == e.made_call_id), None
    )


def accept_step(world: World, talk: Conversation, call: Call, anchor: str) -> Step:
    """What accept was asked, what ended the waiting for a connection, what accept returned."""
    said, refs, hops = _came_to_it(world, talk, call)
    said.append(
        f"It returns a new descriptor, {call.retval}, for this connection alone; descriptor {call.fd} goes on "
        "listening."
    )
    peer = asks.address_of(call)
    if peer:
        said.append(f"The kernel names the peer: {code(peer)}.")
    elif talk.is_tcp and talk.client.addr is not None:
        said.append(
            f"The call did not ask for the peer's address; it is {code(place(talk.client.addr, talk.client.port))}."
        )
    if "SOCK_NONBLOCK" in call.argument("flags"):
        said.append(
            f"{code('SOCK_NONBLOCK')} makes descriptor {call.retval} one that does not wait; whether accept "
            "itself waits "
            f"depends on descriptor {call.fd}."
        )
    if call.exit_ns is not None:
        returned = f"{call.name}() returns {call.retval}"
        hops.append(Hop(call.exit_ns, world.caller_short(call), returned, "", (call.ref,), lane="server"))
    return Step(
        anchor, f"{world.caller(call)} accepts", tuple(said),
        call.exit_ns if call.exit_ns is not None else call.entry_ns, call.text, asks.arguments(call),
        tuple(hops) if len(hops) > 1 else (), refs=tuple(refs), topics=asks.topics(call),
    )  # fmt: skip


def _came_to_it(world: World, talk: Conversation, call: Call) -> tuple[list[str], list[Ref], list[Hop]]:
    """How the call came to find the connection: it waited itself, a poll() before it did, or it lay in the queue."""
    who, name, third = world.caller(call), code(call.name + "()"), handshake_of(talk).third
    wait = talk.wait_of(call.call_id)
    polled = None
    if wait is None and third is not None:
        polled = next((w for w in talk.waits if w.packet_id == third.packet_id and w.pid == call.pid), None)
    found = wait or polled
    refs = [call.ref] + ([found.ref] if found is not None else [])
    if found is None or found.to_ns is None:
        if talk.established_ns is not None and call.start_ns > talk.established_ns + world.error_ns:
            since = duration(call.start_ns - talk.established_ns)
            return [f"{who} calls {name} {since} after the handshake: the connection was in the queue."], refs, []
        return [f"{who} calls {name}."], refs, []
    said = [f"{who} had been waiting in {code(found.name + '()')} for {duration(found.to_ns - found.from_ns)}."]
    hops: list[Hop] = []
    cause = talk.packet(found.packet_id)
    if cause is not None and found.latency_ns is not None:
        is_third = cause is third
        third_text = ", the third segment of the handshake," if is_third else ""
        said.append(
            f"Packet {cause.number}{third_text} ended the wait: the return was seen {duration(found.latency_ns)} after "
            f"it{_cost(world, found.latency_ns)}." + (" The SYN alone wakes no one." if is_third else "")
        )
        note = "the handshake is complete" if is_third else ""
        hops.append(Hop(cause.time_ns, f"packet {cause.number}", cause.flag_text, note, (cause.ref,), lane="wire"))
    if polled is not None and polled.to_ns is not None:
        what = f"{polled.name}() returns"
        hops.append(Hop(polled.to_ns, world.caller_short(polled), what, "", (polled.ref,), lane="server"))
        said.append(f"Then it calls {name}, which need not wait.")
    return said, refs, hops


def _cost(world: World, latency_ns: int) -> str:
    if not world.cost_ns:
        return ""
    most = "all" if latency_ns <= world.cost_ns else f"up to {duration(world.cost_ns)}"
    return f" ({most} of it may be the tracer's own cost)"
