-- segment: one row is one TCP segment or UDP datagram of a connection, from one tap.
-- From j_flow, j_subflow (flows of connections, and what joined them by MPTCP), j_data, j_segment (the TCP analysis), j_datagram_packet and packet. Loopback's hidden
-- copy gets the row of its twin: it is the same segment, seen earlier.
-- Of the packets from $first to $last: all at once would not fit into the memory.
INSERT INTO segment
WITH every_tap AS (
    SELECT packet_id, shown, CASE WHEN shown THEN packet_id ELSE twin_id END AS segment_id FROM packet
    WHERE packet_id BETWEEN $first AND $last
),
segment_of AS (
    SELECT s.packet_id, c.connection_id,
           CASE WHEN s.forward = (c.forward = 'c2s') THEN 'c2s' ELSE 's2c' END AS direction,
           s.lo + coalesce(a.shift, 0) AS lo, s.hi + coalesce(a.shift, 0) AS hi, a.unknown,
           s.stream, s.rel_seq, s.rel_ack, s.shown_seq, s.shown_ack, s.scaled_window, s.bytes_in_flight, s.push_bytes_sent,
           s.ack_rtt_ns, s.acks_number, s.rto_ns, s.rto_number, s.initial_rtt_ns, s.duplicate_ack_num, s.duplicate_ack_number,
           s.analysis, s.what, s.is_new, CASE WHEN NOT coalesce(b.unknown, false)
               THEN CASE WHEN m.packet_id IS NULL THEN s.rel_ack - 1 ELSE m.acked END + coalesce(b.shift, 0) END AS acked
    FROM j_segment s
    JOIN j_flow f USING (stream)
    JOIN j_subflow c USING (flow_id)
    LEFT JOIN j_data m USING (packet_id)
    LEFT JOIN j_align a ON a.connection_id = c.connection_id
          AND a.direction = CASE WHEN s.forward = (c.forward = 'c2s') THEN 'c2s' ELSE 's2c' END
    LEFT JOIN j_align b ON b.connection_id = c.connection_id
          AND b.direction = CASE WHEN s.forward = (c.forward = 'c2s') THEN 's2c' ELSE 'c2s' END
    UNION ALL
    SELECT d.packet_id, d.connection_id, d.direction, d.lo, d.lo + d.bytes, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           NULL, NULL, NULL, NULL, NULL, NULL, NULL, [], NULL, NOT d.repeated, NULL
    FROM j_datagram_packet d
)
SELECT e.packet_id, connection_id, direction, shown, CASE WHEN unknown THEN NULL ELSE lo END,
       CASE WHEN unknown THEN NULL ELSE hi END, stream, rel_seq, rel_ack, shown_seq, shown_ack, scaled_window,
       bytes_in_flight, push_bytes_sent, ack_rtt_ns, acks_number, rto_ns, rto_number, initial_rtt_ns, duplicate_ack_num,
       duplicate_ack_number, analysis, what, is_new, acked
FROM every_tap e JOIN segment_of s ON s.packet_id = e.segment_id
ORDER BY e.packet_id;
