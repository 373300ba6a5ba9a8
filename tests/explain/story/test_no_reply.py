"""Questions by UDP to which nothing came back, told of those that waited for a reply and of no other."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.session import WIRETALE
from tests.explain.story.recorded import text
from wiretale.explain.odd import no_reply
from wiretale.explain.story import Step
from wiretale.explain.world import load_world
from wiretale.store.capture import open_capture

pytestmark = pytest.mark.e2e

LIMIT_S = no_reply.LEAST_NS / 1e9 + 0.1
ASKS = f"""
import socket, struct, sys
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.connect(("127.0.0.1", int(sys.argv[1])))
client.settimeout({LIMIT_S})
QUERY = struct.pack(">6H", 77, 0x100, 1, 0, 0, 0) + b"\\x07example\\x03com\\x00" + struct.pack(">2H", 28, 1)
def wait():
    try: client.recv(99)
    except OSError: pass
"""
NAME = ASKS + "client.send(QUERY); wait(); client.close()"
WORDS = ASKS + "client.send(b'anybody?'); wait()"
LOGS = ASKS + "import time\nfor _ in range(2): client.send(b'<13>a line of a log'); time.sleep(0.6)"


def told(folder: Path, program: str, *, listens: bool = True) -> list[Step]:
    capture = folder / "c.wiretale"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        if not listens:
            silent.close()
        words = [*WIRETALE, "record", "-q", "-i", "lo", "-o", str(capture), "--", sys.executable, "-c", program]
        subprocess.run([*words, str(port)], check=True, timeout=120)
    with open_capture(capture) as db:
        return no_reply.find(load_world(db))


def test_a_name_that_was_asked_for_in_vain(tmp_path: Path) -> None:
    (step,) = told(tmp_path, NAME)
    said = text(step)
    assert "for `example.com` (AAAA) with 1 datagram" in said and "until it closed its socket" in said
    assert "Of that time threads waited 1." in said and step.inferred  # it was no port of a server of names


def test_a_datagram_that_was_waited_for_in_vain(tmp_path: Path) -> None:
    (step,) = told(tmp_path, WORDS)
    assert "asked `127.0.0.1:" in text(step) and "for `" not in text(step) and not step.inferred


def test_who_only_tells_waits_for_no_reply(tmp_path: Path) -> None:
    assert told(tmp_path, LOGS) == []


def test_an_icmp_error_is_told_as_that(tmp_path: Path) -> None:
    assert told(tmp_path, NAME, listens=False) == []
