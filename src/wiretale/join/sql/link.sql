-- link: one row is one proven relation between a write, a segment and a read, with the byte range and the evidence.
-- From j_candidate, whose pairs are compared byte by byte wherever both sides were captured: call_data (payload),
-- packet.frame. A pair that differs anywhere is no link; j_unequal keeps it for coverage.
CREATE OR REPLACE TEMP TABLE j_write_piece AS
SELECT w.write_id, w.lo + d."offset" AS lo, least(w.lo + d."offset" + octet_length(d.bytes), w.hi) AS hi, d.bytes
FROM stream_write w JOIN call_data d USING (call_id)
WHERE d.role = 'payload' AND NOT d.at_exit AND d.idx // 65536 = w.message AND octet_length(d.bytes) > 0 AND d."offset" < w.hi - w.lo;

CREATE OR REPLACE TEMP TABLE j_read_piece AS
SELECT r.read_id, r.lo + d."offset" AS lo, least(r.lo + d."offset" + octet_length(d.bytes), r.hi) AS hi, d.bytes
FROM stream_read r JOIN call_data d USING (call_id)
WHERE d.role = 'payload' AND d.at_exit AND d.idx // 65536 = r.message AND octet_length(d.bytes) > 0 AND d."offset" < r.hi - r.lo
  AND d.call_id NOT IN (SELECT call_id FROM j_placed WHERE discarded);

CREATE OR REPLACE TEMP TABLE j_compared AS
WITH piece AS (
    SELECT c.candidate_id, c.lo AS c_lo, c.hi AS c_hi, c.packet_id, c.frame_lo, w.lo, w.hi, w.bytes
    FROM j_candidate c JOIN j_write_piece w USING (write_id)
    WHERE c.kind = 'write_segment' AND w.lo < c.hi AND w.hi > c.lo
    UNION ALL
    SELECT c.candidate_id, c.lo, c.hi, c.packet_id, c.frame_lo, r.lo, r.hi, r.bytes
    FROM j_candidate c JOIN j_read_piece r USING (read_id)
    WHERE c.kind = 'segment_read' AND r.lo < c.hi AND r.hi > c.lo
),
with_packet AS (
    SELECT x.candidate_id, greatest(x.c_lo, x.lo) AS lo,
           least(x.c_hi, x.hi, x.frame_lo + octet_length(p.frame)::BIGINT) AS hi,
           x.bytes AS left_bytes, x.lo AS left_lo, p.frame AS right_bytes, x.frame_lo AS right_lo
    FROM piece x JOIN packet p USING (packet_id)
    WHERE x.frame_lo IS NOT NULL
),
with_call AS (
    SELECT c.candidate_id, greatest(c.lo, w.lo, r.lo) AS lo, least(c.hi, w.hi, r.hi) AS hi,
           w.bytes AS left_bytes, w.lo AS left_lo, r.bytes AS right_bytes, r.lo AS right_lo
    FROM j_candidate c JOIN j_write_piece w USING (write_id) JOIN j_read_piece r USING (read_id)
    WHERE c.kind = 'write_read' AND w.lo < c.hi AND w.hi > c.lo AND r.lo < c.hi AND r.hi > c.lo
),
overlap AS (
    SELECT * FROM with_packet WHERE lo < hi UNION ALL SELECT * FROM with_call WHERE lo < hi
)
SELECT candidate_id, sum(hi - lo)::BIGINT AS compared_bytes,
       bool_and(left_bytes[lo - left_lo + 1:hi - left_lo] = right_bytes[lo - right_lo + 1:hi - right_lo]) AS equal
FROM overlap GROUP BY candidate_id;

CREATE OR REPLACE TEMP TABLE j_unequal AS
SELECT c.* FROM j_candidate c JOIN j_compared USING (candidate_id) WHERE NOT equal;

INSERT INTO link
SELECT candidate_id, kind, connection_id,
       direction, lo, hi, write_id, packet_id, read_id, retransmission, first_copy,
       -- equal bytes tell where in a stream they are, but not which of several equal datagrams they were
       CASE WHEN equal AND (exact OR protocol IN ('tcp', 'unix-stream')) THEN 'bytes' WHEN exact THEN 'position' ELSE 'ambiguous' END, coalesce(compared_bytes, 0), lag_ns
FROM j_candidate LEFT JOIN j_compared USING (candidate_id) JOIN j_connection USING (connection_id)
WHERE equal IS DISTINCT FROM false
ORDER BY candidate_id;
