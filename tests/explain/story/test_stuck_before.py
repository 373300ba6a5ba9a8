"""A recorder that comes after the hang: what samples of sockets tell of threads that make no call any more."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.session import WIRETALE
from tests.explain.real_sockets import until
from tests.explain.story.recorded import text
from wiretale.explain.odd import left_open, not_accepted, stuck_before
from wiretale.explain.story import Step
from wiretale.explain.world import World, load_world
from wiretale.store.capture import open_capture

pytestmark = pytest.mark.e2e

FULL_LISTENER = """
server = socket.socket()
server.bind(("127.0.0.1", 0))
server.listen(0)
first = socket.create_connection(server.getsockname())
ready()
socket.create_connection(server.getsockname())
"""
UDP_QUESTION = """
server, client = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
server.bind(("127.0.0.1", 0))
client.connect(server.getsockname())
{asks}
ready()
client.recv(99)
"""
PAIR = """
with socket.create_server(("127.0.0.1", 0)) as server:
    client = socket.create_connection(server.getsockname())
    peer, _ = server.accept()
"""
FULL_RECEIVER = (
    PAIR
    + """
ready()
client.sendall(bytes(50_000_000))
"""
)
LEFT = (
    PAIR
    + """
peer.close()
ready()
time.sleep(99)
"""
)
READS_ON = (
    PAIR
    + """
peer.shutdown(socket.SHUT_WR)
assert client.recv(9) == b""
ready()
{then}
"""
)
NOBODY = """
server = socket.create_server({address}, family={family}, backlog=8)
waiting = [socket.socket({family}) for _ in range(2)]
for client in waiting:
    client.connect(server.getsockname())
ready()
time.sleep(99)
"""
ACCEPTS = NOBODY.replace(
    "time.sleep(99)",
    """
taken = []
while True:
    taken.append(server.accept())
    waiting.append(socket.create_connection(server.getsockname()))
    time.sleep(0.1)
""",
)

Finder = Callable[[World], list[Step]]


def is_asleep(pid: int) -> bool:
    """Whether its first thread waits: proc_pid_stat(5)."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "S"


def after(tmp_path: Path, program: str, finder: Finder) -> list[Step]:
    """What is told of a program that got stuck before it was recorded. It has a second to be seen in."""
    capture = tmp_path / "c.wiretale"
    code = f"import os, socket, time\ndef ready(): os.write(1, b'x')\n{program}"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as stuck:
        try:
            assert stuck.stdout is not None and stuck.stdout.read(1) == b"x"
            until(lambda: is_asleep(stuck.pid))
            words = [*WIRETALE, "record", "-q", "-p", str(stuck.pid), "-o", str(capture), "--duration", "1.5"]
            subprocess.run(words, check=True, timeout=60)
        finally:
            stuck.kill()
    with open_capture(capture) as db:
        return finder(load_world(db))


def only(steps: list[Step], title: str) -> str:
    (step,) = steps
    assert step.title == title
    return text(step)


def test_a_connection_that_is_not_made(tmp_path: Path) -> None:
    told = only(after(tmp_path, FULL_LISTENER, stuck_before.find), "A connection is not made")
    assert "was in `connect()` on descriptor" in told and "in the state SYN-SENT" in told


def test_a_full_queue_of_a_listener(tmp_path: Path) -> None:
    told = only(after(tmp_path, FULL_LISTENER, not_accepted.find), "Nobody accepts")
    assert "1 connection stands in the accept queue" in told
    assert "The queue is full: `listen()` allowed for 0" in told and "drops the SYNs" in told
    assert "`connect()` on descriptor" in told


@pytest.mark.parametrize("asks", ["client.send(b'who?')", ""], ids=["asked", "silent"])
def test_a_datagram_that_does_not_come(tmp_path: Path, asks: str) -> None:
    told = only(after(tmp_path, UDP_QUESTION.format(asks=asks), stuck_before.find), "A datagram is waited for")
    assert "was in `recvfrom()` on descriptor" in told and "(inferred)" in told
    assert ("that nobody has read" in told) is bool(asks)


def test_a_reader_that_does_not_read(tmp_path: Path) -> None:
    told = only(after(tmp_path, FULL_RECEIVER, stuck_before.find), "Nobody reads what is sent")
    assert "was in `sendto()` on descriptor" in told and "has no room for more" in told and "lie unread there" in told


def test_a_connection_that_only_the_other_end_closed(tmp_path: Path) -> None:
    told = only(after(tmp_path, LEFT, left_open.find), "Closed by the other end, and still held")
    assert "The other end of 1 connection" in told and "CLOSE-WAIT until the process closes its descriptor" in told


def test_the_same_where_it_was_recorded_from_the_start(tmp_path: Path) -> None:
    capture = tmp_path / "c.wiretale"
    code = f"import os, socket, time\ndef ready(): pass\n{LEFT}"
    words = [
        *WIRETALE,
        "record",
        "-q",
        "-i",
        "lo",
        "-o",
        str(capture),
        "--duration",
        "3",
        "--",
        sys.executable,
        "-c",
        code,
    ]
    subprocess.run(words, check=False, timeout=60)
    with open_capture(capture) as db:
        told = only(left_open.find(load_world(db)), "Closed by the other end, and still held")
    assert "The other end of 1 connection" in told


def test_a_connection_whose_other_half_is_used_is_not_left(tmp_path: Path) -> None:
    """Half closed on purpose: this end goes on to send, or is in a call that does."""
    sends = READS_ON.format(then="while True: client.sendall(b'more'); time.sleep(0.1)")
    assert after(tmp_path, sends, left_open.find) == []
    (tmp_path / "c.wiretale").unlink()
    waits = READS_ON.format(then="client.sendall(bytes(50_000_000))")
    assert after(tmp_path, waits, left_open.find) == []


@pytest.mark.parametrize("unix", [False, True], ids=["tcp", "unix"])
def test_connections_that_nobody_accepts(tmp_path: Path, *, unix: bool) -> None:
    address, family = (repr(str(tmp_path / "s")), "socket.AF_UNIX") if unix else ('("127.0.0.1", 0)', "socket.AF_INET")
    told = only(after(tmp_path, NOBODY.format(address=address, family=family), not_accepted.find), "Nobody accepts")
    assert "2 connections stand in the accept queue" in told and "taken by nobody" in told
    assert "The queue is full" not in told and "`clock_nanosleep()`" in told


def test_a_listener_whose_queue_moves_is_not_told(tmp_path: Path) -> None:
    program = ACCEPTS.format(address='("127.0.0.1", 0)', family="socket.AF_INET")
    assert after(tmp_path, program, not_accepted.find) == []
