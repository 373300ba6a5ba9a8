-- What io_uring did that no call shows (join/unseen.py): one row per process that has a ring.
-- From call, call_data, task, socket_sample, descriptor_sample, endpoint, segment and stream_write/read.
-- Submitting is a call (io_uring_enter(2): its result counts the operations), unless the kernel polls the ring itself.
WITH ring AS (
    SELECT c.pid, sum(CASE WHEN c.name = 'io_uring_enter' AND c.retval > 0 THEN c.retval ELSE 0 END)::BIGINT AS operations,
           any_value(d.bytes) FILTER (c.name = 'io_uring_setup') AS params
    FROM call c LEFT JOIN call_data d ON d.call_id = c.call_id AND d.role = 'struct' AND NOT d.at_exit AND octet_length(d.bytes) >= 12
    WHERE c.name IN ('io_uring_setup', 'io_uring_enter') AND c.errno IS NULL
    GROUP BY c.pid
),
listener AS (
    SELECT d.pid, m.local_port AS port, any_value(m.netns_cookie) AS cookie
    FROM socket_sample m JOIN descriptor_sample d USING (inode) WHERE m.state = 'LISTEN' AND m.local_port IS NOT NULL GROUP BY ALL
),
part AS ( -- ends of connections that belong to it, by their process or by the listener they came to
    SELECT r.pid, e.connection_id, e.role, e.sends
    FROM ring r JOIN endpoint e ON e.pid = r.pid
    UNION
    SELECT r.pid, e.connection_id, e.role, e.sends
    FROM ring r JOIN listener l USING (pid) JOIN endpoint e ON e.pid IS NULL AND e.role = 'server' AND e.port = l.port
),
moved AS (
    SELECT p.pid, sum(greatest(coalesce(w.top, 0) - coalesce(c.bytes, 0), 0))::BIGINT AS bytes
    FROM part p
    JOIN (SELECT connection_id, direction, max(hi) AS top FROM segment WHERE shown AND hi > lo GROUP BY ALL) w USING (connection_id)
    LEFT JOIN (
        SELECT connection_id, direction, 'w' AS side, sum(hi - lo) AS bytes FROM stream_write GROUP BY ALL
        UNION ALL
        SELECT connection_id, direction, 'r', sum(hi - lo) FROM stream_read WHERE NOT peeked GROUP BY ALL
    ) c ON c.connection_id = w.connection_id AND c.direction = w.direction
       AND c.side = CASE WHEN w.direction = p.sends THEN 'w' ELSE 'r' END
    GROUP BY p.pid
)
SELECT r.pid, (SELECT arg_max(t.comm, t.start_ns) FROM task t WHERE t.pid = r.pid), r.operations, r.params, coalesce(m.bytes, 0)::BIGINT
FROM ring r LEFT JOIN moved m USING (pid) ORDER BY r.pid
