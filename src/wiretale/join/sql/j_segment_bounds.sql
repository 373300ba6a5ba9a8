-- What the times of calls and of segments say of the shift between their positions (join/alignment.py): of each side of some
-- streams the least and the greatest number that may be added to a call's position to get that of a segment; NULL where
-- nothing bounds it.
--   A byte leaves after the call that wrote it began: what was sent before a write is not its own.
--   Where all that was sent is acknowledged, and the receiver has room, nothing waits to be sent: a write's bytes come next.
--   A byte arrives before the call that read it returned.
--   A read that got less than it asked for left nothing behind: what came before it is not left for later ones.
--   Nor what came before it returned, if no more came for a while, and no read returned until it did: had something been
--   left, the program would have been told.
WITH stream AS (SELECT unnest($connections) AS connection_id, unnest($directions) AS direction),
subflow AS ( -- a stream over several (MPTCP) has no bounds
    FROM j_subflow WHERE connection_id IN (SELECT connection_id FROM stream)
    QUALIFY count(*) OVER (PARTITION BY connection_id) = 1
),
segment_ AS MATERIALIZED (
    SELECT c.connection_id, CASE WHEN s.forward = (c.forward = 'c2s') THEN 'c2s' ELSE 's2c' END AS direction,
           s.hi, s.hi > s.lo AS has_payload, s.rel_ack - 1 AS acked, p.window, p.time_ns,
           CASE p.tap WHEN 'out' THEN p.time_ns ELSE t.time_ns END AS sent_ns, CASE p.tap WHEN 'in' THEN p.time_ns END AS arrived_ns
    FROM subflow c
    JOIN j_flow f USING (flow_id)
    JOIN j_segment s USING (stream)
    JOIN packet p USING (packet_id)
    LEFT JOIN (SELECT twin_id AS packet_id, time_ns FROM packet WHERE tap = 'out' AND twin_id IS NOT NULL) t USING (packet_id)
),
sent AS MATERIALIZED (
    SELECT connection_id, direction, coalesce(sent_ns, time_ns) AS time_ns, sent_ns IS NOT NULL AS seen,
           max(hi) OVER (PARTITION BY connection_id, direction ORDER BY coalesce(sent_ns, time_ns) ROWS UNBOUNDED PRECEDING) AS hi
    FROM segment_
),
arrived AS MATERIALIZED (
    SELECT connection_id, direction, arrived_ns AS time_ns, max(hi) OVER earlier AS hi, lead(arrived_ns) OVER later AS next_ns
    FROM segment_ WHERE arrived_ns IS NOT NULL AND has_payload
    WINDOW later AS (PARTITION BY connection_id, direction ORDER BY arrived_ns), earlier AS (later ROWS UNBOUNDED PRECEDING)
),
acknowledged AS MATERIALIZED (
    SELECT connection_id, CASE direction WHEN 'c2s' THEN 's2c' ELSE 'c2s' END AS direction, time_ns, "window",
           max(acked) OVER (PARTITION BY connection_id, direction ORDER BY time_ns ROWS UNBOUNDED PRECEDING) AS hi
    FROM segment_ WHERE acked IS NOT NULL
),
moved AS MATERIALIZED (
    SELECT p.connection_id, p.direction, p.side,
           p.start_ns - $error AS before_ns, p.start_ns - $queued AS long_before_ns, p.exit_ns + $error AS after_ns,
           c.name IN ('read', 'recvfrom') AND c.retval < c.a2 AND NOT p.oob AS is_short,
           p.exit_ns, lead(p.exit_ns) OVER calls AS next_ns, sum(p.bytes) OVER calls AS hi, p.bytes
    FROM stream JOIN j_placed p USING (connection_id, direction) JOIN call c USING (call_id)
    WHERE NOT p.peeked
    WINDOW calls AS (PARTITION BY p.connection_id, p.direction, p.side ORDER BY p.exit_ns, p.call_id, p.message)
)
SELECT m.connection_id, m.direction, 'w' AS side, max(s.hi - (m.hi - m.bytes))::BIGINT,
       (min(s.hi - (m.hi - m.bytes)) FILTER (s.seen AND a.hi = s.hi AND a."window" > 0))::BIGINT
FROM (FROM moved WHERE side = 'w') m
ASOF JOIN sent s ON s.connection_id = m.connection_id AND s.direction = m.direction AND m.before_ns >= s.time_ns
ASOF LEFT JOIN acknowledged a ON a.connection_id = m.connection_id AND a.direction = m.direction AND m.before_ns >= a.time_ns
GROUP BY ALL
UNION ALL
SELECT m.connection_id, m.direction, 'r',
       greatest(max(e.hi - m.hi) FILTER (m.is_short),
                max(a.hi - m.hi) FILTER (m.is_short AND a.next_ns > m.exit_ns + $pause AND m.next_ns >= a.next_ns))::BIGINT,
       min(l.hi - m.hi)::BIGINT
FROM (FROM moved WHERE side = 'r') m
ASOF LEFT JOIN sent l ON l.connection_id = m.connection_id AND l.direction = m.direction AND m.after_ns >= l.time_ns
ASOF LEFT JOIN arrived e ON e.connection_id = m.connection_id AND e.direction = m.direction AND m.long_before_ns >= e.time_ns
ASOF LEFT JOIN arrived a ON a.connection_id = m.connection_id AND a.direction = m.direction AND m.exit_ns >= a.time_ns
GROUP BY ALL
