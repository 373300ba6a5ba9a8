-- Captured payload of the segments of some streams (join/stream_bytes.py), stream by stream.
SELECT c.connection_id, k.direction, s.lo + coalesce(a.shift, 0),
       p.frame[p.payload_offset + 1:p.payload_offset + p.payload_bytes]
FROM (SELECT unnest($connections) AS connection_id, unnest($directions) AS direction) k
JOIN j_subflow c USING (connection_id)
JOIN j_flow f USING (flow_id)
JOIN j_segment s USING (stream)
JOIN packet p USING (packet_id)
LEFT JOIN j_align a ON a.connection_id = c.connection_id AND a.direction = k.direction
WHERE (s.forward = (c.forward = 'c2s')) = (k.direction = 'c2s') AND s.hi > s.lo
  AND p.payload_offset IS NOT NULL AND NOT coalesce(a.unknown, false) AND NOT list_contains(s.analysis, 'keep_alive')
ORDER BY 1, 2, 3
