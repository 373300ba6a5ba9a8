"""A server that runs out of descriptors: what it had open, who had closed already, and who was never accepted."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.session import WIRETALE
from tests.explain.story.recorded import text
from wiretale.explain.odd import failed_setup, no_answer, out_of_descriptors
from wiretale.explain.world import load_world
from wiretale.store.capture import open_capture

pytestmark = pytest.mark.e2e

# A server with room for two connections more, and a client that makes four; it closes the first two when `leaves`.
SERVER = """
import os, resource, socket, sys
leaves = sys.argv[1] == "leaves"
server = socket.create_server(("127.0.0.1", 0))
ready, go = os.pipe(), os.pipe()
if not os.fork():
    clients = [socket.create_connection(server.getsockname()) for _ in range(4)]
    server.close()
    if leaves:
        for client in clients[:2]: client.close()
    else:
        clients[3].sendall(b"question")
    os.write(ready[1], b"1")
    if not leaves:
        clients[3].settimeout(1.1)
        try: clients[3].recv(9)
        except TimeoutError: pass
    os.write(go[1], b"1")
    os._exit(0)
os.read(ready[0], 1)
probe = os.dup(0)
os.close(probe)
resource.setrlimit(resource.RLIMIT_NOFILE, (probe + 2, probe + 2))
held = []
for _ in range(4):
    try: held.append(server.accept()[0])
    except OSError: pass
os.read(go[0], 1)
os.waitpid(-1, 0)
"""


def capture_of(folder: Path, what: str) -> Path:
    capture = folder / "c.wiretale"
    words = [*WIRETALE, "record", "-q", "-i", "lo", "-o", str(capture), "--", sys.executable, "-c", SERVER, what]
    subprocess.run(words, check=True, timeout=120)
    return capture


def test_what_is_open_and_who_waits_in_the_queue_is_told(tmp_path: Path) -> None:
    with open_capture(capture_of(tmp_path, "stays")) as db:
        world = load_world(db)
        (step,) = out_of_descriptors.find(world)
        told = text(step)
        assert "`accept4()` of pid" in told and "failed 2 times between" in told and "`EMFILE`" in told
        assert "3 sockets" in told and "CLOSE-WAIT" not in told
        assert "2 connections to it stood, by the kernel's doing, and no recorded call accepted them" in told
        (hang,) = no_answer.find(world)
        assert "listens there, and no recorded call accepted the connection" in text(hang)
        assert failed_setup.find(world) == []


def test_sockets_that_the_other_end_has_left_are_counted(tmp_path: Path) -> None:
    with open_capture(capture_of(tmp_path, "leaves")) as db:
        (step,) = out_of_descriptors.find(load_world(db))
    assert "The other end of 2 of these sockets had closed (CLOSE-WAIT): the program has only to close them." in text(
        step
    )
