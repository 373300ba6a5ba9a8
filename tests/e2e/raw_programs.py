"""Programs with raw sockets of their own; what each did is known. Usage: python -m tests.e2e.raw_programs NAME"""

import os
import select
import socket
import struct
import sys

LOCAL = "127.0.0.1"
TIMEOUT_S = 20


def checksum(data: bytes) -> int:
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def echo(ident: int, sequence: int, data: bytes, kind: int = 8) -> bytes:
    head = struct.pack(">BBHHH", kind, 0, 0, ident, sequence)
    return head[:2] + struct.pack(">H", checksum(head + data)) + head[4:] + data


def raw(protocol: int = socket.IPPROTO_ICMP) -> socket.socket:
    s = socket.socket(socket.AF_INET, socket.SOCK_RAW, protocol)
    s.settimeout(TIMEOUT_S)
    return s


def two_readers() -> None:
    """Both sockets get copies of the question and of the answer."""
    asker, listener = raw(), raw()
    asker.sendto(echo(9, 1, b"to both"), (LOCAL, 0))
    for s in (asker, listener):
        for _ in range(2):
            s.recv(2048)


def own_header() -> None:
    """The program makes the IP header; the kernel sets length, identification, checksum and source."""
    sender, reader = raw(socket.IPPROTO_RAW), raw()
    body = echo(10, 1, b"with a header of its own")
    address = socket.inet_aton(LOCAL)
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 0, 0, 0, 33, 1, 0, bytes(4), address)
    sender.sendto(head + body, (LOCAL, 0))
    reader.recv(2048)
    reader.recv(2048)


def small_buffer() -> None:
    """Each read takes less than the packet has."""
    s = raw()
    s.sendto(echo(11, 1, b"x" * 400), (LOCAL, 0))
    s.recv(100)
    s.recvfrom(100)


def another_protocol() -> None:
    """Packets of protocol 253 (RFC 3692: for experiments) between two sockets, one connected."""
    a, b = raw(253), raw(253)
    a.bind(("127.0.0.2", 0))
    b.bind(("127.0.0.3", 0))
    a.connect(("127.0.0.3", 0))
    a.send(b"by protocol 253")
    b.recv(2048)
    b.sendto(b"and back", ("127.0.0.2", 0))
    a.recv(2048)


def unprivileged() -> None:
    """An ICMP socket of type SOCK_DGRAM: the kernel chooses the identifier and computes the checksum."""
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
    for n in range(3):
        s.sendto(struct.pack(">BBHHH", 8, 0, 0, 0, n) + b"unprivileged", (LOCAL, 0))
        assert select.select([s], [], [], TIMEOUT_S)[0]
        s.recv(2048, socket.MSG_PEEK)
        s.recv(2048)


def many() -> None:
    """Two processes ask at once, with equal bytes but for the identifier."""
    child = os.fork()
    s = raw()
    ident = 20 if child else 21
    for n in range(20):
        s.sendto(echo(ident, n, b"equal"), (LOCAL, 0))
        while True:
            got = s.recv(2048)
            if got[20] == 0 and struct.unpack(">HH", got[24:28]) == (ident, n):
                break
    if child:
        os.waitpid(child, 0)


NAMES = {
    f.__name__.replace("_", "-"): f
    for f in (two_readers, own_header, small_buffer, another_protocol, unprivileged, many)
}

if __name__ == "__main__":
    NAMES[sys.argv[1]]()
