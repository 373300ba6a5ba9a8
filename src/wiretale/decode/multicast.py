"""What hosts tell routers of the multicast groups they are in: IGMP and MLD, from their bytes. Pure.

Layouts: RFC 1112 (IGMPv1), RFC 2236 (IGMPv2), RFC 3376 4 (IGMPv3), RFC 2710 3 (MLDv1), RFC 3810 5 (MLDv2).
"""

import socket

from wiretale.light import dataclass

IGMP = 2  # include/uapi/linux/in.h
_QUERY, _REPORT_1, _REPORT_2, _LEAVE, _REPORT_3 = 0x11, 0x12, 0x16, 0x17, 0x22
MLD = MLD_QUERY, MLD_REPORT, MLD_DONE, MLD_REPORT_2 = 130, 131, 132, 143
GROUPS_NAMED = 4
# Record types, which IGMPv3 and MLDv2 share (RFC 3376 4.2.12)
_INCLUDE, _EXCLUDE, _TO_INCLUDE, _TO_EXCLUDE, _ALLOW, _BLOCK = 1, 2, 3, 4, 5, 6


@dataclass(frozen=True, slots=True)
class Record:
    """What is told of one group. `kind`: the type of an IGMPv3 or MLDv2 record."""

    kind: int
    group: str
    sources: tuple[str, ...] = ()

    @property
    def wanted(self) -> bool | None:
        """Whether its sender wants what is sent to the group; None if it names sources that it does not want."""
        if self.kind in (_TO_INCLUDE, _INCLUDE):
            return bool(self.sources)
        return None if self.kind == _BLOCK else True

    @property
    def text(self) -> str:
        """`joins 239.1.2.3`."""
        sources = ", ".join(self.sources[:3]) + (f" and {len(self.sources) - 3} more" if len(self.sources) > 3 else "")
        if not sources:
            return f"{_ALONE.get(self.kind, f'record type {self.kind} of')} {self.group}"
        before, between = _WITH_SOURCES.get(self.kind, (f"record type {self.kind} of", "with"))
        return f"{before} {self.group} {between} {sources}"


_ALONE = {
    _INCLUDE: "wants nothing of", _EXCLUDE: "is in", _TO_INCLUDE: "leaves", _TO_EXCLUDE: "joins",
    _ALLOW: "wants nothing more of", _BLOCK: "wants no less of",
}  # fmt: skip
_WITH_SOURCES = {
    _INCLUDE: ("wants", "only from"), _EXCLUDE: ("wants", "from all but"), _TO_INCLUDE: ("now wants", "only from"),
    _TO_EXCLUDE: ("now wants", "from all but"), _ALLOW: ("now also wants", "from"), _BLOCK: ("no longer wants", "from"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Told:
    """One message. `what`: query, report or leave; a query about all groups has no record."""

    version: int
    what: str
    records: tuple[Record, ...]

    @property
    def text(self) -> str:
        """`report: joins 239.1.2.3`."""
        if self.what == "query":
            groups = ", ".join(r.group for r in self.records)
            return f"query: who is in {groups}?" if groups else "query: who is in which group?"
        said = [r.text for r in self.records[:GROUPS_NAMED]]
        more = len(self.records) - len(said)
        return f"{self.what}: {', '.join(said)}{f' and {more} more' if more else ''}"


def igmp(body: bytes) -> Told | None:
    """The IGMP message `body`; None if it is none of these, or too little of it is there."""
    if len(body) < 8:
        return None
    kind, group = body[0], socket.inet_ntop(socket.AF_INET, body[4:8])
    if kind == _QUERY:
        version = 3 if len(body) >= 12 else 2 if body[1] else 1
        return Told(version, "query", (Record(0, group),) if any(body[4:8]) else ())
    if kind in (_REPORT_1, _REPORT_2):
        return Told(1 if kind == _REPORT_1 else 2, "report", (Record(_EXCLUDE, group),))
    if kind == _LEAVE:
        return Told(2, "leave", (Record(_TO_INCLUDE, group),))
    return Told(3, "report", _records(body, socket.AF_INET)) if kind == _REPORT_3 else None


def mld(body: bytes) -> Told | None:
    """The MLD message that the ICMPv6 message `body` is; None if it is none, or too little of it is there."""
    if len(body) < 8 or body[0] not in MLD:
        return None
    if body[0] == MLD_REPORT_2:
        return Told(2, "report", _records(body, socket.AF_INET6))
    if len(body) < 24:
        return None
    group = socket.inet_ntop(socket.AF_INET6, body[8:24])
    if body[0] == MLD_QUERY:
        return Told(2 if len(body) >= 28 else 1, "query", (Record(0, group),) if any(body[8:24]) else ())
    is_report = body[0] == MLD_REPORT
    return Told(1, "report" if is_report else "leave", (Record(_EXCLUDE if is_report else _TO_INCLUDE, group),))


def _records(body: bytes, family: int) -> tuple[Record, ...]:
    """Those of a report of IGMPv3 or MLDv2, as far as they are there."""
    size = 4 if family == socket.AF_INET else 16
    found: list[Record] = []
    at = 8
    for _ in range(int.from_bytes(body[6:8], "big")):
        if len(body) < at + 4 + size:
            break
        kind, more, count = body[at], body[at + 1], int.from_bytes(body[at + 2 : at + 4], "big")
        group = socket.inet_ntop(family, body[at + 4 : at + 4 + size])
        begin = at + 4 + size
        at = begin + count * size + more * 4
        places = range(begin, min(begin + count * size, len(body) - size + 1), size)
        found.append(Record(kind, group, tuple(socket.inet_ntop(family, body[p : p + size]) for p in places)))
    return tuple(found)
