-- connection: one row is two endpoints and what passed between them; a connect that failed is one too.
-- From j_connection, j_side, j_subflow, j_event (the segments of handshake and end), segment, packet, stream_write, stream_read and socket.
INSERT INTO connection
WITH ends AS (
    SELECT s.connection_id,
           bool_and(k.to_ns IS NOT NULL) AS all_closed, bool_or(k.to_ns IS NOT NULL) AS one_closed,
           max(k.to_ns) AS closed_ns, count(*) AS sockets,
           bool_or(s.role = 'client' AND k.to_ns IS NOT NULL) AS client_closed,
           min(CASE WHEN s.role = 'server' THEN s.from_ns END) AS accepted_ns
    FROM j_side s JOIN socket k USING (socket_id) GROUP BY s.connection_id
),
connected AS (
    SELECT s.connection_id, min(c.exit_ns) FILTER (c.retval = 0) AS connected_ns
    FROM j_side s JOIN call c USING (call_id) WHERE s.role = 'client' AND c.name = 'connect' GROUP BY ALL
),
flow_events AS (
    SELECT f.connection_id, f.flow_id, min(e.time_ns) FILTER (e.what = 'handshake-ack') AS established_ns,
           count(DISTINCT e.forward) FILTER (e.what = 'fin') AS fins,
           count(*) FILTER (e.what = 'rst') AS rsts, count(*) FILTER (e.what = 'syn') AS syns,
           count(*) FILTER (e.what = 'syn-ack') AS syn_acks
    FROM j_subflow f LEFT JOIN j_event e USING (flow_id) GROUP BY ALL
),
events AS ( -- of MPTCP: closed if a subflow was closed in order; reset only if no subflow was left
    SELECT connection_id, min(established_ns) AS established_ns, max(fins) AS fins,
           CASE WHEN bool_and(rsts > 0 OR fins >= 2) THEN sum(rsts)::BIGINT ELSE 0 END AS rsts,
           sum(syns)::BIGINT AS syns, sum(syn_acks)::BIGINT AS syn_acks
    FROM flow_events GROUP BY connection_id
),
wire AS (
    SELECT s.connection_id, count(*) AS packets, min(p.time_ns) AS first_ns, max(p.time_ns) AS last_ns,
           max(s.hi) FILTER (s.direction = 'c2s' AND s.hi > s.lo) AS c2s, max(s.hi) FILTER (s.direction = 's2c' AND s.hi > s.lo) AS s2c
    FROM segment s JOIN packet p USING (packet_id) WHERE s.shown GROUP BY ALL
),
moved AS (
    SELECT connection_id, max(hi) FILTER (direction = 'c2s') AS c2s, max(hi) FILTER (direction = 's2c') AS s2c
    FROM (SELECT connection_id, direction, hi FROM stream_write
          UNION ALL SELECT connection_id, direction, hi FROM stream_read WHERE NOT peeked)
    GROUP BY ALL
),
streams AS (
    SELECT c.connection_id, min(s.stream) AS stream, arg_min(s.initial_rtt_ns, s.stream) AS initial_rtt_ns,
           arg_min(s.completeness, s.stream) AS completeness
    FROM j_connection_flow c JOIN j_flow f USING (flow_id) JOIN j_stream s USING (stream) GROUP BY ALL
),
facts AS (
    SELECT c.*, t.stream, t.initial_rtt_ns, t.completeness, e.*  EXCLUDE (connection_id), v.* EXCLUDE (connection_id), n.connected_ns, i.icmp_errno,
           w.packets, w.first_ns, w.last_ns,
           coalesce(v.established_ns, CASE WHEN c.protocol LIKE 'unix%' OR (c.protocol = 'tcp' AND w.packets IS NULL)
               THEN coalesce(e.accepted_ns, n.connected_ns) END) AS up_ns,
           greatest(coalesce(w.c2s, 0), coalesce(m.c2s, 0)) AS client_bytes,
           greatest(coalesce(w.s2c, 0), coalesce(m.s2c, 0)) AS server_bytes
    FROM j_connection c
    LEFT JOIN ends e USING (connection_id) LEFT JOIN events v USING (connection_id)
    LEFT JOIN connected n USING (connection_id) LEFT JOIN wire w USING (connection_id) LEFT JOIN moved m USING (connection_id)
    LEFT JOIN j_failure i USING (connection_id) LEFT JOIN streams t USING (connection_id)
),
judged AS (
    SELECT *, coalesce(errno, icmp_errno) AS why,
           CASE
             WHEN protocol = 'tcp' AND rsts > 0 AND syn_acks = 0 AND syns > 0 THEN 'refused'
             WHEN coalesce(errno, icmp_errno) = 111 THEN 'refused'
             WHEN coalesce(errno, icmp_errno) = 110 THEN 'timed out'
             WHEN coalesce(errno, icmp_errno) IN (100, 101, 112, 113) THEN 'unreachable'
             WHEN errno IS NOT NULL AND errno NOT IN (115, 4) THEN 'failed'
             WHEN protocol = 'tcp' AND rsts > 0 AND fins < 2 THEN 'reset'
             WHEN protocol = 'tcp' AND fins >= 2 THEN 'closed'
             WHEN protocol = 'tcp' AND syns > 0 AND syn_acks = 0 AND client_closed THEN 'timed out'
             WHEN protocol = 'tcp' AND fins = 1 THEN 'half-closed'
             WHEN protocol = 'tcp' AND packets IS NOT NULL THEN 'open'
             WHEN all_closed THEN 'closed'
             WHEN protocol NOT LIKE 'udp%' AND one_closed AND sockets > 1 THEN 'half-closed'
             ELSE 'open'
           END AS outcome
    FROM facts
)
SELECT connection_id, protocol, netns_cookie, client_addr, client_port, server_addr, server_port, client_known_by,
       least(from_ns, coalesce(first_ns, from_ns)),
       CASE WHEN outcome NOT IN ('open', 'half-closed') THEN greatest(coalesce(last_ns, closed_ns, from_ns), coalesce(closed_ns, last_ns, from_ns)) END,
       up_ns, stream, initial_rtt_ns, completeness, outcome, client_bytes, server_bytes, coalesce(packets, 0)
FROM judged
ORDER BY connection_id;
