-- socket: one row is one kernel socket, by inode.
-- From file (kind socket), descriptor, call and socket_sample. A socket that only sock_diag saw, held by no process that
-- is known, has no file_id.
INSERT INTO socket
WITH sample AS (
    SELECT inode,
           any_value(cookie) AS cookie,
           any_value(netns_cookie) AS netns_cookie,
           any_value(family) AS family,
           any_value(type) AS type,
           any_value(protocol) AS protocol,
           bool_or(state = 'LISTEN') AS listening,
           min(time_ns) AS from_ns
    FROM socket_sample WHERE inode <> 0 GROUP BY inode
),
held AS (
    -- the inode of a file that was never sampled is unknown: such a file is its own socket
    SELECT coalesce(f.inode, 0) AS inode, CASE WHEN f.inode IS NULL THEN f.file_id ELSE 0 END AS apart,
           min(f.file_id) AS file_id, min(f.from_ns) AS from_ns,
           CASE WHEN count(*) = count(f.to_ns) THEN max(f.to_ns) END AS to_ns,
           arg_min(f.open_call_id, f.from_ns) AS made_call_id
    FROM file f WHERE f.kind = 'socket' GROUP BY ALL
),
listened AS (
    SELECT d.file_id, true AS listening
    FROM call c
    ASOF JOIN descriptor d ON d.pid = c.pid AND d.fd = c.fd AND c.entry_ns >= d.from_ns
    WHERE c.name = 'listen' AND c.retval = 0
    GROUP BY d.file_id
),
joined AS (
    SELECT h.file_id, coalesce(s.inode, nullif(h.inode, 0)) AS inode, s.cookie, s.netns_cookie,
           coalesce(s.family, m.family) AS family, coalesce(s.type, m.type) AS type,
           coalesce(s.protocol, m.protocol) AS protocol,
           h.made_call_id, coalesce(s.listening, false) OR coalesce(l.listening, false) AS listening,
           least(coalesce(h.from_ns, s.from_ns), coalesce(s.from_ns, h.from_ns)) AS from_ns, h.to_ns
    FROM held h
    FULL JOIN sample s ON s.inode = h.inode
    LEFT JOIN listened l ON l.file_id = h.file_id
    LEFT JOIN j_made m ON m.call_id = h.made_call_id
)
SELECT row_number() OVER (ORDER BY from_ns, file_id NULLS LAST, inode), file_id, inode, cookie, netns_cookie, family, type,
       protocol, made_call_id, NULL, listening, from_ns, to_ns
FROM joined
ORDER BY ALL;

-- The listener is the socket that the accept call named.
UPDATE socket SET listener_id = a.listener_id
FROM (
    SELECT c.call_id, l.socket_id AS listener_id
    FROM (SELECT call_id, pid, fd, entry_ns FROM call WHERE name IN ('accept', 'accept4')) c
    ASOF JOIN descriptor d ON d.pid = c.pid AND d.fd = c.fd AND c.entry_ns >= d.from_ns
    JOIN socket l ON l.file_id = d.file_id
) a
WHERE socket.made_call_id = a.call_id;
