"""Real sockets of this kernel, for the tests that the knowledge base names as sources. Loopback, ports of the kernel's
choice; conditions are waited for, never slept for."""

import contextlib
import errno
import os
import select
import socket
import struct
import time
from collections.abc import Callable, Iterator

DEADLINE_S = 5.0
RESET = struct.pack("ii", 1, 0)  # struct linger {on, 0 seconds}
TCP_STATE = {1: "ESTABLISHED", 2: "SYN_SENT", 6: "TIME_WAIT", 7: "CLOSED", 8: "CLOSE_WAIT", 9: "LAST_ACK"}
LIBC_ACCEPT4_FLAGS = os.O_NONBLOCK


def listener(*options: int, port: int = 0, backlog: int = 8, host: str = "127.0.0.1") -> socket.socket:
    """A listening TCP socket with some options of SOL_SOCKET set to 1."""
    made = socket.socket()
    for option in options:
        made.setsockopt(socket.SOL_SOCKET, option, 1)
    made.bind((host, port))
    made.listen(backlog)
    return made


@contextlib.contextmanager
def connected(*options: int) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a TCP connection: the one that connected, the one that accepted."""
    with listener(*options) as server, socket.create_connection(server.getsockname()) as client:
        accepted, _ = server.accept()
        with accepted:
            yield client, accepted


def failure(action: Callable[..., object], *arguments: object) -> str:
    """The name of the error it raises; "" if it succeeds."""
    try:
        action(*arguments)
    except OSError as fault:
        assert fault.errno is not None
        return errno.errorcode[fault.errno].replace("ENOTSUP", "EOPNOTSUPP")
    return ""


def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition of the kernel's, which comes within moments."""
    end = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        os.sched_yield()


def events(one: socket.socket | int) -> set[str]:
    """What poll() reports at this moment when asked for everything."""
    poll = select.poll()
    names = ("POLLIN", "POLLPRI", "POLLOUT", "POLLERR", "POLLHUP", "POLLNVAL", "POLLRDHUP")
    poll.register(one, sum(getattr(select, name) for name in names))
    found = poll.poll(0)
    return {name for name in names if found and found[0][1] & getattr(select, name)}


def state(one: socket.socket) -> str:
    """The TCP state, from the first byte of struct tcp_info."""
    number = one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    return TCP_STATE.get(number, str(number))


def starts_to_connect(address: tuple[str, int]) -> socket.socket:
    """A non-blocking socket that has sent its SYN."""
    made = socket.socket()
    made.setblocking(False)
    assert failure(made.connect, address) == "EINPROGRESS"
    return made


@contextlib.contextmanager
def full_queue() -> Iterator[tuple[str, int]]:
    """The address of a listener whose accept queue is full."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(listener(backlog=0))
        first = stack.enter_context(starts_to_connect(server.getsockname()))
        until(lambda: state(first) == "ESTABLISHED")
        # The client is established before the server has queued it: a listener that is readable has.
        until(lambda: "POLLIN" in events(server))
        yield server.getsockname()


def in_child(uid: int, action: Callable[[], str]) -> str:
    """What `action` returns in a child process that runs as another user."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setuid(uid)
            os.write(writing, action().encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    return text
