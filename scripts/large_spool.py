"""Make a large spool whose calls and packets agree byte by byte, so that every join has something to prove.

    python scripts/large_spool.py FOLDER.spool --connections 1000 --rounds 200

One client process and one server process, a pair of threads for each connection that is open at a time. In every round
the client writes a request (two segments), the server polls, reads and answers (one segment), the client reads: five
calls and five packets. Descriptors, ports and threads are used again by later connections, as real ones are. All bytes
follow from the seed, and everything is made by whole arrays, one generation of connections at a time, so that ten
million calls need no more memory than a hundred thousand.
"""

import argparse
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from wiretale.clock import Snapshot
from wiretale.model.enums import Arch
from wiretale.model.packet_ring import (
    ARPHRD_ETHER,
    ARPHRD_LOOPBACK,
    BLOCK_HEADER_BYTES,
    PACKET_OUTGOING,
    TP_STATUS_USER,
    TPACKET_ALIGNMENT,
    TPACKET_V3,
)
from wiretale.model.spool import HEADER_BYTES, MAGIC, SPOOL_VERSION, EventFlag, EventKind, Role
from wiretale.store.load.ptrace_files import CHUNK_TYPE, EVENT_TYPE, HEADER_TYPE, SOCKET_TYPE
from wiretale.store.report import SourceReport
from wiretale.store.spool import Manifest, Program, Spool

Ints = NDArray[np.int64]

READ, WRITE, CLOSE, POLL, SOCKET, CONNECT, BIND, LISTEN, ACCEPT4 = 0, 1, 3, 7, 41, 42, 49, 50, 288  # x86-64
SERVER, CLIENT, PORT, LISTENER_FD, FIRST_FD = 5000, 6000, 4000, 3, 4
NETNS, NETNS_COOKIE = 4026531840, 1
START_NS, REALTIME_OFFSET_NS = 1_000_000_000_000, 1_700_000_000_000_000_000
ROUND_NS, OPENING_NS, CLOSING_NS = 60_000, 100_000, 100_000
SYN, ACK, FIN, PSH = 2, 16, 1, 8
BUFFER = 0x7F0000001000
PAGE_OF_BYTES = 1 << 20
PACKETS_IN_BLOCK = 1024
FRAME_AT = 82  # tp_mac of the kernel for Ethernet: packet header and address, aligned to 16, plus 2
ETHERNET, IPV4, TCP, TCP_OPTIONS = 14, 20, 20, 20
TWIN_BYTES = 96  # what the recorder keeps of the copy that leaves


@dataclass(frozen=True)
class Size:
    """How much to make. `at_once`: connections open at a time. `loopback`: each packet is seen twice, as on lo."""

    connections: int = 10
    rounds: int = 10
    at_once: int = 8
    request_bytes: tuple[int, int] = (40, 400)
    answer_bytes: tuple[int, int] = (20, 300)
    snaplen: int = 256
    loopback: bool = False
    seed: int = 1

    @property
    def calls(self) -> int:
        return 3 + self.connections * (7 + 5 * self.rounds)

    @property
    def shown_packets(self) -> int:
        return self.connections * (6 + 5 * self.rounds)


@dataclass
class _Bytes:
    """Reproducible payload: a stream's byte number p is `page[(start of the stream + p) % size]`."""

    page: NDArray[np.uint8]

    def at(self, start: Ints, size: Ints) -> NDArray[np.uint8]:
        """The bytes [start, start + size) of each row, one row after the other."""
        return self.page[(_ragged(start, size)) & (PAGE_OF_BYTES - 1)]


def _ragged(start: Ints, size: Ints) -> Ints:
    """Indices start, start + 1, ... of each row, one row after the other."""
    return np.repeat(start - (np.cumsum(size) - size), size) + np.arange(int(size.sum()))


