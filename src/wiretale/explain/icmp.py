"""ICMP errors that answered packets of a connection: which packet they quote, and what they say."""

from wiretale.decode.icmp_names import CODES_V4, CODES_V6, TYPES_V4, TYPES_V6
from wiretale.decode.icmp_quote import quoted_packet
from wiretale.decode.ip_protocols import TCP, UDP, UDPLITE
from wiretale.explain.conversation import Conversation
from wiretale.explain.story import Ref
from wiretale.explain.world import World
from wiretale.light import dataclass

MOST = 200  # errors looked at
LATE_NS = 5_000_000_000  # how long after the last packet an error may still come

_ERRORS = """
SELECT packet_id, number, time_ns, src, ip_version, icmp_type, icmp_code, frame[payload_offset + 1:] FROM packet
WHERE shown AND number IS NOT NULL AND icmp_type IS NOT NULL AND payload_offset IS NOT NULL
    AND time_ns BETWEEN ? AND ? AND (ip_version = 4 AND icmp_type IN (3, 11, 12) OR ip_version = 6
        AND icmp_type BETWEEN 1 AND 4)
ORDER BY packet_id LIMIT ?"""

Place = tuple[str | None, int | None]  # an address and a port


@dataclass(frozen=True, slots=True)
class IcmpError:
    """One error about one packet of a connection. `from_client`: the packet that it quotes was sent by the client."""

    packet_id: int
    number: int
    time_ns: int
    sender: str
    meaning: str
    from_client: bool

    @property
    def ref(self) -> Ref:
        """The row."""
        return Ref("packet", self.packet_id, f"packet {self.number}")


def errors_about(world: World, talk: Conversation) -> list[IcmpError]:
    """The ICMP errors that quote packets of this connection, in order."""
    protocol = {"tcp": TCP, "udp": UDP, "udplite": UDPLITE}.get(talk.protocol)
    if protocol is None or talk.client.port is None:
        return []
    client = (talk.client.addr, talk.client.port)
    server = (talk.server.addr, talk.server.port)
    return errors_between(world, protocol, client, server, (talk.from_ns, (talk.to_ns or world.end_ns) + LATE_NS))


def errors_between(world: World, protocol: int, client: Place, server: Place, when: tuple[int, int]) -> list[IcmpError]:
    """The ICMP errors from the one time to the other (ns) that quote packets between two places, in order."""
    found = []
    for packet_id, number, at, src, version, kind, icmp_code, data in world.db.execute(
        _ERRORS, [*when, MOST]
    ).fetchall():
        quote = quoted_packet(version, data or b"")
        if quote is None or quote.protocol != protocol:
            continue
        ends = ((quote.src, quote.srcport), (quote.dst, quote.dstport))
        if ends in ((client, server), (server, client)):
            meaning = _meaning(version, kind, icmp_code)
            found.append(IcmpError(packet_id, number, at, src or "?", meaning, ends[0] == client))
    return found


def _meaning(version: int, kind: int, icmp_code: int) -> str:
    types, codes = (TYPES_V4, CODES_V4) if version == 4 else (TYPES_V6, CODES_V6)
    return codes.get(kind, {}).get(icmp_code) or types.get(kind, f"type {kind}, code {icmp_code}")
