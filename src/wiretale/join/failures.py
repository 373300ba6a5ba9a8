"""Why connections failed: SO_ERROR, errors of later calls, and ICMP (temporary tables `j_failure`, `j_icmp`)."""

import struct

import duckdb

from wiretale.decode.icmp_quote import quoted_packet
from wiretale.decode.ip_protocols import TCP
from wiretale.join.associations import DATAGRAMS
from wiretale.join.models import run
from wiretale.join.rows import put

SOL_SOCKET, SO_ERROR = 1, 4  # asm-generic/socket.h
# Errors by which the kernel tells that the other side is not there (connect(2), udp(7), ip(7)).
TELLING = (111, 110, 113, 101, 112, 100, 104)

# (IP version, ICMP type, code) -> the error that Linux reports for it (icmp(7); icmp_err_convert, net/ipv4/icmp.c;
# icmpv6_err_convert, net/ipv6/icmp.c)
ICMP_ERRORS = {
    (4, 3, 0): 101,
    (4, 3, 1): 113,
    (4, 3, 2): 92,
    (4, 3, 3): 111,
    (4, 3, 6): 101,
    (4, 3, 7): 112,
    (4, 3, 9): 101,
    (4, 3, 10): 113,
    (4, 3, 13): 113,
    (6, 1, 0): 101,
    (6, 1, 1): 13,
    (6, 1, 3): 113,
    (6, 1, 4): 111,
}


# When each end last heard from the other. Who is answered later was not refused for good: a server that started late.
_HEARD = """
CREATE OR REPLACE TEMP TABLE j_heard AS
SELECT s.connection_id, CASE s.direction WHEN 'c2s' THEN 'server' ELSE 'client' END AS role, max(p.time_ns) AS at
FROM segment s JOIN packet p USING (packet_id) JOIN j_connection c USING (connection_id)
WHERE s.shown AND c.protocol IN ('udp', 'udplite') GROUP BY ALL
"""


def _put_icmp(db: duckdb.DuckDBPyConnection) -> dict[int, int]:
    """`j_icmp`: which end of which connection an ICMP error was for. Gives the error of each connection it ended."""
    quotes = []
    for packet_id, time, version, kind, code, data in db.execute(
        """
        SELECT packet_id, time_ns, ip_version, icmp_type, icmp_code, frame[payload_offset + 1:] FROM packet
        WHERE shown AND icmp_type IN (SELECT unnest(?)) AND payload_offset IS NOT NULL ORDER BY packet_id
        """,
        [sorted({kind for _, kind, _ in ICMP_ERRORS})],
    ).fetchall():
        error, quote = ICMP_ERRORS.get((version, kind, code)), quoted_packet(version, data or b"")
        if error is not None and quote is not None:
            protocol = "tcp" if quote.protocol == TCP else DATAGRAMS[quote.protocol]
            quotes.append((packet_id, time, error, protocol, quote.src, quote.srcport, quote.dst, quote.dstport))
    columns = (
        ("packet_id", "BIGINT"),
        ("time_ns", "BIGINT"),
        ("error", "INTEGER"),
        ("protocol", "VARCHAR"),
        ("src", "VARCHAR"),
        ("srcport", "INTEGER"),
        ("dst", "VARCHAR"),
        ("dstport", "INTEGER"),
    )
    put(db, "j_quote", columns, quotes)
    run(db, "j_icmp")
    db.execute(_HEARD)
    rows = db.execute(
        """
        SELECT i.connection_id, arg_min(i.error, i.packet_id) FROM j_icmp i JOIN j_connection c USING (connection_id)
        LEFT JOIN j_heard h ON h.connection_id = i.connection_id AND h.role = i.role
        WHERE c.protocol IN ('udp', 'udplite') AND coalesce(h.at <= i.time_ns, true)
           OR c.protocol NOT IN ('udp', 'udplite') AND i.connection_id NOT IN (
            SELECT f.connection_id FROM j_event e JOIN j_connection_flow f USING (flow_id) WHERE e.what = 'syn-ack')
        GROUP BY i.connection_id
        """
    ).fetchall()
    return dict(rows)


def put_failures(db: duckdb.DuckDBPyConnection) -> None:
    """Make `j_failure`: the error number that ended (or prevented) a connection, as a call or ICMP reported it."""
    found: dict[int, int] = _put_icmp(db)
    for connection_id, data in db.execute(
        """
        SELECT s.connection_id, d.bytes
        FROM call c JOIN call_file f USING (call_id) JOIN j_side s USING (socket_id)
        JOIN call_data d ON d.call_id = c.call_id AND d.role = 'optval' AND d.at_exit
        WHERE c.name = 'getsockopt' AND c.a1 = $level AND c.a2 = $option AND c.retval = 0
          AND c.entry_ns BETWEEN s.from_ns AND s.to_ns
        ORDER BY c.call_id
        """,
        {"level": SOL_SOCKET, "option": SO_ERROR},
    ).fetchall():
        if data is not None and len(data) >= 4 and (error := struct.unpack_from("<i", data)[0]) > 0:
            found.setdefault(connection_id, error)
    for connection_id, error in db.execute(
        """
        WITH told AS (
            SELECT c.call_id, c.errno, c.entry_ns, s.connection_id, s.role, x.protocol
            FROM call c JOIN call_file f USING (call_id) JOIN j_side s USING (socket_id)
            JOIN j_connection x USING (connection_id)
            WHERE list_contains($errors, c.errno) AND c.entry_ns BETWEEN s.from_ns AND s.to_ns AND c.name <> 'connect'
            -- of a socket that talks to several the error alone does not say whom it is about
            QUALIFY count(*) OVER (PARTITION BY c.call_id) = 1
        )
        SELECT connection_id, first(errno ORDER BY call_id) FROM told LEFT JOIN j_heard h USING (connection_id, role)
        WHERE protocol IN ('udp', 'udplite') AND coalesce(h.at <= entry_ns, true) GROUP BY connection_id
        """,
        {"errors": list(TELLING)},
    ).fetchall():
        found.setdefault(connection_id, error)
    put(db, "j_failure", (("connection_id", "BIGINT"), ("icmp_errno", "INTEGER")), sorted(found.items()))
