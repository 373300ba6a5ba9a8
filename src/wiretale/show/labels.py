"""What a descriptor was at the time of a call, in a few words: `3<tcp 127.0.0.1:4444->127.0.0.1:4000>`."""

from bisect import bisect_left
from collections import defaultdict
from itertools import accumulate
from math import inf
from typing import Any

import duckdb

from wiretale.decode.escape import escape_text
from wiretale.decode.record_types import FdLabel
from wiretale.light import dataclass

# One row per descriptor span that touches the time asked for, with what became known of its socket and when: its
# address (first sample with a port or path), its listening, its connection (the first, if it had several).
_SPANS = """
WITH ends AS (
    SELECT e.socket_id, k.protocol, k.from_ns, e.addr AS own_addr, e.port AS own_port,
        CASE e.role WHEN 'client' THEN k.server_addr ELSE k.client_addr END AS peer_addr,
        CASE e.role WHEN 'client' THEN k.server_port ELSE k.client_port END AS peer_port
    FROM endpoint e JOIN connection k USING (connection_id) WHERE e.socket_id IS NOT NULL
    QUALIFY count(*) OVER (PARTITION BY e.socket_id) = 1
),
local AS (
    SELECT inode, min(time_ns) AS since, arg_min(local_addr, time_ns) AS addr, arg_min(local_port, time_ns) AS port
    FROM socket_sample
    WHERE inode <> 0 AND local_addr IS NOT NULL AND local_addr <> '' AND local_port IS DISTINCT FROM 0
    GROUP BY inode
),
listening AS (SELECT socket_id, min(from_ns) AS since FROM tcp_state WHERE state = 'LISTEN' GROUP BY socket_id)
SELECT d.pid, d.fd, d.from_ns, d.to_ns, f.kind, f.name, s.family, s.type, s.protocol, g.since, l.since, l.addr, l.port,
    n.from_ns, n.protocol, n.own_addr, n.own_port, n.peer_addr, n.peer_port
FROM descriptor d JOIN file f USING (file_id) LEFT JOIN socket s ON s.file_id = f.file_id
LEFT JOIN ends n ON n.socket_id = s.socket_id LEFT JOIN local l ON l.inode = s.inode
LEFT JOIN listening g ON g.socket_id = s.socket_id
WHERE d.from_ns <= ? AND (d.to_ns IS NULL OR d.to_ns >= ?)
ORDER BY d.pid, d.fd, d.from_ns"""

_TRANSPORTS = {"SOCK_STREAM": "tcp", "SOCK_DGRAM": "udp", "SOCK_RAW": "raw"}
# Protocols that have one of these types, too (linux/in.h)
_BY_NUMBER = {1: "icmp", 33: "dccp", 58: "icmpv6", 115: "l2tp", 132: "sctp", 136: "udplite"}


def transport(type_: str, number: int | None) -> str:
    """What an Internet socket of a type speaks; `number`: its protocol, where that was told. "" if it is not known."""
    word = _TRANSPORTS.get(type_, "")
    return word if word == "raw" else _BY_NUMBER.get(number or 0, word)


def address(addr: str | None, port: int | None) -> str:
    """`127.0.0.1:4000`, `[::1]:4000`, or a unix path."""
    if addr is None:
        return "?"
    host = f"[{addr}]" if ":" in addr and port is not None else escape_text(addr)
    return host if port is None else f"{host}:{port}"


@dataclass(frozen=True, slots=True)
class _Span:
    """One descriptor for one span of time: what it is called, and from when it is called something better."""

    from_ns: int
    to_ns: int | None
    names: tuple[tuple[int, str], ...]  # (since, name), better ones last; the first holds for the whole span

    def name(self, time_ns: int) -> str | None:
        if time_ns < self.from_ns or (self.to_ns is not None and time_ns > self.to_ns):
            return None
        return next((name for since, name in reversed(self.names) if since <= time_ns), self.names[0][1])


class Labels:
    """The descriptors that were open at some time between two moments."""

    def __init__(self, db: duckdb.DuckDBPyConnection, from_ns: int, to_ns: int) -> None:
        self._spans: dict[tuple[int, int], list[_Span]] = defaultdict(list)
        for row in db.execute(_SPANS, [to_ns, from_ns]).fetchall():
            pid, fd, begin, end = row[:4]
            self._spans[pid, fd].append(_Span(begin, end, _names(row)))
        # When the last of the first N ended: rises, so that it can be searched, however the spans overlap.
        self._ends = {
            key: list(accumulate((inf if s.to_ns is None else s.to_ns for s in spans), max))
            for key, spans in self._spans.items()
        }

    def at(self, pid: int, time_ns: int) -> FdLabel:
        """The function that names the descriptors of one process at one moment."""

        def label(fd: int) -> str:
            spans, ends = self._spans.get((pid, fd)), self._ends.get((pid, fd), ())
            at = bisect_left(ends, time_ns)  # the first that had not ended yet
            name = spans[at].name(time_ns) if spans is not None and at < len(spans) else None
            return str(fd) if name is None else f"{fd}<{name}>"

        return label


def _names(row: tuple[Any, ...]) -> tuple[tuple[int, str], ...]:
    """The names of a descriptor over time, from one row of _SPANS."""
    _, _, begin, _, kind, name, family, type_, number, listening, bound, addr, port, connected, protocol, *ends = row
    if kind != "socket":
        return ((begin, escape_text(name or kind)),)
    internet = family in ("AF_INET", "AF_INET6")
    word = (transport(type_ or "", number) if internet else "") or (family or "socket").removeprefix("AF_").lower()
    known = [(begin, word)]
    if bound is not None:
        known.append((bound, f"{word} {address(addr, port)}"))
    if listening is not None:
        known.append((listening, f"{known[-1][1]} listening"))
    if connected is not None:
        known.append((connected, f"{protocol} {address(ends[0], ends[1])}->{address(ends[2], ends[3])}"))
    return tuple(known)
