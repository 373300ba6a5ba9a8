"""What occurs in a capture at all, asked once: a question about what never happened need not be asked.

DuckDB plans a query of twenty lines for longer than it runs over a small capture, and most captures hold few of the
things a story looks for. A sign is necessary for what it stands for, never sufficient.
"""

from collections.abc import Collection

import duckdb

from wiretale.light import dataclass

_CALLS = "SELECT name, errno, count(*) FROM call GROUP BY ALL"
_TEXTS = """
SELECT 'netlink' AS what, '' AS value FROM socket WHERE family = 'AF_NETLINK'
UNION SELECT DISTINCT 'analysis', unnest(analysis) FROM segment WHERE shown AND analysis <> []
UNION SELECT 'probe', truth FROM segment WHERE shown AND truth IS NOT NULL
UNION SELECT protocol, outcome FROM connection
UNION SELECT 'wait', ended_by FROM wait
UNION SELECT 'socket', type FROM socket WHERE family IN ('AF_INET', 'AF_INET6')
UNION SELECT 'raw', '' FROM socket
    WHERE family = 'AF_PACKET' OR family IN ('AF_INET', 'AF_INET6') AND type = 'SOCK_RAW' AND protocol NOT IN (1, 58)
UNION SELECT 'raw', '' FROM packet_call
UNION SELECT 'reset', '' FROM packet WHERE shown AND flags & 4 <> 0"""
_NUMBERS = "SELECT (SELECT count(*) FROM stream_write), (SELECT count(*) FROM stream_read)"


@dataclass(frozen=True, slots=True)
class Signs:
    """What there is: names of calls, (name, errno) with their numbers, and so on; each as the tables spell it."""

    calls: frozenset[str]
    errors: dict[tuple[str, int], int]
    analysis: frozenset[str]
    has_probes: bool  # segments that only ask: keep-alive, zero window
    has_resets: bool
    netlink: bool
    raw: bool  # raw sockets of the internet families, but for ICMP's, or packet sockets
    outcomes: frozenset[tuple[str, str]]  # (protocol, outcome) of connections
    wait_ends: frozenset[str]
    inet_types: frozenset[str]  # of sockets of the internet families
    writes: int
    reads: int

    def talked(self, *protocols: str) -> bool:
        """Whether there is a connection over any of these protocols."""
        return any(protocol in protocols for protocol, _ in self.outcomes)

    def ended(self, protocol: str, *outcomes: str) -> bool:
        """Whether a connection over this protocol came to one of these ends."""
        return any((protocol, outcome) in self.outcomes for outcome in outcomes)

    def called(self, *names: str) -> bool:
        """Whether any of these calls was made."""
        return not self.calls.isdisjoint(names)

    def failed(self, *names: str) -> bool:
        """Whether any of these calls failed, with whatever error."""
        return any(name in names for name, _ in self.errors)

    def met(self, *errnos: int, by: Collection[str] = ()) -> int:
        """How many calls failed with one of these errors; of these calls only, if any are named."""
        return sum(n for (name, errno), n in self.errors.items() if errno in errnos and (not by or name in by))


def load_signs(db: duckdb.DuckDBPyConnection) -> Signs:
    """Ask for all of them, in three queries."""
    counted = db.execute(_CALLS).fetchall()
    texts: dict[str, set[str]] = {}
    for what, value in db.execute(_TEXTS).fetchall():
        texts.setdefault(what or "", set()).add(value or "")
    analysis, wait_ends, inet_types = (frozenset(texts.pop(what, ())) for what in ("analysis", "wait", "socket"))
    has_probes, has_resets, netlink, raw = (bool(texts.pop(what, ())) for what in ("probe", "reset", "netlink", "raw"))
    writes, reads = db.execute(_NUMBERS).fetchone() or (0, 0)
    return Signs(
        frozenset(name for name, _, _ in counted if name is not None),
        {(name or "?", errno): number for name, errno, number in counted if errno is not None},
        analysis, has_probes, has_resets, netlink, raw,
        frozenset((protocol, outcome) for protocol, found in texts.items() for outcome in found),
        wait_ends, inet_types, writes, reads,
    )  # fmt: skip
