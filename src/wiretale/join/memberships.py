"""Multicast groups that programs asked to be in, and the packets by which the kernel told routers of it.

The kernel sends reports of its own accord, after a random time (RFC 3376 5.1, RFC 3810 6.1), so no call carries them:
they are told by group, direction and time. Nothing here fills a table; `show` and `explain` ask for it.
"""

import socket
import struct
from collections.abc import Iterable

import duckdb

from wiretale.decode.multicast import IGMP, MLD, Told, igmp, mld
from wiretale.light import dataclass, field

_IP, _IPV6 = 0, 41  # levels: SOL_IP, SOL_IPV6 (linux/socket.h)
# Options that begin and end a membership: linux/in.h, linux/in6.h
_ADD, _DROP, _ADD_SOURCE, _DROP_SOURCE = 35, 36, 39, 40
_JOIN, _LEAVE, _JOIN_SOURCE, _LEAVE_SOURCE = 42, 45, 46, 47
_ADD_6, _DROP_6 = 20, 21
_EACH = (_IP, _IPV6)
_JOINS = frozenset(
    {(_IP, _ADD), (_IP, _ADD_SOURCE), (_IPV6, _ADD_6)} | {(v, o) for v in _EACH for o in (_JOIN, _JOIN_SOURCE)}
)
_LEAVES = frozenset(
    {(_IP, _DROP), (_IP, _DROP_SOURCE), (_IPV6, _DROP_6)} | {(v, o) for v in _EACH for o in (_LEAVE, _LEAVE_SOURCE)}
)
OPTIONS = _JOINS | _LEAVES
_GROUP_AT = 8  # of struct group_req: a sockaddr_storage behind the interface's number and padding
# Within how long a report of a change is sent: a second (RFC 3376 8.11), or 10 (RFC 2236 8.10).
_WITHIN_NS = 12_000_000_000


@dataclass(frozen=True, slots=True)
class Report:
    """One packet that told of a group, sent from here."""

    packet_id: int
    number: int
    time_ns: int
    ifindex: int
    told: Told


@dataclass(slots=True)
class Membership:
    """One call by which a socket asked to be in a group, or no longer. `reports`: what went out of it, in order, until
    the next change of this group here. `closed_ns`: when its socket was closed, which ends what it asked for, too."""

    call_id: int
    pid: int
    socket_id: int | None
    time_ns: int
    joins: bool
    group: str
    netns_cookie: int | None
    closed_ns: int | None
    ifindex: int  # of the interface that the call names; 0 if it names none by number
    reports: list[Report] = field(default_factory=list)
    left: list[Report] = field(default_factory=list)  # by which the group was left when the socket was closed


_CALLS = """
SELECT c.call_id, c.pid, f.socket_id, c.start_ns, c.a1, c.a2, first(d.bytes), s.netns_cookie, s.to_ns
FROM call c JOIN call_data d ON d.call_id = c.call_id AND d.role = 'optval' AND NOT d.at_exit
LEFT JOIN call_file f ON f.call_id = c.call_id LEFT JOIN socket s ON s.socket_id = f.socket_id
WHERE c.name = 'setsockopt' AND c.errno IS NULL AND c.a1 IN (0, 41) AND c.a2 IN (20, 21, 35, 36, 39, 40, 42, 45, 46, 47)
GROUP BY ALL ORDER BY c.start_ns, c.call_id
"""
_PACKETS = f"""
SELECT p.packet_id, p.number, p.time_ns, p.ifindex, p.ip_protocol, i.netns_cookie,
       p.frame[p.payload_offset + if(p.ip_protocol = {IGMP}, 1, -7) : p.payload_offset + p.payload_bytes]
FROM packet p LEFT JOIN (SELECT netns, any_value(netns_cookie) AS netns_cookie FROM interface GROUP BY netns) i
    ON i.netns = p.netns
WHERE p.number IS NOT NULL AND p.tap = 'out' AND p.payload_offset IS NOT NULL
  AND (p.ip_protocol = {IGMP} OR p.ip_protocol = 58 AND p.icmp_type IN {MLD})
ORDER BY p.number
"""  # noqa: S608 (numbers of this program)


def memberships(db: duckdb.DuckDBPyConnection) -> list[Membership]:
    """All of them, in order of time."""
    found = []
    for call_id, pid, socket_id, at, level, option, data, cookie, closed in db.execute(_CALLS).fetchall():
        value = bytes(data or b"")
        group = _group(level, option, value)
        if group is not None:
            joins = (level, option) in _JOINS
            found.append(
                Membership(call_id, pid, socket_id, at, joins, group, cookie, closed, _interface(level, option, value))
            )
    if found:
        _put_reports(db, found)
    return found


def _group(level: int, option: int, data: bytes) -> str | None:
    if (level, option) not in OPTIONS:
        return None
    if option in (_ADD_6, _DROP_6) and level == _IPV6:
        return socket.inet_ntop(socket.AF_INET6, data[:16]) if len(data) >= 16 else None
    if option in (_ADD, _DROP, _ADD_SOURCE, _DROP_SOURCE):
        return socket.inet_ntop(socket.AF_INET, data[:4]) if len(data) >= 8 else None
    if len(data) < _GROUP_AT + 24:
        return None
    (family,) = struct.unpack_from("<H", data, _GROUP_AT)
    at, size = (_GROUP_AT + 4, 4) if family == socket.AF_INET else (_GROUP_AT + 8, 16)
    return socket.inet_ntop(family, data[at : at + size]) if family in (socket.AF_INET, socket.AF_INET6) else None


def _interface(level: int, option: int, data: bytes) -> int:
    """struct ipv6_mreq has it behind the group, ip_mreqn behind group and address, group_req in front."""
    if level == _IPV6 and option in (_ADD_6, _DROP_6):
        at = 16
    else:
        at = 8 if option in (_ADD, _DROP) else 0 if option >= _JOIN else len(data)
    return int.from_bytes(data[at : at + 4], "little") if len(data) >= at + 4 else 0


def _put_reports(db: duckdb.DuckDBPyConnection, found: list[Membership]) -> None:
    told: list[tuple[Report, int | None]] = []
    for packet_id, number, at, ifindex, protocol, cookie, data in db.execute(_PACKETS).fetchall():
        said = (igmp if protocol == IGMP else mld)(bytes(data or b""))
        if said is not None and said.what != "query":
            told.append((Report(packet_id, number, at, ifindex, said), cookie))
    for m in found:
        following = [o.time_ns for o in found if o.group == m.group and o.joins != m.joins and o.time_ns > m.time_ns]
        end = min([m.time_ns + _WITHIN_NS, *following, *([m.closed_ns] if m.closed_ns is not None and m.joins else [])])
        own = [
            report
            for report, cookie in told
            if (m.netns_cookie in (None, cookie) or cookie is None) and m.ifindex in (0, report.ifindex)
        ]
        m.reports += _about(own, m.group, m.joins, m.time_ns, end)
        if m.joins and m.closed_ns is not None and not any(at <= m.closed_ns for at in following):
            m.left += _about(own, m.group, False, m.closed_ns, m.closed_ns + _WITHIN_NS)


def _about(reports: Iterable[Report], group: str, wanted: bool, begin: int, end: int) -> list[Report]:
    """Of a group; a record of sources that are no longer wanted leaves it."""
    return [
        r
        for r in reports
        if begin <= r.time_ns < end and any(x.group == group and bool(x.wanted) == wanted for x in r.told.records)
    ]
