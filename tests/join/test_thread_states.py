"""What threads did with their time, from the scheduler's events."""

import duckdb

from tests.join.rows import Rows

ONE, TWO = 100, 200
SWITCH, WAKING, WAKEUP = "sched:sched_switch", "sched:sched_waking", "sched:sched_wakeup"
SLEEPS, PREEMPTED, DEAD = 1, -1, 0x80
UNINTERRUPTIBLE, IDLE, STOPPED = 2, 0x402, 0x104
STATES = (
    "SELECT from_ns, to_ns, state, call_id, cpu, reason, waker_tid FROM thread_state WHERE tid = ? ORDER BY from_ns"
)


class Scheduler(Rows):
    """Scheduler events by hand."""

    def event(self, time_ns: int, name: str, tid: int, other: int, value: int = 0, *, context: str = "task") -> None:
        self.add(
            "kernel_event", event_id=len(self.tables.get("kernel_event", ())) + 1, time_ns=time_ns, name=name, cpu=1,
            tid=tid, pid=tid, other_tid=other, other_pid=other, value=value, value2=0, context=context,
        )  # fmt: skip

    def during(self, tid: int, start_ns: int, exit_ns: int | None) -> int:
        call_id = len(self.tables.get("call", ())) + 1
        self.add(
            "call", call_id=call_id, task_id=1, tid=tid, pid=tid, arch=0xC000003E, number=0, name="read",
            entry_ns=start_ns, start_ns=start_ns, exit_ns=exit_ns, complete=exit_ns is not None,
        )  # fmt: skip
        return call_id


def scheduler() -> Scheduler:
    rows = Scheduler()
    rows.source()
    for tid in (ONE, TWO):
        rows.add("task", task_id=tid // 100, tid=tid, pid=tid, is_leader=True, how="started", traced=True, start_ns=1)
    return rows


def states(db: duckdb.DuckDBPyConnection, tid: int) -> list[tuple[object, ...]]:
    return db.execute(STATES, [tid]).fetchall()


def test_a_read_that_sleeps_is_woken_and_waits_for_a_cpu() -> None:
    rows = scheduler()
    rows.event(10, SWITCH, 0, ONE)
    call = rows.during(ONE, 20, 70)
    rows.event(30, SWITCH, ONE, 0, SLEEPS)
    rows.event(40, WAKING, TWO, ONE)
    rows.event(41, WAKEUP, TWO, ONE)
    rows.event(60, SWITCH, 0, ONE)
    rows.event(80, SWITCH, ONE, TWO, PREEMPTED)
    rows.event(90, SWITCH, TWO, ONE, SLEEPS)
    rows.event(99, SWITCH, ONE, 0, DEAD)
    db = rows.joined()
    assert states(db, ONE) == [
        (10, 20, "running", None, 1, None, None),
        (20, 30, "running", call, 1, None, None),
        (30, 40, "blocked", call, None, None, None),
        (40, 60, "runnable", call, None, "woken", TWO),
        (60, 70, "running", call, 1, None, None),
        (70, 80, "running", None, 1, None, None),
        (80, 90, "runnable", None, None, "preempted", None),
        (90, 99, "running", None, 1, None, None),
    ]
    use = db.execute("SELECT from_ns, to_ns, user_ns FROM cpu_use WHERE tid = ? ORDER BY 1", [ONE]).fetchall()
    assert use == [(10, 30, 10), (60, 80, 10), (90, 99, 9)]


def test_a_softirq_wakes_but_is_nobodys_work() -> None:
    rows = scheduler()
    rows.event(10, SWITCH, ONE, 0, SLEEPS)
    rows.event(20, WAKING, TWO, ONE, context="softirq")
    rows.event(30, SWITCH, 0, ONE)
    assert states(rows.joined(), ONE) == [
        (10, 20, "blocked", None, None, None, None),
        (20, 30, "runnable", None, None, "woken", None),
    ]


def test_who_is_stopped_goes_on_when_a_signal_wakes_it() -> None:
    rows = scheduler()
    rows.event(10, SWITCH, ONE, 0, STOPPED)
    rows.event(20, WAKING, TWO, ONE)
    rows.event(30, SWITCH, 0, ONE)
    assert states(rows.joined(), ONE) == [
        (10, 20, "stopped", None, None, None, None),
        (20, 30, "runnable", None, None, "woken", TWO),
    ]


def test_a_wait_that_no_signal_ends_is_named() -> None:
    rows = scheduler()
    for time_ns, state in ((10, UNINTERRUPTIBLE), (30, IDLE)):
        rows.event(time_ns, SWITCH, ONE, 0, state)
        rows.event(time_ns + 10, SWITCH, 0, ONE)
    assert [(row[2], row[5]) for row in states(rows.joined(), ONE)] == [
        ("blocked", "uninterruptible"), ("running", None), ("blocked", None),
    ]  # fmt: skip


def test_a_thread_runs_until_it_leaves_its_cpu_for_good() -> None:
    """Its memory is taken down after sched_process_exit."""
    rows = scheduler()
    rows.event(10, SWITCH, 0, ONE)
    rows.event(20, "sched:sched_process_exit", ONE, ONE)
    rows.event(50, SWITCH, ONE, 0, DEAD)
    assert states(rows.joined(), ONE) == [(10, 50, "running", None, 1, None, None)]


def test_waking_one_who_does_not_sleep_changes_nothing() -> None:
    rows = scheduler()
    rows.event(10, SWITCH, 0, ONE)
    rows.event(20, WAKING, TWO, ONE)
    rows.event(30, SWITCH, ONE, 0, SLEEPS)
    assert states(rows.joined(), ONE) == [(10, 30, "running", None, 1, None, None)]


def test_others_threads_have_no_rows() -> None:
    rows = scheduler()
    rows.event(10, SWITCH, 999, ONE, SLEEPS)
    rows.event(20, SWITCH, ONE, 999, SLEEPS)
    assert states(rows.joined(), 999) == []


def test_a_call_whose_thread_lost_its_cpu_did_not_wait() -> None:
    """Two reads of 10 ms from something that is not known: in one the thread sleeps, in the other it is runnable."""
    ms = 1_000_000
    rows = scheduler()
    rows.event(10, SWITCH, 0, ONE)
    for start, state in ((1 * ms, PREEMPTED), (21 * ms, SLEEPS)):
        rows.during(ONE, start, start + 10 * ms)
        rows.event(start + 100, SWITCH, ONE, TWO, state)
        rows.event(start + 8 * ms, WAKING, TWO, ONE)
        rows.event(start + 9 * ms, SWITCH, TWO, ONE, SLEEPS)
    assert rows.joined().execute("SELECT call_id, ended_by FROM wait").fetchall() == [(2, "unknown")]
