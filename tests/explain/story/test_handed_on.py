"""Servers that go on waiting for more of a client whose question is stuck further on; and those that are at rest."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.session import WIRETALE
from tests.explain.real_sockets import until
from tests.explain.story.recorded import text
from tests.explain.story.test_unanswered import TICKS_MS, since_data_came
from wiretale.explain.odd import asked_before, handed_on, unanswered
from wiretale.explain.story import Step
from wiretale.explain.world import World, load_world
from wiretale.store.capture import open_capture

pytestmark = pytest.mark.e2e

ANSWERED = 3  # questions of a client before the one that hangs

# One thread waits for events of all clients; {serve} is what it does with what it read.
SERVER = """
import os, queue, select, socket, sys, threading
further = int(sys.argv[1])
server, poller, clients = socket.create_server(("127.0.0.1", 0)), select.epoll(), {{}}
poller.register(server, select.EPOLLIN)
{prepare}
def ends():
    sys.stdin.readline()
    os._exit(0)
threading.Thread(target=ends, daemon=True).start()
print(server.getsockname()[1], flush=True)
while True:
    for fd, _ in poller.poll():
        if fd == server.fileno():
            client, _ = server.accept()
            clients[client.fileno()] = client
            poller.register(client, {events})
        else:
            {serve}
"""
# The loop itself asks another server, and answers when that one does.
LOOP = {
    "prepare": "other = socket.create_connection(('127.0.0.1', further)); poller.register(other, select.EPOLLIN)",
    "events": "select.EPOLLIN",
    "serve": "if fd == other.fileno(): other.recv(99); client.sendall(b'answer')\n"
             "            elif clients[fd].recv(99): other.sendall(b'get')",
}  # fmt: skip
# A worker does: by a question of its own to the other server, or by a write into a pipe.
POOL = {
    "prepare": "work = queue.SimpleQueue()\n"
               "def run():\n"
               "    {open}\n"
               "    while True:\n"
               "        client = work.get()\n"
               "        {do}\n"
               "        client.sendall(b'answer')\n"
               "threading.Thread(target=run, daemon=True).start()",
    "events": "select.EPOLLIN",
    "serve": "if clients[fd].recv(99): work.put(clients[fd])",
}  # fmt: skip
# A thread for each client only reads, and is in its next read while the worker answers.
READER = {
    "prepare": "\ndef read(client):\n    while client.recv(99): work.put(client)\n",
    "serve": "poller.unregister(fd)\n"
             "            threading.Thread(target=read, args=(clients[fd],), daemon=True).start()",
}  # fmt: skip
ASKS = {
    "open": "other = socket.create_connection(('127.0.0.1', further))",
    "do": "other.sendall(b'get'); other.recv(99)",
}
WRITES = {"open": "_, pipe = os.pipe()", "do": "os.write(pipe, bytes(20000))"}  # the fourth finds no room
# Takes what comes and sends it on, as a collector of logs does; both ends said hello in turns.
ONE_WAY = LOOP | {
    "serve": "if fd == other.fileno(): other.recv(99)\n"
             "            else:\n"
             "                data = clients[fd].recv(99)\n"
             "                if data.startswith(b'hello'): clients[fd].sendall(b'hello')\n"
             "                other.sendall(data)",
}  # fmt: skip
FORGETS = {
    "prepare": "count = 0",
    "events": "select.EPOLLIN | select.EPOLLONESHOT",
    "serve": "clients[fd].recv(99); clients[fd].sendall(b'answer'); count += 1\n"
             "            if count < 3: poller.modify(fd, select.EPOLLIN | select.EPOLLONESHOT)",
}  # fmt: skip
HTTP = {"prepare": "", "events": "select.EPOLLIN", "serve": "clients[fd].recv(999)"}


# One that waits in epoll_wait() for the answer to its last question.
EVENT_CLIENT = """
import os, select, socket
client, poller = socket.create_connection(("127.0.0.1", {port})), select.epoll()
poller.register(client, select.EPOLLIN)
for _ in range({answers}):
    client.sendall(b"ping")
    client.recv(99)
