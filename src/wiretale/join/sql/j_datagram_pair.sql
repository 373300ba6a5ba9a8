-- j_datagram_pair (temporary): one row is one pair of rows that saw the same datagram, as candidates of a link are (join/candidates.py).
-- From j_match (join/datagrams.py), stream_write, stream_read, call and packet.
CREATE OR REPLACE TEMP TABLE j_datagram_pair AS
SELECT m.kind, m.connection_id, m.direction, m.lo, m.hi, w.write_id, m.packet_id, r.read_id,
       coalesce(d.repeated, false) AS retransmission, m.exact AND coalesce(w.exact, true) AND coalesce(r.exact, true) AS exact,
       CASE WHEN m.packet_id IS NOT NULL THEN NOT coalesce(d.repeated, false) END AS first_copy,
       CASE m.kind WHEN 'write_segment' THEN p.time_ns - wc.start_ns
                   WHEN 'segment_read' THEN rc.exit_ns - p.time_ns
                   ELSE rc.exit_ns - wc.start_ns END AS lag_ns,
       CASE m.kind WHEN 'write_segment' THEN p.time_ns ELSE rc.exit_ns END AS time_ns,
       d.frame_lo
FROM j_match m
LEFT JOIN stream_write w ON w.call_id = m.write_call AND w.message = m.write_message
LEFT JOIN stream_read r ON r.call_id = m.read_call AND r.message = m.read_message
LEFT JOIN call wc ON wc.call_id = m.write_call
LEFT JOIN call rc ON rc.call_id = m.read_call
LEFT JOIN packet p ON p.packet_id = m.packet_id
LEFT JOIN j_datagram_packet d ON d.packet_id = m.packet_id;
