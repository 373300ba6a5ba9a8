-- j_icmp (temporary): one row is one ICMP error and the end of the connection whose packet it quotes.
-- From j_quote (join/failures.py) and j_connection: the last incarnation of the quoted tuple that began before.
CREATE OR REPLACE TEMP TABLE j_icmp AS
SELECT q.packet_id, q.time_ns, q.error, c.connection_id,
       CASE WHEN c.client_addr = q.src AND c.client_port = q.srcport THEN 'client' ELSE 'server' END AS role
FROM j_quote q JOIN j_connection c ON c.protocol = q.protocol AND (
       (c.client_addr = q.src AND c.client_port = q.srcport AND c.server_addr = q.dst AND c.server_port = q.dstport)
    OR (c.client_addr = q.dst AND c.client_port = q.dstport AND c.server_addr = q.src AND c.server_port = q.srcport))
WHERE c.from_ns <= q.time_ns
QUALIFY row_number() OVER (PARTITION BY q.packet_id ORDER BY c.from_ns DESC) = 1;
