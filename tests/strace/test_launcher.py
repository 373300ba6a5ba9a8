"""The command `wiretale` begins to trace before Python runs, where it can; what is seen of it is the same."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import require
from wiretale import start
from wiretale.record.ptrace import planned
from wiretale.strace.quick import tables

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))
from compare_strace import split

pytestmark = pytest.mark.e2e

WIRETALE = str(Path(sys.executable).with_name("wiretale"))
PYTHON = str(Path(sys.executable).with_name("wiretale-python"))
WHO_TRACES = "cat /proc/$PPID/comm"  # the tracer is the program's parent


def run(*words: str, command: str = WIRETALE, **more: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([command, "strace", *words], capture_output=True, text=True, timeout=60, check=False, **more)  # type: ignore[call-overload,no-any-return]


@pytest.fixture(scope="module")
def current(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The command, made now: the installed one begins nothing where its sources were changed since."""
    return _built(tmp_path_factory.mktemp("launcher") / "bin")


def _built(folder: Path, sources: Path = Path(planned._ROOT)) -> str:
    require(shutil.which("cc"), "a C compiler is installed")
    folder.mkdir()
    shutil.copy(PYTHON, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(planned, "PLAN_PATH", str(folder / "_plan.bin"))
        patch.setattr(tables, "TABLES_PATH", str(folder / "_tables.h"))
        planned.write()
        tables.write()
    made = [f'-DWT_PLAN="{folder}/_plan.h"', f'-DQUICK_TABLES="{folder}/_tables.h"']
    options = ["-std=gnu11", "-O1", "-pthread", f'-DWT_SOURCES="{sources}"', *made]
    parts = [str(sources / "strace" / name) for name in ("launcher.c", "printing.c", "quick/quick.c")]
    subprocess.run(["cc", *options, "-o", str(folder / "wiretale"), *parts], check=True)
    return str(folder / "wiretale")


@pytest.mark.parametrize(
    "options",
    ["", "-f", "-o{}/t", "-o {}/t -A", "-fttTs 7", "-s0 -a 60", "-c -qq", "-xx -v -i -n -N -r -z --"],
)
def test_options_about_lines_do_not_make_the_program_wait(tmp_path: Path, current: str, options: str) -> None:
    words = options.format(tmp_path).split()
    done = run(*words, "sh", "-c", WHO_TRACES, command=current)
    assert done.returncode == 0
    assert done.stdout == "wiretale\n"


@pytest.mark.parametrize(
    "options",
    ["-y", "-ff -o {}/t", "-e trace=none", "-E A=1", "-P /x", "-X raw", "-o |cat", "--follow-forks", "-o {}/t.wiretale",
     "--kill-on-exit", "-I 2", "-o {}/pipe"],
)  # fmt: skip
def test_other_options_are_left_to_python(tmp_path: Path, current: str, options: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    words = [word.format(tmp_path) for word in options.replace("|cat", "!cat>&2").split()]
    done = run(*words, "sh", "-c", WHO_TRACES, command=current)
    os.close(reader)
    assert done.returncode == 0
    assert done.stdout.startswith(("wiretale-pytho", "python"))


@pytest.mark.parametrize(
    "words",
    ["-s x touch {}/ran", "-s -1 touch {}/ran", "-o {}/no/file touch {}/ran", "-c -ff touch {}/ran", "-W touch {}/ran",
     "-w touch {}/ran", "-c -C touch {}/ran", "-a 65537 touch {}/ran", "-o {} touch {}/ran", "-s", "-f", "",
     "-f no-such-program", "{}/missing", "-e trace=nonsense touch {}/ran"],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_the_same_words_and_nothing_runs(tmp_path: Path, current: str, words: str) -> None:
    ours, python = (run(*words.format(*[tmp_path] * 3).split(), command=c) for c in (current, PYTHON))
    assert (ours.returncode, ours.stderr) == (python.returncode, python.stderr)
    assert ours.returncode != 0
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("kind", "reason", "error"),
    [("file", "cannot be executed: Exec format error", "ENOEXEC"), ("folder", "is a folder", "EACCES")],
)
def test_a_program_that_cannot_be_executed(tmp_path: Path, current: str, kind: str, reason: str, error: str) -> None:
    bad = tmp_path / "bad"
    if kind == "folder":
        bad.mkdir()
    else:
        bad.write_bytes(b"\x7fELF nothing of the kind")
        bad.chmod(0o755)
    ours, python = (run("-o", str(tmp_path / f"t{i}"), str(bad), command=c) for i, c in enumerate((current, PYTHON)))
    assert reason in ours.stderr
    assert (ours.returncode, ours.stderr) == (python.returncode, python.stderr)
    texts = [re.sub("0x[0-9a-f]+", "V", (tmp_path / f"t{i}").read_text()) for i in (0, 1)]
    assert texts[0] == texts[1]
    assert re.match(rf'execve\("{bad}", .* = -1 {error} ', texts[0])
    assert texts[0].endswith("+++ exited with 1 +++\n")
    counted = run("-c", str(bad), command=current).stderr
    assert re.search(r" 1 +1 execve\n", counted)


def test_the_lines_are_those_that_python_alone_would_print(tmp_path: Path, current: str) -> None:
    calls = []
    for command in (current, PYTHON):
        done = run("-f", "-o", str(tmp_path / "t"), "cat", "/etc/passwd", "/missing", command=command)
        assert done.returncode == 1
        assert (tmp_path / "t").read_text().endswith("+++ exited with 1 +++\n")
        calls.append([[line.split("(")[0] for line in lines] for lines in split(tmp_path / "t")])
    assert calls[0] == calls[1]


@pytest.fixture
def alone(tmp_path: Path, current: str) -> str:
    """The command without Python: that would end with 99."""
    folder = tmp_path / "alone"
    folder.mkdir()
    shutil.copy(current, folder)
    (folder / "wiretale-python").write_text("#!/bin/sh\nexit 99\n")
    (folder / "wiretale-python").chmod(0o755)
    return str(folder / "wiretale")


@pytest.mark.parametrize(
    ("script", "status"), [(":", 0), ("exit 7", 7), ("kill -TERM $$", -signal.SIGTERM), ("ls / | cat", 0)]
)
@pytest.mark.parametrize("options", ["-f -o {}/t", "-o {}/t -s 100 -a50", "-f", "-fttT", "-r"])
def test_a_short_program_needs_no_python(tmp_path: Path, alone: str, options: str, script: str, status: int) -> None:
    done = run(*options.format(tmp_path).split(), "sh", "-c", script, command=alone)
    text = (tmp_path / "t").read_text() if "-o" in options else done.stderr
    assert done.returncode == status
    end = f"exited with {status}" if status >= 0 else f"killed by {signal.Signals(-status).name}"
    assert text.splitlines()[-1].endswith(f"+++ {end} +++")


POLICY_OF_TRACER = (
    "while read name value; do [ $name = TracerPid: ] && tracer=$value; done </proc/self/status;"
    " read fields </proc/$tracer/stat; echo ${fields##*) }"
)


@pytest.mark.skipif(os.cpu_count() == 1, reason="one CPU: there is no other to be woken on")
def test_a_short_program_is_followed_to_its_cpu_from_its_start(tmp_path: Path, alone: str) -> None:
    """With SCHED_IDLE (5), without which the kernel wakes the program elsewhere; where that can be left again only."""
    without = ["setpriv", "--bounding-set=-sys_nice", "--inh-caps=-sys_nice"]
    require(shutil.which("setpriv"), "setpriv (util-linux) is installed")
    require(os.geteuid() == 0, "root may leave SCHED_IDLE")

    def policies(*before: str) -> set[str]:
        """Field 41 of proc(5)'s stat, of several runs: a busy machine may have the tracer take its own way in one."""
        command = [*before, alone, "strace", "-f", "-o", str(tmp_path / "t"), "sh", "-c", POLICY_OF_TRACER]
        runs = [subprocess.run(command, capture_output=True, text=True, timeout=60, check=True) for _ in range(10)]
        return {done.stdout.split()[41 - 3] for done in runs}

    assert "5" in policies()
    assert policies(*without) == {"0"}


def test_python_prints_what_the_command_does_not_understand(tmp_path: Path, current: str, alone: str) -> None:
    script = "import os, signal; os.getpid(); signal.setitimer(0, 5); os.sched_getparam(0); os.getppid()"
    words = ["-o", str(tmp_path / "t"), sys.executable, "-c", script]
    assert run(*words, command=alone).returncode == 99
    begun = (tmp_path / "t").read_text()
    assert run(*words, command=current).returncode == 0
    lines = (tmp_path / "t").read_text().splitlines()
    assert begun and [line.split("(")[0] for line in begun.splitlines()] == [
        line.split("(")[0] for line in lines[: len(begun.splitlines())]
    ]
    assert lines[-1] == "+++ exited with 0 +++"
    assert sum(line.startswith("execve(") for line in lines) == 1
    assert any(line.startswith("sched_getparam(0, [0])") for line in lines)


def test_lines_that_cannot_be_written_are_said_once_and_the_program_runs(tmp_path: Path, current: str) -> None:
    ours, python = (
        run("-o", "/dev/full", "touch", str(tmp_path / f"{i}"), command=c) for i, c in enumerate((current, PYTHON))
    )
    assert (ours.returncode, ours.stderr) == (python.returncode, python.stderr)
    assert "No space left on device" in ours.stderr
    assert (tmp_path / "0").exists()


def test_whoever_reads_the_lines_may_go(current: str) -> None:
    ends = []
    for command in (current, PYTHON):
        reading, writing = os.pipe()
        os.close(reading)
        done = subprocess.run([command, "strace", "sleep", "5"], stderr=writing, timeout=60, check=False)
        os.close(writing)
        ends.append(done.returncode)
    assert ends[0] == ends[1] == -signal.SIGPIPE


def test_the_program_inherits_nothing_of_the_tracer(current: str) -> None:
    script = "ls /proc/self/fd; grep -E 'SigBlk|SigIgn' /proc/self/status; ulimit -a"
    plain = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert run("-f", "sh", "-c", script, command=current).stdout == plain.stdout


def _begun(command: str, tmp_path: Path, **more: object) -> tuple[subprocess.Popen[bytes], int]:
    """A traced `sleep` that runs, and its pid; the lines are in `t`."""
    script = f"echo $$ >{tmp_path}/pid; exec sleep 60"
    with (tmp_path / "t").open("wb") as lines:
        process = subprocess.Popen([command, "strace", "-f", "sh", "-c", script], stderr=lines, **more)  # type: ignore[call-overload]
    _until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip())
    return process, int((tmp_path / "pid").read_text())


def _until(condition: object) -> None:
    end = time.monotonic() + 30
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.01)


