"""Programs whose ends and middles are told in words of their own: `python ending_programs.py FILE NAME...`.

Each runs in a process of its own, one after the other; FILE gets a line `NAME PID STATUS` for each of them.
"""

import contextlib
import fcntl
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

from small_programs import HOST, child, pair, receive, run_each

LARGE = 4_000_000


def killed_child() -> None:
    """The child holds the client's socket alone and is killed while it reads."""
    listener = socket.create_server((HOST, 5501))
    client = socket.create_connection((HOST, 5501))
    server = listener.accept()[0]
    listener.close()
    ready, says = os.pipe()

    def work() -> None:
        server.close()
        os.write(says, b"!")
        client.recv(1)

    pid = child(work)
    client.close()
    os.read(ready, 1)
    while "S" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]:
        time.sleep(0.001)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert server.recv(1) == b""
    server.close()


def inherited_listener() -> None:
    """The parent closes its descriptor; the child goes on listening, and ends."""
    listener = socket.create_server((HOST, 5502))

    def work() -> None:
        listener.accept()[0].close()

    pid = child(work)
    listener.close()
    with socket.create_connection((HOST, 5502)) as client:
        assert client.recv(1) == b""
    os.waitpid(pid, 0)


def large_message() -> None:
    """One write that many segments carry."""
    client, server = pair(5503)

    def work() -> None:
        client.close()
        while server.recv(1 << 16):
            pass

    pid = child(work)
    server.close()
    client.sendall(bytes(LARGE))
    client.close()
    os.waitpid(pid, 0)


def sent_later() -> None:
    """A call takes more than fits into the reader's buffer: the last of it leaves when the call has long returned."""
    client, server = pair(5506, buffer=4096)
    size = 100_000
    client.send(bytes(size))
    assert len(receive(server, size)) == size
    client.close()
    server.close()


def group() -> None:
    """A datagram to a group that two sockets have joined."""
    address = ("239.1.2.3", 5507)
    member = socket.inet_aton(address[0]) + socket.inet_aton(HOST)
    with contextlib.ExitStack() as stack:
        first, second, sender = (stack.enter_context(socket.socket(type=socket.SOCK_DGRAM)) for _ in range(3))
        for joined in (first, second):
            joined.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            joined.bind(address)
            joined.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(HOST))
        sender.sendto(b"all", address)
        assert [first.recv(9), second.recv(9)] == [b"all", b"all"]


def two_rounds() -> None:
    """The first question is longer than the second, and the first answer shorter."""
    client, server = pair(5509)
    for ask, answer in ((10, 1), (2, 20)):
        for one, other, size in ((client, server, ask), (server, client, answer)):
            for _ in range(3):
                one.sendall(bytes(size))
            receive(other, 3 * size)
    client.close()
    server.close()


def many_before() -> None:
    """Sockets that carry nothing come first, more of them than are listed."""
    for _ in range(12):
        socket.socket().close()
    client, server = pair(5508)
    client.close()
    server.close()


def set_again() -> None:
    """What is set again to what it is."""
    with socket.socket() as sock:
        for _ in range(2):
            sock.setblocking(False)
            fcntl.fcntl(sock, fcntl.F_SETFD, fcntl.FD_CLOEXEC)
        sock.setblocking(True)
        sock.setblocking(False)
        sock.connect_ex((HOST, 5504))
        select.select([], [sock], [])


def urgent() -> None:
    client, server = pair(5505)
    client.send(b"ab", socket.MSG_OOB)
    select.select([], [], [server])
    assert server.recv(10) == b"a"
    client.close()
    server.close()


def asks_the_kernel() -> None:
    """An address list of rtnetlink: nlmsghdr and rtgenmsg (rtnetlink(7))."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as sock:
        sock.bind((0, 0))
        get_address, is_dump_request = 22, 0x301
        request = (20).to_bytes(4, sys.byteorder) + get_address.to_bytes(2, sys.byteorder)
        request += is_dump_request.to_bytes(2, sys.byteorder) + bytes(12)
        sock.send(request)
        assert sock.recv(1 << 16)


PROGRAMS: dict[str, Callable[[], None]] = {
    f.__name__: f for f in (
        killed_child, inherited_listener, large_message, sent_later, group, two_rounds, many_before, set_again, urgent,
        asks_the_kernel,
    )
}  # fmt: skip


if __name__ == "__main__":
    run_each(PROGRAMS, *sys.argv[1:])
