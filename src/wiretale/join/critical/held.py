"""What held bytes back in the sender, as far as rows prove it: Nagle, a full window, one that was too small."""

import duckdb

from wiretale.join.critical.chain import By, Piece

# A probe of a window or of life is no acknowledgement, though it looks like one.
_BARE = """SELECT packet_id FROM packet p LEFT JOIN segment g USING (packet_id)
WHERE packet_id IN (SELECT unnest(?)) AND p.payload_bytes = 0 AND p.flags & 7 = 0 AND g.truth IS NULL
AND NOT list_has_any(g.analysis, ['keep_alive', 'zero_window_probe'])"""

_NO_ROOM = """SELECT DISTINCT c.call_id FROM call c JOIN stream_write w USING (call_id)
JOIN segment g ON g.connection_id = w.connection_id JOIN packet p USING (packet_id)
WHERE c.call_id IN (SELECT unnest(?)) AND p.time_ns BETWEEN c.start_ns AND coalesce(c.exit_ns, p.time_ns)
  AND list_contains(g.analysis, CASE WHEN g.direction = w.direction THEN 'window_full' ELSE 'zero_window' END)"""

# How far a sender was allowed to send: the farthest right edge (RFC 9293 3.8.6) of all acknowledgements but the last
# one before a segment. A segment that ends beyond it could not have been sent before that last one came.
_ALLOWED = """
WITH edge AS (
    SELECT connection_id, CASE direction WHEN 'c2s' THEN 's2c' ELSE 'c2s' END AS direction, packet_id, scaled_window,
           max(acked + scaled_window) OVER (PARTITION BY connection_id, direction ORDER BY packet_id) AS allowed
    FROM segment WHERE shown AND connection_id IN (SELECT unnest($connections))
      AND acked IS NOT NULL AND scaled_window IS NOT NULL
),
known AS (
    SELECT connection_id, direction, packet_id, lag(allowed) OVER w AS allowed, lag(scaled_window) OVER w AS bytes
    FROM edge WINDOW w AS (PARTITION BY connection_id, direction ORDER BY packet_id)
)
SELECT d.packet_id, d.connection_id, d.direction, d.lo, d.hi, k.packet_id AS opener, k.allowed, k.bytes
FROM segment d ASOF JOIN known k
  ON k.connection_id = d.connection_id AND k.direction = d.direction AND d.packet_id >= k.packet_id
WHERE d.shown AND d.is_new AND d.hi > d.lo"""

_TOO_SMALL = f"""SELECT c.call_id, max(b.bytes) FROM call c JOIN stream_write w USING (call_id)
JOIN ({_ALLOWED}) b ON b.connection_id = w.connection_id AND b.direction = w.direction AND b.hi > b.allowed
JOIN packet p ON p.packet_id = b.packet_id JOIN packet o ON o.packet_id = b.opener
WHERE c.call_id IN (SELECT unnest($calls)) AND o.time_ns > c.start_ns AND p.time_ns <= coalesce(c.exit_ns, p.time_ns)
GROUP BY c.call_id"""  # noqa: S608 (fixed text)

# RFC 9293 3.7.4: a segment of less than the MSS is not sent while earlier bytes are unacknowledged. The call that wrote
# its bytes was over when the acknowledgement came, and nothing else held it: no window (there was room, and nothing was
# lost, after which the congestion window is small), no TCP_CORK.
_NAGLE = """SELECT DISTINCT p.packet_id FROM packet p JOIN segment g USING (packet_id)
JOIN link l ON l.packet_id = p.packet_id AND l.kind = 'write_segment' JOIN stream_write w USING (write_id)
JOIN call c ON c.call_id = w.call_id
JOIN (SELECT q.time_ns, h.connection_id, h.direction, h.acked FROM packet q JOIN segment h USING (packet_id)
      WHERE q.packet_id IN (SELECT unnest($bare))) a ON a.connection_id = g.connection_id AND a.direction <> g.direction
WHERE p.packet_id IN (SELECT unnest($packets)) AND a.acked = g.lo AND a.time_ns <= p.time_ns AND c.exit_ns < a.time_ns
  AND p.payload_bytes > 0
  AND p.payload_bytes < (SELECT min(mss) FROM packet y JOIN segment z USING (packet_id)
                         WHERE z.connection_id = g.connection_id AND y.flags & 2 > 0)
  AND NOT EXISTS (SELECT 1 FROM segment e WHERE e.connection_id = g.connection_id AND e.packet_id <= g.packet_id
      AND list_has_any(e.analysis, ['retransmission', 'fast_retransmission', 'window_full', 'zero_window']))
  AND NOT EXISTS (SELECT 1 FROM call o JOIN call_connection x USING (call_id)
      WHERE x.connection_id = g.connection_id AND o.name = 'setsockopt' AND o.a1 = 6 AND o.a2 IN (1, 3))"""


def bare_acknowledgements(db: duckdb.DuckDBPyConnection, packets: list[int]) -> frozenset[int]:
    """Those (packet_id) that only acknowledge: no payload, SYN, FIN or RST, and no probe."""
    return frozenset(i for (i,) in db.execute(_BARE, [packets]).fetchall())


def waited_for_acknowledgement(
    db: duckdb.DuckDBPyConnection, packets: list[int], bare: frozenset[int], beyond: dict[int, int]
) -> frozenset[int]:
    """Those (packet_id) that are proven to have waited for the acknowledgement of earlier bytes (Nagle)."""
    found = db.execute(_NAGLE, {"bare": sorted(bare), "packets": packets}).fetchall()
    return frozenset(i for (i,) in found) - beyond.keys()


def calls_without_room(db: duckdb.DuckDBPyConnection, calls: list[int]) -> frozenset[int]:
    """Calls (call_id) during which the other end's receive window was full."""
    return frozenset(i for (i,) in db.execute(_NO_ROOM, [calls]).fetchall())


def calls_with_small_window(db: duckdb.DuckDBPyConnection, calls: list[int]) -> dict[int, int]:
    """Calls (call_id) during which a segment had to wait for the other end's receive window to grow.

    The bytes of the window that was too small; of several the largest.
    """
    found = "SELECT DISTINCT connection_id FROM stream_write WHERE call_id IN (SELECT unnest(?))"
    connections = [i for (i,) in db.execute(found, [calls]).fetchall()]
    return dict(db.execute(_TOO_SMALL, {"connections": connections, "calls": calls}).fetchall())


def beyond_the_window(db: duckdb.DuckDBPyConnection, pieces: list[Piece]) -> dict[int, int]:
    """Packets (packet_id) that the kernel sent when one came that allowed it; the bytes of the window before that."""
    let_go = {p.sent_id: p for p in pieces if p.by is By.ANSWERED and p.sent_id and p.packet_id}
    found = "SELECT DISTINCT connection_id FROM segment WHERE packet_id IN (SELECT unnest(?))"
    connections = [i for (i,) in db.execute(found, [list(let_go)]).fetchall()]
    rows = db.execute(
        "SELECT packet_id, opener, bytes, lo, hi, allowed"  # noqa: S608 (fixed text)
        f" FROM ({_ALLOWED}) WHERE packet_id IN (SELECT unnest($packets))",
        {"connections": connections, "packets": list(let_go)},
    )
    return {
        packet: size
        for packet, opener, size, lo, hi, allowed in rows.fetchall()
        if allowed is not None
        and let_go[packet].packet_id == opener
        and max(hi, lo + let_go[packet].sent_bytes) > allowed
    }
