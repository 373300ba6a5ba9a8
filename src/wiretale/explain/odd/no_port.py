"""connect() that found no free local port (EADDRNOTAVAIL), and what has the ports: connections in TIME-WAIT or open."""

from typing import Any

from wiretale.explain.odd._rows import refs, times
from wiretale.explain.story import Step
from wiretale.explain.words import capital, code, place
from wiretale.explain.world import World

# Only where sockets to that very place were seen: without them the error means that there is no address to start from,
# as of ::1 where IPv6 is off. A port serves once for each destination (__inet_hash_connect,
# net/ipv4/inet_hashtables.c).
_QUERY = """
WITH failed AS (
    SELECT e.pid, k.server_addr AS addr, k.server_port AS port, c.call_id, c.start_ns
    FROM connection k JOIN endpoint e ON e.connection_id = k.connection_id AND e.role = 'client'
    JOIN call_file f ON f.socket_id = e.socket_id JOIN call c USING (call_id)
    WHERE k.protocol = 'tcp' AND k.outcome = 'failed' AND c.name = 'connect' AND c.errno = 99
),
taken AS (
    SELECT peer_addr AS addr, peer_port AS port, min(local_port) AS low, max(local_port) AS high,
        count(DISTINCT local_port) FILTER (state = 'TIME-WAIT') AS waiting,
        count(DISTINCT local_port) FILTER (state <> 'TIME-WAIT') AS open
    FROM socket_sample WHERE peer_port IS NOT NULL AND state <> 'SYN-SENT' AND type = 'SOCK_STREAM' GROUP BY ALL
)
SELECT f.pid, f.addr, f.port, count(*), min(f.start_ns), list(f.call_id ORDER BY f.call_id)[1:3],
    any_value(t.waiting), any_value(t.open), any_value(t.low), any_value(t.high)
FROM failed f JOIN taken t USING (addr, port) GROUP BY ALL ORDER BY 5 LIMIT 4"""


def find(world: World) -> list[Step]:
    """One step for each process and place."""
    if not world.signs.failed("connect"):
        return []
    return [_step(world, row) for row in world.db.execute(_QUERY).fetchall()]


def _step(world: World, row: tuple[Any, ...]) -> Step:
    pid, addr, port, failures, at, calls, waiting, still_open, low, high = row
    have = [f"{waiting} in TIME-WAIT"] if waiting else []
    have += [f"{still_open} in other states"] if still_open else []
    ports = f"port {low}" if low == high else f"ports between {low} and {high}"
    said = (
        f"{capital(world.who(pid))} called {code('connect()')} to {code(place(addr, port))} {times(failures)} in "
        f"vain: EADDRNOTAVAIL, no local port was free. When the sockets were listed, connections to that place had "
        f"{ports}: {' and '.join(have)}.",
    )
    return Step(
        "", "No free port to connect from", said, at, inferred=True, refs=tuple(refs("call", calls)),
        background=("A connection is known by both addresses and both ports, so to one place there can be only as many "
                    "as there are local ports (net.ipv4.ip_local_port_range). The end that closes first keeps its port "
                    "for 60 s after the end, in TIME-WAIT.",),
        remedy="keep connections open and use them again; let the other end close first; ss -tan state time-wait | wc "
        "-l counts them; sysctl net.ipv4.ip_local_port_range widens the range",
    )  # fmt: skip
