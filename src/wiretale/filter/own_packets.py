"""Which packets concern the traced programs: what `show` prints unless asked for all, and what `explain` counts."""

import duckdb

# Flows that recorded programs made themselves, of whole packets, and those of the answers: their ends are no sockets of
# theirs. What only a sniffer heard is no such flow.
MADE_WHOLE = (
    "SELECT m.connection_id FROM segment m JOIN packet_call w ON w.packet_id = m.packet_id"
    " WHERE m.connection_id IS NOT NULL AND EXISTS (FROM packet_call WHERE side = 'w')"
)
_OWN_CONNECTIONS = f"SELECT connection_id FROM endpoint WHERE pid IS NOT NULL UNION {MADE_WHOLE}"  # noqa: S608 (fixed text)
# Packets of their connections, those they sent or took whole, and what belongs to no connection (ICMP, ARP). Aliases as
# in `events`.
OWN_PACKETS = (
    "p.shown AND (g.connection_id IS NULL AND coalesce(p.ip_protocol, 0) NOT IN (6, 17, 136)"  # noqa: S608 (fixed text)
    f" OR g.connection_id IN ({_OWN_CONNECTIONS})"
    " OR p.packet_id IN (SELECT packet_id FROM packet_call WHERE packet_id IS NOT NULL))"
)
# What OWN_PACKETS rules out, counted without joining every packet: of TCP and UDP all but the own, of which each is
# counted once, by its connection or as one that was sent or taken whole.
FOREIGN = (
    "SELECT (SELECT count(*) FROM packet WHERE shown AND ip_protocol IN (6, 17, 136))"  # noqa: S608 (fixed text)
    f" - (SELECT count(*) FROM segment WHERE shown AND connection_id IN ({_OWN_CONNECTIONS}))"
    " - (SELECT count(DISTINCT packet_id) FROM packet_call w JOIN packet p USING (packet_id)"
    " LEFT JOIN segment g USING (packet_id) WHERE p.ip_protocol IN (6, 17, 136)"
    f" AND NOT coalesce(g.shown AND g.connection_id IN ({_OWN_CONNECTIONS}), FALSE))"
)


def traces_connections(db: duckdb.DuckDBPyConnection) -> bool:
    """Whether any connection has an end in a traced process; without, no packet can be called another program's."""
    row = db.execute("SELECT 1 FROM endpoint WHERE pid IS NOT NULL LIMIT 1").fetchone()
    return row is not None
