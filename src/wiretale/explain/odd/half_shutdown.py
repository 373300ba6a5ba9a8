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
    for group in groups(world, f"c.name = 'shutdown' AND c.a1 = {SHUT_RD} AND c.errno IS NULL", fd="NULL::INTEGER")[:4]:
        said = (
            f"{group.who(world)} calls shutdown({code('SHUT_RD')}) {group.times}. No segment is sent for that: the other "
            "end does not learn of it. It only makes this end's own later reads return what is there and then 0."
        )
        steps.append(Step("", "shutdown(SHUT_RD) sends nothing", (said,), group.first_ns, refs=group.refs,
                          topics=("SHUT_RD",)))  # fmt: skip
    for group in groups(world, f"c.name = 'shutdown' AND c.errno = {ENOTCONN}", fd="NULL::INTEGER")[:4]:
        said = (
            f"shutdown() of {group.who(world)} answers {code('ENOTCONN')} {group.times}: the socket was not connected, or no "
            "longer. Nothing was sent. Harmless."
        )
        steps.append(Step("", "shutdown() without a connection", (said,), group.first_ns, refs=group.refs,
                          topics=("ENOTCONN",)))  # fmt: skip
    return steps
