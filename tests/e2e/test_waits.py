"""What ended the waits of a real program, as the program itself says it."""

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.e2e.session import WIRETALE
from wiretale.store.capture import open_capture

pytestmark = pytest.mark.e2e

LEAST_NS = 20_000_000  # shorter ones are of the machine's making


@pytest.mark.parametrize("engine", ["ptrace", "ebpf"])
def test_what_ended_each_wait_is_known(engine: str, tmp_path: Path) -> None:
    capture = tmp_path / "run.wiretale"
    words = [*WIRETALE, "record", "-q", "-o", str(capture), "--engine", engine]
    program = [sys.executable, str(Path(__file__).with_name("waiting_programs.py"))]
    done = subprocess.run([*words, "--", *program], capture_output=True, text=True, timeout=90, check=True)
    with open_capture(capture) as db:
        query = """
            SELECT c.name, w.ended_by, t.pid, c.retval FROM wait w JOIN call c USING (call_id)
            LEFT JOIN task t ON t.task_id = w.cause_task_id
            WHERE c.tid = (SELECT tid FROM task WHERE parent_task_id IS NULL) AND w.to_ns - w.from_ns > ?
            ORDER BY w.to_ns"""
        waits = db.execute(query, [LEAST_NS]).fetchall()
    said = [line.split() for line in done.stdout.splitlines()]
    assert [[name, end] for name, end, *_ in waits if end != "child"] == [s for s in said if s[1] != "child"]
    children = [(name, pid, told) for name, end, pid, told in waits if end == "child"]
    # the third one was stopped: it had not ended
    assert [name for name, *_ in children[:3]] == ["wait4", "waitid", "wait4"]
    assert [pid for _, pid, _ in children[:3]] == [children[0][2], children[1][1], None]
    assert children[1][1] is not None


EPOLL_SERVER = """
import select, socket
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
poll, taken = select.epoll(), {}
poll.register(listener, select.EPOLLIN)
while True:
    for fd, _ in poll.poll():
        if fd == listener.fileno():
            sock, _ = listener.accept()
            taken[sock.fileno()] = sock
            poll.register(sock, select.EPOLLIN | select.EPOLLET)
        else:
            taken[fd].send(taken[fd].recv(99))
"""


@pytest.mark.parametrize("engine", ["ptrace", "ebpf"])
def test_what_a_server_watched_before_it_was_attached_to_is_known(engine: str, tmp_path: Path) -> None:
    """Its epoll_ctl calls were made before: of its connection, and of its listener."""
    capture, ended = tmp_path / "run.wiretale", threading.Event()
    words = [*WIRETALE, "record", "-q", "-o", str(capture), "--engine", engine, "--duration", "1"]
    with subprocess.Popen([sys.executable, "-c", EPOLL_SERVER], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            address = ("127.0.0.1", int(server.stdout.readline()))
            old = socket.create_connection(address)

            def talk() -> None:
                """On a connection from before, and on new ones."""
                while not ended.wait(0.03):
                    with socket.create_connection(address) as new:
                        for sock in (new, old):
                            sock.send(os.urandom(8))
                            assert sock.recv(99)

            old.send(b"salam")
            assert old.recv(99)
            client = threading.Thread(target=talk)
            client.start()
            try:
                subprocess.run([*words, "-p", str(server.pid)], check=True, timeout=90)
            finally:
                ended.set()
                client.join()
                old.close()
        finally:
            server.kill()
    with open_capture(capture) as db:
        query = """
            SELECT s.listening, s.from_ns <= (SELECT min(entry_ns) FROM call), ended_by, count(*)
            FROM wait w JOIN call c USING (call_id) LEFT JOIN socket s USING (socket_id)
            WHERE c.name = 'epoll_wait' AND c.exit_ns IS NOT NULL GROUP BY ALL"""
        waits = {tuple(row): count for *row, count in db.execute(query).fetchall()}
    assert set(waits) <= {(True, True, "packet"), (False, True, "packet"), (False, False, "packet")}
    assert waits[True, True, "packet"] > 3
