"""SO_REUSEADDR set after bind(): the address had been checked without it."""

from wiretale.explain.odd._rows import refs
from wiretale.explain.story import Step
from wiretale.explain.words import code
from wiretale.explain.world import World

SOL_SOCKET, SO_REUSEADDR = 1, 2  # asm-generic/socket.h

_QUERY = f"""
SELECT c.pid, c.fd, c.call_id, b.call_id, c.entry_ns
FROM call c JOIN call_file f USING (call_id) JOIN call_file g ON g.socket_id = f.socket_id
JOIN call b ON b.call_id = g.call_id AND b.name = 'bind' AND b.errno IS NULL AND b.call_id < c.call_id
JOIN socket s ON s.socket_id = f.socket_id AND s.family IN ('AF_INET', 'AF_INET6')
WHERE c.name = 'setsockopt' AND c.a1 = {SOL_SOCKET} AND c.a2 = {SO_REUSEADDR} AND c.errno IS NULL
    -- set before as well: then it was in time
    AND NOT EXISTS (SELECT 1 FROM call_file h JOIN call e USING (call_id) WHERE h.socket_id = f.socket_id
        AND e.name = 'setsockopt' AND e.a1 = {SOL_SOCKET} AND e.a2 = {SO_REUSEADDR} AND e.call_id < b.call_id)
QUALIFY row_number() OVER (PARTITION BY f.socket_id ORDER BY c.call_id) = 1
ORDER BY c.call_id LIMIT 4"""  # noqa: S608 (fixed text of this module)


def find(world: World) -> list[Step]:
    """One step for each socket."""
    if not (world.signs.called("setsockopt") and world.signs.called("bind")):
        return []
    return [
        Step("", "SO_REUSEADDR comes too late",
             (f"{world.who(pid)} sets {code('SO_REUSEADDR')} of descriptor {fd} after bind(): whether the address may "
              "be used "
              "had been decided there, without it. It only counts for those who bind the address later.",),
             at, refs=refs("call", [bind, call_id]), topics=("SO_REUSEADDR",),
             remedy="set it between socket() and bind()")
        for pid, fd, call_id, bind, at in world.db.execute(_QUERY).fetchall()
    ]  # fmt: skip
