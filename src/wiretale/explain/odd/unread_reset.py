"""A reset because a program closed a socket that still held unread bytes."""

from wiretale.explain.story import Ref, Step
from wiretale.explain.words import count
from wiretale.explain.world import World

# An end that closed: how far the other end's stream had come by then, how far this end had read, and its reset.
_QUERY = """
WITH rst AS (
    SELECT g.connection_id, g.direction, p.packet_id, p.number, p.time_ns FROM segment g JOIN packet p USING (packet_id)
    WHERE g.shown AND p.number IS NOT NULL AND p.flags & 4 <> 0
    QUALIFY row_number() OVER (PARTITION BY g.connection_id ORDER BY p.packet_id) = 1
),
closed AS (
    SELECT r.*, e.socket_id, c.call_id, c.pid, c.fd
    FROM rst r JOIN endpoint e ON e.connection_id = r.connection_id AND e.sends = r.direction
    JOIN call_file f ON f.socket_id = e.socket_id JOIN call c ON c.call_id = f.call_id AND c.name = 'close'
        AND r.time_ns BETWEEN c.start_ns AND c.exit_ns
)
SELECT k.connection_id, k.pid, k.fd, k.call_id, k.packet_id, k.number, k.time_ns,
    (SELECT max(g.hi) FROM segment g WHERE g.connection_id = k.connection_id AND g.direction <> k.direction
        AND g.packet_id < k.packet_id AND g.shown AND g.hi > g.lo)
    - coalesce((SELECT max(r.hi) FROM stream_read r WHERE r.connection_id = k.connection_id
        AND r.direction <> k.direction AND NOT r.peeked), 0) AS unread
FROM closed k LIMIT 8"""


def find(world: World) -> list[Step]:
    """One step for each connection."""
    steps = []
    for connection_id, pid, fd, call_id, packet_id, number, at, unread in world.db.execute(_QUERY).fetchall():
        if not unread or unread <= 0:
            continue
        said = (
            f"{world.who(pid)} closed descriptor {fd} (connection {connection_id}) with {count(unread, 'byte')} "
            f"unread; its kernel sent a reset (packet {number}) instead of a FIN, which tells the other end that "
            "data was thrown away."
        )
        refs = (Ref("call", call_id, f"call {call_id}"), Ref("packet", packet_id, f"packet {number}"))
        steps.append(Step("", "Closed with bytes unread", (said,), at, refs=refs, topics=("RST", "ECONNRESET"),
                          remedy="read to the end of the stream before closing"))  # fmt: skip
    return steps
