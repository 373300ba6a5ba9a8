# ruff: noqa: E501, PLR0917 (rows of tables: one row, one line; one argument for each part of a record)
"""A small capture written by hand: the netcat experiment, one line each way, as tables. Times are round, so that golden
text is readable in a diff."""

from pathlib import Path
from typing import Any

import duckdb

from wiretale.join.models import run_in_parts
from wiretale.model.enums import Arch
from wiretale.model.raw import CAPTURE_VERSION
from wiretale.model.tables import BY_NAME, TABLES
from wiretale.store.capture import create_capture, write_meta

T0 = 1_000_000_000_000  # CLOCK_MONOTONIC of the first event
REAL = 1_700_000_000_000_000_000 - T0  # offset to real time
US = 1000
MS = 1_000_000

SERVER, CLIENT = 4019, 4021
LOCALHOST = bytes([127, 0, 0, 1])


def insert(db: duckdb.DuckDBPyConnection, table: str, *rows: dict[str, Any]) -> None:
    """Rows with NULL in the columns they do not name."""
    columns = BY_NAME[table].column_names
    for row in rows:
        unknown = set(row) - set(columns)
        assert not unknown, f"{table} has no {unknown}"
    marks = ", ".join("?" * len(columns))
    if rows:
        db.executemany(f"INSERT INTO {table} VALUES ({marks})", [[r.get(c) for c in columns] for r in rows])


def sockaddr(port: int, address: bytes = LOCALHOST) -> bytes:
    """struct sockaddr_in of ip(7) on a little-endian machine."""
    return b"\x02\x00" + port.to_bytes(2, "big") + address + bytes(8)


def tcp_frame(source: int, target: int, seq: int, ack: int, flags: int, payload: bytes = b"") -> bytes:
    """An Ethernet frame of loopback: IPv4 (RFC 791) and TCP (RFC 9293) headers without options."""
    tcp = (
        source.to_bytes(2, "big") + target.to_bytes(2, "big") + seq.to_bytes(4, "big") + ack.to_bytes(4, "big")
        + bytes([5 << 4, flags]) + (512).to_bytes(2, "big") + bytes(4)
    )  # fmt: skip
    total = 20 + len(tcp) + len(payload)
    header = bytes([0x45, 0]) + total.to_bytes(2, "big") + bytes([0, 1, 0x40, 0, 64, 6, 0, 0]) + LOCALHOST + LOCALHOST
    return bytes(12) + b"\x08\x00" + header + tcp + payload


