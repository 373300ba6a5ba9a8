"""How connections end, and what each end is told. Sources of the knowledge base."""

import os
import select
import signal
import socket
import threading
from pathlib import Path
from socket import SO_LINGER, SOL_SOCKET

import pytest

from tests.explain.real_sockets import RESET, connected, events, failure, state, until


def _is_asleep(thread: threading.Thread) -> bool:
    """Whether the kernel says that the thread waits (proc_pid_stat(5), the state behind the name in brackets)."""
    stat = Path(f"/proc/self/task/{thread.native_id}/stat").read_text(encoding="ascii")
    return stat.rpartition(")")[2].split()[0] == "S"


@pytest.fixture(autouse=True)
def _no_sigpipe():
    before = signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGPIPE, before)


def test_peer_fin_is_pollrdhup_not_pollhup():
    with connected() as (client, accepted):
        client.shutdown(socket.SHUT_WR)
        until(lambda: "POLLRDHUP" in events(accepted))
        assert events(accepted) == {"POLLIN", "POLLOUT", "POLLRDHUP"}
        assert [accepted.recv(1) for _ in range(3)] == [b""] * 3
        assert "POLLIN" in events(accepted)  # and for ever
        accepted.send(b"still")
        assert client.recv(5) == b"still"


def test_pollhup_needs_both_directions_shut():
    with connected() as (client, accepted):
        client.shutdown(socket.SHUT_WR)
        assert "POLLHUP" not in events(client)
        accepted.shutdown(socket.SHUT_WR)
        until(lambda: "POLLHUP" in events(client))
        assert "POLLHUP" in events(accepted)


def test_a_fresh_socket_has_pollhup():
    with socket.socket() as one:
        assert events(one) == {"POLLOUT", "POLLHUP"}


def test_shut_rd_still_lets_data_in():
    with connected() as (client, accepted):
        accepted.shutdown(socket.SHUT_RD)
        assert accepted.recv(4) == b""
        client.send(b"late")
        until(lambda: accepted.recv(4, socket.MSG_PEEK) == b"late")


def test_close_with_unread_data_sends_rst():
    with connected() as (client, accepted):
        client.send(b"unread")
        until(lambda: "POLLIN" in events(accepted))
        accepted.close()
        assert failure(client.recv, 1) == "ECONNRESET"
    with connected() as (client, accepted):
        client.send(b"read")
        assert accepted.recv(4) == b"read"
        accepted.close()
        assert client.recv(1) == b""


def test_linger_zero_sends_rst():
    with connected() as (client, accepted):
        accepted.setsockopt(SOL_SOCKET, SO_LINGER, RESET)
        accepted.close()
        assert failure(client.recv, 1) == "ECONNRESET"
        assert client.recv(1) == b""  # the error is told once
        assert failure(client.send, b"x") == "EPIPE"
        assert failure(client.getpeername) == "ENOTCONN"
        assert state(client) == "CLOSED"


def test_data_before_a_reset_can_still_be_read():
    with connected() as (client, accepted):
        accepted.send(b"data")
        accepted.setsockopt(SOL_SOCKET, SO_LINGER, RESET)
        until(lambda: "POLLIN" in events(client))
        accepted.close()
        until(lambda: "POLLERR" in events(client))
        assert client.recv(9) == b"data"
        assert failure(client.recv, 9) == "ECONNRESET"


def test_second_write_after_the_peer_closed_is_epipe():
    with connected() as (client, accepted):
        accepted.close()
        assert client.recv(1) == b""
        assert client.send(b"first") == 5
        until(lambda: "POLLERR" in events(client))
        assert failure(client.send, b"second") == "EPIPE"


def test_close_sends_no_fin_while_a_copy_is_open():
    with connected() as (client, accepted):
        copy = os.dup(accepted.fileno())
        accepted.close()
        # A byte through the copy proves that everything before it has arrived: there was no FIN.
        os.write(copy, b"x")
        assert client.recv(9) == b"x"
        assert "POLLRDHUP" not in events(client)
        os.close(copy)
        assert client.recv(9) == b""


def test_shutdown_acts_on_all_copies():
    with connected() as (client, accepted):
        copy = accepted.dup()
        with copy:
            copy.shutdown(socket.SHUT_WR)
            assert client.recv(1) == b""
            assert failure(accepted.send, b"x") == "EPIPE"


def test_close_does_not_wake_a_reader():
    with connected() as (client, accepted):
        descriptor = accepted.detach()
        found: list[bytes] = []
        reader = threading.Thread(target=lambda: found.append(os.read(descriptor, 9)))
        reader.start()
        until(lambda: _is_asleep(reader))
        os.close(descriptor)
        client.send(b"still")  # the connection lives until the reader returns
        reader.join(5)
        assert found == [b"still"]


def test_close_wait_lasts_until_close():
    with connected() as (client, accepted):
        client.close()
        assert accepted.recv(1) == b""
        assert state(accepted) == "CLOSE_WAIT"


def test_a_closed_descriptor_is_pollnval():
    reading, writing = os.pipe()
    os.close(writing)
    os.close(reading)
    poll = select.poll()
    poll.register(reading, select.POLLIN)
    assert poll.poll(0) == [(reading, select.POLLNVAL)]
