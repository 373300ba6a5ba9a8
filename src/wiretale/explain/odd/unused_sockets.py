"""Sockets that were made and closed without ever being connected, bound for use, or asked anything."""

from wiretale.explain.odd._rows import all_refs, groups
from wiretale.explain.story import Step
from wiretale.explain.words import code, count, listed
from wiretale.explain.world import World


def find(world: World) -> list[Step]:
    """One step for all of them; AF_NETLINK and others that talk to the kernel are left out."""
    joins = "JOIN socket s ON s.made_call_id = c.call_id"
    condition = """c.name = 'socket' AND s.family IN ('AF_INET', 'AF_INET6') AND s.to_ns IS NOT NULL
        AND s.socket_id NOT IN (SELECT socket_id FROM endpoint WHERE socket_id IS NOT NULL)
        AND NOT EXISTS (SELECT 1 FROM call_file f JOIN call x USING (call_id) WHERE f.socket_id = s.socket_id
            AND x.name NOT IN ('close', 'fcntl', 'setsockopt', 'getsockopt'))
        AND EXISTS (SELECT 1 FROM call_file f JOIN call x USING (call_id) WHERE f.socket_id = s.socket_id
            AND x.name = 'close' AND x.errno IS NULL)"""
    found = groups(world, condition, "s.family || ', ' || s.type", joins, fd="NULL::INTEGER")
    if not found:
        return []
    made = [f"{g.who(world)} made {count(g.total, 'socket')} ({code(g.key)})" for g in found]
    which = "it" if sum(g.total for g in found) == 1 else "each"
    said = (f"{listed(made, 5)}; {which} was closed without being used. Nothing was sent.",)
    return [
        Step("", "Sockets made and not used", said, found[0].first_ns, refs=all_refs(found),
             background=("Programs do so to find out whether the kernel offers that family or an option.",))
    ]  # fmt: skip
