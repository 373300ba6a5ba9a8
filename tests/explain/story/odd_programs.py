"""Programs that do one odd thing each, and healthy twins of them: `python odd_programs.py FILE NAME...`.

Each runs in a process of its own, one after the other; FILE gets a line `NAME PID` for each of them. A twin is named
after the oddity that it does not have. The only sleeps are those that are the oddity itself.
"""

import contextlib
import ctypes
import fcntl
import os
import select
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable

from small_programs import FAR, HOST, child, pair, receive, run_each

NO_ANSWER_S = 1.1  # how long a client waits in vain
LATE_S = 0.12  # how long a late reader is late
CAP_VERSION = 0x20080522  # _LINUX_CAPABILITY_VERSION_3, linux/capability.h


# -- descriptors ------------------------------------------------------------------------------------------------------


def healthy() -> None:
    """A request, its answer, an orderly end. Asking whether a number is open, or marking a range, is no fault."""
    with contextlib.suppress(OSError):
        fcntl.fcntl(255, fcntl.F_GETFD)
    for fd in range(3, 16):
        with contextlib.suppress(OSError):
            fcntl.fcntl(fd, fcntl.F_SETFD, fcntl.FD_CLOEXEC)
    client, server = pair(5000)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for _ in range(3):
        client.sendall(b"question")
        receive(server, 8)
        server.sendall(b"answer")
        receive(client, 6)
    client.shutdown(socket.SHUT_WR)
    assert server.recv(1) == b""
    server.close()
    assert client.recv(1) == b""
    client.close()


def double_close() -> None:
    sock = socket.socket()
    fd = sock.detach()
    os.close(fd)
    with contextlib.suppress(OSError):
        os.close(fd)


def close_failed() -> None:
    with socket.socket():
        ctypes.CDLL(None).close(-1)


def not_a_socket() -> None:
    read, write = os.pipe()
    ctypes.CDLL(None).send(write, b"x", 1, 0)
    os.close(read)
    os.close(write)


def option_twice() -> None:
    with socket.socket() as sock:
        for _ in range(2):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)


def option_back() -> None:
    """On, off, on: set to one value twice, and never to what it was."""
    with socket.socket() as sock:
        for value in (1, 0, 1):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, value)


def reuse_too_late() -> None:
    with socket.socket() as sock:
        sock.bind((HOST, 5001))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.listen(1)


def unused() -> None:
    socket.socket().close()


def unclosed() -> None:
    socket.socket().detach()


def leaked_listener() -> None:
    """A listening socket that goes on in a program that knows nothing of it."""
    with socket.socket() as listener:
        listener.bind((HOST, 5002))
        listener.listen(1)
        listener.set_inheritable(True)
        assert os.waitpid(child(lambda: os.execv("/bin/true", ["true"])), 0)[1] == 0


def kept_listener() -> None:
    with socket.socket() as listener:
        listener.bind((HOST, 5003))
        listener.listen(1)
        assert os.waitpid(child(lambda: os.execv("/bin/true", ["true"])), 0)[1] == 0


def shared_port() -> None:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind((HOST, 5004))
        listener.listen(1)


def shared_by_two() -> None:
    """Two that listen on one port at the same time; a client."""
    with socket.socket() as first, socket.socket() as second:
        for listener in (first, second):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            listener.bind((HOST, 5050))
            listener.listen(1)
        with socket.create_connection((HOST, 5050)):
            ready = select.select([first, second], [], [])[0][0]
            ready.accept()[0].close()


# -- endings ----------------------------------------------------------------------------------------------------------


def unread_reset() -> None:
    client, server = pair(5010)
    client.sendall(b"never read")
    select.select([server], [], [])
    server.close()
    with contextlib.suppress(ConnectionResetError):
        client.recv(1)
    client.close()


def linger_reset() -> None:
    client, server = pair(5011)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    with contextlib.suppress(ConnectionResetError):
        server.recv(1)
    server.close()


def peeked() -> None:
    """Looked at with MSG_PEEK only: still unread."""
    client, server = pair(5013)
    client.sendall(b"never read")
    assert server.recv(10, socket.MSG_PEEK) == b"never read"
    server.close()
    client.close()


def linger_off() -> None:
    """SO_LINGER with 0 seconds but switched off: the bytes are the reason."""
    client, server = pair(5014)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 0, 0))
    client.sendall(b"never read")
    select.select([server], [], [])
    server.close()
    client.close()


def linger_waiting() -> None:
    """SO_LINGER with time to send what is left: an orderly end."""
    client, server = pair(5015)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 2))
    client.sendall(b"read")
    receive(server, 4)
    server.close()
    client.close()


def broken_pipe() -> None:
    client, server = pair(5012)
    server.close()
    assert client.recv(1) == b""
    client.send(b"to nobody")
    select.select([client], [], [])
    with contextlib.suppress(BrokenPipeError):
        client.send(b"again")
    client.close()


def killed_by_pipe() -> None:
    def work() -> None:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        ours, theirs = socket.socketpair()
        theirs.close()
        ours.send(b"to nobody")

    os.waitpid(child(work), 0)


