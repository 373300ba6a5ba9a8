"""Shared by the oddities: the ends of connections that a recorded process serves."""

# Which end is the server is no guess. `peer`: the process at the other end, if it was recorded.
SERVED = """
SELECT e.connection_id, e.pid, e.fd, e.sends, e.addr AS own_addr, e.port AS own_port, o.addr, o.port, o.pid AS peer,
    s.inode, s.file_id
FROM endpoint e JOIN endpoint o ON o.connection_id = e.connection_id AND o.role <> e.role
JOIN connection k ON k.connection_id = e.connection_id JOIN socket s ON s.socket_id = e.socket_id
WHERE e.role = 'server' AND e.pid IS NOT NULL AND k.protocol IN ('tcp', 'unix-stream', 'unix-seqpacket')
    AND k.client_known_by <> 'guess'"""
