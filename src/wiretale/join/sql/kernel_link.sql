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
           coalesce(flags, 0) AS flags, bytes, head, name
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
),
nearest AS (SELECT event_id, arg_min(packet_id, gap_ns) AS packet_id, min(gap_ns) AS gap_ns FROM near GROUP BY event_id),
-- Datagrams of one flow may have equal headers, one right after the other. From its hand-over to a device on a datagram is
-- where its data lies; its packet is the one that is nearest to any of its events.
datagram AS (
    SELECT n.*, head, src, dst, srcport, dstport, bytes, sum(CAST(name = 'net:net_dev_queue' AS INTEGER)) OVER (
        PARTITION BY head, src, dst, srcport, dstport, bytes ORDER BY time_ns, event_id) AS hop
    FROM nearest n JOIN passed USING (event_id) WHERE protocol = 17
)
SELECT event_id, packet_id FROM nearest ANTI JOIN (FROM datagram WHERE hop > 0) USING (event_id)
UNION ALL
SELECT event_id, arg_min(packet_id, gap_ns) OVER (PARTITION BY head, src, dst, srcport, dstport, bytes, hop)
FROM datagram WHERE hop > 0;

-- What IP hands over as one the device layer may cut into several (GSO), before the capture sees them: the first of those.
-- Within 0.1 s: what is sent again comes later (TCP_RTO_MIN of net/tcp.h is 0.2 s).
INSERT INTO j_kernel_packet
WITH whole AS (
    SELECT event_id, time_ns, src, dst, srcport, dstport, coalesce(seq, 0) AS seq, coalesce(ack, 0) AS ack, bytes
    FROM kernel_event ANTI JOIN j_kernel_packet USING (event_id)
    WHERE name = 'net:net_dev_queue' AND protocol = 6 AND srcport > 0 AND bytes > 0
),
part AS (
    SELECT CASE WHEN shown THEN packet_id ELSE twin_id END AS packet_id, time_ns, src, dst, srcport, dstport, seq, ack,
           payload_bytes AS bytes
    FROM packet WHERE (shown OR twin_id IS NOT NULL) AND ip_protocol = 6 AND payload_bytes > 0
)
SELECT w.event_id, p.packet_id FROM whole w ASOF JOIN part p ON p.src = w.src AND p.dst = w.dst
    AND p.srcport = w.srcport AND p.dstport = w.dstport AND p.seq = w.seq AND p.ack = w.ack AND w.time_ns <= p.time_ns
WHERE p.bytes < w.bytes AND p.time_ns - w.time_ns < 100000000;

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