def shut_reading() -> None:
    client, server = pair(5013)
    client.shutdown(socket.SHUT_RD)
    client.close()
    assert server.recv(1) == b""
    server.close()


def unix_shut() -> None:
    """On a unix socket that is told to the peer: its writes fail from then on."""
    one, other = socket.socketpair()
    with one, other:
        one.shutdown(socket.SHUT_RD)


def shut_what_is_over() -> None:
    with socket.socket() as sock, contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


# -- waiting ----------------------------------------------------------------------------------------------------------


def in_progress() -> None:
    with socket.create_server((HOST, 5020)) as listener, socket.socket() as client:
        client.setblocking(False)
        client.connect_ex((HOST, 5020))
        select.select([], [client], [])
        assert client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
        listener.accept()[0].close()


def spinning() -> None:
    client, server = pair(5021)
    client.setblocking(False)
    for _ in range(60):
        with contextlib.suppress(BlockingIOError):
            client.recv(10)
    server.close()
    client.close()


def emptying() -> None:
    """Reads until EAGAIN after each event, as a program with epoll does: no spinning."""
    client, server = pair(5022)
    client.setblocking(False)
    for _ in range(60):
        server.send(b"x")
        select.select([client], [], [])
        with contextlib.suppress(BlockingIOError):
            while client.recv(10):
                pass
    server.close()
    client.close()


def held_back() -> None:
    """Two small writes and a read: the second waits for the acknowledgement of the first, which is delayed."""
    client, server = pair(5023)
    for _ in range(30):  # answers in turn make Linux delay acknowledgements (net/ipv4/tcp_input.c, pingpong)
        client.sendall(b"ping")
        receive(server, 4)
        server.sendall(b"pong")
        receive(client, 4)

    def serve() -> None:
        for _ in range(3):
            receive(server, 8)
            server.sendall(b"answer")

    served = child(serve)
    for _ in range(3):
        client.send(b"head")
        client.send(b"body")
        receive(client, 6)
    assert os.waitpid(served, 0)[1] == 0
    client.close()
    server.close()


def late_reader() -> None:
    client, server = pair(5024)
    client.sendall(b"here")
    select.select([server], [], [])
    time.sleep(LATE_S)
    receive(server, 4)
    client.close()
    server.close()


def late_sender() -> None:
    """The reader sleeps as long, before there is anything to read."""
    client, server = pair(5025)
    time.sleep(LATE_S)
    client.sendall(b"here")
    receive(server, 4)
    client.close()
    server.close()


def question(port: int, serve: Callable[[socket.socket], object], *, limit: float = NO_ANSWER_S) -> None:
    """A client that asks, waits for an answer until its time limit runs out, and goes."""
    client, server = pair(port)
    client.settimeout(limit)
    served = child(lambda: (client.close(), serve(server), server.close()))
    server.close()
    client.sendall(b"question")
    with contextlib.suppress(TimeoutError):
        client.recv(100)
    client.close()
    os.waitpid(served, 0)


def no_answer() -> None:
    """The server takes the question and sleeps."""
    question(5044, lambda server: (receive(server, 8), time.sleep(1.5 * NO_ANSWER_S)))


def waits_for_more() -> None:
    """The server takes the question and waits for more of it."""
    question(5045, lambda server: receive(server, 9))


def not_read() -> None:
    """The server never reads the question."""
    question(5046, lambda _server: time.sleep(1.5 * NO_ANSWER_S))


def dropped() -> None:
    """An event loop that also looks after a pipe drops the connection when its time limit runs out."""
    client, server = pair(5048)
    client.sendall(b"question")
    receive(server, 8)
    inside, outside = os.pipe()
    with select.epoll() as loop:
        loop.register(client, select.EPOLLIN)
        loop.register(inside, select.EPOLLIN)
        for _ in range(3):  # none of the waits is long by itself
            loop.poll(NO_ANSWER_S / 3)
    client.close()
    server.close()
    os.close(inside)
    os.close(outside)


def idle() -> None:
    """The same loop finds nothing to do, and leaves the connection alone."""
    client, server = pair(5049)
    client.sendall(b"words")
    receive(server, 5)
    inside, outside = os.pipe()
    with select.epoll() as loop:
        loop.register(client, select.EPOLLIN)
        loop.register(inside, select.EPOLLIN)
        loop.poll(NO_ANSWER_S)
        client.sendall(b"more!")
        receive(server, 5)
        server.close()
        loop.poll()
    client.close()
    os.close(inside)
    os.close(outside)


def answered_late() -> None:
    """The answer comes before the client has had enough: no fault; then the server waits, which is its rest."""
    client, server = pair(5047)

    def serve() -> None:
        client.close()
        server.settimeout(NO_ANSWER_S)
        receive(server, 8)
        server.sendall(b"answer")
        with contextlib.suppress(TimeoutError):
            server.recv(8)
        server.close()

    served = child(serve)
    server.close()
    client.sendall(b"question")
    receive(client, 6)
    os.waitpid(served, 0)
    client.close()