client.sendall(b"ping")
os.write(1, b"x")
poller.poll()
"""


@contextmanager
def other_server(answers: int) -> Iterator[int]:
    """A server that is not recorded and answers so many times on each connection."""

    def serve(client: socket.socket) -> None:
        with client:
            for number in range(10**6):
                if not client.recv(99):
                    return
                if number < answers:
                    client.sendall(b"found")

    def accept() -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(client,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


@contextmanager
def running(words: list[str], parts: dict[str, str], port: int) -> Iterator[tuple[subprocess.Popen[str], int]]:
    command = [*words, sys.executable, "-c", SERVER.format(**parts), str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None and server.stdout is not None
        try:
            yield server, int(server.stdout.readline())
        finally:
            server.stdin.close()
            server.wait(60)


def ask(client: socket.socket, question: bytes, answers: int) -> None:
    """Questions that are answered, and a last one, after a pause that the kernel's clock can tell."""
    for _ in range(answers):
        client.sendall(question)
        assert client.recv(99)
    if answers:
        until(lambda: since_data_came(client) >= TICKS_MS)
    client.sendall(question)


@contextmanager
def of_a_run(
    tmp_path: Path, parts: dict[str, str], question: bytes = b"ping", answers: int = ANSWERED
) -> Iterator[World]:
    """A server recorded from its start, until a client has waited in vain."""
    capture = tmp_path / "c.wiretale"
    record = [*WIRETALE, "record", "-q", "-i", "lo", "-o", str(capture), "--"]
    with (
        other_server(answers) as port,
        running(record, parts, port) as (_, at),
        socket.create_connection(("127.0.0.1", at), timeout=60) as client,
    ):
        ask(client, question, answers)
        client.settimeout(handed_on.LEAST_NS / 1e9 + 0.5)
        with pytest.raises(TimeoutError):
            client.recv(99)
    with open_capture(capture) as db:
        yield load_world(db)


@contextmanager
def attached_after(
    tmp_path: Path, parts: dict[str, str], question: bytes = b"ping", answers: int = ANSWERED
) -> Iterator[World]:
    """A recorder that comes after the hang."""
    capture = tmp_path / "c.wiretale"
    with (
        other_server(answers) as port,
        running([], parts, port) as (server, at),
        socket.create_connection(("127.0.0.1", at), timeout=60) as client,
    ):
        ask(client, question, answers)
        words = [*WIRETALE, "record", "-q", "-p", str(server.pid), "-o", str(capture), "--duration", "1.5"]
        subprocess.run(words, check=True, timeout=60)
    with open_capture(capture) as db:
        yield load_world(db)


def only(steps: list[Step]) -> str:
    (step,) = steps
    return text(step)


def test_a_loop_that_asked_another_server(tmp_path: Path) -> None:
    with of_a_run(tmp_path, LOOP) as world:
        told = only(handed_on.find(world))
    assert "went on to wait for more, and nothing was sent back" in told
    assert "3 questions at" in told and "as in 3 rounds before, which it answered" in told
    assert "nothing has come back from there since" in told and "(inferred)" in told


@pytest.mark.parametrize(
    ("does", "stuck_in"),
    [(ASKS, "`recvfrom()` on descriptor"), (WRITES, "`write()` on descriptor")],
    ids=["asks", "writes"],
)
@pytest.mark.parametrize("reads", [{}, READER], ids=["loop", "reader"])
def test_a_worker_that_is_stuck(tmp_path: Path, does: dict[str, str], stuck_in: str, reads: dict[str, str]) -> None:
    prepare = POOL["prepare"].format(**does) + reads.get("prepare", "")
    parts = POOL | reads | {"prepare": prepare}
    with of_a_run(tmp_path, parts) as world:
        told = only(handed_on.find(world))
    assert "had woken thread" in told and f"and that thread had been in {stuck_in}" in told
    assert "So the question is stuck there (inferred)" in told