def _tracer_of(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("TracerPid:")))


def _is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_and_its_program(tmp_path: Path, current: str, number: signal.Signals) -> None:
    # Sent at once: Python may not even be there to take it.
    process, pid = _begun(current, tmp_path, preexec_fn=lambda: signal.signal(number, signal.SIG_DFL))
    tracer = _tracer_of(pid)
    process.send_signal(number)
    status = process.wait(30)
    assert status == -number, (tmp_path / "t").read_text()[-600:]
    _until(lambda: _is_gone(pid) and _is_gone(tracer))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_was_blocked_before_stays_blocked(current: str, number: signal.Signals) -> None:
    def send_and_block() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {number})
        os.kill(os.getpid(), number)

    for command in (current, PYTHON):
        done = run("grep", "SigBlk", "/proc/self/status", command=command, preexec_fn=send_and_block)
        assert done.returncode == 0 and int(done.stdout.split()[1], 16) == 1 << number - 1


def test_a_program_outlives_a_tracer_that_is_killed(tmp_path: Path, current: str) -> None:
    process, pid = _begun(current, tmp_path)
    tracer = _tracer_of(pid)
    _until(lambda: "clock_nanosleep" in (tmp_path / "t").read_text())
    process.kill()
    process.wait(30)
    _until(lambda: _is_gone(tracer) and _tracer_of(pid) == 0)
    os.kill(pid, signal.SIGKILL)