def full_receiver() -> None:
    client, server = pair(5026, buffer=4096)

    def send() -> None:
        with client:
            client.sendall(bytes(20_000))

    sender = child(send)
    client.close()
    select.select([server], [], [])  # what is written at once is sent by the kernels alone, until nothing fits any more
    time.sleep(LATE_S)
    receive(server, 20_000)
    server.close()
    assert os.waitpid(sender, 0)[1] == 0


def queue_full() -> None:
    with socket.socket() as listener, contextlib.ExitStack() as stack:
        listener.bind((HOST, 5027))
        listener.listen(0)
        clients = []
        for _ in range(3):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex((HOST, 5027))
            clients.append(client)
            select.select([], [client], [], 0.05)
        listener.accept()[0].close()


def queue_used() -> None:
    with socket.create_server((HOST, 5028)) as listener, contextlib.ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(socket.create_connection((HOST, 5028)))
        for _ in range(3):
            listener.accept()[0].close()


# -- sizes ------------------------------------------------------------------------------------------------------------


def tiny_writes() -> None:
    client, server = pair(5030)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for _ in range(100):
        client.send(b"x")
    receive(server, 100)
    client.close()
    server.close()


def tiny_turns() -> None:
    """As many small writes, but each is answered: a conversation, no waste."""
    client, server = pair(5031)
    for _ in range(60):
        client.send(b"x")
        receive(server, 1)
        server.send(b"y")
        receive(client, 1)
    client.close()
    server.close()


def tiny_reads() -> None:
    client, server = pair(5032)
    client.sendall(bytes(100))
    for _ in range(100):
        receive(server, 1)
    client.close()
    server.close()


def cut_datagram() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as server, socket.socket(type=socket.SOCK_DGRAM) as client:
        server.bind((HOST, 5033))
        client.sendto(bytes(100), (HOST, 5033))
        assert len(server.recvfrom(10)[0]) == 10
        client.sendto(bytes(10), (HOST, 5033))
        assert len(server.recvfrom(100)[0]) == 10


# -- addresses --------------------------------------------------------------------------------------------------------


def in_use() -> None:
    with socket.create_server((HOST, 5040)), socket.socket() as second, contextlib.suppress(OSError):
        second.bind((HOST, 5040))


def in_time_wait() -> None:
    """Its address is first a listener's, then one of a connection that is over."""
    with socket.socket() as listener:
        listener.bind((HOST, 5041))
        listener.listen(1)
        with socket.socket() as early, contextlib.suppress(OSError):
            early.bind((HOST, 5041))
        client = socket.create_connection((HOST, 5041))
        server = listener.accept()[0]
        server.close()
        assert client.recv(1) == b""
        client.close()
    with socket.socket() as again, contextlib.suppress(OSError):
        again.bind((HOST, 5041))


def no_ping() -> None:
    """A socket for ping without privilege: refused by the default of net.ipv4.ping_group_range."""
    with contextlib.suppress(PermissionError):
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP).close()


def raw_instead() -> None:
    """As ping does: a socket without privilege, and after the refusal a raw one."""
    with contextlib.suppress(PermissionError):
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP).close()
    socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).close()


def no_right() -> None:
    """Gives up all capabilities (it may have them in a namespace of its own) and asks for a low port."""
    header = struct.pack("=Ii", CAP_VERSION, 0)
    assert ctypes.CDLL(None).capset(header, bytes(24)) == 0
    with socket.socket() as sock, contextlib.suppress(PermissionError):
        sock.bind((HOST, 80))


def both_families() -> None:
    with socket.create_server((HOST, 5042)) as listener:
        with socket.socket(socket.AF_INET6) as first, contextlib.suppress(OSError):
            first.connect(("::1", 5042))
        with socket.socket() as second:
            second.connect((HOST, 5042))
            listener.accept()[0].close()


def silent() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.connect((HOST, 5043))


def no_name_server() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as sock, contextlib.suppress(OSError):
        sock.connect((FAR, 53))


def unsent() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as sock, contextlib.suppress(OSError):
        sock.sendto(b"datagram", (FAR, 80))


def no_route() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as sock, contextlib.suppress(OSError):
        sock.connect((FAR, 80))


PROGRAMS: dict[str, Callable[[], None]] = {
    f.__name__: f for f in (
        healthy, double_close, close_failed, not_a_socket, option_twice, option_back, reuse_too_late, unused,
        unclosed, leaked_listener, kept_listener, shared_port, unread_reset, linger_reset, peeked,
        linger_off, linger_waiting, broken_pipe, killed_by_pipe,
        shut_reading, shut_what_is_over, in_progress, spinning, emptying, held_back, late_reader, late_sender,
        full_receiver, queue_full, queue_used, tiny_writes, tiny_turns, tiny_reads, cut_datagram, in_use, in_time_wait,
        no_ping, raw_instead, no_right, both_families, silent, no_name_server, no_route, no_answer, waits_for_more,
        not_read, dropped, idle, answered_late, shared_by_two, unix_shut, unsent,
    )
}  # fmt: skip


if __name__ == "__main__":
    run_each(PROGRAMS, *sys.argv[1:])
