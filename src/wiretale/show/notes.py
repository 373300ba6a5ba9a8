"""What the joins prove about a line: which packet carried a call's bytes, who wrote a packet's bytes, what ended a
wait.

Each function answers for a whole batch (`show/wanted.py`) with one query and returns notes by id. Byte ranges are
printed as the first and the last byte of the stream, counted from 0.
"""

from collections import defaultdict
from itertools import islice
from typing import Any

import duckdb

from wiretale.decode.durations import duration
from wiretale.decode.escape import escape_text
from wiretale.join.memberships import OPTIONS, memberships
from wiretale.light import dataclass

LISTED = 3  # packets or calls named in one note; the rest is counted

Notes = dict[int, list[str]]
_Caller = list[Any]  # what _by takes


@dataclass(frozen=True, slots=True)
class Wording:
    """`connections`: whether a note must say which connection it means, because there are several. `direct`: whether
    bytes went from call to call anywhere."""

    connections: bool = False
    direct: bool = True

    def prefix(self, connection_id: int | None) -> str:
        """`conn 2 ` where needed."""
        return f"conn {connection_id} " if self.connections and connection_id is not None else ""


def byte_range(low: int | None, high: int | None) -> str:
    """`bytes 0-5`, `byte 7`, or nothing for an empty or unknown range."""
    if low is None or high is None or high <= low:
        return ""
    return f"byte {low}" if high == low + 1 else f"bytes {low}-{high - 1}"


def _several(word: str, listed: list[str], count: int) -> str:
    """`packet 4`, `packets 4, 6`, `packets 4, 5, 6 and 9 more`."""
    more = f" and {count - len(listed)} more" if count > len(listed) else ""
    return f"{word}{'s' if count > 1 else ''} {', '.join(listed)}{more}"


_STRETCHES = {
    "write": ("stream_write", "write_id", "write_segment", "->"),
    "read": ("stream_read", "read_id", "segment_read", "<-"),
}


def _stretch_query(which: str) -> str:
    table, key, kind, _ = _STRETCHES[which]
    peeked = "bool_or(w.peeked)" if which == "read" else "FALSE"
    return f"""
WITH mine AS (SELECT * FROM {table} WHERE call_id IN (FROM wanted_call)),
carried AS (
    SELECT l.{key} AS id, p.number, bool_or(l.retransmission) AS again
    FROM link l JOIN mine m ON m.{key} = l.{key} JOIN packet p ON p.packet_id = l.packet_id
    WHERE l.kind = '{kind}' AND p.number IS NOT NULL GROUP BY ALL
)
SELECT w.call_id, w.connection_id, min(w.lo), max(w.hi), bool_and(w.exact), any_value(w.reason),
    list_sort(list(DISTINCT c.number) FILTER (NOT c.again))[1:{LISTED}], count(DISTINCT c.number) FILTER (NOT c.again),
    list_sort(list(DISTINCT c.number) FILTER (c.again))[1:{LISTED}], count(DISTINCT c.number) FILTER (c.again), {peeked}
FROM mine w LEFT JOIN carried c ON c.id = w.{key}
GROUP BY w.call_id, w.connection_id ORDER BY w.call_id, w.connection_id"""  # noqa: S608 (built from fixed text; values are parameters)


def of_stretches(db: duckdb.DuckDBPyConnection, wording: Wording, notes: Notes) -> None:
    """For calls: the byte range and the packets that carried it."""
    for which, (_, _, _, arrow) in _STRETCHES.items():
        for row in db.execute(_stretch_query(which)).fetchall():
            call_id, connection_id, low, high, exact, reason, numbers, count, again, again_count, peeked = row
            packets = _several("packet", [str(n) for n in numbers or ()], count) if count else ""
            parts = [byte_range(low, high), packets] if which == "write" else [packets, byte_range(low, high)]
            said = ", ".join(p for p in parts if p)
            if not said:
                continue
            doubt = "" if exact else f" (about: {escape_text(reason or 'position uncertain')})"
            peek = " (peeked)" if peeked else ""
            notes[call_id].append(f"{arrow} {wording.prefix(connection_id)}{said}{peek}{doubt}")
            if again_count and which == "write":
                sent = _several("packet", [str(n) for n in again], again_count)
                notes[call_id].append(f"again in {sent}")


