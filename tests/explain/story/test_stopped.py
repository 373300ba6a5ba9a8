"""A process that a signal stopped is not one that hangs; and of one that computes it is said that it had a CPU."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import require
from tests.e2e.session import WIRETALE
from tests.explain.real_sockets import until
from tests.explain.story.recorded import text
from wiretale.explain.odd import stopped, unanswered
from wiretale.explain.world import load_world
from wiretale.record.ebpf import calls
from wiretale.record.procfs.threads import threads
from wiretale.store.capture import open_capture

pytestmark = pytest.mark.e2e

ASLEEP = "import threading, time\nthreading.Thread(target=time.sleep, args=(999,), daemon=True).start()\n" \
         "print(flush=True)\ninput()"  # fmt: skip
COMPUTES = """
import socket
with socket.create_server(("127.0.0.1", 0)) as server:
    print(server.getsockname()[1], flush=True)
    client, _ = server.accept()
    client.recv(9)
    while True: pass
"""


def record(tmp_path: Path, pid: int, engine: str = "ptrace") -> Path:
    capture = tmp_path / "c.wiretale"
    words = [*WIRETALE, "record", "-q", "--engine", engine, "-p", str(pid), "-o", str(capture), "--duration", "1.5"]
    subprocess.run(words, check=True, timeout=60)
    return capture


@pytest.mark.parametrize("engine", ["ptrace", "ebpf"])
@pytest.mark.parametrize("stops", [True, False], ids=["stopped", "asleep"])
def test_a_stopped_process_is_said_to_be_that(tmp_path: Path, engine: str, *, stops: bool) -> None:
    if engine == "ebpf":
        require(os.geteuid() == 0 and calls.OBJECT_PATH.exists(), "root, and the kernel programs are compiled")
    words = [sys.executable, "-c", ASLEEP]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline()
        if stops:
            process.send_signal(signal.SIGSTOP)
            until(lambda: {row["state"] for row in threads(process.pid)} == {"T"})
        capture = record(tmp_path, process.pid, engine)
        process.kill()
    with open_capture(capture) as db:
        told = [text(step) for step in stopped.find(load_world(db))]
    assert len(told) == stops
    assert all("was stopped when the recorder came, and still at" in words for words in told)


def test_a_server_that_computes_had_a_cpu_or_waited_for_one(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", COMPUTES], stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        with socket.create_connection(("127.0.0.1", int(server.stdout.readline()))) as client:
            client.sendall(b"ping")
            until(lambda: next(threads(server.pid))["number"] is None)
            capture = record(tmp_path, server.pid)
        server.kill()
    with open_capture(capture) as db:
        (step,) = unanswered.find(load_world(db))
    assert step.title == "Read, and not answered"
    assert "a CPU for" in text(step) and "between the recorder's two looks at it" in text(step)
