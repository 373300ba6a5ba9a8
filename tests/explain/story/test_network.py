"""What stands in the way of a connection: packets too large for a link, ports that are all taken."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import require
from tests.e2e.namespaces import run_in_two
from tests.e2e.session import WIRETALE, program
from tests.explain.story.recorded import text
from wiretale.explain.odd import black_hole, no_port
from wiretale.explain.odd._rows import times
from wiretale.explain.world import load_world
from wiretale.store.capture import open_capture

pytestmark = pytest.mark.e2e

SERVER = "import socket, sys; l = socket.create_server(('10.0.0.2', 4000)); c, _ = l.accept(); c.recv(9); c.recv(9999)"
# A short message first, then one of three full segments and a small one.
CLIENT = """
import socket, sys, time
for _ in range(600):
    try: client = socket.create_connection(("10.0.0.2", 4000))
    except ConnectionRefusedError: time.sleep(0.1)
    else: break
client.sendall(b"hello")
client.sendall(bytes(3 * 1448 + 100))
client.settimeout(3)
try: client.recv(9)
except TimeoutError: pass
"""
# As many connections as there are ports, closed by this end first, and two more.
TAKES_ALL = """
import socket
listener = socket.create_server(("127.0.0.1", 0))
for _ in range(5):
    try: client = socket.create_connection(listener.getsockname())
    except OSError as fault: print(fault.errno)
    else: client.close(); listener.accept()[0].close()
"""


def between_two(folder: Path, bad_path: str) -> Path:
    """The capture of the client, whose messages go through a path that drops packets above 1,000 bytes."""
    server = shlex.join([program("nsenter"), "-t", "{far}", "-n", sys.executable, "-c", SERVER])
    record = shlex.join([*WIRETALE, "record", "-q", "-o", "c.wiretale", "--", sys.executable, "-c", CLIENT])
    script = f"{server} & server=$!; {record}; kill $server".replace("'{far}'", "{far}")
    said = run_in_two(folder, ["eval", script], bad_path)
    assert (folder / "c.wiretale").exists(), said
    return folder / "c.wiretale"


def test_a_black_hole_for_large_packets_is_inferred(tmp_path: Path) -> None:
    with open_capture(between_two(tmp_path, "7 hole=1000")) as db:
        (step,) = black_hole.find(load_world(db))
    said = text(step)
    assert "no segment to the server of 1,448 bytes or more arrived" in said and step.inferred
    assert "in a segment of 100 bytes did: packet" in said


def test_a_lossy_way_is_no_black_hole(tmp_path: Path) -> None:
    with open_capture(between_two(tmp_path, "7 lose=0.3")) as db:
        assert black_hole.find(load_world(db)) == []


def test_ports_that_are_all_taken(tmp_path: Path) -> None:
    require(os.geteuid() == 0 and shutil.which("unshare"), "the test runs as root, to make a network namespace")
    record = shlex.join([*WIRETALE, "record", "-q", "-o", "c.wiretale", "--", sys.executable, "-c", TAKES_ALL])
    script = f"ip link set lo up; echo 40000 40003 >/proc/sys/net/ipv4/ip_local_port_range; {record}"
    done = subprocess.run(
        ["unshare", "-n", "sh", "-c", script], cwd=tmp_path, check=True, timeout=120, capture_output=True, text=True
    )
    failed = done.stdout.split().count("99")
    assert failed >= 1
    with open_capture(tmp_path / "c.wiretale") as db:
        (step,) = no_port.find(load_world(db))
    said = text(step)
    assert f"{times(failed)} in vain: EADDRNOTAVAIL" in said
    assert f"{5 - failed} in TIME-WAIT" in said
