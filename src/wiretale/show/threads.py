"""What threads did with their time, as text: a table, lanes, and the states of one thread."""

from collections.abc import Iterator, Mapping, Sequence

import duckdb

from wiretale.decode.durations import duration
from wiretale.decode.escape import escape_text
from wiretale.explain.figures import cpu_lanes, thread_lanes
from wiretale.explain.story import Story
from wiretale.explain.thread_times import BLOCKED, IN_CALL, OWN_CODE, RUNNABLE, STOPPED, Part, StateRow, ThreadTimes
from wiretale.show.story.terminal import Paint
from wiretale.show.story.text_figures import figure_lines

_HEADERS = ("own code", "in calls", "waited for a CPU", "times", "longest", "blocked", "mostly in", "stopped", "thread")
_NAMES = 36  # at most this much of the columns is for the threads' names


def table_lines(found: Sequence[ThreadTimes], names: Mapping[int, str], top: int, *, color: bool) -> Iterator[str]:
    """A row for each thread, those that ran longest first."""
    rows = [
        (
            _time(t.own_code_ns), _time(t.calls_ns), _time(t.runnable_ns), str(t.runnable_times),
            _time(t.runnable_longest_ns), _time(t.blocked_ns), escape_text(t.mostly_blocked_in) or "-",
            _time(t.stopped_ns), names.get(t.tid, f"thread {t.tid}"),
        )
        for t in found[:top]
    ]  # fmt: skip
    widths = [max(len(head), *(len(row[i]) for row in rows)) for i, head in enumerate(_HEADERS)]
    bold, reset = ("\x1b[1m", "\x1b[0m") if color else ("", "")
    yield bold + _row(_HEADERS, widths) + reset
    for row in rows:
        yield _row(row, widths)
    if len(found) > top:
        yield f"({len(found) - top} more; --top {len(found)} shows them)"


def lane_lines(
    db: duckdb.DuckDBPyConnection, part: Part, origin_ns: int, columns: int, top: int, *, color: bool
) -> Iterator[str]:
    """The lanes of threads and of CPUs, one character for a stretch of time."""
    paint = Paint(color)
    story = Story("", origin_ns, 0, (), (), ())
    stretches = max(columns - _NAMES, 20)
    for figure in (thread_lanes(db, part, stretches, top), cpu_lanes(db, part, stretches)):
        if figure is not None:
            for pieces in figure_lines(figure, story, columns):
                yield "".join(paint(style, text) for text, style in pieces).rstrip()
            yield ""


def state_lines(rows: Sequence[StateRow], names: Mapping[int, str], origin_ns: int) -> Iterator[str]:
    """Each state in order: when it began, how long it lasted, what ended it."""
    yield f"{'at':>12}  {'duration':>9}  what it did"
    for row in rows:
        yield f"{(row.from_ns - origin_ns) / 1e9:>12.6f}  {duration(row.to_ns - row.from_ns):>9}  {_did(row, names)}"


def _did(row: StateRow, names: Mapping[int, str]) -> str:
    call = f"{escape_text(row.call)}() (call {row.call_id})" if row.call else ""
    match row.did:
        case str(did) if did == OWN_CODE:
            return f"ran its own code, CPU {row.cpu}"
        case str(did) if did == IN_CALL:
            return f"ran in {call}, CPU {row.cpu}"
        case str(did) if did == RUNNABLE:
            why = {
                "woken": "woken by " + _who(row.waker_tid, names), "new": "it was made",
                "preempted": "the CPU was taken from it, or it gave it up",
            }.get(row.reason or "", "it was ready to run")  # fmt: skip
            return "waited for a CPU" + (f" in {call}" if call else "") + f": {why}"
        case str(did) if did == STOPPED:
            return "was stopped by a signal, a debugger or the recorder" + _end(row, names)
        case str(did) if did == BLOCKED:
            where = f" in {call}" if call else ", in no recorded call: a page had to be read, or the kernel waited"
            how = ", which no signal ends (the disk, or something inside the kernel)"
            return f"was blocked{where}" + (how if row.reason == "uninterruptible" else "") + _end(row, names)
    raise AssertionError(row.did)


def _end(row: StateRow, names: Mapping[int, str]) -> str:
    return f", until {_who(row.ended_by_tid, names)} woke it" if row.then == "woken" else ""


def _who(tid: int | None, names: Mapping[int, str]) -> str:
    return "an interrupt or a softirq" if tid is None else names.get(tid, f"thread {tid}, which is not recorded")


def _time(ns: int) -> str:
    return duration(ns) if ns else "-"


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    last = len(cells) - 1
    aligned = (cell if i == last else cell.rjust(w) for i, (cell, w) in enumerate(zip(cells, widths, strict=True)))
    return "  ".join(aligned)
