"""connect() on a socket that does not wait: EINPROGRESS is the normal answer."""

from wiretale.explain.odd._rows import groups
from wiretale.explain.story import Step
from wiretale.explain.words import code
from wiretale.explain.world import World

EINPROGRESS = 115


def find(world: World) -> list[Step]:
    """One step for each process that met it."""
    return [
        Step(
            "",
            "EINPROGRESS is no error",
            (
                f"connect() of {world.who(group.pid)} returned {code('EINPROGRESS')} {group.times}. On a socket "
                "that does not wait this is the normal answer: the attempt goes on in the kernel. The program "
                "learns how it ended when the socket becomes writable, from getsockopt(SO_ERROR) or from a second "
                "connect().",
            ),
            group.first_ns,
            refs=group.refs,
            topics=("EINPROGRESS",),
        )
        for group in groups(world, f"c.name = 'connect' AND c.errno = {EINPROGRESS}", fd="NULL::INTEGER")
    ]
