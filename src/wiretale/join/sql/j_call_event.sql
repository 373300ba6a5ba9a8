-- What calls say of a TCP connection without packets: connect and accept of its opening; shutdown, and the end of a
-- socket's last descriptor, of a FIN (join/tcp_states.py). A connect that fails with anything but what its SYN can bring
-- (EINTR and the restarts, ECONNRESET, ETIMEDOUT, ECONNREFUSED, EHOSTUNREACH, EALREADY, EINPROGRESS) found no route, port
-- or permission: Linux had not left CLOSED (tcp_v4_connect, net/ipv4/tcp_ipv4.c).
WITH bare AS (SELECT connection_id FROM connection WHERE protocol = 'tcp' AND packets = 0),
side AS (SELECT s.*, k.to_ns AS closed_ns, k.file_id FROM j_side s JOIN bare USING (connection_id) JOIN socket k USING (socket_id)),
opened AS (
    SELECT s.connection_id, c.start_ns AS t, true AS client,
           CASE WHEN c.errno IS NULL OR c.errno IN (4, 104, 110, 111, 113, 114, 115, 512, 513, 514, 516)
                THEN 'syn' ELSE 'unsent' END AS what, c.call_id
    FROM side s JOIN call c USING (call_id) WHERE s.role = 'client'
    UNION ALL
    SELECT s.connection_id, coalesce(n.established_ns, c.exit_ns), s.role <> 'client', 'up', c.call_id
    FROM side s JOIN call c USING (call_id) JOIN connection n USING (connection_id)
    WHERE n.outcome NOT IN ('refused', 'timed out', 'unreachable', 'failed')
    UNION ALL
    SELECT s.connection_id, c.exit_ns, true, 'rst', c.call_id
    FROM side s JOIN call c USING (call_id) JOIN connection n USING (connection_id)
    WHERE s.role = 'client' AND n.outcome IN ('refused', 'timed out', 'unreachable', 'failed')
),
shut AS (
    SELECT s.connection_id, c.exit_ns AS t, s.role = 'client' AS client, 'fin' AS what, c.call_id
    FROM side s JOIN call_file f USING (socket_id) JOIN call c ON c.call_id = f.call_id
    WHERE c.name = 'shutdown' AND c.a1 IN (1, 2) AND c.retval = 0 AND c.entry_ns BETWEEN s.from_ns AND s.to_ns
    UNION ALL
    SELECT s.connection_id, s.closed_ns, s.role = 'client', 'fin', max(d.close_call_id)
    FROM side s JOIN descriptor d USING (file_id) WHERE s.closed_ns IS NOT NULL GROUP BY ALL
)
SELECT connection_id, t, client, what, NULL, call_id FROM (SELECT * FROM opened UNION ALL SELECT * FROM shut)
WHERE t IS NOT NULL ORDER BY connection_id, t
