-- j_flow_packet, j_flow (temporary): one row is one shown TCP segment or UDP datagram with the incarnation of its
-- 4-tuple; one incarnation. From packet, interface and j_segment (the TCP analysis tells the incarnations apart: a new
-- one begins at a SYN without ACK whose initial number is not the one this side has).
CREATE OR REPLACE TEMP TABLE j_flow_packet AS
WITH shown AS (
    SELECT p.packet_id, p.time_ns, p.ip_protocol AS proto, i.netns_cookie AS cookie, p.netns, p.flags, p.seq,
           p.src, p.srcport, p.dst, p.dstport,
           (p.src, p.srcport) <= (p.dst, p.dstport) AS forward
    FROM packet p
    LEFT JOIN (SELECT netns, any_value(netns_cookie) AS netns_cookie FROM interface GROUP BY netns) i USING (netns)
    WHERE p.shown AND p.ip_protocol IN (6, 17, 136) AND p.srcport IS NOT NULL AND p.dstport IS NOT NULL
      AND (p.ip_protocol <> 6 OR p.seq IS NOT NULL)
),
keyed AS MATERIALIZED (
    SELECT packet_id, time_ns, proto, cookie, netns, flags, seq, forward,
           CASE WHEN forward THEN src ELSE dst END AS a_addr, CASE WHEN forward THEN srcport ELSE dstport END AS a_port,
           CASE WHEN forward THEN dst ELSE src END AS b_addr, CASE WHEN forward THEN dstport ELSE srcport END AS b_port,
           proto = 6 AND flags & 2 <> 0 AS syn
    FROM shown
),
named AS (SELECT k.*, s.stream FROM keyed k LEFT JOIN j_segment s USING (packet_id))
SELECT packet_id, time_ns, proto, cookie, netns, flags, seq, forward, a_addr, a_port, b_addr, b_port, syn, stream,
       dense_rank() OVER (ORDER BY proto, netns, a_addr, a_port, b_addr, b_port, stream) AS flow_id
FROM named;

CREATE OR REPLACE TEMP TABLE j_flow AS
SELECT flow_id, proto, cookie, a_addr, a_port, b_addr, b_port, any_value(stream) AS stream,
       min(time_ns) AS first_ns, max(time_ns) AS last_ns,
       -- who began: the sender of a SYN without ACK, or the receiver of a SYN with ACK
       max(CASE WHEN syn AND flags & 16 = 0 THEN CASE WHEN forward THEN 'a' ELSE 'b' END
                WHEN syn THEN CASE WHEN forward THEN 'b' ELSE 'a' END END) AS began,
       arg_min(forward, packet_id) AS first_forward
FROM j_flow_packet
GROUP BY flow_id, proto, cookie, a_addr, a_port, b_addr, b_port
ORDER BY flow_id;
