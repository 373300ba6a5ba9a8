-- j_placed (temporary): one row is one message of j_transfer with the connection and direction it belongs to.
-- From j_transfer, j_use and j_sender (datagrams: who is at the other end of a message), j_side, and j_raw_call (raw and ICMP sockets). A message whose connection is not
-- certain is left out, and counted as coverage by join/streams.py.
CREATE OR REPLACE TEMP TABLE j_placed AS
WITH named AS (
    SELECT t.* EXCLUDE (remote_addr, remote_port),
           coalesce(u.addr, t.remote_addr) AS remote_addr, coalesce(u.port, t.remote_port) AS remote_port,
           o.socket_id AS sender_id, u.call_id IS NOT NULL AS used
    FROM j_transfer t LEFT JOIN j_use u ON u.call_id = t.call_id AND u.message = t.message AND u.side = t.side
    LEFT JOIN j_sender o ON t.side = 'r' AND o.call_id = t.call_id AND o.message = t.message
),
side AS (SELECT *, count(*) OVER (PARTITION BY socket_id) = 1 AS alone FROM j_side),
candidate AS NOT MATERIALIZED (
    SELECT t.* EXCLUDE (used), s.alone AND NOT t.used AND t.sender_id IS NULL AS alone, s.connection_id, s.role, c.protocol,
           -- a socket may be its own peer (RFC 9293, 3.5: simultaneous open)
           coalesce(c.client_addr = c.server_addr AND c.client_port = c.server_port, false) AS to_itself,
           s.remote_addr IS NULL AS anyone,
           s.remote_addr IS NOT NULL AND s.remote_addr = t.remote_addr AND s.remote_port IS NOT DISTINCT FROM t.remote_port AS named
    FROM named t
    JOIN side s ON s.socket_id = t.socket_id AND coalesce(t.exit_ns, t.start_ns) >= s.from_ns AND t.start_ns <= s.to_ns
    JOIN j_connection c USING (connection_id)
    LEFT JOIN j_side other ON other.connection_id = s.connection_id AND other.role <> s.role AND other.socket_id = t.sender_id
    WHERE c.protocol NOT IN ('icmp', 'icmpv6', 'raw') AND (t.sender_id IS NULL OR other.socket_id IS NOT NULL) AND (c.protocol IN ('udp', 'udplite', 'unix-dgram', 'unix-seqpacket') OR t.bytes > 0)
),
possible AS NOT MATERIALIZED (FROM candidate WHERE named OR anyone OR remote_addr IS NULL),
certain AS (
    FROM possible WHERE alone -- of a socket that had one conversation; nearly all are
    -- a message that names nobody belongs to the only conversation its socket had; one that names somebody, to that one
    UNION ALL FROM possible WHERE NOT alone
    QUALIFY count(*) OVER (PARTITION BY call_id, message, side) = 1
         OR (named AND count(*) FILTER (named) OVER (PARTITION BY call_id, message, side) = 1)
),
placed AS (
    SELECT * EXCLUDE (named, anyone, to_itself, role, sender_id, alone), protocol IN ('udp', 'udplite', 'unix-dgram', 'unix-seqpacket') AS datagram,
           -- TCP throws away what MSG_TRUNC takes (tcp(7)): the buffer holds what was there before
           protocol = 'tcp' AND side = 'r' AND msg_flags & 32 <> 0 AS discarded,
           CASE WHEN to_itself OR (role = 'client') = (side = 'w') THEN 'c2s' ELSE 's2c' END AS direction
    FROM certain
)
FROM placed
UNION ALL BY NAME
SELECT n.* EXCLUDE (sender_id, used), c.connection_id, c.protocol, true AS datagram, false AS discarded, q.direction
FROM named n JOIN j_raw_call q USING (call_id, message, side) JOIN j_connection c USING (connection_id);

-- j_discarded (temporary): calls whose bytes TCP threw away.
CREATE OR REPLACE TEMP TABLE j_discarded AS SELECT call_id FROM j_placed WHERE discarded;
