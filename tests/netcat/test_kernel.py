"""The system calls Python does not offer."""

import ctypes
import errno
import fcntl
import os
import select
import signal
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiretale.netcat.kernel import POLLIN, POLLOUT, accept_nonblocking, parse_sockaddr, poll, shutdown


def test_poll_numbers_are_the_systems() -> None:
    assert (POLLIN, POLLOUT) == (select.POLLIN, select.POLLOUT)


def test_poll_takes_one_descriptor_twice_and_ignores_minus_one() -> None:
    one, two = socket.socketpair()
    with one, two:
        two.send(b"x")
        fd = one.fileno()
        assert poll([(-1, POLLIN), (fd, 0), (fd, POLLIN), (fd, POLLOUT)], -1) == [0, 0, POLLIN, POLLOUT]


def test_poll_ends_when_its_time_is_up_or_a_signal_was_handled() -> None:
    one, two = socket.socketpair()
    previous = signal.signal(signal.SIGALRM, lambda *_: None)
    with one, two:
        try:
            assert poll([(one.fileno(), POLLIN)], 0) == [0]
            signal.setitimer(signal.ITIMER_REAL, 0.01)
            assert poll([(one.fileno(), POLLIN)], -1) == [0]
        finally:
            signal.signal(signal.SIGALRM, previous)


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_accept_gives_a_nonblocking_inheritable_descriptor_and_the_peers_address(family: int, host: str) -> None:
    with socket.create_server((host, 0), family=family) as server, socket.socket(family) as client:
        client.connect(server.getsockname())
        fd, address = accept_nonblocking(server.fileno())
        try:
            assert address == client.getsockname()
            assert fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_NONBLOCK
            assert not fcntl.fcntl(fd, fcntl.F_GETFD) & fcntl.FD_CLOEXEC
        finally:
            os.close(fd)


def test_accept_tells_a_named_from_an_unnamed_unix_client(tmp_path: Path) -> None:
    with (
        socket.socket(socket.AF_UNIX) as server,
        socket.socket(socket.AF_UNIX) as one,
        socket.socket(socket.AF_UNIX) as two,
    ):
        server.bind(str(tmp_path / "s"))
        server.listen()
        one.connect(str(tmp_path / "s"))
        two.bind(str(tmp_path / "c"))
        two.connect(str(tmp_path / "s"))
        for expected in ("", str(tmp_path / "c")):
            fd, address = accept_nonblocking(server.fileno())
            os.close(fd)
            assert address == expected


def test_accept_on_what_does_not_listen_is_an_os_error() -> None:
    with socket.socket() as sock, pytest.raises(OSError) as caught:
        accept_nonblocking(sock.fileno())
    assert caught.value.errno == errno.EINVAL


def test_shutdown_forgives_only_a_missing_connection() -> None:
    with socket.socket() as sock:
        shutdown(sock.fileno(), socket.SHUT_RD)
    with pytest.raises(OSError):
        shutdown(-1, socket.SHUT_RD)


@given(st.binary(max_size=130))
def test_any_bytes_are_an_address_or_none(data: bytes) -> None:
    assert isinstance(parse_sockaddr(data), (tuple, str, bytes))


def test_addresses_are_read_from_the_kernels_structure() -> None:
    native = ctypes.c_uint16
    head = bytes(native(socket.AF_INET6))
    data = (
        head
        + (443).to_bytes(2, "big")
        + bytes(4)
        + socket.inet_pton(socket.AF_INET6, "fe80::1")
        + bytes(ctypes.c_uint32(3))
    )
    assert parse_sockaddr(data) == ("fe80::1", 443, 0, 3)
    assert parse_sockaddr(bytes(native(socket.AF_UNIX)) + b"\0abc") == b"\0abc"
    assert parse_sockaddr(bytes(native(socket.AF_UNIX)) + b"/p\0zz") == "/p"
    assert parse_sockaddr(b"") == ""
