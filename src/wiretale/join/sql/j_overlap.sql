-- Calls of one socket side that overlap in time, by group, with what was captured of each (join/order.py).
WITH shared AS ( -- calls of one thread do not overlap
    SELECT connection_id, direction, side FROM j_placed GROUP BY ALL HAVING min(tid) <> max(tid)
),
whole AS (
    SELECT p.connection_id, p.direction, p.side, p.call_id, min(p.start_ns) AS start_ns, max(p.exit_ns) AS exit_ns,
           sum(p.bytes)::BIGINT AS bytes
    FROM j_placed p JOIN shared USING (connection_id, direction, side)
    WHERE NOT p.datagram AND NOT p.peeked AND NOT (p.side = 'r' AND p.oob) GROUP BY ALL
),
ordered AS (
    SELECT *, max(exit_ns) OVER stream AS before_ns, coalesce(sum(bytes) OVER stream, 0)::BIGINT AS before
    FROM whole
    WINDOW stream AS (PARTITION BY connection_id, direction, side ORDER BY exit_ns, call_id
                      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
),
-- Nearly no stream has calls that overlap; only those that do are looked at further.
overlapping AS (
    SELECT o.* FROM ordered o
    WHERE (connection_id, direction, side) IN (SELECT (connection_id, direction, side) FROM ordered WHERE start_ns < before_ns)
),
-- The last call of a group may have begun before calls that returned earlier: a group ends only where all later calls
-- begin after everything before them has returned.
cut AS (
    SELECT *, min(start_ns) OVER (PARTITION BY connection_id, direction, side ORDER BY exit_ns, call_id
                                  ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) >= coalesce(before_ns, 0) AS begins
    FROM overlapping
),
numbered AS (
    SELECT *, sum(begins::INTEGER) OVER (PARTITION BY connection_id, direction, side ORDER BY exit_ns, call_id) AS grp FROM cut
),
grouped AS MATERIALIZED (
    SELECT * FROM numbered QUALIFY count(*) OVER (PARTITION BY connection_id, direction, side, grp) > 1
),
carried AS (
    SELECT d.call_id, d.at_exit, first(d.bytes) AS bytes FROM call_data d
    WHERE d.call_id IN (SELECT call_id FROM grouped) AND d.role = 'payload' AND d."offset" = 0 AND d.idx = 0 GROUP BY ALL
)
SELECT n.connection_id, n.direction, n.side, n.grp, n.call_id, n.start_ns, n.exit_ns, n.bytes, n.before + coalesce(b.base, 0),
       d.bytes
FROM grouped n LEFT JOIN j_start b USING (connection_id, direction, side)
LEFT JOIN carried d ON d.call_id = n.call_id AND d.at_exit = (n.side = 'r')
ORDER BY connection_id, direction, side, grp, exit_ns, n.call_id
