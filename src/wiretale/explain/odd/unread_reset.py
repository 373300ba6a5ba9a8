"""Ends by reset that a program chose: it closed a socket with bytes unread, or told it to linger for no time."""

from wiretale.explain.odd._rows import packet_refs, refs
from wiretale.explain.story import Step
from wiretale.explain.words import code, count
from wiretale.explain.world import World

SOL_SOCKET, SO_LINGER = 1, 13  # asm-generic/socket.h

# A close in whose time the reset was seen: how much had come and was unread, and whether SO_LINGER had been set to 0 s.
# What had come is what this end's kernel had acknowledged; what arrived later than its last ACK can only add to it.
_QUERY = f"""
WITH rst AS (
    SELECT g.connection_id, g.direction, p.packet_id, p.number, p.time_ns FROM segment g JOIN packet p USING (packet_id)
    WHERE g.shown AND p.number IS NOT NULL AND p.flags & 4 <> 0
    QUALIFY row_number() OVER (PARTITION BY g.connection_id ORDER BY p.packet_id) = 1
),
closed AS (
    SELECT r.*, e.socket_id, c.call_id, c.pid, c.fd
    FROM rst r JOIN endpoint e ON e.connection_id = r.connection_id AND e.sends = r.direction
    JOIN connection k ON k.connection_id = r.connection_id AND k.established_ns IS NOT NULL
    JOIN call_file f ON f.socket_id = e.socket_id JOIN call c ON c.call_id = f.call_id AND c.name = 'close'
        AND r.time_ns BETWEEN c.start_ns AND c.exit_ns
),
linger AS (
    SELECT f.socket_id, arg_max(c.call_id, c.call_id) AS call_id, arg_max(d.bytes, c.call_id) AS value
    FROM call c JOIN call_file f USING (call_id) JOIN call_data d ON d.call_id = c.call_id AND d.role = 'optval'
    WHERE c.name = 'setsockopt' AND c.a1 = {SOL_SOCKET} AND c.a2 = {SO_LINGER} AND c.errno IS NULL
        AND f.socket_id IS NOT NULL
    GROUP BY f.socket_id
)
SELECT k.connection_id, k.pid, k.fd, k.call_id, k.packet_id, k.number, k.time_ns,
    (SELECT max(g.acked) FROM segment g WHERE g.connection_id = k.connection_id AND g.direction = k.direction
        AND g.packet_id < k.packet_id AND g.shown) AS acknowledged,
    (SELECT max(g.hi) FROM segment g WHERE g.connection_id = k.connection_id AND g.direction <> k.direction
        AND g.packet_id < k.packet_id AND g.shown) AS arrived,
    coalesce((SELECT max(r.hi) FROM stream_read r WHERE r.connection_id = k.connection_id
        AND r.direction <> k.direction AND NOT r.peeked), 0) AS had_read,
    CASE WHEN l.value[1:4] <> '\\x00\\x00\\x00\\x00'::BLOB
        AND l.value[5:8] = '\\x00\\x00\\x00\\x00'::BLOB THEN l.call_id END
FROM closed k LEFT JOIN linger l USING (socket_id) ORDER BY k.time_ns LIMIT 8"""  # noqa: S608 (fixed text of this module)


def find(world: World) -> list[Step]:
    """One step for each connection."""
    if not world.signs.has_resets:
        return []
    steps = []
    for row in world.db.execute(_QUERY).fetchall():
        connection_id, pid, fd, call_id, packet_id, number, at, acknowledged, arrived, had_read, linger = row
        evidence = (*refs("call", [call_id]), *packet_refs([(packet_id, number)]))
        least = min(acknowledged or 0, arrived or 0) - had_read
        most = (arrived or 0) - had_read
        if linger is not None:
            said = (
                f"{world.who(pid)} had set {code('SO_LINGER')} of descriptor {fd} to on with 0 seconds; its close() "
                f"therefore ended connection {connection_id} with a reset (packet {number}) instead of a FIN."
            )
            steps.append(
                Step("", "Closed by a reset on purpose", (said,), at, refs=(*refs("call", [linger]), *evidence),
                     topics=("SO_LINGER", "RST"),
                     background=("What was not yet sent is thrown away, and there is no TIME-WAIT: some programs want "
                                 "just "
                                 "that, at the price of losing data.",))
            )  # fmt: skip
        elif most > 0:
            size = count(most, "byte") if least == most or least <= 0 else f"{least:,} to {count(most, 'byte')}"
            said = (
                f"{world.who(pid)} closed descriptor {fd} (connection {connection_id}) with {size} unread; its kernel "
                "sent a "
                f"reset (packet {number}) instead of a FIN, which tells the other end that data was thrown away."
            )
            steps.append(
                Step("", "Closed with bytes unread", (said,), at, refs=evidence, topics=("RST", "ECONNRESET"),
                     background=("A reset may also make the other end's kernel drop what had arrived there and was not "
                                 "read "
                                 "yet: the last answer can be lost that way.",),
                     remedy="read to the end of the stream before closing")
            )  # fmt: skip
    return steps
