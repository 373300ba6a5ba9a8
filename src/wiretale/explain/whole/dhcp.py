"""DHCP over packet sockets: what a client without an address asked for, and what came back (RFC 2131 3)."""

from wiretale.decode.dhcp import CLIENT_PORT, SERVER_PORT, Dhcp, dhcp
from wiretale.explain.story import Hop, Ref, Step
from wiretale.explain.words import code, count, listed, numbers
from wiretale.explain.world import World
from wiretale.light import dataclass, field

TOLD = 6
MOST = 2000  # packets looked at

_PACKETS = f"""
SELECT p.packet_id, p.number, p.time_ns, p.src, p.frame[p.payload_offset + 1:], min(c.pid), min(w.call_id)
FROM packet p LEFT JOIN packet_call w ON w.packet_id = p.packet_id AND w.side = 'w' LEFT JOIN call c USING (call_id)
WHERE p.ip_protocol = 17 AND p.number IS NOT NULL AND p.payload_offset IS NOT NULL
  AND p.srcport IN ({SERVER_PORT}, {CLIENT_PORT}) AND p.dstport IN ({SERVER_PORT}, {CLIENT_PORT})
GROUP BY ALL ORDER BY p.number LIMIT {MOST}"""  # noqa: S608 (numbers of this program)


@dataclass(frozen=True, slots=True)
class Message:
    """One message as a packet. `pid`, `call`: of the call that sent it whole."""

    ref: Ref
    number: int
    time_ns: int
    src: str
    said: Dhcp
    pid: int | None
    call: Ref | None


@dataclass(slots=True)
class Exchange:
    """All messages with one transaction number, of which `pid` sent the client's."""

    pid: int
    messages: list[Message] = field(default_factory=list)

    def of(self, kind: str) -> list[Message]:
        return [m for m in self.messages if m.said.kind == kind]


def find_exchanges(world: World) -> list[Exchange]:
    """Those of programs that sent whole packets, in order."""
    by_number: dict[int, list[Message]] = {}
    for packet, number, at, src, data, pid, call in world.db.execute(_PACKETS).fetchall():
        said = dhcp(bytes(data or b""))
        if said is None:
            continue
        made = Ref("call", call, f"call {call}") if call is not None else None
        ref = Ref("packet", packet, f"packet {number}")
        by_number.setdefault(said.xid, []).append(Message(ref, number, at, src, said, pid, made))
    found = []
    for messages in by_number.values():
        pid = next((m.pid for m in messages if m.pid is not None and not m.said.is_reply), None)
        if pid is not None:
            found.append(Exchange(pid, messages))
    return found


def dhcp_steps(world: World, found: list[Exchange]) -> list[Step]:
    """A step for each of the first ones."""
    return [_step(world, exchange) for exchange in found[:TOLD]]


def in_short(world: World, exchange: Exchange) -> str:
    """The sentences for the opening of the story."""
    return " ".join(_said(world, exchange)[:2])


def _step(world: World, exchange: Exchange) -> Step:
    first = exchange.messages[0]
    hops = tuple(
        Hop(m.time_ns, f"packet {m.number} {'←' if m.said.is_reply else '→'}", _line(m), refs=(m.ref,), lane="wire")
        for m in exchange.messages[:20]
    )
    refs = [r for m in exchange.messages[:8] for r in (m.call, m.ref) if r is not None]
    background = (
        "A host without an address asks all hosts of its network segment for one (DHCPDISCOVER). A server offers an "
        "address (DHCPOFFER), the host asks for it (DHCPREQUEST), and the server confirms it for some time (DHCPACK). "
        "Having no address yet, a client sends these as whole packets over a packet socket."
    )
    said = tuple(_said(world, exchange))
    return Step("", "A DHCP client", said, first.time_ns, hops=hops, refs=tuple(refs), background=(background,))


def _line(m: Message) -> str:
    parts = [m.said.kind or "BOOTP"]
    parts += [f"from {m.src}"] if m.said.is_reply else []
    address = m.said.given if m.said.is_reply else m.said.requested or m.said.own
    parts += [f"for {address}" if not m.said.is_reply else f"of {address}"] if address else []
    return " ".join(parts)


def _said(world: World, exchange: Exchange) -> list[str]:
    who = world.who(exchange.pid)
    asked = [m for m in exchange.messages if not m.said.is_reply]
    kinds = list(dict.fromkeys(m.said.kind or "a BOOTP request" for m in asked))
    said: list[str] = []
    for kind in kinds:
        sent = [m for m in asked if (m.said.kind or "a BOOTP request") == kind]
        times = f" {count(len(sent), 'time')}" if len(sent) > 1 else ""
        wanted = next((m.said.requested or m.said.own for m in sent if m.said.requested or m.said.own), None)
        address = f" about {code(wanted)}" if wanted else ""
        packets = numbers("packet", [m.number for m in sent[:6]], len(sent) - 6)
        said.append(f"{who if not said else 'It'} sent {code(kind)}{address}{times} ({packets}).")
    said[1:1] = _offers(exchange)
    said += _end(exchange)
    return said


def _offers(exchange: Exchange) -> list[str]:
    asked, offers = exchange.of("DHCPDISCOVER"), exchange.of("DHCPOFFER")
    if not asked:
        return []
    if not offers:
        return [
            "No offer was captured: no DHCP server heard it on this network segment, or none wants to give it an "
            "address, or a packet was lost."
        ]
    given: dict[tuple[str, str], list[int]] = {}
    for m in offers:
        given.setdefault((m.said.given or "?", m.src), []).append(m.number)
    named = [f"{code(a)} by {code(src)} ({numbers('packet', found)})" for (a, src), found in given.items()]
    return [f"It was offered {listed(named)}."]


def _end(exchange: Exchange) -> list[str]:
    asked = exchange.of("DHCPREQUEST")
    if not asked:
        return []
    last = next((m for m in reversed(exchange.messages) if m.said.kind in ("DHCPACK", "DHCPNAK")), None)
    if last is None:
        return ["No server answered the request: neither DHCPACK nor DHCPNAK was captured."]
    if last.said.kind == "DHCPNAK":
        why = f": {code(last.said.message)}" if last.said.message else ""
        return [f"Server {code(last.src)} refused it with {code('DHCPNAK')} (packet {last.number}){why}."]
    lease = f", for {count(last.said.lease_s, 'second')}" if last.said.lease_s else ""
    given = code(last.said.given or "?")
    return [f"Server {code(last.src)} confirmed {given} with {code('DHCPACK')} (packet {last.number}){lease}."]
