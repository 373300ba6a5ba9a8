"""shutdown(SHUT_RD), which tells nobody, and shutdown of a connection that is already gone."""

from wiretale.explain.odd._rows import groups
from wiretale.explain.story import Step
from wiretale.explain.words import code
from wiretale.explain.world import World

ENOTCONN = 107
SHUT_RD = 0


def find(world: World) -> list[Step]:
    """One step for each process and kind."""
    steps = []
    for group in groups(world, f"c.name = 'shutdown' AND c.a1 = {SHUT_RD} AND c.errno IS NULL", fd="NULL::INTEGER"):
        said = (
            f"{world.who(group.pid)} calls shutdown({code('SHUT_RD')}) {group.times}. No segment is sent for that: "
            "the other end does not learn of it. It only makes this end's own later reads return what is there and "
            "then 0."
        )
        steps.append(Step("", "shutdown(SHUT_RD) sends nothing", (said,), group.first_ns, refs=group.refs,
                          topics=("SHUT_RD",)))  # fmt: skip
    for group in groups(world, f"c.name = 'shutdown' AND c.errno = {ENOTCONN}", fd="NULL::INTEGER"):
        said = (
            f"shutdown() of {world.who(group.pid)} answers {code('ENOTCONN')} {group.times}: there is no "
            "connection, or both ends had already ended it. Harmless."
        )
        steps.append(Step("", "shutdown() of what is over", (said,), group.first_ns, refs=group.refs,
                          topics=("ENOTCONN",)))  # fmt: skip
    return steps
