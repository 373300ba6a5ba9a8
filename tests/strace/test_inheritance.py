"""A traced program has the descriptors and signals that it would have without wiretale, and ends as it does."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e
COMMAND = Path(sys.executable).with_name("wiretale")  # the launcher: python -m wiretale cannot know what it tells
# Begun by the launcher, and by Python.
WAYS = [["-o", "/dev/null"], ["-e", "trace=none", "-o", "/dev/null"]]


def run(options: list[str], program: list[str], before: Callable[[], object]) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [COMMAND, "strace", *options, *program],
        preexec_fn=before,
        restore_signals=False,
        capture_output=True,
        check=False,
    )


@pytest.mark.parametrize("options", WAYS, ids=" ".join)
@pytest.mark.parametrize("number", [signal.SIGPIPE, signal.SIGXFSZ, signal.SIGHUP, signal.SIGCHLD])
@pytest.mark.parametrize("disposition", [signal.SIG_IGN, signal.SIG_DFL])
def test_what_was_ignored_stays_so(options: list[str], number: signal.Signals, disposition: signal.Handlers) -> None:
    done = run(options, ["grep", "SigIgn", "/proc/self/status"], lambda: signal.signal(number, disposition))
    ignored = int(done.stdout.split()[1], 16) >> number - 1 & 1
    assert ignored == (disposition is signal.SIG_IGN), done.stderr


@pytest.mark.parametrize("options", WAYS, ids=" ".join)
@pytest.mark.parametrize("closed", [(0,), (2,), (0, 2)])
def test_descriptors_that_were_closed_stay_closed(options: list[str], closed: tuple[int, ...]) -> None:
    shell = ["sh", "-c", "for n in 0 1 2; do [ ! -e /proc/$$/fd/$n ] || echo $n; done"]
    done = run(options, shell, lambda: [os.close(n) for n in closed])
    assert [int(n) for n in done.stdout.split()] == [n for n in range(3) if n not in closed]


@pytest.mark.parametrize("options", WAYS, ids=" ".join)
def test_a_reader_sees_the_end_when_the_program_closes_its_output(options: list[str]) -> None:
    program = ["sh", "-c", "echo salam; exec >&-; read line"]
    with subprocess.Popen(
        [COMMAND, "strace", *options, *program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as traced:
        assert traced.stdout is not None
        assert traced.stdin is not None
        assert traced.stdout.read() == b"salam\n"  # to the end, while the program waits for a line
        assert traced.poll() is None
        traced.stdin.close()
        assert traced.wait() == 1


@pytest.mark.parametrize("options", WAYS, ids=" ".join)
def test_it_dies_of_a_signal_that_it_holds_back(options: list[str]) -> None:
    program = [
        sys.executable,
        "-c",
        "import os, signal; signal.pthread_sigmask(signal.SIG_SETMASK, []); os.kill(os.getpid(), 15)",
    ]
    done = run(options, program, lambda: signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]))
    assert done.returncode == -signal.SIGTERM, done.stderr
