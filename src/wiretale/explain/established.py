"""How a connection came to be: every call that set up either end, in the order of one clock."""

from wiretale.explain import asks
from wiretale.explain.accepting import accept_of, accept_step
from wiretale.explain.conversation import ACCEPTS, EINPROGRESS, RECEIVES, SENDS, Conversation, End
from wiretale.explain.handshake import connect_of, connect_step, finish_steps
from wiretale.explain.rows import Call
from wiretale.explain.story import Counter, Section, Step
from wiretale.explain.words import code, place
from wiretale.explain.world import World

ENDING = ("shutdown", "close", *RECEIVES, *SENDS)
_NOT_TOLD = (*ENDING, *ACCEPTS, "connect", "epoll_ctl", "fstat", "newfstatat", "statx", "lseek")


def setup_calls(talk: Conversation, until_ns: int) -> list[tuple[End, Call]]:
    """Calls on either end's socket before the first payload that are told one by one."""
    found = {}
    for end, call in talk.calls:
        if call.name not in _NOT_TOLD and call.entry_ns < until_ns:
            found[call.call_id] = (end, call)
    return list(found.values())


def established(world: World, talk: Conversation, counter: Counter, until_ns: int) -> Section:
    """The section; `until_ns` is when the first payload moved (or the end came)."""
    told: list[tuple[int, str, Call | None]] = [(c.entry_ns, "call", c) for _, c in setup_calls(talk, until_ns)]
    connect, accept = connect_of(talk, talk.client), accept_of(talk)
    earlier = [c for c in talk.of(talk.client, "connect") if c is not connect]
    told += [(c.entry_ns, "call", c) for c in earlier]
    if connect is not None:
        told.append((connect.entry_ns, "connect", connect))
    elif talk.is_tcp:
        told.append((talk.from_ns, "connect", None))
    if accept is not None:
        told.append((accept.exit_ns or accept.entry_ns, "accept", accept))
    steps: list[Step] = []
    for _, kind, call in sorted(told, key=lambda t: t[0]):
        if kind == "connect":
            made = connect_step(world, talk, call, "")
            if made is None:
                continue
            steps.append(made)
            if call is not None and call.errno == EINPROGRESS:
                steps += finish_steps(world, talk, call, until_ns)
        elif kind == "accept" and call is not None:
            steps.append(accept_step(world, talk, call, ""))
        elif call is not None:
            steps.append(asks.step(world, call, ""))
    if not steps and talk.is_tcp:
        steps.append(_was_there(talk))
    return Section(
        "How it was established" if talk.established_ns is not None else "How it began", counter.in_order(steps)
    )


def _was_there(talk: Conversation) -> Step:
    return Step(
        "",
        "The connection was there before",
        (
            f"Nothing in the recording made the connection between {code(place(talk.client.addr, talk.client.port))} "
            f"and {code(place(talk.server.addr, talk.server.port))}: it was there when the recording began.",
        ),
        talk.from_ns,
        refs=(talk.ref,),
        inferred=True,
    )
