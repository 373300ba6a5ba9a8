-- Fragments of UDP datagrams (join/fragments.py): one row per shown fragment, with the bytes that place it.
-- From packet and interface. RFC 791 section 3.1: the fields flags and offset are bytes 6 and 7 of the IPv4 header;
-- RFC 8200 section 4.5: they are bytes 2 and 3 of the Fragment header, which is the last one before a fragment's data.
SELECT p.packet_id, p.time_ns, p.netns, p.ifindex, p.src, p.dst, p.ip_version, p.ip_id, p.srcport IS NOT NULL AS begins,
       CASE p.ip_version WHEN 4 THEN p.frame[p.network_offset + 7:p.network_offset + 8]
            ELSE p.frame[p.payload_offset - 5:p.payload_offset - 4] END AS place,
       -- UDP length (RFC 768), bytes 4 and 5 of its header
       p.frame[p.transport_offset + 5:p.transport_offset + 6] AS length,
       p.payload_bytes
FROM packet p
WHERE p.shown AND p.fragment AND p.ip_protocol = 17 AND p.payload_offset IS NOT NULL AND p.network_offset IS NOT NULL
ORDER BY p.packet_id
