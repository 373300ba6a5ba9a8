"""connect(), listen(), accept(): what they wait for and what they return. Sources of the knowledge base."""

import ctypes
import fcntl
import os
import socket
import struct
import threading
import time
from socket import IPPROTO_TCP, SO_ERROR, SOL_SOCKET

from tests.explain.real_sockets import (
    RESET,
    connected,
    events,
    failure,
    full_queue,
    listener,
    starts_to_connect,
    state,
    until,
)

LIBC = ctypes.CDLL(None, use_errno=True)


def _unused() -> tuple[str, int]:
    """An address on which nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        address: tuple[str, int] = one.getsockname()
    return address


def _refused() -> socket.socket:
    """A socket whose attempt to connect has failed, its error unread."""
    made = starts_to_connect(_unused())
    until(lambda: "POLLERR" in events(made))
    return made


def _timeval(milliseconds: int) -> bytes:
    return struct.pack("ll", 0, milliseconds * 1000)


def test_accept4_nonblock_is_for_the_new_socket():
    with listener() as server:
        server.setsockopt(SOL_SOCKET, socket.SO_RCVTIMEO, _timeval(50))
        begin = time.monotonic()
        assert LIBC.accept4(server.fileno(), None, None, os.O_NONBLOCK) == -1
        assert time.monotonic() - begin >= 0.045  # it waited, in spite of the flag
        with socket.create_connection(server.getsockname()):
            made = LIBC.accept4(server.fileno(), None, None, os.O_NONBLOCK)
            assert fcntl.fcntl(made, fcntl.F_GETFL) & os.O_NONBLOCK
            os.close(made)


def test_accepted_sockets_do_not_inherit_nonblocking():
    with listener() as server, socket.create_connection(server.getsockname()):
        server.setblocking(False)
        until(lambda: "POLLIN" in events(server))
        made = LIBC.accept(server.fileno(), None, None)
        assert not fcntl.fcntl(made, fcntl.F_GETFL) & os.O_NONBLOCK
        assert not fcntl.fcntl(made, fcntl.F_GETFD) & fcntl.FD_CLOEXEC
        os.close(made)


def test_accepted_sockets_inherit_options():
    chosen = {
        (SOL_SOCKET, socket.SO_KEEPALIVE): 1, (SOL_SOCKET, socket.SO_REUSEADDR): 1,
        (IPPROTO_TCP, socket.TCP_NODELAY): 1, (IPPROTO_TCP, socket.TCP_KEEPIDLE): 77,
        (IPPROTO_TCP, socket.TCP_USER_TIMEOUT): 5000, (socket.IPPROTO_IP, socket.IP_TOS): 16,
        (socket.IPPROTO_IP, socket.IP_TTL): 33,
    }  # fmt: skip
    with listener() as server:
        for (level, option), value in chosen.items():
            server.setsockopt(level, option, value)
        server.setsockopt(SOL_SOCKET, socket.SO_RCVBUF, 20000)
        server.setsockopt(SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 5))
        server.setsockopt(SOL_SOCKET, socket.SO_RCVTIMEO, _timeval(300))
        server.setsockopt(SOL_SOCKET, socket.SO_PRIORITY, 5)
        with socket.create_connection(server.getsockname()):
            accepted, _ = server.accept()
            with accepted:
                assert {key: accepted.getsockopt(*key) for key in chosen} == chosen
                assert accepted.getsockopt(SOL_SOCKET, socket.SO_RCVBUF) == 40000
                assert accepted.getsockopt(SOL_SOCKET, socket.SO_LINGER, 8) == struct.pack("ii", 1, 5)
                assert accepted.getsockopt(SOL_SOCKET, socket.SO_RCVTIMEO, 16) == _timeval(300)
                assert accepted.getsockopt(SOL_SOCKET, socket.SO_PRIORITY) == 0


def test_the_queue_holds_one_more_than_the_backlog():
    for backlog, waiting in ((0, 1), (2, 3), (-1, 6)):
        with listener() as server:
            assert LIBC.listen(server.fileno(), backlog) == 0
            clients = []
            for _ in range(waiting):
                clients.append(starts_to_connect(server.getsockname()))
                until(lambda one=clients[-1]: state(one) == "ESTABLISHED")
            if backlog >= 0:
                with starts_to_connect(server.getsockname()) as late:
                    assert state(late) == "SYN_SENT"
            for client in clients:
                client.close()


def test_a_full_accept_queue_drops_the_syn():
    with full_queue() as address, starts_to_connect(address) as late:
        assert (state(late), events(late)) == ("SYN_SENT", set())


def test_a_dropped_syn_is_sent_again_after_a_second():
    with listener(backlog=0) as server, starts_to_connect(server.getsockname()) as first:
        until(lambda: state(first) == "ESTABLISHED" and "POLLIN" in events(server))
        begin = time.monotonic()
        with starts_to_connect(server.getsockname()) as late:
            server.accept()[0].close()  # there is room from now on, and still nothing happens until the SYN is repeated
            assert state(late) == "SYN_SENT"
            until(lambda: state(late) == "ESTABLISHED")
            assert 0.9 < time.monotonic() - begin < 3


def test_accept_returns_a_connection_that_was_reset():
    with listener() as server:
        client = socket.create_connection(server.getsockname())
        client.setsockopt(SOL_SOCKET, socket.SO_LINGER, RESET)
        client.close()
        accepted, _ = server.accept()
        with accepted:
            assert failure(accepted.recv, 1) == "ECONNRESET"


def test_closing_a_listener_resets_waiting_connections():
    server = listener()
    with socket.create_connection(server.getsockname()) as client:
        until(lambda: "POLLIN" in events(server))
        server.close()
        assert failure(client.recv, 1) == "ECONNRESET"


def test_shutdown_of_a_listener_wakes_accept():
    with listener() as server:
        found: list[str] = []
        waiting = threading.Thread(target=lambda: found.append(failure(server.accept)))
        waiting.start()
        server.shutdown(socket.SHUT_RD)
        waiting.join(5)
        assert found == ["EINVAL"]


def test_defer_accept_hides_connections_without_data():
    with listener() as server:
        server.setsockopt(IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 5)
        with socket.create_connection(server.getsockname()) as client:
            assert state(client) == "ESTABLISHED"
            assert events(server) == set()
            client.send(b"x")
            until(lambda: "POLLIN" in events(server))


def test_nonblocking_connect_is_in_progress():
    with listener() as server, starts_to_connect(server.getsockname()) as client:
        until(lambda: "POLLOUT" in events(client))
        assert client.getsockopt(SOL_SOCKET, SO_ERROR) == 0
        assert state(client) == "ESTABLISHED"
    with _refused() as client:
        assert {"POLLOUT", "POLLERR", "POLLHUP"} <= events(client)


def test_so_error_is_read_once():
    with _refused() as client:
        assert [client.getsockopt(SOL_SOCKET, SO_ERROR) for _ in range(2)] == [111, 0]


def test_connect_again_tells_how_the_attempt_goes():
    with full_queue() as address, starts_to_connect(address) as waiting:
        assert failure(waiting.connect, address) == "EALREADY"
    with listener() as server, starts_to_connect(server.getsockname()) as done:
        until(lambda: state(done) == "ESTABLISHED")
        assert [failure(done.connect, server.getsockname()) for _ in range(2)] == ["", "EISCONN"]
    with _refused() as failed:
        assert failure(failed.connect, ("127.0.0.1", 1)) == "ECONNREFUSED"
    with _refused() as failed:
        failed.getsockopt(SOL_SOCKET, SO_ERROR)
        assert failure(failed.connect, ("127.0.0.1", 1)) == "ECONNABORTED"


def test_sndtimeo_makes_connect_return_in_progress():
    with full_queue() as address, socket.socket() as one:
        one.setsockopt(SOL_SOCKET, socket.SO_SNDTIMEO, _timeval(50))
        assert failure(one.connect, address) == "EINPROGRESS"
        assert state(one) == "SYN_SENT"


def test_user_timeout_limits_connect():
    with full_queue() as address, socket.socket() as one:
        one.setsockopt(IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1100)
        begin = time.monotonic()
        assert failure(one.connect, address) == "ETIMEDOUT"
        assert 1 < time.monotonic() - begin < 5


def test_a_socket_can_connect_to_itself():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        one.connect(one.getsockname())
        assert one.getpeername() == one.getsockname()
        one.send(b"echo")
        assert one.recv(4) == b"echo"


def test_unix_connect_errors(tmp_path):
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        assert failure(client.connect, path) == "ENOENT"
        server.bind(path)
        assert failure(client.connect, path) == "ECONNREFUSED"
        server.listen(0)
        assert failure(client.connect, path) == ""
        with socket.socket(socket.AF_UNIX) as late:
            late.setblocking(False)
            assert failure(late.connect, path) == "EAGAIN"
    with socket.socket(socket.AF_UNIX) as again:
        assert failure(again.connect, path) == "ECONNREFUSED"
        assert failure(again.bind, path) == "EADDRINUSE"


def test_unknown_options_are_enoprotoopt():
    with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        assert failure(tcp.setsockopt, SOL_SOCKET, 999, 1) == "ENOPROTOOPT"
        assert failure(tcp.setsockopt, SOL_SOCKET, socket.SO_TYPE, 1) == "ENOPROTOOPT"
        assert failure(udp.setsockopt, IPPROTO_TCP, socket.TCP_NODELAY, 1) == "ENOPROTOOPT"
        assert failure(udp.listen, 1) == "EOPNOTSUPP"
    with connected() as (client, _):
        assert failure(client.listen, 1) == "EINVAL"
