"""The same sockets from /proc/net (proc(5)): for kernels without sock_diag. No cookies, no TCP_INFO, no unix peers."""

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

from wiretale.record.procfs.socket_row import SocketRow, endpoint, state_name

_FILES = (
    ("tcp", socket.AF_INET, socket.IPPROTO_TCP),
    ("tcp6", socket.AF_INET6, socket.IPPROTO_TCP),
    ("udp", socket.AF_INET, socket.IPPROTO_UDP),
    ("udp6", socket.AF_INET6, socket.IPPROTO_UDP),
)
_UNIX_TYPES = {"0001": "SOCK_STREAM", "0002": "SOCK_DGRAM", "0005": "SOCK_SEQPACKET"}
_SO_ACCEPTCON = 0x10000  # linux/net.h: bit of the flags column
_SS_CONNECTED = 3  # linux/net.h: socket_state


def inet_sockets(folder: Path = Path("/proc/self/net")) -> Iterator[SocketRow]:
    """TCP and UDP. Lines that cannot be read are left out."""
    for name, family, protocol in _FILES:
        for line in _lines(folder / name):
            try:
                yield _inet_row(line.split(), family, protocol)
            except (ValueError, IndexError):
                continue


def unix_sockets(folder: Path = Path("/proc/self/net")) -> Iterator[SocketRow]:
    """Unix sockets."""
    for line in _lines(folder / "unix"):
        try:
            yield _unix_row(line)
        except (ValueError, IndexError):
            continue


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="backslashreplace").split("\n")[1:]
    except OSError:
        return []


def _address(text: str, family: int) -> tuple[str, int]:
    """HEX:PORT, where HEX is made of 32-bit words printed in host order."""
    words, port = text.split(":")
    raw = b"".join(int(words[n : n + 8], 16).to_bytes(4, sys.byteorder) for n in range(0, len(words), 8))
    return endpoint(family, raw, int(port, 16).to_bytes(2, "big"))


def _inet_row(columns: list[str], family: int, protocol: int) -> SocketRow:
    local_addr, local_port = _address(columns[1], family)
    peer_addr, peer_port = _address(columns[2], family)
    send_queue, recv_queue = (int(n, 16) for n in columns[4].split(":"))
    is_tcp = protocol == socket.IPPROTO_TCP
    connected = peer_port != 0
    return SocketRow(
        inode=int(columns[9]),
        cookie=None,
        family="AF_INET" if family == socket.AF_INET else "AF_INET6",
        type="SOCK_STREAM" if is_tcp else "SOCK_DGRAM",
        protocol=protocol,
        state=state_name(int(columns[3], 16)) if is_tcp or connected else None,
        local_addr=local_addr,
        local_port=local_port,
        peer_addr=peer_addr if connected else None,
        peer_port=peer_port if connected else None,
        peer_inode=None,
        recv_queue=recv_queue,
        send_queue=send_queue,
        uid=int(columns[7]),
        tcp_info=None,
        meminfo=None,
    )


def _unix_row(line: str) -> SocketRow:
    # Num RefCount Protocol Flags Type St Inode [Path, which may hold spaces]
    columns = line.split(maxsplit=7)
    listening = int(columns[3], 16) & _SO_ACCEPTCON
    connected = int(columns[5], 16) == _SS_CONNECTED
    return SocketRow(
        inode=int(columns[6]),
        cookie=None,
        family="AF_UNIX",
        type=_UNIX_TYPES.get(columns[4], f"SOCK_{int(columns[4], 16)}"),
        protocol=0,
        state="LISTEN" if listening else "ESTABLISHED" if connected else None,
        local_addr=columns[7] if len(columns) > 7 else None,
        local_port=None,
        peer_addr=None,
        peer_port=None,
        peer_inode=None,
        recv_queue=None,
        send_queue=None,
        uid=None,
        tcp_info=None,
        meminfo=None,
    )
