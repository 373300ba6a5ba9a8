"""Every TCP, UDP and unix socket of the current network namespace, asked by sock_diag netlink (sock_diag(7)).

Layouts and numbers: linux/sock_diag.h, linux/inet_diag.h, linux/unix_diag.h, linux/netlink.h.
"""

import os
import socket
import struct
from collections.abc import Iterator
from typing import Any

from wiretale.record.procfs.socket_row import SocketRow, endpoint, state_name

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST_DUMP = 0x301  # NLM_F_REQUEST | NLM_F_ROOT | NLM_F_MATCH
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_ALL_STATES = 0xFFFFFFFF

_INET_DIAG_MEMINFO, _INET_DIAG_INFO = 1, 2
_INET_EXTENSIONS = 1 << (_INET_DIAG_INFO - 1) | 1 << (_INET_DIAG_MEMINFO - 1)
_INET_MESSAGE = struct.Struct("=BBBB2s2s16s16sIQIIIII")  # struct inet_diag_msg

_UNIX_DIAG_NAME, _UNIX_DIAG_PEER, _UNIX_DIAG_RQLEN, _UNIX_DIAG_UID = 0, 2, 4, 7
_UDIAG_SHOW = 0x01 | 0x04 | 0x10 | 0x40  # NAME, PEER, RQLEN, UID
_UNIX_MESSAGE = struct.Struct("=BBBxIQ")  # struct unix_diag_msg

_TYPES = {1: "SOCK_STREAM", 2: "SOCK_DGRAM", 5: "SOCK_SEQPACKET"}


def inet_sockets() -> Iterator[SocketRow]:
    """TCP and UDP, IPv4 and IPv6. Raises OSError if the kernel does not answer."""
    for family in (socket.AF_INET, socket.AF_INET6):
        for protocol in (socket.IPPROTO_TCP, socket.IPPROTO_UDP):
            request = struct.pack("=BBBxI48x", family, protocol, _INET_EXTENSIONS, _ALL_STATES)
            for message in _dump(request):
                if len(message) >= _INET_MESSAGE.size:
                    yield _inet_row(message, protocol)


def unix_sockets() -> Iterator[SocketRow]:
    """Unix sockets of every type, the peers of connected ones by name. Raises OSError."""
    request = struct.pack("=BBHIII8s", socket.AF_UNIX, 0, 0, _ALL_STATES, 0, _UDIAG_SHOW, b"\xff" * 8)
    rows = [_unix_row(m) for m in _dump(request) if len(m) >= _UNIX_MESSAGE.size]
    names = {r["inode"]: r["local_addr"] for r in rows}  # an accepted socket bears its listener's name
    for row in rows:
        row["peer_addr"] = names.get(row["peer_inode"] or 0)
        yield row


def _inet_row(message: bytes, protocol: int) -> SocketRow:
    family, state, _, _, sport, dport, src, dst, _, cookie, _, rqueue, wqueue, uid, inode = _INET_MESSAGE.unpack_from(
        message
    )
    attributes = _attributes(message[_INET_MESSAGE.size :])
    local_addr, local_port = endpoint(family, src, sport)
    peer_addr, peer_port = endpoint(family, dst, dport)
    connected = peer_port != 0
    is_tcp = protocol == socket.IPPROTO_TCP
    info = attributes.get(_INET_DIAG_INFO)
    return SocketRow(
        inode=inode,
        cookie=cookie,
        family="AF_INET" if family == socket.AF_INET else "AF_INET6",
        type="SOCK_STREAM" if is_tcp else "SOCK_DGRAM",
        protocol=protocol,
        state=state_name(state) if is_tcp or connected else None,
        local_addr=local_addr,
        local_port=local_port,
        peer_addr=peer_addr if connected else None,
        peer_port=peer_port if connected else None,
        peer_inode=None,
        recv_queue=rqueue,
        send_queue=wqueue,
        uid=uid,
        tcp_info=info.hex() if is_tcp and info else None,
        meminfo=list(struct.unpack("=4I", attributes[_INET_DIAG_MEMINFO][:16]))
        if len(attributes.get(_INET_DIAG_MEMINFO, b"")) >= 16
        else None,
    )


def _unix_row(message: bytes) -> SocketRow:
    _, kind, state, inode, cookie = _UNIX_MESSAGE.unpack_from(message)
    attributes = _attributes(message[_UNIX_MESSAGE.size :])
    name = attributes.get(_UNIX_DIAG_NAME)
    queues = attributes.get(_UNIX_DIAG_RQLEN, b"")
    rqueue, wqueue = struct.unpack("=II", queues) if len(queues) == 8 else (None, None)
    peer = attributes.get(_UNIX_DIAG_PEER, b"")
    uid = attributes.get(_UNIX_DIAG_UID, b"")
    return SocketRow(
        inode=inode,
        cookie=cookie,
        family="AF_UNIX",
        type=_TYPES.get(kind, f"SOCK_{kind}"),
        protocol=0,
        state=state_name(state) if state != 7 else None,  # TCP_CLOSE: neither connected nor listening
        local_addr=_unix_name(name) if name else None,
        local_port=None,
        peer_addr=None,
        peer_port=None,
        peer_inode=struct.unpack("=I", peer)[0] if len(peer) == 4 else None,
        recv_queue=rqueue,
        send_queue=wqueue,
        uid=struct.unpack("=I", uid)[0] if len(uid) == 4 else None,
        tcp_info=None,
        meminfo=None,
    )


def _unix_name(name: bytes) -> str:
    """A path, or an abstract name with @ for its leading NUL; bytes that are no text are escaped."""
    text = b"@" + name[1:] if name.startswith(b"\0") else name.rstrip(b"\0")
    return text.decode(errors="backslashreplace").replace("\0", "@")


def _attributes(data: bytes) -> dict[int, bytes]:
    """struct nlattr: length with header, type, then the value, padded to four bytes."""
    found = {}
    at = 0
    while at + 4 <= len(data):
        size, kind = struct.unpack_from("=HH", data, at)
        if size < 4 or at + size > len(data):
            break
        found[kind & 0x3FFF] = data[at + 4 : at + size]
        at += size + 3 & ~3
    return found


def _dump(request: bytes) -> Iterator[bytes]:
    """Send one dump request, give the body of every answer. Raises OSError with the kernel's error number."""
    header: tuple[Any, ...]
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_SOCK_DIAG) as sock:
        sock.send(struct.pack("=IHHII", 16 + len(request), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST_DUMP, 1, 0) + request)
        while True:
            data = sock.recv(1 << 18)
            at = 0
            while at + 16 <= len(data):
                header = struct.unpack_from("=IHHII", data, at)
                size, kind = header[0], header[1]
                if size < 16:
                    return
                body = data[at + 16 : at + size]
                if kind == _NLMSG_DONE:
                    return
                if kind == _NLMSG_ERROR:
                    number = -struct.unpack_from("=i", body)[0]
                    raise OSError(number, os.strerror(number))
                yield body
                at += size + 3 & ~3