class Builder:
    """Adds rows with ids in order."""

    def __init__(self, db: duckdb.DuckDBPyConnection) -> None:
        self.db = db
        self.calls = 0
        self.packets = 0

    def call(
        self,
        pid: int,
        name: str,
        number: int,
        args: tuple[int, ...],
        retval: int | None,
        at: int,
        took: int = 20 * US,
        fd: int | None = None,
        data: tuple[dict[str, Any], ...] = (),
    ) -> int:
        self.calls += 1
        failed = retval is not None and -4096 < retval < 0
        exit_ns = None if retval is None else T0 + at + took
        padded = (*args, 0, 0, 0, 0, 0, 0)[:6]
        insert(self.db, "call", {
            "call_id": self.calls, "task_id": 1 if pid == SERVER else 2, "tid": pid, "pid": pid, "arch": int(Arch.X86_64),
            "number": number, "name": name, **{f"a{i}": a for i, a in enumerate(padded)}, "fd": fd, "retval": retval,
            "errno": -retval if failed and retval is not None else None, "entry_ns": T0 + at, "start_ns": T0 + at + US,
            "exit_ns": exit_ns, "resume_ns": exit_ns, "complete": exit_ns is not None,
        })  # fmt: skip
        defaults = {"at_exit": False, "arg": 0, "idx": 0, "address": 0, "offset": 0, "error": 0}
        insert(self.db, "call_data", *(
            {**defaults, "call_id": self.calls, "full_bytes": len(d["bytes"]), **d} for d in data
        ))  # fmt: skip
        return self.calls

    def packet(self, source: int, target: int, seq: int, ack: int, flags: int, at: int, payload: bytes = b"") -> int:
        """A loopback packet: the hidden OUT copy and the shown IN copy. Returns the id of the shown one."""
        frame = tcp_frame(source, target, seq, ack, flags, payload)
        number = self.packets // 2 + 1
        common = {
            "ifindex": 1, "netns": 7, "frame_bytes": len(frame), "captured_bytes": len(frame), "ethertype": 0x0800,
            "ip_version": 4, "ip_protocol": 6, "ip_id": 1, "ttl": 64, "fragment": False, "src": "127.0.0.1",
            "dst": "127.0.0.1", "srcport": source, "dstport": target, "seq": seq, "ack": ack, "flags": flags,
            "window": 512, "sack_permitted": False, "network_offset": 14, "transport_offset": 34, "linktype": 1,
            "payload_offset": 54, "payload_bytes": len(payload), "frame": frame,
        }  # fmt: skip
        out, shown = self.packets + 1, self.packets + 2
        self.packets += 2
        insert(
            self.db, "packet",
            {**common, "packet_id": out, "time_ns": T0 + at, "tap": "out", "shown": False, "twin_id": shown},
            {**common, "packet_id": shown, "number": number, "time_ns": T0 + at + US, "tap": "in", "shown": True, "twin_id": out},
        )  # fmt: skip
        client = source == 4444
        base = (100, 900) if client else (900, 100)
        for copy in (out, shown):
            insert(self.db, "segment", {
                "packet_id": copy, "connection_id": 1, "direction": "c2s" if client else "s2c", "shown": copy == shown,
                "lo": 0 if payload else None, "hi": len(payload) if payload else None, "rel_seq": seq - base[0], "tcp_stream": 0, "shown_seq": seq - base[0],
                "shown_ack": ack - base[1] if flags & 0x10 else ack,
                "rel_ack": ack - base[1] if flags & 0x10 else None, "acked": ack - base[1] - 1 if flags & 0x10 else None, "scaled_window": 65536, "analysis": [], "is_new": True,
            })  # fmt: skip
        return shown


def make(path: Path, *, command: str = "nc", payload: bytes = b"salam\n") -> Path:
    """Write the capture; `command` is the name of both processes, `payload` the line that is typed."""
    with create_capture(path) as db:
        for table in TABLES:
            if table.stage == "derived":
                db.execute(table.ddl)
        write_meta(db, {
            "version": CAPTURE_VERSION, "tool": "wiretale 0.1.0", "host": "example", "kernel": "6.1", "snaplen": "256",
            "started_realtime_ns": str(T0 + REAL), "command": [command, "127.0.0.1", "4000"],
        })  # fmt: skip
        _sources(db)
        _tasks(db, command)
        _events(Builder(db), payload)
        run_in_parts(db, "call_connection", "call")
    return path


def _sources(db: duckdb.DuckDBPyConnection) -> None:
    insert(
        db, "source",
        {"source": "ptrace", "level": "syscall", "ran": True, "start_ns": T0, "end_ns": T0 + 50 * MS, "items": 40, "lost": 0, "clock_error_ns": 0, "detail": '{"mode": "all", "cpu_ns_per_stop": 4000}'},
        {"source": "packets", "level": "packet", "ran": True, "start_ns": T0, "end_ns": T0 + 50 * MS, "items": 8, "lost": 0, "clock_error_ns": 200, "detail": '{"interfaces": ["lo"]}'},
        {"source": "procfs", "level": None, "ran": True, "start_ns": T0, "end_ns": T0 + 50 * MS, "items": 4, "lost": 0},
    )  # fmt: skip
    insert(db, "clock_snapshot", {"monotonic_ns": T0, "realtime_ns": T0 + REAL, "error_ns": 50})
    insert(
        db, "interface", {"interface": "lo", "ifindex": 1, "netns": 7, "netns_cookie": 1, "linktype": 1, "mtu": 65536}
    )
    insert(db, "coverage", {"level": "syscall", "item": "calls", "count": 20, "state": "recorded"})
    insert(db, "coverage", {
        "level": "packet", "item": "packets dropped", "count": 2, "state": "lost", "reason": "the ring was full",
        "remedy": "wiretale record --ring 64M ...",
    })  # fmt: skip


