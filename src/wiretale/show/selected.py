"""Which events of a capture are shown, in the order of time: read a slice of time at a time, never all at once.

A slice is a query over the rows of its time only, so that the first events are there at once however large the capture
is. A filter that needs what can only be made of the whole capture is asked once, before the first slice.
"""

from collections.abc import Iterator
from typing import NamedTuple

import duckdb

from wiretale.filter.condition import ALWAYS, EVERYTHING, NEVER, Condition, Filter, Needle, put
from wiretale.filter.events import EventKind, in_slice, of_slice, source
from wiretale.filter.own_packets import OWN_PACKETS, traces_connections
from wiretale.filter.rows import ctes_for, keep_small
from wiretale.filter.tables import with_all_tables
from wiretale.light import dataclass
from wiretale.show.narrowing import narrow, of_narrowed
from wiretale.show.runs import keep_candidates
from wiretale.show.startup import FOLD, FOLD_AT_LEAST, MAY_FOLD

# A call this long that had other lines inside it is shown twice even if no wait was proven for it.
LONG_CALL_NS = 1_000_000
# A non-blocking connect (errno EINPROGRESS) "waits" for nothing: it returns at once, and what it began is waited for by
# another call.
_MAY_WAIT = f"""(
    c.exit_ns - c.entry_ns > {LONG_CALL_NS}
    OR c.errno IS DISTINCT FROM 115 AND c.call_id IN (SELECT call_id FROM wait WHERE {in_slice("call_id")})
)"""  # noqa: S608 (a number)
# The chosen calls first, so that of all waits only theirs are looked at.
_CHOSEN_CALLS = (
    "(WITH chosen AS MATERIALIZED ({chosen}) SELECT c.entry_ns, 2, 'call', c.call_id, c.exit_ns, 1, coalesce("  # noqa: S608 (fixed text)
    + _MAY_WAIT.replace("FROM wait WHERE", "FROM wait WHERE call_id IN (SELECT call_id FROM chosen) AND")
    + ", FALSE) FROM chosen c)"
)
# Of the packets that a filter finds those of the traced programs: most find few, and of `segment`, which has a row for
# each packet, only theirs are looked at.
_OWN = (
    "(WITH found AS MATERIALIZED ({found}) SELECT p.* FROM found p"  # noqa: S608 (fixed text)
    " LEFT JOIN (SELECT packet_id, connection_id FROM segment WHERE packet_id IN (SELECT packet_id FROM found)"
    f" AND {in_slice('packet_id')}) g ON g.packet_id = p.packet_id WHERE {OWN_PACKETS})"
)
_CHOSEN_PACKETS = "SELECT p.time_ns, 3, 'packet', p.packet_id, NULL, 1, FALSE FROM {chosen} p"
_CHOSEN = {EventKind.CALL: _CHOSEN_CALLS, EventKind.PACKET: _CHOSEN_PACKETS}
_MARK_EVERY = 4096  # rows of a table from one possible border of slices to the next; a power of two
_WIDER, _WIDEST = 8, 512  # a slice grows while few of its events are chosen
_MANY, _FEW = 50_000, 5_000


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

    @property
    def is_one_event(self) -> bool:
        """Whether one call or one packet was asked for, by its number."""
        return self.call_id is not None or self.packet_number is not None


class Event(NamedTuple):
    """One event: `kind` is the value of a LineKind, `id` and `calls` are a Place's id and count.

    `may_wait`: it is shown twice if others come before its end.
    """

    time_ns: int
    kind: str
    id: int
    until_ns: int | None
    calls: int
    may_wait: bool


def _of_chosen(selection: Selection) -> str:
    """The kernel's work in the one call, or for the one packet."""
    numbered = f"(SELECT packet_id FROM packet WHERE number = {int(selection.packet_number or 0)})"  # noqa: S608 (a number)
    packet = f"kl.packet_id IN {numbered}" if selection.packet_number is not None else ""
    call = f"kl.call_id = {int(selection.call_id)}" if selection.call_id is not None else ""
    return " OR ".join(filter(None, (call, packet)))


