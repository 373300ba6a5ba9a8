"""Raw rows of sockets without ports: raw, ICMP and packet sockets of one host, and what it saw on its wire."""

import struct

import duckdb

from tests.join.rows import Rows, sockaddr_in
from wiretale.decode.ip_message import ip_header

HERE, THERE, ROUTER = "10.0.0.1", "10.0.0.2", "10.0.0.9"
RAW, DGRAM = 3, 2
ECHO, REPLY, EXCEEDED = 8, 0, 11


def icmp(kind: int, ident: int, sequence: int, data: bytes, checksum: int = 0xBEEF) -> bytes:
    return struct.pack(">BBHHH", kind, 0, checksum, ident, sequence) + data


def ip4(src: str, dst: str, body: bytes, *, ip_id: int = 0, ttl: int = 64, protocol: int = 1) -> bytes:
    ends = bytes(int(x) for addr in (src, dst) for x in addr.split("."))
    return struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), ip_id, 0, ttl, protocol, 0x1234) + ends + body


class Net:
    """Raw rows of sockets of one host, and of what it saw on its wire."""

    def __init__(self) -> None:
        self.rows = Rows()
        self.rows.source()
        self.rows.interface()
        self.rows.task(1)
        self.fd = 2

    def socket(self, kind: int = RAW, protocol: int = 1, pid: int = 1) -> tuple[int, int]:
        self.fd += 1
        call = self.rows.call(pid, "socket", 2, kind, protocol, ret=self.fd)
        inode = self.rows.inode()
        self.rows.descriptor(pid, self.fd, f"socket:[{inode}]", inode, call)
        return pid, self.fd

    def packet(self, data: bytes) -> int:
        header = ip_header(data)
        assert header is not None
        body = data[header.head :]
        return self.rows.packet(
            (header.src, 0), (header.dst, 0), body[8:], proto=header.protocol, srcport=None, dstport=None,
            network_offset=14, transport_offset=14 + header.head, payload_offset=14 + header.head + 8,
            icmp_type=body[0], icmp_code=body[1], ip_id=header.ip_id, ttl=header.ttl, fragment=False,
            frame=bytes(14) + data, captured_bytes=14 + len(data), frame_bytes=14 + len(data),
        )  # fmt: skip

    def send(self, socket: tuple[int, int], to: str, data: bytes, start: int | None = None) -> int:
        call = self.rows.call(socket[0], "sendto", socket[1], 0, len(data), 0, 0, 16, ret=len(data), start=start)
        self.rows.data(call, "payload", data)
        self.rows.data(call, "sockaddr", sockaddr_in(to, 0), arg=4)
        return call

    def read(self, socket: tuple[int, int], data: bytes, source: str) -> int:
        call = self.rows.call(socket[0], "recvfrom", socket[1], 0, 4096, 0, 0, 0, ret=len(data))
        self.rows.data(call, "payload", data, at_exit=True)
        self.rows.data(call, "sockaddr", sockaddr_in(source, 0), arg=4, at_exit=True)
        return call

    def joined(self) -> duckdb.DuckDBPyConnection:
        return self.rows.joined()
