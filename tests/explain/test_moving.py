"""How bytes and datagrams move, and when poll() and epoll tell. Sources of the knowledge base."""

import fcntl
import select
import socket
import time
from pathlib import Path
from socket import IPPROTO_TCP, SO_RCVBUF, SO_SNDBUF, SOL_SOCKET

from tests.explain.real_sockets import connected, events, failure, until

IP_RECVERR = 11  # linux/in.h
SIOCATMARK = 0x8905  # linux/sockios.h


def _udp() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("127.0.0.1", 0))
    return made


def _unused_udp() -> tuple[str, int]:
    with _udp() as one:
        address: tuple[str, int] = one.getsockname()
    return address


def test_buffer_sizes_are_doubled():
    with socket.socket() as one:
        for option, least in ((SO_RCVBUF, 2304), (SO_SNDBUF, 4608)):
            one.setsockopt(SOL_SOCKET, option, 10000)
            assert one.getsockopt(SOL_SOCKET, option) == 20000
            one.setsockopt(SOL_SOCKET, option, 1)
            assert one.getsockopt(SOL_SOCKET, option) == least


def test_peek_leaves_the_bytes():
    with connected() as (client, accepted):
        client.send(b"salam")
        assert accepted.recv(9, socket.MSG_PEEK) == b"salam"
        assert accepted.recv(9) == b"salam"


def test_nonblocking_write_is_partial():
    with connected() as (client, _):
        client.setblocking(False)
        block = bytes(64 << 20)
        assert 0 < client.send(block) < len(block)
        until(lambda: failure(client.send, block) == "EAGAIN")


def test_msg_trunc_tells_the_whole_length():
    with _udp() as receiver, _udp() as sender:
        sender.sendto(b"0123456789", receiver.getsockname())
        buffer = bytearray(4)
        assert receiver.recv_into(buffer, 4, socket.MSG_PEEK | socket.MSG_TRUNC) == 10
        data, _, flags, _ = receiver.recvmsg(4)
        assert (data, flags & socket.MSG_TRUNC) == (b"0123", socket.MSG_TRUNC)
        assert events(receiver) == {"POLLOUT"}  # the rest is gone


def test_an_empty_datagram_is_not_the_end():
    with _udp() as receiver, _udp() as sender:
        sender.sendto(b"", receiver.getsockname())
        sender.sendto(b"more", receiver.getsockname())
        assert [receiver.recv(9), receiver.recv(9)] == [b"", b"more"]


def test_a_datagram_has_at_most_65507_bytes():
    with _udp() as receiver, _udp() as sender:
        assert sender.sendto(bytes(65507), receiver.getsockname()) == 65507
        assert failure(sender.sendto, bytes(65508), receiver.getsockname()) == "EMSGSIZE"


def test_broadcast_needs_the_option():
    with _udp() as one:
        assert failure(one.sendto, b"x", ("127.255.255.255", 9)) == "EACCES"
        one.setsockopt(SOL_SOCKET, socket.SO_BROADCAST, 1)
        assert failure(one.sendto, b"x", ("127.255.255.255", 9)) != "EACCES"


def test_connected_udp_reports_icmp_errors():
    with _udp() as one:
        one.connect(_unused_udp())
        assert one.send(b"first") == 5
        until(lambda: "POLLERR" in events(one))
        assert failure(one.send, b"second") == "ECONNREFUSED"
        assert failure(one.send, b"third") == ""


def test_unconnected_udp_is_not_told():
    address = _unused_udp()
    with _udp() as plain, _udp() as asking:
        asking.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
        for one in (plain, asking):
            one.sendto(b"x", address)
        until(lambda: "POLLERR" in events(asking))
        assert "POLLERR" not in events(plain)
        assert failure(plain.sendto, b"x", address) == ""


def test_connected_udp_hears_only_its_peer():
    with _udp() as one, _udp() as peer, _udp() as stranger:
        one.connect(peer.getsockname())
        stranger.sendto(b"stranger", one.getsockname())
        peer.sendto(b"peer", one.getsockname())
        assert one.recv(9) == b"peer"
        assert "POLLIN" not in events(one)


