"""Who does what, where a process id alone would not tell: `python naming_programs.py FILE NAME...`.

Each runs in a process of its own, one after the other; FILE gets a line `NAME PID STATUS` for each of them.
"""

import contextlib
import fcntl
import os
import shutil
import socket
import sys
import termios
import threading
from collections.abc import Callable

from small_programs import HOST, child, pair, receive, run_each


def two_threads() -> None:
    """One process, a thread at each end."""
    listener = socket.create_server((HOST, 5200))

    def serve() -> None:
        server = listener.accept()[0]
        server.sendall(receive(server, 4).upper())
        receive(server, 1)
        server.close()

    thread = threading.Thread(target=serve)
    thread.start()
    client = socket.create_connection((HOST, 5200))
    client.sendall(b"ping")
    receive(client, 4)
    client.close()
    thread.join()
    listener.close()


def after_exec() -> None:
    """The client connects, then becomes another program that does the talking."""
    listener = socket.create_server((HOST, 5201))

    def become() -> None:
        client = socket.create_connection((HOST, 5201))
        client.set_inheritable(True)
        os.dup2(client.fileno(), 1)
        os.execv(shutil.which("echo") or "/bin/echo", ["echo", "hello"])

    pid = child(become)
    server = listener.accept()[0]
    receive(server, 6)
    os.waitpid(pid, 0)
    server.close()
    listener.close()


def looking() -> None:
    """What perl does with each of its sockets."""
    client, server = pair(5202)
    for _ in range(2):
        with contextlib.suppress(termios.error):
            termios.tcgetattr(client)
        with contextlib.suppress(OSError):
            os.lseek(client.fileno(), 0, os.SEEK_CUR)
        fcntl.fcntl(client, fcntl.F_SETFD, fcntl.FD_CLOEXEC)
    client.sendall(b"x")
    receive(server, 1)
    client.close()
    server.close()


def datagram_server() -> None:
    """A server that connects its socket to whoever spoke first, as nc -u -l does."""
    server, client = (socket.socket(type=socket.SOCK_DGRAM) for _ in range(2))
    server.bind((HOST, 5203))
    client.sendto(b"ask", (HOST, 5203))
    server.connect(server.recvfrom(10)[1])
    server.send(b"answer")
    client.recv(10)
    client.close()
    server.close()


def two_peers() -> None:
    """One UDP socket that talks with a server, and is refused by another address."""
    server, client = (socket.socket(type=socket.SOCK_DGRAM) for _ in range(2))
    server.bind((HOST, 5204))
    client.sendto(b"ask", (HOST, 5204))
    server.sendto(b"answer", server.recvfrom(10)[1])
    client.recv(10)
    client.connect((HOST, 5205))
    client.send(b"x")
    with contextlib.suppress(ConnectionRefusedError):
        client.recv(10)
    client.close()
    server.close()


def scan() -> None:
    for port in range(5210, 5215):
        with socket.socket() as sock:
            sock.connect_ex((HOST, port))


def stuffed() -> None:
    """More is written than the peer ever takes."""
    client, server = pair(5206, buffer=4096)
    client.setblocking(False)
    try:
        while True:
            client.send(bytes(65536))
    except BlockingIOError:
        server.close()
    client.close()


def alike_by_chance() -> None:
    """Reads two bytes, answers others, and much later sends the same two on another connection."""
    client, server = pair(5207)
    client.sendall(b"hi")
    receive(server, 2)
    server.sendall(b"ho")
    receive(client, 2)
    other, its_server = pair(5208)
    other.sendall(b"hi")
    receive(its_server, 2)
    for sock in (client, server, other, its_server):
        sock.close()


def passed_on() -> None:
    """What a proxy does: the same bytes from one connection to the next."""
    client, server = pair(5209)
    target = os.open(os.devnull, os.O_WRONLY)
    client.sendall(b"onward")
    os.write(target, receive(server, 6))
    os.close(target)
    client.close()
    server.close()


def doubled() -> None:
    client, server = pair(5220)
    os.dup2(client.fileno(), 40)
    os.close(40)
    client.close()
    server.close()


def both_left_open() -> None:
    one, other = socket.socketpair()
    one.send(b"x")
    other.recv(1)
    os._exit(0)


def answered_by_reset() -> None:
    client, server = pair(5221)
    server.close()
    client.send(b"late")
    client.close()


def as_standard_input() -> None:
    """A connection that is descriptor 0, as inetd gives it to its servers."""
    client, server = pair(5222)
    os.dup2(client.fileno(), 0)
    fcntl.fcntl(0, fcntl.F_GETOWN)
    os.write(0, b"from nought")
    receive(server, 11)


PROGRAMS: dict[str, Callable[[], None]] = {
    f.__name__: f
    for f in (
        two_threads,
        after_exec,
        looking,
        datagram_server,
        two_peers,
        scan,
        stuffed,
        alike_by_chance,
        passed_on,
        doubled,
        both_left_open,
        answered_by_reset,
        as_standard_input,
    )
}


if __name__ == "__main__":
    run_each(PROGRAMS, *sys.argv[1:])
