"""What other programs of the machine sent meanwhile: it is captured, and it is no trouble of the recorded program."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.session import WIRETALE
from tests.explain.story.recorded import text
from wiretale.explain.odd import full_receiver
from wiretale.explain.summary import about
from wiretale.explain.world import load_world
from wiretale.store.capture import open_capture

pytestmark = pytest.mark.e2e

# Fills a receiver that does not read, until it has no room, and empties it.
FILLS = """
import socket
with socket.create_server(("127.0.0.1", 0)) as server:
    client = socket.create_connection(server.getsockname())
    peer, _ = server.accept()
client.settimeout(0.5)
sent = 0
try:
    while True:
        sent += client.send(bytes(65536))
except TimeoutError:
    pass
while sent:
    sent -= len(peer.recv(1 << 20))
"""
TALKS = """
import socket, subprocess, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as client:
    client.sendall(b"go")
    client.recv(1)
"""


def fills() -> None:
    subprocess.run([sys.executable, "-c", FILLS], check=True, timeout=60)


def recorded(tmp_path: Path, program: list[str], *, meanwhile: bool) -> Path:
    """A capture of a program that, if it shall, is a client until another program has filled a receiver."""
    capture = tmp_path / "c.wiretale"
    words = [*WIRETALE, "record", "-q", "-i", "lo", "-o", str(capture), "--", sys.executable, "-c", *program]
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        with subprocess.Popen([*words, str(server.getsockname()[1])]) as recorder:
            if meanwhile:
                client, _ = server.accept()
                with client:
                    assert client.recv(2) == b"go"
                    fills()
                    client.sendall(b"!")
        assert recorder.returncode == 0
    return capture


def test_a_full_receiver_of_another_program_is_not_told(tmp_path: Path) -> None:
    with open_capture(recorded(tmp_path, [TALKS], meanwhile=True)) as db:
        others = db.execute(
            "SELECT count(*) FROM segment WHERE list_contains(analysis, 'zero_window') AND shown"
        ).fetchone()
        assert others is not None and others[0] > 0
        world = load_world(db)
        assert full_receiver.find(world) == []
        assert "of them of connections between other programs, which are left out" in about(world)[0]


def test_the_same_of_the_recorded_program_is(tmp_path: Path) -> None:
    with open_capture(recorded(tmp_path, [FILLS], meanwhile=False)) as db:
        assert "that it had no room" in text(full_receiver.find(load_world(db))[0])
