"""What threads are in, beside what the kernel says of a program that stands still."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import require
from tests.explain.real_sockets import until
from wiretale.record.procfs.threads import threads

pytestmark = pytest.mark.e2e

# Thread 1 reads a pipe, thread 2 waits for a mutex that thread 1 holds, in a pid namespace of its own if asked.
PROGRAM = """
import ctypes, os, sys, threading
libc, made, held = ctypes.CDLL(None), ctypes.create_string_buffer(48), threading.Event()
def wait():
    held.wait()
    libc.pthread_mutex_lock(made)
threading.Thread(target=wait, daemon=True).start()
libc.pthread_mutex_lock(made)
held.set()
os.write(1, b"!")
os.read(0, 1)
"""


@pytest.mark.parametrize("prefix", [(), ("unshare", "--pid", "--fork", "--kill-child")], ids=["here", "namespace"])
def test_the_owner_of_a_mutex_has_our_number(prefix: tuple[str, ...]) -> None:
    require(not prefix or os.geteuid() == 0, "root makes a pid namespace")
    words = [*prefix, sys.executable, "-c", PROGRAM]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
        assert program.stdin and program.stdout and program.stdout.read(1) == b"!"
        pid = program.pid
        if prefix:
            pid = int(Path(f"/proc/{pid}/task/{pid}/children").read_text())
        until(lambda: [row["number"] is not None for row in threads(pid)] == [True, True])
        leader, waiter = threads(pid)
        assert waiter["lock_owner_tid"] == waiter["lock_owner_pid"] == pid == leader["tid"]
        assert (waiter["lock_kind"], waiter["state"], leader["lock_owner_tid"]) == ("normal", "S", None)
        assert leader["number"] != waiter["number"]
        assert leader["cpu_ns"] is not None and leader["cpu_ns"] > 0
        program.stdin.close()


def test_a_thread_that_runs_is_in_no_call_and_a_stopped_one_says_so() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", "print(flush=True)\nwhile True: pass"], stdout=subprocess.PIPE
    ) as busy:
        assert busy.stdout and busy.stdout.readline()
        until(lambda: next(threads(busy.pid))["state"] == "R")
        assert next(threads(busy.pid))["number"] is None
        busy.send_signal(signal.SIGSTOP)
        until(lambda: next(threads(busy.pid))["state"] == "T")
        busy.kill()


def test_a_process_that_is_gone_has_none() -> None:
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    assert list(threads(gone.pid)) == []
