"""One socket as one line of `procfs.jsonl` holds it, whichever way the kernel was asked."""

import socket
from typing import TypedDict

from wiretale.model.enums import TCP_STATES


class SocketRow(TypedDict):
    """Columns of `model.raw.SOCKET_SAMPLE`; `tcp_info` is hexadecimal."""

    inode: int
    cookie: int | None
    family: str
    type: str
    protocol: int
    state: str | None
    local_addr: str | None
    local_port: int | None
    peer_addr: str | None
    peer_port: int | None
    peer_inode: int | None
    recv_queue: int | None
    send_queue: int | None
    uid: int | None
    tcp_info: str | None
    meminfo: list[int] | None  # idiag_rmem, idiag_wmem, idiag_fmem, idiag_tmem of linux/inet_diag.h


def state_name(number: int) -> str | None:
    """The kernel's socket state in the words of RFC 9293; None if it is none of them."""
    return TCP_STATES.get(number)


def endpoint(family: int, address: bytes, port: bytes) -> tuple[str, int]:
    """Address (4 or the first 4 of 16 bytes for IPv4) and port, both in network order, as text and number."""
    raw = address[:4] if family == socket.AF_INET else address
    return socket.inet_ntop(family, raw), int.from_bytes(port, "big")
