"""Which lines a capture gives, and in which order: one SQL query over all kinds of events.

A call stands at its entry. One that waited while other things happened stands twice: at its entry and at its return, so
that reading down the page is reading forward in time. The calls of a program's start fold into one line.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import duckdb

from wiretale.filter.condition import EVERYTHING, Filter
from wiretale.filter.events import ORIGIN, EventKind, source
from wiretale.filter.own_packets import OWN_PACKETS, traces_connections
from wiretale.filter.tables import with_all_tables
from wiretale.show.startup import FOLD, FOLD_AT_LEAST, MAY_FOLD

# A call this long that had other lines inside it is shown twice even if no wait was proven for it.
LONG_CALL_NS = 1_000_000
# A non-blocking connect "waits" for nothing: it returns at once, and what it began is waited for by another call.
BLOCKED = "SELECT w.call_id FROM wait w JOIN call c USING (call_id) WHERE c.errno IS DISTINCT FROM 115"
BATCH = 2000


class LineKind(StrEnum):
    """What a line is about."""

    CALL = "call"  # a whole call
    ENTER = "enter"  # a call that began and waited
    RETURN = "return"  # the same call's return
    PACKET = "packet"
    SIGNAL = "signal"
    KERNEL = "kernel"  # a step of the kernel's work
    BEGIN = "begin"  # a process or thread began
    END = "end"  # it ended
    START = "start"  # the calls of a program's start, folded
    LOOK = "look"  # calls looking for files of the system, folded


@dataclass(frozen=True, slots=True)
class Place:
    """One line to come. `id` is that of the call, packet, kernel event or task (for START and LOOK the task's); a
    signal's is its row number."""

    time_ns: int
    kind: LineKind
    id: int
    count: int = 1
    until_ns: int = 0


@dataclass(frozen=True, slots=True)
class Only:
    """The ids of the only events to show."""

    calls: tuple[int, ...] = ()
    packets: tuple[int, ...] = ()
    tasks: tuple[int, ...] = ()

    def condition(self, kind: EventKind) -> str:
        """As SQL over the event's table."""
        column, ids = {
            EventKind.CALL: ("c.call_id", self.calls),
            EventKind.PACKET: ("p.packet_id", self.packets),
            EventKind.TASK: ("t.task_id", self.tasks),
        }.get(kind, ("", ()))
        return f"{column} IN ({', '.join(str(int(i)) for i in ids)})" if ids else "FALSE"


@dataclass(frozen=True, slots=True)
class Selection:
    """What to show of a capture."""

    filter: Filter = EVERYTHING
    calls: bool = True
    packets: bool = True
    kernel: bool = False
    all_packets: bool = False
    unfold: bool = False
    call_id: int | None = None
    packet_number: int | None = None
    only: Only | None = None
    limit: int | None = None
    tail: int | None = None


def _conditions(db: duckdb.DuckDBPyConnection, selection: Selection) -> dict[EventKind, str]:
    chosen = {kind: condition.sql for kind, condition in selection.filter.conditions.items()}
    if not selection.calls:
        chosen |= {EventKind.CALL: "FALSE", EventKind.SIGNAL: "FALSE", EventKind.TASK: "FALSE"}
    if not selection.kernel:
        chosen[EventKind.KERNEL] = "FALSE"
    if not selection.packets:
        chosen[EventKind.PACKET] = "FALSE"
    elif not selection.all_packets:
        own = OWN_PACKETS if traces_connections(db) else "p.shown"
        chosen[EventKind.PACKET] = f"({chosen[EventKind.PACKET]}) AND {own}"
    return chosen


def _parameters(selection: Selection) -> list[object]:
    """Filter parameters in the order the conditions stand in the query, for those conditions that are used."""
    found: list[object] = []
    order = [EventKind.CALL] if selection.calls else []
    order += [EventKind.PACKET] if selection.packets else []
    order += [EventKind.KERNEL] if selection.kernel else []
    order += [EventKind.SIGNAL, EventKind.TASK] if selection.calls else []
    for kind in order:
        found += selection.filter.conditions[kind].parameters
    return found


def _of_chosen(selection: Selection) -> str:
    """The kernel's work in the one call, or for the one packet."""
    numbered = f"(SELECT packet_id FROM packet WHERE number = {int(selection.packet_number or 0)})"  # noqa: S608 (a number)
    packet = f"kl.packet_id IN {numbered}" if selection.packet_number is not None else ""
    call = f"kl.call_id = {int(selection.call_id)}" if selection.call_id is not None else ""
    return " OR ".join(filter(None, (call, packet)))


_FOLDED = f"""folded AS MATERIALIZED (
    SELECT f.task_id, f.run, count(*) AS calls, min(c.entry_ns) AS from_ns, max(c.exit_ns) AS to_ns
    FROM chosen c JOIN fold f USING (call_id) GROUP BY ALL
    HAVING count(*) >= {FOLD_AT_LEAST} AND (f.run <= 0 OR bool_or(f.names_file))
),
called AS (
    SELECT c.* FROM chosen c WHERE c.call_id NOT IN (
        SELECT call_id FROM fold SEMI JOIN folded USING (task_id, run)
    )
)"""  # noqa: S608 (built from fixed text; values are parameters)
_UNFOLDED = """folded AS (
    SELECT NULL::BIGINT AS task_id, 0 AS run, 0 AS calls, NULL::BIGINT AS from_ns, NULL::BIGINT AS to_ns WHERE false
),
called AS (SELECT * FROM chosen)"""


def _query(db: duckdb.DuckDBPyConnection, selection: Selection) -> str:
    conditions = _conditions(db, selection)
    if selection.call_id is not None or selection.packet_number is not None:
        for kind in conditions:
            conditions[kind] = f"({conditions[kind]}) AND " + {
                EventKind.CALL: f"c.call_id = {int(selection.call_id)}" if selection.call_id is not None else "FALSE",
                EventKind.PACKET: f"p.number = {int(selection.packet_number)}"
                if selection.packet_number is not None
                else "FALSE",
                EventKind.KERNEL: f"({_of_chosen(selection)})",
            }.get(kind, "FALSE")
    if selection.only is not None:
        conditions = {kind: f"({sql}) AND {selection.only.condition(kind)}" for kind, sql in conditions.items()}
    fold = not selection.unfold and selection.call_id is None and selection.only is None
    events = {kind: f"{source(kind, condition)} WHERE ({condition})" for kind, condition in conditions.items()}
    chosen = f"""chosen AS MATERIALIZED (
    SELECT c.call_id, c.task_id, c.entry_ns, c.exit_ns FROM {events[EventKind.CALL]}
)"""  # noqa: S608 (built from fixed text; values are parameters)
    return f"""
WITH {", ".join([*selection.filter.ctes, chosen, *([MAY_FOLD, FOLD] if fold else [])])},
{_FOLDED if fold else _UNFOLDED},
event AS (
    SELECT entry_ns AS time_ns, 2 AS rank, 'call' AS kind, call_id AS id, exit_ns AS until_ns, 1 AS count FROM called
    UNION ALL SELECT from_ns, 2, CASE WHEN run <= 0 THEN 'start' ELSE 'look' END, task_id, to_ns, calls FROM folded
    UNION ALL
    SELECT p.time_ns, 3, 'packet', p.packet_id, NULL, 1 FROM {events[EventKind.PACKET]}
    UNION ALL SELECT e.time_ns, 3, 'kernel', e.event_id, NULL, 1 FROM {events[EventKind.KERNEL]}
    UNION ALL SELECT s.time_ns, 4, 'signal', s.rowid, NULL, 1 FROM {events[EventKind.SIGNAL]}
    UNION ALL
    SELECT u.at, u.rank, u.kind, u.task_id, NULL, 1 FROM (
        SELECT t.task_id, unnest([
            {{'at': t.start_ns, 'rank': 1, 'kind': 'begin'}}, {{'at': t.end_ns, 'rank': 5, 'kind': 'end'}}
        ], recursive := true)
        FROM {events[EventKind.TASK]} AND t.traced
    ) u JOIN task t USING (task_id)
    WHERE u.at IS NOT NULL AND (u.kind = 'begin' AND t.how <> 'execve' OR u.kind = 'end' AND t.end_how <> 'execve')
),
followed AS (SELECT *, lead(time_ns) OVER (ORDER BY time_ns, rank, id) AS next_ns FROM event),
split AS (
    SELECT f.*, kind = 'call' AND until_ns > next_ns
        AND (until_ns - time_ns > {LONG_CALL_NS} OR id IN ({BLOCKED})) AS is_split
    FROM followed f
)
SELECT time_ns, CASE WHEN is_split THEN 'enter' ELSE kind END, id, count, until_ns, rank FROM split
UNION ALL SELECT until_ns, 'return', id, 1, NULL, 0 FROM split WHERE is_split
ORDER BY 1, 6, 3"""  # noqa: S608 (built from fixed text; values are parameters)


def places(db: duckdb.DuckDBPyConnection, selection: Selection) -> Iterator[list[Place]]:
    """The lines of a capture in order, in batches, so that a large capture is never held whole."""
    cursor = with_all_tables(db.cursor())  # temporary tables belong to one cursor
    query = _query(with_all_tables(db), selection)
    parameters = _parameters(selection)
    if selection.tail is not None:
        query = f"SELECT * FROM (SELECT * FROM ({query}) ORDER BY 1 DESC, 6 DESC, 3 DESC LIMIT ?) ORDER BY 1, 6, 3"  # noqa: S608 (built from fixed text; values are parameters)
        parameters.append(selection.tail)
    elif selection.limit is not None:
        query += " LIMIT ?"
        parameters.append(selection.limit)
    cursor.execute(query, parameters)
    while rows := cursor.fetchmany(BATCH):
        yield [Place(int(r[0]), LineKind(r[1]), int(r[2]), int(r[3]), int(r[4] or 0)) for r in rows]


def origin_ns(db: duckdb.DuckDBPyConnection) -> int:
    """The time of the first event, in CLOCK_MONOTONIC nanoseconds; 0 for an empty capture."""
    row = db.execute(f"WITH {ORIGIN} SELECT origin_ns FROM origin").fetchone()  # noqa: S608 (built from fixed text; values are parameters)
    return int(row[0]) if row else 0
