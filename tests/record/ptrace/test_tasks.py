"""Threads, processes, programs and signals under the tracer: who is a task, what becomes of it, what reaches it."""

import os
import re
import select
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import require
from tests.record.ptrace.tracing import PYTHON, Tracing, script, state_of, trace, until
from wiretale.model.spool import EventKind
from wiretale.store.load.live_calls import CallReader, LiveEvent

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize(("text", "status"), [("exit 7", 7 << 8), ("kill -KILL $$", 9), ("kill -TERM $$", 15)])
def test_exit_status_passes_through(tmp_path: Path, text: str, status: int) -> None:
    traced = trace(tmp_path / "spool", "sh", "-c", text)
    assert list(traced.statuses.values()) == [status]
    how = traced.one("SELECT end_how FROM task ORDER BY task_id DESC LIMIT 1")
    assert how == ("exited" if status >= 256 else "killed")


NAMED = r"""
import ctypes, os, threading
def name(text):
    ctypes.CDLL(None).prctl(15, text, 0, 0, 0)
def told():
    with open("/proc/thread-self/comm", "rb") as file:
        print(file.read().hex(), flush=True)
for text in (b"plain", b"a b", b"back\\slash", b"line\nend", b"\\n", b"(1)\t\xff", b"fifteen_letters"):
    name(text)
    told()
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
"""


