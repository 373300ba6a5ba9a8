-- wait: one row is one span a task was blocked in a call, with what ended it.
-- From j_waiter (calls that may wait, and for what), call, j_effect, j_child (whom wait4 told of), task, descriptor, file,
-- socket, j_side, stream_read, stream_write, segment, j_event, connection and, where the kernel level was recorded, thread_state.
-- What ends a wait for payload is found by position, not by time: the segment (or the peer's write) that carries the
-- first byte not yet read when the call began. If that was there before, the call did not wait.

-- The side of a connection a waiting socket was, and how far it had read when the call began.
-- Whoever waited for room to send needs no such place.
CREATE OR REPLACE TEMP TABLE j_waiting_side AS
WITH side AS (
    SELECT w.call_id, w.socket_id, w.what, w.start_ns, w.exit_ns, x.connection_id, c.protocol,
           CASE x.role WHEN 'client' THEN 's2c' ELSE 'c2s' END AS incoming
    FROM j_waiter w
    JOIN j_side x ON x.socket_id = w.socket_id AND x.from_ns <= coalesce(w.exit_ns, w.start_ns) AND x.to_ns >= w.start_ns
    JOIN j_connection c USING (connection_id)
    WHERE w.exit_ns IS NOT NULL AND NOT w.listening
)
SELECT s.*, coalesce(r.hi, b.lo, 0) AS had_read
FROM (SELECT * FROM side WHERE what IN ('in', 'error')) s
LEFT JOIN ( -- a connection older than the recording: what is before the first byte read was read before it
    SELECT connection_id, direction, min(lo) AS lo FROM stream_read GROUP BY ALL
) b ON b.connection_id = s.connection_id AND b.direction = s.incoming
ASOF LEFT JOIN (
    SELECT r.connection_id, r.direction, r.hi, k.exit_ns FROM stream_read r JOIN call k USING (call_id) WHERE NOT r.peeked
) r ON r.connection_id = s.connection_id AND r.direction = s.incoming AND s.start_ns >= r.exit_ns
UNION ALL
SELECT s.*, NULL FROM side s WHERE what NOT IN ('in', 'error');

-- Calls that waited to send on a TCP socket whose buffer can have been full: the bytes written and not yet acknowledged when
-- the call began, and its own, are more than the smallest buffer holds. Linux gives an established socket room for 20 full segments
-- at least (tcp_sndbuf_expand, net/ipv4/tcp_input.c), unless the program chose the size; an empty one takes one segment.
-- poll and its like report room once a third of the buffer is free (sk_stream_is_writeable, include/net/sock.h).
CREATE OR REPLACE TEMP TABLE j_lacks_room AS
WITH sender AS MATERIALIZED (
    SELECT s.call_id, s.socket_id, s.connection_id, s.start_ns, s.exit_ns, s.incoming,
           CASE s.incoming WHEN 's2c' THEN 'c2s' ELSE 's2c' END AS outgoing, e.sends, c.retval
    FROM j_waiting_side s JOIN call c USING (call_id) JOIN j_effect e ON e.name = c.name
    WHERE s.what = 'out' AND s.protocol = 'tcp' AND s.exit_ns - s.start_ns >= getvariable('blocking_ns')
),
sized AS MATERIALIZED ( -- files whose program chose the size: SO_SNDBUF, SO_SNDBUFFORCE (asm-generic/socket.h)
    SELECT DISTINCT x.file_id FROM call c JOIN call_file x USING (call_id)
    WHERE c.name = 'setsockopt' AND c.retval = 0 AND (c.a1 & 4294967295) = 1 AND (c.a2 & 4294967295) IN (7, 32)
      AND x.file_id IS NOT NULL
),
chosen AS ( -- an accepted socket has its listener's
    SELECT s.socket_id FROM socket s LEFT JOIN socket l ON l.socket_id = s.listener_id
    WHERE s.file_id IN (FROM sized) OR l.file_id IN (FROM sized)
),
written AS (
    SELECT v.connection_id, v.direction, v.hi, k.start_ns FROM stream_write v JOIN call k USING (call_id)
    WHERE v.connection_id IN (SELECT connection_id FROM sender)
),
acknowledged AS (
    SELECT g.connection_id, g.direction, g.acked AS position, p.time_ns FROM segment g JOIN packet p USING (packet_id)
    WHERE g.shown AND g.acked IS NOT NULL AND g.connection_id IN (SELECT connection_id FROM sender)
),
largest AS ( -- the segments that both ends take
    SELECT g.connection_id, min(p.mss)::BIGINT AS mss FROM segment g JOIN packet p USING (packet_id)
    WHERE p.mss IS NOT NULL AND g.connection_id IN (SELECT connection_id FROM sender) GROUP BY 1
),
held AS (
    SELECT s.*, coalesce(v.hi, 0) - coalesce(a.position, 0) AS before, coalesce(l.mss, 536) AS mss,
           s.socket_id IN (FROM chosen) AS is_chosen
    FROM sender s
    ASOF LEFT JOIN written v ON v.connection_id = s.connection_id AND v.direction = s.outgoing AND s.start_ns > v.start_ns
    ASOF LEFT JOIN acknowledged a ON a.connection_id = s.connection_id AND a.direction = s.incoming AND s.start_ns >= a.time_ns
    LEFT JOIN largest l ON l.connection_id = s.connection_id
)
SELECT call_id, socket_id, connection_id, start_ns, exit_ns, incoming FROM held
WHERE CASE WHEN is_chosen THEN before > 0 OR (sends AND retval > mss)
           WHEN sends THEN before + greatest(retval, 0) > 20 * mss
           ELSE before * 3 > 20 * mss * 2 END;

-- Waits at a futex of the process's own that somebody ended, and where only one call of the process can have: a wake-up at
-- its address between the two. A requeue may have moved the waiter to another address, so it proves nothing.
CREATE OR REPLACE TEMP TABLE j_futex AS
SELECT w.call_id, c.pid, c.a0 AS address, c.a1 & 128 <> 0 AS private, (c.a2 & 4294967295)::BIGINT AS expected,
       w.start_ns, w.exit_ns
FROM j_waiter w JOIN call c USING (call_id)
WHERE c.name IN ('futex', 'futex_time64') AND c.a1 & 127 IN (0, 9) AND c.retval = 0
  AND w.exit_ns - w.start_ns >= getvariable('blocking_ns');

CREATE OR REPLACE TEMP TABLE j_woken AS
WITH waker AS ( -- FUTEX_WAKE, WAKE_OP (at both addresses), WAKE_BITSET; REQUEUE, CMP_REQUEUE, CMP_REQUEUE_PI
    SELECT call_id, pid, start_ns, exit_ns, unnest(CASE WHEN a1 & 127 = 5 THEN [a0, a4] ELSE [a0] END) AS address,
           a1 & 127 IN (1, 5, 10) AND retval IS NOT NULL AS proves
    FROM call WHERE name IN ('futex', 'futex_time64') AND a1 & 127 IN (1, 3, 4, 5, 10, 12) AND (retval > 0 OR retval IS NULL)
)
SELECT f.call_id, min(k.call_id) AS cause_call_id, greatest(min(k.start_ns), f.start_ns) AS time_ns
FROM j_futex f
JOIN waker k ON k.pid = f.pid AND k.address = f.address AND k.start_ns < f.exit_ns AND coalesce(k.exit_ns, f.exit_ns) > f.start_ns
WHERE f.private
GROUP BY f.call_id, f.start_ns HAVING count(*) = 1 AND bool_and(k.proves);

CREATE OR REPLACE TEMP TABLE j_cause AS
WITH arrival AS (
    SELECT s.connection_id, s.direction, s.packet_id, j.time_ns, s.lo, s.hi + coalesce(j.fin, false)::BIGINT AS hi
    FROM segment s JOIN j_segment j USING (packet_id)
    WHERE s.shown AND s.is_new AND s.lo IS NOT NULL AND s.hi + coalesce(j.fin, false)::BIGINT > s.lo
),
payload AS ( -- the segment that carries the next byte (or the FIN)
    SELECT w.call_id, w.socket_id, a.packet_id, NULL::BIGINT AS cause_call_id, a.time_ns
    FROM (SELECT * FROM j_waiting_side WHERE what IN ('in', 'error') AND protocol = 'tcp') w
    ASOF JOIN arrival a ON a.connection_id = w.connection_id AND a.direction = w.incoming AND w.had_read >= a.lo
    -- what came before a short call, or after it, says nothing of a wait
    WHERE w.had_read < a.hi AND (w.exit_ns - w.start_ns >= getvariable('blocking_ns') OR a.time_ns BETWEEN w.start_ns AND w.exit_ns)
),
datagram AS ( -- the datagram that the next read took (or saw)
    SELECT w.call_id, w.socket_id, l.packet_id, NULL, p.time_ns
    FROM (SELECT * FROM j_waiting_side WHERE what IN ('in', 'error') AND protocol LIKE 'udp%') w
    ASOF JOIN (
        SELECT r.connection_id, r.direction, r.read_id, k.exit_ns FROM stream_read r JOIN call k USING (call_id)
    ) r ON r.connection_id = w.connection_id AND r.direction = w.incoming AND w.exit_ns <= r.exit_ns
    JOIN link l ON l.read_id = r.read_id AND l.kind = 'segment_read'
    JOIN packet p USING (packet_id)
),
unix AS ( -- the peer's write that holds the next byte
    SELECT w.call_id, w.socket_id, NULL, a.call_id, a.start_ns
    FROM (SELECT * FROM j_waiting_side WHERE what IN ('in', 'error') AND protocol LIKE 'unix%') w
    ASOF JOIN (SELECT v.connection_id, v.direction, v.lo, v.hi, v.call_id, k.start_ns FROM stream_write v JOIN call k USING (call_id)) a
         ON a.connection_id = w.connection_id AND a.direction = w.incoming AND w.had_read >= a.lo
    WHERE w.had_read < a.hi
),
handshake AS ( -- connect (or readiness to write after it) ends with the SYN-ACK or a RST
    SELECT w.call_id, w.socket_id, e.packet_id, NULL, e.time_ns
    FROM j_waiting_side w JOIN j_connection_flow f USING (connection_id) JOIN j_event e USING (flow_id)
    WHERE w.what IN ('connect', 'out', 'error') AND e.what IN ('syn-ack', 'rst')
      AND e.forward = (f.forward = w.incoming) AND e.time_ns BETWEEN w.start_ns AND w.exit_ns
),
reset AS (
    SELECT w.call_id, w.socket_id, e.packet_id, NULL, e.time_ns
    FROM j_waiting_side w JOIN j_connection_flow f USING (connection_id) JOIN j_event e USING (flow_id)
    WHERE w.what IN ('in', 'error') AND e.what = 'rst'
      AND e.forward = (f.forward = w.incoming) AND e.time_ns BETWEEN w.start_ns AND w.exit_ns
),
unreachable AS (
    SELECT w.call_id, w.socket_id, i.packet_id, NULL, i.time_ns
    FROM j_waiting_side w JOIN j_icmp i ON i.connection_id = w.connection_id
         AND (i.role = 'client') = (w.incoming = 's2c')
    -- on loopback the answer comes while the datagram is being sent: nobody waited for it
    WHERE i.time_ns BETWEEN w.start_ns AND w.exit_ns AND NOT (w.what = 'out' AND w.protocol LIKE 'udp%')
),
room AS ( -- room to send comes with an acknowledgement: the last one before the call returned
    SELECT w.call_id, w.socket_id, a.packet_id, NULL, a.time_ns
    FROM j_lacks_room w
    ASOF JOIN (SELECT s.connection_id, s.direction, s.packet_id, p.time_ns FROM segment s JOIN packet p USING (packet_id)
               WHERE s.shown AND s.connection_id IN (SELECT connection_id FROM j_lacks_room)) a
         ON a.connection_id = w.connection_id AND a.direction = w.incoming AND w.exit_ns >= a.time_ns
    WHERE a.time_ns >= w.start_ns
),
accepted AS ( -- a listener becomes readable when a handshake is complete: by its third segment
    SELECT w.call_id, w.socket_id, x.connection_id, k.exit_ns, coalesce(e.packet_id, NULL) AS packet_id,
           coalesce(e.time_ns, q.start_ns) AS time_ns, CASE WHEN e.packet_id IS NULL THEN q.call_id END AS cause_call_id
    FROM j_waiter w
    JOIN socket s ON s.listener_id = w.socket_id
    JOIN call k ON k.call_id = s.made_call_id
    JOIN j_side x ON x.socket_id = s.socket_id AND x.role = 'server'
    LEFT JOIN j_connection_flow f USING (connection_id)
    LEFT JOIN j_event e ON e.flow_id = f.flow_id AND e.what = 'handshake-ack'
    LEFT JOIN j_side y ON y.connection_id = x.connection_id AND y.role = 'client'
    LEFT JOIN call q ON q.call_id = y.call_id
    WHERE w.listening AND w.exit_ns IS NOT NULL AND k.exit_ns > w.start_ns
),
listener AS (
    SELECT call_id, socket_id, arg_min(packet_id, time_ns), arg_min(cause_call_id, time_ns), min(time_ns)
    FROM accepted WHERE time_ns IS NOT NULL GROUP BY call_id, socket_id
),
piped AS ( -- successful writes into pipes, in order of return
    SELECT f.inode, c.call_id, c.start_ns, c.exit_ns
    FROM call c JOIN j_effect e ON e.name = c.name AND e.sends JOIN call_file x ON x.call_id = c.call_id
    JOIN file f USING (file_id) WHERE f.kind = 'pipe' AND c.retval > 0
),
pipe AS ( -- the first write into the pipe that had not ended when the call began
    SELECT w.call_id, NULL::BIGINT, NULL, c.call_id, c.start_ns
    FROM (SELECT * FROM j_waiter WHERE kind = 'pipe' AND what IN ('in', 'error')
          AND exit_ns - start_ns >= getvariable('blocking_ns')) w
    ASOF JOIN piped c ON c.inode = w.inode AND w.start_ns < c.exit_ns
    WHERE c.start_ns < w.exit_ns
),
made AS ( -- pipes that a recorded program made: nobody else holds an end
    SELECT inode, min(file_id) AS one, max(file_id) AS other FROM file
    WHERE kind = 'pipe' AND open_call_id IS NOT NULL AND inode IS NOT NULL GROUP BY inode HAVING count(*) = 2
),
hung_up AS ( -- the close() of the last descriptor for the other end, at which a read returns 0 and a poll the end
    SELECT w.call_id, NULL::BIGINT, NULL, c.call_id, c.start_ns
    FROM j_waiter w JOIN made m ON m.inode = w.inode
    JOIN file o ON o.file_id = CASE WHEN w.file_id = m.one THEN m.other ELSE m.one END
    JOIN descriptor d ON d.file_id = o.file_id AND d.to_ns = o.to_ns
    JOIN call c ON c.call_id = d.close_call_id AND c.name = 'close'
    WHERE w.kind = 'pipe' AND w.what IN ('in', 'error') AND o.to_ns >= w.start_ns AND c.start_ns < w.exit_ns
      AND (w.retval = 0 OR w.what = 'error')
),
emptied AS ( -- the only read that made room in the pipe meanwhile
    SELECT w.call_id, NULL::BIGINT, NULL, min(c.call_id), min(c.start_ns)
    FROM j_waiter w JOIN file f ON f.kind = 'pipe' AND f.inode = w.inode JOIN call_file x ON x.file_id = f.file_id
    JOIN call c ON c.call_id = x.call_id AND c.retval > 0 AND c.start_ns < w.exit_ns AND c.exit_ns > w.start_ns
    JOIN j_effect e ON e.name = c.name AND e.receives
    WHERE w.kind = 'pipe' AND w.what = 'out' AND w.exit_ns - w.start_ns >= getvariable('blocking_ns')
    GROUP BY w.call_id HAVING count(*) = 1
)
SELECT * FROM payload UNION ALL SELECT * FROM datagram UNION ALL SELECT * FROM unix UNION ALL SELECT * FROM handshake
UNION ALL SELECT * FROM reset UNION ALL SELECT * FROM unreachable UNION ALL SELECT * FROM room UNION ALL SELECT * FROM listener UNION ALL SELECT * FROM pipe
UNION ALL SELECT * FROM hung_up UNION ALL SELECT * FROM emptied UNION ALL SELECT call_id, NULL, NULL, cause_call_id, time_ns FROM j_woken;

-- The child or the thread whose end (of a child also: being stopped or continued) a call waited for; the task, where it ended.
-- An end is seen a moment before the parent is told of it, and a call may begin meanwhile: time_ns is NULL then.
CREATE OR REPLACE TEMP TABLE j_ended AS
WITH gone AS (SELECT * FROM task WHERE end_how IN ('exited', 'killed') AND end_ns IS NOT NULL),
child AS (
    SELECT j.call_id, 'child' AS what, t.task_id, t.end_ns, c.start_ns, c.exit_ns
    FROM j_child j JOIN call c USING (call_id)
    LEFT JOIN gone t ON t.pid = j.pid AND t.is_leader AND t.end_ns <= c.exit_ns
),
joined AS ( -- the kernel clears a thread's id at its end and wakes who waits for that (set_tid_address(2))
    SELECT f.call_id, 'thread', t.task_id, t.end_ns, f.start_ns, f.exit_ns
    FROM j_futex f JOIN gone t ON t.pid = f.pid AND t.tid = f.expected AND NOT t.is_leader AND t.end_ns <= f.exit_ns
    WHERE f.call_id NOT IN (SELECT call_id FROM j_woken)
)
SELECT call_id, what, task_id, CASE WHEN end_ns >= start_ns THEN end_ns END AS time_ns
FROM (FROM child UNION ALL FROM joined)
QUALIFY row_number() OVER (PARTITION BY call_id ORDER BY end_ns DESC NULLS LAST) = 1;

-- A long call in which nothing is seen to have been waited for may be one whose thread lost its CPU. It did not wait if the
-- scheduler shows the thread in it, never blocked; nor, without the scheduler, if it sent on an Internet socket: TCP had room
-- (else the call is in j_lacks_room), and a datagram waits for room only while a device holds two hundred thousand bytes more.
CREATE OR REPLACE TEMP TABLE j_was_busy AS
WITH long AS (
    SELECT w.call_id, w.what, e.sends
    FROM j_waiter w JOIN j_effect e USING (name) WHERE w.exit_ns - w.start_ns >= getvariable('blocking_ns')
),
scheduled AS (
    SELECT call_id, bool_or(state = 'blocked') AS slept FROM thread_state
    WHERE call_id IN (SELECT call_id FROM long) GROUP BY 1
),
had_room AS ( -- of a TCP connection that was recorded from its begin: before that anything may have been written
    SELECT s.call_id FROM j_waiting_side s JOIN connection c USING (connection_id)
    WHERE s.what = 'out' AND (s.protocol LIKE 'udp%' OR (s.protocol = 'tcp' AND c.completeness & 1 = 1))
      AND s.call_id NOT IN (SELECT call_id FROM j_lacks_room)
)
SELECT DISTINCT l.call_id FROM long l LEFT JOIN scheduled s USING (call_id)
WHERE coalesce(NOT s.slept, l.what = 'out' AND l.sends AND l.call_id IN (FROM had_room));

INSERT INTO wait
WITH possible AS MATERIALIZED (
    SELECT w.call_id, w.task_id, w.name, w.retval, w.errno, w.start_ns, w.exit_ns, w.on_fd, w.socket_id, w.kind, w.what,
           k.packet_id, k.cause_call_id, k.time_ns, e.what AS ended, e.task_id AS cause_task_id, e.time_ns AS ended_ns
    FROM j_waiter w
    LEFT JOIN j_ended e ON e.call_id = w.call_id
    LEFT JOIN j_cause k ON k.call_id = w.call_id AND k.socket_id IS NOT DISTINCT FROM CASE WHEN w.kind = 'pipe' THEN NULL ELSE w.socket_id END
    -- a short call with no cause inside it did not wait: most calls need no more thought
    WHERE w.exit_ns IS NULL OR w.exit_ns - w.start_ns >= getvariable('blocking_ns') OR k.time_ns BETWEEN w.start_ns AND w.exit_ns
       OR e.time_ns BETWEEN w.start_ns AND w.exit_ns
),
several AS (SELECT call_id FROM possible GROUP BY call_id HAVING count(*) > 1),
chosen AS (
    FROM possible WHERE call_id NOT IN (FROM several)
    UNION ALL FROM possible WHERE call_id IN (FROM several)
    QUALIFY row_number() OVER (
        PARTITION BY call_id
        -- of several ready descriptors the first one that became so
        ORDER BY time_ns BETWEEN start_ns AND exit_ns DESC NULLS LAST, time_ns NULLS LAST, what, on_fd) = 1
),
judged AS (
    SELECT *, CASE
        WHEN exit_ns IS NULL THEN 'not ended'
        WHEN errno IN (4, 512, 513, 514, 516) THEN 'signal'
        WHEN errno IN (11, 62, 110, 115) AND time_ns IS NULL THEN 'timeout'
        WHEN retval = 0 AND (name LIKE '%poll%' OR name LIKE '%select%' OR name LIKE 'epoll%') THEN 'timeout'
        WHEN packet_id IS NOT NULL THEN 'packet'
        WHEN cause_call_id IS NOT NULL THEN 'peer'
        WHEN ended IS NOT NULL THEN ended
        WHEN name LIKE 'rt_sigtimedwait%' AND errno IS NULL THEN 'signal' -- the one it waited for
        WHEN name IN ('nanosleep', 'clock_nanosleep') THEN 'timeout'
        WHEN errno IS NOT NULL THEN 'error'
        WHEN kind IN ('terminal', 'event', 'other', 'pipe') AND what IN ('in', 'error') THEN 'input'
        ELSE 'unknown' END AS ended_by
    FROM chosen
)
SELECT row_number() OVER (), * FROM (
SELECT call_id, task_id, start_ns, exit_ns, socket_id, on_fd, ended_by,
       CASE WHEN ended_by = 'packet' THEN packet_id END, CASE WHEN ended_by = 'peer' THEN cause_call_id END,
       CASE WHEN ended_by IN ('packet', 'peer') THEN exit_ns - time_ns
            WHEN ended_by IN ('child', 'thread') THEN exit_ns - ended_ns END,
       CASE WHEN ended_by IN ('child', 'thread') THEN cause_task_id END
FROM judged
WHERE exit_ns IS NULL OR (ended_by IN ('child', 'thread') AND ended_ns IS NOT NULL)
   OR (ended_by IN ('packet', 'peer') AND time_ns BETWEEN start_ns AND exit_ns)
   OR (ended_by NOT IN ('packet', 'peer') AND exit_ns - start_ns >= getvariable('blocking_ns') AND call_id NOT IN (FROM j_was_busy))
ORDER BY start_ns, call_id);
