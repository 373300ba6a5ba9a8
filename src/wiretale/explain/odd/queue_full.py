"""A SYN without an answer because the listener's queue of finished connections was full."""

from wiretale.explain.odd._rows import packet_refs, refs
from wiretale.explain.story import Step
from wiretale.explain.words import code, count
from wiretale.explain.world import World

SOMAXCONN = 4096  # net.core.somaxconn since Linux 5.4: a larger backlog is cut to it

# SYNs to a traced listener that got no answer before the next one, and how many connections then waited to be accepted.
# The kernel drops a SYN if more wait than the backlog says (sk_acceptq_is_full, include/net/sock.h): it holds one more.
_QUERY = f"""
WITH listener AS (
    SELECT s.socket_id, arg_max(c.call_id, c.call_id) AS call_id, arg_max(c.pid, c.call_id) AS pid,
        arg_max(c.fd, c.call_id) AS fd, arg_max(least(c.a1 & 2147483647, {SOMAXCONN}), c.call_id) AS backlog,
        min(c.exit_ns) AS from_ns, any_value(coalesce(s.to_ns, 9223372036854775807)) AS to_ns,
            any_value(b.port) AS port,
        any_value(s.netns_cookie) AS netns
    FROM socket s JOIN call_file f ON f.socket_id = s.socket_id
    JOIN call c ON c.call_id = f.call_id AND c.name = 'listen' AND c.errno IS NULL
    JOIN (SELECT inode, arg_max(local_port, time_ns) AS port FROM socket_sample WHERE inode <> 0
        AND local_port IS NOT NULL
          GROUP BY inode) b USING (inode)
    WHERE s.family IN ('AF_INET', 'AF_INET6') GROUP BY s.socket_id
),
-- of several sockets that listen on one port (SO_REUSEPORT) each has its own queue
alone AS (SELECT * FROM listener QUALIFY count(*) OVER (PARTITION BY port, netns) = 1),
opening AS (
    SELECT k.connection_id, k.server_port AS port, p.packet_id, p.number, p.time_ns,
        lead(p.time_ns) OVER (PARTITION BY k.connection_id ORDER BY p.packet_id) AS next_ns
    FROM connection k JOIN segment g USING (connection_id) JOIN packet p USING (packet_id)
    WHERE k.protocol = 'tcp' AND g.shown AND g.direction = 'c2s' AND p.flags & 18 = 2 AND p.number IS NOT NULL
),
answer AS (
    SELECT g.connection_id, min(p.time_ns) AS answered_ns FROM segment g JOIN packet p USING (packet_id)
    WHERE g.shown AND g.direction = 's2c' AND g.connection_id IN (SELECT connection_id FROM opening)
    GROUP BY g.connection_id
),
ignored AS (
    SELECT o.*, a.socket_id FROM opening o JOIN alone a ON a.port = o.port AND o.time_ns BETWEEN a.from_ns AND a.to_ns
    LEFT JOIN answer r ON r.connection_id = o.connection_id
    WHERE r.answered_ns IS NULL OR r.answered_ns >= o.next_ns
),
waiting AS (
    SELECT i.packet_id, count(*) AS queued
    FROM ignored i JOIN connection k ON k.server_port = i.port AND k.protocol = 'tcp' AND k.established_ns <= i.time_ns
    LEFT JOIN endpoint e ON e.connection_id = k.connection_id AND e.role = 'server'
    LEFT JOIN socket s ON s.socket_id = e.socket_id LEFT JOIN call c ON c.call_id = s.made_call_id
    WHERE s.socket_id IS NULL OR s.listener_id = i.socket_id AND c.start_ns > i.time_ns
        OR s.listener_id = i.socket_id AND c.exit_ns > i.time_ns AND k.established_ns > c.start_ns
    GROUP BY i.packet_id
)
SELECT a.pid, a.fd, a.backlog, a.call_id, count(*), min(i.time_ns), max(w.queued),
    list_sort(list({{'id': i.packet_id, 'n': i.number}}))[1:4], count(DISTINCT i.connection_id)
FROM ignored i JOIN waiting w USING (packet_id) JOIN alone a USING (socket_id)
WHERE w.queued > a.backlog GROUP BY a.pid, a.fd, a.backlog, a.call_id,
    a.socket_id ORDER BY 6 LIMIT 4"""  # noqa: S608 (fixed text of this module)


def find(world: World) -> list[Step]:
    """One step for each listening socket."""
    signs = world.signs
    lost = "retransmission" in signs.analysis or signs.ended("tcp", "open", "timed out", "failed", "unreachable")
    if not (lost and signs.called("listen")):
        return []
    steps = []
    for pid, fd, backlog, call_id, total, at, queued, some, clients in world.db.execute(_QUERY).fetchall():
        said = (
            f"{count(total, 'SYN')} from {count(clients, 'client')} got no answer: {count(queued, 'connection')} stood "
            "in the "
            f"queue of {world.who(pid)} (descriptor {fd}), waiting for accept(). {code(f'listen({fd}, {backlog})')} "
            "allows for "
            f"{backlog}, the kernel takes one more, and drops the SYNs that come then.",
        )
        evidence = (*refs("call", [call_id]), *packet_refs((p["id"], p["n"]) for p in some))
        steps.append(
            Step("", "The accept queue was full", said, at, refs=evidence, inferred=True, topics=("listen", "backlog"),
                 background=("The client hears nothing and sends its SYN again after a second, then after longer and "
                             "longer "
                             "times.",),
                 remedy="accept() sooner, or listen() with a larger backlog (net.core.somaxconn limits it)")
        )  # fmt: skip
    return steps
