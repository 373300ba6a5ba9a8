"""Raw rows made by hand: a small recorder, and TCP conversations whose calls and packets agree byte by byte."""

import struct
from dataclasses import dataclass, field

import duckdb

from wiretale.join.build import build
from wiretale.model.enums import Arch
from wiretale.model.tables import BY_NAME, TABLES

NETNS, COOKIE = 4026531840, 77
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
ETHERNET_IP_TCP = 14 + 20 + 20
MSEC = 1_000_000


def sockaddr_in(addr: str, port: int) -> bytes:
    return struct.pack("<H", 2) + struct.pack(">H", port) + bytes(int(x) for x in addr.split(".")) + bytes(8)


def sockaddr_un(path: str) -> bytes:
    return struct.pack("<H", 1) + (b"\0" + path[1:].encode() if path.startswith("@") else path.encode() + b"\0")


def tcp_info(received: int, sent: int) -> bytes:
    """What the kernel says of a socket: payload bytes that came and left (linux/tcp.h)."""
    info = bytearray(248)
    struct.pack_into("<Q", info, 128, received)
    struct.pack_into("<Q", info, 200, sent)
    return bytes(info)


@dataclass
class Rows:
    """Collects raw rows; `now` moves on by a microsecond with every event unless told otherwise."""

    now: int = 1_000 * MSEC
    tables: dict[str, list[dict[str, object]]] = field(default_factory=dict)
    snaplen: int = 1 << 20
    next_inode: int = 5000

    def add(self, table: str, **row: object) -> dict[str, object]:
        self.tables.setdefault(table, []).append(row)
        return row

    def tick(self, ns: int = 1000) -> int:
        self.now += ns
        return self.now

    def source(self, error_ns: int = 0) -> None:
        self.add("source", source="ptrace", level="syscall", ran=True, clock_error_ns=error_ns)

    def task(
        self, pid: int, how: str = "started", parent: int | None = None, tid: int | None = None, **more: object
    ) -> int:
        task_id = len(self.tables.get("task", ())) + 1
        row: dict[str, object] = {
            "task_id": task_id,
            "tid": tid or pid,
            "pid": pid,
            "parent_task_id": parent,
            "is_leader": tid in (None, pid),
            "how": how,
            "traced": True,
            "start_ns": self.tick(),
        }
        self.add("task", **{**row, **more})
        return task_id

    def call(
        self,
        pid: int,
        name: str,
        *args: int,
        ret: int | None = 0,
        errno: int | None = None,
        start: int | None = None,
        end: int | None = None,
        tid: int | None = None,
    ) -> int:
        """A call; its fd is the first argument where the specification says so."""
        from wiretale.decode.syscalls import CALLS

        call_id = len(self.tables.get("call", ())) + 1
        start = self.tick() if start is None else start
        if ret is not None and end is None:
            end = self.tick()
        spec = CALLS[name]
        fd = args[spec.fd_arg] if spec.fd_arg >= 0 else None
        if ret is not None and errno is not None:
            ret = -errno
        registers = {f"a{n}": (args[n] if n < len(args) else 0) & 0xFFFFFFFFFFFFFFFF for n in range(6)}
        self.add(
            "call",
            call_id=call_id,
            task_id=1,
            tid=tid or pid,
            pid=pid,
            arch=int(Arch.X86_64),
            number=0,
            name=name,
            **registers,
            fd=fd,
            retval=ret,
            errno=errno,
            entry_ns=start - 10,
            start_ns=start,
            exit_ns=end,
            resume_ns=None if end is None else end + 10,
            complete=ret is not None,
        )
        self.now = max(self.now, end or start)
        return call_id

    def data(
        self,
        call_id: int,
        role: str,
        data: bytes,
        *,
        arg: int = 1,
        at_exit: bool = False,
        idx: int = 0,
        offset: int = 0,
    ) -> None:
        kept = data[: self.snaplen] if role == "payload" else data
        self.add(
            "call_data",
            call_id=call_id,
            at_exit=at_exit,
            role=role,
            arg=arg,
            idx=idx,
            address=0,
            offset=offset,
            full_bytes=len(data),
            error=0,
            bytes=kept,
        )

    def exit_of(self, call_id: int) -> int:
        return int(str(self.tables["call"][call_id - 1]["exit_ns"]))

    def descriptor(self, pid: int, fd: int, target: str | None, inode: int | None, call_id: int | None = None) -> None:
        time = self.exit_of(call_id) if call_id else self.now
        self.add("descriptor_sample", time_ns=time, pid=pid, fd=fd, call_id=call_id, target=target, inode=inode)

    def socket_sample(
        self,
        inode: int,
        call_id: int | None = None,
        *,
        local: tuple[str, int | None] | None = None,
        peer: tuple[str, int | None] | None = None,
        family: str = "AF_INET",
        type: str = "SOCK_STREAM",
        state: str | None = None,
        **more: object,
    ) -> None:
        self.add(
            "socket_sample",
            time_ns=self.exit_of(call_id) if call_id else self.now,
            call_id=call_id,
            inode=inode,
            cookie=inode + 100_000,
            netns_cookie=COOKIE,
            family=family,
            type=type,
            protocol=0,
            state=state,
            local_addr=local[0] if local else None,
            local_port=local[1] if local else None,
            peer_addr=peer[0] if peer else None,
            peer_port=peer[1] if peer else None,
            **more,
        )

    def inode(self) -> int:
        self.next_inode += 1
        return self.next_inode

    def interface(self) -> None:
        self.add("interface", interface="lo", ifindex=1, netns=NETNS, netns_cookie=COOKIE, linktype=1, mtu=65536)

    def packet(
        self,
        src: tuple[str, int],
        dst: tuple[str, int],
        payload: bytes = b"",
        *,
        proto: int = 6,
        time: int | None = None,
        twin: bool = False,
        snap: int | None = None,
        **more: object,
    ) -> int:
        """A shown packet (with `twin`: and loopback's hidden copy before it). Returns the shown one's id."""
        time = self.tick() if time is None else time
        frame = bytes(ETHERNET_IP_TCP) + payload
        frame = frame if snap is None else frame[: ETHERNET_IP_TCP + snap]
        packet_id = len(self.tables.get("packet", ())) + 1
        row: dict[str, object] = {
            "time_ns": time,
            "ifindex": 1,
            "netns": NETNS,
            "ip_version": 4,
            "ip_protocol": proto,
            "src": src[0],
            "srcport": src[1],
            "dst": dst[0],
            "dstport": dst[1],
            "payload_offset": ETHERNET_IP_TCP,
            "payload_bytes": len(payload),
            "frame": frame,
        } | more
        if twin:
            self.add("packet", packet_id=packet_id, tap="out", shown=False, twin_id=packet_id + 1, **row)
            packet_id += 1
        self.add("packet", packet_id=packet_id, tap="in", shown=True, twin_id=packet_id - 1 if twin else None, **row)
        self.now = max(self.now, time)
        return packet_id

    def load(self) -> duckdb.DuckDBPyConnection:
        """A database with all raw tables, in memory."""
        db = duckdb.connect()
        for table in TABLES:
            if table.stage == "raw":
                db.execute(table.ddl)
        for name, rows in self.tables.items():
            columns = BY_NAME[name].columns
            types = {c.name: c.type for c in columns}
            used = [c for c in types if any(c in r for r in rows)]
            flat = [c for c in used if not types[c].endswith("[]")]
            selected = ", ".join(f'unnest(${n + 1}::{types[c]}[]) AS "{c}"' for n, c in enumerate(flat))
            db.execute(f'INSERT INTO "{name}" BY NAME SELECT {selected}', [[r.get(c) for r in rows] for c in flat])
            for c in used:
                if c not in flat:
                    for r in rows:
                        if r.get(c) is not None:
                            db.execute(
                                f'UPDATE "{name}" SET "{c}" = $v WHERE packet_id = $id',
                                {"v": r[c], "id": r["packet_id"]},
                            )
        return db

    def joined(self) -> duckdb.DuckDBPyConnection:
        db = self.load()
        build(db)
        return db


