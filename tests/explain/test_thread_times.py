"""What threads did with their time, added up and over time, from scheduler events made by hand."""

import duckdb
import pytest

from tests.join.test_thread_states import DEAD, ONE, PREEMPTED, SLEEPS, STOPPED, SWITCH, TWO, WAKING, scheduler
from wiretale.explain import thread_times
from wiretale.explain.figures import cpu_lanes, thread_lanes
from wiretale.explain.story import Figure, Story
from wiretale.explain.thread_times import Part
from wiretale.show.story.text_figures import figure_lines
from wiretale.show.threads import state_lines, table_lines

WHOLE = Part(0, 100)


@pytest.fixture
def db() -> duckdb.DuckDBPyConnection:
    """ONE runs 0-20, sleeps in read until TWO wakes it at 60, waits until 70, runs until 80, is stopped until 90."""
    rows = scheduler()
    rows.event(0, SWITCH, 0, ONE)
    rows.during(ONE, 10, 78)
    rows.event(20, SWITCH, ONE, TWO, SLEEPS)
    rows.event(60, WAKING, TWO, ONE)
    rows.event(70, SWITCH, TWO, ONE, PREEMPTED)
    rows.event(80, SWITCH, ONE, TWO, STOPPED)
    rows.event(90, WAKING, TWO, ONE)
    rows.event(100, SWITCH, TWO, ONE, DEAD)
    return rows.joined()


def drawn(figure: Figure | None, columns: int = 30) -> list[str]:
    assert figure is not None
    lines = figure_lines(figure, Story("", 0, 0, (), (), ()), columns)
    return ["".join(text for text, _ in line).rstrip() for line in lines]


def test_the_times_of_a_thread_are_all_of_its_time(db: duckdb.DuckDBPyConnection) -> None:
    one, two = sorted(thread_times.times(db, WHOLE), key=lambda t: t.tid)
    assert (one.own_code_ns, one.calls_ns, one.runnable_ns, one.blocked_ns, one.stopped_ns) == (12, 18, 20, 40, 10)
    assert (one.runnable_times, one.runnable_longest_ns, one.mostly_blocked_in) == (2, 10, "read")
    assert two.own_code_ns == 70 and two.runnable_ns == 10
    (part,) = thread_times.times(db, Part(15, 65, ONE))
    assert (part.calls_ns, part.blocked_ns, part.runnable_ns) == (5, 40, 5)


def test_a_stretch_is_drawn_as_what_filled_most_of_it(db: duckdb.DuckDBPyConnection) -> None:
    lines = drawn(thread_lanes(db, WHOLE, 10), 27)
    assert lines[1:3] == ["? 100   │██▓▓· read ·▒▒▓▓xx▒▒", "? 200   │    ██████████▒▒████"]
    assert any("x  was stopped by a signal" in line for line in lines)
    one_stretch = thread_times.by_thread(db, WHOLE, 100)
    assert [(s.what, s.label, s.ns) for s in one_stretch[ONE]] == [("blocked", "read", 40)]


def test_a_cpus_lane_names_the_thread_that_had_it(db: duckdb.DuckDBPyConnection) -> None:
    lines = drawn(cpu_lanes(db, WHOLE, 10), 29)
    assert lines[1] == "CPU 1   │bbbbaaaaaaaaaabbaaaa", lines
    assert any(line.strip().startswith("a ") and line.endswith(str(TWO)) for line in lines), lines


def test_states_in_order_say_who_ended_them(db: duckdb.DuckDBPyConnection) -> None:
    lines = list(state_lines(thread_times.rows(db, Part(0, 100, ONE)), {TWO: "two 200"}, 0))
    assert "was blocked in read() (call 1), until two 200 woke it" in lines[3]
    assert "waited for a CPU in read() (call 1): woken by two 200" in lines[4]
    assert "was stopped by a signal, a debugger or the recorder, until two 200 woke it" in "\n".join(lines)


def test_what_does_not_fit_is_counted(db: duckdb.DuckDBPyConnection) -> None:
    assert list(table_lines(thread_times.times(db, WHOLE), {}, 1, color=False))[-1] == "(1 more; --top 2 shows them)"
    assert drawn(thread_lanes(db, WHOLE, 10, most=1), 60)[-1].endswith("1 more thread is not named.")


def test_no_scheduler_events_no_picture() -> None:
    db = scheduler().joined()
    assert thread_times.whole(db) is None
    assert thread_lanes(db, WHOLE, 10) is None and cpu_lanes(db, WHOLE, 10) is None
