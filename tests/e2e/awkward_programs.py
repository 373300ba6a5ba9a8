"""Programs that do awkward things with sockets, both ends in one tree of processes: `python awkward_programs.py NAME`.

Payload is pseudo-random by position, so that a byte at the wrong place is noticed.
"""

import os
import random
import socket
import struct
import sys
import threading
from collections.abc import Callable
from pathlib import Path

HOST, PORT = "127.0.0.1", 4000
TCP_REPAIR, TCP_REPAIR_QUEUE, TCP_QUEUE_SEQ, TCP_SEND_QUEUE = 19, 20, 21, 2  # linux/tcp.h
TCP_REPAIR_ON, TCP_REPAIR_OFF_NO_WP = 1, -1
TCP_FASTOPEN, TCP_FASTOPEN_CONNECT, MSG_FASTOPEN = 23, 30, 0x20000000
IPV6_HOPOPTS, IPV6_DSTOPTS = 54, 59  # linux/in6.h
SO_PEEK_OFF = 42  # asm-generic/socket.h
FIRST_SEQUENCE = 2**32 - 5000


def payload(size: int, seed: int = 1) -> bytes:
    """The same bytes in every run."""
    return random.Random(seed).randbytes(size)


def receive(sock: socket.socket, size: int) -> bytes:
    """Exactly `size` bytes."""
    got = bytearray()
    while len(got) < size:
        part = sock.recv(min(65536, size - len(got)))
        assert part, f"the peer ended after {len(got)} of {size} bytes"
        got += part
    return bytes(got)


def conversation(
    server: Callable[[socket.socket], None],
    client: Callable[[socket.socket], None],
    *,
    prepare_listener: Callable[[socket.socket], None] = lambda _: None,
    prepare_client: Callable[[socket.socket], None] = lambda _: None,
) -> None:
    """One connection between this process (the server) and a child."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        prepare_listener(listener)
        listener.bind((HOST, PORT))
        listener.listen(5)
        child = os.fork()
        if child == 0:
            listener.close()
            with socket.socket() as sock:
                prepare_client(sock)
                sock.connect((HOST, PORT))
                client(sock)
            os._exit(0)
        connection, _ = listener.accept()
        with connection:
            server(connection)
    assert os.waitpid(child, 0)[1] == 0


def threads() -> None:
    """Four threads write one socket at once, each its own bytes; two read the other direction's."""
    data = [payload(20_000, seed) for seed in range(4)]

    def client(sock: socket.socket) -> None:
        start = threading.Barrier(4)

        def write(part: bytes) -> None:
            start.wait()
            for at in range(0, len(part), 1000):
                sock.sendall(part[at : at + 1000])

        workers = [threading.Thread(target=write, args=(part,)) for part in data]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    conversation(lambda sock: assert_equal_length(receive(sock, 80_000), 80_000), client)


def assert_equal_length(got: bytes, size: int) -> None:
    assert len(got) == size


def passed() -> None:
    """A descriptor goes to another process by SCM_RIGHTS, which writes; the first one had written before."""
    data = payload(9000)

    def client(sock: socket.socket) -> None:
        ours, theirs = socket.socketpair()
        child = os.fork()
        if child == 0:
            sock.close()
            ours.close()
            _, fds, _, _ = socket.recv_fds(theirs, 16, 1)
            with socket.socket(fileno=fds[0]) as got:
                got.sendall(data[4000:])
            os._exit(0)
        sock.sendall(data[:4000])
        socket.send_fds(ours, [b"yours"], [sock.fileno()])
        assert os.waitpid(child, 0)[1] == 0

    conversation(lambda sock: assert_same(receive(sock, 9000), data), client)


def assert_same(got: bytes, wanted: bytes) -> None:
    assert got == wanted


