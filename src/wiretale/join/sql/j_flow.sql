-- j_flow_packet, j_flow (temporary): one row is one shown TCP segment or UDP datagram with the incarnation of its
-- 4-tuple; one incarnation. From packet and interface.
-- A tuple's next incarnation begins at a SYN without ACK whose initial number differs from the one this side used last,
-- or which comes after other segments of this side when no SYN of it was seen (the capture began in the middle).
CREATE OR REPLACE TEMP TABLE j_flow_packet AS
WITH shown AS (
    SELECT p.packet_id, p.time_ns, p.ip_protocol AS proto, i.netns_cookie AS cookie, p.netns, p.flags, p.seq,
           p.src, p.srcport, p.dst, p.dstport,
           (p.src, p.srcport) <= (p.dst, p.dstport) AS forward
    FROM packet p
    LEFT JOIN (SELECT netns, any_value(netns_cookie) AS netns_cookie FROM interface GROUP BY netns) i USING (netns)
    WHERE p.shown AND p.ip_protocol IN (6, 17) AND p.srcport IS NOT NULL AND p.dstport IS NOT NULL
      AND (p.ip_protocol = 17 OR p.seq IS NOT NULL)
),
keyed AS MATERIALIZED (
    SELECT packet_id, time_ns, proto, cookie, netns, flags, seq, forward,
           CASE WHEN forward THEN src ELSE dst END AS a_addr, CASE WHEN forward THEN srcport ELSE dstport END AS a_port,
           CASE WHEN forward THEN dst ELSE src END AS b_addr, CASE WHEN forward THEN dstport ELSE srcport END AS b_port,
           proto = 6 AND flags & 2 <> 0 AS syn
    FROM shown
),
-- Only SYNs can begin an incarnation, and they are few: what must be known of the other packets of a side is its first.
side AS (
    SELECT proto, netns, a_addr, a_port, b_addr, b_port, forward, min(packet_id) AS first_id
    FROM keyed GROUP BY ALL
),
tuple AS (
    SELECT DISTINCT proto, netns, a_addr, a_port, b_addr, b_port FROM side
),
syns AS (
    SELECT k.*, s.first_id,
           lag(k.seq) OVER (PARTITION BY k.proto, k.netns, k.a_addr, k.a_port, k.b_addr, k.b_port, k.forward ORDER BY k.packet_id)
               IS DISTINCT FROM k.seq AS other_seq
    FROM keyed k JOIN side s ON s.proto = k.proto AND s.netns IS NOT DISTINCT FROM k.netns AND s.a_addr = k.a_addr
         AND s.a_port = k.a_port AND s.b_addr = k.b_addr AND s.b_port = k.b_port AND s.forward = k.forward
    WHERE k.syn
),
beginning AS (
    SELECT proto, netns, a_addr, a_port, b_addr, b_port, packet_id,
           row_number() OVER (PARTITION BY proto, netns, a_addr, a_port, b_addr, b_port ORDER BY packet_id) AS incarnation
    FROM syns WHERE flags & 16 = 0 AND packet_id > first_id AND other_seq
),
span AS ( -- every incarnation, from its first packet on: 0 is the one before any beginning
    SELECT *, 0 AS incarnation, 0 AS from_id FROM tuple
    UNION ALL
    SELECT proto, netns, a_addr, a_port, b_addr, b_port, incarnation, packet_id FROM beginning
),
flow AS (
    SELECT *, row_number() OVER (ORDER BY proto, netns, a_addr, a_port, b_addr, b_port, incarnation) AS flow_id,
           lead(from_id, 1, 9223372036854775807) OVER (PARTITION BY proto, netns, a_addr, a_port, b_addr, b_port ORDER BY incarnation) AS to_id
    FROM span
)
SELECT k.packet_id, k.time_ns, k.proto, k.cookie, k.netns, k.flags, k.seq, k.forward, k.a_addr, k.a_port, k.b_addr, k.b_port,
       k.syn, f.flow_id
FROM keyed k JOIN flow f ON f.proto = k.proto AND f.netns IS NOT DISTINCT FROM k.netns AND f.a_addr = k.a_addr
     AND f.a_port = k.a_port AND f.b_addr = k.b_addr AND f.b_port = k.b_port
     AND k.packet_id >= f.from_id AND k.packet_id < f.to_id;

CREATE OR REPLACE TEMP TABLE j_flow AS
SELECT flow_id, proto, cookie, a_addr, a_port, b_addr, b_port,
       min(time_ns) AS first_ns, max(time_ns) AS last_ns,
       -- who began: the sender of a SYN without ACK, or the receiver of a SYN with ACK
       max(CASE WHEN syn AND flags & 16 = 0 THEN CASE WHEN forward THEN 'a' ELSE 'b' END
                WHEN syn THEN CASE WHEN forward THEN 'b' ELSE 'a' END END) AS began,
       arg_min(forward, packet_id) AS first_forward
FROM j_flow_packet
GROUP BY ALL
ORDER BY flow_id;
