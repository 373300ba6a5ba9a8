-- tcp_state: one row is one state of one TCP endpoint for one span of time.
-- From the state machine in join/tcp_states.py (j_tcp_state), and, for listeners, from the listen calls.
INSERT INTO tcp_state
WITH listening AS (
    SELECT NULL::BIGINT AS endpoint_id, s.socket_id, NULL::BIGINT AS connection_id, 'LISTEN' AS state,
           coalesce(min(c.exit_ns) FILTER (c.retval = 0), s.from_ns) AS from_ns, s.to_ns, NULL::BIGINT AS packet_id,
           arg_min(c.call_id, c.exit_ns) AS call_id, count(c.call_id) = 0 AS inferred
    FROM socket s
    LEFT JOIN (SELECT f.socket_id, c.* FROM call c JOIN call_file f USING (call_id) WHERE c.name = 'listen') c USING (socket_id)
    WHERE s.listening AND s.type = 'SOCK_STREAM' AND s.family IN ('AF_INET', 'AF_INET6')
    GROUP BY s.socket_id, s.from_ns, s.to_ns
)
SELECT * FROM (SELECT * FROM listening UNION ALL SELECT * FROM j_tcp_state)
ORDER BY from_ns, connection_id, endpoint_id, socket_id;
