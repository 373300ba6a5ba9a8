"""How a connection came to be: every call that set up either end, in the order of one clock."""

from collections.abc import Mapping

from wiretale.explain.accepting import accept_of, accept_step
from wiretale.explain.conversation import ACCEPTS, EINPROGRESS, RECEIVES, SENDS, Conversation
from wiretale.explain.handshake import connect_of, connect_step, finish_steps
from wiretale.explain.preparing import prepared
from wiretale.explain.story import Anchors, Section, Step
from wiretale.explain.words import code, place
from wiretale.explain.world import World

ENDING = ("shutdown", "close", *RECEIVES, *SENDS)
_NOT_TOLD = (*ENDING, *ACCEPTS, "epoll_ctl")


def established(world: World, talk: Conversation, anchors: Anchors, until: Mapping[str, int]) -> Section:
    """The section; `until` says when each end, by role, began to use the connection (or it ended)."""
    steps: list[Step] = []
    connect, accept = connect_of(talk, talk.client), accept_of(talk)
    told: set[int] = set()
    for end in talk.ends:
        mine = [c for e, c in talk.calls if e is end and c.entry_ns < until[end.role] and c.call_id not in told]
        mine = [c for c in mine if c.name not in _NOT_TOLD and c is not connect]
        if not talk.is_stream:  # each connect() of a datagram socket is a deed of its own: it sets the peer
            again = [c for c in talk.of(end, "connect") if c is not connect and c.call_id not in told]
            steps += [step for c in again if (step := connect_step(world, talk, c, "")) is not None]
            mine = [c for c in mine if c.name != "connect"]
        steps += prepared(world, mine)
        told.update(c.call_id for c in mine)  # a socketpair() made both ends
    if connect is not None or talk.is_tcp:
        made = connect_step(world, talk, connect, "")
        steps += [made] if made is not None else []
    if connect is not None and connect.errno == EINPROGRESS:
        steps += finish_steps(world, talk, connect, until[talk.client.role])
    if accept is not None:
        steps.append(accept_step(world, talk, accept, ""))
    if not steps and talk.is_tcp:
        steps.append(_was_there(talk))
    return Section(
        "How it was established" if talk.established_ns is not None else "How it began", anchors.in_order(steps)
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
        key="was-there",
    )
