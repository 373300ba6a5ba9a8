"""Programs that use sockets in ways of their own, all ends in one tree of processes.

`python -m tests.e2e.socket_kinds NAME`, from the repository's folder. Payload is pseudo-random by
position, so that a byte at the wrong place is noticed.
"""

import ctypes
import multiprocessing
import os
import select
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection

from tests.e2e.awkward_programs import HOST, PORT, assert_same, payload, receive

SO_ZEROCOPY, MSG_ZEROCOPY = 60, 0x4000000  # asm-generic/socket.h, linux/socket.h
IP_PKTINFO, IPV6_RECVPKTINFO = 8, 49  # linux/in.h, linux/in6.h
IPPROTO_UDPLITE, IPPROTO_MPTCP = 136, 262  # linux/in.h
UDPLITE_SEND_CSCOV = 10  # linux/udp.h
SOL_MPTCP, MPTCP_INFO = 284, 1  # linux/socket.h, linux/mptcp.h
CLONE_NEWNET = 0x40000000  # linux/sched.h
_EXTENDED_ERROR = struct.Struct("=IBBBBII")  # struct sock_extended_err, linux/errqueue.h: ... ee_info, ee_data


def in_child(work: Callable[[], None]) -> int:
    """Do `work` in a child; its process id."""
    child = os.fork()
    if child == 0:
        work()
        os._exit(0)
    return child


def all_well(*children: int) -> None:
    for child in children:
        assert os.waitpid(child, 0)[1] == 0


def echo(listener: socket.socket, size: int) -> None:
    """Accept once and send back so many bytes."""
    connection, _ = listener.accept()
    with connection:
        connection.sendall(receive(connection, size))


def _completed(sock: socket.socket, sends: int) -> None:
    """Take notices from the error queue until all sends are said to be done (Documentation/networking/msg_zerocopy)."""
    done = 0
    while done < sends:
        waiting = select.poll()
        waiting.register(sock, 0)
        waiting.poll()
        ((_, _, notice),) = sock.recvmsg(0, 200, socket.MSG_ERRQUEUE)[1]
        done = _EXTENDED_ERROR.unpack_from(notice)[6] + 1


def zero_copy() -> None:
    """TCP and UDP sends whose pages the kernel borrows, and the notices that it has given them back."""
    data = payload(300_000)
    with socket.create_server((HOST, PORT)) as listener:
        child = in_child(lambda: echo(listener, len(data)))
    with socket.create_connection((HOST, PORT)) as sock:
        sock.setsockopt(socket.SOL_SOCKET, SO_ZEROCOPY, 1)
        sent = sends = 0
        while sent < len(data):
            sent += sock.send(memoryview(data)[sent : sent + 100_000], MSG_ZEROCOPY)
            sends += 1
        assert_same(receive(sock, len(data)), data)
        _completed(sock, sends)
    all_well(child)
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        receiver.bind((HOST, PORT))
        sender.setsockopt(socket.SOL_SOCKET, SO_ZEROCOPY, 1)
        sender.connect((HOST, PORT))
        messages = [payload(3000, n) for n in range(3)]  # kept until the kernel has given them back
        for message in messages:
            sender.send(message, MSG_ZEROCOPY)
            assert_same(receiver.recv(5000), message)
        _completed(sender, len(messages))


def handed_listener() -> None:
    """A listener is handed to a worker, as systemd does, and the socket that this accepts to one of its own."""
    first, rest = payload(100), payload(50_000, 2)
    ours, theirs = socket.socketpair()

    def worker() -> None:
        ours.close()
        _, (fd,), _, _ = socket.recv_fds(theirs, 10, 1)
        connection, _ = socket.socket(fileno=fd).accept()
        connection.sendall(receive(connection, len(first)))
        near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

        def second() -> None:
            near.close()
            connection.close()
            _, (handed,), _, _ = socket.recv_fds(far, 10, 1)
            with socket.socket(fileno=handed) as again:
                again.sendall(receive(again, len(rest)))

        child = in_child(second)
        socket.send_fds(near, [b"take it"], [connection.fileno()])
        connection.close()
        all_well(child)

    child = in_child(worker)
    with socket.create_server((HOST, PORT)) as listener:
        socket.send_fds(ours, [b"listen"], [listener.fileno()])
    with socket.create_connection((HOST, PORT)) as sock:
        for data in (first, rest):
            sock.sendall(data)
            assert_same(receive(sock, len(data)), data)
    all_well(child)


def handed_by_multiprocessing() -> None:
    """An accepted socket goes through a queue; multiprocessing passes it by a connection of its own."""
    data = payload(20_000)
    context = multiprocessing.get_context("fork")
    sockets: multiprocessing.Queue[socket.socket] = context.Queue()
    ours, theirs = context.Pipe()

    def work(told: Connection) -> None:
        with sockets.get() as sock:
            sock.sendall(receive(sock, len(data)))
        told.send_bytes(data[:300])

    with socket.create_server((HOST, PORT)) as listener:
        worker = context.Process(target=work, args=(theirs,))
        worker.start()
        with socket.create_connection((HOST, PORT)) as sock:
            accepted, _ = listener.accept()
            sockets.put(accepted)
            sock.sendall(data)
            assert_same(receive(sock, len(data)), data)
            assert_same(ours.recv_bytes(), data[:300])
            accepted.close()
    worker.join()


