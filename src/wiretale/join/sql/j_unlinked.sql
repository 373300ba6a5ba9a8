-- Payload bytes of calls that no link covers, where packets of their stream were captured (join/links.py).
-- The union of the ranges of one row's links is found by a running maximum over them in order.
WITH part AS (
    SELECT kind, coalesce(CASE WHEN kind = 'segment_read' THEN read_id ELSE write_id END) AS id, lo, hi,
           max(hi) OVER (PARTITION BY kind, CASE WHEN kind = 'segment_read' THEN read_id ELSE write_id END ORDER BY lo, hi
                         ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
    FROM link WHERE kind IN ('write_segment', 'segment_read')
),
linked AS (SELECT kind, id, sum(greatest(hi - greatest(lo, coalesce(before, lo)), 0)) AS bytes FROM part GROUP BY kind, id),
captured AS (SELECT DISTINCT connection_id, direction FROM segment WHERE hi > lo OR lo IS NULL),
gap AS (
    SELECT 'written bytes without a packet' AS item, sum(w.hi - w.lo - coalesce(l.bytes, 0)) AS bytes
    FROM stream_write w JOIN captured USING (connection_id, direction)
    LEFT JOIN linked l ON l.kind = 'write_segment' AND l.id = w.write_id
    UNION ALL
    SELECT 'read bytes without a packet', sum(r.hi - r.lo - coalesce(l.bytes, 0))
    FROM stream_read r JOIN captured USING (connection_id, direction)
    LEFT JOIN linked l ON l.kind = 'segment_read' AND l.id = r.read_id
)
SELECT item, bytes::BIGINT, 'no captured packet carries them: lost by the capture, still unsent, or not comparable'
FROM gap WHERE bytes > 0