def _tasks(db: duckdb.DuckDBPyConnection, command: str) -> None:
    common = {
        "is_leader": True,
        "traced": True,
        "how": "started",
        "exe": "/usr/bin/nc.openbsd",
        "cwd": "/",
        "uid": 1000,
        "netns": 7,
        "comm": command,
    }
    insert(
        db, "task",
        {**common, "task_id": 1, "tid": SERVER, "pid": SERVER, "parent_pid": 4000, "start_ns": T0, "end_ns": T0 + 46 * MS, "end_how": "exited", "exit_status": 0, "argv": [command, "-l", "127.0.0.1", "4000"]},
        {**common, "task_id": 2, "tid": CLIENT, "pid": CLIENT, "parent_pid": 4000, "start_ns": T0 + 5 * MS, "end_ns": T0 + 45 * MS, "end_how": "killed", "signal": "SIGINT", "argv": [command, "-p", "4444", "127.0.0.1", "4000"]},
    )  # fmt: skip
    insert(db, "signal", {
        "time_ns": T0 + 44 * MS, "task_id": 2, "tid": CLIENT, "number": 2, "name": "SIGINT", "code": 128, "sender_pid": None, "stopped": False,
    })  # fmt: skip


def _start_up(b: Builder, pid: int, at: int) -> None:
    b.call(pid, "brk", 12, (0,), 0x5000, at, 2 * US)
    b.call(
        pid,
        "access",
        21,
        (0x10, 4),
        -2,
        at + 10 * US,
        2 * US,
        data=({"role": "string", "bytes": b"/etc/ld.so.preload"},),
    )
    b.call(
        pid,
        "openat",
        257,
        (0xFFFFFF9C, 0x10, 0x80000),
        3,
        at + 20 * US,
        2 * US,
        data=({"role": "string", "arg": 1, "bytes": b"/etc/ld.so.cache"},),
    )
    b.call(pid, "mmap", 9, (0, 100, 1, 2, 3, 0), 0x7000, at + 30 * US, 2 * US)
    b.call(pid, "close", 3, (3,), 0, at + 40 * US, 2 * US, fd=3)
    b.call(pid, "mprotect", 10, (0x7000, 100, 1), 0, at + 50 * US, 2 * US)