@dataclass
class End:
    """One end of a conversation: its process, descriptor, address and stream."""

    pid: int
    fd: int
    addr: tuple[str, int]
    isn: int
    inode: int = 0
    sent: int = 0  # payload bytes put on the wire
    fin: bool = False


class Tcp:
    """A TCP conversation on loopback, both ends traced (or only one), with or without packets."""

    def __init__(
        self,
        rows: Rows,
        *,
        client_isn: int = 1000,
        server_isn: int = 9000,
        calls: tuple[bool, bool] = (True, True),
        packets: bool = True,
        twin: bool = False,
        client_port: int = 4444,
        server_port: int = 4000,
        window: int = 512,
        wscale: int = 7,
        mss: int | None = None,
    ) -> None:
        self.rows, self.packets, self.twin = rows, packets, twin
        self.calls = calls
        self.window, self.wscale, self.mss = window, wscale, mss
        self.client = End(200, 3, ("127.0.0.1", client_port), client_isn)
        self.server = End(100, 4, ("127.0.0.1", server_port), server_isn)
        self.listener_inode = 0

    def listen(self) -> None:
        if not self.calls[1]:
            return
        r, s = self.rows, self.server
        r.task(s.pid)
        self.listener_inode = r.inode()
        call = r.call(s.pid, "socket", 2, 1, 6, ret=3)
        r.descriptor(s.pid, 3, f"socket:[{self.listener_inode}]", self.listener_inode, call)
        r.socket_sample(self.listener_inode, call)
        call = r.call(s.pid, "bind", 3, 0, 16)
        r.data(call, "sockaddr", sockaddr_in(*s.addr))
        r.socket_sample(self.listener_inode, call, local=s.addr)
        call = r.call(s.pid, "listen", 3, 1)
        r.socket_sample(self.listener_inode, call, local=s.addr, state="LISTEN")

    def open(self) -> None:
        """socket, connect, handshake, accept."""
        self.listen()
        r, c, s = self.rows, self.client, self.server
        start = 0
        if self.calls[0]:
            r.task(c.pid)
            c.inode = r.inode()
            call = r.call(c.pid, "socket", 2, 1, 6, ret=c.fd)
            r.descriptor(c.pid, c.fd, f"socket:[{c.inode}]", c.inode, call)
            r.socket_sample(c.inode, call)
            start = r.tick()
        accept_start = r.tick()
        self.segment(c, SYN, wscale=self.wscale, mss=self.mss)
        self.segment(s, SYN | ACK, wscale=self.wscale, mss=self.mss)
        self.segment(c, ACK)
        if self.calls[0]:
            call = r.call(c.pid, "connect", c.fd, 0, 16, start=start)
            r.data(call, "sockaddr", sockaddr_in(*s.addr))
            r.socket_sample(c.inode, call, local=c.addr, peer=s.addr)
        if self.calls[1]:
            s.inode = r.inode()
            call = r.call(s.pid, "accept4", 3, 0, 0, 0, ret=s.fd, start=accept_start)
            r.data(call, "sockaddr", sockaddr_in(*c.addr), at_exit=True)
            r.descriptor(s.pid, s.fd, f"socket:[{s.inode}]", s.inode, call)
            r.socket_sample(s.inode, call, local=s.addr, peer=c.addr)

    def other(self, end: End) -> End:
        return self.server if end is self.client else self.client

    def segment(
        self,
        end: End,
        flags: int = PSH | ACK,
        payload: bytes = b"",
        *,
        at: int | None = None,
        repeat: bool = False,
        **more: object,
    ) -> int:
        """A segment with `payload` at stream position `at` (by default the next)."""
        if not self.packets:
            return 0
        peer = self.other(end)
        at = end.sent if at is None else at
        seq = (end.isn + (0 if flags & SYN else 1 + at)) & 0xFFFFFFFF
        if end.fin and not payload and not repeat and not flags & FIN:
            seq = (seq + 1) & 0xFFFFFFFF
        ack = (peer.isn + 1 + peer.sent + peer.fin) & 0xFFFFFFFF
        packet = self.rows.packet(
            end.addr,
            peer.addr,
            payload,
            twin=self.twin,
            seq=seq,
            flags=flags,
            **{"ack": ack if flags & ACK else 0, "window": self.window, **more},
        )
        if not repeat:
            end.sent = max(end.sent, at + len(payload))
            end.fin = end.fin or bool(flags & FIN)
        return packet

    def traced(self, end: End) -> bool:
        return self.calls[0] if end is self.client else self.calls[1]

    def write(self, end: End, payload: bytes, *, name: str = "write", segments: bool = True) -> int:
        """A write whose bytes leave in one segment inside the call (none with `segments=False`)."""
        start = self.rows.tick()
        if segments:
            self.segment(end, PSH | ACK, payload)
        if not self.traced(end):
            return 0
        call = self.rows.call(end.pid, name, end.fd, 0, len(payload), ret=len(payload), start=start)
        self.rows.data(call, "payload", payload)
        return call

    def read(self, end: End, payload: bytes, *, name: str = "read", flags: int = 0, **more: int) -> int:
        if not self.traced(end):
            return 0
        call = self.rows.call(end.pid, name, end.fd, 0, 16384, flags, ret=len(payload), **more)
        self.rows.data(call, "payload", payload, at_exit=True)
        return call

    def close(self) -> None:
        """The client closes first, then the server."""
        c, s = self.client, self.server
        for end, peer in ((c, s), (s, c)):
            start = self.rows.tick()
            self.segment(end, FIN | ACK)
            self.segment(peer, ACK)
            if self.traced(end):
                self.rows.call(end.pid, "close", end.fd, start=start)


def column(db: duckdb.DuckDBPyConnection, query: str) -> list[object]:
    return [row[0] for row in db.execute(query).fetchall()]
