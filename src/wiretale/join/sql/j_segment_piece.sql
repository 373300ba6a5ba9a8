-- Captured payload of one stream's segments (join/stream_bytes.py).
SELECT s.lo + coalesce(a.shift, 0), p.frame[p.payload_offset + 1:p.payload_offset + p.payload_bytes]
FROM j_subflow c
JOIN j_flow f USING (flow_id)
JOIN j_segment s USING (stream)
JOIN packet p USING (packet_id)
LEFT JOIN j_align a ON a.connection_id = c.connection_id AND a.direction = $direction
WHERE c.connection_id = $connection AND (s.forward = (c.forward = 'c2s')) = ($direction = 'c2s') AND s.hi > s.lo
  AND p.payload_offset IS NOT NULL AND NOT coalesce(a.unknown, false) AND NOT list_contains(s.analysis, 'keep_alive')
ORDER BY s.lo