def _conditions(selection: Selection) -> dict[EventKind, Condition]:
    """What the selection asks of each kind of event."""
    found = dict(selection.filter.conditions)
    if not selection.calls:
        found |= dict.fromkeys((EventKind.CALL, EventKind.SIGNAL, EventKind.TASK), NEVER)
    if not selection.kernel:
        found[EventKind.KERNEL] = NEVER
    if not selection.packets:
        found[EventKind.PACKET] = NEVER
    elif not selection.all_packets:  # of those `_OWN` chooses
        found[EventKind.PACKET] = put("({} AND p.shown)", found[EventKind.PACKET])
    if selection.is_one_event:
        call, packet = selection.call_id, selection.packet_number
        only = {
            EventKind.CALL: f"c.call_id = {int(call)}" if call is not None else "FALSE",
            EventKind.PACKET: f"p.number = {int(packet)}" if packet is not None else "FALSE",
            EventKind.KERNEL: f"({_of_chosen(selection)})",
        }
        found = {kind: put("({} AND {})", c, Condition(only.get(kind, "FALSE"))) for kind, c in found.items()}
    if selection.only is not None:
        found = {k: put("({} AND {})", c, Condition(selection.only.condition(k))) for k, c in found.items()}
    return found


# What an event's row gives: time, rank (order at one moment), kind, id, until, count, whether it may wait.
_COLUMNS: dict[EventKind, str] = {
    EventKind.CALL: "c.call_id, c.entry_ns, c.exit_ns, c.errno",  # what `_CHOSEN_CALLS` asks for
    EventKind.PACKET: "p.packet_id, p.time_ns, p.shown, p.ip_protocol",  # what `_OWN` and `_CHOSEN_PACKETS` ask for
    EventKind.KERNEL: "e.time_ns, 3, 'kernel', e.event_id, NULL, 1, FALSE",
    EventKind.SIGNAL: "s.time_ns, 4, 'signal', s.rowid, NULL, 1, FALSE",
}
_TIME = {
    EventKind.CALL: "c.entry_ns", EventKind.PACKET: "p.time_ns", EventKind.KERNEL: "e.time_ns",
    EventKind.SIGNAL: "s.time_ns",
}  # fmt: skip
# What is kept of the chosen rows where the filter is asked once: what `_COLUMNS` read.
_KEPT: dict[EventKind, tuple[str, str]] = {
    EventKind.CALL: ("shown_call c", "c.call_id, c.entry_ns, c.exit_ns, c.errno"),
    EventKind.PACKET: ("shown_packet p", "p.packet_id, p.time_ns, p.shown, p.ip_protocol"),
    EventKind.KERNEL: ("shown_kernel e", "e.event_id, e.time_ns"),
}
_NOT_FOLDED = "c.call_id NOT IN (SELECT call_id FROM shown_fold)"
_FOLDED_EVENTS = """
SELECT from_ns, 2, CASE WHEN run <= 0 THEN 'start' ELSE 'look' END, task_id, to_ns, calls, FALSE FROM shown_folded
WHERE {when}
"""
# A process or thread begins and ends; not where one program's image follows another's.
_TASK_EVENTS = """
SELECT u.at, u.rank, u.kind, u.task_id, NULL, 1, FALSE FROM (
    SELECT t.task_id, t.how, t.end_how, unnest([
        {{'at': t.start_ns, 'rank': 1, 'kind': 'begin'}}, {{'at': t.end_ns, 'rank': 5, 'kind': 'end'}}
    ], recursive := true)
    FROM task t WHERE {condition} AND t.traced
) u
WHERE {when} AND (u.kind = 'begin' AND u.how <> 'execve' OR u.kind = 'end' AND u.end_how <> 'execve')
"""


