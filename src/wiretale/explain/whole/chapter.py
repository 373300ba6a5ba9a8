"""Packets that programs made or took whole, past the kernel's TCP and UDP: scans, ARP, DHCP, sniffers."""

from wiretale.decode.ip_protocols import TCP
from wiretale.explain.story import Anchors, Chapter, Ref, Section, Step
from wiretale.explain.whole import arp, dhcp, probe_steps
from wiretale.explain.whole.probes import find_probes
from wiretale.explain.words import code, count, listed
from wiretale.explain.world import World
from wiretale.join.unseen import read_rings

OPENING_TOLD, PROCESSES_TOLD = 3, 8
_INTRO = (
    "Raw and packet sockets pass by the kernel's TCP and UDP: the program makes, and takes, IP packets or frames whole."
    " They belong to no connection of it; which packet a call sent or took is told by the bytes."
)


def whole_packets(world: World) -> tuple[Chapter | None, tuple[str, ...]]:
    """The chapter (None if no recorded program did that), and sentences for the opening of the story."""
    if not world.signs.raw:
        return None, ()
    steps: list[Step] = []
    short: list[str] = []
    probes, asked, leases = find_probes(world), arp.find_asked(world), dhcp.find_exchanges(world)
    steps += probe_steps.probe_steps(world, probes)
    steps += arp.arp_steps(world, asked)
    steps += dhcp.dhcp_steps(world, leases)
    short += [probe_steps.in_short(world, group) for group in probes[:OPENING_TOLD]]
    short += [dhcp.in_short(world, exchange) for exchange in leases[:1]]
    short += arp.in_short(world, asked) if not probes else []
    steps += [*_others(world), *_taken(world)]
    if not steps:
        return None, ()
    sections = (Section("", Anchors("whole").in_order(steps)),)
    return Chapter("whole", "Packets made and taken whole", (_INTRO,), sections), tuple(short[:OPENING_TOLD])


# What nothing above tells: frames of other protocols, and other protocols of IP.
_OTHERS = f"""
SELECT c.pid, p.ethertype, p.ip_protocol, count(*), min(p.time_ns), min(w.call_id), min(p.packet_id), min(p.number)
FROM packet_call w JOIN call c USING (call_id) JOIN packet p USING (packet_id)
WHERE w.side = 'w' AND p.number IS NOT NULL AND p.ethertype IS DISTINCT FROM 2054
  AND (p.ip_protocol IS NULL OR p.srcport IS NULL OR p.ip_protocol NOT IN ({TCP}, 17))
GROUP BY ALL ORDER BY min(p.number) LIMIT {PROCESSES_TOLD}"""  # noqa: S608 (numbers of this program)
# IEEE 802 numbers, and IP protocols (IANA)
_ETHERTYPES = {0x88CC: "LLDP", 0x888E: "EAPOL", 0x0800: "IPv4", 0x86DD: "IPv6", 0x8100: "VLAN", 0x88A8: "VLAN"}
_IP_PROTOCOLS = {1: "ICMP", 2: "IGMP", 58: "ICMPv6", 89: "OSPF", 103: "PIM", 112: "VRRP"}


def _others(world: World) -> list[Step]:
    steps = []
    for pid, kind, protocol, number, at, call, packet, first in world.db.execute(_OTHERS).fetchall():
        name = _IP_PROTOCOLS.get(protocol, f"IP protocol {protocol}") if protocol is not None else ""
        name = name or _ETHERTYPES.get(kind, f"type 0x{kind:04x}" if kind is not None else "no known type")
        said = f"{world.who(pid)} sent {count(number, 'frame')} of {name} whole, the first as packet {first}."
        refs = (Ref("call", call, f"call {call}"), Ref("packet", packet, f"packet {first}"))
        steps.append(Step("", f"Frames of {name}", (said,), at, refs=refs))
    return steps


_TAKEN = f"""
SELECT c.pid, s.family, count(*), count(w.packet_id), sum(w.size)::BIGINT, list_sort(list(DISTINCT c.name)),
    min(c.entry_ns), list_sort(list(c.call_id))[1:4]
FROM packet_call w JOIN call c USING (call_id) JOIN socket s USING (socket_id) WHERE w.side = 'r' AND NOT w.peeked
GROUP BY ALL ORDER BY min(c.entry_ns) LIMIT {PROCESSES_TOLD}"""  # noqa: S608 (numbers of this program)


def _taken(world: World) -> list[Step]:
    """Who took packets by calls, and who through memory."""
    steps = []
    for pid, family, number, linked, size, names, at, ids in world.db.execute(_TAKEN).fetchall():
        kind = "a packet socket" if family == "AF_PACKET" else "a raw socket"
        calls = listed([code(f"{name}()") for name in names])
        taken = f"{count(number, 'packet')} ({count(size, 'byte')})"
        said = [f"{world.who(pid)} took {taken} from {kind} with {calls}."]
        if linked < number and world.has_packets:
            said.append(f"Of {count(number - linked, 'of them', 'of them')} no captured packet has the bytes.")
        refs = tuple(Ref("call", i, f"call {i}") for i in ids)
        steps.append(Step("", f"Packets taken by {world.who(pid)}", tuple(said), at, refs=refs))
    for pid, _, number, at, call in read_rings(world.db):
        said = [
            f"{world.who(pid)} reads the packets of {count(number, 'packet socket')} from memory that it shares with "
            f"the kernel ({code('PACKET_RX_RING')}): no call shows which it took."
        ]
        refs = (Ref("call", call, f"call {call}"),)
        steps.append(Step("", "A ring in memory", tuple(said), at, refs=refs, key=f"ring{pid}"))
    return steps
