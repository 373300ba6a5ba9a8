"""Questions by UDP that got no reply: names that were asked for, and datagrams after which a thread waited in vain."""

from typing import Any

from wiretale.decode.dns import TYPES, decode_dns
from wiretale.decode.durations import duration
from wiretale.explain.odd._rows import refs
from wiretale.explain.story import Ref, Step
from wiretale.explain.words import capital, code, count, listed, place
from wiretale.explain.world import World
from wiretale.light import dataclass, field

DNS_PORT = 53
LEAST_NS = 1_000_000_000
MOST = 4

# Of each socket that spoke first by UDP and never heard anything: what it sent, how long threads waited on it in vain,
# and when it was closed. Whom an ICMP error told better is left out (it is a fault of its own).
_QUERY = """
WITH silent AS (
    SELECT k.connection_id, e.pid, e.socket_id, s.file_id, k.server_addr AS addr, k.server_port AS port
    FROM connection k JOIN endpoint e ON e.connection_id = k.connection_id AND e.role = 'client'
    JOIN socket s ON s.socket_id = e.socket_id
    WHERE k.protocol IN ('udp', 'udplite') AND k.server_bytes = 0 AND k.outcome IS DISTINCT FROM 'refused'
        AND k.outcome IS DISTINCT FROM 'unreachable' AND e.pid IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM stream_read r WHERE r.connection_id = k.connection_id AND r.direction = 's2c')
),
sent AS (
    SELECT v.connection_id, min(c.start_ns) AS first, count(*) AS datagrams,
        list(c.call_id ORDER BY c.call_id)[1:3] AS ids, arg_min(c.task_id, c.call_id) AS task_id,
        arg_min(c.tid, c.call_id) AS tid, min(v.call_id) AS first_call
    FROM stream_write v JOIN call c USING (call_id)
    WHERE v.connection_id IN (SELECT connection_id FROM silent) AND v.direction = 'c2s' GROUP BY 1
),
waited AS (
    SELECT w.socket_id, sum(coalesce(w.to_ns, $end) - w.from_ns)::BIGINT AS took, max(coalesce(w.to_ns, $end)) AS until,
        list(w.wait_id ORDER BY w.wait_id)[1:3] AS ids
    FROM wait w WHERE w.socket_id IN (SELECT socket_id FROM silent) AND w.ended_by IN ('timeout', 'not ended', 'signal')
    GROUP BY 1
),
closed AS (
    SELECT x.file_id, max(c.start_ns) AS at FROM call c JOIN call_file x USING (call_id)
    WHERE c.name = 'close' AND x.file_id IN (SELECT file_id FROM silent) GROUP BY 1
)
SELECT s.connection_id, s.pid, n.tid, n.task_id, s.addr, s.port, n.first, n.datagrams, n.ids, coalesce(w.took, 0),
    greatest(coalesce(w.until, 0), coalesce(c.at, $end)), w.ids,
    c.at IS NOT NULL, (SELECT first(d.bytes ORDER BY d.idx, d."offset") FROM call_data d
     WHERE d.call_id = n.first_call AND d.role = 'payload')
FROM silent s JOIN sent n USING (connection_id) LEFT JOIN waited w ON w.socket_id = s.socket_id
LEFT JOIN closed c ON c.file_id = s.file_id ORDER BY n.first LIMIT 1000"""


@dataclass(slots=True)
class _Silence:
    """What one process asked of one place in vain. Times in ns."""

    pid: int
    tid: int
    task_id: int
    addr: str
    port: int
    first_ns: int
    until_ns: int
    closed: bool = True
    datagrams: int = 0
    waited_ns: int = 0
    names: list[str] = field(default_factory=list)
    calls: list[int] = field(default_factory=list)
    waits: list[int] = field(default_factory=list)


def find(world: World) -> list[Step]:
    """One step for each process and place, in order of time."""
    if not world.signs.talked("udp", "udplite") or not world.signs.writes:
        return []
    found: dict[tuple[int, str, int], _Silence] = {}
    for row in world.db.execute(_QUERY, {"end": world.end_ns}).fetchall():
        _add(found, row)
    told = [s for s in found.values() if s.waited_ns >= LEAST_NS or (s.names and s.until_ns - s.first_ns >= LEAST_NS)]
    return [_step(world, silence) for silence in told[:MOST]]


def _add(found: dict[tuple[int, str, int], _Silence], row: tuple[Any, ...]) -> None:
    _, pid, tid, task_id, addr, port, first, datagrams, calls, took, until, waits, closed, payload = row
    silence = found.setdefault((pid, addr, port), _Silence(pid, tid, task_id, addr, port, first, until))
    silence.until_ns = max(silence.until_ns, until)
    silence.closed &= closed
    silence.datagrams += datagrams
    silence.waited_ns += took
    silence.calls += calls
    silence.waits += waits or []
    asked = decode_dns(bytes(payload or b""))
    if asked is not None and not asked.is_answer and asked.type in TYPES.values():
        name = f"{code(asked.name)} ({asked.type})"
        if name not in silence.names:
            silence.names.append(name)


def _step(world: World, silence: _Silence) -> Step:
    what = f" for {listed(silence.names)}" if silence.names else ""
    end = "until it closed its socket" if silence.closed else "to the end of what was recorded"
    said = [
        f"{capital(world.caller(silence))} asked {code(place(silence.addr, silence.port))}{what} with "
        f"{count(silence.datagrams, 'datagram')} from {world.at(silence.first_ns)} on, and nothing came back: for "
        f"{duration(silence.until_ns - silence.first_ns)}, {end}."
    ]
    if silence.waited_ns:
        said.append(f"Of that time threads waited {duration(silence.waited_ns)} for nothing but this.")
    evidence: list[Ref] = [*refs("call", silence.calls[:4]), *refs("wait", silence.waits[:3])]
    return Step(
        "", "A question got no reply", tuple(said), silence.first_ns, refs=tuple(evidence),
        inferred=bool(silence.names) and silence.port != DNS_PORT,
        background=("UDP does not tell whether a datagram has arrived: a server that is not there, a firewall and a "
                    "lost datagram look alike, unless an ICMP error says more.",),
        remedy=f"see whether the server answers others ({_probe(silence)}), and at its end ss -ulnp",
    )  # fmt: skip


def _probe(silence: _Silence) -> str:
    if not silence.names:
        return f"nc -u {silence.addr} {silence.port}"
    return f"dig @{silence.addr} -p {silence.port} NAME"
