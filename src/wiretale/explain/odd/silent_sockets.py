"""UDP sockets that are connected and never send: getaddrinfo asks the kernel which source address it would use."""

from wiretale.explain.asks import address_of
from wiretale.explain.conversation import RECEIVES, SENDS
from wiretale.explain.odd._rows import all_refs, each, groups
from wiretale.explain.rows import calls
from wiretale.explain.story import Step
from wiretale.explain.words import code, listed
from wiretale.explain.world import World

# A datagram socket of the internet families that was connected and that no call sent on or received from.
_CONDITION = f"""c.name = 'connect' AND c.errno IS NULL AND c.retval IS NOT NULL
    AND s.type = 'SOCK_DGRAM' AND s.family IN ('AF_INET', 'AF_INET6') AND s.to_ns IS NOT NULL
    AND NOT EXISTS (FROM call_data d WHERE d.call_id = c.call_id AND d.role = 'sockaddr'
        AND d.bytes[1:2] = '\\x00\\x00'::BLOB) -- AF_UNSPEC: the address is taken back
    AND NOT EXISTS (SELECT 1 FROM call_file g JOIN call x USING (call_id) WHERE g.socket_id = s.socket_id
        AND x.name IN {(*SENDS, *RECEIVES)})"""  # noqa: S608 (fixed names)


def find(world: World) -> list[Step]:
    """One step for all who made them."""
    if "SOCK_DGRAM" not in world.signs.inet_types or not world.signs.called("connect"):
        return []
    joins = "JOIN call_file f USING (call_id) JOIN socket s USING (socket_id)"
    found = groups(world, _CONDITION, joins=joins, fd="NULL::INTEGER")
    if not found:
        return []
    refs = all_refs(found)
    to = [address_of(call) for call in calls(world.db, [ref.id for ref in refs]).values()]
    where = listed([code(address) for address in dict.fromkeys(to) if address])
    said = (
        f"UDP sockets were connected{f' (to {where})' if where else ''} and sent nothing, by {each(world, found)}. "
        f"{code('connect()')} on a UDP socket sends no packet: the kernel only chooses a route and with it a local "
        f"address.",
    )
    background = ("The library's getaddrinfo() does this to sort the addresses it found (RFC 6724).",)
    return [
        Step("", "Sockets that send nothing", said, found[0].first_ns, refs=refs, topics=("connect",),
             background=background)
    ]  # fmt: skip
