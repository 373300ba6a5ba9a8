"""SO_REUSEPORT on a listening socket: others of the same user may share the port."""

from wiretale.explain.odd._rows import all_refs, each, groups
from wiretale.explain.story import Step
from wiretale.explain.words import code, count, listed, place
from wiretale.explain.world import World

SOL_SOCKET, SO_REUSEPORT = 1, 15  # asm-generic/socket.h


def find(world: World) -> list[Step]:
    """One step for all who set it on a listening socket."""
    if not (world.signs.called("setsockopt") and world.signs.called("listen")):
        return []
    condition = (
        f"c.name = 'setsockopt' AND c.a1 = {SOL_SOCKET} AND c.a2 = {SO_REUSEPORT} AND c.errno IS NULL"  # noqa: S608 (fixed)
        " AND s.listening"
        # the value 0 takes it back
        " AND EXISTS (SELECT 1 FROM call_data d WHERE d.call_id = c.call_id AND d.role = 'optval'"
        " AND d.bytes[1:4] <> '\\x00\\x00\\x00\\x00'::BLOB)"
    )
    joins = "JOIN call_file f USING (call_id) JOIN socket s USING (socket_id)"
    found = groups(world, condition, "'reuseport'", joins, fd="NULL::INTEGER")
    if not found:
        return []
    said: tuple[str, ...] = (
        f"{code('SO_REUSEPORT')} was set on listening sockets: by {each(world, found)}. Another process of the same "
        "user "
        "that sets it too can listen on the same address and port, and the kernel deals new connections out among "
        "them.",
    )
    if sum(group.total for group in found) > 1:  # one alone shares with nobody
        said = (*said, *_shared(world))
    background = ("Good for a server of several processes; a surprise for one that should be alone.",)
    return [
        Step("", "SO_REUSEPORT lets others share the port", said, found[0].first_ns, refs=all_refs(found),
             topics=("SO_REUSEPORT",), background=background)
    ]  # fmt: skip


# Sockets that listened on one address at the same time, and how many connections came to each.
_SHARED = """
WITH bound AS (
    SELECT inode, arg_max(local_addr, time_ns) AS addr, arg_max(local_port, time_ns) AS port FROM socket_sample
    WHERE inode <> 0 AND local_port IS NOT NULL GROUP BY inode
),
listener AS (
    SELECT s.socket_id, b.addr, b.port, min(c.exit_ns) AS since, any_value(s.to_ns) AS until,
        arg_min(c.pid, c.call_id) AS pid
    FROM socket s JOIN bound b USING (inode) JOIN call_file f USING (socket_id)
    JOIN call c ON c.call_id = f.call_id AND c.name = 'listen' AND c.errno IS NULL
    WHERE s.listening GROUP BY s.socket_id, b.addr, b.port
),
sharing AS (
    SELECT * FROM listener l WHERE EXISTS (FROM listener o WHERE o.socket_id <> l.socket_id AND o.addr = l.addr
        AND o.port = l.port AND o.since < coalesce(l.until, o.since + 1) AND l.since < coalesce(o.until, l.since + 1))
)
SELECT addr, port, list({'pid': pid, 'n': (SELECT count(*) FROM socket a WHERE a.listener_id = l.socket_id)}
    ORDER BY l.socket_id)
FROM sharing l GROUP BY addr, port ORDER BY min(since) LIMIT 3"""


def _shared(world: World) -> list[str]:
    """Who did share a port, and what each got."""
    said = []
    for addr, port, sharers in world.db.execute(_SHARED).fetchall():
        each_got = [f"{s['n'] or 'none'} came to {world.who(s['pid'])}" for s in sharers]
        said.append(
            f"{count(len(sharers), 'socket')} listened on {code(place(addr, port))} at the same time; of the "
            f"connections {listed(each_got, 8)}."
        )
    return said
