"""How a server came to listen: the calls on a listening socket before its first connection."""

from wiretale.explain.conversation import socket_calls
from wiretale.explain.preparing import prepared
from wiretale.explain.serving import served
from wiretale.explain.story import Chapter, Counter, Section
from wiretale.explain.words import capital, count, place
from wiretale.explain.world import World

LISTENERS_TOLD = 6
_NOT_TOLD = ("accept", "accept4", "close", "shutdown", "epoll_ctl", "fstat", "newfstatat", "read", "write")

_LISTENERS = """
WITH bound AS (
    SELECT inode, arg_max(local_addr, time_ns) AS addr, arg_max(local_port, time_ns) AS port FROM socket_sample
    WHERE inode <> 0 AND local_addr IS NOT NULL GROUP BY inode
)
SELECT s.socket_id, b.addr, b.port, coalesce(c.pid, d.pid), count(DISTINCT a.socket_id), s.made_call_id
FROM socket s LEFT JOIN bound b USING (inode) LEFT JOIN call c ON c.call_id = s.made_call_id
LEFT JOIN (SELECT file_id, min(pid) AS pid FROM descriptor GROUP BY file_id) d ON d.file_id = s.file_id
LEFT JOIN socket a ON a.listener_id = s.socket_id
WHERE s.listening AND s.file_id IS NOT NULL AND coalesce(c.pid, d.pid) IN (SELECT pid FROM task WHERE traced)
GROUP BY ALL ORDER BY s.socket_id"""


def listening(world: World) -> list[Chapter]:
    """One chapter for each listening socket that a traced process made."""
    rows = world.db.execute(_LISTENERS).fetchall()[:LISTENERS_TOLD]
    found = socket_calls(world.db, [r[0] for r in rows])
    chapters = []
    for socket_id, addr, port, pid, accepted, _made in rows:
        counter = Counter(f"s{socket_id}")
        told = [c for c in found.get(socket_id, []) if c.name not in _NOT_TOLD]
        where = place(addr, port) if addr is not None else "its address"
        if not told:
            continue
        intro = (f"{capital(count(accepted, 'connection'))} came through this socket to a recorded accept().",)
        sections = [Section("", tuple(counter.numbered(step) for step in prepared(world, told)))]
        clients = tuple(counter.numbered(step) for step in served(world, socket_id))
        if clients:
            sections.append(Section("How its clients were served", clients))
        title = f"How {world.who(pid)} came to listen on {where}"
        chapters.append(Chapter(f"s{socket_id}", title, intro, tuple(sections)))
    return chapters
