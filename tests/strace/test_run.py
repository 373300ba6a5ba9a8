"""`wiretale strace` on real programs, beside the installed strace."""

import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import require

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

pytestmark = pytest.mark.e2e


def strace(*words: str, **more: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).with_name("wiretale"), "strace", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **more,
    )  # type: ignore[call-overload,no-any-return]


def test_exit_status_and_last_line() -> None:
    done = strace("-e", "trace=none", "sh", "-c", "exit 7")
    assert done.returncode == 7
    assert done.stderr == "+++ exited with 7 +++\n"


def test_death_by_a_signal_is_passed_on_and_nothing_is_left(tmp_path: Path) -> None:
    done = strace("-e", "trace=none", "sh", "-c", "kill -KILL $$", env={**os.environ, "TMPDIR": str(tmp_path)})
    assert done.returncode == -signal.SIGKILL
    assert done.stderr.endswith("+++ killed by SIGKILL +++\n")
    assert not [*tmp_path.iterdir()]


def test_nothing_is_left_by_a_tracer_that_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    wiretale = Path(sys.executable).with_name("wiretale")
    program = [wiretale, "strace", "-y", "sh", "-c", "echo $$; exec sleep 60"]  # -y: Python starts the program
    process = subprocess.Popen(
        program, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={**os.environ, "TMPDIR": str(folder)}
    )
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    process.kill()
    process.wait(30)
    os.kill(pid, signal.SIGKILL)
    process.stdout.close()
    assert not [*folder.iterdir()]


def test_where_nothing_can_be_written_nothing_runs(tmp_path: Path) -> None:
    done = strace("touch", str(tmp_path / "ran"), env={**os.environ, "TMPDIR": str(tmp_path / "missing")})
    assert done.returncode == 1
    assert done.stderr.endswith(" cannot be made: No such file or directory; TMPDIR says where\n")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "ran").exists()


def test_signals_have_their_siginfo() -> None:
    done = strace("-e", "trace=none", "sh", "-c", "kill -TERM $$")
    assert "--- SIGTERM {si_signo=SIGTERM, si_code=SI_USER, si_pid=" in done.stderr


def test_signals_show_where_the_program_is() -> None:
    done = strace("-i", "-e", "trace=none", "sh", "-c", "kill -USR1 $$; true")
    assert re.match(r"\[[0-9a-f]{16}\] --- SIGUSR1 \{si_signo=SIGUSR1, si_code=SI_USER, ", done.stderr), done.stderr


def test_what_a_program_does_after_it_was_let_go_is_not_passed_on() -> None:
    # The shell in the background stays traced until its child ends, which is after the program has ended.
    script = "(while kill -0 $$ 2>&-; do :; done) & exec sh -c 'exit 5'"
    done = strace("-f", "-b", "execve", "-e", "trace=none", "sh", "-c", script)
    assert done.returncode == 0


_SIBLING = """
import ctypes, os, signal, sys, time
CLONE_PARENT, SYS_CLONE = 0x8000, {"x86_64": 56}.get(os.uname().machine, 220)
pid = ctypes.CDLL(None).syscall(SYS_CLONE, CLONE_PARENT | signal.SIGCHLD, 0, 0, 0, 0)
if pid == 0:
    os._exit(0)
end = time.monotonic() + 20
while time.monotonic() < end:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        sys.exit(3)
"""


@pytest.mark.parametrize("options", [[], ["-f"]])
def test_a_child_made_for_the_tracer_does_not_stay_a_zombie(options: list[str]) -> None:
    done = strace(*options, "-e", "trace=none", sys.executable, "-c", _SIBLING)
    assert done.returncode == 3


def test_a_program_that_does_not_exist() -> None:
    done = strace("no-such-program-here")
    assert done.returncode == 1
    assert "no-such-program-here" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_program_does_not_inherit_what_the_tracer_does_with_signals(tmp_path: Path) -> None:
    done = strace("-o", str(tmp_path / "t"), "sh", "-c", "grep SigIgn /proc/self/status")
    plain = subprocess.run(["sh", "-c", "grep SigIgn /proc/self/status"], capture_output=True, text=True, check=True)
    assert done.stdout == plain.stdout


def test_lines_of_a_file_begin_with_the_process(tmp_path: Path) -> None:
    out = tmp_path / "trace"
    strace("-f", "-o", str(out), "sh", "-c", "/bin/true; :")
    pids = {line.split()[0] for line in out.read_text().splitlines()}
    assert len(pids) == 2
    assert all(pid.isdigit() for pid in pids)


def test_a_file_for_each_process(tmp_path: Path) -> None:
    strace("-ff", "-o", str(tmp_path / "t"), "sh", "-c", "/bin/true; :")
    files = sorted(tmp_path.glob("t.*"))
    assert len(files) == 2
    assert all(f.read_text().endswith("+++ exited with 0 +++\n") for f in files)


ENVIRONMENT = {"WORD": "0123456789 a secret word 0123456789", "EMPTY": "", "PATH": "/usr/bin:/bin"}
SECRET = b"a secret word"


