"""Ways in which programs read datagrams that say little: each on a port of its own, in one process.

Every datagram tells its number, so that a link to the wrong one would show.
"""

import ctypes
import shutil
import socket
import struct
import tempfile
from collections.abc import Callable

HOST, GROUP = "127.0.0.1", "239.1.2.3"
UDP_SEGMENT = 103  # linux/udp.h
LIBC = ctypes.CDLL(None)
PORTS = {"nameless": 4001, "multicast": 4002, "cut": 4003, "segments": 4004, "empty": 4005, "dropped": 4006}


def message(n: int, size: int = 50) -> bytes:
    return (b"%04d" % n + b"." * size)[:size]


def udp(port: int = 0, host: str = HOST) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((host, port))
    return sock


def nameless(port: int) -> None:
    """Three senders of equal datagrams; the reader never asks who they are from, and peeks."""
    reader, senders = udp(port), [udp() for _ in range(3)]
    for n in range(9):
        senders[n % 3].sendto(message(n // 3), (HOST, port))
    reader.recv(10, socket.MSG_PEEK)
    for n in range(9):
        assert reader.recv(100) == message(n // 3)


def multicast(port: int) -> None:
    readers = [udp(port, GROUP) for _ in range(3)]
    for reader in readers:
        reader.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(GROUP) + socket.inet_aton(HOST))
    sender = udp()
    sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(HOST))
    for n in range(4):
        sender.sendto(message(n), (GROUP, port))
    for reader in readers:
        assert [reader.recv(100) for _ in range(4)] == [message(n) for n in range(4)]


def cut(port: int) -> None:
    """Buffers too small, by every call; with MSG_TRUNC the result is the whole size."""
    reader, sender = udp(port), udp()
    for n in range(5):
        sender.sendto(message(n, 200), (HOST, port))
    assert reader.recv(50) == message(0)
    room = ctypes.create_string_buffer(60)
    assert LIBC.recv(reader.fileno(), room, len(room), socket.MSG_TRUNC) == 200
    assert len(reader.recvmsg(70)[0]) == 70
    assert reader.recvfrom(16)[0] == message(3)[:16]
    assert LIBC.recv(reader.fileno(), None, 0, 0) == 0


def segments(port: int) -> None:
    reader, sender = udp(port), udp()
    sender.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 500)
    parts = [message(n, 500) for n in range(20)] + [message(20, 123)]
    sender.sendto(b"".join(parts), (HOST, port))
    assert [reader.recv(2000) for _ in parts] == parts


def empty(port: int) -> None:
    reader, sender = udp(port), udp()
    for n in range(4):
        sender.sendto(b"" if n % 2 else message(n), (HOST, port))
    assert [reader.recv(100) for _ in range(4)] == [message(0), b"", message(2), b""]


def dropped(port: int) -> None:
    """More equal datagrams than the queue holds: which of them were read is not told."""
    reader, sender = udp(port), udp()
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4000)
    for _ in range(30):
        sender.sendto(message(0, 700), (HOST, port))
    reader.recv(1000)
    sender.sendto(message(0, 700), (HOST, port))
    reader.recv(1000)


def unix() -> None:
    """One server, two clients without a name, equal messages; it answers one that has a name."""
    folder = tempfile.mkdtemp()
    server, named = (socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(2))
    clients = [socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(2)]
    server.bind(f"{folder}/s")
    named.bind(f"{folder}/c")
    for n in range(3):
        for client in (*clients, named):
            client.sendto(message(n), f"{folder}/s")
    for _ in range(9):
        server.recvfrom(100)
    server.sendto(message(9), f"{folder}/c")
    assert named.recv(100) == message(9)
    shutil.rmtree(folder)


def own_peer() -> None:
    """A TCP socket connected to itself; MSG_TRUNC throws away a part of what came."""
    sock = socket.socket()
    sock.bind((HOST, 4007))
    sock.connect((HOST, 4007))
    sock.sendall(struct.pack(">1000I", *range(1000)))
    assert sock.recv(1000, socket.MSG_WAITALL) == struct.pack(">250I", *range(250))
    room = ctypes.create_string_buffer(1000)
    assert LIBC.recv(sock.fileno(), room, len(room), socket.MSG_TRUNC | socket.MSG_WAITALL) == 1000
    assert sock.recv(2000, socket.MSG_WAITALL) == struct.pack(">500I", *range(500, 1000))


WAYS: dict[str, Callable[[int], None]] = {
    "nameless": nameless, "multicast": multicast, "cut": cut, "segments": segments, "empty": empty, "dropped": dropped,
}  # fmt: skip

if __name__ == "__main__":
    for name, way in WAYS.items():
        way(PORTS[name])
    unix()
    own_peer()
