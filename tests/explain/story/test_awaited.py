"""A client of a program that was not recorded: how long it waited, and whether the time was lost on the way."""

import shlex
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.e2e.namespaces import run_in_two
from tests.e2e.session import WIRETALE, program
from tests.explain.story.recorded import text
from wiretale.explain.odd import awaited
from wiretale.explain.story import Step
from wiretale.explain.world import load_world
from wiretale.store.capture import open_capture

pytestmark = pytest.mark.e2e

LONG_S = 2 * awaited.LEAST_NS / 1e9
CLIENT = """
import os, select, socket, sys
client = socket.create_connection((sys.argv[1], int(sys.argv[2])))
for _ in range(2):
    client.sendall(b"question")
    WAIT
    client.recv(9)
"""
SEVERAL = "select.select([client, *os.pipe()[:1]], [], [])"


def steps(capture: Path) -> list[Step]:
    with open_capture(capture) as db:
        return awaited.find(load_world(db))


def told(folder: Path, late_s: float, wait: str = "pass") -> list[Step]:
    """What is said of a client whose two questions are answered so late."""
    never = threading.Event()

    def serve(listener: socket.socket) -> None:
        with listener.accept()[0] as peer:
            while peer.recv(9):
                never.wait(late_s)
                peer.sendall(b"answer")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=serve, args=[listener])
        server.start()
        words = [*WIRETALE, "record", "-q", "-i", "lo", "-o", str(folder / "c.wiretale"), "--", sys.executable, "-c"]
        port = str(listener.getsockname()[1])
        subprocess.run([*words, CLIENT.replace("WAIT", wait), "127.0.0.1", port], check=True, timeout=120)
        server.join()
    return steps(folder / "c.wiretale")


def test_the_time_that_the_other_program_took(tmp_path: Path) -> None:
    (step,) = told(tmp_path, LONG_S)
    said = text(step)
    assert "waited for `127.0.0.1:" in said and " 2 times: " in said and step.inferred
    assert "until `recvfrom()` returned with bytes from" in said
    assert "the time was spent by that program, or by those it asked. " in f"{said} " and "unless" not in said


def test_answers_that_come_at_once_are_not_told(tmp_path: Path) -> None:
    assert told(tmp_path, 0) == []


def test_who_waits_for_several_at_once_is_told_as_that(tmp_path: Path) -> None:
    (step,) = told(tmp_path, LONG_S, SEVERAL)
    assert "Meanwhile it waited in `" in text(step) and "which this socket ended" in text(step)


def test_who_reads_a_keyboard_as_well_may_wait_for_that(tmp_path: Path) -> None:
    assert told(tmp_path, LONG_S, f"{SEVERAL}; os.read(0, 1)") == []


def of_a_far_server(folder: Path, does: str, bad_path: str) -> Step:
    """What is said of a client whose questions `does` answers in another namespace."""
    server = ["nsenter", "-t", "{far}", "-n", program("socat"), "TCP-LISTEN:4000,reuseaddr", shlex.quote(does)]
    waiting = "until grep -q ':0FA0 .* 0A ' /proc/$(cat peer)/net/tcp /proc/$(cat peer)/net/tcp6; do :; done"
    client = [*WIRETALE, "record", "-q", "-o", "c.wiretale", "--", sys.executable, "-c", CLIENT, "10.0.0.2", "4000"]
    script = f'{" ".join(server)} & {waiting}; exec "$@"'
    run_in_two(folder, ["sh", "-c", script, "sh", *[word.replace("WAIT", "pass") for word in client]], bad_path)
    (step,) = steps(folder / "c.wiretale")
    return step


def test_the_time_that_was_lost_on_the_way(tmp_path: Path) -> None:
    lost = 3  # frames from the client: SYN, ACK, and the first question
    step = of_a_far_server(tmp_path, "EXEC:cat", f"1 drop={lost}")
    assert "The question was acknowledged only after" in text(step)


def test_what_was_lost_on_the_way_back_may_not_be_seen_to_be(tmp_path: Path) -> None:
    step = of_a_far_server(tmp_path, f"SYSTEM:sleep {LONG_S}; cat", "")
    assert "the question was not held up on the way" in text(step)
    assert "unless what it sent first was lost on the way back." in text(step)
