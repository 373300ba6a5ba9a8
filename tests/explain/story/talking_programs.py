"""Programs whose connections fail, and conversations without TCP: `python talking_programs.py FILE NAME...`.

Each runs in a process of its own, one after the other; FILE gets a line `NAME PID STATUS` for each of them.
"""

import contextlib
import os
import select
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from small_programs import FAR, HOST, child, pair, receive, run_each

NOBODY = 5100  # a port on which nobody listens
FOLDER = Path(sys.argv[1]).parent if len(sys.argv) > 1 else Path()


# -- TCP that fails ---------------------------------------------------------------------------------------------------


def refused() -> None:
    with socket.socket() as sock, contextlib.suppress(ConnectionRefusedError):
        sock.connect((HOST, NOBODY))


def refused_later() -> None:
    """Without waiting: the error comes by SO_ERROR."""
    with socket.socket() as sock:
        sock.setblocking(False)
        sock.connect_ex((HOST, NOBODY))
        select.select([], [sock], [])
        sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


def unreachable() -> None:
    with socket.socket() as sock, contextlib.suppress(OSError):
        sock.connect((FAR, 80))


def refused_elsewhere() -> None:
    """Somebody listens on that port, but of another address."""
    server = socket.create_server(("127.0.0.2", 5102))
    with server, socket.socket() as sock, contextlib.suppress(ConnectionRefusedError):
        sock.connect((HOST, 5102))


def refused_early() -> None:
    """The server comes later; the second attempt goes well."""
    with socket.socket() as sock, contextlib.suppress(ConnectionRefusedError):
        sock.connect((HOST, 5103))
    with socket.create_server((HOST, 5103)) as listener, socket.create_connection((HOST, 5103)):
        listener.accept()[0].close()


def given_up() -> None:
    """A listener whose queue is full never answers; the client gives up by itself."""
    with socket.socket() as listener:
        listener.bind((HOST, 5101))
        listener.listen(0)
        waiting = child(lambda: socket.create_connection((HOST, 5101)).close())
        assert os.waitpid(waiting, 0)[1] == 0
        with socket.socket() as second:
            second.setblocking(False)
            second.connect_ex((HOST, 5101))
            assert not select.select([], [second], [], 0.1)[1]


def never_accepted() -> None:
    listener = socket.create_server((HOST, 5104))
    with socket.create_connection((HOST, 5104)) as client:
        listener.close()
        with contextlib.suppress(ConnectionResetError):
            client.recv(1)


def no_name() -> None:
    """Asks for a name; the only server of names is one that says there is none."""
    with socket.socket(type=socket.SOCK_DGRAM) as server:
        server.bind((HOST, 53))
        query = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04none\x04test\x00\x00\x01\x00\x01"
        with socket.socket(type=socket.SOCK_DGRAM) as resolver:
            resolver.connect((HOST, 53))
            resolver.send(query)
            data, peer = server.recvfrom(512)
            server.sendto(data[:2] + b"\x81\x83" + data[4:], peer)
            resolver.recv(512)


# -- UDP --------------------------------------------------------------------------------------------------------------


def datagrams() -> None:
    """Three questions and answers."""
    with socket.socket(type=socket.SOCK_DGRAM) as server, socket.socket(type=socket.SOCK_DGRAM) as client:
        server.bind((HOST, 5110))
        client.connect((HOST, 5110))
        for _ in range(3):
            client.send(b"question")
            _, peer = server.recvfrom(100)
            server.sendto(b"answer", peer)
            client.recv(100)


def unconnected() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as server, socket.socket(type=socket.SOCK_DGRAM) as client:
        server.bind((HOST, 5111))
        client.sendto(b"question", (HOST, 5111))
        _, peer = server.recvfrom(100)
        server.sendto(b"answer", peer)
        client.recvfrom(100)


def refused_datagram() -> None:
    """Connected: the ICMP error comes with the next call."""
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.connect((HOST, NOBODY))
        client.send(b"anybody?")
        with contextlib.suppress(ConnectionRefusedError):
            client.recv(100)


def unheard_datagram() -> None:
    """Unconnected: the ICMP error is not told to the program."""
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.sendto(b"anybody?", (HOST, NOBODY))
        client.settimeout(0.05)
        with contextlib.suppress(TimeoutError):
            client.recvfrom(100)