def test_names_of_new_processes_are_those_that_the_kernel_tells(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as out:
        traced = trace(tmp_path / "spool", sys.executable, "-c", NAMED, stdout_fd=out.fileno())
    told = [bytes.fromhex(line) for line in (tmp_path / "out").read_text().split()]
    assert len(told) == 7
    shown = [line.rstrip(b"\n").decode(errors="backslashreplace") for line in told]
    born = traced.rows("SELECT comm FROM task WHERE how <> 'execve' AND parent_task_id IS NOT NULL ORDER BY start_ns")
    assert [comm for (comm,) in born] == shown


def test_threads_processes_and_images_become_tasks(tmp_path: Path) -> None:
    program = script(
        tmp_path,
        """
        import os, threading
        threads = [threading.Thread(target=lambda: os.getppid()) for _ in range(10)]
        [t.start() for t in threads]
        [t.join() for t in threads]
        if not (pid := os.fork()):
            os.execv("/bin/sh", ["sh", "-c", "exit 3"])
        os.waitpid(pid, 0)
        """,
    )
    traced = trace(tmp_path / "spool", *program)
    (pid,) = traced.statuses
    how = Counter(h for (h,) in traced.rows("SELECT how FROM task"))
    assert how == {"started": 1, "thread": 10, "fork": 1, "execve": 2}
    assert traced.one("SELECT count(*) FROM task WHERE how = 'thread' AND shares_files_with = 2 AND pid = ?", pid) == 10
    child = traced.rows("SELECT pid, parent_pid, argv, exit_status FROM task WHERE how = 'execve' AND pid <> ?", pid)
    assert [c[1:] for c in child] == [(pid, ["sh", "-c", "exit 3"], 3)]
    calls = "SELECT count(*) FROM call c JOIN task t USING (task_id) WHERE c.name = 'getppid' AND t.how = 'thread'"
    assert traced.one(calls) == 10
    assert traced.one("SELECT count(*) FROM call c JOIN task t USING (task_id) WHERE c.tid <> t.tid") == 0


def test_execve_of_a_thread_returns_in_the_leaders_name(tmp_path: Path) -> None:
    program = script(
        tmp_path,
        """
        import os, threading, time
        def image():
            leader = f"/proc/self/task/{os.getpid()}/wchan"
            while "nanosleep" not in open(leader).read():
                pass
            os.execv("/bin/sh", ["sh", "-c", "exit 5"])
        threading.Thread(target=image).start()
        time.sleep(60)
        """,
    )
    traced = trace(tmp_path / "spool", *program)
    (pid,) = traced.statuses
    assert traced.statuses == {pid: 5 << 8}
    (caller, retval, complete) = traced.rows(
        "SELECT tid, retval, complete FROM call WHERE name = 'execve' ORDER BY call_id DESC LIMIT 1"
    )[0]
    assert caller != pid and retval == 0 and complete
    assert traced.rows("SELECT how, tid, exit_status FROM task ORDER BY task_id DESC LIMIT 1") == [("execve", pid, 5)]
    sleeps = traced.rows("SELECT complete FROM call WHERE name = 'clock_nanosleep'")
    assert sleeps == [(False,)]


def test_signals_are_recorded_with_their_sender(tmp_path: Path) -> None:
    program = script(
        tmp_path,
        """
        import os, signal
        got = []
        signal.signal(signal.SIGUSR1, lambda n, f: got.append(n))
        os.kill(os.getpid(), signal.SIGUSR1)
        raise SystemExit(len(got))
        """,
    )
    traced = trace(tmp_path / "spool", *program)
    (pid,) = traced.statuses
    assert traced.statuses[pid] == 1 << 8
    assert traced.rows("SELECT name, sender_pid, stopped FROM signal") == [("SIGUSR1", pid, False)]


def test_stop_and_continue_reach_the_program(tmp_path: Path) -> None:
    with Tracing(tmp_path / "spool") as tracing:
        pid = tracing.spawn("sleep", "60")
        events: list[LiveEvent] = []
        reader = CallReader(tracing.spool)

        def seen(kind: EventKind, name: str = "") -> bool:
            events.extend(reader.read())
            return any(e.kind is kind and (not name or (e.call is not None and e.call.name == name)) for e in events)

        until(lambda: seen(EventKind.ENTRY, "clock_nanosleep"), "sleep sleeps")
        os.kill(pid, signal.SIGSTOP)
        until(lambda: seen(EventKind.GROUP_STOP), "it is stopped")
        os.kill(pid, signal.SIGCONT)
        until(lambda: seen(EventKind.ENTRY, "restart_syscall"), "it sleeps again")
        os.kill(pid, signal.SIGTERM)
        traced = tracing.finish()
    assert traced.statuses == {pid: signal.SIGTERM}
    kinds = traced.rows("SELECT name, stopped FROM signal ORDER BY time_ns")
    assert kinds[:2] == [("SIGSTOP", False), ("SIGSTOP", True)]
    assert ("SIGCONT", False) in kinds
    restarted = traced.rows("SELECT restarts FROM call WHERE name = 'restart_syscall'")
    assert restarted == [("clock_nanosleep",)]


def test_attach_and_detach_leave_a_threaded_program_running(tmp_path: Path) -> None:
    program = script(
        tmp_path,
        """
        import os, threading, time
        def work():
            while not os.path.exists("/proc/self/nothing"):
                time.sleep(0.005)
        threads = [threading.Thread(target=work, daemon=True) for _ in range(5)]
        [t.start() for t in threads]
        print("ready", flush=True)
        input()
        print("done", flush=True)
        """,
    )
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None and running.stdout.readline() == "ready\n"
        with Tracing(tmp_path / "spool", kill_on_recorder_exit=False) as tracing:
            tracing.attach(running.pid)
            until(lambda: tracing.source.report().items > 200, "calls are recorded")
            assert tracing.source.alive() == [running.pid]
            assert "TracerPid:\t0" not in Path(f"/proc/{running.pid}/status").read_text()
            traced = tracing.stop()
        assert "TracerPid:\t0" in Path(f"/proc/{running.pid}/status").read_text()
        out, _ = running.communicate("x\n", timeout=20)
        assert out == "done\n" and running.returncode == 0
    assert traced.statuses == {running.pid: None}
    assert traced.rows("SELECT how, end_how, count(*) FROM task GROUP BY ALL") == [("attached", "detached", 6)]
    assert traced.one("SELECT count(DISTINCT tid) FROM call") >= 5


def test_environment_directory_and_signals_reach_the_program_unchanged(tmp_path: Path) -> None:
    out = os.open(tmp_path / "out", os.O_RDWR | os.O_CREAT)
    text = "import os, signal; print(os.getcwd(), os.environ['WORD'], len(os.environ), signal.pthread_sigmask(0, []))"
    trace(
        tmp_path / "spool",
        PYTHON,
        "-S",
        "-E",
        "-c",
        text + "; print(open('/proc/self/status').read().split('SigIgn:')[1].split()[0], os.listdir('/proc/self/fd'))",
        env={"WORD": "héllo", "LC_ALL": "C.UTF-8"},
        cwd="/usr",
        stdout_fd=out,
    )
    os.close(out)
    first, second = (tmp_path / "out").read_text().splitlines()
    assert first == "/usr héllo 2 set()"
    ignored, descriptors = second.split(" ", 1)
    own = Path("/proc/self/status").read_text().split("SigIgn:")[1].split()[0]
    by_python = 1 << 12 | 1 << 24  # every interpreter ignores SIGPIPE and SIGXFSZ, this one and the traced one
    assert int(ignored, 16) | by_python == int(own, 16) | by_python
    inherited = subprocess.run(["ls", "/proc/self/fd"], capture_output=True, text=True, close_fds=False, check=True)
    assert set(re.findall(r"\d+", descriptors)) == set(inherited.stdout.split())  # nothing of the recorder's own


def test_it_runs_as_another_user_with_a_terminal(tmp_path: Path) -> None:
    require(os.geteuid() == 0, "root is needed to become another user")
    master, slave = os.openpty()
    out = os.open(tmp_path / "out", os.O_RDWR | os.O_CREAT)
    trace(
        tmp_path / "spool",
        "sh",
        "-c",
        "id -u; id -g; id -G; tty < /dev/tty; ps -o sid= -p $$ | tr -d ' '; echo $$",
        stdin_fd=slave,
        stdout_fd=out,
        new_session=True,
        uid=65534,
        gid=65534,
        groups=[65534, 7],
    )
    os.close(out)
    uid, gid, groups, tty, session, pid = (tmp_path / "out").read_text().split("\n")[:6]
    assert (uid, gid, set(groups.split())) == ("65534", "65534", {"65534", "7"})
    assert tty in ("/dev/tty", os.ttyname(slave)) and session == pid
    os.close(master)
    os.close(slave)


@pytest.mark.parametrize("impatient", [False, True])
def test_only_an_impatient_caller_is_woken_before_the_programs_are_gone(tmp_path: Path, impatient: bool) -> None:
    program = script(
        tmp_path,
        f"""
        import os
        if not os.fork():
            os._exit(0)
        os.wait()
        os.mkfifo({str(tmp_path / "born")!r})
        open({str(tmp_path / "born")!r}).read()
        """,
    )
    with Tracing(tmp_path / "spool") as tracing:
        tracing.source.be_impatient(impatient)
        tracing.spawn(*program)
        until((tmp_path / "born").exists, "the child has come and gone")
        assert bool(select.select([tracing.source.notable_fd], [], [], 0)[0]) is impatient
        (tmp_path / "born").write_text("")
        assert select.select([tracing.source.notable_fd], [], [], 20)[0]
        assert impatient or not tracing.source.alive()
        assert [n.child_pid for n in tracing.notable() if n.child_pid]


@pytest.mark.alone
def test_two_busy_programs_share_the_tracer_fairly(tmp_path: Path) -> None:
    program = script(
        tmp_path,
        f"""
        import os
        os.close(os.open({str(tmp_path)!r} + f"/ready{{os.getpid()}}", os.O_CREAT))
        while not os.path.exists({str(tmp_path / "begin")!r}): pass
        while not os.path.exists({str(tmp_path / "end")!r}): os.getppid()
        """,
    )
    with Tracing(tmp_path / "spool") as tracing:
        pids = [tracing.spawn(*program) for _ in range(3)]
        until(lambda: all((tmp_path / f"ready{pid}").exists() for pid in pids), "all have started")
        (tmp_path / "begin").touch()
        before = tracing.source.report().items
        until(lambda: tracing.source.report().items > before + 30000, "calls are recorded")
        (tmp_path / "end").touch()
        traced = tracing.finish()
    counts = dict(traced.rows("SELECT pid, count(*) FROM call WHERE name = 'getppid' GROUP BY pid"))
    assert set(counts) == set(pids)
    assert min(counts.values()) * 10 > max(counts.values())


def test_programs_under_the_filter_end_with_the_recording(tmp_path: Path) -> None:
    with Tracing(tmp_path / "spool", calls="network") as tracing:
        pid = tracing.spawn("sleep", "60")
        tracing.source.stop(timeout_s=0.05)
        assert tracing.source.status_of(pid) == signal.SIGKILL


def test_a_stopped_program_is_attached_and_left_stopped(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as sleeper:
        sleeper.send_signal(signal.SIGSTOP)
        until(lambda: state_of(sleeper.pid) == "T", "it is stopped")
        with Tracing(tmp_path / "spool", kill_on_recorder_exit=False) as tracing:
            tracing.attach(sleeper.pid)
            until(lambda: tracing.source.report().items >= 2, "its stop is recorded")
            traced = tracing.stop()
        until(lambda: state_of(sleeper.pid) == "T", "it is stopped still")
        assert traced.rows("SELECT name, stopped FROM signal")[0] == ("SIGSTOP", True)
        sleeper.kill()
