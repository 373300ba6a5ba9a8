-- j_flow (temporary): one row is one incarnation of a 4-tuple. For TCP it is a stream of j_segment: the analysis tells the
-- incarnations apart (a new one begins at a SYN without ACK whose initial number is not the one this side has).
-- j_flow_packet (temporary): one row is one shown datagram, and which flow it is of. Segments know theirs by j_flow.stream.
-- From packet, interface and j_segment.
CREATE OR REPLACE TEMP TABLE j_flow_packet AS
SELECT packet_id, time_ns, ip_protocol AS proto, netns, (src, srcport) <= (dst, dstport) AS forward,
       CASE WHEN forward THEN src ELSE dst END AS a_addr, CASE WHEN forward THEN srcport ELSE dstport END AS a_port,
       CASE WHEN forward THEN dst ELSE src END AS b_addr, CASE WHEN forward THEN dstport ELSE srcport END AS b_port
FROM packet
WHERE shown AND ip_protocol IN (17, 136) AND srcport IS NOT NULL AND dstport IS NOT NULL;

CREATE OR REPLACE TEMP TABLE j_flow AS
WITH streams AS (
    SELECT stream, min(time_ns) AS first_ns, max(time_ns) AS last_ns, min(packet_id) AS first_id,
           -- who began: the sender of a SYN without ACK, or the receiver of a SYN with ACK
           max(CASE WHEN flags & 2 <> 0 THEN CASE WHEN (flags & 16 = 0) = forward THEN 'a' ELSE 'b' END END) AS began
    FROM j_segment GROUP BY stream
),
flow AS (
    SELECT 6 AS proto, p.netns, s.stream, s.first_ns, s.last_ns, s.began,
           (p.src, p.srcport) <= (p.dst, p.dstport) AS first_forward,
           CASE WHEN first_forward THEN p.src ELSE p.dst END AS a_addr,
           CASE WHEN first_forward THEN p.srcport ELSE p.dstport END AS a_port,
           CASE WHEN first_forward THEN p.dst ELSE p.src END AS b_addr,
           CASE WHEN first_forward THEN p.dstport ELSE p.srcport END AS b_port
    FROM streams s JOIN packet p ON p.packet_id = s.first_id
    UNION ALL BY NAME
    SELECT proto, netns, min(time_ns) AS first_ns, max(time_ns) AS last_ns, arg_min(forward, packet_id) AS first_forward,
           a_addr, a_port, b_addr, b_port
    FROM j_flow_packet GROUP BY ALL
)
SELECT row_number() OVER (ORDER BY proto, netns, a_addr, a_port, b_addr, b_port, stream) AS flow_id, f.*, i.netns_cookie AS cookie
FROM flow f LEFT JOIN (SELECT netns, any_value(netns_cookie) AS netns_cookie FROM interface GROUP BY netns) i USING (netns)
ORDER BY flow_id;

CREATE OR REPLACE TEMP TABLE j_flow_packet AS
SELECT p.packet_id, p.time_ns, p.proto, f.cookie, p.forward, f.flow_id
FROM j_flow_packet p JOIN j_flow f ON f.proto = p.proto AND f.netns IS NOT DISTINCT FROM p.netns
     AND f.a_addr = p.a_addr AND f.a_port = p.a_port AND f.b_addr = p.b_addr AND f.b_port = p.b_port;