def unread_datagram() -> None:
    """It arrives, and nobody reads it."""
    with socket.socket(type=socket.SOCK_DGRAM) as server, socket.socket(type=socket.SOCK_DGRAM) as client:
        server.bind((HOST, 5112))
        client.sendto(b"read me", (HOST, 5112))
        client.sendto(b"and me", (HOST, 5112))
        server.recvfrom(100)


# -- unix sockets -----------------------------------------------------------------------------------------------------


def unix_stream() -> None:
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as client:
        listener.bind(str(FOLDER / "stream.sock"))
        listener.listen(1)
        client.connect(str(FOLDER / "stream.sock"))
        with listener.accept()[0] as server:
            client.sendall(b"question")
            receive(server, 8)
            server.sendall(b"answer")
            receive(client, 6)


def unix_abstract() -> None:
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as client:
        listener.bind("\0wiretale-story")
        listener.listen(1)
        client.connect("\0wiretale-story")
        with listener.accept()[0] as server:
            client.sendall(b"hello")
            receive(server, 5)


def unix_datagram() -> None:
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client,
    ):
        server.bind(str(FOLDER / "dgram.sock"))
        client.sendto(b"one", str(FOLDER / "dgram.sock"))
        client.sendto(b"two", str(FOLDER / "dgram.sock"))
        server.recv(100)
        server.recv(100)


def unix_pair() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        done = child(lambda: theirs.sendall(receive(theirs, 4)))
        ours.sendall(b"ping")
        receive(ours, 4)
        assert os.waitpid(done, 0)[1] == 0


def unix_missing() -> None:
    with socket.socket(socket.AF_UNIX) as client, contextlib.suppress(FileNotFoundError):
        client.connect(str(FOLDER / "missing.sock"))


def unix_deserted() -> None:
    """The path is there, and nobody listens any more."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(FOLDER / "deserted.sock"))
    with socket.socket(socket.AF_UNIX) as client, contextlib.suppress(ConnectionRefusedError):
        client.connect(str(FOLDER / "deserted.sock"))


def passed() -> None:
    """An open file goes to another process."""
    ours, theirs = socket.socketpair()
    with ours, theirs:

        def take() -> None:
            for fd in socket.recv_fds(theirs, 10, 1)[1]:
                os.close(fd)

        taker = child(take)
        with Path("/dev/null").open("rb") as file:
            socket.send_fds(ours, [b"yours"], [file.fileno()])
        assert os.waitpid(taker, 0)[1] == 0


# -- many -------------------------------------------------------------------------------------------------------------


def many_clients() -> None:
    with socket.create_server((HOST, 5120)) as listener, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(socket.create_connection((HOST, 5120))) for _ in range(12)]
        servers = [stack.enter_context(listener.accept()[0]) for _ in clients]
        for client, server in zip(clients, servers, strict=True):
            client.sendall(b"question")
            receive(server, 8)
            server.sendall(b"answer")
            receive(client, 6)


def forking_server() -> None:
    with socket.create_server((HOST, 5121)) as listener:
        for _ in range(3):
            client = socket.create_connection((HOST, 5121))
            server = listener.accept()[0]
            worker = child(lambda: server.sendall(receive(server, 4)))  # noqa: B023 (it is run at once)
            server.close()
            client.sendall(b"ping")
            receive(client, 4)
            assert os.waitpid(worker, 0)[1] == 0
            client.close()


def reset() -> None:
    client, server = pair(5122)
    client.sendall(b"never read")
    select.select([server], [], [])
    server.close()
    with contextlib.suppress(ConnectionResetError):
        client.recv(1)
    client.close()


PROGRAMS: dict[str, Callable[[], None]] = {
    f.__name__: f for f in (
        refused, refused_later, refused_elsewhere, refused_early, unreachable, given_up, never_accepted, no_name,
        datagrams, unconnected, refused_datagram,
        unheard_datagram, unread_datagram, unix_stream, unix_abstract, unix_datagram, unix_pair, unix_missing,
        unix_deserted, passed, many_clients, forking_server, reset,
    )
}  # fmt: skip


if __name__ == "__main__":
    run_each(PROGRAMS, *sys.argv[1:])