# Bytes that went from call to call without a packet: unix sockets and pipes, or packets that were not recorded.
_DIRECT = """
WITH mine AS (SELECT {key} AS id, call_id FROM {table} WHERE call_id IN (FROM wanted_call))
SELECT m.call_id, c.name, t.comm, c.pid, c.fd, count(*) OVER (PARTITION BY m.call_id)
FROM mine m JOIN link l ON l.{key} = m.id AND l.kind = 'write_read'
JOIN {other} o ON o.{other_key} = l.{other_key} JOIN call c ON c.call_id = o.call_id LEFT JOIN task t ON t.task_id =
c.task_id
WHERE m.call_id NOT IN (
    SELECT x.call_id FROM {table} x JOIN link k ON k.{key} = x.{key} WHERE k.kind = '{segment_kind}' AND x.call_id IN
    (SELECT call_id FROM mine)
)
QUALIFY row_number() OVER (PARTITION BY m.call_id ORDER BY c.call_id) <= 2
ORDER BY m.call_id, c.call_id"""


def of_direct_links(db: duckdb.DuckDBPyConnection, notes: Notes) -> None:
    """For calls whose bytes no captured packet carried: the calls at the other end."""
    for which, other in (("write", "read"), ("read", "write")):
        table, key, segment_kind, arrow = _STRETCHES[which]
        other_table, other_key, _, _ = _STRETCHES[other]
        query = _DIRECT.format(table=table, key=key, other=other_table, other_key=other_key, segment_kind=segment_kind)
        grouped: dict[int, list[str]] = defaultdict(list)
        counts: dict[int, int] = {}
        for call_id, name, comm, pid, fd, count in db.execute(query).fetchall():
            grouped[call_id].append(_by(name, comm, pid, fd))
            counts[call_id] = count
        for call_id, listed in grouped.items():
            more = f" and {counts[call_id] - len(listed)} more" if counts[call_id] > len(listed) else ""
            notes[call_id].append(f"{arrow} {', '.join(listed)}{more}")


def _by(name: str, comm: str | None, pid: int | str, fd: int | None) -> str:
    """`write by nc(4021) fd 3`."""
    return f"{escape_text(name)} by {escape_text(comm or '?')}({pid})" + (f" fd {fd}" if fd is not None else "")


def of_waits(db: duckdb.DuckDBPyConnection, notes: Notes) -> None:
    """For calls that blocked: what ended it."""
    query = """
SELECT w.call_id, w.ended_by, p.number, c.name, t.comm, c.pid, c.fd, w.latency_ns, w.fd, e.comm, e.tid, c.tid
FROM wait w LEFT JOIN packet p ON p.packet_id = w.packet_id LEFT JOIN call c ON c.call_id = w.cause_call_id
LEFT JOIN task t ON t.task_id = c.task_id JOIN call mine ON mine.call_id = w.call_id
LEFT JOIN task e ON e.task_id = w.cause_task_id
WHERE w.call_id IN (FROM wanted_call) AND mine.errno IS DISTINCT FROM 115 -- EINPROGRESS: it did not wait
ORDER BY w.wait_id"""
    for row in db.execute(query).fetchall():
        call_id, ended_by, number, name, comm, pid, call_fd, latency, fd, ended, tid, waker = row
        after = f" after {duration(latency)}" if latency is not None and latency >= 0 else ""
        if latency is not None and latency < 0:
            after = f" ({duration(-latency)} before it: clock error)"
        if ended_by == "packet" and number is not None:
            notes[call_id].append(f"woken by packet {number}{after}")
        elif ended_by == "peer" and name is not None:
            who = pid if waker == pid else f"{pid}/{waker}"
            notes[call_id].append(f"woken by {_by(name, comm, who, call_fd)}{after}")
        elif ended_by in ("child", "thread") and tid is not None:
            notes[call_id].append(f"woken by the end of {ended_by} {escape_text(ended or '?')}({tid}){after}")
        elif ended_by == "child":
            notes[call_id].append("woken by a child")
        elif ended_by == "input":
            notes[call_id].append(f"woken by input on fd {fd}" if fd is not None else "woken by input")
        elif ended_by == "timeout":
            notes[call_id].append("ended by its timeout")
        elif ended_by == "signal":
            notes[call_id].append("ended by a signal")
        elif ended_by == "not ended":
            notes[call_id].append("still waiting when the recording or the task ended")


