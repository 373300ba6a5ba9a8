-- j_placed (temporary): one row is one message of j_transfer with the connection and direction it belongs to.
-- From j_transfer, j_use (datagrams: whom the socket was connected to) and j_side. A message whose connection is not
-- certain is left out, and counted as coverage by join/streams.py.
CREATE OR REPLACE TEMP TABLE j_placed AS
WITH named AS (
    SELECT t.* EXCLUDE (remote_addr, remote_port),
           coalesce(u.addr, t.remote_addr) AS remote_addr, coalesce(u.port, t.remote_port) AS remote_port
    FROM j_transfer t LEFT JOIN j_use u ON u.call_id = t.call_id AND u.message = t.message AND u.side = t.side
),
candidate AS (
    SELECT t.*, s.connection_id, s.role, c.protocol,
           s.remote_addr IS NULL OR (s.remote_addr = t.remote_addr AND s.remote_port IS NOT DISTINCT FROM t.remote_port) AS named
    FROM named t
    JOIN j_side s ON s.socket_id = t.socket_id AND coalesce(t.exit_ns, t.start_ns) >= s.from_ns AND t.start_ns <= s.to_ns
    JOIN j_connection c USING (connection_id)
    WHERE c.protocol IN ('udp', 'unix-dgram', 'unix-seqpacket') OR t.bytes > 0
)
SELECT * EXCLUDE (named, role), protocol IN ('udp', 'unix-dgram', 'unix-seqpacket') AS datagram,
       CASE WHEN (role = 'client') = (side = 'w') THEN 'c2s' ELSE 's2c' END AS direction
FROM candidate
WHERE named OR remote_addr IS NULL
-- a message that names nobody belongs to the only conversation its socket had; one that names somebody, to that one
QUALIFY count(*) OVER (PARTITION BY call_id, message, side) = 1
     OR (named AND count(*) FILTER (named) OVER (PARTITION BY call_id, message, side) = 1);