def _events(b: Builder, payload: bytes) -> None:
    db, size = b.db, len(payload)
    _start_up(b, SERVER, 100 * US)
    made_listener = b.call(SERVER, "socket", 41, (2, 1, 6), 3, 1 * MS)
    b.call(
        SERVER,
        "bind",
        49,
        (3, 0x10, 16),
        0,
        2 * MS,
        fd=3,
        data=({"role": "sockaddr", "arg": 1, "bytes": sockaddr(4000)},),
    )
    b.call(SERVER, "listen", 50, (3, 1), 0, 3 * MS, fd=3)
    accept = b.call(SERVER, "accept4", 288, (3, 0x10, 0x20, 0x800), 4, 4 * MS, 8 * MS, fd=3, data=(
        {"role": "sockaddr", "arg": 1, "at_exit": True, "bytes": sockaddr(4444)},
        {"role": "socklen", "arg": 2, "at_exit": True, "bytes": (16).to_bytes(4, "little")},
    ))  # fmt: skip
    _start_up(b, CLIENT, 5 * MS + 100 * US)
    made_client = b.call(CLIENT, "socket", 41, (2, 0x801, 6), 3, 10 * MS)
    connect = b.call(
        CLIENT,
        "connect",
        42,
        (3, 0x10, 16),
        -115,
        11 * MS,
        200 * US,
        fd=3,
        data=({"role": "sockaddr", "arg": 1, "bytes": sockaddr(4000)},),
    )
    b.packet(4444, 4000, 100, 0, 0x02, 11 * MS + 50 * US)
    b.packet(4000, 4444, 900, 101, 0x12, 11 * MS + 70 * US)
    third = b.packet(4444, 4000, 101, 901, 0x10, 11 * MS + 90 * US)
    pollfd = (4).to_bytes(4, "little") + (1).to_bytes(2, "little")
    poll = b.call(SERVER, "poll", 7, (0x10, 1, 0xFFFFFFFF), 1, 13 * MS, 18 * MS, data=(
        {"role": "array", "bytes": pollfd + bytes(2)}, {"role": "array", "at_exit": True, "bytes": pollfd + b"\x01\x00"},
    ))  # fmt: skip
    write = b.call(
        CLIENT,
        "write",
        1,
        (3, 0x10, size),
        size,
        30 * MS,
        100 * US,
        fd=3,
        data=({"role": "payload", "arg": 1, "bytes": payload},),
    )
    data = b.packet(4444, 4000, 101, 901, 0x18, 30 * MS + 40 * US, payload)
    b.packet(4000, 4444, 901, 101 + size, 0x10, 30 * MS + 60 * US)
    read = b.call(
        SERVER,
        "read",
        0,
        (4, 0x10, 16384),
        size,
        32 * MS,
        fd=4,
        data=({"role": "payload", "arg": 1, "at_exit": True, "bytes": payload},),
    )
    unfinished = b.call(
        SERVER, "poll", 7, (0x10, 1, 0xFFFFFFFF), None, 33 * MS, data=({"role": "array", "bytes": pollfd + bytes(2)},)
    )
    b.call(CLIENT, "close", 3, (9,), -9, 40 * MS, 5 * US, fd=9)
    files = [
        {"file_id": 1, "kind": "socket", "name": "socket:[501]", "inode": 501, "open_call_id": made_listener, "from_ns": T0 + 1 * MS},
        {"file_id": 2, "kind": "socket", "name": "socket:[502]", "inode": 502, "open_call_id": accept, "from_ns": T0 + 12 * MS},
        {"file_id": 3, "kind": "socket", "name": "socket:[601]", "inode": 601, "open_call_id": made_client, "from_ns": T0 + 10 * MS, "to_ns": T0 + 45 * MS},
        {"file_id": 4, "kind": "terminal", "name": "/dev/pts/3", "from_ns": T0},
    ]  # fmt: skip
    insert(db, "file", *files)
    insert(db, "socket", *(
        {"socket_id": i, "file_id": i, "inode": f["inode"], "family": "AF_INET", "type": "SOCK_STREAM", "protocol": 6,
         "made_call_id": f["open_call_id"], "listener_id": 1 if i == 2 else None, "listening": i == 1, "from_ns": f["from_ns"]}
        for i, f in enumerate(files[:3], 1)
    ))  # fmt: skip
    insert(
        db, "descriptor",
        {"descriptor_id": 1, "pid": SERVER, "fd": 0, "file_id": 4, "from_ns": T0, "how": "inherited"},
        {"descriptor_id": 2, "pid": SERVER, "fd": 3, "file_id": 1, "from_ns": T0 + 1 * MS, "how": "socket", "open_call_id": made_listener},
        {"descriptor_id": 3, "pid": SERVER, "fd": 4, "file_id": 2, "from_ns": T0 + 12 * MS, "how": "accept", "open_call_id": accept},
        {"descriptor_id": 4, "pid": CLIENT, "fd": 0, "file_id": 4, "from_ns": T0 + 5 * MS, "to_ns": T0 + 45 * MS, "how": "inherited", "end_how": "exit"},
        {"descriptor_id": 5, "pid": CLIENT, "fd": 3, "file_id": 3, "from_ns": T0 + 10 * MS, "to_ns": T0 + 45 * MS, "how": "socket", "end_how": "exit", "open_call_id": made_client},
    )  # fmt: skip
    insert(db, "call_file", *(
        {"call_id": row[0], "file_id": {(SERVER, 3): 1, (SERVER, 4): 2, (CLIENT, 3): 3}[row[1], row[2]], "socket_id": {(SERVER, 3): 1, (SERVER, 4): 2, (CLIENT, 3): 3}[row[1], row[2]]}
        for row in db.execute("SELECT call_id, pid, fd FROM call WHERE fd IN (3, 4) AND name <> 'close'").fetchall()
    ))  # fmt: skip
    insert(db, "connection", {
        "connection_id": 1, "protocol": "tcp", "client_addr": "127.0.0.1", "client_port": 4444, "server_addr": "127.0.0.1",
        "server_port": 4000, "client_known_by": "connect", "from_ns": T0 + 11 * MS, "established_ns": T0 + 11 * MS + 91 * US,
        "to_ns": T0 + 45 * MS, "outcome": "closed", "client_bytes": size, "server_bytes": 0, "packets": 5, "tcp_stream": 0, "completeness": 15,
    })  # fmt: skip
    insert(
        db, "endpoint",
        {"endpoint_id": 1, "connection_id": 1, "role": "client", "addr": "127.0.0.1", "port": 4444, "socket_id": 3, "pid": CLIENT, "fd": 3, "sends": "c2s", "initial_seq": 100},
        {"endpoint_id": 2, "connection_id": 1, "role": "server", "addr": "127.0.0.1", "port": 4000, "socket_id": 2, "pid": SERVER, "fd": 4, "sends": "s2c", "initial_seq": 900},
    )  # fmt: skip
    insert(db, "tcp_state",
        {"endpoint_id": None, "socket_id": 1, "state": "LISTEN", "from_ns": T0 + 3 * MS, "inferred": False},
        {"endpoint_id": 1, "socket_id": 3, "connection_id": 1, "state": "SYN-SENT", "from_ns": T0 + 11 * MS, "to_ns": T0 + 11 * MS + 71 * US, "inferred": False},
        {"endpoint_id": 1, "socket_id": 3, "connection_id": 1, "state": "ESTABLISHED", "from_ns": T0 + 11 * MS + 71 * US, "inferred": False},
        {"endpoint_id": 2, "socket_id": 2, "connection_id": 1, "state": "ESTABLISHED", "from_ns": T0 + 11 * MS + 91 * US, "inferred": False},
    )  # fmt: skip
    stretch = {"connection_id": 1, "direction": "c2s", "n": 0, "lo": 0, "hi": size, "message": 0, "exact": True}
    insert(db, "stream_write", {**stretch, "write_id": 1, "call_id": write, "socket_id": 3})
    insert(db, "stream_read", {**stretch, "read_id": 1, "call_id": read, "socket_id": 2, "peeked": False})
    link = {
        "connection_id": 1,
        "direction": "c2s",
        "lo": 0,
        "hi": size,
        "retransmission": False,
        "evidence": "bytes",
        "compared_bytes": size,
    }
    insert(
        db, "link",
        {**link, "link_id": 1, "kind": "write_segment", "write_id": 1, "packet_id": data, "lag_ns": 41 * US},
        {**link, "link_id": 2, "kind": "segment_read", "read_id": 1, "packet_id": data, "lag_ns": 2 * MS},
        {**link, "link_id": 3, "kind": "write_read", "write_id": 1, "read_id": 1, "lag_ns": 2 * MS},
    )  # fmt: skip
    insert(
        db, "wait",
        {"wait_id": 1, "call_id": accept, "task_id": 1, "from_ns": T0 + 4 * MS, "to_ns": T0 + 12 * MS, "socket_id": 1, "fd": 3, "ended_by": "packet", "packet_id": third, "latency_ns": 909 * US},
        {"wait_id": 2, "call_id": poll, "task_id": 1, "from_ns": T0 + 13 * MS, "to_ns": T0 + 31 * MS, "socket_id": 2, "fd": 4, "ended_by": "packet", "packet_id": data, "latency_ns": 61 * US},
        {"wait_id": 3, "call_id": unfinished, "task_id": 1, "from_ns": T0 + 33 * MS, "ended_by": "not ended"},
    )  # fmt: skip
    assert connect
