-- Captured pieces of one side of some streams, at the positions that the order of returns gives (join/stream_bytes.py), stream by
-- stream.
WITH placed AS (
    SELECT p.connection_id, p.direction, p.call_id, p.message, p.side, coalesce(b.base, 0)
           + coalesce(sum(p.bytes) OVER (PARTITION BY p.connection_id, p.direction ORDER BY p.exit_ns, p.call_id, p.message
                                         ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS lo,
           p.bytes, p.discarded
    FROM j_placed p
    JOIN (SELECT unnest($connections) AS connection_id, unnest($directions) AS direction) k USING (connection_id, direction)
    LEFT JOIN j_start b USING (connection_id, direction, side)
    WHERE p.side = $side AND NOT p.peeked
)
SELECT p.connection_id, p.direction, (p.lo + d."offset")::BIGINT, d.bytes[1:p.bytes - d."offset"]
FROM placed p JOIN call_data d USING (call_id)
WHERE NOT p.discarded AND d.role = 'payload' AND d.at_exit = (p.side = 'r') AND d.idx // 65536 = p.message AND d."offset" < p.bytes
ORDER BY 1, 2, 3
