"""The same port tried over IPv6 and IPv4, because the first attempt failed."""

from wiretale.explain.odd._rows import refs
from wiretale.explain.story import Step
from wiretale.explain.words import code, place
from wiretale.explain.world import World

# A failed attempt and the next one of the same process to that port, over the other family, that stood.
_FAILED = ("refused", "unreachable", "failed", "timed out")
_QUERY = f"""
WITH tried AS (
    SELECT k.connection_id, k.outcome, k.server_addr, k.server_port, k.established_ns, k.from_ns, e.pid, e.socket_id,
        contains(k.server_addr, ':') AS six
    FROM connection k JOIN endpoint e ON e.connection_id = k.connection_id AND e.role = 'client' AND e.pid IS NOT NULL
    WHERE k.protocol = 'tcp'
),
pair AS (
    SELECT *, lead({{'id': connection_id, 'addr': server_addr, 'six': six, 'up': established_ns}}) OVER (
        PARTITION BY pid, server_port ORDER BY from_ns, connection_id) AS next
    FROM tried
)
SELECT p.pid, p.connection_id, p.outcome, p.server_addr, p.server_port, p.from_ns, p.next,
    (SELECT min(c.call_id) FROM call_file f JOIN call c USING (call_id) WHERE f.socket_id = p.socket_id
        AND c.name = 'connect')
FROM pair p WHERE p.established_ns IS NULL AND p.outcome IN {_FAILED}
    AND p.next.up IS NOT NULL AND p.next.six <> p.six
QUALIFY row_number() OVER (PARTITION BY p.pid ORDER BY p.connection_id) = 1
ORDER BY p.from_ns LIMIT 4"""  # noqa: S608 (fixed names)

_OUTCOME = {"refused": "is refused", "unreachable": "finds no way there", "timed out": "gets no answer"}


def find(world: World) -> list[Step]:
    """One step for each process."""
    if not world.signs.ended("tcp", *_FAILED):
        return []
    steps = []
    for pid, connection_id, outcome, addr, port, at, other, call_id in world.db.execute(_QUERY).fetchall():
        said = (
            f"{world.who(pid)} tries {code(place(addr, port))} first and {_OUTCOME.get(outcome, 'fails')}; then it "
            "tries "
            f"{code(place(other['addr'], port))}, which answers.",
        )
        evidence = (
            *(refs("call", [call_id]) if call_id is not None else ()),
            *refs("connection", [connection_id, other["id"]]),
        )
        steps.append(
            Step("", "Two addresses are tried", said, at, refs=evidence,
                 background=("A name such as localhost may have an IPv6 and an IPv4 address. Programs try them in the "
                             "order "
                             "in which getaddrinfo() gives them, IPv6 usually first (RFC 6724); a server that listens "
                             "on one "
                             "of them only costs each client an attempt.",))
        )  # fmt: skip
    return steps
