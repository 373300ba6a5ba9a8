"""The kinds of events that a capture's merged list holds, and the SQL each is read from.

Aliases that field expressions use: `c` call, `p` packet, `g` segment, `q` the packet that an ICMP error
quotes, `i` interface, `s` signal, `t` task, `e` kernel event, `kl` what it belongs to. Where an
event has several values they come from a row set with an alias of its own (`rows.py`).
"""

import re
from enum import StrEnum


class EventKind(StrEnum):
    """What an event is."""

    CALL = "call"
    PACKET = "packet"
    SIGNAL = "signal"
    TASK = "task"
    KERNEL = "kernel"


def in_slice(column: str) -> str:
    """SQL that holds for every row, and where `of_slice` names a slice, for the rows of its events alone."""
    return f"/* {column} in slice */ TRUE"


def of_slice(sql: str, ids: tuple[int, int] | None) -> str:
    """SQL about the events of one kind whose ids are from the one to the other (None: it has none)."""
    bounds = rf"\1 BETWEEN {ids[0]:d} AND {ids[1]:d}" if ids is not None else "FALSE"
    return _IN_SLICE.sub(bounds, sql)


_IN_SLICE = re.compile(r"/\* ([a-z_.]+) in slice \*/ TRUE")

_TABLES: dict[EventKind, str] = {
    EventKind.CALL: "call c",
    EventKind.PACKET: "packet p",
    EventKind.SIGNAL: "signal s",
    EventKind.TASK: "task t",
    EventKind.KERNEL: "kernel_event e",
}
# alias -> what joins it; each adds at most one row, so a query that names nothing of it can do without
_JOINS: dict[EventKind, dict[str, str]] = {
    EventKind.CALL: {"t": "LEFT JOIN task t ON t.task_id = c.task_id"},
    EventKind.PACKET: {
        "g": f"LEFT JOIN (FROM segment WHERE {in_slice('packet_id')}) g ON g.packet_id = p.packet_id",
        "q": "LEFT JOIN quoted q ON q.packet_id = p.packet_id",
        "i": "LEFT JOIN interface i ON i.ifindex = p.ifindex AND i.netns IS NOT DISTINCT FROM p.netns",
    },
    EventKind.SIGNAL: {"t": "LEFT JOIN task t ON t.task_id = s.task_id"},
    EventKind.TASK: {},
    EventKind.KERNEL: {"kl": "LEFT JOIN kernel_link kl ON kl.event_id = e.event_id"},
}


def source(kind: EventKind, *texts: str) -> str:
    """What follows FROM for events of a kind, with the joins that the names in some pieces of SQL need."""
    joins = _JOINS[kind].items()
    return " ".join([_TABLES[kind], *(j for a, j in joins if any(re.search(rf"\b{a}\.", t) for t in texts))])


TIME: dict[EventKind, str] = {
    EventKind.CALL: "c.entry_ns",
    EventKind.PACKET: "p.time_ns",
    EventKind.SIGNAL: "s.time_ns",
    EventKind.TASK: "t.start_ns",
    EventKind.KERNEL: "e.time_ns",
}

# The first event is time zero of everything that is printed.
ORIGIN = """
origin AS (
    SELECT coalesce(least(
        (SELECT min(entry_ns) FROM call), (SELECT min(time_ns) FROM packet WHERE shown),
        (SELECT min(start_ns) FROM task WHERE traced)), 0) AS origin_ns
)"""

# When the recording ended, as far as rows tell: of what had not ended then, that is all that is known.
LAST_MOMENT = """
last_moment AS (
    SELECT greatest(
        (SELECT max(greatest(entry_ns, coalesce(exit_ns, 0))) FROM call),
        (SELECT max(time_ns) FROM packet WHERE shown), (SELECT max(end_ns) FROM task WHERE traced),
        -- who was let go was there until the state at the end was read
        (SELECT max(time_ns) FROM (SELECT time_ns FROM socket_sample UNION ALL SELECT time_ns FROM thread_sample)
         WHERE EXISTS (FROM task WHERE traced AND end_how = 'detached'))
    ) AS end_ns
)"""
