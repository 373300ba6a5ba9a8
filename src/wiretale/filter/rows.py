"""Row sets that fields of an event come from, and the common table expressions they need.

A row set is tied to its event by one column (`Rows.inner` = `Rows.outer`). The expressions are written so that DuckDB
computes each once for a query, not once for each event. Where a query asks only for a slice of the events, `of_slice`
narrows the row sets that have a row for each event to the same slice.
"""

import re

import duckdb

from wiretale.filter.events import ORIGIN, EventKind, in_slice
from wiretale.filter.header import ipv4
from wiretale.filter.operand import Rows
from wiretale.light import dataclass

CALL, PACKET, KERNEL = EventKind.CALL, EventKind.PACKET, EventKind.KERNEL


@dataclass(frozen=True, slots=True)
class Cte:
    """A common table expression: its name and its text. `mark` is text that needs it without naming it. `is_small`: its
    rows are not as many as the events are."""

    name: str
    sql: str
    mark: str = "no_text_has_this"
    is_small: bool = False


# One row: one process at one end of one connection, for the filters that ask a packet for its processes.
_CONNECTION_PROCESS = """
connection_process AS (
    SELECT DISTINCT e.connection_id, t.pid, t.tid, t.parent_pid, t.comm, t.exe, t.uid, t.cwd,
        array_to_string(t.argv, ' ') AS command_line
    FROM endpoint e JOIN task t ON t.pid = e.pid WHERE t.is_leader
)"""

# One row: one descriptor of a traced end of a connection.
_CONNECTION_DESCRIPTOR = """
connection_descriptor AS (
    SELECT DISTINCT e.connection_id, e.fd, f.kind, f.name, f.inode, s.socket_id, s.family, s.type, s.protocol,
        s.listening
    FROM endpoint e LEFT JOIN socket s ON s.socket_id = e.socket_id LEFT JOIN file f ON f.file_id = s.file_id
    WHERE e.socket_id IS NOT NULL OR e.fd IS NOT NULL
)"""

# One row: one call that put bytes into a packet or took bytes of it, or that sent or took it whole.
_LINKED = """
linked AS (
    SELECT DISTINCT l.packet_id, p.number, w.call_id, TRUE AS wrote
    FROM link l JOIN stream_write w USING (write_id) JOIN packet p USING (packet_id)
    UNION
    SELECT DISTINCT l.packet_id, p.number, r.call_id, FALSE
    FROM link l JOIN stream_read r USING (read_id) JOIN packet p USING (packet_id)
    UNION
    SELECT packet_id, p.number, call_id, side = 'w' FROM packet_call JOIN packet p USING (packet_id)
)"""

# One row: one kernel event and one recorded thread it is about: whose own call ran, or which was woken or moved.
_KERNEL_THREAD = """
kernel_thread AS (
    SELECT a.event_id, t.tid, t.pid, t.comm FROM (
        SELECT event_id, tid, time_ns FROM kernel_event WHERE context = 'task'
        UNION SELECT event_id, other_tid, time_ns FROM kernel_event WHERE other_tid IS NOT NULL
    ) a JOIN task t ON t.tid = a.tid AND t.traced AND a.time_ns >= coalesce(t.start_ns, 0)
        AND a.time_ns <= coalesce(t.end_ns, a.time_ns)
)"""


def _scale(direction: str) -> str:
    """SQL: by what one end's window is multiplied; -1 where its SYN was not seen."""
    shift = f"max(CASE WHEN g.direction = '{direction}' AND p.flags & 2 = 2 THEN CAST(p.wscale AS BIGINT) END)"
    return f"coalesce(CAST(1 AS BIGINT) << {shift}, -1)"


# One row: one connection, with its number among those of its protocol in the order of their first packets, as
# Wireshark's stream index counts (UDP-Lite with UDP), and the window scale of both ends (-1: no handshake seen, -2: not
# used).
_STREAM = f"""
stream AS (
    SELECT g.connection_id, p.ip_protocol,
        row_number() OVER (
            PARTITION BY CASE p.ip_protocol WHEN 136 THEN 17 ELSE p.ip_protocol END ORDER BY min(p.number)
        ) - 1 AS stream_index,
        CASE WHEN NOT bool_or(p.flags & 2 = 2) THEN -1 WHEN bool_or(p.flags & 2 = 2 AND p.wscale IS NULL) THEN -2 END
            AS unscaled,
        {_scale("c2s")} AS client_scale, {_scale("s2c")} AS server_scale
    FROM segment g JOIN packet p USING (packet_id) WHERE p.shown GROUP BY g.connection_id, p.ip_protocol
)"""  # noqa: S608 (built from fixed text)

