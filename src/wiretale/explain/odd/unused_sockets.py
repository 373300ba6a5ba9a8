"""Sockets that were made and closed without ever being connected, bound for use, or asked anything."""

from wiretale.explain.odd._rows import groups
from wiretale.explain.story import Step
from wiretale.explain.words import code, count
from wiretale.explain.world import World


def find(world: World) -> list[Step]:
    """One step for each process and kind of socket; AF_NETLINK and others that talk to the kernel are left out."""
    joins = "JOIN socket s ON s.made_call_id = c.call_id"
    condition = """c.name = 'socket' AND s.family IN ('AF_INET', 'AF_INET6') AND s.to_ns IS NOT NULL
        AND s.socket_id NOT IN (SELECT socket_id FROM endpoint WHERE socket_id IS NOT NULL)
        AND NOT EXISTS (SELECT 1 FROM call_file f JOIN call x USING (call_id) WHERE f.socket_id = s.socket_id
            AND x.name NOT IN ('close', 'fcntl', 'setsockopt', 'getsockopt'))
        AND EXISTS (SELECT 1 FROM call_file f JOIN call x USING (call_id) WHERE f.socket_id = s.socket_id
            AND x.name = 'close' AND x.errno IS NULL)"""
    steps = []
    for group in groups(world, condition, "s.family || ', ' || s.type", joins, fd="NULL::INTEGER")[:4]:
        it = "it" if group.total == 1 else "them"
        said = (
            f"{group.who(world)} makes {count(group.total, 'socket')} ({code(group.key)}) and closes {it} without using {it}. "
            "Nothing was sent. Harmless."
        )
        steps.append(
            Step("", "Sockets made and not used", (said,), group.first_ns, refs=group.refs,
                 background=("Programs do so to find out whether the kernel offers that family or an option.",))
        )  # fmt: skip
    return steps
