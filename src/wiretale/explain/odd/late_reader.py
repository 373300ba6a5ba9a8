"""Bytes that lay in the receive queue while the thread that then read them slept in another call."""

from wiretale.decode.durations import duration
from wiretale.explain.conversation import WAITS
from wiretale.explain.odd._rows import packet_refs, refs, times
from wiretale.explain.story import Step
from wiretale.explain.words import code, count
from wiretale.explain.world import World

LATE_NS = 50_000_000
SLEEPS = ("nanosleep", "clock_nanosleep")
BLOCKS = ("futex", "wait4", "waitid", "flock", "fsync", "fdatasync")

# A read that began long after its first byte had arrived, and a long call of the same thread in between that the
# arrival could not end: a sleep, a wait for a child or a lock, or a poll that ran into its time limit although the
# bytes were there.
_QUERY = f"""
WITH late AS (
    SELECT r.call_id, r.connection_id, r.direction, r.socket_id, min(p.time_ns) AS arrived,
        arg_min({{'id': p.packet_id, 'n': p.number}}, p.packet_id) AS packet, sum(l.hi - l.lo) AS size
    FROM link l JOIN packet p USING (packet_id) JOIN stream_read r ON r.read_id = l.read_id
    WHERE l.kind = 'segment_read' AND l.first_copy IS DISTINCT FROM FALSE AND r.exact AND NOT r.peeked
        AND p.number IS NOT NULL
    GROUP BY r.call_id, r.connection_id, r.direction, r.socket_id
),
slow AS (
    SELECT t.*, c.task_id, c.pid, c.fd, c.name, c.start_ns FROM late t JOIN call c USING (call_id)
    WHERE c.start_ns - t.arrived >= {LATE_NS}
),
asleep AS (
    SELECT call_id, task_id, name, start_ns, exit_ns FROM call a
    WHERE a.exit_ns - a.start_ns >= {LATE_NS} AND a.task_id IN (SELECT task_id FROM slow) AND (
        a.name IN {(*SLEEPS, *BLOCKS)}
        OR a.name IN {WAITS} AND a.call_id IN (SELECT call_id FROM wait WHERE ended_by = 'timeout'))
),
met AS (
    SELECT s.*, a.call_id AS sleep_id, a.name AS sleep,
        least(a.exit_ns, s.start_ns) - greatest(a.start_ns, s.arrived) AS lost
    FROM slow s JOIN asleep a ON a.task_id = s.task_id AND a.start_ns < s.start_ns AND a.exit_ns > s.arrived
    WHERE lost >= {LATE_NS}
)
SELECT arg_max(connection_id, lost), pid, sleep, count(DISTINCT call_id), min(arrived), max(lost),
    count(DISTINCT connection_id),
    arg_max({{'read': call_id, 'fd': fd, 'name': name, 'size': size, 'sleep': sleep_id, 'arrived': arrived,
        'began': start_ns,
        'packet': packet}}, lost)
FROM met GROUP BY pid, sleep ORDER BY 6 DESC LIMIT 4"""  # noqa: S608 (fixed text of this module)


def find(world: World) -> list[Step]:
    """One step for each process and kind of sleep, the longest first."""
    if "timeout" not in world.signs.wait_ends and not world.signs.called(*SLEEPS, *BLOCKS):
        return []
    steps = []
    for connection_id, pid, sleep, total, first, lost, connections, worst in world.db.execute(_QUERY).fetchall():
        packet = worst["packet"]
        said = [
            f"{count(worst['size'], 'byte')} of connection {connection_id} (the first in packet {packet['n']}) lay in "
            f"the receive queue of descriptor {worst['fd']} for {duration(worst['began'] - worst['arrived'])} before "
            f"{world.who(pid)} asked for them with {code(worst['name'] + '()')}: for {duration(lost)} of that the "
            f"thread that read them was asleep in {code(sleep + '()')}."
        ]
        if total > 1:
            where = "this connection" if connections == 1 else count(connections, "connection")
            said.append(f"That happened {times(total)} on {where}; this was the longest.")
        evidence = (*packet_refs([(packet["id"], packet["n"])]), *refs("call", [worst["sleep"], worst["read"]]))
        steps.append(
            Step("", "Bytes had come, and nobody looked", tuple(said), first, refs=evidence,
                 background=("The time counts for whoever waits at the other end as if the network were slow.",),
                 remedy="wait for the descriptor (poll, epoll) instead of sleeping")
        )  # fmt: skip
    return steps
