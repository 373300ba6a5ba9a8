"""TCP segments and UDP datagrams that programs made themselves, each with what came back: scans, `traceroute -T`."""

from collections import defaultdict

from wiretale.decode.icmp_names import CODES_V4, CODES_V6, TYPES_V4, TYPES_V6
from wiretale.decode.icmp_quote import quoted_packet
from wiretale.decode.ip_protocols import TCP, UDP
from wiretale.explain.story import Ref
from wiretale.explain.world import World
from wiretale.light import dataclass, field

MOST = 200_000  # packets looked at
SYN, RST, ACK = 0x02, 0x04, 0x10  # RFC 9293 3.1
_OWN_PORTS = (67, 68)  # DHCP, which dhcp.py tells

# What programs sent whole, but DHCP's. A packet that a bridge passes on is no question of it: both ends are others.
_PROBES = f"""
SELECT c.pid, c.call_id, p.packet_id, p.number, p.time_ns, p.ip_protocol, p.ip_version, p.src, p.srcport, p.dst,
       p.dstport, coalesce(p.flags, 0) & 255, p.ttl
FROM packet_call w JOIN call c USING (call_id) JOIN packet p USING (packet_id)
WHERE w.side = 'w' AND p.ip_protocol IN ({TCP}, {UDP}) AND p.srcport IS NOT NULL AND p.number IS NOT NULL
  AND NOT (p.ip_protocol = {UDP} AND p.srcport IN {_OWN_PORTS} AND p.dstport IN {_OWN_PORTS})
ORDER BY p.number LIMIT {MOST}"""  # noqa: S608 (numbers of this program)
# What went the other way, and (`is_back` false) what else went the same way.
_BACK = f"""
WITH sent AS (SELECT packet_id FROM packet_call WHERE side = 'w'),
way AS (
    SELECT DISTINCT p.ip_protocol, p.src, p.srcport, p.dst, p.dstport FROM packet p JOIN sent USING (packet_id)
    WHERE p.ip_protocol IN ({TCP}, {UDP})
),
found AS (
    SELECT p.*, TRUE AS is_back FROM packet p JOIN way w ON w.ip_protocol = p.ip_protocol AND w.src = p.dst
        AND w.srcport = p.dstport AND w.dst = p.src AND w.dstport = p.srcport
    UNION ALL
    SELECT p.*, FALSE FROM packet p JOIN way w ON w.ip_protocol = p.ip_protocol AND w.src = p.src
        AND w.srcport = p.srcport AND w.dst = p.dst AND w.dstport = p.dstport
    WHERE p.packet_id NOT IN (FROM sent)
)
SELECT packet_id, number, time_ns, ip_protocol, src, srcport, dst, dstport, coalesce(flags, 0) & 255, is_back
FROM found WHERE number IS NOT NULL ORDER BY number LIMIT {MOST}"""  # noqa: S608 (numbers of this program)
_ERRORS = f"""
SELECT packet_id, number, time_ns, src, ip_version, icmp_type, icmp_code, frame[payload_offset + 1:] FROM packet
WHERE number IS NOT NULL AND payload_offset IS NOT NULL
  AND (ip_version = 4 AND icmp_type IN (3, 11, 12) OR ip_version = 6 AND icmp_type BETWEEN 1 AND 4)
ORDER BY number LIMIT {MOST}"""  # noqa: S608 (numbers of this program)


@dataclass(frozen=True, slots=True)
class Back:
    """What came back. `flags` of a TCP segment; `meaning` of an ICMP error, whose sender is `src`."""

    ref: Ref
    time_ns: int
    src: str
    flags: int = 0
    meaning: str = ""
    ran_out: bool = False  # the packet had been forwarded as often as it may be

    @property
    def kind(self) -> str:
        """`error`, `SYN/ACK`, `RST` or `other`."""
        if self.meaning:
            return "error"
        if self.flags & RST:
            return "RST"
        return "SYN/ACK" if self.flags & (SYN | ACK) == SYN | ACK else "other"


@dataclass(slots=True)
class Probe:
    """One packet that a program made. `back`: in order."""

    call: Ref
    ref: Ref
    time_ns: int
    version: int
    srcport: int
    port: int
    ttl: int | None
    back: list[Back] = field(default_factory=list)


