"""Sockets handed on, shared, borrowed from, and of other kinds: every byte linked, whoever records the calls."""

import os
import shlex
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import require
from tests.e2e.proof import faults
from tests.e2e.session import WIRETALE, program
from wiretale.check.check import check
from wiretale.store.capture import open_capture

pytestmark = pytest.mark.e2e

# bytes written to sockets over IP, and what proves that the scenario took place
KINDS = {
    "zero-copy": (
        609_000,
        "SELECT count(*) > 1 FROM call JOIN call_data USING (call_id) WHERE name = 'recvmsg' AND role = 'control'",
    ),
    "handed-listener": (100_200, "SELECT count(DISTINCT pid) = 3 FROM stream_write JOIN call USING (call_id)"),
    "handed-by-multiprocessing": (40_000, "SELECT count(*) > 0 FROM descriptor WHERE how LIKE 'received%'"),
    "shared-port": (9_600, "SELECT count(*) = 6 FROM call JOIN socket_sample USING (call_id) WHERE name = 'bind'"),
    "link-local": (60_300, "SELECT count(*) = 2 FROM connection WHERE server_addr = 'fe80::1'"),
    "many-homes": (1_556, "SELECT count(DISTINCT server_addr) = 4 FROM connection"),
    "udp-lite": (6_404, "SELECT count(*) = 1 FROM connection WHERE protocol = 'udplite'"),
    "two-paths": (  # bytes that went over both
        1_800_002,
        "SELECT count(*) > 0 FROM segment a JOIN segment b USING (connection_id, direction)"
        " WHERE a.shown AND b.shown AND a.tcp_stream < b.tcp_stream AND a.lo < b.hi AND b.lo < a.hi",
    ),
    "splicing-proxy": (800_000, "SELECT count(*) >= 4 FROM call WHERE name = 'splice' AND retval > 0"),
}


def record(name: str, folder: Path, *options: str) -> Path:
    """Record all ends of one scenario in a network of its own."""
    require(os.geteuid() == 0, "the test runs as root: it makes network namespaces, addresses and interfaces")
    capture = folder / "run.wiretale"
    target = [sys.executable, "-m", "tests.e2e.socket_kinds", name]
    words = [*WIRETALE, "record", "-q", "-o", str(capture), "--snaplen", "all", *options, "--", *target]
    done = subprocess.run(
        [program("unshare"), "-n", "sh", "-c", f"ip link set lo up; exec {shlex.join(words)}"],
        cwd=Path(__file__).parents[2], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=90,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return capture


@pytest.mark.parametrize("engine", ["ptrace", "ebpf"])
@pytest.mark.parametrize("name", KINDS)
def test_every_byte_is_linked(name: str, engine: str, tmp_path: Path) -> None:
    size, witness = KINDS[name]
    with open_capture(record(name, tmp_path, "--engine", engine)) as db:
        assert not faults(db)
        streams = [s for s in check(db).streams if s.carried]
        assert sum(s.written for s in streams if not s.protocol.startswith("unix")) == size
        for stream in streams:
            assert stream.linked == stream.carried, stream
            if name != "splicing-proxy":  # what moves inside the kernel has no bytes in memory
                assert stream.compared == stream.carried, stream
        assert db.execute(witness).fetchall() == [(True,)]


def test_the_story_takes_no_second_path_for_another_try(tmp_path: Path) -> None:
    capture = record("two-paths", tmp_path)
    told = subprocess.run([*WIRETALE, "explain", str(capture)], capture_output=True, text=True, check=True).stdout
    assert "SYN: may I connect?" in told
    assert "no answer had come" not in told


def test_ports_of_vsock_have_32_bits(tmp_path: Path) -> None:
    try:
        socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM).close()
    except OSError as fault:
        require(None, f"vsock sockets can be made ({fault})")
    with open_capture(record("vsock", tmp_path)) as db:
        samples = db.execute("SELECT local_addr, local_port FROM socket_sample WHERE family = 'AF_VSOCK' ORDER BY ALL")
        assert samples.fetchall() == [("VMADDR_CID_ANY", 0xF0000001)] * 2 + [("VMADDR_CID_ANY", None)]
