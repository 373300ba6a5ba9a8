"""The connections of a capture, with both ends, as rows for a table or JSON."""

import duckdb

from wiretale.filter.own_packets import MADE_WHOLE
from wiretale.filter.tables import with_all_tables
from wiretale.light import dataclass


@dataclass(frozen=True, slots=True)
class End:
    """One end of a connection. `pid`, `comm` and `fd` are None when its process was not traced."""

    addr: str | None
    port: int | None
    pid: int | None
    comm: str | None
    fd: int | None


@dataclass(frozen=True, slots=True)
class ConnectionRow:
    """One connection. Times are CLOCK_MONOTONIC ns. `handshake_ns` is first SYN to third segment; None if not seen."""

    id: int
    protocol: str
    client: End
    server: End
    outcome: str | None
    client_state: str | None
    server_state: str | None
    client_bytes: int
    server_bytes: int
    packets: int
    retransmissions: int
    from_ns: int | None
    to_ns: int | None
    handshake_ns: int | None
    client_known_by: str | None


_QUERY = """
WITH process AS (
    SELECT e.connection_id, e.role, e.pid, e.fd, arg_max(t.comm, t.start_ns) AS comm
    FROM endpoint e LEFT JOIN task t ON t.pid = e.pid AND t.is_leader GROUP BY ALL
),
again AS (
    SELECT connection_id, count(*) AS n FROM segment
    WHERE shown AND list_has_any(analysis, ['retransmission', 'fast_retransmission', 'spurious_retransmission'])
    GROUP BY connection_id
),
last_state AS (
    SELECT e.connection_id, e.role, arg_max(s.state, s.from_ns) AS state
    FROM tcp_state s JOIN endpoint e USING (endpoint_id) GROUP BY ALL
)
SELECT k.connection_id, k.protocol, k.client_addr, k.client_port, c.pid, c.comm, c.fd, k.server_addr, k.server_port,
    s.pid, s.comm, s.fd, k.outcome, cs.state, ss.state, k.client_bytes, k.server_bytes, k.packets, a.n, k.from_ns,
    k.to_ns, CASE WHEN k.protocol = 'tcp' THEN k.established_ns - k.from_ns END, k.client_known_by
FROM connection k
LEFT JOIN process c ON c.connection_id = k.connection_id AND c.role = 'client'
LEFT JOIN process s ON s.connection_id = k.connection_id AND s.role = 'server'
LEFT JOIN last_state cs ON cs.connection_id = k.connection_id AND cs.role = 'client'
LEFT JOIN last_state ss ON ss.connection_id = k.connection_id AND ss.role = 'server'
LEFT JOIN again a ON a.connection_id = k.connection_id
WHERE ? OR c.pid IS NOT NULL OR s.pid IS NOT NULL
ORDER BY k.connection_id"""


def made_whole(db: duckdb.DuckDBPyConnection) -> int:
    """How many connections are only packets that recorded programs made, or took, whole."""
    row = db.execute(
        f"SELECT count(*) FROM ({MADE_WHOLE} EXCEPT SELECT connection_id FROM endpoint WHERE pid IS NOT NULL)"  # noqa: S608
    ).fetchone()
    return int(row[0]) if row else 0


def connections(db: duckdb.DuckDBPyConnection, *, untraced: bool) -> list[ConnectionRow]:
    """All connections in order of birth; those without a traced end only if `untraced`."""
    with_all_tables(db)
    return [
        ConnectionRow(
            r[0], r[1] or "?", End(*r[2:7]), End(*r[7:12]), r[12], r[13], r[14], r[15] or 0, r[16] or 0, r[17] or 0,
            r[18] or 0,
            r[19], r[20], r[21], r[22],
        )
        for r in db.execute(_QUERY, [untraced]).fetchall()
    ]  # fmt: skip
