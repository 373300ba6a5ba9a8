"""UDP sockets that could not even be connected: a server of names out of reach, or an address tried for its route."""

from collections import defaultdict

from wiretale.decode.constants import error_name
from wiretale.explain.asks import address_of, port_of
from wiretale.explain.odd._rows import Group, each, merged
from wiretale.explain.rows import Call, calls
from wiretale.explain.story import Step
from wiretale.explain.words import code, listed
from wiretale.explain.world import World

DNS_PORT = 53
_SOME = 200  # calls looked at
_QUERY = f"""
SELECT c.call_id FROM call c JOIN call_file f USING (call_id) JOIN socket s ON s.socket_id = f.socket_id
WHERE c.name = 'connect' AND c.errno IS NOT NULL AND s.type = 'SOCK_DGRAM' AND s.family IN ('AF_INET', 'AF_INET6')
ORDER BY c.call_id LIMIT {_SOME}"""  # noqa: S608 (a number)


def find(world: World) -> list[Step]:
    """Servers of names that could not be asked: one step."""
    failed = [call for call in _failed(world) if port_of(call) == DNS_PORT]
    if not failed:
        return []
    said = (
        f"A server of names could not be asked: {code('connect()')} to {_addresses(failed)} failed with "
        f"{_errors(failed)}, "
        f"for {each(world, _groups(world, failed))}. Names that only it knows cannot be turned into addresses.",
    )
    return [
        Step("", "No way to the server of names", said, failed[0].entry_ns, refs=tuple(c.ref for c in failed[:5]),
             topics=tuple(dict.fromkeys(error_name(c.errno or 0) for c in failed)),
             background=("/etc/resolv.conf names the servers that the C library asks.",),
             remedy="cat /etc/resolv.conf; ip route")
    ]  # fmt: skip


def find_sorted(world: World) -> list[Step]:
    """Other addresses without a route: one step."""
    failed = [call for call in _failed(world) if port_of(call) != DNS_PORT]
    if not failed:
        return []
    said = (
        f"{code('connect()')} of UDP sockets to {_addresses(failed)} failed with {_errors(failed)}, for "
        f"{each(world, _groups(world, failed))}. Nothing was sent.",
    )
    return [
        Step("", "Addresses without a route", said, failed[0].entry_ns, refs=tuple(c.ref for c in failed[:5]),
             topics=tuple(dict.fromkeys(error_name(c.errno or 0) for c in failed)),
             background=("getaddrinfo() connects a UDP socket to each address it found to learn whether there is a "
                         "way, and "
                         "puts those without one last (RFC 6724).",))
    ]  # fmt: skip


def _failed(world: World) -> list[Call]:
    if "SOCK_DGRAM" not in world.signs.inet_types or not world.signs.failed("connect"):
        return []
    found = calls(world.db, (row[0] for row in world.db.execute(_QUERY).fetchall()))
    return [found[call_id] for call_id in sorted(found)]


def _groups(world: World, failed: list[Call]) -> list[Group]:
    by_pid: dict[int, list[Call]] = defaultdict(list)
    for call in failed:
        by_pid[call.pid].append(call)
    return merged(world, [Group((pid,), "", None, len(c), c[0].entry_ns, (c[0].ref,)) for pid, c in by_pid.items()])


def _addresses(failed: list[Call]) -> str:
    return listed([code(a) for a in dict.fromkeys(address_of(call) for call in failed) if a], 4) or "an address"


def _errors(failed: list[Call]) -> str:
    return listed([code(error_name(errno)) for errno in dict.fromkeys(call.errno or 0 for call in failed)])