@dataclass
class _Events:
    """Events of one generation, in any order; `ordered` gives them by time with their chunks."""

    rows: list[NDArray[Any]] = field(default_factory=list)
    chunks: list[tuple[int, NDArray[Any], NDArray[np.uint8]]] = field(default_factory=list)  # first event, rows, bytes
    count: int = 0

    def add(self, time_ns: Ints, tid: Ints, tgid: int, kind: EventKind, **values: Any) -> int:
        """One event per element of `time_ns`; returns the number of the first."""
        rows = np.zeros(time_ns.size, EVENT_TYPE)
        rows["time_ns"], rows["resume_ns"] = time_ns.ravel(), time_ns.ravel() + 300
        rows["tid"], rows["tgid"], rows["kind"], rows["cpu"] = (
            np.broadcast_to(tid, time_ns.shape).ravel(),
            tgid,
            kind,
            -1,
        )
        rows["arch"] = Arch.X86_64 if kind in (EventKind.ENTRY, EventKind.EXIT) else 0
        for name, value in values.items():
            rows[name] = np.broadcast_to(value, time_ns.shape).ravel() if name != "args" else value
        first = self.count
        self.rows.append(rows)
        self.count += len(rows)
        return first

    def entry(self, time_ns: Ints, tid: Ints, tgid: int, number: int, *args: Any) -> int:
        table = np.zeros((time_ns.size, 6), np.uint64)
        for i, arg in enumerate(args):
            table[:, i] = np.broadcast_to(arg, time_ns.shape).ravel()
        return self.add(time_ns, tid, tgid, EventKind.ENTRY, number=number, args=table)

    def exit(self, time_ns: Ints, tid: Ints, tgid: int, number: int, value: Any) -> int:
        return self.add(time_ns, tid, tgid, EventKind.EXIT, number=number, value=value)

    def attach(
        self, first: int, size: Ints, raw: NDArray[np.uint8], role: Role, full: Ints | None = None, **values: Any
    ) -> None:
        """One chunk to each event from `first` on; `raw` holds their bytes, one after the other."""
        rows = np.zeros(size.size, CHUNK_TYPE)
        rows["captured_bytes"], rows["full_bytes"] = size.ravel(), (size if full is None else full).ravel()
        rows["role"], rows["address"] = role, BUFFER
        for name, value in values.items():
            rows[name] = np.broadcast_to(value, size.shape).ravel()
        self.chunks.append((first, rows, raw))

    def fixed(self, first: int, table: NDArray[np.uint8], role: Role, **values: Any) -> None:
        """The same for chunks of one size: a row of `table` each."""
        self.attach(first, np.full(len(table), table.shape[1], np.int64), table.ravel(), role, **values)

    def ordered(self, seq: int, chunk: int, offset: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.uint8]]:
        """Events, chunks and bytes, numbered from `seq`, `chunk` and `offset` on."""
        events = np.concatenate(self.rows)
        order = np.argsort(events["time_ns"], kind="stable")
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        events = events[order]
        owners = np.concatenate([place[first : first + len(rows)] for first, rows, _ in self.chunks])
        chunks = np.concatenate([rows for _, rows, _ in self.chunks])
        raw = np.concatenate([raw for _, _, raw in self.chunks])
        captured = chunks["captured_bytes"].astype(np.int64)
        chunks["offset"] = offset + np.cumsum(captured) - captured
        by_event = np.argsort(owners, kind="stable")
        chunks, owners = chunks[by_event], owners[by_event]
        chunks["event"] = seq + owners
        events["seq"] = seq + np.arange(len(events))
        events["chunks"] = np.bincount(owners, minlength=len(events))
        counts = events["chunks"].astype(np.int64)
        events["first_chunk"] = chunk + np.cumsum(counts) - counts
        return events, chunks, raw


class _PtraceFiles:
    """The three files, written as generations come."""

    def __init__(self, spool: Spool) -> None:
        self._paths = {"events": spool.events_path, "chunks": spool.chunks_path, "data": spool.data_path}
        self._files: dict[str, BinaryIO] = {k: p.open("wb") for k, p in self._paths.items()}
        for file in self._files.values():
            file.write(bytes(HEADER_BYTES))
        self.counts = {"events": 0, "chunks": 0, "data": 0}

    def append(self, events: _Events) -> None:
        parts = events.ordered(self.counts["events"], self.counts["chunks"], self.counts["data"])
        for name, part in zip(self._files, parts, strict=True):
            part.tofile(self._files[name])
            self.counts[name] += len(part)

    def close(self) -> None:
        for name, file in self._files.items():
            header = np.zeros(1, HEADER_TYPE)
            header["magic"], header["version"], header["closed"] = MAGIC[name], SPOOL_VERSION, 1
            header["committed"] = self.counts[name]
            header["record_bytes"] = {"events": EVENT_TYPE.itemsize, "chunks": CHUNK_TYPE.itemsize, "data": 1}[name]
            file.seek(0)
            file.write(header.tobytes())
            file.close()