# A packet that a raw or packet socket carried whole. Of sendmmsg and recvmmsg there are several.
_WHOLE = """
SELECT w.call_id, w.side, w.peeked, coalesce(bool_and(w.exact), TRUE),
    list_sort(list(DISTINCT p.number) FILTER (p.number IS NOT NULL))[1:$listed], count(DISTINCT p.number)
FROM packet_call w LEFT JOIN packet p USING (packet_id)
WHERE w.call_id IN (FROM wanted_call) GROUP BY ALL ORDER BY ALL"""


def of_whole_packets(db: duckdb.DuckDBPyConnection, notes: Notes) -> None:
    """For calls of raw and packet sockets: the packets they carried whole."""
    for call_id, side, peeked, exact, numbers, count in db.execute(_WHOLE, {"listed": LISTED}).fetchall():
        if not count:
            continue
        packets = _several("packet", [str(n) for n in numbers], count)
        doubt = "" if exact else " (or another one with the same bytes)"
        notes[call_id].append(f"{'->' if side == 'w' else '<-'} {packets}{' (peeked)' if peeked else ''}{doubt}")


_MAY_JOIN = f"""
SELECT 1 FROM call WHERE call_id IN (FROM wanted_call) AND name = 'setsockopt' AND errno IS NULL
    AND (a1, a2) IN ({", ".join(str(option) for option in sorted(OPTIONS))}) LIMIT 1"""  # noqa: S608 (numbers)


def of_memberships(db: duckdb.DuckDBPyConnection, notes: Notes) -> None:
    """For calls that asked to be in a multicast group, or no longer: the packets that told the network of it."""
    if db.execute(_MAY_JOIN).fetchone() is None:
        return
    wanted = {row[0] for row in db.execute("FROM wanted_call").fetchall()}
    for m in memberships(db):
        if m.reports and m.call_id in wanted:
            listed = [str(r.number) for r in m.reports[:LISTED]]
            notes[m.call_id].append(f"told of in {_several('packet', listed, len(m.reports))}")


# In steps, so that nothing is joined but what the wanted packets have.
_PACKET_CALLS = """
WITH carried AS MATERIALIZED (
    SELECT packet_id, {key} FROM link WHERE kind = '{kind}' AND packet_id IN (FROM wanted_packet)
),
moved AS MATERIALIZED (
    SELECT l.packet_id, s.call_id FROM carried l JOIN {table} s USING ({key})
    UNION ALL SELECT packet_id, call_id FROM packet_call WHERE side = '{which}' AND packet_id IN (FROM wanted_packet)
)
SELECT m.packet_id, m.call_id, c.name, t.comm, c.pid, c.fd
FROM moved m JOIN call c USING (call_id) LEFT JOIN task t ON t.task_id = c.task_id
ORDER BY m.packet_id, m.call_id"""


def of_packets(db: duckdb.DuckDBPyConnection, notes: Notes) -> None:
    """For packets: the calls that wrote their bytes and the calls that read them."""
    for which, arrow in (("write", "<-"), ("read", "->")):
        table, key, kind, _ = _STRETCHES[which]
        # By packet and call: a call may have written bytes of a packet in several stretches.
        found: dict[int, dict[int, _Caller]] = defaultdict(dict)
        query = _PACKET_CALLS.format(table=table, key=key, kind=kind, which=which[0])
        for packet_id, call_id, *caller in db.execute(query).fetchall():
            found[packet_id][call_id] = caller
        for packet_id, callers in found.items():
            listed = ", ".join(_by(*caller) for caller in islice(callers.values(), 2))
            more = f" and {len(callers) - 2} more" if len(callers) > 2 else ""
            notes[packet_id].append(f"{arrow} {listed}{more}")


def of_calls(db: duckdb.DuckDBPyConnection, wording: Wording) -> tuple[Notes, Notes]:
    """Notes of calls: what to say of their bytes, and what to say of their waits."""
    bytes_notes: Notes = defaultdict(list)
    wait_notes: Notes = defaultdict(list)
    of_stretches(db, wording, bytes_notes)
    of_whole_packets(db, bytes_notes)
    of_memberships(db, bytes_notes)
    if wording.direct:
        of_direct_links(db, bytes_notes)
    of_waits(db, wait_notes)
    return bytes_notes, wait_notes
