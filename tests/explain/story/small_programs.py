"""What scripts of many small programs share: how two ends are made, and how all programs run, one after the other."""

import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

HOST = "127.0.0.1"
FAR = "203.0.113.7"  # an address without a route (RFC 5737)


def pair(port: int, *, buffer: int = 0, backlog: int = 5) -> tuple[socket.socket, socket.socket]:
    """A client and a server that are connected, in one process."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if buffer:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        listener.bind((HOST, port))
        listener.listen(backlog)
        client = socket.create_connection((HOST, port))
        return client, listener.accept()[0]


def receive(sock: socket.socket, size: int) -> bytes:
    """Exactly `size` bytes, or fewer at the end of the stream."""
    got = b""
    while len(got) < size and (part := sock.recv(size - len(got))):
        got += part
    return got


def child(work: Callable[[], None]) -> int:
    """Run `work` in a child; gives its pid."""
    pid = os.fork()
    if pid == 0:
        work()
        os._exit(0)
    return pid


def run_each(programs: Mapping[str, Callable[[], None]], log: str, *names: str) -> None:
    """Run those named, or all, each in a process of its own; `log` gets a line `NAME PID STATUS` for each."""
    for name in names or programs:
        pid = child(programs[name])
        status = os.waitpid(pid, 0)[1]
        with Path(log).open("a") as file:
            file.write(f"{name} {pid} {status}\n")
