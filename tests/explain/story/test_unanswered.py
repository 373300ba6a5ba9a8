"""A server that hangs, seen from its own side: what clients that were not recorded sent it, and what its threads do."""

import re
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.session import WIRETALE
from tests.explain.real_sockets import until
from tests.explain.story.recorded import text
from wiretale.explain.odd import unanswered
from wiretale.explain.story import Step
from wiretale.explain.world import load_world
from wiretale.store.capture import open_capture

pytestmark = pytest.mark.e2e

TICKS_MS = 20  # several ticks of the kernel's clock, so that it tells which bytes came last

# A server of as many threads as clients; `serve(client, number)` follows, and what it does to hang or not.
SERVER = """
import fcntl, os, select, socket, sys, threading, time
locks, met = [threading.Lock(), threading.Lock()], threading.Barrier(2)
server = socket.create_server(("127.0.0.1", 0))
{serve}
def work():
    for number in range({clients}):
        client, _ = server.accept()
        threading.Thread(target=serve, args=(client, number), daemon=True).start()
threading.Thread(target=work, daemon=True).start()
print(server.getsockname()[1], flush=True)
sys.stdin.readline()
os._exit(0)
"""
DEADLOCK = """
def serve(client, number):
    client.sendall(b"hello")
    client.recv(9)
    with locks[number]:
        met.wait()
        with locks[1 - number]: client.sendall(b"answer")
"""
ANSWERS = """
def serve(client, number):
    client.sendall(b"hello")
    while client.recv(9): client.sendall(b"answer")
"""
POLLS = """
def serve(client, number):
    client.sendall(b"hello")
    while True:
        {how}
        client.recv(9)
"""
# After the question it waits in an epoll instance of its own, as a database for a lock: for a pipe that nobody writes.
WAITS_ELSEWHERE = """
def serve(client, number):
    client.sendall(b"hello")
    client.recv(9)
    poller, inner = select.epoll(), select.epoll()
    poller.register(os.pipe()[0], select.EPOLLIN)
    {also}
    poller.poll()
"""
SLEEPS = """
def serve(client, number):
    client.sendall(b"hello")
    time.sleep(99)
"""

FILE_LOCK = """
held = open({path!r}, "w")
fcntl.flock(held, fcntl.LOCK_EX)
def serve(client, number):
    client.sendall(b"hello")
    client.recv(9)
    with open({path!r}) as again: fcntl.flock(again, fcntl.LOCK_EX)
"""
# The child ends when its parent does.
CHILD = """
def serve(client, number):
    client.sendall(b"hello")
    client.recv(9)
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writes)
        os.read(reads, 1)
        os._exit(0)
    os.waitpid(child, 0)
"""


def since_data_came(client: socket.socket) -> int:
    """Milliseconds, as the kernel counts them: tcpi_last_data_recv (linux/tcp.h)."""
    info = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    return int(struct.unpack_from("<I", info, 52)[0])


