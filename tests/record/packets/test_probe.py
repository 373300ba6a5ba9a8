"""The clock probe: every datagram is bracketed, numbered and received."""

import socket

import pytest

from wiretale.clock import now_ns
from wiretale.record.packets.probe import PROBES, probe_socket, send_probes


def test_every_datagram_has_its_bracket() -> None:
    begin = now_ns()
    with probe_socket() as sock:
        port = sock.getsockname()[1]
        probe = send_probes(sock)
        sock.setblocking(False)
        with pytest.raises(BlockingIOError):
            sock.recv(1)
    assert probe.port == port
    assert len(bytes.fromhex(probe.token)) == 16
    brackets = list(zip(probe.before_ns, probe.after_ns, strict=True))
    assert len(brackets) == PROBES
    times = [begin, *(t for bracket in brackets for t in bracket), now_ns()]
    assert times == sorted(times)


def test_two_probes_have_different_tokens() -> None:
    with probe_socket() as a, probe_socket() as b:
        assert send_probes(a).token != send_probes(b).token


def test_a_socket_that_does_not_receive_is_an_error_not_a_wait_for_ever() -> None:
    with probe_socket() as sock, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        sock.connect(other.getsockname())  # now it receives from there only
        with pytest.raises(OSError):
            send_probes(sock)
