-- j_unlinked (temporary): one row is one way in which payload bytes of calls are or are not linked, with the bytes.
-- `unplaced`: of calls whose place in the stream is unknown. From stream_write, stream_read, j_start, j_linked and segment (join/links.py makes `coverage` rows of it).
CREATE OR REPLACE TEMP TABLE j_unlinked AS
WITH nowhere AS (SELECT connection_id, direction, side FROM j_start WHERE start_reason IS NOT NULL),
captured AS (
    SELECT connection_id, direction, max(hi) AS top FROM segment WHERE shown AND (hi > lo OR lo IS NULL) GROUP BY ALL
),
ended AS (
    SELECT connection_id, max(s.acked) FILTER (s.direction = 's2c') AS c2s_acked, max(s.acked) FILTER (s.direction = 'c2s') AS s2c_acked
    FROM segment s WHERE s.shown GROUP BY connection_id
),
written AS (
    SELECT w.hi - w.lo AS bytes, coalesce(l.bytes, 0) AS linked, (w.connection_id, w.direction, 'w') IN (SELECT (connection_id, direction, side) FROM nowhere) AS unplaced,
           -- beyond all that packets carried and that the other end acknowledged or read: it never left
           CASE WHEN c.top >= greatest(coalesce(CASE w.direction WHEN 'c2s' THEN e.c2s_acked ELSE e.s2c_acked END, 0), coalesce(r.top, 0))
                THEN greatest(w.hi - greatest(w.lo, c.top), 0) ELSE 0 END AS unsent
    FROM stream_write w JOIN captured c USING (connection_id, direction)
    LEFT JOIN j_linked l ON l.kind = 'write_segment' AND l.id = w.write_id
    LEFT JOIN ended e USING (connection_id)
    LEFT JOIN (SELECT connection_id, direction, max(hi) AS top FROM stream_read WHERE NOT peeked GROUP BY ALL) r
           USING (connection_id, direction)
),
read AS (
    SELECT r.hi - r.lo AS bytes, coalesce(l.bytes, 0) AS linked, (r.connection_id, r.direction, 'r') IN (SELECT (connection_id, direction, side) FROM nowhere) AS unplaced
    FROM stream_read r JOIN captured USING (connection_id, direction)
    LEFT JOIN j_linked l ON l.kind = 'segment_read' AND l.id = r.read_id
    WHERE NOT r.peeked
)
SELECT 'written' AS what, sum(bytes)::BIGINT AS bytes, sum(linked)::BIGINT AS linked,
       sum(CASE WHEN unplaced THEN 0 ELSE least(unsent, bytes - linked) END)::BIGINT AS unsent,
       sum(CASE WHEN unplaced THEN bytes - linked ELSE 0 END)::BIGINT AS unplaced
FROM written HAVING count(*) > 0
UNION ALL
SELECT 'read', sum(bytes)::BIGINT, sum(linked)::BIGINT, 0, sum(CASE WHEN unplaced THEN bytes - linked ELSE 0 END)::BIGINT FROM read HAVING count(*) > 0;
