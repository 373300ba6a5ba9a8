-- call_connection: one row is one connection that one call acted on, seen from the end that made the call.
-- From stream_write, stream_read, call_file, socket, wait, endpoint and connection. A call belongs to a connection when
-- 1. it put bytes into it or took bytes out of it (so a datagram socket's sendto belongs to that peer's connection
--    only), or else
-- 2. it acted on, made (accept) or waited for a socket that is an end of it, or else
-- 3. it set up the listening socket the connection was accepted from, or waited for that socket and was woken by a packet
--    of the connection. Other waits and accepts on a listener belong to no connection: a busy listener has as many of
--    them as connections, and all pairs of them would be a square.
-- Of the calls from $first to $last: all at once would not fit into the memory.
INSERT INTO call_connection
WITH call_payload AS (
    SELECT call_id, connection_id, socket_id FROM stream_write WHERE call_id BETWEEN $first AND $last
    UNION SELECT call_id, connection_id, socket_id FROM stream_read WHERE call_id BETWEEN $first AND $last
),
call_socket AS (
    SELECT call_id, socket_id FROM call_file WHERE socket_id IS NOT NULL AND call_id BETWEEN $first AND $last
    UNION SELECT made_call_id, socket_id FROM socket WHERE made_call_id BETWEEN $first AND $last
    UNION SELECT call_id, socket_id FROM wait WHERE socket_id IS NOT NULL AND call_id BETWEEN $first AND $last
),
setting_up AS (
    SELECT s.call_id, s.socket_id FROM call_socket s JOIN call c USING (call_id)
    WHERE c.name NOT IN ('accept', 'accept4') AND s.call_id NOT IN (SELECT call_id FROM wait WHERE call_id BETWEEN $first AND $last)
),
call_end AS (
    SELECT p.call_id, e.connection_id, e.role FROM call_payload p
        JOIN endpoint e ON e.connection_id = p.connection_id AND e.socket_id = p.socket_id
    UNION -- an end with raw sockets may send by one and read by another
    SELECT p.call_id, e.connection_id, e.role FROM (
        SELECT call_id, connection_id, CASE direction WHEN 'c2s' THEN 'client' ELSE 'server' END AS role FROM stream_write
        WHERE call_id BETWEEN $first AND $last
        UNION SELECT call_id, connection_id, CASE direction WHEN 'c2s' THEN 'server' ELSE 'client' END FROM stream_read
        WHERE call_id BETWEEN $first AND $last) p
        JOIN connection k ON k.connection_id = p.connection_id AND k.protocol IN ('icmp', 'icmpv6', 'raw')
        JOIN call c ON c.call_id = p.call_id
        JOIN endpoint e ON e.connection_id = p.connection_id AND e.role = p.role AND e.pid = c.pid
    UNION
    SELECT s.call_id, e.connection_id, e.role FROM call_socket s JOIN endpoint e ON e.socket_id = s.socket_id
        WHERE s.call_id NOT IN (SELECT call_id FROM call_payload)
    UNION
    SELECT s.call_id, e.connection_id, e.role FROM setting_up s
        JOIN socket made ON made.listener_id = s.socket_id JOIN endpoint e ON e.socket_id = made.socket_id
    UNION
    SELECT w.call_id, e.connection_id, e.role FROM wait w JOIN segment g USING (packet_id)
        JOIN endpoint e USING (connection_id)
        JOIN socket made ON made.socket_id = e.socket_id AND made.listener_id = w.socket_id
        WHERE w.call_id BETWEEN $first AND $last
)
SELECT x.call_id, k.connection_id, k.protocol, x.role,
    CASE x.role WHEN 'client' THEN k.client_addr ELSE k.server_addr END AS own_addr,
    CASE x.role WHEN 'client' THEN k.client_port ELSE k.server_port END AS own_port,
    CASE x.role WHEN 'client' THEN k.server_addr ELSE k.client_addr END AS peer_addr,
    CASE x.role WHEN 'client' THEN k.server_port ELSE k.client_port END AS peer_port
FROM call_end x JOIN connection k USING (connection_id)
ORDER BY x.call_id, k.connection_id, x.role;
