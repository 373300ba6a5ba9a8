"""glibc asking the name service cache daemon, which usually is not there."""

from wiretale.explain.choose import NAME_CACHE
from wiretale.explain.odd._rows import groups
from wiretale.explain.story import Step
from wiretale.explain.words import code
from wiretale.explain.world import World


def find(world: World) -> list[Step]:
    """One step for each process that asked in vain."""
    joins = (
        "JOIN call_file f USING (call_id) JOIN endpoint e ON e.socket_id = f.socket_id AND e.role = 'client'"
        f" JOIN connection k ON k.connection_id = e.connection_id AND k.server_addr = '{NAME_CACHE}'"
    )
    return [
        Step(
            "",
            "The name cache is not there",
            (
                f"{group.who(world)} tries {group.times} to connect to {code(NAME_CACHE)} and finds nothing. That is "
                "where the C library looks for nscd, a daemon that remembers names; where it does not run, the library "
                "looks names up itself. Harmless.",
            ),
            group.first_ns,
            refs=group.refs,
        )
        for group in groups(world, "c.name = 'connect' AND c.errno IS NOT NULL", joins=joins, fd="NULL::INTEGER")[:4]
    ]
