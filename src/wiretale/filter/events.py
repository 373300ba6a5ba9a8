"""The four kinds of events that a capture's merged list holds, and the SQL each is read from.

Aliases that field expressions use: `c` call, `p` packet, `g` segment, `i` interface, `s` signal, `t` task; and inside
EXISTS, where a call or packet has several values, `cc` call_connection, `cd` call_data, `cp` connection_process.
"""

from enum import StrEnum


class EventKind(StrEnum):
    """What an event is."""

    CALL = "call"
    PACKET = "packet"
    SIGNAL = "signal"
    TASK = "task"


FROM: dict[EventKind, str] = {
    EventKind.CALL: "call c LEFT JOIN task t ON t.task_id = c.task_id",
    EventKind.PACKET: "packet p LEFT JOIN segment g ON g.packet_id = p.packet_id"
    " LEFT JOIN interface i ON i.ifindex = p.ifindex AND i.netns IS NOT DISTINCT FROM p.netns",
    EventKind.SIGNAL: "signal s LEFT JOIN task t ON t.task_id = s.task_id",
    EventKind.TASK: "task t",
}

TIME: dict[EventKind, str] = {
    EventKind.CALL: "c.entry_ns",
    EventKind.PACKET: "p.time_ns",
    EventKind.SIGNAL: "s.time_ns",
    EventKind.TASK: "t.start_ns",
}

# The first event is time zero of everything that is printed.
ORIGIN = """
origin AS (
    SELECT coalesce(least(
        (SELECT min(entry_ns) FROM call), (SELECT min(time_ns) FROM packet WHERE shown),
        (SELECT min(start_ns) FROM task WHERE traced)), 0) AS origin_ns
)"""
