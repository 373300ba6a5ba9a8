"""What is said of packets that programs made themselves: which ports answered, and how."""

from wiretale.decode.ip_protocols import TCP
from wiretale.decode.tcp_flags import flag_names
from wiretale.explain.story import Hop, Ref, Step
from wiretale.explain.whole.probes import SYN, Probe, Probes
from wiretale.explain.words import code, count, listed, numbers, spread
from wiretale.explain.world import World

TOLD = 8  # groups
PORTS_TOLD = 10
HOPS_TOLD = 40

_BACKGROUND = (
    "A scanner asks a port with a segment that would begin a connection, and looks at what comes back. SYN/ACK: a "
    "program listens there. RST: none does, or a filter pretends so. Nothing: a filter threw the question away, or it "
    "was lost."
)


def probe_steps(world: World, found: list[Probes]) -> list[Step]:
    """A step for each group of packets."""
    steps = [_step(world, group) for group in found[:TOLD]]
    left = found[TOLD:]
    if left:
        hosts = {g.dst for g in left}
        sent = sum(len(g.probes) for g in left)
        answered = {g.dst for g in left if any(p.back for p in g.probes)}
        said = (
            f"{count(sent, 'more packet')} went to {count(len(hosts), 'host')}, of which {len(answered):,} answered or "
            "brought an error back."
        )
        refs = tuple(g.probes[0].ref for g in left[:6])
        steps.append(Step("", "More of them", (said,), left[0].probes[0].time_ns, refs=refs, key="more-probes"))
    return steps


def in_short(world: World, group: Probes) -> str:
    """One sentence for the opening of the story."""
    return f"{_sent(world, group)}: {listed(_kinds(group), 5)}."


def _sent(world: World, group: Probes) -> str:
    ports = group.ports
    where = f"port {ports[0]}" if len(ports) == 1 else f"{len(ports):,} ports"
    return f"{world.who(group.pid)} sent {_what(group, len(group.probes))} to {where} of {code(group.dst)}"


def _what(group: Probes, number: int) -> str:
    if group.protocol != TCP:
        return count(number, "UDP datagram")
    if not group.flags:
        return f"{count(number, 'TCP segment')} without a flag"
    named = flag_names(group.flags)[1:-1].replace(", ", "/")
    return count(number, f"{named} segment")


def _kinds(group: Probes) -> list[str]:
    """`1 port answered with SYN/ACK`, as far as there are such."""
    found = group.outcomes()
    if len(found) == 1:
        verb = _VERBS[group.protocol == TCP][next(iter(found))]
        return [f"it {verb}" if len(group.ports) == 1 else f"all {verb}"]
    words = {kind: f"{_ports_count(ports)} {_VERBS[group.protocol == TCP][kind]}" for kind, ports in found.items()}
    return [words[kind] for kind in _VERBS[True] if kind in words]


# What a port did, by the kind of what came back; for UDP, and for TCP.
_VERBS = {
    True: {
        "SYN/ACK": "answered with SYN/ACK", "RST": "answered with RST", "other": "answered otherwise",
        "error": "brought an ICMP error back", "": "brought nothing back",
    },
    False: {
        "SYN/ACK": "answered", "RST": "answered", "other": "answered", "error": "brought an ICMP error back",
        "": "brought nothing back",
    },
}  # fmt: skip


def _ports_count(ports: list[int]) -> str:
    return f"port {ports[0]}" if len(ports) == 1 else f"{len(ports):,} ports"


def _named(ports: list[int]) -> str:
    """`ports 20 to 25 and 80`."""
    runs: list[list[int]] = []
    for port in ports:
        if runs and runs[-1][1] == port - 1:
            runs[-1][1] = port
        else:
            runs.append([port, port])
    items = [str(a) if a == b else f"{a} to {b}" if b > a + 1 else f"{a}, {b}" for a, b in runs]
    return f"port{'s' if len(ports) > 1 else ''} {listed(items, PORTS_TOLD)}"