@contextmanager
def serving(words: list[str], serve: str, clients: int) -> Iterator[tuple[subprocess.Popen[str], list[socket.socket]]]:
    """A server, started with `words` before it, and its clients, who have asked."""
    code = SERVER.format(serve=serve, clients=clients)
    with subprocess.Popen(
        [*words, sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None and server.stdin is not None
        port = int(server.stdout.readline())
        connected = [socket.create_connection(("127.0.0.1", port)) for _ in range(clients)]
        try:
            for client in connected:
                assert client.recv(9) == b"hello"
            for client in connected:
                until(lambda client=client: since_data_came(client) >= TICKS_MS)
                client.sendall(b"ping")
            yield server, connected
        finally:
            for client in connected:
                client.close()
            server.stdin.close()
            server.wait(60)


def found(capture: Path) -> list[Step]:
    with open_capture(capture) as db:
        return unanswered.find(load_world(db))


def of_a_run(tmp_path: Path, serve: str, *, clients: int = 1) -> list[Step]:
    """What is told of a server that was recorded from its start; its clients gave up after a while."""
    capture = tmp_path / "c.wiretale"
    record = [*WIRETALE, "record", "-q", "-i", "lo", "-o", str(capture), "--"]
    with serving(record, serve, clients) as (_, connected):
        connected[0].settimeout(unanswered.LEAST_NS / 1e9 + 0.3)
        try:
            while connected[0].recv(9):
                pass
        except TimeoutError:
            pass
    return found(capture)


def test_two_threads_that_read_and_wait_for_each_others_lock(tmp_path: Path) -> None:
    (step,) = of_a_run(tmp_path, DEADLOCK, clients=2)
    told = text(step)
    assert step.title == "Read, and not answered"
    assert "took 4 bytes of connection" in told and "with `recvfrom()`" in told and "nothing was sent back" in told
    assert "until the other end closed (packet" in told
    assert "in `futex()`, and was still in it then" in told
    assert "The same is true of connection" in told
    assert "which of the two, and who holds a lock, is known only of the mutexes" in told and "deadlock" not in told


def test_bytes_that_nobody_reads(tmp_path: Path) -> None:
    (step,) = of_a_run(tmp_path, SLEEPS)
    told = text(step)
    assert step.title == "Sent, and not read"
    assert "4 bytes of connection " in told and "did not read them" in told
    assert "`clock_nanosleep()`" in told and "deadlock" not in told


@pytest.mark.parametrize(
    "serve",
    [
        ANSWERS,
        POLLS.format(how="select.select([client], [], [])"),
        POLLS.format(how="poller = select.poll(); poller.register(client, select.POLLIN); poller.poll()"),
        POLLS.format(how="poller = select.epoll(); poller.register(client, select.EPOLLIN); poller.poll()"),
    ],
    ids=["answers", "select", "poll", "epoll"],
)
def test_a_server_that_waits_for_more_is_at_rest(tmp_path: Path, serve: str) -> None:
    assert of_a_run(tmp_path, serve) == []


def test_an_epoll_instance_that_does_not_watch_the_connection_is_no_rest(tmp_path: Path) -> None:
    (step,) = of_a_run(tmp_path, WAITS_ELSEWHERE.format(also="pass"))
    assert step.title == "Read, and not answered"
    assert "in `epoll_wait()` on descriptor " in text(step)


def test_an_epoll_instance_within_another_may_watch_it(tmp_path: Path) -> None:
    also = "inner.register(client, select.EPOLLIN); poller.register(inner, select.EPOLLIN)"
    assert of_a_run(tmp_path, WAITS_ELSEWHERE.format(also=also)) == []


def after_the_hang(tmp_path: Path, serve: str, clients: int = 1) -> tuple[Step, int]:
    """What is told by a recorder that comes then, and the server's pid."""
    capture = tmp_path / "c.wiretale"
    with serving([], serve, clients) as (server, _):
        words = [*WIRETALE, "record", "-q", "-p", str(server.pid), "-o", str(capture)]
        subprocess.run([*words, "--duration", "2"], check=True, timeout=60)
    (step,) = found(capture)
    return step, server.pid


def test_a_recorder_that_comes_after_the_hang_knows_who_spoke_last(tmp_path: Path) -> None:
    step, _ = after_the_hang(tmp_path, DEADLOCK, 2)
    told = text(step)
    assert step.title == "Read, and not answered" and step.time_ns is not None
    assert "was there before the recording: the kernel says that" in told
    assert "has sent 4 bytes" in told and "nothing of it lies unread" in told
    assert "The same is true of connection" in told and "`futex()` (2 threads)" in told
    assert "py-spy" in step.remedy and "jstack" not in step.remedy


def test_a_thread_that_waits_for_the_lock_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "state lock"
    step, _ = after_the_hang(tmp_path, FILE_LOCK.format(path=str(path)))
    assert re.search(rf"`flock\(\)` on descriptor \d+ \(`{path}`\)", text(step))
    assert f"lsof '{path}'" in step.remedy


def test_a_thread_that_waits_for_a_child(tmp_path: Path) -> None:
    step, pid = after_the_hang(tmp_path, CHILD)
    assert "`wait4()`" in text(step)
    assert f"--ppid {pid}" in step.remedy