def shared_port() -> None:
    """Three workers with a TCP and a UDP socket each at one port (SO_REUSEPORT); the kernel chooses among them."""
    told, tell = os.pipe()

    def bound(kind: socket.SocketKind) -> socket.socket:
        sock = socket.socket(socket.AF_INET, kind)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((HOST, PORT))
        return sock

    def worker() -> None:
        with bound(socket.SOCK_STREAM) as listener, bound(socket.SOCK_DGRAM) as datagrams:
            listener.listen()
            os.write(tell, b".")
            waiting = select.poll()
            waiting.register(listener, select.POLLIN)
            waiting.register(datagrams, select.POLLIN)
            while True:
                for fd, _ in waiting.poll():
                    if fd == listener.fileno():
                        echo(listener, 500)
                    else:
                        data, place = datagrams.recvfrom(1000)
                        datagrams.sendto(data, place)

    workers = [in_child(worker) for _ in range(3)]
    ready = 0
    while ready < len(workers):
        ready += len(os.read(told, 3))
    for n in range(8):
        with socket.create_connection((HOST, PORT)) as sock:
            sock.sendall(payload(500, n))
            assert_same(receive(sock, 500), payload(500, n))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect((HOST, PORT))
            sock.send(payload(100, n))
            assert_same(sock.recv(200), payload(100, n))
    for child in workers:
        os.kill(child, signal.SIGTERM)
        os.waitpid(child, 0)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def _wait_for_route(address: str, device: str) -> None:
    """An address can be reached a moment after the device has come up, not at once."""
    asked = ["ip", "-6", "route", "get", address, "oif", device]
    while not subprocess.run(asked, check=False, capture_output=True, text=True).stdout.startswith("local"):
        pass


def link_local() -> None:
    """TCP and UDP between link-local and between unique local addresses."""
    _ip("link", "add", "near", "type", "veth", "peer", "name", "far")
    for name in ("near", "far"):
        _ip("link", "set", name, "up")
    scope = socket.if_nametoindex("near")
    for ends, where in ((("fe80::1", "fe80::2"), scope), (("fd00:1:2::3", "fd00:1:2::4"), 0)):
        for address in ends:
            _ip("-6", "addr", "add", f"{address}/64", "dev", "near", "nodad")
        for address in ends:
            _wait_for_route(address, "near")
        server, client = ((address, PORT if n == 0 else 0, 0, where) for n, address in enumerate(ends))
        with socket.socket(socket.AF_INET6) as listener, socket.socket(socket.AF_INET6) as sock:
            listener.bind(server)
            listener.listen()
            sock.bind(client)
            sock.connect(server)
            connection, _ = listener.accept()
            for sender, receiver, size in ((sock, connection, 10_000), (connection, sock, 20_000)):
                sender.sendall(payload(size))
                assert_same(receive(receiver, size), payload(size))
            connection.close()
        with (
            socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as receiver,
            socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sender,
        ):
            receiver.bind(server)
            sender.sendto(payload(50), server)
            data, place = receiver.recvfrom(100)
            receiver.sendto(data * 2, place)
            assert_same(sender.recv(200), payload(50) * 2)


def many_homes() -> None:
    """A UDP server at all addresses answers from the one it was asked at; one client socket asks several."""
    homes = (HOST, "10.1.0.1", "10.2.0.1")
    for home in homes[1:]:
        _ip("addr", "add", f"{home}/24", "dev", "lo")
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server,
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as both,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as client6,
    ):
        server.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
        server.bind(("0.0.0.0", PORT))
        both.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
        both.bind(("::", PORT + 1))

        def ask(own: socket.socket, sock: socket.socket, home: str, data: bytes) -> None:
            port = own.getsockname()[1]
            sock.sendto(data, (home, port))
            asked, wherefrom, _, place = own.recvmsg(1000, 200)
            own.sendmsg([asked, b"!"], wherefrom, 0, place)
            answer, by = sock.recvfrom(2000)
            assert_same(answer, data + b"!")
            assert by[:2] == (home, port), by

        for n, home in enumerate(homes):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as another:
                ask(server, another, home, payload(100 + n, n))
            ask(server, client, home, payload(60, 7))  # equal bytes to each
            ask(both, client, home, payload(70, 8))
        ask(both, client6, "::1", payload(80, 9))


