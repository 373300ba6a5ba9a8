"""UDP sockets that are connected and never send: getaddrinfo asks the kernel which source address it would use."""

from wiretale.explain.choose import candidates
from wiretale.explain.odd._rows import SHOWN_CALLS
from wiretale.explain.story import Ref, Step
from wiretale.explain.words import count, listed, place
from wiretale.explain.world import World


def find(world: World) -> list[Step]:
    """One step for all of them."""
    silent = [c for c in candidates(world) if c.is_silent]
    if not silent:
        return []
    where = listed(list(dict.fromkeys(place(*c.server) for c in silent)))
    said = (
        f"{count(len(silent), 'UDP socket was', 'UDP sockets were')} connected (to {where}) and sent nothing. "
        "connect() on a UDP socket sends no packet: the kernel only chooses a route and with it a local address. "
        "The library's getaddrinfo() does this to sort the addresses it found. Harmless."
    )
    refs = tuple(Ref("connection", c.connection_id, f"connection {c.connection_id}") for c in silent[:SHOWN_CALLS])
    return [Step("", "Sockets that send nothing", (said,), None, refs=refs, topics=("connect",))]
