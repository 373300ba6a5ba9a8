-- What the times of one side's calls and of segments say of the shift between their positions (join/alignment.py): the least
-- and the greatest number that may be added to a call's position to get that of a segment; NULL where nothing bounds it.
--   A byte leaves after the call that wrote it began: what was sent before a write is not its own.
--   Where all that was sent is acknowledged, and the receiver has room, nothing waits to be sent: a write's bytes come next.
--   A byte arrives before the call that read it returned.
--   A read that got less than it asked for left nothing behind: what came before it is not left for later ones.
--   Nor what came before it returned, if no more came for a while, and no read returned until it did: had something been
--   left, the program would have been told.
--   A read that waited found nothing: what came before it had been read.
WITH segment_ AS (
    SELECT (s.forward = (c.forward = 'c2s')) = ($direction = 'c2s') AS onward, s.hi, s.hi > s.lo AS has_payload, s.rel_ack - 1 AS acked, p.window,
           p.time_ns, CASE p.tap WHEN 'out' THEN p.time_ns ELSE t.time_ns END AS sent_ns,
           CASE p.tap WHEN 'in' THEN p.time_ns END AS arrived_ns
    FROM j_subflow c
    JOIN j_flow f USING (flow_id)
    JOIN j_segment s USING (stream)
    JOIN packet p USING (packet_id)
    LEFT JOIN (SELECT twin_id AS packet_id, time_ns FROM packet WHERE tap = 'out' AND twin_id IS NOT NULL) t USING (packet_id)
    WHERE c.connection_id = $connection AND (SELECT count(*) FROM j_subflow WHERE connection_id = $connection) = 1
),
sent AS MATERIALIZED (
    SELECT coalesce(sent_ns, time_ns) AS time_ns, sent_ns IS NOT NULL AS seen,
           max(hi) OVER (ORDER BY coalesce(sent_ns, time_ns) ROWS UNBOUNDED PRECEDING) AS hi
    FROM segment_ WHERE onward
),
arrived AS MATERIALIZED (
    SELECT arrived_ns AS time_ns, max(hi) OVER (ORDER BY arrived_ns ROWS UNBOUNDED PRECEDING) AS hi,
           lead(arrived_ns) OVER (ORDER BY arrived_ns) AS next_ns
    FROM segment_ WHERE onward AND arrived_ns IS NOT NULL AND has_payload
),
acknowledged AS MATERIALIZED (
    SELECT time_ns, "window", max(acked) OVER (ORDER BY time_ns ROWS UNBOUNDED PRECEDING) AS hi
    FROM segment_ WHERE NOT onward AND acked IS NOT NULL
),
moved AS MATERIALIZED (
    SELECT p.start_ns - $error AS before_ns, p.start_ns - $queued AS long_before_ns, p.exit_ns + $error AS after_ns,
           c.name IN ('read', 'recvfrom') AND c.retval < c.a2 AND NOT p.oob AS is_short,
           p.exit_ns - p.start_ns > $waited AND p.msg_flags & 256 = 0 AS waited, -- MSG_WAITALL waits for more
           p.exit_ns, lead(p.exit_ns) OVER (ORDER BY p.exit_ns, p.call_id, p.message) AS next_ns,
           sum(p.bytes) OVER (ORDER BY p.exit_ns, p.call_id, p.message) AS hi, p.bytes
    FROM j_placed p JOIN call c USING (call_id)
    WHERE p.connection_id = $connection AND p.direction = $direction AND p.side = $side AND NOT p.peeked
),
written AS (
    SELECT max(s.hi - (m.hi - m.bytes)) AS least,
           min(s.hi - (m.hi - m.bytes)) FILTER (s.seen AND a.hi = s.hi AND a."window" > 0) AS greatest
    FROM moved m
    ASOF JOIN sent s ON m.before_ns >= s.time_ns
    ASOF LEFT JOIN acknowledged a ON m.before_ns >= a.time_ns
    WHERE $side = 'w'
),
read_ AS (
    SELECT greatest(max(e.hi - m.hi) FILTER (m.is_short),
                    max(a.hi - m.hi) FILTER (m.is_short AND a.next_ns > m.exit_ns + $pause AND m.next_ns >= a.next_ns),
                    quantile_disc(e.hi - (m.hi - m.bytes), 0.5) FILTER (m.waited)) AS least,
           min(l.hi - m.hi) AS greatest
    FROM moved m
    ASOF LEFT JOIN sent l ON m.after_ns >= l.time_ns
    ASOF LEFT JOIN arrived e ON m.long_before_ns >= e.time_ns
    ASOF LEFT JOIN arrived a ON m.exit_ns >= a.time_ns
    WHERE $side = 'r'
)
SELECT coalesce(w.least, r.least)::BIGINT, coalesce(w.greatest, r.greatest)::BIGINT FROM written w, read_ r