@dataclass
class _Conns:
    """One generation: connections that are open at the same time. All arrays have one element per connection."""

    number: Ints
    begin_ns: Ints
    slot: Ints
    requests: Ints  # sizes, one row per connection
    answers: Ints

    @property
    def client_tid(self) -> Ints:
        return CLIENT + 1 + self.slot

    @property
    def server_tid(self) -> Ints:
        return SERVER + 1 + self.slot

    @property
    def fd(self) -> Ints:
        return FIRST_FD + self.slot

    @property
    def client_addr(self) -> Ints:
        """Only a tuple that was not used before gives each connection a flow of its own for certain."""
        return 0x7F000001 + self.number // 60_000

    @property
    def client_port(self) -> Ints:
        return 5_000 + self.number % 60_000

    @property
    def request_start(self) -> Ints:
        return (self.number * 7919 + 13) % PAGE_OF_BYTES

    @property
    def answer_start(self) -> Ints:
        return (self.number * 6007 + 500_009) % PAGE_OF_BYTES

    def first_seq(self, *, client: bool) -> Ints:
        return (self.number * (64_021 if client else 81_667) + (1_000 if client else 9_000)) & 0xFFFFFFFF

    def inode(self, *, client: bool) -> Ints:
        return 100_000 + 2 * self.number + (0 if client else 1)

    @property
    def round_ns(self) -> Ints:
        """When each round begins."""
        return self.begin_ns[:, None] + OPENING_NS + np.arange(self.requests.shape[1]) * ROUND_NS

    @property
    def close_ns(self) -> Ints:
        return self.begin_ns + OPENING_NS + self.requests.shape[1] * ROUND_NS


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


def _prelude(size: Size) -> _Events:
    """Both processes with their threads, and the server's listening socket."""
    events = _Events()
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


def _identify(events: _Events, first: int, comm: bytes, count: int) -> None:
    events.fixed(first, np.tile(np.frombuffer(comm + b"\n", np.uint8), (count, 1)), Role.COMM)
    events.fixed(first, np.tile(np.frombuffer(b"/usr/bin/" + comm, np.uint8), (count, 1)), Role.EXE)
    events.fixed(first, np.tile(np.frombuffer(comm + b"\0", np.uint8), (count, 1)), Role.CMDLINE)


def _generation_events(c: _Conns, payload: _Bytes, snaplen: int) -> _Events:
    events = _Events()
    _opening_calls(events, c)
    _round_calls(events, c, payload, snaplen)
    _closing_calls(events, c)
    return events


def _opening_calls(events: _Events, c: _Conns) -> None:
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


def _round_calls(events: _Events, c: _Conns, payload: _Bytes, snaplen: int) -> None:
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


def _poll(events: _Events, entry: Ints, exit_: Ints, tid: Ints, fd: Ints) -> None:
    """poll(2) for input on one descriptor, which it reports."""
    asked = np.zeros((entry.size, 2), np.uint32)
    asked[:, 0], asked[:, 1] = fd.ravel(), 1
    told = asked.copy()
    told[:, 1] |= 1 << 16
    first = events.entry(entry, tid, SERVER, POLL, BUFFER, 1, 0xFFFFFFFFFFFFFFFF)
    events.fixed(first, asked.view(np.uint8), Role.ARRAY, arg=0, detail=8)
    first = events.exit(exit_, tid, SERVER, POLL, 1)
    events.fixed(first, told.view(np.uint8), Role.ARRAY, arg=0, detail=8)


def _closing_calls(events: _Events, c: _Conns) -> None:
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


