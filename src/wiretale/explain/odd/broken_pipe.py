"""Writing to a connection that the other end has given up: EPIPE, SIGPIPE, ECONNRESET."""

from wiretale.decode.constants import error_name
from wiretale.explain.odd._rows import groups
from wiretale.explain.story import Step
from wiretale.explain.words import code
from wiretale.explain.world import World

EPIPE, ECONNRESET = 32, 104


def find(world: World) -> list[Step]:
    """Transfers on sockets that failed so."""
    steps = []
    joins = "JOIN call_file f ON f.call_id = c.call_id AND f.socket_id IS NOT NULL"
    for group in groups(world, f"c.errno IN ({EPIPE}, {ECONNRESET})", "c.name || ' ' || c.errno", joins):
        name, _, number = group.key.partition(" ")
        error = error_name(int(number))
        said = [f"{world.who(group.pid)} calls {code(name + '()')} on descriptor {group.fd} {group.times} and gets "
                f"{code(error)}."]  # fmt: skip
        if int(number) == EPIPE:
            said.append(
                "This end can send no more: it has shut down sending, or the connection has failed before. Unless the "
                "program asked otherwise, SIGPIPE comes with it and ends the process."
            )
        else:
            said.append("The other end had answered with a reset: it no longer has that connection.")
        steps.append(Step("", f"{error} on a connection", tuple(said), group.first_ns, refs=group.refs,
                          topics=(error,)))  # fmt: skip
    return steps
