-- stream_write: one row is one stretch of payload that a call put into a stream, or one datagram.
-- From j_placed (side 'w'), j_order (what is known beyond the order of returns) and j_datagram_write (which IP packet of a
-- raw or ICMP socket it is). The position is the running sum of
-- successful results on the socket, in the order in which the calls returned.
INSERT INTO stream_write
WITH ordered AS (
    SELECT p.*, coalesce(o.rank, 0) AS rank, coalesce(o.anchor_ns, p.exit_ns) AS anchor_ns, o.reason
    FROM j_placed p LEFT JOIN j_order o ON o.side = 'w' AND o.call_id = p.call_id AND o.message = p.message
    WHERE p.side = 'w'
),
placed AS (
    SELECT *, coalesce(b.base, 0) + sum(bytes) OVER stream AS hi, row_number() OVER stream - 1 AS n
    FROM ordered LEFT JOIN j_start b USING (connection_id, direction, side)
    WINDOW stream AS (PARTITION BY connection_id, direction ORDER BY anchor_ns, rank, exit_ns, call_id, message
                      ROWS UNBOUNDED PRECEDING)
)
SELECT row_number() OVER (), * FROM (
    SELECT call_id, connection_id, direction, socket_id, n, coalesce(d.lo, hi - bytes), coalesce(d.lo + bytes, hi), message,
           coalesce(d.reason, p.reason, start_reason) IS NULL, coalesce(d.reason, p.reason, start_reason)
    FROM placed p LEFT JOIN j_datagram_write d USING (call_id, message)
    ORDER BY exit_ns, call_id, message, direction);
