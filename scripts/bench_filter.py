"""How long filters take over a million packets and a million calls: `.venv/bin/python scripts/bench_filter.py [ROWS]`.

The capture is made here with SQL, in a file, and is joined by nothing: its derived tables are written directly, as a
thousand connections between traced processes would leave them. Times are the best of three, the page cache warm.
"""

import sys
import tempfile
import time
from pathlib import Path

import duckdb

from wiretale.filter.compile import compile_filter
from wiretale.filter.events import EventKind
from wiretale.filter.select import selecting
from wiretale.model.tables import TABLES

FILTERS = (
    "tcp.port == 4007",
    "tcp.srcport == 4007 && tcp.flags.push == 1",
    "ip.addr == 10.0.3.7",
    "ip.addr == 10.0.3.0/24",
    "tcp.len > 100 and tcp.analysis.retransmission",
    "tcp.seq > 5000 && tcp.window_size < 1000",
    "frame.len in {60 .. 80, 200}",
    "tcp.stream == 17",
    "frame.time_relative > 0.5 && frame.time_relative < 0.6",
    "frame.time_delta > 0.001",
    "proc.pid == 107",
    'call.name == "write" && call.bytes > 100',
    "call.error == EAGAIN",
    "fd == 7 && connection == 5",
    "wait.duration > 1ms",
    "link.packet == 4711",
    "ip.len > 100",
    "tcp.hdr_len == 32",
    "tcp.urgent_pointer > 0",
    "eth.src == 00:00:00:00:00:00",
    "tcp[13] & 02",
    "frame[20:2] == ab:cd",
    "tcp.option_kind == 5",
    'payload contains "needle"',
    'payload matches "ne+dle"',
)

