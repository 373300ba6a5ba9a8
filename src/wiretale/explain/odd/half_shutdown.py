"""shutdown(SHUT_RD), which tells nobody, and shutdown of a connection that is already gone."""

from wiretale.explain.odd._rows import all_refs, each, groups
from wiretale.explain.story import Step
from wiretale.explain.words import code
from wiretale.explain.world import World

ENOTCONN = 107
SHUT_RD = 0


def find(world: World) -> list[Step]:
    """One step for each kind."""
    if not world.signs.called("shutdown"):
        return []
    steps = []
    # unix_shutdown() does tell the peer, whose writes fail from then on (net/unix/af_unix.c)
    joins = "JOIN call_file f USING (call_id) JOIN socket s USING (socket_id)"
    condition = f"c.name = 'shutdown' AND c.a1 = {SHUT_RD} AND c.errno IS NULL AND s.family <> 'AF_UNIX'"
    found = groups(world, condition, joins=joins, fd="NULL::INTEGER")
    if found:
        said = (
            f"{code('shutdown(SHUT_RD)')} was called by {each(world, found)}. No segment is sent for that: the other "
            "end "
            "does not learn of it. It only makes this end's own later reads return what is there and then 0.",
        )
        steps.append(Step("", "shutdown(SHUT_RD) sends nothing", said, found[0].first_ns, refs=all_refs(found),
                          topics=("SHUT_RD",)))  # fmt: skip
    if not world.signs.met(ENOTCONN, by=("shutdown",)):
        return steps
    found = groups(world, f"c.name = 'shutdown' AND c.errno = {ENOTCONN}", fd="NULL::INTEGER")
    if found:
        said = (
            f"{code('shutdown()')} answered {code('ENOTCONN')} to {each(world, found)}: the socket was not connected, "
            "or no "
            "longer. Nothing was sent.",
        )
        steps.append(Step("", "shutdown() without a connection", said, found[0].first_ns, refs=all_refs(found),
                          topics=("ENOTCONN",)))  # fmt: skip
    return steps
