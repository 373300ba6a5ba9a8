"""A program that makes many calls, the same ones each time: what the comparison with strace traces."""

import array
import contextlib
import fcntl
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from pathlib import Path


def streams() -> None:
    listener = socket.create_server(("127.0.0.1", 4561))
    client = socket.socket()
    client.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        client.connect(listener.getsockname())
    server, _ = listener.accept()
    select.select([server], [client], [server], 5)
    poll = select.poll()
    poll.register(client, select.POLLOUT | select.POLLIN)
    poll.register(server, select.POLLIN)
    poll.poll(1000)
    epoll = select.epoll()
    epoll.register(client, select.EPOLLOUT | select.EPOLLET)
    epoll.poll(1)
    client.send(b"hello\n\x1b[31m" * 20)
    server.recv(5, socket.MSG_PEEK)
    server.recv(1000)
    for option in (socket.SO_ERROR, socket.SO_SNDBUF, socket.SO_ACCEPTCONN, socket.SO_TYPE):
        client.getsockopt(socket.SOL_SOCKET, option)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 5))
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 1, 0))
    client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 300)
    client.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    fcntl.fcntl(client, fcntl.F_SETFL, os.O_RDWR | os.O_NONBLOCK)
    fcntl.fcntl(client, fcntl.F_GETFL)
    fcntl.fcntl(client, fcntl.F_SETFD, fcntl.FD_CLOEXEC)
    fcntl.ioctl(server, 0x541B, bytes(4))
    with contextlib.suppress(OSError):
        fcntl.ioctl(server, 0x5413, bytes(8))
    with contextlib.suppress(BlockingIOError):
        client.recv(10)
    client.shutdown(socket.SHUT_WR)
    server.recv(10)
    for end in (epoll, client, server, listener):
        end.close()
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", 1))


def messages() -> None:
    left, right = socket.socketpair()
    left.sendmsg([b"x", b"yy"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1]))])
    right.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    right.recvmsg(10, 100)
    os.writev(left.fileno(), [b"ab", b"c"])
    os.readv(right.fileno(), [bytearray(2), bytearray(5)])
    with Path(__file__).open("rb") as file:
        os.sendfile(left.fileno(), file.fileno(), 0, 3)
    for family, address, level, option in ((socket.AF_INET, "127.0.0.1", 0, 8), (socket.AF_INET6, "::1", 41, 49)):
        sock = socket.socket(family, socket.SOCK_DGRAM)
        sock.setsockopt(level, option, 1)
        sock.bind((address, 4562))
        sock.sendto(b"q", sock.getsockname())
        sock.recvmsg(10, 200)
        sock.sendto(b"", sock.getsockname())
        sock.recvfrom(10)
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    membership = socket.inet_aton("224.0.0.251") + socket.inet_aton("127.0.0.1")
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
    for target in ("\0nobody", "/nonexistent"):
        with contextlib.suppress(OSError):
            socket.socket(socket.AF_UNIX).connect(target)


def the_rest() -> None:
    with tempfile.TemporaryDirectory(prefix="every") as folder:
        path = Path(folder, "file")
        with path.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fcntl.lockf(file, fcntl.LOCK_EX)
        path.chmod(0o600)
        os.access(path, os.R_OK)
        other = path.rename(path.with_suffix(".2"))
        other.unlink()
    signal.signal(signal.SIGUSR1, lambda *_: None)
    os.kill(os.getpid(), signal.SIGUSR1)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGTERM])
    os.pipe()
    os.eventfd(0)
    os.memfd_create("x")
    os.sched_getaffinity(0)
    Path.cwd()
    subprocess.run(["/bin/true"], check=True)


if __name__ == "__main__":
    streams()
    messages()
    the_rest()
    sys.exit(0)
