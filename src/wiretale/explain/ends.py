"""How the ends of a connection are called: the process where it was traced, else the address."""

from wiretale.explain.conversation import Conversation, End
from wiretale.explain.words import code, place
from wiretale.explain.world import World


def bare_name(world: World, end: End) -> str:
    """`pid 12 (nc)` or `127.0.0.1:4000`, for titles."""
    return world.who(end.pid) if end.pid is not None else place(end.addr, end.port)


def end_name(world: World, end: End) -> str:
    """The same for sentences: an address is set as code."""
    return world.who(end.pid) if end.pid is not None else code(place(end.addr, end.port))


def sender_name(world: World, talk: Conversation, direction: str) -> str:
    """Who sends in a direction."""
    return end_name(world, talk.sender(direction))


def receiver_name(world: World, talk: Conversation, direction: str) -> str:
    """Who receives in a direction."""
    return end_name(world, talk.receiver(direction))