# One row: one shown packet, with the time since the shown packet before it.
_FRAME_TIME = """
frame_time AS (
    SELECT packet_id, time_ns - lag(time_ns, 1, time_ns) OVER (ORDER BY number) AS delta_ns
    FROM packet WHERE shown
)"""
_FIRST_PACKET = """
first_packet AS (SELECT time_ns FROM packet WHERE shown ORDER BY number LIMIT 1)"""
_STREAM_TIME = """
stream_time AS (
    SELECT g.packet_id, p.time_ns - first(p.time_ns) OVER in_stream AS relative_ns,
        p.time_ns - lag(p.time_ns, 1, p.time_ns) OVER in_stream AS delta_ns
    FROM segment g JOIN packet p USING (packet_id) WHERE p.shown
    WINDOW in_stream AS (PARTITION BY g.connection_id, g.tcp_stream ORDER BY p.number)
)"""

# One row: one packet, with its time on CLOCK_REALTIME: the offset is linear between snapshots, constant outside them
# (clock.offset_at). 128-bit: the product of two spans of nanoseconds does not fit 64.
_REAL_TIME = """
clock_offset AS (
    SELECT monotonic_ns AS from_ns, realtime_ns - monotonic_ns AS offset_ns,
        lead(monotonic_ns) OVER by_time AS to_ns, lead(realtime_ns - monotonic_ns) OVER by_time AS next_ns
    FROM clock_snapshot WINDOW by_time AS (ORDER BY monotonic_ns)
),
real_time AS (
    SELECT p.packet_id, p.time_ns + coalesce(
        o.offset_ns + CAST((CAST(o.next_ns - o.offset_ns AS HUGEINT) * (p.time_ns - o.from_ns)) // (o.to_ns - o.from_ns)
            AS BIGINT), o.offset_ns, (SELECT arg_min(offset_ns, from_ns) FROM clock_offset), 0) AS real_ns
    FROM packet p ASOF LEFT JOIN clock_offset o ON p.time_ns >= o.from_ns
)"""

# One row: one ICMP error with the packet that it quotes behind its own 8 bytes (RFC 792): outer fields are layer 1,
# these are layer 2. Types: 3 unreachable, 4 quench, 5 redirect, 11 time exceeded, 12 parameter problem.
_AT = "CAST(payload_offset AS BIGINT)"


def _quoted(at: str, size: int) -> str:
    return f"TRY_CAST('0x' || hex(frame[{_AT} + {at} + 1 : {_AT} + {at} + {size}]) AS UINTEGER)"


def _quoted_address(at: int) -> str:
    return " || '.' || ".join(f"CAST({_quoted(str(at + n), 1)} AS VARCHAR)" for n in range(4))


_QUOTED = f"""
quoted_header AS (
    SELECT packet_id, frame, payload_offset, captured_bytes, {_quoted("0", 1)} & 15 AS words,
        {_quoted("9", 1)} AS protocol, {_quoted("8", 1)} AS ttl, {_quoted("4", 2)} AS ip_id, {_quoted("2", 2)} AS bytes,
        {_quoted("1", 1)} AS dsfield,
        {_quoted_address(12)} AS src, {_quoted_address(16)} AS dst
    FROM packet WHERE icmp_type IN (3, 4, 5, 11, 12) AND ip_protocol = 1 AND payload_offset + 20 <= captured_bytes
),
quoted AS (
    SELECT *, CASE WHEN protocol IN (6, 17, 136) AND payload_offset + words * 4 + 4 <= captured_bytes
            THEN {_quoted("words * 4", 2)} END AS srcport,
        CASE WHEN protocol IN (6, 17, 136) AND payload_offset + words * 4 + 4 <= captured_bytes
            THEN {_quoted("words * 4 + 2", 2)} END AS dstport
    FROM quoted_header
)"""  # noqa: S608 (built from fixed text)

