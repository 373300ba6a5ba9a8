-- Segments that are the same packet as an earlier one, seen on another interface of the same namespace (a router, a bridge,
-- a VLAN under it): Wireshark's rules take them for repeats. `what` of j_segment then says so (join/segments.py).
-- A packet is the same if all its header says is: the identification (IPv4) or the timestamp (TCP) tells a repeat apart.
CREATE OR REPLACE TEMP TABLE j_elsewhere AS
SELECT s.packet_id, arg_min(o.is_new, q.packet_id) AS was_new -- whether it brought something new where it was seen first
FROM j_segment s JOIN packet p USING (packet_id)
JOIN packet q ON q.src = p.src AND q.dst = p.dst AND q.srcport = p.srcport AND q.dstport = p.dstport AND q.seq = p.seq
     AND q.ack = p.ack AND q.flags = p.flags AND q."window" = p."window"
JOIN j_segment o ON o.packet_id = q.packet_id
WHERE len(s.analysis) > 0 AND q.shown AND q.ip_protocol = 6 AND q.packet_id < p.packet_id AND q.ifindex <> p.ifindex
  AND q.netns IS NOT DISTINCT FROM p.netns AND q.payload_bytes IS NOT DISTINCT FROM p.payload_bytes
  AND q.ip_id IS NOT DISTINCT FROM p.ip_id AND q.tsval IS NOT DISTINCT FROM p.tsval
  AND (coalesce(p.ip_id, 0) <> 0 OR p.tsval IS NOT NULL)
  AND p.time_ns - q.time_ns BETWEEN 0 AND 1000000000
  -- on this interface it is there for the first time
  AND NOT EXISTS (
      SELECT 1 FROM packet r WHERE r.shown AND r.packet_id < p.packet_id AND r.packet_id >= q.packet_id AND r.ifindex = p.ifindex
      AND r.src = p.src AND r.dst = p.dst AND r.srcport = p.srcport AND r.dstport = p.dstport AND r.seq = p.seq
      AND r.ack = p.ack AND r.flags = p.flags AND r."window" = p."window" AND r.payload_bytes IS NOT DISTINCT FROM p.payload_bytes
      AND r.ip_id IS NOT DISTINCT FROM p.ip_id AND r.tsval IS NOT DISTINCT FROM p.tsval)
GROUP BY s.packet_id;

UPDATE j_segment SET what = 'other_interface' WHERE packet_id IN (SELECT packet_id FROM j_elsewhere);
