-- Captured pieces of one side of one stream, at the positions that the order of returns gives (join/stream_bytes.py).
WITH placed AS (
    SELECT p.call_id, p.message, p.side, coalesce(b.base, 0)
           + coalesce(sum(p.bytes) OVER (ORDER BY p.exit_ns, p.call_id, p.message ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS lo,
           p.bytes, p.discarded
    FROM j_placed p LEFT JOIN j_start b USING (connection_id, direction, side)
    WHERE p.connection_id = $connection AND p.direction = $direction AND p.side = $side AND NOT p.peeked
)
SELECT (p.lo + d."offset")::BIGINT, d.bytes[1:p.bytes - d."offset"] FROM placed p JOIN call_data d USING (call_id)
WHERE NOT p.discarded AND d.role = 'payload' AND d.at_exit = (p.side = 'r') AND d.idx // 65536 = p.message AND d."offset" < p.bytes
ORDER BY 1
