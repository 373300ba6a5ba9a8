"""Sockets left open when a process ended by itself: the kernel closes them."""

from wiretale.explain.odd._rows import Group, all_refs, merged, refs
from wiretale.explain.story import Step
from wiretale.explain.words import count, listed
from wiretale.explain.world import World


def find(world: World) -> list[Step]:
    """One step for all that exited with sockets open (one that was killed had no choice)."""
    rows = world.db.execute(
        """
        SELECT d.pid, count(DISTINCT d.fd), any_value(d.fd), max(d.to_ns), list_sort(list(d.descriptor_id))[1:5]
        FROM descriptor d JOIN socket s USING (file_id) JOIN task t ON t.pid = d.pid AND t.is_leader
            AND t.end_how = 'exited'
        WHERE d.end_how = 'exit' AND d.how <> 'inherited' AND d.to_ns = s.to_ns AND s.family IN ('AF_INET', 'AF_INET6')
        GROUP BY d.pid ORDER BY 4 LIMIT 200"""
    ).fetchall()
    found = merged(world, [
        Group((pid,), "exit", fd if total == 1 else None, total, at, refs("descriptor", ids))
        for pid, total, fd, at, ids in rows
    ])  # fmt: skip
    if not found:
        return []
    left = [f"{g.who(world)} exited with {count(g.total, 'socket')} open{_which(g)}" for g in found]
    said = (f"{listed(left)}.", "The kernel closes what a process leaves.")
    return [Step("", "Left open to the end", said, found[0].first_ns, refs=all_refs(found))]


def _which(group: Group) -> str:
    return f" (descriptor {group.fd})" if group.fd is not None else ""
