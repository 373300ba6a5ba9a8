"""Sockets that were made and closed without ever being connected, bound for use, or asked anything."""

from wiretale.explain.story import Ref, Step
from wiretale.explain.words import code, count
from wiretale.explain.world import World


def find(world: World) -> list[Step]:
    """One step for each process and kind of socket; AF_NETLINK and others that talk to the kernel are left out."""
    rows = world.db.execute(
        """
        SELECT c.pid, s.family, s.type, count(*), min(c.entry_ns), list_sort(list(s.made_call_id))[1:5]
        FROM socket s JOIN call c ON c.call_id = s.made_call_id AND c.name = 'socket'
        WHERE s.family IN ('AF_INET', 'AF_INET6') AND NOT coalesce(s.listening, FALSE) AND s.to_ns IS NOT NULL
            AND s.socket_id NOT IN (SELECT socket_id FROM endpoint WHERE socket_id IS NOT NULL)
            AND NOT EXISTS (SELECT 1 FROM call_file f JOIN call x USING (call_id) WHERE f.socket_id = s.socket_id
                AND x.name NOT IN ('close', 'fcntl', 'setsockopt', 'getsockopt'))
        GROUP BY ALL ORDER BY 5 LIMIT 6"""
    ).fetchall()
    steps = []
    for pid, family, type_, total, first, ids in rows:
        said = (
            f"{world.who(pid)} makes {count(total, 'socket')} ({code(f'{family}, {type_}')}) and closes "
            f"{'it' if total == 1 else 'them'} without using {'it' if total == 1 else 'them'}. Programs do so to "
            "find out whether the kernel offers that family or an option."
        )
        refs = tuple(Ref("call", i, f"call {i}") for i in ids)
        steps.append(Step("", "Sockets made and not used", (said,), first, refs=refs))
    return steps
