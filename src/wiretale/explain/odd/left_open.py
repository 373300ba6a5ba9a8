"""Connections whose other end has closed, and that a process holds on to without a call: in the state CLOSE-WAIT."""

from wiretale.decode.durations import duration
from wiretale.explain.odd._rows import refs
from wiretale.explain.story import Step
from wiretale.explain.words import code, count, numbers, place
from wiretale.explain.world import World

LEAST_NS = 1_000_000_000
SOON_NS = 100_000_000  # from the FIN to the read that finds the end
MOST = 4
SHOWN = 6

# A sample of a socket in that state, another or the FIN a second or longer before, with no call in between, and none
# that a thread is still in. `unanswered` tells what lies unread.
_QUERY = f"""
WITH seen AS (
    SELECT inode, min(time_ns) AS from_ns, max(time_ns) AS to_ns, max(recv_queue) AS unread,
        any_value(peer_addr) AS addr, any_value(peer_port) AS port
    FROM socket_sample WHERE state = 'CLOSE-WAIT' AND inode <> 0 AND recv_queue IS NOT NULL GROUP BY inode
),
fin AS (
    SELECT e.socket_id, min(p.time_ns) AS at
    FROM endpoint e JOIN segment g ON g.connection_id = e.connection_id AND g.direction <> e.sends
    JOIN packet p USING (packet_id)
    WHERE g.shown AND p.flags & 1 = 1
        AND e.socket_id IN (SELECT socket_id FROM socket WHERE inode IN (SELECT inode FROM seen)) GROUP BY e.socket_id
),
since AS (
    SELECT v.* REPLACE (least(v.from_ns, coalesce(f.at, v.from_ns)) AS from_ns), s.socket_id, s.file_id
    FROM seen v JOIN socket s USING (inode) LEFT JOIN fin f USING (socket_id)
),
held AS (
    SELECT v.*, d.pid, min(d.fd) AS fd FROM since v
    JOIN descriptor d ON d.file_id = v.file_id AND d.from_ns <= v.to_ns AND coalesce(d.to_ns, v.to_ns) >= v.to_ns
    WHERE v.to_ns - v.from_ns >= {LEAST_NS} AND v.unread <= 1  -- the FIN counts as one until it is read
        AND d.pid IN (SELECT pid FROM task WHERE traced)
        AND NOT EXISTS (FROM call c JOIN call_file x USING (call_id) WHERE x.file_id = v.file_id
            AND coalesce(c.exit_ns, v.to_ns) >= v.from_ns + {SOON_NS} AND c.start_ns <= v.to_ns)
    GROUP BY ALL
)
SELECT pid, count(*), min(to_ns - from_ns), max(to_ns), list_sort(list(fd))[1:{SHOWN}],
    list_sort(list(socket_id))[1:{SHOWN}], count(DISTINCT (addr, port)), min({{'addr': addr, 'port': port}})
FROM held GROUP BY pid ORDER BY 2 DESC LIMIT {MOST}"""  # noqa: S608 (fixed text)


def find(world: World) -> list[Step]:
    """One step for each process, who holds the most first."""
    steps = []
    for pid, total, span, until, fds, sockets, places, peer in world.db.execute(_QUERY).fetchall():
        which = numbers("descriptor", fds, total - len(fds))
        whom = f", {code(place(peer['addr'], peer['port']))}" if places == 1 else ""
        other = "The other end" if total == 1 else "The other ends"
        said = (
            f"{other} of {count(total, 'connection')} of {world.who(pid)} ({which}{whom}) had closed, and then the "
            f"process made no call on {'it' if total == 1 else 'any of them'} for {duration(span)}, to the end: the "
            f"kernel keeps {'it' if total == 1 else 'them'} in the state CLOSE-WAIT until the process closes "
            f"{'its descriptor' if total == 1 else 'the descriptors'}.",
        )
        steps.append(
            Step("", "Closed by the other end, and still held", said, until, refs=refs("socket", sockets),
                 topics=("CLOSE_WAIT",),
                 background=("A client's pool of idle connections looks so, and is harmless: it finds out when it uses "
                             "one. In a server it is a descriptor that is leaked, or a thread that never came back to "
                             "it.",),
                 remedy=f"count them again after a while: ss -tnp state close-wait | grep -c pid={pid},")
        )  # fmt: skip
    return steps