@dataclass(slots=True)
class Probes:
    """Packets of one process to one host, alike: UDP, or TCP with the same flags. `reset`: segments with RST by which
    the kernel of the sender itself answered what came back."""

    pid: int
    protocol: int
    src: str
    dst: str
    flags: int
    probes: list[Probe] = field(default_factory=list)
    reset: list[Ref] = field(default_factory=list)

    @property
    def ports(self) -> list[int]:
        return sorted({p.port for p in self.probes})

    def outcomes(self) -> dict[str, list[int]]:
        """What came back from each port, the most telling of all: kind of `Back`, or "" -> ports."""
        best: dict[int, str] = {}
        for probe in self.probes:
            for kind in (*(b.kind for b in probe.back), ""):
                if _ORDER.index(kind) < _ORDER.index(best.get(probe.port, "")):
                    best[probe.port] = kind
                best.setdefault(probe.port, kind)
        found: dict[str, list[int]] = {}
        for port, kind in sorted(best.items()):
            found.setdefault(kind, []).append(port)
        return found


_ORDER = ("SYN/ACK", "other", "RST", "error", "")

_Way = tuple[int, str, int, str, int]


def find_probes(world: World) -> list[Probes]:
    """All of them, in the order of their first packets."""
    found: dict[tuple[int, int, str, int], Probes] = {}
    latest: dict[_Way, list[tuple[Probe, Probes]]] = defaultdict(list)
    for pid, call, packet, number, at, protocol, version, src, srcport, dst, dstport, flags, ttl in world.db.execute(
        _PROBES
    ).fetchall():
        of = found.setdefault((pid, protocol, dst, flags), Probes(pid, protocol, src, dst, flags))
        probe = Probe(
            Ref("call", call, f"call {call}"),
            Ref("packet", packet, f"packet {number}"),
            at,
            version,
            srcport,
            dstport,
            ttl,
        )
        of.probes.append(probe)
        latest[protocol, src, srcport, dst, dstport].append((probe, of))
    if found:
        _put_answers(world, latest)
        _put_errors(world, latest)
    return list(found.values())


def _asked(latest: dict[_Way, list[tuple[Probe, Probes]]], way: _Way, time_ns: int) -> tuple[Probe, Probes] | None:
    """The last one on this way before that time."""
    before = [pair for pair in latest.get(way, ()) if pair[0].time_ns <= time_ns]
    return before[-1] if before else None


def _put_answers(world: World, latest: dict[_Way, list[tuple[Probe, Probes]]]) -> None:
    for packet, number, at, protocol, src, srcport, dst, dstport, flags, is_back in world.db.execute(_BACK).fetchall():
        ref = Ref("packet", packet, f"packet {number}")
        if is_back and (asked := _asked(latest, (protocol, dst, dstport, src, srcport), at)) is not None:
            asked[0].back.append(Back(ref, at, src, flags))
        elif not is_back and flags & RST and protocol == TCP:
            asked = _asked(latest, (protocol, src, srcport, dst, dstport), at)
            if asked is not None and any(b.kind == "SYN/ACK" for b in asked[0].back):
                asked[1].reset.append(ref)


def _put_errors(world: World, latest: dict[_Way, list[tuple[Probe, Probes]]]) -> None:
    for packet, number, at, src, version, kind, icmp_code, data in world.db.execute(_ERRORS).fetchall():
        quote = quoted_packet(version, bytes(data or b""))
        if quote is None or None in (quote.srcport, quote.dstport):
            continue
        asked = _asked(latest, (quote.protocol, quote.src, quote.srcport, quote.dst, quote.dstport), at)
        if asked is None:
            continue
        types, codes = (TYPES_V6, CODES_V6) if version == 6 else (TYPES_V4, CODES_V4)
        meaning = codes.get(kind, {}).get(icmp_code) or types.get(kind, f"ICMP type {kind}")
        ran_out = (version, kind, icmp_code) in ((4, 11, 0), (6, 3, 0))
        asked[0].back.append(Back(Ref("packet", packet, f"packet {number}"), at, src, 0, meaning, ran_out))