@dataclass
class _Packets:
    """Packets of one generation in any order: one element each."""

    time_ns: list[Ints] = field(default_factory=list)
    heads: list[NDArray[np.uint8]] = field(default_factory=list)  # Ethernet to TCP options
    from_client: list[NDArray[np.bool_]] = field(default_factory=list)
    start: list[Ints] = field(default_factory=list)  # of the payload, in the page of bytes
    size: list[Ints] = field(default_factory=list)

    def add(
        self,
        c: _Conns,
        time_ns: Ints,
        flags: int,
        seq: Ints,
        ack: Ints,
        *,
        client: bool,
        start: Ints | int = 0,
        size: Ints | int = 0,
    ) -> None:
        shape = time_ns.shape
        wide = [
            np.broadcast_to(v[:, None] if time_ns.ndim == 2 else v, shape).ravel()
            for v in (c.client_addr, c.client_port)
        ]
        size = np.broadcast_to(size, shape).ravel().astype(np.int64)
        self.time_ns.append(time_ns.ravel())
        self.from_client.append(np.full(time_ns.size, client))
        self.start.append(np.broadcast_to(start, shape).ravel().astype(np.int64))
        self.size.append(size)
        self.heads.append(
            _head(
                wide[0],
                wide[1],
                flags,
                seq=seq.ravel(),
                ack=ack.ravel(),
                size=size,
                time_ns=time_ns.ravel(),
                client=client,
            )
        )


