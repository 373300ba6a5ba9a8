"""A socket call on something that is no socket: programs try it to save a question."""

from wiretale.explain.odd._rows import groups
from wiretale.explain.story import Step
from wiretale.explain.words import code
from wiretale.explain.world import World

ENOTSOCK = 88


def find(world: World) -> list[Step]:
    """One step for each process, call and descriptor."""
    return [
        Step(
            "",
            f"{group.key}() on what is no socket",
            (
                f"{world.who(group.pid)} calls {code(group.key + '()')} on descriptor {group.fd} {group.times}, "
                f"which is no socket: {code('ENOTSOCK')}. Programs that treat all their inputs alike try this first "
                "and then use read() or write(). Harmless.",
            ),
            group.first_ns,
            refs=group.refs,
            topics=("ENOTSOCK",),
        )
        for group in groups(world, f"c.errno = {ENOTSOCK}")
    ]
