"""Who may have which address and port. The knowledge base names these tests as its sources."""

import os
import socket
from pathlib import Path
from socket import SO_REUSEADDR, SO_REUSEPORT, SOL_SOCKET

import pytest

from tests.conftest import require
from tests.explain.real_sockets import events, failure, in_child, listener, until

Address = tuple[str, int]
NOBODY = 65534


def _udp(*options: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for option in options:
        made.setsockopt(SOL_SOCKET, option, 1)
    return made


def _bind(address: Address, *options: int) -> str:
    """The error of binding a new TCP socket with these options; "" if it can."""
    with socket.socket() as one:
        for option in options:
            one.setsockopt(SOL_SOCKET, option, 1)
        return failure(one.bind, address)


def _leave_in_time_wait(*options: int, accepted_has: int | None = None) -> Address:
    """An address on which a server closed its only connection first and then went away."""
    server = listener(*options)
    address: Address = server.getsockname()
    client = socket.create_connection(address)
    accepted, _ = server.accept()
    if accepted_has is not None:
        accepted.setsockopt(SOL_SOCKET, SO_REUSEADDR, accepted_has)
    accepted.close()
    assert client.recv(1) == b""
    client.close()
    server.close()
    return address


@pytest.mark.parametrize(("old", "new", "error"), [
    ((), (), "EADDRINUSE"),
    ((), (SO_REUSEADDR,), "EADDRINUSE"),
    ((SO_REUSEADDR,), (), "EADDRINUSE"),
    ((SO_REUSEADDR,), (SO_REUSEADDR,), ""),
    ((SO_REUSEPORT,), (SO_REUSEPORT,), ""),
])  # fmt: skip
def test_time_wait_needs_reuseaddr_on_both_sockets(old, new, error):
    assert _bind(_leave_in_time_wait(*old), *new) == error


def test_in_time_wait_the_accepted_sockets_option_counts():
    assert _bind(_leave_in_time_wait(accepted_has=1), SO_REUSEADDR) == ""
    assert _bind(_leave_in_time_wait(SO_REUSEADDR, accepted_has=0), SO_REUSEADDR) == "EADDRINUSE"


def test_reuseaddr_never_shares_a_listening_port():
    with listener(SO_REUSEADDR) as server:
        address = server.getsockname()
        assert _bind(address, SO_REUSEADDR) == "EADDRINUSE"
        assert _bind(("0.0.0.0", address[1]), SO_REUSEADDR) == "EADDRINUSE"


def test_reuseaddr_lets_two_bind_but_one_listen():
    with socket.socket() as one, socket.socket() as other:
        for each in (one, other):
            each.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        one.bind(("127.0.0.1", 0))
        assert failure(other.bind, one.getsockname()) == ""
        assert failure(one.listen, 1) == ""
        assert failure(other.listen, 1) == "EADDRINUSE"


@pytest.mark.parametrize(("options", "error"), [((), "EADDRINUSE"), ((SO_REUSEADDR,), "")])
def test_reuseaddr_restarts_a_server_while_connections_live(options, error):
    with listener(*options) as server, socket.create_connection(server.getsockname()) as client:
        address = server.getsockname()
        accepted, _ = server.accept()
        server.close()
        assert _bind(address, *options) == error
        accepted.close()
        assert client.recv(1) == b""


def test_reuseport_needs_the_option_on_all_sockets():
    with listener() as server:
        assert _bind(server.getsockname(), SO_REUSEPORT) == "EADDRINUSE"
    with listener(SO_REUSEPORT) as server:
        assert _bind(server.getsockname()) == "EADDRINUSE"
        assert _bind(server.getsockname(), SO_REUSEPORT) == ""
        with listener(SO_REUSEPORT, port=server.getsockname()[1]) as second:
            assert second.getsockname() == server.getsockname()


def test_reuseport_is_for_one_effective_user():
    require(os.geteuid() == 0, "root, to become another user")
    with listener(SO_REUSEPORT) as server:
        address = server.getsockname()
        assert in_child(0, lambda: _bind(address, SO_REUSEPORT)) == ""
        assert in_child(NOBODY, lambda: _bind(address, SO_REUSEPORT)) == "EADDRINUSE"


def test_reuseport_spreads_connections():
    with (
        listener(SO_REUSEPORT, backlog=128) as one,
        listener(SO_REUSEPORT, port=one.getsockname()[1], backlog=128) as two,
    ):
        clients = [socket.create_connection(one.getsockname()) for _ in range(64)]
        counts = []
        for server in (one, two):
            server.setblocking(False)
            until(lambda server=server: "POLLIN" in events(server))
            count = 0
            while failure(lambda server=server: server.accept()[0].close()) == "":
                count += 1
            counts.append(count)
        for client in clients:
            client.close()
    assert min(counts) > 0  # all on one side has a chance of 2^-63
    assert sum(counts) == len(clients)


def test_other_addresses_do_not_conflict():
    with listener() as server:
        port = server.getsockname()[1]
        assert _bind(("127.0.0.2", port)) == ""
        assert _bind(("0.0.0.0", port)) == "EADDRINUSE"


def test_udp_reuseaddr_gives_all_datagrams_to_the_last_bound():
    with _udp(SO_REUSEADDR) as first, _udp(SO_REUSEADDR) as last:
        first.bind(("127.0.0.1", 0))
        last.bind(first.getsockname())
        for _ in range(8):
            with _udp() as sender:
                sender.sendto(b"x", first.getsockname())
                assert last.recv(1) == b"x"
        assert "POLLIN" not in events(first)


def test_udp_reuseaddr_lets_another_user_take_the_port():
    require(os.geteuid() == 0, "root, to become another user")
    with _udp(SO_REUSEADDR) as ours, _udp(SO_REUSEADDR) as theirs, _udp(SO_REUSEPORT) as grouped:
        ours.bind(("127.0.0.1", 0))
        grouped.bind(("127.0.0.1", 0))
        assert in_child(NOBODY, lambda: failure(theirs.bind, ours.getsockname())) == ""

        def join() -> str:
            with _udp(SO_REUSEPORT) as intruder:
                return failure(intruder.bind, grouped.getsockname())

        assert in_child(NOBODY, join) == "EADDRINUSE"


def test_bind_picks_odd_ports_and_connect_even_ones():
    low = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0])
    bound, chosen = [], []
    with listener(backlog=32) as server:
        for _ in range(8):
            with socket.socket() as one, socket.create_connection(server.getsockname()) as client:
                one.bind(("127.0.0.1", 0))
                bound.append((one.getsockname()[1] - low) % 2)
                chosen.append((client.getsockname()[1] - low) % 2)
    assert bound == [1] * 8
    assert chosen == [0] * 8


def test_ipv6_any_takes_the_ipv4_port_too():
    require(Path("/proc/net/if_inet6").exists(), "IPv6")
    with socket.socket(socket.AF_INET6) as server:
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        server.bind(("::", 0))
        server.listen(1)
        port = server.getsockname()[1]
        assert _bind(("0.0.0.0", port)) == "EADDRINUSE"
        with socket.create_connection(("127.0.0.1", port)):
            accepted, peer = server.accept()
            accepted.close()
        assert peer[0] == "::ffff:127.0.0.1"
    with socket.socket(socket.AF_INET6) as server:
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        server.bind(("::", 0))
        assert _bind(("0.0.0.0", server.getsockname()[1])) == ""
