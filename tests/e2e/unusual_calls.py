"""Programs whose bytes pass through calls that few programs make, both ends in one tree.

`python -m tests.e2e.unusual_calls NAME`
"""

import ctypes
import os
import socket
import subprocess
import sys
import tempfile

from tests.e2e.awkward_programs import HOST, PORT, assert_equal, assert_same, conversation, payload, receive

CLONE_NEWNET = 0x40000000  # linux/sched.h
SO_BINDTODEVICE = 25  # asm-generic/socket.h
CLIENT_PORT = 4444
libc = ctypes.CDLL(None, use_errno=True)


class Iovec(ctypes.Structure):
    """struct iovec."""

    _fields_ = (("base", ctypes.c_void_p), ("size", ctypes.c_size_t))


class Msghdr(ctypes.Structure):
    """struct msghdr."""

    _fields_ = (
        ("name", ctypes.c_void_p), ("namelen", ctypes.c_uint), ("iov", ctypes.POINTER(Iovec)),
        ("iovlen", ctypes.c_size_t), ("control", ctypes.c_void_p), ("controllen", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )  # fmt: skip


class Mmsghdr(ctypes.Structure):
    """struct mmsghdr."""

    _fields_ = (("head", Msghdr), ("size", ctypes.c_uint))


def iovecs(*parts: tuple[int | None, int]) -> ctypes.Array[Iovec]:
    return (Iovec * len(parts))(*(Iovec(base, size) for base, size in parts))


def address_of(data: bytes) -> int:
    """Of a copy that lives as long as the program."""
    buffer = ctypes.create_string_buffer(data, len(data))
    KEPT.append(buffer)
    return ctypes.addressof(buffer)


KEPT: list[object] = []


def sendfile_offset() -> None:
    """From the middle of a file with an offset of its own, then from where the descriptor stands."""
    data = payload(200_000)

    def client(sock: socket.socket) -> None:
        with tempfile.TemporaryFile() as file:
            file.write(data)
            file.flush()
            os.lseek(file.fileno(), 1000, os.SEEK_SET)
            at = 50_000
            while at < 120_000:
                at += os.sendfile(sock.fileno(), file.fileno(), at, 120_000 - at)
            left = 30_000  # the offset of the descriptor was not moved
            while left:
                left -= libc.sendfile(sock.fileno(), file.fileno(), None, left)

    conversation(lambda s: assert_same(receive(s, 100_000), data[50_000:120_000] + data[1000:31_000]), client)


def splice_and_tee() -> None:
    """Into the socket from a pipe, out of the socket into a pipe; tee copies between pipes and consumes nothing."""
    data = payload(60_000)

    def client(sock: socket.socket) -> None:
        out, into = os.pipe()
        copy_out, copy_into = os.pipe()
        for at in range(0, len(data), 20_000):
            os.write(into, data[at : at + 20_000])
            assert_equal(libc.tee(out, copy_into, 20_000, 0), 20_000)
            assert_same(os.read(copy_out, 20_000), data[at : at + 20_000])
            left = 20_000
            while left:
                left -= libc.splice(out, None, sock.fileno(), None, left, 0)

    def server(sock: socket.socket) -> None:
        out, into = os.pipe()
        got = b""
        while len(got) < len(data):
            moved = libc.splice(sock.fileno(), None, into, None, 16_384, 0)
            got += os.read(out, moved)
        assert_same(got, data)

    conversation(server, client)


def discarded() -> None:
    """MSG_TRUNC on TCP takes bytes off the stream without copying them."""
    data = payload(9000)

    def server(sock: socket.socket) -> None:
        assert_same(receive(sock, 1000), data[:1000])
        left = 5000
        while left:
            left -= libc.recv(sock.fileno(), None, left, socket.MSG_TRUNC)
        assert_same(receive(sock, 3000), data[6000:])

    conversation(server, lambda s: s.sendall(data))


def empty_writes() -> None:
    """Of no bytes, by every call; they are not in the stream, and move nothing."""
    data = payload(4000)

    def client(sock: socket.socket) -> None:
        for at in range(0, len(data), 1000):
            os.write(sock.fileno(), b"")
            sock.send(b"")
            sock.sendmsg([b"", data[at : at + 500], b"", data[at + 500 : at + 1000]])
            os.writev(sock.fileno(), [b"", b""])

    def server(sock: socket.socket) -> None:
        assert_same(sock.recv(0), b"")
        assert_same(receive(sock, len(data)), data)

    conversation(server, client)


def bad_vector() -> None:
    """A vector whose second part is no memory: the kernel takes what stands before it; nothing where that is empty."""
    data = payload(200_000)

    def client(sock: socket.socket) -> None:
        half = len(data) // 2
        first, last = address_of(data[:half]), address_of(data[half:])
        sent = libc.writev(sock.fileno(), iovecs((first, half), (8, 500), (last, half)), 3)
        assert_equal(libc.writev(sock.fileno(), iovecs((8, 500), (first, 1000)), 2), -1)
        sock.sendall(data[max(sent, 0) :])

    conversation(lambda s: assert_same(receive(s, len(data)), data), client)


def device() -> None:
    """Bound to the loopback device."""
    data = payload(5000)

    def bind(sock: socket.socket) -> None:
        sock.setsockopt(socket.SOL_SOCKET, SO_BINDTODEVICE, b"lo\0")

    conversation(
        lambda s: assert_same(receive(s, len(data)), data),
        lambda s: s.sendall(data),
        prepare_listener=bind,
        prepare_client=bind,
    )


def packets_in_order() -> None:
    """SOCK_SEQPACKET: messages with their borders; what does not fit into a read is lost."""
    left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for n, size in enumerate((10, 1000, 300, 1)):
        left.send(payload(size, n))
    for n, size in enumerate((10, 1000, 100, 1)):
        assert_same(right.recv(100 if n == 2 else 4096), payload((10, 1000, 300, 1)[n], n)[:size])


def some_of_many() -> None:
    """sendmmsg whose third message has no memory: two go; recvmmsg of four with room for what came."""
    sizes = (100, 200, 300)
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock,
    ):
        server.bind((HOST, PORT))
        sock.connect((HOST, PORT))
        parts = [iovecs((address_of(payload(n, k)), n)) for k, n in enumerate(sizes)]
        parts[2][0].base = 8
        many = (Mmsghdr * 3)(*(Mmsghdr(Msghdr(None, 0, p, 1, None, 0, 0)) for p in parts))
        assert_equal(libc.sendmmsg(sock.fileno(), many, 3, 0), 2)
        room = [ctypes.create_string_buffer(400) for _ in range(4)]
        vectors = [iovecs((ctypes.addressof(r), 400)) for r in room]
        vectors[3][0].base = 8
        many = (Mmsghdr * 4)(*(Mmsghdr(Msghdr(None, 0, v, 1, None, 0, 0)) for v in vectors))
        assert_equal(libc.recvmmsg(server.fileno(), many, 4, socket.MSG_DONTWAIT, None), 2)
        assert_same(room[0].raw[:100] + room[1].raw[:200], payload(100, 0) + payload(200, 1))


