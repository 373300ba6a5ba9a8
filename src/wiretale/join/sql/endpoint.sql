-- endpoint: one row is one end of a connection.
-- From j_connection, j_side (which traced socket was which end), j_transfer, call_file and descriptor (who used it, or else
-- held it first: a server's master accepts, its worker talks) and j_base (sequence numbers).
INSERT INTO endpoint
WITH role AS (SELECT unnest(['client', 'server']) AS role),
mover AS ( -- who moved its first payload; the number it used, where the call names the socket first (splice may not)
    SELECT k.file_id, arg_min(t.pid, (t.entry_ns, t.call_id)) AS pid,
           arg_min(CASE WHEN f.socket_id = t.socket_id THEN c.fd END, (t.entry_ns, t.call_id)) AS fd
    FROM j_transfer t JOIN socket k USING (socket_id) JOIN call c USING (call_id) LEFT JOIN call_file f USING (call_id)
    GROUP BY k.file_id
),
first_number AS (
    SELECT file_id, pid, arg_min(fd, (from_ns, descriptor_id)) AS fd, min((from_ns, descriptor_id)) AS since
    FROM descriptor WHERE pid IN (SELECT pid FROM task WHERE traced) GROUP BY file_id, pid
),
holder AS (
    SELECT n.file_id, coalesce(any_value(m.pid), arg_min(n.pid, n.since)) AS pid,
           coalesce(any_value(m.fd), any_value(n.fd) FILTER (n.pid = m.pid), arg_min(n.fd, n.since)) AS fd
    FROM first_number n LEFT JOIN mover m USING (file_id) GROUP BY n.file_id
),
side AS (
    SELECT s.connection_id, s.role, arg_min(s.socket_id, s.from_ns) AS socket_id FROM j_side s
    JOIN socket k USING (socket_id) JOIN holder h ON h.file_id = k.file_id GROUP BY ALL
),
base AS (
    SELECT f.connection_id, CASE WHEN b.forward = (f.forward = 'c2s') THEN 'client' ELSE 'server' END AS role, any_value(b.initial_seq) AS initial_seq
    FROM j_base b JOIN j_connection_flow f USING (flow_id) WHERE b.certain GROUP BY ALL
)
SELECT row_number() OVER (ORDER BY c.connection_id, r.role), c.connection_id, r.role,
       CASE r.role WHEN 'client' THEN c.client_addr ELSE c.server_addr END,
       CASE r.role WHEN 'client' THEN c.client_port ELSE c.server_port END,
       s.socket_id, h.pid, h.fd, CASE r.role WHEN 'client' THEN 'c2s' ELSE 's2c' END, b.initial_seq
FROM j_connection c CROSS JOIN role r
LEFT JOIN side s ON s.connection_id = c.connection_id AND s.role = r.role
LEFT JOIN socket k ON k.socket_id = s.socket_id
LEFT JOIN holder h ON h.file_id = k.file_id
LEFT JOIN base b ON b.connection_id = c.connection_id AND b.role = r.role
ORDER BY c.connection_id, r.role;
