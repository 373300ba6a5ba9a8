"""Which call a way through the kernel begins with, where a packet, a byte or a read was named."""

import duckdb


def first_write(db: duckdb.DuckDBPyConnection) -> int | None:
    """The first call whose bytes are known to have been read at the other end."""
    row = db.execute(
        "SELECT min(w.call_id) FROM stream_write w JOIN link l USING (write_id)"
        " JOIN kernel_link k ON k.call_id = w.call_id WHERE l.kind = 'write_read'"
    ).fetchone()
    return row[0] if row else None


def writes_of_packet(db: duckdb.DuckDBPyConnection, number: int) -> list[int]:
    """The calls whose bytes a packet carried."""
    rows = db.execute(
        "SELECT w.call_id FROM packet p JOIN link l USING (packet_id) JOIN stream_write w USING (write_id)"
        " WHERE p.number = $number AND l.kind = 'write_segment' UNION SELECT c.call_id FROM packet p JOIN packet_call c"
        " USING (packet_id) WHERE p.number = $number AND c.side = 'w' ORDER BY 1",
        {"number": number},
    )
    return [call_id for (call_id,) in rows.fetchall()]


def write_of_read(db: duckdb.DuckDBPyConnection, call_id: int) -> int | None:
    """The first call whose bytes a call has read; None if it read none that are linked."""
    row = db.execute(
        "SELECT min(call_id) FROM (SELECT w.call_id FROM stream_read r JOIN link l USING (read_id) JOIN stream_write w"
        " USING (write_id) WHERE r.call_id = $call AND l.kind = 'write_read' UNION SELECT w.call_id FROM packet_call r"
        " JOIN packet_call w USING (packet_id) WHERE r.call_id = $call AND r.side = 'r' AND w.side = 'w')",
        {"call": call_id},
    ).fetchone()
    return row[0] if row else None


def first_byte(db: duckdb.DuckDBPyConnection, connection_id: int) -> int:
    """The first byte that the client wrote: 0, but of a raw or ICMP socket behind the IP header."""
    row = db.execute(
        "SELECT min(lo) FROM stream_write JOIN connection k USING (connection_id) WHERE connection_id = ?"
        " AND direction = 'c2s' AND k.protocol IN ('icmp', 'icmpv6', 'raw')",
        [connection_id],
    ).fetchone()
    return int(row[0]) if row is not None and row[0] is not None else 0


def write_of_byte(db: duckdb.DuckDBPyConnection, connection_id: int, direction: str, position: int) -> int | None:
    """The call that put a byte into a connection's stream."""
    row = db.execute(
        "SELECT min(call_id) FROM stream_write WHERE connection_id = ? AND direction = ? AND lo <= ? AND hi > ?",
        [connection_id, direction, position, position],
    ).fetchone()
    return row[0] if row else None
