-- j_write_row, j_read_row, j_segment_row (temporary): one row is one stretch of payload of a stream that may be linked,
-- as a call wrote it, as a call read it, as a segment carried it. From stream_write, stream_read, segment, call, packet
-- j_connection and j_start: calls of a side whose place in the stream is unknown may be linked to nothing.
-- join/candidates.py finds which of them overlap.
CREATE OR REPLACE TEMP TABLE j_write_row AS
SELECT w.write_id AS id, w.connection_id, w.direction, w.lo, w.hi, w.exact, c.start_ns, c.exit_ns
FROM stream_write w JOIN call c USING (call_id) JOIN j_connection x USING (connection_id)
WHERE w.hi > w.lo AND x.protocol IN ('tcp', 'unix-stream')
  AND (w.connection_id, w.direction) NOT IN
      (SELECT (connection_id, direction) FROM j_start WHERE side = 'w' AND start_reason IS NOT NULL);

CREATE OR REPLACE TEMP TABLE j_read_row AS
SELECT r.read_id AS id, r.connection_id, r.direction, r.lo, r.hi, r.exact, r.peeked, c.start_ns, c.exit_ns
FROM stream_read r JOIN call c USING (call_id) JOIN j_connection x USING (connection_id)
WHERE r.hi > r.lo AND x.protocol IN ('tcp', 'unix-stream')
  AND (r.connection_id, r.direction) NOT IN
      (SELECT (connection_id, direction) FROM j_start WHERE side = 'r' AND start_reason IS NOT NULL);

-- Segments with payload that may carry a link. A keep-alive's byte is not part of the stream, unless it is the very byte
-- that the sender's call put there. `frame_lo` is the position
-- in the stream at which the first byte of the frame would stand; `top` is up to where the other end had the stream.
CREATE OR REPLACE TEMP TABLE j_segment_row AS
WITH alone AS ( -- shaped like a keep-alive, with a byte
    SELECT s.packet_id, s.connection_id, s.direction, s.lo, p.frame[p.payload_offset + 1:p.payload_offset + 1] AS bytes
    FROM segment s JOIN packet p USING (packet_id)
    WHERE s.shown AND list_contains(s.analysis, 'keep_alive') AND s.hi = s.lo + 1 AND p.payload_bytes = 1
),
written AS (
    SELECT DISTINCT a.packet_id FROM alone a JOIN stream_write w ON w.connection_id = a.connection_id
           AND w.direction = a.direction AND w.lo <= a.lo AND w.hi > a.lo
    JOIN call_data d ON d.call_id = w.call_id AND d.role = 'payload' AND NOT d.at_exit AND d.idx // 65536 = w.message
         AND a.lo - w.lo - d."offset" BETWEEN 0 AND octet_length(d.bytes)::BIGINT - 1
    WHERE d.bytes[a.lo - w.lo - d."offset" + 1:a.lo - w.lo - d."offset" + 1] = a.bytes
),
had AS (
    SELECT connection_id, CASE direction WHEN 'c2s' THEN 's2c' ELSE 'c2s' END AS direction, max(acked) AS top
    FROM segment WHERE shown GROUP BY ALL
    UNION ALL
    SELECT connection_id, direction, max(hi) FROM j_read_row GROUP BY ALL
),
reached AS (SELECT connection_id, direction, max(top) AS top FROM had GROUP BY ALL)
SELECT s.packet_id, s.connection_id, s.direction, s.lo, s.hi,
       coalesce(e.was_new, s.is_new) AS is_new, p.time_ns, s.lo - p.payload_offset AS frame_lo,
       list_contains(s.analysis, 'keep_alive') AND s.truth IS DISTINCT FROM 'retransmission'
           AND s.packet_id NOT IN (SELECT packet_id FROM written) AS keep_alive, coalesce(r.top, 0) AS top
FROM segment s JOIN packet p USING (packet_id)
JOIN j_connection x USING (connection_id)
LEFT JOIN j_elsewhere e USING (packet_id)
LEFT JOIN reached r ON r.connection_id = s.connection_id AND r.direction = s.direction
WHERE s.shown AND s.lo IS NOT NULL AND s.hi > s.lo AND x.protocol = 'tcp';
