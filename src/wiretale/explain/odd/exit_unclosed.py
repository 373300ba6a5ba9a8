"""Sockets left open when a process ended by itself: the kernel closes them."""

from wiretale.explain.odd._rows import Group, merged, refs
from wiretale.explain.story import Step
from wiretale.explain.words import count
from wiretale.explain.world import World


def find(world: World) -> list[Step]:
    """One step for each process that exited with sockets open (one that was killed had no choice)."""
    rows = world.db.execute(
        """
        SELECT d.pid, count(DISTINCT d.fd), any_value(d.fd), max(d.to_ns), list_sort(list(d.descriptor_id))[1:5]
        FROM descriptor d JOIN socket s USING (file_id) JOIN task t ON t.pid = d.pid AND t.is_leader
            AND t.end_how = 'exited'
        WHERE d.end_how = 'exit' AND d.how <> 'inherited' AND d.to_ns = s.to_ns AND s.family IN ('AF_INET', 'AF_INET6')
        GROUP BY d.pid ORDER BY 4 LIMIT 200"""
    ).fetchall()
    found = [
        Group((pid,), "exit", fd if total == 1 else None, total, at, refs("descriptor", ids))
        for pid, total, fd, at, ids in rows
    ]
    steps = []
    for group in merged(world, found)[:6]:
        which = f" (descriptor {group.fd})" if group.fd is not None else ""
        said = (
            f"{group.who(world)} ended with {count(group.total, 'socket')} open{which}. The kernel closes what a process "
            "leaves. Harmless at the end of a program."
        )
        steps.append(Step("", "Left open to the end", (said,), group.first_ns, refs=group.refs))
    return steps
