"""What the options that change more than a line's look do, on real programs and beside the installed strace."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import require
from tests.record.ptrace.tracing import until
from tests.strace.test_run import strace

pytestmark = pytest.mark.e2e
CLIENT = (
    "from socket import *\n"
    "s = create_server(('127.0.0.1', 0))\n"
    "c = socket(); c.bind(('127.0.0.1', 0)); c.connect(s.getsockname())\n"
    "c.send(b'a'); a, b = socketpair(); a.send(b'b')"
)


def lines(*words: str, **more: object) -> list[str]:
    return strace(*words, **more).stderr.splitlines()


def test_descriptors_have_their_path_and_the_folder_of_relative_paths(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("x")
    shown = lines("-y", "-e", "trace=openat,read", "cat", "f", cwd=tmp_path)
    path = tmp_path / "f"
    assert f'openat(AT_FDCWD<{tmp_path}>, "f", O_RDONLY) = 3<{path}>' in shown
    assert any(line.startswith(f'read(3<{path}>, "x"') for line in shown)


def test_sockets_are_shown_in_the_state_they_are_in_now() -> None:
    python = getattr(sys, "_base_executable", sys.executable)
    shown = lines("-yy", "-e", "trace=bind,connect,sendto,socket", python, "-c", CLIENT)
    sent = next(line for line in shown if line.startswith("sendto") and '"a"' in line)
    assert re.match(r"sendto\(\d<TCP:\[127.0.0.1:\d+->127.0.0.1:\d+\]>", sent), sent
    bound = next(line for line in shown if line.startswith("connect"))
    assert re.match(r"connect\(\d<TCP:\[127.0.0.1:\d+\]>", bound), bound
    pair = next(line for line in shown if line.startswith("sendto") and '"b"' in line)
    assert re.match(r"sendto\(\d<UNIX-STREAM:\[\d+->\d+\]>", pair), pair


def test_devices_have_their_numbers() -> None:
    shown = lines("-yy", "-e", "trace=openat", "sh", "-c", "exec 5</dev/null")
    assert any(line.endswith("</dev/null<char 1:3>>") for line in shown)


def test_only_calls_that_name_a_path(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("x")
    names = [line.partition("(")[0] for line in lines("-P", "f", "cat", "f", cwd=tmp_path)]
    assert {"openat", "read", "close"}.isdisjoint(names) is False
    assert not {"brk", "execve", "mprotect"} & set(names)


def counted(*words: str) -> dict[str, float]:
    """Seconds by call."""
    rows = [line.split() for line in lines("-U", "total-time,name", *words)]
    return {row[1]: float(row[0]) for row in rows if row[0].replace(".", "").isdigit()}


def test_counted_is_the_time_in_the_kernel_and_with_w_the_time_that_passed() -> None:
    code = "import time, os; time.sleep(0.3)\nf = os.open('/dev/zero', 0)\nfor _ in range(9): os.read(f, 30000000)"
    program = [sys.executable, "-I", "-c", code]
    computed = counted("-c", *program)
    assert computed["clock_nanosleep"] < 0.2
    assert computed["read"] > 0.005
    assert counted("-c", "-w", *program)["clock_nanosleep"] > 0.29
    assert counted("-C", "-o", "/dev/stderr", *program)["read"] > 0.005


def test_a_call_that_fails_by_order_is_not_made(tmp_path: Path) -> None:
    target = tmp_path / "made"
    done = strace("-e", "trace=mkdir", "-e", "inject=mkdir:error=EPERM", "mkdir", str(target))
    assert not target.exists()
    assert "= -1 EPERM (Operation not permitted) (INJECTED)" in done.stderr
    assert done.returncode == 1


def test_a_result_a_signal_and_a_choice_of_calls() -> None:
    code = "import os; print(os.getppid(), os.getppid(), os.getppid())"
    python = getattr(sys, "_base_executable", sys.executable)
    done = strace("-e", "trace=getppid", "-e", "inject=getppid:retval=42:when=2", python, "-I", "-c", code)
    first, second, third = done.stdout.split()
    assert second == "42" and first == third != "42"
    assert sum("(INJECTED)" in line for line in done.stderr.splitlines()) == 1
    done = strace("-e", "trace=getppid", "-e", "inject=getppid:signal=KILL", python, "-I", "-c", code)
    assert done.returncode == -9


TRACED_CHILD = """
import ctypes, os, platform, signal
CLONE_PTRACE, number = 0x2000, {"x86_64": 56, "aarch64": 220}[platform.machine()]
child = ctypes.CDLL(None).syscall(number, CLONE_PTRACE | signal.SIGCHLD, 0, 0, 0, 0)
if not child:
    os.getppid()
    os.kill(os.getpid(), signal.SIGUSR1)