# Ethernet, IPv4, TCP with timestamps, and up to 96 bytes of payload; 128 bytes of a frame are captured.
_PACKETS = """
INSERT INTO packet BY NAME
SELECT i AS packet_id, i AS number, 1000000000 + i * 1000 AS time_ns, 1 AS ifindex, 7 AS netns, 'in' AS tap, TRUE AS shown,
    66 + i % 97 AS frame_bytes, least(66 + i % 97, 128) AS captured_bytes, 2048 AS ethertype, 4 AS ip_version,
    6 AS ip_protocol, i % 65536 AS ip_id, 64 AS ttl, FALSE AS fragment, '10.0.' || (c % 16) || '.' || (c % 250) AS src,
    '10.1.0.1' AS dst, 10000 + c AS srcport, 4000 + c % 10 AS dstport, i AS seq, i AS ack,
    CASE WHEN i % 97 = 0 THEN 16 ELSE 24 END AS flags, 512 AS "window", i % 4000000 AS tsval, i % 3000000 AS tsecr,
    FALSE AS sack_permitted, 14 AS network_offset, 34 AS transport_offset, 66 AS payload_offset, i % 97 AS payload_bytes,
    1 AS linktype,
    unhex('0000000000000000000000000800' || '45000034' || lpad(to_hex(i % 65536), 4, '0') || '4000400600000a0000010a010001'
        || lpad(to_hex(10000 + c), 4, '0') || lpad(to_hex(4000 + c % 10), 4, '0') || lpad(to_hex(i), 8, '0')
        || lpad(to_hex(i), 8, '0') || '801802000000000001' || '01080a' || lpad(to_hex(i % 4000000), 8, '0')
        || lpad(to_hex(i % 3000000), 8, '0') || substr(md5(CAST(i AS VARCHAR)) || repeat('61', 80), 1, 2 * least(i % 97, 62)))
        AS frame
FROM (SELECT i, i % 1000 AS c FROM range(1, {rows} + 1) r(i))
"""
_REST = """
INSERT INTO segment BY NAME SELECT packet_id, packet_id % 1000 + 1 AS connection_id, 'c2s' AS direction, TRUE AS shown,
    packet_id AS lo, packet_id AS hi, packet_id AS rel_seq, packet_id AS rel_ack, 65536 AS scaled_window, packet_id % 1000 AS tcp_stream,
    CASE WHEN packet_id % 999 = 0 THEN ['retransmission'] ELSE [] END AS analysis, TRUE AS is_new FROM packet;
INSERT INTO connection BY NAME SELECT i + 1 AS connection_id, 'tcp' AS protocol, '10.0.' || (i % 16) || '.' || (i % 250)
    AS client_addr, 10000 + i AS client_port, '10.1.0.1' AS server_addr, 4000 + i % 10 AS server_port,
    1000000000 AS from_ns FROM range(1000) r(i);
INSERT INTO task BY NAME SELECT i AS task_id, 100 + i AS tid, 100 + i AS pid, TRUE AS is_leader, TRUE AS traced,
    'started' AS how, 1000000000 AS start_ns, 'worker' AS comm, '/usr/bin/worker' AS exe, ['worker', '-n'] AS argv
    FROM range(1, 51) r(i);
INSERT INTO socket BY NAME SELECT i + 1 AS socket_id, i + 1 AS file_id, i AS inode, 'AF_INET' AS family FROM range(1000) r(i);
INSERT INTO file BY NAME SELECT i + 1 AS file_id, 'socket' AS kind, 'socket:[' || i || ']' AS name, i AS inode
    FROM range(1000) r(i);
INSERT INTO endpoint BY NAME SELECT i + 1 AS endpoint_id, i + 1 AS connection_id, 'client' AS role, i + 1 AS socket_id,
    100 + i % 50 + 1 AS pid, 7 AS fd FROM range(1000) r(i);
INSERT INTO call BY NAME SELECT i AS call_id, i % 50 + 1 AS task_id, i % 50 + 101 AS tid, i % 50 + 101 AS pid,
    CASE i % 3 WHEN 0 THEN 'write' WHEN 1 THEN 'read' ELSE 'epoll_wait' END AS name, i % 3 AS number, 7 AS fd,
    CASE WHEN i % 10 = 0 THEN -11 ELSE i % 97 END AS retval, CASE WHEN i % 10 = 0 THEN 11 END AS errno,
    1000000000 + i * 1000 AS entry_ns, 1000000000 + i * 1000 AS start_ns, 1000000000 + i * 1000 + i % 3000 AS exit_ns,
    TRUE AS complete FROM range(1, {rows} + 1) r(i);
INSERT INTO call_data BY NAME SELECT call_id, FALSE AS at_exit, 'payload' AS role, 1 AS arg, 0 AS idx, 0 AS "offset",
    retval AS full_bytes, encode(substr(md5(CAST(call_id AS VARCHAR)) || repeat('x', 70), 1, retval)) AS bytes
    FROM call WHERE retval > 0 AND number < 2;
INSERT INTO call_file BY NAME SELECT call_id, call_id % 1000 + 1 AS file_id, call_id % 1000 + 1 AS socket_id FROM call;
INSERT INTO call_connection BY NAME SELECT c.call_id, k.connection_id, k.protocol, 'client' AS role,
    k.client_addr AS own_addr, k.client_port AS own_port, k.server_addr AS peer_addr, k.server_port AS peer_port
    FROM call c JOIN connection k ON k.connection_id = c.call_id % 1000 + 1;
INSERT INTO wait BY NAME SELECT call_id AS wait_id, call_id, task_id, start_ns AS from_ns, exit_ns AS to_ns,
    'packet' AS ended_by FROM call WHERE number = 2;
INSERT INTO stream_write BY NAME SELECT call_id AS write_id, call_id, call_id % 1000 + 1 AS connection_id FROM call
    WHERE number = 0;
INSERT INTO link BY NAME SELECT write_id AS link_id, 'write_segment' AS kind, write_id, write_id AS packet_id
    FROM stream_write;
INSERT INTO clock_snapshot VALUES (1000000000, 1700000000000000000, 50);
"""


def make(path: Path, rows: int) -> None:
    """Write the synthetic capture."""
    with duckdb.connect(str(path)) as db:
        for table in TABLES:
            db.execute(table.ddl)
        db.execute(_PACKETS.format(rows=rows))
        db.execute(_REST.format(rows=rows))


def measure(db: duckdb.DuckDBPyConnection, text: str) -> tuple[float, int]:
    """Seconds for finding all packets and calls that match, and how many there are."""
    best, found = 1e9, 0
    for _ in range(3):
        began = time.perf_counter()
        compiled = compile_filter(text)
        found = 0
        for kind in (EventKind.PACKET, EventKind.CALL):
            condition = compiled.conditions[kind]
            if condition.sql != "FALSE":
                row = db.execute(*selecting(compiled, kind, "count(*)")).fetchone()
                found += int(row[0]) if row else 0
        best = min(best, time.perf_counter() - began)
    return best, found


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory(prefix="wiretale-bench-") as folder:
        path = Path(folder) / "bench.wiretale"
        make(path, rows)
        with duckdb.connect(str(path), read_only=True) as db:
            print(
                f"{rows} packets and {rows} calls, {path.stat().st_size >> 20} MB\n\n| filter | seconds | matches |\n|---|---|---|"
            )
            for text in FILTERS:
                seconds, found = measure(db, text)
                print(f"| `{text}` | {seconds:.3f} | {found} |", flush=True)


if __name__ == "__main__":
    main()
