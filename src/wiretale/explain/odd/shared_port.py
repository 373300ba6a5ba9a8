"""SO_REUSEPORT on a listening socket: others of the same user may share the port."""

from wiretale.explain.odd._rows import all_refs, each, groups
from wiretale.explain.story import Step
from wiretale.explain.words import code
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
    said = (
        f"{code('SO_REUSEPORT')} was set on listening sockets: by {each(world, found)}. Another process of the same "
        "user "
        "that sets it too can listen on the same address and port, and the kernel deals new connections out among "
        "them.",
    )
    background = ("Good for a server of several processes; a surprise for one that should be alone.",)
    return [
        Step("", "SO_REUSEPORT lets others share the port", said, found[0].first_ns, refs=all_refs(found),
             topics=("SO_REUSEPORT",), background=background)
    ]  # fmt: skip