def _step(world: World, group: Probes) -> Step:
    own = "The kernel's own TCP and UDP have no part in it: the program made the packets whole."
    said = [f"{_sent(world, group)}. {own}"]
    outcomes = group.outcomes()
    said += [_about(group, kind, outcomes[kind]) for kind in _VERBS[True] if kind in outcomes]
    silent = sum(not p.back for p in group.probes)
    lost = silent - sum(len([p for p in group.probes if p.port == port]) for port in outcomes.get("", ()))
    if lost:
        said.append(f"{count(lost, 'packet')} to ports that did answer brought nothing back.")
    took = sorted(p.back[0].time_ns - p.time_ns for p in group.probes if p.back)
    if took:
        said.append(
            f"On the wire {'the answer' if len(took) == 1 else 'the answers'} took "
            f"{spread(took[0], took[len(took) // 2], took[-1], len(took))}."
        )
    if group.reset:
        packets = numbers("packet", [int(r.label.split()[1]) for r in group.reset[:4]], len(group.reset) - 4)
        said.append(
            f"The kernel of {code(group.src)} has no connection to which a SYN/ACK belongs, so it answered with RST by "
            f"itself ({packets})."
        )
    said += _taken(world, group)
    is_scan = group.protocol == TCP and group.flags == SYN
    refs = _refs(group)
    title = f"{'TCP' if group.protocol == TCP else 'UDP'} packets to {group.dst}"
    background = (_BACKGROUND,) if is_scan else ()
    hops = tuple(_path(group))
    if hops:
        said.append(
            "They have different TTLs (hop limits): each host on the way takes one off, and the one that finds none "
            "left reports that. So the sources of these errors are the hosts on the way."
        )
    return Step("", title, tuple(said), group.probes[0].time_ns, hops=hops, refs=refs, background=background)


def _about(group: Probes, kind: str, ports: list[int]) -> str:
    named, many = _named(ports), len(ports) > 1
    if kind == "error":
        nobody = ": no program there has it" if "port unreachable" in _errors(group, set(ports)) else ""
        return f"For {named} an ICMP error came back, {_errors(group, set(ports))}{nobody}."
    if kind == "":
        if group.protocol == TCP:
            return f"From {named} nothing came back that was captured: a filter dropped what was sent, or it was lost."
        return (
            f"From {named} nothing came back that was captured: UDP needs no answer, so whether a program got it this "
            "does not tell."
        )
    if group.protocol != TCP:
        return f"{named} answered with a datagram: a program has {'these ports' if many else 'this port'}."
    if kind == "SYN/ACK":
        return f"{named} answered with SYN/ACK: {'there programs listen' if many else 'there a program listens'}."
    if kind == "RST":
        none = "nothing listens there, or a filter says so" if group.flags == SYN else "no connection there has it"
        return f"{named} answered with RST: {none}."
    flags = {b.flags for p in group.probes if p.port in set(ports) for b in p.back if b.kind == "other"}
    return f"{named} answered with {listed([code(flag_names(f)) for f in sorted(flags)])}."


def _errors(group: Probes, ports: set[int]) -> str:
    """`port unreachable from 10.0.0.2`."""
    back = {(b.meaning, b.src) for p in group.probes if p.port in ports for b in p.back if b.kind == "error"}
    return listed([f"{code(meaning)} from {code(src)}" for meaning, src in sorted(back)])


def _taken(world: World, group: Probes) -> list[str]:
    """Which calls took the answers, where that is known."""
    ids = [b.ref.id for p in group.probes for b in p.back]
    rows = world.db.execute(
        "SELECT c.name, count(DISTINCT w.packet_id) FROM packet_call w JOIN call c USING (call_id) WHERE w.side = 'r'"
        " AND NOT w.peeked AND c.pid = ? AND w.packet_id IN (SELECT unnest(?)) GROUP BY ALL ORDER BY 1",
        [group.pid, ids],
    ).fetchall()
    named = [f"{number:,} with {code(f'{name}()')}" for name, number in rows]
    return [f"Of what came back it took {listed(named)}."] if named else []


def _refs(group: Probes) -> tuple[Ref, ...]:
    """Of each outcome the first."""
    found: list[Ref] = []
    seen: set[str] = set()
    for probe in group.probes:
        kind = probe.back[0].kind if probe.back else ""
        if kind not in seen:
            seen.add(kind)
            found += [probe.call, probe.ref, *(b.ref for b in probe.back[:1])]
    return tuple(found)


def _path(group: Probes) -> list[Hop]:
    """Who reported the end of each life."""
    by_ttl: dict[int, list[Probe]] = {}
    for probe in group.probes:
        if probe.ttl is not None:
            by_ttl.setdefault(probe.ttl, []).append(probe)
    if len(by_ttl) < 2 or not any(b.ran_out for p in group.probes for b in p.back):
        return []
    reached = min((t for t, ps in by_ttl.items() if any(not b.ran_out for p in ps for b in p.back)), default=None)
    way = [ttl for ttl in sorted(by_ttl) if reached is None or ttl <= reached]
    hops = []
    for ttl in way[:HOPS_TOLD]:
        back = [(b, p) for p in by_ttl[ttl] for b in p.back[:1]]
        took = sorted(b.time_ns - p.time_ns for b, p in back)
        hosts = list(dict.fromkeys(b.src for b, _ in back))
        note = spread(took[0], took[len(took) // 2], took[-1], len(took)) if took else "nothing came back"
        note = f"the destination itself answered, {note}" if ttl == reached else note
        first = by_ttl[ttl][0]
        hops.append(Hop(first.time_ns, f"TTL {ttl}", listed(hosts) if hosts else "nobody", note, (first.ref,)))
    return hops
