"""Netcats as test subjects: start one, wait for a condition, end it by its pid."""

import hashlib
import os
import select
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

OURS = (sys.executable, "-m", "wiretale.netcat")
DEADLINE_S = 30.0


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Look again every few milliseconds until `condition` holds; a failure after the deadline says what was awaited."""
    end = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end, f"waited {DEADLINE_S:g} s for {what}"
        select.select([], [], [], 0.005)


def free_port(kind: int = socket.SOCK_STREAM, host: str = "127.0.0.1") -> int:
    """A port nobody uses at this moment."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind) as sock:
        sock.bind((host, 0))
        port: int = sock.getsockname()[1]
        return port


def is_bound(port: int, protocol: str = "tcp") -> bool:
    """Whether a socket listens on the TCP port or is bound to the UDP port, of either family (proc(5), net/tcp)."""
    for table in (protocol, f"{protocol}6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if int(fields[1].rsplit(":", 1)[1], 16) == port and fields[3] == ("0A" if protocol == "tcp" else "07"):
                return True
    return False


def wait_bound(port: int, protocol: str = "tcp") -> None:
    """Until a server is there."""
    wait_until(lambda: is_bound(port, protocol), f"a server on {protocol} port {port}")


def wait_path(path: Path) -> None:
    """Until a server has bound this unix socket and, if it is a stream, listens (proc(5), net/unix)."""

    def serves() -> bool:
        for line in Path("/proc/net/unix").read_text().splitlines()[1:]:
            fields = line.split(None, 7)
            if len(fields) == 8 and fields[7] == str(path):
                return fields[4] == "0002" or fields[3] == "00010000"  # datagram, or __SO_ACCEPTCON
        return False

    wait_until(serves, f"a server at {path}")


def found(name: str) -> str | None:
    """The program's path, or None."""
    return shutil.which(name)


@contextmanager
def started(
    command: list[str],
    *,
    stdin: IO[bytes] | int = subprocess.PIPE,
    stdout: IO[bytes] | int = subprocess.PIPE,
) -> Iterator[subprocess.Popen[bytes]]:
    """A running program, ended by its pid at the latest when the test ends. Standard error is a pipe."""
    process = subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, env=os.environ)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe:
                pipe.close()
        process.wait()


def read_exactly(pipe: IO[bytes] | None, size: int) -> bytes:
    """Exactly `size` bytes from a pipe, or what came before the deadline."""
    assert pipe
    data = b""
    while len(data) < size and select.select([pipe], [], [], DEADLINE_S)[0]:
        chunk = os.read(pipe.fileno(), size - len(data))
        if not chunk:
            break
        data += chunk
    return data


def sha256(path: Path) -> str:
    """Digest of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
