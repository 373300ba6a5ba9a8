-- kernel_link: one row relates one kernel event to the call, packet, socket and connection it belongs to.
-- From kernel_event, call, packet, segment, socket, endpoint.
-- The call is that of the current thread: on the other context it only lent its time. The packet is found by its own
-- headers, and of packets with equal headers (a retransmission) it is the nearest in time; the socket by its cookie.
CREATE OR REPLACE TEMP TABLE j_kernel_packet AS
WITH seen AS (
    SELECT CASE WHEN shown THEN packet_id ELSE twin_id END AS packet_id, time_ns, src, dst, srcport, dstport,
           ip_protocol AS protocol, coalesce(seq, 0) AS seq, coalesce(ack, 0) AS ack, coalesce(flags, 0) & 255 AS flags,
           payload_bytes AS bytes
    FROM packet WHERE (shown OR twin_id IS NOT NULL) AND srcport IS NOT NULL
),
passed AS (
    SELECT event_id, time_ns, src, dst, srcport, dstport, protocol, coalesce(seq, 0) AS seq, coalesce(ack, 0) AS ack,
           coalesce(flags, 0) AS flags, bytes
    FROM kernel_event WHERE head IS NOT NULL AND srcport > 0
),
near AS (
    SELECT p.event_id, s.packet_id, p.time_ns - s.time_ns AS gap_ns
    FROM passed p ASOF JOIN seen s USING (src, dst, srcport, dstport, protocol, seq, ack, flags, bytes, time_ns)
    UNION ALL
    SELECT p.event_id, s.packet_id, s.time_ns - p.time_ns
    FROM passed p ASOF JOIN seen s ON s.src = p.src AND s.dst = p.dst AND s.srcport = p.srcport AND s.dstport = p.dstport
         AND s.protocol = p.protocol AND s.seq = p.seq AND s.ack = p.ack AND s.flags = p.flags AND s.bytes = p.bytes
         AND p.time_ns <= s.time_ns
)
SELECT event_id, arg_min(packet_id, gap_ns) AS packet_id FROM near GROUP BY event_id;

INSERT INTO kernel_link
WITH during AS (
    SELECT e.event_id, c.call_id
    FROM kernel_event e ASOF JOIN call c ON c.tid = e.tid AND e.time_ns >= c.start_ns
    WHERE e.time_ns <= coalesce(c.exit_ns, e.time_ns)
),
known_socket AS (
    SELECT e.event_id, min(s.socket_id) AS socket_id FROM kernel_event e JOIN socket s USING (cookie) GROUP BY e.event_id
),
known_end AS (SELECT socket_id, min(connection_id) AS connection_id FROM endpoint WHERE socket_id IS NOT NULL GROUP BY socket_id)
SELECT e.event_id, d.call_id, p.packet_id, k.socket_id, coalesce(g.connection_id, x.connection_id)
FROM kernel_event e
LEFT JOIN during d USING (event_id)
LEFT JOIN j_kernel_packet p USING (event_id)
LEFT JOIN known_socket k USING (event_id)
LEFT JOIN segment g ON g.packet_id = p.packet_id
LEFT JOIN known_end x ON x.socket_id = k.socket_id
ORDER BY e.event_id;
