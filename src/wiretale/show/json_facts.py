"""What `show --json` adds to a batch of lines: header fields of packets, and links as numbers instead of words."""

from collections import defaultdict

import duckdb

from wiretale.light import dataclass, field

Json = dict[str, object]
PACKETS_LISTED = 1000  # of one stretch; `packet_count` says how many there are

_STRETCHES = """
WITH mine AS (SELECT * FROM {table} WHERE call_id IN (FROM wanted_call))
SELECT w.call_id, w.connection_id, w.direction, w.lo, w.hi, w.exact, w.reason, {peeked},
    coalesce(list_sort(list(DISTINCT p.number) FILTER (p.number IS NOT NULL)), [])[1:{listed}], count(DISTINCT p.number)
FROM mine w LEFT JOIN link l ON l.{key} = w.{key} AND l.kind = '{kind}' LEFT JOIN packet p ON p.packet_id = l.packet_id
GROUP BY ALL ORDER BY w.call_id, w.lo"""

_WRITES = _STRETCHES.format(
    table="stream_write", key="write_id", kind="write_segment", peeked="FALSE", listed=PACKETS_LISTED
)
_READS = _STRETCHES.format(
    table="stream_read", key="read_id", kind="segment_read", peeked="w.peeked", listed=PACKETS_LISTED
)

_WAITS = """
SELECT w.call_id, w.from_ns, w.to_ns, w.fd, w.ended_by, p.number, w.cause_call_id, t.tid, w.latency_ns
FROM wait w LEFT JOIN packet p ON p.packet_id = w.packet_id LEFT JOIN task t ON t.task_id = w.cause_task_id
WHERE w.call_id IN (FROM wanted_call) ORDER BY w.wait_id"""

# Packets that raw and packet sockets carried whole.
_WHOLE = """
SELECT c.call_id, c.side, p.number, c.lo, c.size, c.peeked, c.exact, c.reason
FROM packet_call c LEFT JOIN packet p USING (packet_id)
WHERE c.call_id IN (FROM wanted_call) ORDER BY c.call_id, c.message"""

_PACKETS = """
SELECT p.packet_id, p.shown, p.frame_bytes, p.captured_bytes, p.ip_version, p.ip_protocol, p.src, p.dst, p.srcport,
    p.dstport, p.flags, p.seq, p.ack, p."window", p.payload_bytes, g.connection_id, g.direction, g.lo, g.hi, g.rel_seq,
    g.rel_ack, g.scaled_window, g.analysis
FROM packet p LEFT JOIN segment g ON g.packet_id = p.packet_id WHERE p.packet_id IN (FROM wanted_packet)"""
_PACKET_KEYS = (
    "shown", "frame_bytes", "captured_bytes", "ip_version", "ip_protocol", "src", "dst", "srcport", "dstport", "flags",
    "seq", "ack", "window", "payload_bytes", "connection", "direction", "lo", "hi", "rel_seq", "rel_ack",
    "scaled_window", "analysis",
)  # fmt: skip

_LINKED_CALLS = """
SELECT packet_id, list_sort(list(DISTINCT call_id)) FROM (
    SELECT l.packet_id, s.call_id FROM link l JOIN {table} s ON s.{key} = l.{key} WHERE l.kind = '{kind}'
    UNION ALL SELECT packet_id, call_id FROM packet_call WHERE side = '{side}'
) WHERE packet_id IN (FROM wanted_packet) GROUP BY packet_id"""


@dataclass(slots=True)
class Facts:
    """Further keys of calls and packets, by id."""

    calls: dict[int, Json] = field(default_factory=dict)
    packets: dict[int, Json] = field(default_factory=dict)


def facts(db: duckdb.DuckDBPyConnection, calls: list[int], packets: list[int]) -> Facts:
    """A few queries for all calls and packets of a batch, those of `show/wanted.py`."""
    found = Facts()
    if calls:
        found.calls = _of_calls(db, calls)
    if packets:
        found.packets = _of_packets(db)
    return found


def _of_calls(db: duckdb.DuckDBPyConnection, wanted: list[int]) -> dict[int, Json]:
    lists: dict[int, dict[str, list[Json]]] = defaultdict(lambda: {"writes": [], "reads": [], "waits": []})
    for call_id in wanted:
        lists[call_id]["writes"] = []
    for name, query in (("writes", _WRITES), ("reads", _READS)):
        for row in db.execute(query).fetchall():
            call_id, connection, direction, low, high, exact, reason, peeked, numbers, count = row
            lists[call_id][name].append({
                "connection": connection, "direction": direction, "lo": low, "hi": high, "exact": exact,
                "reason": reason,
                "peeked": peeked, "packets": numbers, "packet_count": count,
            })  # fmt: skip
    for call_id, begin, end, fd, ended_by, number, cause, task, latency in db.execute(_WAITS).fetchall():
        lists[call_id]["waits"].append({
            "from_ns": begin, "to_ns": end, "fd": fd, "ended_by": ended_by, "packet": number, "call": cause,
            "task": task, "latency_ns": latency,
        })  # fmt: skip
    for call_id, side, number, low, size, peeked, exact, reason in db.execute(_WHOLE).fetchall():
        lists[call_id].setdefault("whole_packets", []).append({
            "side": "write" if side == "w" else "read", "packet": number, "at": low, "bytes": size, "peeked": peeked,
            "exact": exact, "reason": reason,
        })  # fmt: skip
    return {call_id: dict(found) for call_id, found in lists.items()}


def _of_packets(db: duckdb.DuckDBPyConnection) -> dict[int, Json]:
    found: dict[int, Json] = {}
    for packet_id, *values in db.execute(_PACKETS).fetchall():
        found[packet_id] = dict(zip(_PACKET_KEYS, values, strict=True)) | {"written_by": [], "read_by": []}
    for name, table, key, kind, side in (
        ("written_by", "stream_write", "write_id", "write_segment", "w"),
        ("read_by", "stream_read", "read_id", "segment_read", "r"),
    ):
        query = _LINKED_CALLS.format(table=table, key=key, kind=kind, side=side)
        for packet_id, calls in db.execute(query).fetchall():
            found[packet_id][name] = calls
    return found
