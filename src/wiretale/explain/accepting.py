"""How a server got its end of a connection: accept, and what ended its waiting."""

from wiretale.decode.durations import duration
from wiretale.explain import asks
from wiretale.explain.conversation import ACCEPTS, Conversation
from wiretale.explain.handshake import handshake_of
from wiretale.explain.rows import Call
from wiretale.explain.story import Hop, Step
from wiretale.explain.words import code, place
from wiretale.explain.world import World


def accept_of(talk: Conversation) -> Call | None:
    """The accept call that returned the server's socket."""
    return next(
        (c for e, c in talk.calls if e is talk.server and c.name in ACCEPTS and c.call_id == e.made_call_id), None
    )


def accept_step(world: World, talk: Conversation, call: Call, anchor: str) -> Step:
    """What accept was asked, what ended it, what it returned."""
    who = world.who(call.pid)
    wait = talk.wait_of(call.call_id)
    third = handshake_of(talk).third
    said: list[str] = []
    refs = [call.ref]
    hops: list[Hop] = []
    if wait is not None and wait.to_ns is not None:
        said.append(f"{who} had been waiting in {code(call.name + '()')} for {duration(wait.to_ns - wait.from_ns)}.")
        refs.append(wait.ref)
        cause = talk.packet(wait.packet_id)
        if cause is not None and wait.latency_ns is not None:
            third_text = ", the third segment of the handshake," if third is not None and cause is third else ""
            said.append(
                f"Packet {cause.number}{third_text} ended the wait: the return was seen {duration(wait.latency_ns)} "
                f"after it{_cost(world)}. The SYN alone does not wake accept()."
            )
            hops.append(Hop(cause.time_ns, f"packet {cause.number}", "the handshake is complete", "", (cause.ref,),
                            lane="wire"))  # fmt: skip
    elif talk.established_ns is not None and call.start_ns > talk.established_ns + world.error_ns:
        since = duration(call.start_ns - talk.established_ns)
        said.append(
            f"{who} calls {code(call.name + '()')} {since} after the handshake: the connection was in the queue."
        )
    else:
        said.append(f"{who} calls {code(call.name + '()')}.")
    said.append(
        f"It returns a new descriptor, {call.retval}, for this connection alone; descriptor {call.fd} goes on "
        "listening."
    )
    peer = asks.address_of(call)
    if peer:
        said.append(f"The kernel names the peer: {code(peer)}.")
    elif talk.is_tcp and talk.client.addr is not None:
        said.append(f"It did not ask who the peer is; it is {code(place(talk.client.addr, talk.client.port))}.")
    flags = call.argument("flags")
    if "SOCK_NONBLOCK" in flags:
        said.append(
            f"{code('SOCK_NONBLOCK')} makes the new descriptor one that does not wait; accept itself was free to wait, "
            f"as that depends on descriptor {call.fd}."
        )
    if call.exit_ns is not None:
        hops.append(
            Hop(
                call.exit_ns,
                world.short(call.pid),
                f"{call.name}() returns {call.retval}",
                "",
                (call.ref,),
                lane="server",
            )
        )
    return Step(
        anchor, "The server accepts", tuple(said), call.exit_ns if call.exit_ns is not None else call.entry_ns,
        call.text, asks.arguments(call), tuple(hops) if len(hops) > 1 else (), refs=tuple(refs),
        topics=asks.topics(call),
    )  # fmt: skip


def _cost(world: World) -> str:
    return f" (up to {duration(world.cost_ns)} of it may be the tracer's own cost)" if world.cost_ns else ""