# Every address of the capture once, with the digits that compare as addresses do: an address is compared as a text, and
# a network or range is first made the few addresses in it.
IPV4_KEY = "array_to_string([lpad(lower(to_hex(TRY_CAST(o AS INTEGER))), 2, '0') for o in string_split({a}, '.')], '')"
_IPV6_GROUPS = "[lpad(h, 4, '0') for h in string_split({part}, ':') if h <> '']"
_IPV6_KEY = (
    "(array_to_string(" + _IPV6_GROUPS.format(part="split_part({a}, '::', 1)") + ", '')"
    " || repeat('0', greatest(0, 32 - 4 * (len(" + _IPV6_GROUPS.format(part="split_part({a}, '::', 1)") + ")"
    " + len(" + _IPV6_GROUPS.format(part="split_part({a}, '::', 2)") + "))))"
    " || array_to_string(" + _IPV6_GROUPS.format(part="split_part({a}, '::', 2)") + ", ''))"
)
# An IPv4-mapped address is written with a dotted end (RFC 5952 section 5).
_DOTTED_END = "regexp_extract({a}, '[0-9.]+$')"
_UNDOTTED = (
    "CASE WHEN contains({a}, '.') THEN regexp_replace({a}, '[0-9.]+$', '')"
    " || " + IPV4_KEY.format(a=_DOTTED_END) + "[1:4] || ':' || " + IPV4_KEY.format(a=_DOTTED_END) + "[5:8] ELSE {a} END"
)
IPV6_KEY = _IPV6_KEY.replace("{a}", "(" + _UNDOTTED + ")")


def address_key(address: str) -> str:
    """SQL: the digits of an address, 8 for IPv4 and 32 for IPv6; NULL for a text that is none."""
    six, four = IPV6_KEY.replace("{a}", f"({address})"), IPV4_KEY.replace("{a}", f"({address})")
    is_four = f"regexp_full_match({address}, '[0-9]+[.][0-9]+[.][0-9]+[.][0-9]+')"
    return f"CASE WHEN contains({address}, ':') THEN {six} WHEN {is_four} THEN {four} END"


_KNOWN_ADDRESS = f"""
any_address AS (
    SELECT src AS address FROM packet UNION SELECT dst FROM packet
    UNION SELECT client_addr FROM connection UNION SELECT server_addr FROM connection
    UNION SELECT src FROM quoted UNION SELECT dst FROM quoted
    UNION SELECT {ipv4("p.network_offset + 14", "TRUE")} FROM packet p WHERE p.ethertype = 2054
    UNION SELECT {ipv4("p.network_offset + 24", "TRUE")} FROM packet p WHERE p.ethertype = 2054
    UNION SELECT {ipv4("p.transport_offset + 4", "TRUE")} FROM packet p WHERE p.ip_protocol = 1 AND p.icmp_type = 5
    UNION SELECT {ipv4("p.payload_offset + 4", "TRUE")} FROM packet p WHERE p.ip_protocol = 2
),
known_address AS MATERIALIZED (
    SELECT address, {address_key("address")} AS key FROM any_address WHERE address IS NOT NULL
)"""  # noqa: S608 (built from fixed text)

# In an order in which each needs only those before it.
CTES: tuple[Cte, ...] = (
    Cte("origin", ORIGIN, is_small=True),
    Cte("first_packet", _FIRST_PACKET, is_small=True),
    Cte("connection_process", _CONNECTION_PROCESS, is_small=True),
    Cte("connection_descriptor", _CONNECTION_DESCRIPTOR, is_small=True),
    Cte("linked", _LINKED),
    Cte("kernel_thread", _KERNEL_THREAD),
    Cte("stream", _STREAM, is_small=True),
    Cte("frame_time", _FRAME_TIME),
    Cte("stream_time", _STREAM_TIME),
    Cte("real_time", _REAL_TIME),
    Cte("quoted", _QUOTED, r"q\.[a-z_]+", is_small=True),
    Cte("known_address", _KNOWN_ADDRESS, is_small=True),
)


# What a live view keeps in tables of these names, for it does not keep what they are computed from.
LIVE_TABLES = ("origin", "first_packet")


def ctes_for(text: str, *, live: bool = False) -> tuple[str, ...]:
    """The common table expressions that the names in a piece of SQL need, in order."""
    wanted: set[str] = set()
    for cte in reversed(CTES):
        texts = (text, *(c.sql for c in CTES if c.name in wanted))
        if any(re.search(rf"\b(?:{cte.name}|{cte.mark})\b", t) for t in texts):
            wanted.add(cte.name)
    return tuple(c.sql for c in CTES if c.name in wanted and not (live and c.name in LIVE_TABLES))


