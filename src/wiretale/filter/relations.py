"""SQL that says which connections a call belongs to, for filters and for the lines of `show`.

One row of CALL_CONNECTION is one connection that one call acted on, seen from the end that made the call:
`own_addr`, `own_port`, `peer_addr`, `peer_port`. A call belongs to a connection when

1. it put bytes into it or took bytes out of it (so a datagram socket's sendto belongs to that peer's connection
only), or else
2. it acted on, made (accept) or waited for a socket that is an end of it, or else
3. it acted on the listening socket the connection was accepted from, and is not itself the accept of a connection.
"""

CALL_CONNECTION = """
call_payload AS (
    SELECT call_id, connection_id, socket_id FROM stream_write
    UNION SELECT call_id, connection_id, socket_id FROM stream_read
),
call_socket AS (
    SELECT call_id, socket_id FROM call_file WHERE socket_id IS NOT NULL
    UNION SELECT made_call_id, socket_id FROM socket WHERE made_call_id IS NOT NULL
    UNION SELECT call_id, socket_id FROM wait WHERE socket_id IS NOT NULL
),
accepting AS (SELECT made_call_id AS call_id FROM socket WHERE made_call_id IS NOT NULL AND listener_id IS NOT NULL),
call_end AS (
    SELECT p.call_id, e.connection_id, e.role FROM call_payload p
        JOIN endpoint e ON e.connection_id = p.connection_id AND e.socket_id = p.socket_id
    UNION
    SELECT s.call_id, e.connection_id, e.role FROM call_socket s JOIN endpoint e ON e.socket_id = s.socket_id
        WHERE s.call_id NOT IN (SELECT call_id FROM call_payload WHERE call_id IS NOT NULL)
    UNION
    SELECT s.call_id, e.connection_id, e.role FROM call_socket s
        JOIN socket made ON made.listener_id = s.socket_id JOIN endpoint e ON e.socket_id = made.socket_id
        WHERE s.call_id NOT IN (SELECT call_id FROM accepting)
),
call_connection AS (
    SELECT x.call_id, k.connection_id, k.protocol, x.role,
        CASE x.role WHEN 'client' THEN k.client_addr ELSE k.server_addr END AS own_addr,
        CASE x.role WHEN 'client' THEN k.client_port ELSE k.server_port END AS own_port,
        CASE x.role WHEN 'client' THEN k.server_addr ELSE k.client_addr END AS peer_addr,
        CASE x.role WHEN 'client' THEN k.server_port ELSE k.client_port END AS peer_port
    FROM call_end x JOIN connection k USING (connection_id)
)"""

# One row: one process at one end of one connection, for the filters that ask a packet for its processes.
CONNECTION_PROCESS = """
connection_process AS (
    SELECT DISTINCT e.connection_id, t.pid, t.tid, t.comm FROM endpoint e JOIN task t ON t.pid = e.pid WHERE t.is_leader
)"""