def wrapped() -> None:
    """The client's sequence numbers begin just below 2^32 (TCP_QUEUE_SEQ of a closed socket in repair mode)."""
    data = payload(200_000)

    def begin_high(sock: socket.socket) -> None:
        for option, value in (
            (TCP_REPAIR, TCP_REPAIR_ON), (TCP_REPAIR_QUEUE, TCP_SEND_QUEUE), (TCP_QUEUE_SEQ, FIRST_SEQUENCE),
            (TCP_REPAIR, TCP_REPAIR_OFF_NO_WP),
        ):  # fmt: skip
            sock.setsockopt(socket.IPPROTO_TCP, option, struct.pack("=I", value & 0xFFFFFFFF))

    def client(sock: socket.socket) -> None:
        sock.sendall(data)
        assert receive(sock, 3) == b"end"

    def server(sock: socket.socket) -> None:
        assert_same(receive(sock, len(data)), data)
        sock.sendall(b"end")

    conversation(server, client, prepare_client=begin_high)


def _allow_fast_open() -> None:
    Path("/proc/sys/net/ipv4/tcp_fastopen").write_text("3")  # client and server (ip-sysctl.rst)


def _fast_open(ask: Callable[[socket.socket, bytes], None]) -> None:
    """Two connections: the first learns the cookie, the second carries its data in the SYN."""
    _allow_fast_open()
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN, 5)
        listener.bind((HOST, PORT))
        listener.listen(5)
        child = os.fork()
        if child == 0:
            listener.close()
            for n in range(2):
                with socket.socket() as sock:
                    ask(sock, payload(500, n))
                    sock.sendall(payload(2000, n + 10))
                    assert receive(sock, 4) == b"done"
            os._exit(0)
        for n in range(2):
            connection, _ = listener.accept()
            with connection:
                assert_same(receive(connection, 2500), payload(500, n) + payload(2000, n + 10))
                connection.sendall(b"done")
    assert os.waitpid(child, 0)[1] == 0


def fast_open() -> None:
    _fast_open(lambda sock, data: assert_equal(sock.sendto(data, MSG_FASTOPEN, (HOST, PORT)), len(data)))


def assert_equal(got: int, wanted: int) -> None:
    assert got == wanted


def fast_open_connect() -> None:
    def ask(sock: socket.socket, data: bytes) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1)
        sock.connect((HOST, PORT))
        sock.sendall(data)

    _fast_open(ask)


def _urgent(*, inline: bool) -> None:
    data = payload(3000)

    def server(sock: socket.socket) -> None:
        if inline:
            assert receive(sock, 3001) == data[:1500] + b"!" + data[1500:]
        else:
            poll = receive(sock, 1500)
            sock.sendall(b"half")
            while True:
                try:
                    assert sock.recv(1, socket.MSG_OOB) == b"!"
                    break
                except (BlockingIOError, OSError):
                    continue
            assert poll + receive(sock, 1500) == data
        sock.sendall(b"done")

    def client(sock: socket.socket) -> None:
        sock.sendall(data[:1500])
        if not inline:
            assert receive(sock, 4) == b"half"
        sock.send(b"!", socket.MSG_OOB)
        sock.sendall(data[1500:])
        assert receive(sock, 4) == b"done"

    def prepare(listener: socket.socket) -> None:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, int(inline))

    conversation(server, client, prepare_listener=prepare)


def urgent() -> None:
    _urgent(inline=False)


def urgent_inline() -> None:
    _urgent(inline=True)


def keep_alive() -> None:
    """Nothing is said for more than a second on a connection that probes after one."""

    def prepare(sock: socket.socket) -> None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)

    def server(sock: socket.socket) -> None:
        assert_same(receive(sock, 5), b"hello")
        sock.settimeout(2.5)
        try:
            sock.recv(1)
            raise AssertionError("nothing was to come")
        except TimeoutError:
            sock.settimeout(None)
        sock.sendall(b"go on")
        assert_same(receive(sock, 5), b"again")

    def client(sock: socket.socket) -> None:
        sock.sendall(b"hello")
        assert receive(sock, 5) == b"go on"
        sock.sendall(b"again")

    conversation(server, client, prepare_client=prepare)


