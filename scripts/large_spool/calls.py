"""The calls of both processes."""

import numpy as np
from numpy.typing import NDArray

from wiretale.model.spool import EventFlag, EventKind, Role
from wiretale.store.load.ptrace_files import SOCKET_TYPE

from .events import BUFFER, Events
from .shape import CLIENT, PORT, SERVER, START_NS, Conns, Ints, Payload, Size

READ, WRITE, CLOSE, POLL, SOCKET, CONNECT, BIND, LISTEN, ACCEPT4 = 0, 1, 3, 7, 41, 42, 49, 50, 288  # x86-64
LISTENER_FD = 3
NETNS_COOKIE = 1


def _sockaddr(addr: Ints | int, port: Ints | int, count: int) -> NDArray[np.uint8]:
    """struct sockaddr_in, one row each."""
    table = np.zeros((count, 16), np.uint8)
    table[:, 0] = 2  # AF_INET
    table[:, 2:4] = np.broadcast_to(port, count).astype(">u2")[:, None].view(np.uint8)
    table[:, 4:8] = np.broadcast_to(addr, count).astype(">u4")[:, None].view(np.uint8)
    return table


def _socket(
    inode: Ints, local: NDArray[np.uint8] | None, peer: NDArray[np.uint8] | None, *, listening: bool = False
) -> NDArray[np.uint8]:
    """struct wt_socket, one row each."""
    rows = np.zeros(len(inode), SOCKET_TYPE)
    rows["inode"], rows["cookie"], rows["netns_cookie"] = inode, inode, NETNS_COOKIE
    rows["family"], rows["type"], rows["protocol"], rows["listening"] = 2, 1, 6, listening
    raw = rows.view(np.uint8).reshape(len(rows), SOCKET_TYPE.itemsize)
    fields = SOCKET_TYPE.fields
    assert fields is not None
    for name, address in (("local", local), ("peer", peer)):
        if address is not None:
            rows[f"{name}_bytes"] = 16
            at = fields[name][1]
            raw[:, at : at + 16] = address
    return raw


def prelude(size: Size) -> Events:
    """Both processes with their threads, and the server's listening socket."""
    events = Events()
    at, one = START_NS, np.ones(1, np.int64)
    for tgid, comm in ((SERVER, b"big-server"), (CLIENT, b"big-client")):
        first = events.add(one * at, one * tgid, tgid, EventKind.ATTACHED)
        _identify(events, first, comm, 1)
        tids = tgid + 1 + np.arange(size.at_once)
        times = at + 1000 + 20 * np.arange(size.at_once)
        clone_flags = 0x10F00  # CLONE_VM, CLONE_FS, CLONE_FILES, CLONE_SIGHAND, CLONE_THREAD
        events.add(times, tgid * np.ones_like(tids), tgid, EventKind.CLONE, number=tids, value=3, extra=clone_flags)
        first = events.add(times + 5, tids, tgid, EventKind.ATTACHED, flags=EventFlag.FOLLOWED)
        _identify(events, first, comm, size.at_once)
        at += 500
    tid, inode, at = one * (SERVER + 1), one * 99_999, one * (START_NS + 100_000)
    local = _sockaddr(0x7F000001, PORT, 1)
    events.entry(at, tid, SERVER, SOCKET, 2, 1, 6)
    events.fixed(
        events.exit(at + 1000, tid, SERVER, SOCKET, LISTENER_FD),
        _socket(inode, None, None),
        Role.SOCKET,
        arg=6,
        detail=LISTENER_FD,
    )
    events.fixed(events.entry(at + 2000, tid, SERVER, BIND, LISTENER_FD, BUFFER, 16), local, Role.SOCKADDR, arg=1)
    events.fixed(
        events.exit(at + 3000, tid, SERVER, BIND, 0),
        _socket(inode, local, None),
        Role.SOCKET,
        arg=6,
        detail=LISTENER_FD,
    )
    events.entry(at + 4000, tid, SERVER, LISTEN, LISTENER_FD, 128)
    events.fixed(
        events.exit(at + 5000, tid, SERVER, LISTEN, 0),
        _socket(inode, local, None, listening=True),
        Role.SOCKET,
        arg=6,
        detail=LISTENER_FD,
    )
    return events


def _identify(events: Events, first: int, comm: bytes, count: int) -> None:
    events.fixed(first, np.tile(np.frombuffer(comm + b"\n", np.uint8), (count, 1)), Role.COMM)
    events.fixed(first, np.tile(np.frombuffer(b"/usr/bin/" + comm, np.uint8), (count, 1)), Role.EXE)
    events.fixed(first, np.tile(np.frombuffer(comm + b"\0", np.uint8), (count, 1)), Role.CMDLINE)


def generation_events(c: Conns, payload: Payload, snaplen: int) -> Events:
    events = Events()
    _opening_calls(events, c)
    _round_calls(events, c, payload, snaplen)
    _closing_calls(events, c)
    return events


