-- What the times of the calls of both sides of some streams say of the shift from the positions of what was read to those of
-- what was written (join/alignment.py): the least and the greatest; NULL where nothing bounds it.
--   A byte is read by a call that returned after the one that wrote it began.
-- What a unix socket is given is with its peer when the call returns; of TCP without packets that is not known.
--   A read that got less than it asked for left nothing behind: what was written before it is not left for later ones.
--   Nor what was written before it returned, if no more was for a while, and no read returned until it was: had something been
--   left, the program would have been told.
WITH stream AS (SELECT unnest($connections) AS connection_id, unnest($directions) AS direction),
moved AS MATERIALIZED (
    SELECT p.connection_id, p.direction, p.side, p.protocol, p.start_ns, p.exit_ns,
           c.name IN ('read', 'recvfrom') AND c.retval < c.a2 AND NOT p.oob AS is_short,
           p.bytes, lead(p.exit_ns) OVER calls AS next_ns, sum(p.bytes) OVER calls AS hi
    FROM stream JOIN j_placed p USING (connection_id, direction) JOIN call c USING (call_id)
    WHERE NOT p.peeked
    WINDOW calls AS (PARTITION BY p.connection_id, p.direction, p.side ORDER BY p.exit_ns, p.call_id, p.message)
),
begun AS (
    SELECT connection_id, direction, start_ns AS time_ns,
           max(hi) OVER (PARTITION BY connection_id, direction ORDER BY start_ns ROWS UNBOUNDED PRECEDING) AS hi
    FROM moved WHERE side = 'w'
),
done AS MATERIALIZED (
    SELECT connection_id, direction, exit_ns AS time_ns, max(hi) OVER earlier AS hi, lead(start_ns) OVER later AS next_ns
    FROM moved WHERE side = 'w' AND protocol = 'unix-stream'
    WINDOW later AS (PARTITION BY connection_id, direction ORDER BY exit_ns), earlier AS (later ROWS UNBOUNDED PRECEDING)
)
SELECT m.connection_id, m.direction,
       greatest(max(d.hi - m.hi) FILTER (m.is_short),
                max(a.hi - m.hi) FILTER (m.is_short AND a.next_ns > m.exit_ns + $pause AND m.next_ns >= a.next_ns))::BIGINT,
       min(b.hi - m.hi)::BIGINT
FROM (SELECT *, start_ns - $queued AS before_ns, exit_ns + $error AS after_ns FROM moved WHERE side = 'r') m
ASOF LEFT JOIN begun b ON b.connection_id = m.connection_id AND b.direction = m.direction AND m.after_ns >= b.time_ns
ASOF LEFT JOIN done d ON d.connection_id = m.connection_id AND d.direction = m.direction AND m.before_ns >= d.time_ns
ASOF LEFT JOIN done a ON a.connection_id = m.connection_id AND a.direction = m.direction AND m.exit_ns >= a.time_ns
GROUP BY ALL
