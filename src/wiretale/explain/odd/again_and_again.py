"""Many calls that found nothing to do: EAGAIN over and over."""

from wiretale.explain.odd._rows import groups
from wiretale.explain.story import Step
from wiretale.explain.words import code
from wiretale.explain.world import World

EAGAIN = 11
MANY = 10


def find(world: World) -> list[Step]:
    """Descriptors on which one call of one process met EAGAIN at least MANY times."""
    found = groups(world, f"c.errno = {EAGAIN} AND c.fd IS NOT NULL")
    return [
        Step(
            "",
            f"{group.key}() found nothing {group.times}",
            (
                f"{world.who(group.pid)} called {code(group.key + '()')} on descriptor {group.fd} {group.times} "
                f"when it was not ready; each time the kernel answered {code('EAGAIN')}, try again.",
                "One such answer after the last byte is normal for a program that empties a socket before it "
                "waits. Many mean that it asks without having been told that there is something.",
            ),
            group.first_ns,
            refs=group.refs,
            topics=("EAGAIN",),
        )
        for group in found
        if group.total >= MANY
    ]
