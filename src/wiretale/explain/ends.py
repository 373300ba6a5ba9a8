"""How the ends of a connection are called: the process where it was traced, else the address.

Where one process holds both ends, each goes by its descriptor.
"""

from wiretale.explain.conversation import Conversation, End
from wiretale.explain.words import code, place
from wiretale.explain.world import World


def is_own(talk: Conversation) -> bool:
    """Whether one process talks to itself."""
    client, server = talk.client, talk.server
    return client.pid is not None and client.pid == server.pid and None not in (client.fd, server.fd)


def bare_name(world: World, talk: Conversation, end: End) -> str:
    """`pid 12 (nc)`, `descriptor 4` or `127.0.0.1:4000`, for titles."""
    if end.pid is None:
        return place(end.addr, end.port)
    return f"descriptor {end.fd}" if is_own(talk) else world.who(end.pid)


def end_name(world: World, talk: Conversation, end: End) -> str:
    """The same for sentences: an address is set as code, a descriptor has its process."""
    if end.pid is None:
        return code(place(end.addr, end.port))
    return f"descriptor {end.fd} of {world.who(end.pid)}" if is_own(talk) else world.who(end.pid)


def sender_name(world: World, talk: Conversation, direction: str) -> str:
    """Who sends in a direction."""
    return end_name(world, talk, talk.sender(direction))


def receiver_name(world: World, talk: Conversation, direction: str) -> str:
    """Who receives in a direction."""
    return end_name(world, talk, talk.receiver(direction))
