"""Which unix socket another one is connected to: only sock_diag(7) tells (linux/unix_diag.h)."""

import socket
import struct

_REQUEST = struct.Struct("=IHHII BBHIII2I")  # struct nlmsghdr, struct unix_diag_req
_NETLINK_SOCK_DIAG, _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST = 4, 20, 1
_SHOW_PEER = 4
_ATTRIBUTES_AT, _UNIX_DIAG_PEER = 32, 2  # behind struct nlmsghdr and struct unix_diag_msg


def peer_inode(inode: int) -> int:
    """The inode of the other end; 0 if the kernel does not know one any more."""
    request = _REQUEST.pack(
        _REQUEST.size, _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 0, 0,
        socket.AF_UNIX, 0, 0, 0xFFFFFFFF, inode & 0xFFFFFFFF, _SHOW_PEER, 0xFFFFFFFF, 0xFFFFFFFF,
    )  # fmt: skip
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_SOCK_DIAG) as diag:
            diag.settimeout(1)
            diag.sendto(request, (0, 0))
            answer = diag.recv(4096)
    except OSError:
        return 0
    if len(answer) < _ATTRIBUTES_AT or int.from_bytes(answer[4:6], "little") != _SOCK_DIAG_BY_FAMILY:
        return 0
    at = _ATTRIBUTES_AT
    while at + 8 <= len(answer):
        length, kind = struct.unpack_from("=HH", answer, at)
        if kind == _UNIX_DIAG_PEER:
            return int.from_bytes(answer[at + 4 : at + 8], "little")
        at += max((length + 3) // 4 * 4, 4)
    return 0
