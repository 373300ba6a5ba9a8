"""Which packets concern the traced programs: what `show` prints unless asked for all, and what `explain` counts."""

import duckdb

# Packets of their connections, and what belongs to no connection (ICMP, ARP). Aliases as in `events`.
OWN_PACKETS = (
    "p.shown AND (g.connection_id IS NULL AND coalesce(p.ip_protocol, 0) NOT IN (6, 17, 136)"
    " OR g.connection_id IN (SELECT connection_id FROM endpoint WHERE pid IS NOT NULL))"
)


def traces_connections(db: duckdb.DuckDBPyConnection) -> bool:
    """Whether any connection has an end in a traced process; without, no packet can be called another program's."""
    row = db.execute("SELECT 1 FROM endpoint WHERE pid IS NOT NULL LIMIT 1").fetchone()
    return row is not None
