-- call_file: one row is one call that acted on a file through its descriptor, and which file that was.
-- From call and descriptor: the span of (process, number) that began last before the call entered. Socket numbers follow
-- from socket, which is made after descriptor, so this model runs after socket.
INSERT INTO call_file
SELECT c.call_id, d.file_id, s.socket_id
FROM (SELECT call_id, pid, fd, entry_ns FROM call WHERE fd >= 0 AND errno IS DISTINCT FROM 9) c
ASOF JOIN descriptor d ON d.pid = c.pid AND d.fd = c.fd AND c.entry_ns >= d.from_ns
LEFT JOIN (SELECT file_id, min(socket_id) AS socket_id FROM socket WHERE file_id IS NOT NULL GROUP BY file_id) s
       ON s.file_id = d.file_id
-- A close ends its span just after its own entry, so the comparison takes the end in.
WHERE coalesce(d.to_ns, 9223372036854775807) >= c.entry_ns
ORDER BY c.call_id;