def test_a_whole_request_of_http_has_to_be_answered(tmp_path: Path) -> None:
    with of_a_run(tmp_path, HTTP, b"GET / HTTP/1.1\r\nHost: here\r\n\r\n", 0) as world:
        told = only(handed_on.find(world))
    assert "a whole request of HTTP, which has to be answered" in told and "It asked no other server then" in told


@pytest.mark.parametrize(
    "question", [b"GET / HTTP/1.1\r\nHost:", b"a line of a log\n"], ids=["half a request", "a log"]
)
def test_what_needs_no_answer_yet_is_no_hang(tmp_path: Path, question: bytes) -> None:
    with of_a_run(tmp_path, HTTP, question, 0) as world:
        assert handed_on.find(world) == unanswered.find(world) == []


def test_what_goes_one_way_is_no_hang(tmp_path: Path) -> None:
    """After a greeting in turns everything is taken, sent on, and never answered."""
    with of_a_run(tmp_path, ONE_WAY, b"a line of a log\n", 0) as world:
        assert handed_on.find(world) == asked_before.find(world) == asked_before.find_for_others(world) == []


def test_after_the_hang_of_a_loop_the_kernel_knows_who_waits_for_whom(tmp_path: Path) -> None:
    with attached_after(tmp_path, LOOP) as world:
        told = only(asked_before.find_for_others(world))
        assert asked_before.find(world) == []
    assert "spoke last on connection" in told and "Nothing has come or gone on either since" in told
    assert "4 segments with payload had come on the first and 3 had gone" in told


def test_after_the_hang_of_a_first_question_the_two_may_be_messages(tmp_path: Path) -> None:
    with attached_after(tmp_path, LOOP, answers=0) as world:
        told = only(asked_before.find_for_others(world))
    assert "1 segment with payload had come on the first and none had gone" in told
    assert "If these are questions" in told and "from messages that nobody answers" in told


@pytest.mark.parametrize("answers", [0, ANSWERED])
@pytest.mark.parametrize("attached", [False, True], ids=["recorded", "attached"])
def test_the_hang_of_a_client_that_waits_for_events(tmp_path: Path, answers: int, *, attached: bool) -> None:
    capture = tmp_path / "c.wiretale"
    with other_server(answers) as port:
        code = EVENT_CLIENT.format(port=port, answers=answers)
        if not attached:
            words = [*WIRETALE, "record", "-q", "-i", "lo", "-o", str(capture), "--duration", "3", "--"]
            subprocess.run([*words, sys.executable, "-c", code], check=False, timeout=60, stdout=subprocess.DEVNULL)
        else:
            with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as client:
                try:
                    assert client.stdout is not None and client.stdout.read(1) == b"x"
                    words = [*WIRETALE, "record", "-q", "-p", str(client.pid), "-o", str(capture), "--duration", "1.5"]
                    subprocess.run(words, check=True, timeout=60)
                finally:
                    client.kill()
    with open_capture(capture) as db:
        world = load_world(db)
        assert asked_before.find(world) == []
        told = only(asked_before.find_for_others(world))
    assert "spoke last on connection" in told and "may be a question" in told
    assert ("one more than the 3 segments" if answers else "none has come from there") in told


def test_after_the_hang_of_a_worker_it_waits_for_an_answer(tmp_path: Path) -> None:
    with attached_after(tmp_path, POOL | {"prepare": POOL["prepare"].format(**ASKS)}) as world:
        told = only(asked_before.find(world))
        assert asked_before.find_for_others(world) == []
    assert "in `recvfrom()` on descriptor" in told and "the process spoke last there" in told


@pytest.mark.parametrize("attached", [False, True], ids=["recorded", "attached"])
def test_bytes_that_an_epoll_instance_does_not_watch_for(tmp_path: Path, *, attached: bool) -> None:
    with (attached_after if attached else of_a_run)(tmp_path, FORGETS) as world:
        told = only(unanswered.find(world))
    assert "`epoll_wait()` on descriptor" in told and "did not watch for these bytes" in told
    assert "`EPOLLONESHOT`" in told
