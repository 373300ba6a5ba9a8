"""Calls that should have prepared a socket and were refused: address in use, no permission, and the like."""

from wiretale.decode.constants import error_name, error_text
from wiretale.explain.asks import address_of
from wiretale.explain.odd._rows import groups
from wiretale.explain.rows import calls
from wiretale.explain.story import Step
from wiretale.explain.words import code
from wiretale.explain.world import World

_CALLS = "('socket', 'bind', 'listen', 'socketpair')"
# What to look at, for the errors that people meet (bind(2), ip(7), socket(2)).
_WHY = {
    98: "Another socket has that address and port, or a connection of it is still in TIME-WAIT and one of the two "
    "sockets did not set SO_REUSEADDR.",
    13: "Ports below the limit in net.ipv4.ip_unprivileged_port_start (usually 1024) need CAP_NET_BIND_SERVICE; a unix "
    "path needs the right to write in its folder.",
    99: "The machine has no such address (on this network namespace), or it is not ready yet.",
    97: "The kernel does not offer this address family: IPv6 may be switched off.",
    24: "The process has as many descriptors open as it may (RLIMIT_NOFILE).",
    1: "It takes a privilege that the process does not have (for raw sockets CAP_NET_RAW).",
}
_REMEDY = {98: "ss -tanp shows who has the port", 24: "ulimit -n", 99: "ip addr"}


def find(world: World) -> list[Step]:
    """One step for each process, call and error."""
    steps = []
    for group in groups(world, f"c.name IN {_CALLS} AND c.errno IS NOT NULL", "c.name || ' ' || c.errno"):
        name, _, number = group.key.partition(" ")
        errno = int(number)
        first = calls(world.db, [group.refs[0].id]).get(group.refs[0].id)
        where = f" for {code(address_of(first))}" if first is not None and first.address() else ""
        said = [
            f"{code(name + '()')} of {world.who(group.pid)}{where} failed {group.times} with "
            f"{code(error_name(errno))}: {error_text(errno)}."
        ]
        if errno in _WHY:
            said.append(_WHY[errno])
        steps.append(
            Step("", f"{name}() is refused: {error_name(errno)}", tuple(said), group.first_ns,
                 first.text if first is not None else "", refs=group.refs, topics=(error_name(errno), name),
                 remedy=_REMEDY.get(errno, ""))
        )  # fmt: skip
    return steps
