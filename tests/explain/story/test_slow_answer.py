"""A server that takes long to answer: where the time of the thread that answers went, from its calls alone."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.session import WIRETALE
from tests.explain.story.recorded import text
from wiretale.explain.odd import slow_answer
from wiretale.explain.story import Step
from wiretale.explain.world import load_world
from wiretale.store.capture import open_capture

pytestmark = pytest.mark.e2e

LONG_S = 2 * slow_answer.LEAST_NS / 1e9
# A server that answers each of its clients once, `work` being what it does before; the backend is another process.
SERVER = f"""
import os, socket, sys, time
LONG_S = {LONG_S}
backend = socket.create_server(("127.0.0.1", 0))
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
clients = [server.accept()[0] for _ in range(2)]
def work():
    WORK
for client in clients:
    client.recv(9)
    work()
    client.sendall(b"answer")
sys.stdin.readline()
"""
SLEEPS = "time.sleep(LONG_S)"
COMPUTES = """
    end = time.monotonic() + LONG_S
    while time.monotonic() < end: pass"""
ASKS = """
    if not os.fork():
        asked, _ = backend.accept()
        asked.recv(9)
        time.sleep(LONG_S)
        asked.sendall(b"data")
        os._exit(0)
    other = socket.create_connection(backend.getsockname())
    other.sendall(b"query")
    other.recv(9)
    other.close()"""
SERVES_OTHERS = "time.sleep(LONG_S); clients[1].recv(4) if client is clients[0] else None"


def of(folder: Path, work: str) -> list[Step]:
    capture = folder / "c.wiretale"
    words = [*WIRETALE, "record", "-q", "--no-packets", "-o", str(capture), "--", sys.executable, "-c"]
    with subprocess.Popen(
        [*words, SERVER.replace("WORK", work)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None and server.stdin is not None
        port = int(server.stdout.readline())
        clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(2)]
        for client in clients:
            client.sendall(b"question")
        for client in clients:
            assert client.recv(9) == b"answer"
            client.close()
        server.stdin.close()
        assert server.wait(60) == 0
    with open_capture(capture) as db:
        return slow_answer.find(load_world(db))


def test_the_call_that_took_the_time_is_named(tmp_path: Path) -> None:
    (step,) = of(tmp_path, SLEEPS)
    told = text(step)
    assert step.inferred and "answered 2 times at `127.0.0.1:" in told and "The slowest was on connection" in told
    assert "began the answer with `sendto()`" in told and "had returned with the question" in told
    assert "in `clock_nanosleep()`" in told and "in no call" not in told


def test_what_another_server_took_is_said_to_be_its_time(tmp_path: Path) -> None:
    steps = [text(step) for step in of(tmp_path, ASKS)]
    assert any("in `recvfrom()` on descriptor" in told and "(connected to `127.0.0.1:" in told for told in steps), steps


def test_a_server_that_computes_is_in_no_call(tmp_path: Path) -> None:
    (step,) = of(tmp_path, COMPUTES)
    assert "in no call: it ran its own code, or waited for a CPU" in text(step)


def test_what_follows_the_words_of_others_is_no_answer(tmp_path: Path) -> None:
    """The first client is written to after the second was read: perhaps because of that."""
    steps = of(tmp_path, SERVES_OTHERS)
    assert all("answered 2 times" not in text(step) for step in steps)
    assert all("connection 1" not in text(step) for step in steps)