def splicing_proxy() -> None:
    """A proxy moves bytes between its sockets through a pipe, in both directions."""
    data = payload(200_000)
    with socket.create_server((HOST, PORT)) as front, socket.create_server((HOST, PORT + 1)) as back:

        def proxy() -> None:
            connection, _ = front.accept()
            upstream = socket.create_connection((HOST, PORT + 1))
            out, into = os.pipe()
            for source, target in ((connection, upstream), (upstream, connection)):
                left = len(data)
                while left:
                    held = os.splice(source.fileno(), into, left)
                    left -= held
                    while held:
                        held -= os.splice(out, target.fileno(), held)

        children = [in_child(lambda: echo(back, len(data))), in_child(proxy)]
    with socket.create_connection((HOST, PORT)) as sock:
        sock.sendall(data)
        assert_same(receive(sock, len(data)), data)
    all_well(*children)


def vsock() -> None:
    """A listener at a port of 32 bits, and a socket that has none yet."""
    with socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM) as listener:
        listener.bind((socket.VMADDR_CID_ANY, 0xF0000001))
        listener.listen()


def udp_lite() -> None:
    """UDP-Lite whose checksum covers a part, beside UDP at the same ports with the same bytes."""
    for n, (protocol, other) in enumerate(((IPPROTO_UDPLITE, socket.IPPROTO_UDP), (0, IPPROTO_UDPLITE))):
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM, protocol) as receiver,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM, protocol) as sender,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM, other) as bystander,
        ):
            receiver.bind((HOST, PORT))
            bystander.bind((HOST, PORT))
            sender.bind((HOST, PORT + 1 + n))
            if protocol:
                sender.setsockopt(IPPROTO_UDPLITE, UDPLITE_SEND_CSCOV, 20)
            for size in (100, 1, 3000):
                sender.sendto(payload(size), (HOST, PORT))
                data, place = receiver.recvfrom(5000)
                receiver.sendto(data[:50], place)
                assert_same(sender.recv(5000), payload(size)[:50])


def two_paths() -> None:
    """MPTCP over two links, one of which loses all larger packets: what was on it goes again over the other."""
    libc = ctypes.CDLL(None, use_errno=True)
    size, last = 1_500_000, 300_000
    asked, ask = os.pipe()
    told, tell = os.pipe()
    marks = (b"?", b"!")

    def server() -> None:
        assert libc.unshare(CLONE_NEWNET) == 0
        os.write(tell, b".")
        assert os.read(asked, 1) == b"."
        for path in (1, 2):
            _ip("addr", "add", f"10.9.{path}.1/24", "dev", f"far{path}")
            _ip("link", "set", f"far{path}", "up")
        _ip("mptcp", "limits", "set", "subflow", "2", "add_addr_accepted", "2")
        for words in (
            "add table inet t",
            "add chain inet t c { type filter hook input priority 0; }",
            "add rule inet t c iifname far2 meta length > 500 drop",
        ):
            subprocess.run(["nft", words], check=True)
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_MPTCP) as listener:
            listener.bind(("10.9.1.1", PORT))
            listener.listen()
            os.write(tell, b".")
            connection, _ = listener.accept()
            assert_same(receive(connection, 1), marks[0])
            connection.sendall(marks[1])
            _on_two(connection)
            assert_same(receive(connection, size), payload(size))
            connection.sendall(payload(last))
            assert connection.recv(1) == b""

    child = in_child(server)
    os.close(tell)
    assert os.read(told, 1) == b"."
    for path in (1, 2):
        _ip("link", "add", f"near{path}", "type", "veth", "peer", "name", f"far{path}", "netns", str(child))
        _ip("addr", "add", f"10.9.{path}.2/24", "dev", f"near{path}")
        _ip("link", "set", f"near{path}", "up")
    _ip("mptcp", "limits", "set", "subflow", "2", "add_addr_accepted", "2")
    _ip("mptcp", "endpoint", "add", "10.9.2.2", "dev", "near2", "subflow")
    os.write(ask, b".")
    assert os.read(told, 1) == b"."
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_MPTCP) as sock:
        sock.connect(("10.9.1.1", PORT))
        sock.sendall(marks[0])
        assert_same(receive(sock, 1), marks[1])
        _on_two(sock)
        sock.sendall(payload(size))
        assert_same(receive(sock, last), payload(last))
    all_well(child)


def _on_two(sock: socket.socket) -> None:
    """Wait until a second subflow has joined; the kernel makes it when it finds time."""
    while not sock.getsockopt(SOL_MPTCP, MPTCP_INFO, 64)[0]:  # mptcpi_subflows, linux/mptcp.h
        select.select([], [], [], 0.01)


KINDS = {
    "two-paths": two_paths,
    "udp-lite": udp_lite,
    "vsock": vsock,
    "zero-copy": zero_copy,
    "handed-listener": handed_listener,
    "handed-by-multiprocessing": handed_by_multiprocessing,
    "shared-port": shared_port,
    "link-local": link_local,
    "many-homes": many_homes,
    "splicing-proxy": splicing_proxy,
}

if __name__ == "__main__":
    KINDS[sys.argv[1]]()