@pytest.mark.parametrize("options", [["-v"], ["-f", "-e", "abbrev=none"], ["-e", "abbrev=!execve"], []])
def test_the_environment_is_shown_as_strace_shows_it(options: list[str]) -> None:
    words = [*options, "-e", "trace=execve", "env", "-u", "PATH", "/bin/true"]
    theirs = subprocess.run(["strace", *words], env=ENVIRONMENT, capture_output=True, text=True, check=True).stderr
    ours = strace(*words, env=ENVIRONMENT)
    assert re.sub("0x[0-9a-f]+", "0x", ours.stderr) == re.sub("0x[0-9a-f]+", "0x", theirs)
    assert (SECRET.decode() in ours.stderr) == bool(options)


def test_a_capture_holds_no_values_of_the_environment(tmp_path: Path) -> None:
    capture = tmp_path / "c.wiretale"
    done = strace("-v", "-s", "100", "-e", "trace=execve", "-o", str(capture), "true", env=ENVIRONMENT)
    shown = strace("-v", "-s", "100", "true", env=ENVIRONMENT)
    assert SECRET.decode() in shown.stderr
    assert "WORD" in done.stderr
    assert SECRET.decode() not in done.stderr
    assert SECRET not in capture.read_bytes()


def test_only_failed_calls() -> None:
    done = strace("-Z", "-qq", "cat", "/nonexistent")
    lines = done.stderr.splitlines()
    assert any("ENOENT" in line for line in lines)
    assert all(" = -1 " in line for line in lines if "(" in line and "cat:" not in line)


@pytest.mark.parametrize("options", [[], ["-f", "-o", "trace"], ["-tt"]])
def test_results_stand_in_one_column(options: list[str], tmp_path: Path) -> None:
    done = strace(*options, "true", cwd=tmp_path)
    text = (tmp_path / "trace").read_text() if "-o" in options else done.stderr
    columns = [line.rindex(" = ") + 1 for line in text.splitlines() if " = " in line]
    assert min(columns) == 40
    assert columns.count(40) >= 3


def test_counts() -> None:
    table = strace("-c", "true").stderr.splitlines()
    assert table[0].split() == ["%", "time", "seconds", "usecs/call", "calls", "errors", "syscall"]
    assert any(line.split()[-1] == "execve" for line in table)


def test_bytes_of_a_descriptor() -> None:
    done = strace("-e", "trace=write", "-e", "write=1", "sh", "-c", "echo abc")
    assert " | 00000  61 62 63 0a                                       abc.             |" in done.stderr


PROGRAMS = {
    "cat": ["cat", "/etc/hostname"],
    "refused": ["nc.openbsd", "127.0.0.1", "1"],
    "bash": ["bash", "-c", "for i in 1 2; do /bin/echo $i; done; trap 'echo t' TERM; kill -TERM $$"],
    "netlink": ["ip", "addr"],
    "python": ["/usr/bin/python3", "-c", "import socket; socket.socket().close()"],
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_same_lines_as_strace(program: str) -> None:
    from compare_strace import compare

    require(shutil.which("strace"), "strace is installed")
    require(shutil.which(PROGRAMS[program][0]), f"{PROGRAMS[program][0]} is installed")
    same, total, differences, _, _ = compare(PROGRAMS[program])
    assert total > 20
    assert same >= 0.98 * total, "\n".join(differences)


def test_a_signal_to_its_whole_group_ends_it_in_the_middle_of_a_line_with_i_anywhere(tmp_path: Path) -> None:
    out = tmp_path / "t"
    words = ["-D", "-I", "anywhere", "-e", "trace=clock_nanosleep", "-o", str(out)]
    command = [sys.executable, "-m", "wiretale", "strace", *words, "sleep", "60"]
    process = subprocess.Popen(command, start_new_session=True)
    deadline = time.monotonic() + 30
    while not (out.exists() and "clock_nanosleep" in out.read_text()) and time.monotonic() < deadline:
        select.select([], [], [], 0.01)
    os.killpg(process.pid, signal.SIGTERM)
    assert process.wait(30) == -signal.SIGTERM
    while time.monotonic() < deadline:  # its tracer is of the same group, and nobody's child here
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            break
    assert out.read_text().endswith("{tv_sec=60, tv_nsec=0}, ")


def test_the_line_of_a_thread_that_takes_over_its_leader_says_so(tmp_path: Path) -> None:
    code = (
        "import os, threading; t = threading.Thread(target=os.execv, args=('/bin/true', ['true'])); t.start(); t.join()"
    )
    out = tmp_path / "t"
    assert strace("-f", "-e", "trace=execve", "-o", str(out), sys.executable, "-I", "-c", code).returncode == 0
    lines = out.read_text().splitlines()
    (at,) = (i for i, line in enumerate(lines) if " <pid changed to " in line)
    thread, leader = lines[at].split()[0], lines[0].split()[0]
    assert thread != leader and lines[at].endswith(f"<pid changed to {leader} ...>")
    assert lines[at + 1].split(maxsplit=1) == [leader, f"+++ superseded by execve in pid {thread} +++"]
    assert lines[at + 2].split(maxsplit=1)[0] == leader and " <... execve resumed>) " in lines[at + 2]
