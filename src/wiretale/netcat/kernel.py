"""The three system calls Python's own modules cannot make the way OpenBSD nc makes them.

* `socket.accept()` calls accept4(SOCK_CLOEXEC); nc calls accept4(SOCK_NONBLOCK).
* `select.poll()` keeps its descriptors in a dictionary, so it can hold neither one descriptor twice nor the -1 that
  marks an unused entry; nc polls four entries, two of them on the same socket.
* `shutdown` needs a socket object, and making one for an accepted descriptor costs a getsockname call.

Constants and layouts: poll(2), accept4(2), ip(7), ipv6(7), unix(7).
"""

import ctypes
import errno
import os
import socket
from collections.abc import Sequence

POLLIN, POLLOUT, POLLERR, POLLHUP, POLLNVAL = 0x1, 0x4, 0x8, 0x10, 0x20

_SOCKADDR_STORAGE_BYTES = 128
_libc = ctypes.CDLL(None, use_errno=True)

Address = tuple[str, int] | tuple[str, int, int, int] | str | bytes  # what the socket module calls an address


class _PollFd(ctypes.Structure):
    _fields_ = [("fd", ctypes.c_int), ("events", ctypes.c_short), ("revents", ctypes.c_short)]


def poll(entries: Sequence[tuple[int, int]], timeout_ms: int) -> list[int]:
    """Wait on (descriptor, events) pairs and return each one's revents; -1 as descriptor is never ready.

    `timeout_ms` is -1 for ever. All zeros mean that the time is up or that a signal was handled.
    """
    array = (_PollFd * len(entries))()
    for item, (fd, events) in zip(array, entries, strict=True):
        item.fd, item.events = fd, events
    if _libc.poll(array, ctypes.c_ulong(len(entries)), timeout_ms) < 0:
        code = ctypes.get_errno()
        if code != errno.EINTR:
            raise OSError(code, os.strerror(code))
        return [0] * len(entries)
    return [item.revents for item in array]


def accept_nonblocking(listener: int) -> tuple[int, Address]:
    """accept4(SOCK_NONBLOCK): the new descriptor, inherited over exec as nc's is, and the peer's address."""
    storage = ctypes.create_string_buffer(_SOCKADDR_STORAGE_BYTES)
    while True:
        length = ctypes.c_uint(_SOCKADDR_STORAGE_BYTES)
        fd: int = _libc.accept4(listener, storage, ctypes.byref(length), socket.SOCK_NONBLOCK)
        if fd >= 0:
            return fd, parse_sockaddr(storage.raw[: length.value])
        code = ctypes.get_errno()
        # ECONNABORTED: that client left before it was accepted; the next one is as good (accept(2)).
        if code not in (errno.EINTR, errno.ECONNABORTED):
            raise OSError(code, os.strerror(code))


def shutdown(fd: int, how: int) -> None:
    """shutdown(2), where "not connected any more" is no error: the other side was faster."""
    if _libc.shutdown(fd, how) < 0:
        code = ctypes.get_errno()
        if code != errno.ENOTCONN:
            raise OSError(code, os.strerror(code))


def parse_sockaddr(data: bytes) -> Address:
    """The address in a struct sockaddr as the socket module would give it; the empty string if there is none."""
    family = int.from_bytes(data[:2], "little" if _LITTLE else "big")
    if family == socket.AF_INET and len(data) >= 16:
        return socket.inet_ntop(socket.AF_INET, data[4:8]), int.from_bytes(data[2:4], "big")
    if family == socket.AF_INET6 and len(data) >= 28:
        scope = int.from_bytes(data[24:28], "little" if _LITTLE else "big")
        flow = int.from_bytes(data[4:8], "big")
        return socket.inet_ntop(socket.AF_INET6, data[8:24]), int.from_bytes(data[2:4], "big"), flow, scope
    if family == socket.AF_UNIX and len(data) > 2:
        path = data[2:]
        return path if path[0] == 0 else os.fsdecode(path.split(b"\0", 1)[0])
    return ""


_LITTLE = socket.htons(1) != 1
