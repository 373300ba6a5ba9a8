-- j_waiter (temporary): one row is what one blocking call waited for: the descriptor it names, or one of those it reported
-- ready, or the only one it asked for. From call, j_effect, j_ready (what poll, select and epoll reported), call_file,
-- descriptor, file and socket. Of the calls from $first to $last: all at once would not fit into the memory.
CREATE TEMP TABLE IF NOT EXISTS j_waiter (
    call_id BIGINT, task_id BIGINT, pid INTEGER, name VARCHAR, fd INTEGER, retval BIGINT, errno INTEGER, entry_ns BIGINT,
    start_ns BIGINT, exit_ns BIGINT, sends BOOLEAN, receives BOOLEAN, what VARCHAR, on_fd INTEGER, file_id BIGINT,
    kind VARCHAR, inode UBIGINT, socket_id BIGINT, listening BOOLEAN
);

INSERT INTO j_waiter BY NAME
WITH timed AS ( -- sockets with SO_RCVTIMEO or SO_SNDTIMEO, of either size of time (asm-generic/socket.h)
    SELECT DISTINCT x.file_id FROM call c JOIN call_file x USING (call_id)
    WHERE c.name = 'setsockopt' AND c.retval = 0 AND x.file_id IS NOT NULL
      AND (c.a1 & 4294967295) = 1 AND (c.a2 & 4294967295) IN (20, 21, 66, 67)
),
by_timed AS (SELECT call_id FROM call_file WHERE file_id IN (FROM timed)),
blocking AS (
    SELECT c.call_id, c.task_id, c.pid, c.name, c.fd, c.retval, c.errno, c.entry_ns, c.start_ns, c.exit_ns,
           e.sends, e.receives,
           CASE WHEN c.name IN ('poll', 'epoll_wait', 'epoll_pwait') THEN
                (CASE c.name WHEN 'poll' THEN c.a2 ELSE c.a3 END & 4294967295) = 0
                -- of fcntl's commands only F_SETLKW, F_SETLKW64 and F_OFD_SETLKW wait (fcntl(2))
                WHEN c.name IN ('fcntl', 'fcntl64') THEN (c.a1 & 4294967295) NOT IN (7, 14, 38)
                -- WNOHANG (linux/wait.h)
                WHEN c.name IN ('wait4', 'waitpid') THEN c.a2 & 1 <> 0
                WHEN c.name = 'waitid' THEN c.a3 & 1 <> 0
                -- FUTEX_WAIT, LOCK_PI, WAIT_BITSET, WAIT_REQUEUE_PI and LOCK_PI2 wait (linux/futex.h)
                WHEN c.name IN ('futex', 'futex_time64') THEN c.a1 & 127 NOT IN (0, 6, 9, 11, 13)
                ELSE false END AS never_blocks
    FROM call c JOIN j_effect e USING (name)
    -- EAGAIN, EALREADY, EINPROGRESS: the descriptor does not wait (connect(2)), or its own limit of time has passed
    -- rt_sigtimedwait(2) says so of its own limit only
    WHERE c.call_id BETWEEN $first AND $last AND e.blocks AND (c.exit_ns IS NULL OR c.errno IS NULL OR c.errno NOT IN (11, 114, 115)
                        OR (c.errno <> 114 AND c.call_id IN (FROM by_timed))
                        OR c.name LIKE 'rt_sigtimedwait%')
),
target AS MATERIALIZED (
    SELECT b.* EXCLUDE (never_blocks), coalesce(r.fd, CASE WHEN b.name NOT LIKE 'epoll%' THEN b.fd END) AS on_fd,
           CASE WHEN r.what IS NOT NULL THEN r.what
                WHEN b.name = 'connect' THEN 'connect'
                WHEN b.sends AND NOT b.receives THEN 'out' ELSE 'in' END AS what,
           x.file_id -- of the descriptor it names
    FROM blocking b LEFT JOIN j_ready r USING (call_id) LEFT JOIN call_file x USING (call_id)
    WHERE NOT b.never_blocks
),
found AS (
    FROM target WHERE on_fd = fd AND file_id IS NOT NULL
    UNION ALL BY NAME
    SELECT t.* EXCLUDE (file_id), d.file_id FROM (FROM target WHERE (on_fd = fd AND file_id IS NOT NULL) IS NOT TRUE) t
    ASOF LEFT JOIN descriptor d ON d.pid = t.pid AND d.fd = t.on_fd AND t.entry_ns >= d.from_ns
)
SELECT t.*, f.kind, f.inode, s.socket_id, s.listening
FROM found t LEFT JOIN file f USING (file_id)
LEFT JOIN (SELECT file_id, min(socket_id) AS socket_id, bool_or(listening) AS listening FROM socket
           WHERE file_id IS NOT NULL GROUP BY file_id) s ON s.file_id = t.file_id
-- reading a file from disk may take long, but nobody else is waited for
WHERE f.kind IS DISTINCT FROM 'file' OR t.exit_ns IS NULL;
