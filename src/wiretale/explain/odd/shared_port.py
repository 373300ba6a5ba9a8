"""SO_REUSEPORT on a listening socket: others of the same user may share the port."""

from wiretale.explain.story import Ref, Step
from wiretale.explain.world import World

SOL_SOCKET, SO_REUSEPORT = 1, 15  # asm-generic/socket.h


def find(world: World) -> list[Step]:
    """One step for each listening socket that set it."""
    rows = world.db.execute(
        f"""
        SELECT c.pid, c.fd, min(c.entry_ns), min(c.call_id)
        FROM call c JOIN call_file f USING (call_id) JOIN socket s USING (socket_id)
        WHERE c.name = 'setsockopt' AND c.a1 = {SOL_SOCKET} AND c.a2 = {SO_REUSEPORT}
            AND c.errno IS NULL AND s.listening
        GROUP BY c.pid, c.fd, s.socket_id ORDER BY 3 LIMIT 4"""  # noqa: S608 (fixed numbers)
    ).fetchall()
    steps = []
    for pid, fd, at, call_id in rows:
        said = (
            f"{world.who(pid)} sets SO_REUSEPORT on its listening socket (descriptor {fd}). Another process of the "
            "same user that sets it too can then listen on the same address and port, and the kernel deals new "
            "connections out among them. Good for a server with several processes; a surprise for one that should "
            "be alone."
        )
        steps.append(
            Step("", "SO_REUSEPORT lets others share the port", (said,), at,
                 refs=(Ref("call", call_id, f"call {call_id}"),), topics=("SO_REUSEPORT",))
        )  # fmt: skip
    return steps