def _head(
    addr: Ints, port: Ints, flags: int, *, seq: Ints, ack: Ints, size: Ints, time_ns: Ints, client: bool
) -> NDArray[np.uint8]:
    """Ethernet, IPv4 and TCP headers with the options of a Linux segment; checksums are left to the card, as on lo."""
    count = len(addr)
    head = np.zeros((count, ETHERNET + IPV4 + TCP + TCP_OPTIONS), np.uint8)

    def put(at: int, kind: str, values: Ints | int) -> None:
        width = np.dtype(kind).itemsize
        head[:, at : at + width] = np.broadcast_to(values, count).astype(kind)[:, None].view(np.uint8)

    options = (
        np.frombuffer(b"\x02\x04\xff\xd7\x04\x02\x08\x0a", np.uint8)
        if flags & SYN
        else np.frombuffer(b"\x01\x01\x08\x0a", np.uint8)
    )
    head[:, 12] = 8
    ip, tcp = ETHERNET, ETHERNET + IPV4
    tcp_bytes = TCP + (20 if flags & SYN else 12)
    put(ip, "u1", 0x45)
    put(ip + 2, ">u2", IPV4 + tcp_bytes + size)
    put(ip + 4, ">u2", (time_ns // 1000) & 0xFFFF)
    put(ip + 6, ">u2", 0x4000)
    put(ip + 8, ">u2", 64 << 8 | 6)
    put(ip + 12, ">u4", addr if client else 0x7F000001)
    put(ip + 16, ">u4", 0x7F000001 if client else addr)
    put(tcp, ">u2", port if client else PORT)
    put(tcp + 2, ">u2", PORT if client else port)
    put(tcp + 4, ">u4", seq & 0xFFFFFFFF)
    put(tcp + 8, ">u4", ack & 0xFFFFFFFF)
    put(tcp + 12, "u1", tcp_bytes // 4 << 4)
    put(tcp + 13, "u1", flags)
    put(tcp + 14, ">u2", 65_495 if flags & SYN else 512)
    head[:, tcp + TCP : tcp + TCP + len(options)] = options
    put(tcp + TCP + len(options), ">u4", time_ns // 1_000_000 & 0xFFFFFFFF)
    put(tcp + TCP + len(options) + 4, ">u4", 0 if flags == SYN else time_ns // 1_000_000 & 0xFFFFFFFF)
    if flags & SYN:
        head[:, -4:] = np.frombuffer(b"\x01\x03\x03\x07", np.uint8)
    return head


def _generation_packets(c: _Conns) -> _Packets:
    """Handshake, two segments and their ACK for each request, one and its ACK for each answer, two FINs."""
    p = _Packets()
    t, zero = c.begin_ns, np.zeros_like(c.number)
    a, b = c.first_seq(client=True), c.first_seq(client=False)
    p.add(c, t + 30_000, SYN, a, zero, client=True)
    p.add(c, t + 35_000, SYN | ACK, b, a + 1, client=False)
    p.add(c, t + 40_000, ACK, a + 1, b + 1, client=True)
    r = c.round_ns
    asked, answered = np.cumsum(c.requests, axis=1), np.cumsum(c.answers, axis=1)
    before, told = asked - c.requests, answered - c.answers
    first = c.requests // 2
    at, bt = a[:, None] + 1, b[:, None] + 1
    ask, answer = c.request_start[:, None], c.answer_start[:, None]
    p.add(c, r + 23_000, ACK, at + before, bt + told, client=True, start=ask + before, size=first)
    p.add(
        c,
        r + 24_000,
        ACK | PSH,
        at + before + first,
        bt + told,
        client=True,
        start=ask + before + first,
        size=c.requests - first,
    )
    p.add(c, r + 25_000, ACK, bt + told, at + asked, client=False)
    p.add(c, r + 40_000, ACK | PSH, bt + told, at + asked, client=False, start=answer + told, size=c.answers)
    p.add(c, r + 41_000, ACK, at + asked, bt + answered, client=True)
    end, a_end, b_end = c.close_ns, a + 1 + c.requests.sum(axis=1), b + 1 + c.answers.sum(axis=1)
    p.add(c, end + 23_000, FIN | ACK, a_end, b_end, client=True)
    p.add(c, end + 40_000, FIN | ACK, b_end, a_end + 1, client=False)
    p.add(c, end + 41_000, ACK, a_end + 1, b_end + 1, client=True)
    return p


class _BlockFile:
    """`packets.blocks`, written as generations come."""

    def __init__(self, spool: Spool, size: Size, payload: _Bytes) -> None:
        self._file = spool.packets_path.open("wb")
        self._size, self._payload = size, payload
        self._seq = 1
        self.count = 0

    def append(self, p: _Packets) -> None:
        time_ns, heads = np.concatenate(p.time_ns), np.concatenate(p.heads)
        client, start, size = np.concatenate(p.from_client), np.concatenate(p.start), np.concatenate(p.size)
        head_bytes = ETHERNET + IPV4 + TCP + np.where(heads[:, ETHERNET + IPV4 + TCP] == 2, 20, 12)
        order = np.argsort(time_ns, kind="stable")
        outgoing = np.full(len(order), PACKET_OUTGOING) if self._size.loopback else np.where(client, PACKET_OUTGOING, 0)
        if self._size.loopback:
            order = np.repeat(order, 2)
            outgoing = np.tile([PACKET_OUTGOING, 0], len(order) // 2)
        else:
            outgoing = outgoing[order]
        when = time_ns[order] + np.where((outgoing == 0) & self._size.loopback, 400, 0)
        wire = (head_bytes + size)[order]
        most = np.where((outgoing == PACKET_OUTGOING) & self._size.loopback, TWIN_BYTES, self._size.snaplen)
        kept = np.minimum(wire, most)
        for begin in range(0, len(order), PACKETS_IN_BLOCK):
            part = slice(begin, begin + PACKETS_IN_BLOCK)
            which = order[part]
            self._block(
                when[part],
                heads[which],
                head_bytes[which],
                start=start[which],
                kept=kept[part],
                wire=wire[part],
                pkttype=outgoing[part],
            )
        self.count += len(order)

    def _block(
        self,
        when: Ints,
        heads: NDArray[np.uint8],
        head_bytes: Ints,
        *,
        start: Ints,
        kept: Ints,
        wire: Ints,
        pkttype: Ints,
    ) -> None:
        stride = (FRAME_AT + kept + TPACKET_ALIGNMENT - 1) // TPACKET_ALIGNMENT * TPACKET_ALIGNMENT
        at = BLOCK_HEADER_BYTES + np.cumsum(stride) - stride
        block = np.zeros(BLOCK_HEADER_BYTES + int(stride.sum()), np.uint8)
        block[:48].view(np.uint32)[[0, 2, 3, 4, 5]] = (
            TPACKET_V3,
            TP_STATUS_USER,
            len(when),
            BLOCK_HEADER_BYTES,
            len(block),
        )
        block[24:32].view(np.uint64)[0] = self._seq
        self._seq += 1
        real = when + REALTIME_OFFSET_NS
        head = np.zeros((len(when), FRAME_AT), np.uint8)
        words = head[:, :48].copy().view(np.uint32)
        words[:, 0] = stride
        words[-1, 0] = 0
        words[:, 1], words[:, 2] = real // 1_000_000_000, real % 1_000_000_000
        words[:, 3], words[:, 4], words[:, 5] = kept, wire, TP_STATUS_USER
        words[:, 6] = FRAME_AT | (FRAME_AT + ETHERNET) << 16
        head[:, :48] = words.view(np.uint8)
        head[:, 48:50] = np.frombuffer(np.array([17], "<u2").tobytes(), np.uint8)  # AF_PACKET
        head[:, 50:52] = (8, 0)
        head[:, 52] = 1 if self._size.loopback else 2
        head[:, 56:58] = np.array([ARPHRD_LOOPBACK if self._size.loopback else ARPHRD_ETHER], "<u2").view(np.uint8)
        head[:, 58] = pkttype
        block[at[:, None] + np.arange(FRAME_AT)] = head
        of_head = np.minimum(head_bytes, kept)
        columns = heads.shape[1]
        inside = np.arange(columns) < of_head[:, None]
        block[(at[:, None] + FRAME_AT + np.arange(columns))[inside]] = heads[inside]
        rest = kept - of_head
        block[_ragged(at + FRAME_AT + of_head, rest)] = self._payload.at(start, rest)
        block.tofile(self._file)

    def close(self) -> None:
        self._file.close()


def make_spool(folder: Path, size: Size) -> Spool:
    """Write the spool; `folder` must not exist."""
    folder.mkdir(parents=True)
    spool = Spool(folder)
    random = np.random.default_rng(size.seed)
    payload = _Bytes(random.integers(0, 256, PAGE_OF_BYTES, dtype=np.uint8))
    calls, blocks = _PtraceFiles(spool), _BlockFile(spool, size, payload)
    calls.append(_prelude(size))
    at = START_NS + 1_000_000
    life = OPENING_NS + CLOSING_NS + size.rounds * ROUND_NS
    for first in range(0, size.connections, size.at_once):
        number = np.arange(first, min(first + size.at_once, size.connections))
        slot = number - first
        shape = (len(number), size.rounds)
        requests = random.integers(*size.request_bytes, shape, endpoint=True)
        answers = random.integers(*size.answer_bytes, shape, endpoint=True)
        c = _Conns(number, at + slot * 37, slot, requests, answers)
        calls.append(_generation_events(c, payload, size.snaplen))
        blocks.append(_generation_packets(c))
        at += life + 100_000
    calls.close()
    blocks.close()
    _write_manifest(spool, size, at, calls.counts["events"], blocks.count)
    return spool


def _write_manifest(spool: Spool, size: Size, end_ns: int, events: int, packets: int) -> None:
    for at in (START_NS, end_ns):
        spool.add_clock_snapshot(Snapshot(at, at + REALTIME_OFFSET_NS, 20))
    name, index, hatype = ("lo", 1, ARPHRD_LOOPBACK) if size.loopback else ("eth0", 2, ARPHRD_ETHER)
    detail = {
        "snaplen": size.snaplen,
        "netns": NETNS,
        "netns_cookie": NETNS_COOKIE,
        "interfaces": [{"ifindex": index, "name": name, "hatype": hatype, "mtu": 65536}],
    }
    spool.procfs_path.write_text(
        json.dumps({"kind": "snapshot", "label": "before", "time_ns": START_NS, "asked": []}) + "\n"
    )
    spool.write_manifest(
        Manifest(
            tool_version="large spool",
            command=["big-server"],
            started_ns=START_NS,
            ended_ns=end_ns,
            programs=[Program(SERVER, ["big-server"], START_NS), Program(CLIENT, ["big-client"], START_NS)],
            sources=[
                SourceReport(
                    "ptrace", "syscall", ran=True, start_ns=START_NS, end_ns=end_ns, items=events, clock_error_ns=0
                ),
                SourceReport(
                    "packets", "packet", ran=True, start_ns=START_NS, end_ns=end_ns, items=packets, detail=detail
                ),
            ],
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--at-once", type=int, default=50)
    parser.add_argument("--loopback", action="store_true")
    options = parser.parse_args()
    size = Size(options.connections, options.rounds, options.at_once, loopback=options.loopback)
    make_spool(options.folder, size)
    print(f"{size.calls:,} calls, {size.shown_packets:,} packets")


if __name__ == "__main__":
    main()