print(child, os.WTERMSIG(os.waitpid(child, 0)[1]))
"""


def test_a_child_that_has_itself_traced_is_let_go_without_f() -> None:
    done = strace("-e", "trace=getppid", sys.executable, "-I", "-c", TRACED_CHILD)
    child, ended_by = done.stdout.split()
    assert int(ended_by) == signal.SIGUSR1
    assert f"Detached unknown pid {child}" in done.stderr
    assert "getppid" not in done.stderr
    assert "--- SIGUSR1" not in done.stderr


def test_a_delay_holds_up_nobody_else() -> None:
    code = "sh -c : & sh -c : & sh -c : & wait"
    words = ["-f", "-e", "trace=getppid", "-e", "signal=none", "-e", "inject=getppid:delay_enter=1s"]
    shown = lines(*words, "sh", "-c", code)
    begun = [at for at, line in enumerate(shown) if line.endswith("getppid( <unfinished ...>")]
    resumed = [at for at, line in enumerate(shown) if "getppid resumed>" in line]
    assert len(resumed) == 3  # of each child; the last of those that began is still the open line
    assert len(begun) >= 2
    assert max(begun) < min(resumed)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_program_that_is_held_up_can_be_killed_and_let_go(number: signal.Signals, tmp_path: Path) -> None:
    said = tmp_path / "pid"
    words = ["-e", "trace=getppid", "-e", "inject=getppid:delay_enter=1000s:when=2"]
    code = "import os, sys; os.getppid(); print(os.getpid(), file=open(sys.argv[1], 'w'), flush=True); os.getppid()"
    program = [sys.executable, "-I", "-c", code, str(said)]
    wiretale = [str(Path(sys.executable).with_name("wiretale")), "strace", *words, *program]
    with subprocess.Popen(wiretale, stderr=subprocess.PIPE, text=True) as process:
        until(lambda: said.exists() and said.read_text().endswith("\n"), "the program speaks")
        os.kill(int(said.read_text()) if number == signal.SIGKILL else process.pid, number)
        assert process.wait(30) == -number


def test_a_delay_is_at_least_as_long_as_asked() -> None:
    shown = lines("-T", "-e", "trace=getppid", "-e", "inject=getppid:delay_enter=30ms", "sh", "-c", ":")
    line = next(line for line in shown if line.startswith("getppid"))
    assert "(DELAYED)" in line
    assert float(line.rpartition("<")[2].rstrip(">")) >= 0.03


def test_names_of_processes() -> None:
    shown = lines("-f", "-Y", "-e", "trace=getppid,kill", "sh", "-c", "kill -0 $$; /bin/true & wait")
    assert any(re.match(r"(\[pid +\d+<sh>\] )?kill\(\d+<sh>, 0\)", line) for line in shown), shown


def test_let_go_at_the_first_other_program() -> None:
    shown = lines("-b", "execve", "-e", "trace=execve", "sh", "-c", "exec /bin/true")
    assert not any("exited with" in line for line in shown)
    assert any("<detached ...>" in line for line in shown), shown


def test_the_program_is_the_child_of_the_caller_with_a_tracer_in_the_background(tmp_path: Path) -> None:
    out = tmp_path / "trace"
    code = "import sys; from wiretale.start import main; sys.argv[1:1] = ['strace']; main()"
    words = [sys.executable, "-c", code, "-D", "-o", str(out), "sh", "-c", "exit 3"]
    program = subprocess.Popen(words, stderr=subprocess.PIPE)
    program.communicate(timeout=30)  # the tracer has ended as well when nobody holds the pipe any more
    assert program.returncode == 3
    assert out.read_text().startswith("execve(")


@pytest.mark.parametrize("option", ["-D", "-DD", "-DDD"])
def test_whoever_waits_for_a_program_traced_in_the_background_finds_all_its_lines(option: str, tmp_path: Path) -> None:
    out = tmp_path / "trace"
    words = [sys.executable, "-m", "wiretale", "strace", option, "-f", "-o", str(out)]
    assert subprocess.call([*words, "sh", "-c", "(exit 2); kill -9 $$"], timeout=30) == -9
    assert out.read_text().endswith(" +++ killed by SIGKILL +++\n")


def test_a_program_traced_in_the_background_is_let_go_at_the_next_one(tmp_path: Path) -> None:
    out = tmp_path / "trace"
    words = [sys.executable, "-m", "wiretale", "strace", "-D", "-b", "execve", "-e", "trace=execve", "-o", str(out)]
    assert subprocess.call([*words, "sh", "-c", "exec /bin/true"], timeout=30) == 0
    assert [line.partition('"')[0] for line in out.read_text().splitlines()] == ["execve("] * 2
    assert out.read_text().rstrip().endswith("<detached ...>")


def test_a_long_word_is_shown_as_far_as_s_says() -> None:
    word = "a" * 9000
    assert f'["true", "{word}"]' in lines("-s", "10000", "true", word)[0]
    assert f'["true", "{word[:8000]}"...]' in lines("-s", "8000", "true", word)[0]
    (execve,) = (line for line in lines("-v", "-s", "10000", "-E", f"LONG={word}", "true") if "execve(" in line)
    assert f'"LONG={word}"' in execve


def test_structures_stay_addresses_and_arguments_have_names() -> None:
    shown = lines("-N", "-e", "verbose=none", "-e", "trace=newfstatat,openat", "cat", "/dev/null")
    opened = next(line for line in shown if "/dev/null" in line)
    assert opened.startswith('openat(dirfd=AT_FDCWD, pathname="/dev/null", flags=O_RDONLY)')
    assert all(re.search(r"statbuf=0x[0-9a-f]+", line) for line in shown if line.startswith("newfstatat"))


def test_calls_that_are_not_wanted_do_not_stop_the_program() -> None:
    done = strace("-f", "--seccomp-bpf", "-e", "trace=getppid", "sh", "-c", "grep ^Seccomp: /proc/self/status; :")
    assert done.stdout.split() == ["Seccomp:", "2"]
    assert any("getppid()" in line for line in done.stderr.splitlines())
    assert done.stderr.rstrip().endswith("+++ exited with 0 +++")


def test_a_program_that_is_let_go_is_not_left_with_a_filter() -> None:
    words = ["-f", "--seccomp-bpf", "-b", "execve", "-e", "trace=openat"]
    done = strace(*words, "sh", "-c", "sh -c 'cat /dev/null; grep ^Seccomp: /proc/self/status'; exit $?")
    assert done.returncode == 0
    assert done.stdout.split() == ["Seccomp:", "0"]


def test_a_capture_besides_the_lines(tmp_path: Path) -> None:
    import duckdb

    require(os.geteuid() == 0, "root, to record packets")
    require(shutil.which("nc.openbsd"), "nc.openbsd")
    capture = tmp_path / "x.wiretale"
    done = strace("-o", str(capture), "-e", "trace=connect", "nc.openbsd", "127.0.0.1", "1")
    assert "connect(3, {sa_family=AF_INET, sin_port=htons(1)" in done.stderr
    with duckdb.connect(str(capture), read_only=True) as db:
        assert db.execute("SELECT count(*) > 0 FROM call WHERE name = 'connect'").fetchall() == [(True,)]
        assert db.execute("SELECT count(*) >= 2 FROM packet").fetchall() == [(True,)]


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata", "UTC"])
def test_dates_are_those_of_the_readers_time_zone(zone: str, tmp_path: Path) -> None:
    require(shutil.which("strace"), "strace is installed")
    file = tmp_path / "file"
    file.touch()
    os.utime(file, ns=(86_400_000_000_001, 1_700_000_000 * 10**9))
    words = ["-v", "-e", "trace=newfstatat", "/usr/bin/python3", "-S", "-c", f"import os; os.stat({str(file)!r})"]
    environment = {**os.environ, "TZ": zone}
    theirs = subprocess.run(["strace", *words], env=environment, capture_output=True, text=True, check=True).stderr
    ours = strace(*words, env=environment).stderr
    told = [line for line in ours.splitlines() if str(file) in line]
    assert told and told == [line for line in theirs.splitlines() if str(file) in line]