def _opening_calls(events: Events, c: Conns) -> None:
    """socket and connect of the client, accept4 of the server."""
    n, t, fd = len(c.number), c.begin_ns, c.fd
    server, client = _sockaddr(0x7F000001, PORT, n), _sockaddr(c.client_addr, c.client_port, n)
    events.entry(t, c.server_tid, SERVER, ACCEPT4, LISTENER_FD, BUFFER, BUFFER + 128, 0x80000)
    first = events.exit(t + 60_000, c.server_tid, SERVER, ACCEPT4, fd)
    events.fixed(first, client, Role.SOCKADDR, arg=1)
    events.fixed(first, _socket(c.inode(client=False), server, client), Role.SOCKET, arg=6, detail=fd)
    events.entry(t + 10_000, c.client_tid, CLIENT, SOCKET, 2, 1, 6)
    first = events.exit(t + 12_000, c.client_tid, CLIENT, SOCKET, fd)
    events.fixed(first, _socket(c.inode(client=True), None, None), Role.SOCKET, arg=6, detail=fd)
    first = events.entry(t + 20_000, c.client_tid, CLIENT, CONNECT, fd, BUFFER, 16)
    events.fixed(first, server, Role.SOCKADDR, arg=1)
    first = events.exit(t + 55_000, c.client_tid, CLIENT, CONNECT, 0)
    events.fixed(first, _socket(c.inode(client=True), client, server), Role.SOCKET, arg=6, detail=fd)


def _round_calls(events: Events, c: Conns, payload: Payload, snaplen: int) -> None:
    """In each round: the server polls; write; read, write; read."""
    t = c.round_ns
    fd, client, server = (np.broadcast_to(v[:, None], t.shape) for v in (c.fd, c.client_tid, c.server_tid))
    asked = c.request_start[:, None] + np.cumsum(c.requests, axis=1) - c.requests
    answered = c.answer_start[:, None] + np.cumsum(c.answers, axis=1) - c.answers

    def carried(first: int, start: Ints, size: Ints) -> None:
        captured = np.minimum(size, snaplen)
        events.attach(first, captured, payload.at(start.ravel(), captured.ravel()), Role.PAYLOAD, size, arg=1)

    _poll(events, t, t + 30_000, server, fd)
    carried(events.entry(t + 20_000, client, CLIENT, WRITE, fd, BUFFER, c.requests), asked, c.requests)
    events.exit(t + 26_000, client, CLIENT, WRITE, c.requests)
    events.entry(t + 32_000, server, SERVER, READ, fd, BUFFER, 4096)
    carried(events.exit(t + 35_000, server, SERVER, READ, c.requests), asked, c.requests)
    carried(events.entry(t + 37_000, server, SERVER, WRITE, fd, BUFFER, c.answers), answered, c.answers)
    events.exit(t + 43_000, server, SERVER, WRITE, c.answers)
    events.entry(t + 27_000, client, CLIENT, READ, fd, BUFFER, 4096)
    carried(events.exit(t + 45_000, client, CLIENT, READ, c.answers), answered, c.answers)


def _poll(events: Events, entry: Ints, exit_: Ints, tid: Ints, fd: Ints) -> None:
    """poll(2) for input on one descriptor, which it reports."""
    asked = np.zeros((entry.size, 2), np.uint32)
    asked[:, 0], asked[:, 1] = fd.ravel(), 1
    told = asked.copy()
    told[:, 1] |= 1 << 16
    first = events.entry(entry, tid, SERVER, POLL, BUFFER, 1, 0xFFFFFFFFFFFFFFFF)
    events.fixed(first, asked.view(np.uint8), Role.ARRAY, arg=0, detail=8)
    first = events.exit(exit_, tid, SERVER, POLL, 1)
    events.fixed(first, told.view(np.uint8), Role.ARRAY, arg=0, detail=8)


def _closing_calls(events: Events, c: Conns) -> None:
    """The client closes; the server polls, reads the end, closes."""
    t = c.close_ns
    _poll(events, t, t + 30_000, c.server_tid, c.fd)
    events.entry(t + 20_000, c.client_tid, CLIENT, CLOSE, c.fd)
    events.exit(t + 26_000, c.client_tid, CLIENT, CLOSE, 0)
    events.entry(t + 32_000, c.server_tid, SERVER, READ, c.fd, BUFFER, 4096)
    first = events.exit(t + 34_000, c.server_tid, SERVER, READ, 0)
    events.fixed(first, np.zeros((len(t), 0), np.uint8), Role.PAYLOAD, arg=1)
    events.entry(t + 36_000, c.server_tid, SERVER, CLOSE, c.fd)
    events.exit(t + 42_000, c.server_tid, SERVER, CLOSE, 0)
