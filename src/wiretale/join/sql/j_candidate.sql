-- j_candidate (temporary): one row is one pair of rows whose byte ranges overlap, before their bytes are compared.
-- From stream_write, stream_read, segment and the datagram matches. In every stream the writes are disjoint and in
-- order, and so are the reads: the first and last of them that a range touches are found by two ASOF joins, and all
-- between are taken, so the cost is that of sorting plus the number of links.
CREATE OR REPLACE TEMP TABLE j_write_row AS
SELECT w.write_id, w.connection_id, w.direction, w.lo, w.hi, w.exact, c.start_ns, c.exit_ns,
       row_number() OVER (PARTITION BY w.connection_id, w.direction ORDER BY w.lo, w.write_id) AS k
FROM stream_write w JOIN call c USING (call_id) JOIN j_connection x USING (connection_id)
WHERE w.hi > w.lo AND x.protocol IN ('tcp', 'unix-stream');

CREATE OR REPLACE TEMP TABLE j_read_row AS
SELECT r.read_id, r.connection_id, r.direction, r.lo, r.hi, r.exact, r.peeked, c.start_ns, c.exit_ns,
       row_number() OVER (PARTITION BY r.connection_id, r.direction, r.peeked ORDER BY r.lo, r.read_id) AS k
FROM stream_read r JOIN call c USING (call_id) JOIN j_connection x USING (connection_id)
WHERE r.hi > r.lo AND x.protocol IN ('tcp', 'unix-stream');

-- Segments with payload that may carry a link. A keep-alive's byte is not part of the stream.
CREATE OR REPLACE TEMP TABLE j_segment_row AS
SELECT s.packet_id, s.connection_id, s.direction, s.lo, s.hi, s.is_new, p.time_ns,
       -- what of it was not there before: its tail, when it begins below the highest byte sent so far
       CASE WHEN s.is_new THEN least(s.hi, greatest(s.lo, coalesce(CASE WHEN m.top > s.lo AND m.top < s.hi THEN m.top END, s.lo)))
            ELSE s.lo END AS new_lo
FROM segment s JOIN packet p USING (packet_id)
JOIN j_connection x USING (connection_id)
LEFT JOIN (
    SELECT packet_id, max(hi) OVER (PARTITION BY connection_id, direction ORDER BY packet_id
                                    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS top
    FROM segment WHERE shown AND lo IS NOT NULL AND hi > lo
) m USING (packet_id)
WHERE s.shown AND s.lo IS NOT NULL AND s.hi > s.lo AND x.protocol = 'tcp'
  AND NOT list_contains(s.analysis, 'keep_alive');

CREATE OR REPLACE TEMP TABLE j_new_segment AS
SELECT *, row_number() OVER (PARTITION BY connection_id, direction ORDER BY new_lo, packet_id) AS k
FROM j_segment_row WHERE is_new;

CREATE OR REPLACE TEMP TABLE j_candidate AS
WITH write_segment AS (
    SELECT s.packet_id, s.connection_id, s.direction, s.lo, s.hi, s.is_new, s.time_ns, unnest(range(coalesce(a.k, 1), b.k + 1)) AS k
    FROM j_segment_row s
    ASOF LEFT JOIN j_write_row a ON a.connection_id = s.connection_id AND a.direction = s.direction AND s.lo >= a.lo
    ASOF JOIN (SELECT connection_id, direction, lo, k FROM j_write_row) b
         ON b.connection_id = s.connection_id AND b.direction = s.direction AND s.hi - 1 >= b.lo
),
segment_read AS (
    SELECT s.packet_id, s.connection_id, s.direction, s.new_lo AS lo, s.hi, s.is_new, s.time_ns,
           unnest(range(coalesce(a.k, 1), b.k + 1)) AS k
    FROM j_segment_row s
    ASOF LEFT JOIN (SELECT * FROM j_read_row WHERE NOT peeked) a
         ON a.connection_id = s.connection_id AND a.direction = s.direction AND s.new_lo >= a.lo
    ASOF JOIN (SELECT connection_id, direction, lo, k FROM j_read_row WHERE NOT peeked) b
         ON b.connection_id = s.connection_id AND b.direction = s.direction AND s.hi - 1 >= b.lo
),
segment_peek AS (
    SELECT r.read_id, r.connection_id, r.direction, r.lo, r.hi, r.exact, r.exit_ns, unnest(range(coalesce(a.k, 1), b.k + 1)) AS k
    FROM (SELECT * FROM j_read_row WHERE peeked) r
    ASOF LEFT JOIN j_new_segment a ON a.connection_id = r.connection_id AND a.direction = r.direction AND r.lo >= a.new_lo
    ASOF JOIN (SELECT connection_id, direction, new_lo, k FROM j_new_segment) b
         ON b.connection_id = r.connection_id AND b.direction = r.direction AND r.hi - 1 >= b.new_lo
),
write_read AS (
    SELECT r.read_id, r.connection_id, r.direction, r.lo, r.hi, r.exact, r.exit_ns, unnest(range(coalesce(a.k, 1), b.k + 1)) AS k
    FROM j_read_row r
    ASOF LEFT JOIN j_write_row a ON a.connection_id = r.connection_id AND a.direction = r.direction AND r.lo >= a.lo
    ASOF JOIN (SELECT connection_id, direction, lo, k FROM j_write_row) b
         ON b.connection_id = r.connection_id AND b.direction = r.direction AND r.hi - 1 >= b.lo
),
all_pairs AS (
    SELECT 'write_segment' AS kind, p.connection_id, p.direction, greatest(p.lo, w.lo) AS lo, least(p.hi, w.hi) AS hi,
           w.write_id, p.packet_id, NULL::BIGINT AS read_id, NOT p.is_new AS retransmission, w.exact AS exact,
           p.time_ns - w.start_ns AS lag_ns, p.time_ns >= w.start_ns AS causal
    FROM write_segment p JOIN j_write_row w USING (connection_id, direction, k)
    UNION ALL
    SELECT 'segment_read', p.connection_id, p.direction, greatest(p.lo, r.lo), least(p.hi, r.hi),
           NULL, p.packet_id, r.read_id, NOT p.is_new, r.exact, r.exit_ns - p.time_ns, r.exit_ns >= p.time_ns
    FROM segment_read p JOIN j_read_row r USING (connection_id, direction, k)
    -- a repeat that came after the bytes had been read delivered nothing
    WHERE NOT r.peeked AND (p.is_new OR p.time_ns <= r.exit_ns)
    UNION ALL
    SELECT 'segment_read', p.connection_id, p.direction, greatest(p.lo, s.new_lo), least(p.hi, s.hi),
           NULL, s.packet_id, p.read_id, false, p.exact, p.exit_ns - s.time_ns, true
    FROM segment_peek p JOIN j_new_segment s USING (connection_id, direction, k)
    UNION ALL
    SELECT 'write_read', p.connection_id, p.direction, greatest(p.lo, w.lo), least(p.hi, w.hi),
           w.write_id, NULL, p.read_id, false, p.exact AND w.exact, p.exit_ns - w.start_ns, true
    FROM write_read p JOIN j_write_row w USING (connection_id, direction, k)
)
SELECT row_number() OVER () AS candidate_id, * EXCLUDE (causal) FROM all_pairs WHERE lo < hi
UNION ALL
SELECT -row_number() OVER (), * FROM j_datagram_pair;
