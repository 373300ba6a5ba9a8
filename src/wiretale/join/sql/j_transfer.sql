-- j_transfer (temporary): one row is one message that a successful call moved into ('w') or out of ('r') a socket.
-- From call, call_file, descriptor, j_effect, j_message, j_remote. splice, tee and sendfile name two descriptors; each
-- side that is a socket gives a row.
CREATE OR REPLACE TEMP TABLE j_transfer AS
WITH moved AS (
    SELECT c.*, e.sends, e.receives, e.per_message,
           CASE e.out_arg WHEN 1 THEN c.a1 WHEN 2 THEN c.a2 END AS out_fd,
           CASE e.in_arg WHEN 1 THEN c.a1 WHEN 2 THEN c.a2 END AS in_fd,
           CASE e.flags_arg WHEN 2 THEN c.a2 WHEN 3 THEN c.a3 ELSE 0 END AS msg_flags
    FROM call c JOIN j_effect e ON e.name = c.name
    WHERE (e.sends OR e.receives) AND c.errno IS NULL AND c.retval IS NOT NULL AND c.retval >= 0
),
second AS (
    -- the descriptor that is not call.fd: splice's and tee's output, sendfile's input
    SELECT m.call_id, s.socket_id
    FROM (SELECT call_id, pid, entry_ns, coalesce(out_fd, in_fd)::INTEGER AS fd FROM moved
          WHERE coalesce(out_fd, in_fd) IS NOT NULL AND coalesce(out_fd, in_fd) < 2147483648) m
    ASOF JOIN descriptor d ON d.pid = m.pid AND d.fd = m.fd AND m.entry_ns >= d.from_ns
    JOIN (SELECT file_id, min(socket_id) AS socket_id FROM socket WHERE file_id IS NOT NULL GROUP BY file_id) s
      ON s.file_id = d.file_id
),
sided AS (
    SELECT 'w' AS side, m.* EXCLUDE (sends, receives, out_fd, in_fd),
           CASE WHEN out_fd IS NULL THEN f.socket_id ELSE x.socket_id END AS socket_id
    FROM moved m LEFT JOIN call_file f USING (call_id) LEFT JOIN second x USING (call_id)
    WHERE sends AND name <> 'socketcall'
    UNION ALL
    SELECT 'r', m.* EXCLUDE (sends, receives, out_fd, in_fd),
           CASE WHEN in_fd IS NULL THEN f.socket_id ELSE x.socket_id END
    FROM moved m LEFT JOIN call_file f USING (call_id) LEFT JOIN second x USING (call_id)
    WHERE receives AND name <> 'socketcall'
      AND msg_flags & 8192 = 0 -- MSG_ERRQUEUE reads reports, not payload
)
SELECT t.side, t.call_id, t.socket_id, t.pid, t.tid, t.entry_ns, t.start_ns, t.exit_ns, t.msg_flags,
       coalesce(m.message, 0)::INTEGER AS message,
       CASE WHEN t.per_message THEN m.bytes ELSE t.retval END AS bytes,
       t.side = 'r' AND t.msg_flags & 2 <> 0 AS peeked,
       t.msg_flags & 1 <> 0 AS oob,
       -- a message longer than the buffer, told by msg_flags, or possible because the buffer is full
       coalesce(k.cut, t.name IN ('read', 'recv', 'recvfrom') AND t.msg_flags & 32 = 0 AND t.a2 = t.retval) AS cut,
       r.addr AS remote_addr, r.port AS remote_port
FROM sided t
LEFT JOIN j_message m ON t.per_message AND m.call_id = t.call_id
LEFT JOIN j_cut k ON k.call_id = t.call_id AND k.message = coalesce(m.message, 0)
LEFT JOIN j_remote r ON r.call_id = t.call_id AND r.message = coalesce(m.message, 0)
WHERE t.socket_id IS NOT NULL AND (NOT t.per_message OR m.bytes IS NOT NULL)
ORDER BY t.exit_ns, t.call_id, message;