def zero_window() -> None:
    """The receiver reads nothing until the sender has probed its closed window."""
    data = payload(300_000)

    def small(sock: socket.socket) -> None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)

    def server(sock: socket.socket) -> None:
        probes = 0
        while not probes:  # struct tcp_info of the sender: probes sent (linux/tcp.h, tcpi_probes)
            probes = int(os.read(told[0], 1)[0])
        assert_same(receive(sock, len(data)), data)

    def client(sock: socket.socket) -> None:
        sender = threading.Thread(target=sock.sendall, args=(data,))
        sender.start()
        while not sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 8)[3]:
            sender.join(0.05)
        os.write(told[1], b"\1")
        sender.join()

    told = os.pipe()
    conversation(server, client, prepare_listener=small)


def fragments() -> None:
    """UDP datagrams larger than the MTU (the caller made lo's 1500), both ways, and small ones between."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((HOST, PORT))
        child = os.fork()
        if child == 0:
            server.close()
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.connect((HOST, PORT))
                for n, size in enumerate((20_000, 10, 30_000, 1472, 1473)):
                    sock.send(payload(size, n))
                    assert sock.recv(65536) == payload(size // 2, n)
            os._exit(0)
        for _ in range(5):
            data, place = server.recvfrom(65536)
            n = next(n for n, size in enumerate((20_000, 10, 30_000, 1472, 1473)) if size == len(data))
            assert data == payload(len(data), n)
            server.sendto(payload(len(data) // 2, n), place)
    assert os.waitpid(child, 0)[1] == 0


def extension_headers() -> None:
    """IPv6 TCP and UDP behind destination options and a hop-by-hop header (RFC 8200, section 4)."""
    padding = bytes([0, 0, 1, 4, 0, 0, 0, 0])  # next header (set by the kernel), length 0, PadN of 4
    data = payload(50_000)

    def prepare(sock: socket.socket) -> None:
        sock.setsockopt(socket.IPPROTO_IPV6, IPV6_DSTOPTS, padding)
        sock.setsockopt(socket.IPPROTO_IPV6, IPV6_HOPOPTS, padding)

    with socket.socket(socket.AF_INET6) as listener, socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as datagrams:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("::1", PORT))
        listener.listen(1)
        datagrams.bind(("::1", PORT))
        child = os.fork()
        if child == 0:
            with socket.socket(socket.AF_INET6) as sock:
                prepare(sock)
                sock.connect(("::1", PORT))
                sock.sendall(data)
                assert receive(sock, 2) == b"ok"
            with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
                prepare(sock)
                sock.sendto(b"question", ("::1", PORT))
                assert sock.recv(100) == b"answer"
            os._exit(0)
        connection, _ = listener.accept()
        with connection:
            assert_same(receive(connection, len(data)), data)
            connection.sendall(b"ok")
        message, place = datagrams.recvfrom(100)
        assert message == b"question"
        datagrams.sendto(b"answer", place)
    assert os.waitpid(child, 0)[1] == 0


def peek_offset() -> None:
    """Each MSG_PEEK goes on where the last one ended."""
    writer, reader = socket.socketpair()
    data = payload(64)
    writer.sendall(data)
    reader.setsockopt(socket.SOL_SOCKET, SO_PEEK_OFF, 0)
    assert_same(reader.recv(16, socket.MSG_PEEK) + reader.recv(16, socket.MSG_PEEK), data[:32])
    assert_same(reader.recv(100), data)


SCENARIOS = {
    "peek-offset": peek_offset,
    "threads": threads,
    "passed": passed,
    "wrapped": wrapped,
    "fast-open": fast_open,
    "fast-open-connect": fast_open_connect,
    "urgent": urgent,
    "urgent-inline": urgent_inline,
    "keep-alive": keep_alive,
    "zero-window": zero_window,
    "fragments": fragments,
    "extension-headers": extension_headers,
}

if __name__ == "__main__":
    SCENARIOS[sys.argv[1]]()
