-- stream_read: one row is one stretch of payload that a call took out of a stream (or peeked at), or one datagram.
-- From j_placed (side 'r'), j_order, and j_datagram (which datagram a read returned, by its bytes). The position is the
-- running sum of successful results on the socket; a peek stands where the next read will, unless SO_PEEK_OFF (42 at level
-- SOL_SOCKET, 1: asm-generic/socket.h) was set on its socket: each peek then begins where the last one ended.
INSERT INTO stream_read
WITH moving AS (
    SELECT DISTINCT f.socket_id FROM call c JOIN call_file f USING (call_id)
    WHERE c.name = 'setsockopt' AND c.a1 = 1 AND c.a2 = 42 AND c.errno IS NULL
),
ordered AS (
    SELECT p.*, coalesce(o.rank, 0) AS rank, coalesce(o.anchor_ns, p.exit_ns) AS anchor_ns,
           CASE WHEN p.peeked AND p.socket_id IN (FROM moving) THEN 'SO_PEEK_OFF was set: where a peek began is not known'
                ELSE o.reason END AS reason,
           CASE WHEN p.peeked OR o.aside THEN 0 ELSE p.bytes + coalesce(o.skipped, 0) END AS advance,
           coalesce(o.aside_lo, NULL) AS aside_lo
    FROM j_placed p LEFT JOIN j_order o ON o.side = 'r' AND o.call_id = p.call_id AND o.message = p.message
    WHERE p.side = 'r'
),
placed AS (
    SELECT r.*, b.start_reason, coalesce(b.base, 0) + sum(r.advance) OVER stream - r.advance
                + CASE WHEN r.advance > 0 THEN r.advance - r.bytes ELSE 0 END AS running_lo,
           row_number() OVER stream - 1 AS n
    FROM ordered r LEFT JOIN j_start b USING (connection_id, direction, side)
    WINDOW stream AS (PARTITION BY r.connection_id, r.direction ORDER BY r.anchor_ns, r.rank, r.exit_ns, r.call_id, r.message
                      ROWS UNBOUNDED PRECEDING)
)
SELECT row_number() OVER (), * FROM (
    SELECT call_id, connection_id, direction, socket_id, n, coalesce(d.lo, aside_lo, running_lo),
           coalesce(d.lo, aside_lo, running_lo) + bytes, message,
           coalesce(d.reason, p.reason, start_reason) IS NULL, coalesce(d.reason, p.reason, start_reason), peeked
    FROM placed p LEFT JOIN j_datagram_read d USING (call_id, message)
    ORDER BY exit_ns, call_id, message, direction);
