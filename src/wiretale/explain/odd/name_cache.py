"""glibc asking the name service cache daemon, which usually is not there."""

from wiretale.explain.choose import NAME_CACHE, candidates
from wiretale.explain.odd._rows import groups
from wiretale.explain.story import Ref, Step
from wiretale.explain.words import code
from wiretale.explain.world import World


def find(world: World) -> list[Step]:
    """One step, if the cache was asked in vain."""
    asked = [c for c in candidates(world) if c.is_name_cache and c.outcome == "failed"]
    if not asked:
        return []
    ids = ", ".join(str(c.connection_id) for c in asked[:50])
    joins = (
        f"JOIN call_file f USING (call_id) JOIN endpoint e ON e.socket_id = f.socket_id AND e.connection_id IN ({ids})"
    )
    found = groups(world, "c.name = 'connect' AND c.errno IS NOT NULL", joins=joins, fd="NULL::INTEGER")
    return [
        Step(
            "",
            "The name cache is not there",
            (
                f"{world.who(group.pid)} tries {group.times} to connect to {code(NAME_CACHE)} and finds nothing. "
                "That is where the C library looks for nscd, a daemon that remembers names; where it does not run, "
                "the library looks names up itself. Harmless.",
            ),
            group.first_ns,
            refs=(*group.refs, Ref("connection", asked[0].connection_id, f"connection {asked[0].connection_id}")),
        )
        for group in found
    ]
