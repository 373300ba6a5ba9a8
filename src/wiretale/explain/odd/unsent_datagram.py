"""Datagrams that the kernel did not take: no route, no permission, too large, or an address that is not there."""

from wiretale.decode.constants import error_name, error_text
from wiretale.explain.asks import address_of
from wiretale.explain.odd._rows import descriptor, groups
from wiretale.explain.rows import calls
from wiretale.explain.story import Step
from wiretale.explain.words import code, listed
from wiretale.explain.world import World

_SENDS = ("sendto", "sendmsg", "send", "write", "writev", "sendmmsg")
# Not told here: EAGAIN (the queue is full), ECONNREFUSED (what an earlier datagram met), EINTR.
EPERM, ENOENT, EACCES, EINVAL, EMSGSIZE, EADDRNOTAVAIL, ENETUNREACH, EHOSTUNREACH = 1, 2, 13, 22, 90, 99, 101, 113
_ERRORS = (EPERM, ENOENT, EACCES, EINVAL, EMSGSIZE, EADDRNOTAVAIL, ENETUNREACH, EHOSTUNREACH)
_REMEDY = {
    ENETUNREACH: "ip route get ADDRESS",
    EHOSTUNREACH: "ip route get ADDRESS; ip neigh",
    EACCES: "to a broadcast address: set SO_BROADCAST",
    EMSGSIZE: "send less at a time",
}


def find(world: World) -> list[Step]:
    """One step for each process, call, error and descriptor."""
    if not world.signs.met(*_ERRORS, by=_SENDS):
        return []
    condition = f"c.name IN {_SENDS} AND c.errno IN {_ERRORS} AND s.type = 'SOCK_DGRAM' AND s.family <> 'AF_NETLINK'"
    joins = "JOIN call_file f USING (call_id) JOIN socket s USING (socket_id)"
    steps = []
    for group in groups(world, condition, "c.name || ' ' || c.errno", joins)[:6]:
        name, _, number = group.key.partition(" ")
        errno, error = int(number), error_name(int(number))
        to = [address_of(call) for call in calls(world.db, [ref.id for ref in group.refs]).values()]
        where = listed([code(address) for address in dict.fromkeys(to) if address], 4)
        text = error_text(errno).removeprefix(error).strip(" ()")
        said = (
            f"{group.who(world)} called {code(name + '()')}{descriptor(group.fd)} {group.times}"
            f"{f', to {where},' if where else ''} and got {code(error)} ({text}): nothing was sent.",
        )
        steps.append(
            Step(
                "",
                f"Datagrams that were not sent: {error}",
                said,
                group.first_ns,
                refs=group.refs,
                topics=(error, name),
                remedy=_REMEDY.get(errno, ""),
            )
        )
    return steps
