"""Which lines a capture gives, and in which order.

A call stands at its entry. One that waited while other things happened stands twice: at its entry and at its return, so
that reading down the page is reading forward in time. The calls of a program's start fold into one line.
"""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from heapq import heapify, heappop, heappush
from itertools import chain, islice, repeat

import duckdb

from wiretale.filter.events import ORIGIN
from wiretale.light import dataclass
from wiretale.show.selected import Event, Events, Selection

# The first is small, so that a reader need not wait for it. A query takes tens of milliseconds however little it is
# asked for, so they grow up to what a few dozen megabytes hold.
BATCHES = (100, 2_000, 16_000)


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


_KINDS = {kind.value: kind for kind in LineKind}  # a tenth of the time of LineKind(value)


@dataclass(frozen=True, slots=True)
class Place:
    """One line to come. `id` is that of the call, packet, kernel event or task (for START and LOOK the task's); a
    signal's is its row number."""

    time_ns: int
    kind: LineKind
    id: int
    count: int = 1
    until_ns: int = 0


def places(db: duckdb.DuckDBPyConnection, selection: Selection) -> Iterator[list[Place]]:
    """The lines of a capture in order, in batches of the sizes BATCHES: a large capture is never held whole."""
    events = Events(db, selection)
    found: Iterator[Place]
    if selection.tail is None:
        found = islice(_with_returns(events.forward(), []), selection.limit)
    else:
        found = _last(events, selection.tail)
    sizes = chain(BATCHES, repeat(BATCHES[-1]))
    while batch := list(islice(found, next(sizes))):
        yield batch


def _with_returns(events: Iterable[Event], open_calls: list[tuple[int, int]]) -> Iterator[Place]:
    """The line of each event, and a second one for the return of a call that waited while something else happened.

    `open_calls`: return time and id of calls that began before these events.
    """
    returns = list(open_calls)
    heapify(returns)
    for event, after in _with_next(events):
        while returns and returns[0][0] <= event.time_ns:
            yield _return(*heappop(returns))
        kind = event.kind
        if event.until_ns is not None and event.may_wait and after is not None and event.until_ns > after.time_ns:
            heappush(returns, (event.until_ns, event.id))
            kind = LineKind.ENTER
        yield Place(event.time_ns, _KINDS[kind], event.id, event.calls, event.until_ns or 0)
    while returns:
        yield _return(*heappop(returns))


def _with_next(events: Iterable[Event]) -> Iterator[tuple[Event, Event | None]]:
    """Each event with the one after it."""
    before: Event | None = None
    for event in events:
        if before is not None:
            yield before, event
        before = event
    if before is not None:
        yield before, None


def _return(time_ns: int, call_id: int) -> Place:
    return Place(time_ns, LineKind.RETURN, call_id)


def _last(events: Events, lines: int) -> Iterator[Place]:
    """The last lines. One event more than lines: what returned before the first of them is then none of these."""
    found = events.last(lines + 1)
    open_calls = events.open_at(found[0].time_ns) if found else []
    return iter(list(_with_returns(found, open_calls))[-lines:] if lines else ())


def origin_ns(db: duckdb.DuckDBPyConnection) -> int:
    """The time of the first event, in CLOCK_MONOTONIC nanoseconds; 0 for an empty capture."""
    row = db.execute(f"WITH {ORIGIN} SELECT origin_ns FROM origin").fetchone()  # noqa: S608 (built from fixed text; values are parameters)
    return int(row[0]) if row else 0
