"""SO_REUSEPORT on a listening socket: others of the same user may share the port."""

from wiretale.explain.odd._rows import groups
from wiretale.explain.story import Step
from wiretale.explain.world import World

SOL_SOCKET, SO_REUSEPORT = 1, 15  # asm-generic/socket.h


def find(world: World) -> list[Step]:
    """One step for each process that set it on a listening socket."""
    condition = (
        f"c.name = 'setsockopt' AND c.a1 = {SOL_SOCKET} AND c.a2 = {SO_REUSEPORT} AND c.errno IS NULL AND s.listening"
        # the value 0 takes it back
        " AND EXISTS (SELECT 1 FROM call_data d WHERE d.call_id = c.call_id AND d.role = 'optval'"
        " AND d.bytes[1:4] <> '\\x00\\x00\\x00\\x00'::BLOB)"
    )
    joins = "JOIN call_file f USING (call_id) JOIN socket s USING (socket_id)"
    return [
        Step(
            "",
            "SO_REUSEPORT lets others share the port",
            (
                f"{group.who(world)} sets SO_REUSEPORT on a listening socket{f' (descriptor {group.fd})' if group.fd else ''}. "
                "Another process of the same user that sets it too can then listen on the same address and port, and the "
                "kernel deals new connections out among them.",
            ),
            group.first_ns,
            refs=group.refs,
            topics=("SO_REUSEPORT",),
            background=("Good for a server of several processes; a surprise for one that should be alone.",),
        )
        for group in groups(world, condition, "'reuseport'", joins)[:4]
    ]