def keep_small(db: duckdb.DuckDBPyConnection, ctes: tuple[str, ...]) -> tuple[str, ...]:
    """Make temporary tables of those whose rows are few: no query need make them anew. Returns the others."""
    large = []
    for cte in CTES:
        if cte.sql not in ctes:
            continue
        if cte.is_small:
            db.execute(f"CREATE OR REPLACE TEMP TABLE {cte.name} AS WITH {cte.sql} SELECT * FROM {cte.name}")  # noqa: S608 (built from fixed text)
        else:
            large.append(cte.sql)
    return tuple(large)


def _rows(alias: str, table: str, inner: str, outer: str) -> Rows:
    return Rows(alias, f"{table} {alias}", f"{alias}.{inner}", outer)


def _each(alias: str, columns: str, tables: str, keys: tuple[str, str], where: str = "TRUE") -> Rows:
    """A row set with rows for each event. `keys`: the column with the event's number, by which those of a slice are
    found, and the event's own."""
    rows = f"(SELECT {columns} FROM {tables} WHERE {where} AND {in_slice(keys[0])})"  # noqa: S608 (built from fixed text)
    return _rows(alias, rows, keys[0].rpartition(".")[2], keys[1])


# alias in an expression, per kind of event
ROWS: dict[tuple[EventKind, str], Rows] = {
    (CALL, "cc"): _each("cc", "*", "call_connection", ("call_id", "c.call_id")),
    (CALL, "cd"): _each("cd", "*", "call_data", ("call_id", "c.call_id"), "role = 'payload'"),
    (CALL, "ca"): _each("ca", "*", "call_data", ("call_id", "c.call_id"), "role = 'string'"),
    (CALL, "cf"): _each(
        "cf",
        "x.call_id, f.*, s.family, s.type, s.protocol, s.listening, x.socket_id",
        "call_file x LEFT JOIN file f USING (file_id) LEFT JOIN socket s ON s.socket_id = x.socket_id",
        ("x.call_id", "c.call_id"),
    ),
    (CALL, "k"): _each(
        "k", "x.call_id, o.*", "call_connection x JOIN connection o USING (connection_id)", ("x.call_id", "c.call_id")
    ),
    (CALL, "w"): _each("w", "*", "wait", ("call_id", "c.call_id")),
    (CALL, "lk"): _rows("lk", "linked", "call_id", "c.call_id"),
    (CALL, "ke"): _each(
        "ke",
        "x.call_id, e.name",
        "kernel_link x JOIN kernel_event e USING (event_id)",
        ("x.call_id", "c.call_id"),
        "e.context = 'task'",
    ),
    (PACKET, "ke"): _each(
        "ke",
        "x.packet_id, e.name",
        "kernel_link x JOIN kernel_event e USING (event_id)",
        ("x.packet_id", "p.packet_id"),
    ),
    (KERNEL, "kt"): _rows("kt", "kernel_thread", "event_id", "e.event_id"),
    (KERNEL, "kp"): _each(
        "kp", "x.event_id, p.number", "kernel_link x JOIN packet p USING (packet_id)", ("x.event_id", "e.event_id")
    ),
    (PACKET, "cp"): _rows("cp", "connection_process", "connection_id", "g.connection_id"),
    (PACKET, "cf"): _rows("cf", "connection_descriptor", "connection_id", "g.connection_id"),
    (PACKET, "k"): _rows("k", "connection", "connection_id", "g.connection_id"),
    (PACKET, "lk"): _rows("lk", "linked", "packet_id", "p.packet_id"),
    (PACKET, "st"): _rows("st", "stream", "connection_id", "g.connection_id"),
    (PACKET, "ft"): _rows("ft", "frame_time", "packet_id", "p.packet_id"),
    (PACKET, "stt"): _rows("stt", "stream_time", "packet_id", "p.packet_id"),
    (PACKET, "rt"): _rows("rt", "real_time", "packet_id", "p.packet_id"),
}

# Those whose rows do not depend on what comes later, so that a filter can use them while a recording runs.
LIVE_ROWS = frozenset({(CALL, "cd"), (CALL, "ca"), (PACKET, "rt")})
