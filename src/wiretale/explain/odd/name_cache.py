"""glibc asking the name service cache daemon, which usually is not there."""

from wiretale.explain.choose import NAME_CACHE
from wiretale.explain.odd._rows import all_refs, each, groups
from wiretale.explain.story import Step
from wiretale.explain.words import code
from wiretale.explain.world import World


def find(world: World) -> list[Step]:
    """One step for all who asked in vain."""
    if not world.signs.failed("connect"):
        return []
    joins = (
        "JOIN call_file f USING (call_id) JOIN endpoint e ON e.socket_id = f.socket_id AND e.role = 'client'"
        f" JOIN connection k ON k.connection_id = e.connection_id AND k.server_addr = '{NAME_CACHE}'"
    )
    found = groups(world, "c.name = 'connect' AND c.errno IS NOT NULL", joins=joins, fd="NULL::INTEGER")
    if not found:
        return []
    said = (
        f"{code(NAME_CACHE)} was tried in vain by {each(world, found)}. There the C library looks for nscd, a daemon "
        "that "
        "remembers names; where it does not run, the library looks names up itself.",
    )
    return [Step("", "The name cache is not there", said, found[0].first_ns, refs=all_refs(found), topics=("nscd",))]
