"""`wiretale threads` on real programs, beside what the kernel itself counts of them."""

import json
from itertools import pairwise
from pathlib import Path

import pytest

from tests.cli.test_path import REFUSED, recorded
from tests.cli.test_record import query, run
from wiretale.errors import Exit

pytestmark = pytest.mark.e2e

# Threads that fight for one CPU and a lock, a child that is stopped; each thread says what the kernel counted of it.
WORK = """
import os, signal, threading, time
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
lock = threading.Lock()
def read(name):
    fd = os.open(f"/proc/self/task/{threading.get_native_id()}/{name}", os.O_RDONLY)
    return os.read(fd, 4096).decode()
def fight():
    for _ in range(50):
        with lock:
            time.sleep(0.0005)
            sum(range(3000))
    print("counted", threading.get_native_id(), read("schedstat").strip(), flush=True)
threads = [threading.Thread(target=fight) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
child = os.fork()
if child == 0:
    signal.pause()
    os._exit(0)
def state(): return open(f"/proc/{child}/stat").read().rpartition(")")[2].split()[0]
for number, wanted in ((signal.SIGSTOP, "T"), (signal.SIGCONT, "S")):
    os.kill(child, number)
    while state() != wanted: pass
os.kill(child, signal.SIGKILL)
os.waitpid(child, 0)
print("child", child, flush=True)
"""


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("threads")
    capture = recorded(folder, f"import os\nos.dup2(os.open({str(folder / 'said')!r}, 65, 0o600), 1)\n{WORK}",
                       "--kernel", "--engine", "ebpf", "--no-packets")  # fmt: skip
    return capture, (folder / "said").read_text()


def test_run_times_and_waits_for_a_cpu_are_the_kernels_own(work: tuple[Path, str]) -> None:
    """/proc/PID/schedstat: time on a CPU and in a run queue, until the thread read it."""
    capture, said = work
    counted = [[int(n) for n in line.split()[1:]] for line in said.splitlines() if line.startswith("counted")]
    assert len(counted) == 4
    for tid, ran, waited, turns in counted:
        ((until,),) = query(capture, f"SELECT max(start_ns) FROM call WHERE tid = {tid} AND name = 'read'")
        ((seen_ran, seen_waited, seen_turns),) = query(
            capture,
            f"SELECT sum(least(to_ns, {until}) - from_ns) FILTER (state = 'running'),"
            f" sum(least(to_ns, {until}) - from_ns) FILTER (state = 'runnable'),"
            " (SELECT count(*) FROM kernel_event"
            f" WHERE name = 'sched:sched_switch' AND other_tid = {tid} AND time_ns < {until})"
            f" FROM thread_state WHERE tid = {tid} AND from_ns < {until}",
        )
        unseen = unseen_turns(capture, tid, until)
        assert int(str(seen_turns)) + unseen == turns
        if unseen:  # told, see below; how long such a turn was is not known
            ((told,),) = query(capture, "SELECT count FROM coverage WHERE item = 'switches of threads'")
            assert int(str(told)) >= unseen
            continue
        # A thread's run time is brought up to date when it leaves the CPU, or at a tick. The kernel looks at the clock
        # before it passes the tracepoint of a switch: what all tracers there take is waiting here and running there.
        ran_and_waited, known = int(str(seen_ran)) + int(str(seen_waited)), ran + waited
        assert abs(ran_and_waited - known) < 0.05 * known + 5_000_000 + turns * 20_000, (ran_and_waited, known)
        assert abs(int(str(seen_ran)) - ran) < 0.1 * ran + 5_000_000 + turns * 50_000, (seen_ran, ran)


def unseen_turns(capture: Path, tid: int, until: object) -> int:
    """How often a thread left the CPU without having been seen to get it."""
    rows = query(
        capture,
        f"SELECT other_tid = {tid} FROM kernel_event WHERE name = 'sched:sched_switch' AND {tid} IN (tid, other_tid)"
        f" AND time_ns < {until} ORDER BY time_ns, event_id",
    )
    comes = [bool(row[0]) for row in rows]
    return sum(not a and not b for a, b in pairwise(comes))


def test_lanes_table_and_states_of_a_capture(work: tuple[Path, str]) -> None:
    capture, said = work
    shown = run("threads", capture).stdout
    for wanted in ("own code  in calls", "What each thread did", "Which thread had each CPU", "▓  ran in a call"):
        assert wanted in shown, shown
    child = said.split("child ")[1].strip()
    one = run("threads", capture, "--thread", child).stdout
    assert "was stopped by a signal, a debugger or the recorder, until python3" in one
    assert "was blocked in pause() (call " in one
    assert (
        "#  ran its own code"
        in run("threads", capture, env={"PYTHONIOENCODING": "ascii", "PATH": "/usr/bin:/bin"}).stdout
    )


def test_states_as_json_have_no_gap_and_add_up(work: tuple[Path, str]) -> None:
    capture, said = work
    child = int(said.split("child ")[1])
    rows = [json.loads(line) for line in run("threads", capture, "--json").stdout.splitlines()]
    (thread,) = (r for r in rows if r["kind"] == "thread" and r["tid"] == child)
    states = [r for r in rows if r["kind"] == "state" and r["tid"] == child]
    assert [s["from_ns"] for s in states[1:]] == [s["to_ns"] for s in states[:-1]]
    for did, key in (("stopped", "stopped_ns"), ("blocked", "blocked_ns"), ("in-call", "calls_ns")):
        assert sum(s["to_ns"] - s["from_ns"] for s in states if s["did"] == did) == thread[key] > 0
    turns = [r for r in rows if r["kind"] == "cpu" and r["tid"] == child]
    assert sum(t["to_ns"] - t["from_ns"] for t in turns) == thread["own_code_ns"] + thread["calls_ns"]


def test_a_page_has_the_lanes_as_figures(work: tuple[Path, str], tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    assert run("explain", work[0], "-o", page).returncode == 0
    text = page.read_text()
    assert "What each thread did" in text and "Which thread had each CPU" in text and 'class="bar blocked"' in text


def test_what_cannot_be_shown_is_said_with_the_next_step(work: tuple[Path, str], tmp_path: Path) -> None:
    for words, code in (
        (["--thread", "4194304"], Exit.FAILED),
        (["--from", "9"], Exit.USAGE),
        (["--to", "x"], Exit.USAGE),
    ):
        done = run("threads", work[0], *words)
        assert (done.returncode, done.stdout) == (code, "") and "try: " in done.stderr, done.stderr
    without = run("threads", recorded(tmp_path, REFUSED))
    assert without.returncode == Exit.FAILED and "try: wiretale record --kernel" in without.stderr
