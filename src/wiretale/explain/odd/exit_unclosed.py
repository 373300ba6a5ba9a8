"""Sockets left open when a process ended by itself: the kernel closes them."""

from wiretale.explain.story import Ref, Step
from wiretale.explain.words import count, listed
from wiretale.explain.world import World


def find(world: World) -> list[Step]:
    """One step for each process that exited with sockets open (one that was killed had no choice)."""
    rows = world.db.execute(
        """
        SELECT d.pid, list_sort(list(DISTINCT d.fd))[1:6], count(DISTINCT d.fd), min(d.to_ns),
            list_sort(list(d.descriptor_id))[1:5]
        FROM descriptor d JOIN socket s USING (file_id) JOIN task t ON t.pid = d.pid AND t.is_leader
            AND t.end_how = 'exited'
        WHERE d.end_how = 'exit' AND d.how <> 'inherited' AND d.to_ns = s.to_ns AND s.family IN ('AF_INET', 'AF_INET6')
        GROUP BY d.pid ORDER BY 4 LIMIT 6"""
    ).fetchall()
    steps = []
    for pid, fds, total, at, ids in rows:
        which = listed([str(fd) for fd in fds])
        said = (
            f"{world.who(pid)} ended with {count(total, 'socket')} open (descriptor{'s' if total > 1 else ''} "
            f"{which}{' and more' if total > len(fds) else ''}). The kernel closes what a process leaves. Harmless "
            "at the end of a program."
        )
        refs = tuple(Ref("descriptor", i, f"descriptor {i}") for i in ids)
        steps.append(Step("", "Left open to the end", (said,), at, refs=refs))
    return steps
