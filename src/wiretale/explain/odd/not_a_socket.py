"""A socket call on something that is no socket: programs try it to save a question."""

from wiretale.explain.odd._rows import descriptor, groups
from wiretale.explain.story import Step
from wiretale.explain.words import code
from wiretale.explain.world import World

ENOTSOCK = 88


def find(world: World) -> list[Step]:
    """One step for each process, call and descriptor."""
    if not world.signs.met(ENOTSOCK):
        return []
    return [
        Step(
            "",
            f"{group.key}() on what is no socket",
            (
                f"{group.who(world)} called {code(group.key + '()')}{descriptor(group.fd)} {group.times}, which is no "
                f"socket: {code('ENOTSOCK')}. Nothing was done.",
            ),
            group.first_ns,
            refs=group.refs,
            topics=("ENOTSOCK",),
            background=("Programs that treat all their inputs alike try this first and then use read() or write().",),
        )
        for group in groups(world, f"c.errno = {ENOTSOCK}")[:4]
    ]
