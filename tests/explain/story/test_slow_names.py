"""Names whose look-up took long, told of what was waited for and of nothing else."""

import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.e2e.session import WIRETALE
from tests.explain.story.recorded import text
from wiretale.explain.odd import no_reply, slow_names
from wiretale.explain.story import Step
from wiretale.explain.world import load_world
from wiretale.store.capture import open_capture

pytestmark = pytest.mark.e2e

LIMIT_S = slow_names.LEAST_NS / 1e9 + 0.1
AAAA = b"\x00\x1c\x00\x01"
# Asks for both kinds of address at once, as resolvers do, and waits for two answers, each for a while.
ASKS = f"""
import socket, struct, sys
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.connect(("127.0.0.1", int(sys.argv[1])))
client.settimeout({LIMIT_S})
for number, kind in ((7, 1), (8, 28)):
    head, end = struct.pack(">6H", number, 0x100, 1, 0, 0, 0), struct.pack(">2H", kind, 1)
    client.send(head + b"\\x07example\\x03com\\x00" + end)
try:
    for _ in range(2): client.recv(99)
except OSError: pass
client.close()
"""


def told(folder: Path, *, ignores: bytes | None = None, late: bytes | None = None) -> list[Step]:
    """What is said of a client whose server ignores questions that end so, or answers them after the others' time."""
    capture, enough = folder / "c.wiretale", threading.Event()

    def serve(server: socket.socket) -> None:
        for _ in range(2):
            question, client = server.recvfrom(512)
            if question.endswith(ignores or b"none"):
                continue
            if question.endswith(late or b"none"):
                enough.wait(LIMIT_S - 0.05)
            server.sendto(question[:2] + b"\x81\x80" + question[4:], client)

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        serving = threading.Thread(target=serve, args=[server])
        serving.start()
        words = [*WIRETALE, "record", "-q", "-i", "lo", "-o", str(capture), "--", sys.executable, "-c", ASKS]
        subprocess.run([*words, str(server.getsockname()[1])], check=True, timeout=120)
        serving.join()
    with open_capture(capture) as db:
        world = load_world(db)
        assert no_reply.find(world) == []
        return slow_names.find(world)


def test_a_type_that_the_server_ignores(tmp_path: Path) -> None:
    (step,) = told(tmp_path, ignores=AAAA)
    said = text(step)
    assert "for `example.com` (AAAA) with 1 datagram from" in said and "(A)" not in said
    assert "no answer came, though others of the same socket were answered" in said
    assert "Threads waited 1." in said and step.evidence


def test_an_answer_that_came_late(tmp_path: Path) -> None:
    (step,) = told(tmp_path, late=AAAA)
    said = text(step)
    assert "for `example.com` (AAAA) and read the answer 1." in said and "no answer came" not in said
    assert "Threads waited 1." in said


def test_answers_that_come_at_once_are_not_told(tmp_path: Path) -> None:
    assert told(tmp_path) == []