def test_it_says_so_when_its_tracer_was_killed(tmp_path: Path, current: str) -> None:
    process, pid = _begun(current, tmp_path)
    _until(lambda: "clock_nanosleep" in (tmp_path / "t").read_text())
    os.kill(_tracer_of(pid), signal.SIGKILL)
    assert process.wait(30) == 1
    assert (tmp_path / "t").read_text().endswith("wiretale: the tracer was killed: the program goes on without it\n")
    os.kill(pid, signal.SIGKILL)


def test_a_checkout_that_was_changed_since_begins_nothing(tmp_path: Path) -> None:
    copied = tmp_path / "wiretale"
    shutil.copytree(Path(planned._ROOT), copied, ignore=shutil.ignore_patterns("__pycache__"))
    command = _built(tmp_path / "bin", copied)
    assert run("-f", "sh", "-c", WHO_TRACES, command=command).stdout == "wiretale\n"
    later = time.time() + 100
    for name in (planned.SOURCES[0], "record/ptrace/part_stops.h", "strace/launcher.c", "decode/strace/special.py"):
        os.utime(copied / name, (later, later))
        assert run("-f", "sh", "-c", WHO_TRACES, command=command).stdout != "wiretale\n", name
        os.utime(copied / name, (0, 0))


def test_other_commands_are_pythons() -> None:
    ours, python = (
        subprocess.run([command, "--version"], capture_output=True, text=True, check=True)
        for command in (WIRETALE, PYTHON)
    )
    assert ours.stdout == python.stdout
    assert start._BEGUN not in ours.stdout