class Events:
    """The chosen events of an open capture. Temporary tables are of one cursor, which this holds."""

    def __init__(self, db: duckdb.DuckDBPyConnection, selection: Selection) -> None:
        self._db = with_all_tables(db.cursor())
        self._conditions = _conditions(selection)
        self._only_own = not selection.all_packets and traces_connections(self._db)
        large = keep_small(self._db, ctes_for(" ".join(c.sql for c in self._conditions.values())))
        self._ctes = f"WITH {', '.join(large)} " if large else ""
        self._folds = selection.calls and not selection.unfold and selection.only is None and not selection.is_one_event
        self._froms = {kind: source(kind, c.sql) for kind, c in self._conditions.items()}
        self._needles = {} if selection.is_one_event else dict(selection.filter.needles)
        if large or selection.is_one_event:
            self._ask_once()
        self._folds = self._folds and self._conditions[EventKind.CALL].sql != "FALSE" and self._fold()
        self._marks = self._borders(selection)

    def _has_calls(self, count: int) -> bool:
        """Whether so many calls are chosen."""
        condition = self._conditions[EventKind.CALL]
        some = f"SELECT 1 FROM {self._froms[EventKind.CALL]} WHERE {condition.sql} LIMIT {count}"  # noqa: S608 (built from fixed text; values are parameters)
        return len(self._db.execute(f"{self._ctes}{some}", condition.parameters).fetchall()) == count

    def _fold(self) -> bool:
        """`shown_folded`: the lines that stand for many calls; `shown_fold`: those calls. Whether there are any."""
        chosen, condition = self._froms[EventKind.CALL], self._conditions[EventKind.CALL]
        # To look for what the filter looks for takes as long as to find what may fold, and is of use in any case.
        found = self._narrow_to(EventKind.CALL, self._needles.pop(EventKind.CALL, ()))
        if found is not None and found <= _MANY and not self._has_calls(FOLD_AT_LEAST):
            return False
        candidates = keep_candidates(self._db, MAY_FOLD, FOLD_AT_LEAST)
        # What judging many takes is not spent where too few are chosen.
        if not candidates or (candidates > _MANY and not self._has_calls(FOLD_AT_LEAST)):
            return False
        self._db.execute(
            "CREATE OR REPLACE TEMP TABLE fold AS SELECT c.*, f.names_file, f.run"  # noqa: S608 (built from fixed text)
            f" FROM ({FOLD}) f JOIN call c USING (call_id)"
        )
        # The filter is asked of those alone; where it was asked of all, by what was kept.
        tables = (
            chosen.replace("call c", "fold c", 1)
            if chosen.startswith("call c")
            else f"fold c SEMI JOIN {chosen[:-1]} k USING (call_id)"
        )
        self._db.execute(
            "CREATE OR REPLACE TEMP TABLE may_fold AS"  # noqa: S608 (built from fixed text; values are parameters)
            f" {self._ctes}SELECT c.call_id, c.task_id, c.run, c.names_file, c.entry_ns, c.exit_ns FROM {tables}"
            f" WHERE {condition.sql}",
            condition.parameters,
        )
        self._db.execute(
            "CREATE OR REPLACE TEMP TABLE shown_folded AS SELECT task_id, run, count(*) AS calls,"  # noqa: S608 (a number)
            " min(entry_ns) AS from_ns, max(exit_ns) AS to_ns FROM may_fold GROUP BY ALL"
            f" HAVING count(*) >= {FOLD_AT_LEAST} AND (run <= 0 OR bool_or(names_file))"
        )
        self._db.execute(
            "CREATE OR REPLACE TEMP TABLE shown_fold AS"
            " SELECT call_id FROM may_fold SEMI JOIN shown_folded USING (task_id, run)"
        )
        return True

    def _narrow(self) -> None:
        """From here on, ask only the events whose bytes hold what the filter looks for."""
        while self._needles:
            self._narrow_to(*self._needles.popitem())

    def _narrow_to(self, kind: EventKind, needles: tuple[Needle, ...]) -> int | None:
        """The same for the events of one kind; how many they are, if that can be told."""
        condition = self._conditions[kind]
        found = narrow(self._db, kind, needles) if needles and condition.sql != "FALSE" else None
        if found is not None:
            self._froms[kind] = of_narrowed(self._froms[kind], kind)
            self._conditions[kind] = Condition(of_narrowed(condition.sql, kind), condition.parameters)
        return found

    def _ask_once(self) -> None:
        self._narrow()
        for kind, (table, columns) in _KEPT.items():
            condition = self._conditions[kind]
            if condition.sql == "FALSE":
                continue
            self._db.execute(
                f"CREATE OR REPLACE TEMP TABLE {table.split()[0]} AS {self._ctes}FROM {self._chosen(kind, columns)}",
                condition.parameters,
            )
            self._froms[kind], self._conditions[kind] = table, ALWAYS
        self._only_own = False  # they are chosen

    def _chosen(self, kind: EventKind, columns: str, also: str = "") -> str:
        """SQL of the chosen events of a kind that also fulfil another condition."""
        found = f"SELECT {columns} FROM {self._froms[kind]} WHERE {self._conditions[kind].sql}{also}"  # noqa: S608 (built from fixed text; values are parameters)
        return _OWN.format(found=found) if kind is EventKind.PACKET and self._only_own else f"({found})"

    def _borders(self, selection: Selection) -> list[int]:
        """Times with about as many events between each two of them."""
        tables = [
            ("call_id", "entry_ns", "call", selection.calls),
            ("packet_id", "time_ns", "packet", selection.packets),
        ]
        tables.append(("event_id", "time_ns", "kernel_event", selection.kernel))
        parts = [
            f"SELECT {time} FROM {table} WHERE {key} & {_MARK_EVERY - 1} = 0"  # noqa: S608 (built from fixed text)
            for key, time, table, is_wanted in tables
            if is_wanted
        ]
        rows = self._db.execute(f"SELECT DISTINCT * FROM ({' UNION ALL '.join(parts)}) ORDER BY 1").fetchall()  # noqa: S608 (built from fixed text)
        return [int(r[0]) for r in rows]

    def _query(self, first_ns: int | None, end_ns: int | None) -> tuple[str, list[object]]:
        """The events from one time to before another; None: from the begin, to the end."""

        def when(time: str) -> str:
            bounds = ((">=", first_ns), ("<", end_ns))
            return " AND ".join([f"{time} IS NOT NULL", *(f"{time} {s} {int(t)}" for s, t in bounds if t is not None)])

        parts: list[str] = []
        parameters: list[object] = []
        for kind, columns in _COLUMNS.items():
            condition = self._conditions[kind]
            if condition.sql == "FALSE":
                continue
            also = f" AND {_NOT_FOLDED}" if kind is EventKind.CALL and self._folds else ""
            part = self._chosen(kind, columns, f" AND {when(_TIME[kind])}{also}")
            if kind in _CHOSEN:
                part = _CHOSEN[kind].format(chosen=part)
            if kind in _KEPT:
                part = of_slice(part, self._ids(kind, when(_TIME[kind])))
            parts.append(part)
            parameters += condition.parameters
        if self._folds:
            parts.append(_FOLDED_EVENTS.format(when=when("from_ns")))
        task = self._conditions[EventKind.TASK]
        if task.sql != "FALSE":
            parts.append(_TASK_EVENTS.format(condition=task.sql, when=when("u.at")))
            parameters += task.parameters
        events = " UNION ALL ".join(parts) or "SELECT 0, 0, '', 0, 0, 0, FALSE WHERE FALSE"
        columns = "event(time_ns, rank, kind, id, until_ns, calls, may_wait)"
        return (
            f"{self._ctes}SELECT time_ns, kind, id, until_ns, calls, may_wait FROM ({events}) {columns}"  # noqa: S608 (built from fixed text; values are parameters)
            " ORDER BY time_ns, rank, id",
            parameters,
        )

    def _ids(self, kind: EventKind, when: str) -> tuple[int, int] | None:
        """The lowest and highest id of the events of a kind in a slice of time."""
        table, id_ = self._froms[kind].split(" LEFT JOIN")[0], _KEPT[kind][1].split(",")[0]
        row = self._db.execute(f"SELECT min({id_}), max({id_}) FROM {table} WHERE {when}").fetchone()  # noqa: S608 (built from fixed text)
        return (int(row[0]), int(row[1])) if row is not None and row[0] is not None else None

    def forward(self) -> Iterator[Event]:
        """All of them, in order."""
        begin, width = 0, 1
        first_ns: int | None = None
        while begin <= len(self._marks):
            end_ns = self._marks[begin + width - 1] if begin + width <= len(self._marks) else None
            self._db.execute(*self._query(first_ns, end_ns))
            found = 0
            while rows := self._db.fetchmany(2000):
                found += len(rows)
                yield from map(Event._make, rows)
            begin, first_ns = begin + width, end_ns
            width = self._next_width(width, found)

    def last(self, count: int) -> list[Event]:
        """The last ones: so many or more, in order; all if there are not so many."""
        found: list[Event] = []
        end, width, end_ns = len(self._marks), 1, None
        while end >= 0 and len(found) < count:
            begin = end - width
            first_ns = self._marks[begin] if begin >= 0 else None
            rows = self._db.execute(*self._query(first_ns, end_ns)).fetchall()
            found[:0] = map(Event._make, rows)
            end, end_ns = (begin, first_ns) if begin >= 0 else (-1, None)
            width = self._next_width(width, len(rows))
        return found

    def open_at(self, time_ns: int) -> list[tuple[int, int]]:
        """When they return, and ids, of the calls that are shown twice and wait at that time."""
        condition = self._conditions[EventKind.CALL]
        also = f" AND {_NOT_FOLDED}" if self._folds else ""
        return self._db.execute(
            f"{self._ctes}SELECT c.exit_ns, c.call_id FROM {self._froms[EventKind.CALL]}"  # noqa: S608 (built from fixed text; values are parameters)
            f" WHERE c.entry_ns < {int(time_ns)} AND c.exit_ns > {int(time_ns)} AND {condition.sql}"
            f" AND {_MAY_WAIT}{also}",
            condition.parameters,
        ).fetchall()

    def _next_width(self, width: int, found: int) -> int:
        """Of a slice, in steps between borders, after one of some width in which so many events were found."""
        if found > _MANY:
            return max(width // _WIDER, 1)
        if found >= _FEW:
            return width
        if width >= _WIDER:
            self._narrow()
        return min(width * _WIDER, _WIDEST)