def test_urgent_data_is_one_byte_beside_the_stream():
    with connected() as (client, accepted):
        client.send(b"ab", socket.MSG_OOB)
        client.send(b"cd")
        until(lambda: "POLLPRI" in events(accepted))
        until(lambda: len(accepted.recv(9, socket.MSG_PEEK)) >= 1)
        assert accepted.recv(9) == b"a"  # reading stops at the mark
        assert fcntl.ioctl(accepted, SIOCATMARK, bytes(4)) == b"\1\0\0\0"
        assert accepted.recv(1, socket.MSG_OOB) == b"b"
        assert accepted.recv(9) == b"cd"
        assert failure(accepted.recv, 1, socket.MSG_OOB) == "EINVAL"


def test_cork_holds_back_for_200_ms():
    with connected() as (client, accepted):
        client.setsockopt(IPPROTO_TCP, socket.TCP_CORK, 1)
        begin = time.monotonic()
        client.send(b"x")
        assert accepted.recv(1) == b"x"
        assert 0.15 < time.monotonic() - begin < 5
        client.send(b"y")
        client.setsockopt(IPPROTO_TCP, socket.TCP_CORK, 0)
        assert accepted.recv(1, socket.MSG_DONTWAIT) == b"y"  # on loopback a segment is there when its sending returns


def test_rcvlowat_delays_pollin():
    with connected() as (client, accepted):
        accepted.setsockopt(SOL_SOCKET, socket.SO_RCVLOWAT, 10)
        client.send(b"12345")
        until(lambda: len(accepted.recv(9, socket.MSG_PEEK | socket.MSG_DONTWAIT)) == 5)
        assert "POLLIN" not in events(accepted)
        client.send(b"67890")
        until(lambda: "POLLIN" in events(accepted))


def test_edge_triggered_reports_new_data_only():
    with connected() as (client, accepted), select.epoll() as edge, select.epoll() as level:
        edge.register(accepted, select.EPOLLIN | select.EPOLLET)
        level.register(accepted, select.EPOLLIN)
        client.send(b"123")
        assert edge.poll(5) == [(accepted.fileno(), select.EPOLLIN)]
        assert accepted.recv(1) == b"1"
        assert edge.poll(0) == []
        assert [level.poll(0), level.poll(0)] == [[(accepted.fileno(), select.EPOLLIN)]] * 2
        client.send(b"4")
        assert edge.poll(5) == [(accepted.fileno(), select.EPOLLIN)]


def test_edge_triggered_reports_what_is_there_at_the_start():
    with connected() as (client, accepted), select.epoll() as edge:
        client.send(b"x")
        until(lambda: "POLLIN" in events(accepted))
        edge.register(accepted, select.EPOLLIN | select.EPOLLET)
        assert edge.poll(0) == [(accepted.fileno(), select.EPOLLIN)]


def test_oneshot_reports_once():
    with connected() as (client, accepted), select.epoll() as one:
        one.register(accepted, select.EPOLLIN | select.EPOLLONESHOT)
        client.send(b"x")
        assert len(one.poll(5)) == 1
        assert one.poll(0) == []
        one.modify(accepted, select.EPOLLIN | select.EPOLLONESHOT)
        assert len(one.poll(0)) == 1


def test_epoll_keeps_watching_while_a_copy_is_open():
    with connected() as (client, accepted), select.epoll() as one:
        number = accepted.fileno()
        one.register(accepted, select.EPOLLIN)
        copy = accepted.dup()
        with copy:
            accepted.close()
            client.send(b"x")
            assert one.poll(5) == [(number, select.EPOLLIN)]  # of a descriptor that is closed
            assert failure(one.unregister, number) == "EBADF"  # and that cannot be removed any more
            copy.recv(1)


def test_epoll_refuses_regular_files():
    with select.epoll() as one, Path(__file__).open("rb") as file:
        assert failure(one.register, file) == "EPERM"
        poll = select.poll()
        poll.register(file, select.POLLIN)
        assert poll.poll(0) == [(file.fileno(), select.POLLIN)]