def same_in_two_networks() -> None:
    """The same addresses, ports and sizes in two network namespaces at the same time, with other bytes; packets are
    captured in one of them, the recorder's."""
    children = []
    ready, go = os.pipe(), os.pipe()
    for seed in (1, 2):
        child = os.fork()
        if child == 0:
            if seed == 2:
                assert_equal(libc.unshare(CLONE_NEWNET), 0)
                subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            os.write(ready[1], b"1")
            os.read(go[0], 1)  # both talk at once
            data = payload(50_000, seed)

            def bind(sock: socket.socket) -> None:
                sock.bind((HOST, CLIENT_PORT))

            conversation(
                lambda s, data=data: assert_same(receive(s, len(data)), data),  # type: ignore[misc]
                lambda s, data=data: s.sendall(data),  # type: ignore[misc]
                prepare_client=bind,
            )
            os._exit(0)
        children.append(child)
    for _ in children:
        os.read(ready[0], 1)
    os.write(go[1], b"12")
    for child in children:
        assert os.waitpid(child, 0)[1] == 0


SCENARIOS = {
    "sendfile-offset": sendfile_offset,
    "splice-and-tee": splice_and_tee,
    "discarded": discarded,
    "empty-writes": empty_writes,
    "bad-vector": bad_vector,
    "device": device,
    "packets-in-order": packets_in_order,
    "some-of-many": some_of_many,
    "same-in-two-networks": same_in_two_networks,
}

if __name__ == "__main__":
    SCENARIOS[sys.argv[1]]()
