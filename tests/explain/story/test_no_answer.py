"""A question to a program that was not traced: what packets and the kernel's list of sockets say of its way."""

import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.e2e.namespaces import run_in_two
from tests.e2e.session import WIRETALE
from tests.explain.story.recorded import text
from wiretale.explain.odd import no_answer
from wiretale.explain.world import load_world
from wiretale.store.capture import open_capture

pytestmark = pytest.mark.e2e

GIVES_UP = """
import socket, sys
client = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
client.sendall(b"hello")
client.settimeout(1.1)
try: client.recv(9)
except TimeoutError: pass
"""
# One thread asks with the lock held, another wants the lock; the end comes while both wait.
HANGS = """
import os, signal, socket, sys, threading, time
client, lock, asked = socket.create_connection(("127.0.0.1", int(sys.argv[1]))), threading.Lock(), threading.Event()
def ask():
    with lock:
        client.sendall(b"hello")
        asked.set()
        client.recv(9)
def want():
    asked.wait()
    with lock: pass
for work in (ask, want): threading.Thread(target=work).start()
asked.wait()
time.sleep(2)
os.kill(os.getpid(), signal.SIGKILL)
"""
# The server's link goes down under an established connection.
CUT_OFF = """
import glob, socket, subprocess, sys
for wait in glob.glob("/proc/sys/net/ipv4/neigh/*/retrans_time_ms"):
    with open(wait, "w") as file: file.write("100")
far = ["nsenter", "-t", sys.argv[1], "-n"]
listens = "import socket; l = socket.create_server(('10.0.0.2', 4000)); print(flush=True); input()"
server = subprocess.Popen([*far, sys.executable, "-c", listens], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
server.stdout.readline()
client = socket.create_connection(("10.0.0.2", 4000))
subprocess.run([*far, "ip", "link", "set", "vb", "down"], check=True)
client.sendall(b"hello")
client.settimeout(2)
try: client.recv(9)
except TimeoutError: pass
server.communicate(b"\\n")
"""


def said(folder: Path, script: str, *, reads: bool) -> str:
    """What is told of a client whose server never answers."""
    capture = folder / "c.wiretale"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken: list[socket.socket] = []

        def serve() -> None:
            taken.append(listener.accept()[0])
            if reads:
                taken[0].recv(5, socket.MSG_WAITALL)

        server = threading.Thread(target=serve)
        server.start()
        port = str(listener.getsockname()[1])
        words = [*WIRETALE, "record", "-q", "-i", "lo", "-o", str(capture), "--", sys.executable, "-c", script, port]
        subprocess.run(words, check=False, timeout=120)
        server.join()
        taken[0].close()
    with open_capture(capture) as db:
        (step,) = no_answer.find(load_world(db))
        return text(step)


def test_what_was_not_read_is_counted_without_the_fin_behind_it(tmp_path: Path) -> None:
    told = said(tmp_path, GIVES_UP, reads=False)
    assert "sent 5 bytes with `sendto()`" in told and "stopped when its time limit ran out" in told
    assert "The kernel at the other end has them: packet" in told
    assert "shows 5 bytes unread at that end: its program does not read." in told


def test_what_was_read_is_said_to_be_read(tmp_path: Path) -> None:
    told = said(tmp_path, GIVES_UP, reads=True)
    assert "shows nothing unread at that end: its program has read them, and did not answer." in told
    assert "futex" not in told


def test_a_thread_that_wants_a_lock_meanwhile_may_hang_on_the_same_silence(tmp_path: Path) -> None:
    told = said(tmp_path, HANGS, reads=True)
    assert "and still did at the end." in told
    assert "of the same process is blocked in `futex()`" in told
    assert told.count("(inferred)") == 1


def test_what_icmp_says_of_the_way_is_told(tmp_path: Path) -> None:
    said = run_in_two(
        tmp_path, [*WIRETALE, "record", "-q", "-o", "c.wiretale", "--", sys.executable, "-c", CUT_OFF, "{far}"]
    )
    assert (tmp_path / "c.wiretale").exists(), said
    with open_capture(tmp_path / "c.wiretale") as db:
        (step,) = no_answer.find(load_world(db))
    told = text(step)
    assert "No acknowledgement of them was captured." in told
    assert "the own kernel (10.0.0.1) reported by ICMP: host unreachable (packet" in told
