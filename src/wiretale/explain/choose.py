"""Which connections are told in full: one of each shape; the others of a shape are counted and compared with it."""

from wiretale.explain.world import World
from wiretale.filter.own_packets import MADE_WHOLE
from wiretale.light import dataclass, field

SHAPES_TOLD = 8
NAME_CACHE = "/var/run/nscd/socket"  # glibc asks it for names; where it is not running, its absence is no fault


@dataclass(frozen=True, slots=True)
class Candidate:
    """One connection, with what its shape is made of."""

    connection_id: int
    protocol: str
    outcome: str
    server: tuple[str | None, int | None]
    programs: tuple[str | None, str | None]
    bytes: int
    packets: int
    lasted_ns: int | None
    traced: bool
    established: bool
    one_process: bool

    @property
    def shape(self) -> tuple[object, ...]:
        """What connections have in common that are told as one; bytes by their order of magnitude."""
        # attempts that were refused at one address are alike whatever the port: a scan
        server = self.server[0] if self.outcome == "refused" and not self.established else self.server
        return self.protocol, self.outcome, server, self.programs, len(str(self.bytes))

    @property
    def is_silent(self) -> bool:
        """It moved nothing and nothing went wrong: a UDP socket connected only to learn an address."""
        return (
            self.protocol in ("udp", "udplite")
            and not self.bytes
            and not self.packets
            and self.outcome in ("open", "closed")
        )

    @property
    def is_own_pair(self) -> bool:
        """A pair of sockets that a program keeps to itself and never used, such as to wake its own poll()."""
        return self.one_process and self.protocol.startswith("unix") and not self.bytes

    @property
    def is_name_cache(self) -> bool:
        """glibc's attempt to reach the name service cache."""
        return self.server[0] == NAME_CACHE


@dataclass(slots=True)
class Chosen:
    """`told` in order; `alike` gives for each the other connections of its shape."""

    told: list[int] = field(default_factory=list)
    alike: dict[int, list[Candidate]] = field(default_factory=dict)
    left: list[Candidate] = field(default_factory=list)
    silent: list[Candidate] = field(default_factory=list)
    total: int = 0


_QUERY = f"""
WITH name AS (SELECT pid, arg_max(comm, start_ns) AS comm FROM task WHERE is_leader GROUP BY pid),
side AS (
    SELECT e.connection_id, max(n.comm) FILTER (e.role = 'client') AS client_comm,
        max(n.comm) FILTER (e.role = 'server') AS server_comm, bool_or(e.pid IS NOT NULL) AS traced,
        count(DISTINCT e.pid) = 1 AND bool_and(e.pid IS NOT NULL) AS one_process
    FROM endpoint e LEFT JOIN name n USING (pid) GROUP BY e.connection_id
)
SELECT k.connection_id, k.protocol, k.outcome, k.server_addr, k.server_port, s.client_comm, s.server_comm,
    k.client_bytes + k.server_bytes, k.packets, k.to_ns - k.from_ns, coalesce(s.traced, FALSE),
    k.established_ns IS NOT NULL, coalesce(s.one_process, FALSE)
FROM connection k LEFT JOIN side s USING (connection_id)
WHERE s.traced OR k.connection_id NOT IN ({MADE_WHOLE}) ORDER BY k.from_ns, k.connection_id"""  # noqa: S608 (fixed text)

# The same choice as a condition on a column.
_TOLD = """({0} IN (SELECT connection_id FROM endpoint WHERE pid IS NOT NULL)
    OR NOT EXISTS (FROM endpoint WHERE pid IS NOT NULL) AND {0} NOT IN ({1}))"""


def is_told(column: str = "connection_id") -> str:
    """SQL: whether a connection is one that the story tells of."""
    return _TOLD.format(column, MADE_WHOLE)


def candidates(world: World) -> list[Candidate]:
    """All connections in order of birth; those of other programs only if none was traced, and not the flows of packets
    that programs made themselves (whole/chapter.py)."""
    if world.connections:
        return world.connections
    found = [
        Candidate(i, p or "", o or "open", (addr, port), (c, s), b or 0, n or 0, lasted, bool(traced), bool(up), own)
        for i, p, o, addr, port, c, s, b, n, lasted, traced, up, own in world.db.execute(_QUERY).fetchall()
    ]
    traced = [c for c in found if c.traced]
    world.connections.extend(traced or found)
    return world.connections


def choose(world: World, only: int | None) -> Chosen:
    """The connection of each shape that moved the most, or only the one asked for."""
    found = candidates(world)
    chosen = Chosen(total=len(found))
    if only is not None:
        chosen.told = [only]
        return chosen
    shapes: dict[tuple[object, ...], list[Candidate]] = {}
    for candidate in found:
        if candidate.is_silent or candidate.is_own_pair or candidate.is_name_cache:
            chosen.silent.append(candidate)
        else:
            shapes.setdefault(candidate.shape, []).append(candidate)
    # With many shapes those that moved the most bytes are told, in the order of their birth.
    ranked = sorted(shapes.values(), key=lambda group: (-max(c.bytes for c in group), group[0].connection_id))
    kept = sorted(ranked[:SHAPES_TOLD], key=lambda group: group[0].connection_id)
    chosen.left = [c for group in ranked[SHAPES_TOLD:] for c in group]
    for group in kept:
        most = max(group, key=lambda c: c.bytes)
        chosen.told.append(most.connection_id)
        chosen.alike[most.connection_id] = [c for c in group if c is not most]
    return chosen
