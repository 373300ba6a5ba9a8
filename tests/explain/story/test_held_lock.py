"""Threads that wait for a lock, and who holds it; writes that wait for room: as the user sees them who attaches."""

import ctypes
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import require
from tests.e2e.session import WIRETALE
from tests.explain.real_sockets import until
from tests.explain.story.recorded import text
from wiretale.explain.odd import held_lock, no_room
from wiretale.explain.story import Step
from wiretale.explain.world import World, load_world
from wiretale.record.ebpf import calls
from wiretale.record.procfs.threads import ThreadRow, threads
from wiretale.store.capture import open_capture

pytestmark = pytest.mark.e2e

FUTEX = {"x86_64": 202, "aarch64": 98}[platform.machine()]

# Mutexes of glibc by ctypes, which lets go of the interpreter's own lock meanwhile.
PROGRAM = """
import ctypes, os, sys, threading, time
libc = ctypes.CDLL(None)
def mutex(kind=0):
    made = ctypes.create_string_buffer(48)
    attributes = ctypes.create_string_buffer(8)
    libc.pthread_mutexattr_init(attributes)
    libc.pthread_mutexattr_settype(attributes, kind & 3)
    libc.pthread_mutexattr_setprotocol(attributes, kind >> 5 & 1)
    libc.pthread_mutexattr_setrobust(attributes, kind >> 4 & 1)
    assert libc.pthread_mutex_init(made, attributes) == 0
    return made
def lock(which): libc.pthread_mutex_lock(which)
def thread(work): threading.Thread(target=work, daemon=True).start()
{do}
print("ready", flush=True)
sys.stdin.readline()
os._exit(0)
"""
CIRCLE = """
a, b, met = mutex(), mutex({kind}), threading.Barrier(2)
def first(): lock(a); met.wait(); lock(b)
def second(): lock(b); met.wait(); lock(a)
thread(first); thread(second)
"""
TWICE = """
a = mutex()
def work(): lock(a); lock(a)
thread(work)
"""
FULL_PIPE = """
a, (reader, writer), held = mutex({kind}), os.pipe(), threading.Event()
def write():
    lock(a); held.set()
    while True: os.write(writer, bytes(4096))
thread(write); held.wait()
thread(lambda: lock(a))
"""
HOLDER_ENDED = """
a = mutex()
holder = threading.Thread(target=lock, args=(a,)); holder.start(); holder.join()
thread(lambda: lock(a))
"""
AT_HIS_PARENT = """
a, held, stays = mutex(), threading.Event(), threading.Event()
def hold(): lock(a); held.set(); stays.wait()
thread(hold); held.wait()
child = os.fork()
if child == 0:
    thread(lambda: lock(a))
"""
# Locks that name nobody: of Python, of a condition variable, of glibc's semaphores.
NO_OWNER = """
a, condition, semaphore = threading.Lock(), threading.Condition(), ctypes.create_string_buffer(32)
a.acquire(); libc.sem_init(semaphore, 0, 0)
def wait():
    with condition: condition.wait()
thread(a.acquire); thread(wait); thread(lambda: libc.sem_wait(semaphore))
"""


@contextmanager
def running(do: str, waiting: int) -> Iterator[int]:
    """The program, once so many of its threads (and its children's) wait for a futex."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(do=do)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdin is not None and program.stdout is not None
        try:
            assert program.stdout.readline() == "ready\n"
            until(lambda: sum(row["number"] == FUTEX for row in all_threads(program.pid)) >= waiting)
            yield program.pid
        finally:
            for child in children(program.pid):
                subprocess.run(["kill", "-KILL", str(child)], check=True)
            program.stdin.close()
            program.wait(60)


def children(pid: int) -> list[int]:
    return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def all_threads(pid: int) -> list[ThreadRow]:
    return [row for one in (pid, *children(pid)) for row in threads(one)]


@contextmanager
def attached_to(tmp_path: Path, engine: str, do: str, waiting: int) -> Iterator[World]:
    """What a recorder sees that comes after the hang."""
    if engine == "ebpf":
        require(os.geteuid() == 0 and calls.OBJECT_PATH.exists(), "root, and the kernel programs are compiled")
    capture = tmp_path / "c.wiretale"
    with running(do, waiting) as pid:
        pids = [word for one in (pid, *children(pid)) for word in ("-p", str(one))]
        words = [*WIRETALE, "record", "-q", "--engine", engine, *pids, "-o", str(capture), "--duration", "1.5"]
        subprocess.run(words, check=True, timeout=60)
    with open_capture(capture) as db:
        yield load_world(db)


def found(tmp_path: Path, engine: str, do: str, waiting: int) -> list[Step]:
    with attached_to(tmp_path, engine, do, waiting) as world:
        return held_lock.find(world)


@pytest.fixture(params=["ptrace", "ebpf"])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("kind", [0, 2, 16], ids=["normal", "error-checking", "robust"])
def test_threads_that_wait_for_each_others_locks_are_a_deadlock(tmp_path: Path, engine: str, kind: int) -> None:
    (step,) = found(tmp_path, engine, CIRCLE.format(kind=kind), 2)
    assert step.title == "A deadlock" and not step.inferred
    assert text(step).count("whose owner is thread ") == 2
    assert "none of them will ever go on: a deadlock" in text(step)


def test_a_lock_that_its_own_thread_holds(tmp_path: Path, engine: str) -> None:
    (step,) = found(tmp_path, engine, TWICE, 1)
    assert step.title == "A deadlock"
    assert "whose owner is that thread itself: it locked a mutex of kind `normal` twice" in text(step)


@pytest.mark.parametrize("kind", [0, 1, 32], ids=["normal", "recursive", "priority inheritance"])
def test_what_the_holder_is_in_is_said_and_that_its_pipe_is_full(tmp_path: Path, engine: str, kind: int) -> None:
    with attached_to(tmp_path, engine, FULL_PIPE.format(kind=kind), 1) as world:
        (step,), (full,) = held_lock.find(world), no_room.find(world)
    assert step.title == "Waits for a lock that another thread holds"
    assert " holds. That thread had been in `write()` on descriptor " in text(step)
    assert "(a pipe, whose other end the same process holds as descriptor" in text(step)
    assert "the pipe had no room for 4,096 bytes. No recorded call read it." in text(full)
    assert "had not returned when the recording ended" in text(full)


def test_a_holder_that_has_ended(tmp_path: Path, engine: str) -> None:
    (step,) = found(tmp_path, engine, HOLDER_ENDED, 1)
    assert "as its owner, which is none of the process's threads" in text(step)
    assert "deadlock" not in text(step)


def test_a_lock_that_was_held_when_the_process_was_copied(tmp_path: Path, engine: str) -> None:
    (step,) = found(tmp_path, engine, AT_HIS_PARENT, 2)
    assert "names a thread of its parent" in text(step) and "(inferred)" in text(step)


def test_a_lock_without_an_owner_names_nobody(tmp_path: Path, engine: str) -> None:
    assert found(tmp_path, engine, NO_OWNER, 3) == []


def test_the_layout_is_that_of_this_glibc() -> None:
    """Beside what the program's own library does: the owner of a locked mutex stands where it is looked for."""
    libc = ctypes.CDLL(None)
    made = ctypes.create_string_buffer(48)
    libc.pthread_mutex_lock(made)
    word, depth, owner, users, kind = (int.from_bytes(made.raw[at : at + 4], sys.byteorder) for at in range(0, 20, 4))
    assert (word, depth, owner, users, kind) == (1, 0, libc.gettid(), 1, 0)
