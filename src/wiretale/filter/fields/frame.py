"""Fields of frames: when, how long, on which interface."""

from wiretale.filter.fields.table import (
    BOOLEAN,
    BYTES,
    CALL,
    DURATION,
    KERNEL,
    NUMBER,
    PACKET,
    PROTOCOL,
    SIGNAL,
    TASK,
    TEXT,
    TIME,
    Field,
    packet,
    terms,
)  # fmt: skip

SINCE = "(SELECT origin_ns FROM origin)"
# What was dissected, from the outermost on, in Wireshark's words. Nothing behind the transport is dissected: "data".
_PROTOCOLS = (
    "CASE p.linktype WHEN 1 THEN 'eth:ethertype' WHEN 113 THEN 'sll:ethertype' WHEN 276 THEN 'sll:ethertype' ELSE 'raw' END"
    " || CASE WHEN p.linktype <> 1 OR p.network_offset IS NULL OR p.network_offset < 18"
    " OR hex(p.frame[13:14]) NOT IN ('8100', '88A8', '9100') THEN ''"
    " ELSE CASE WHEN hex(p.frame[13:14]) = '88A8' THEN ':ieee8021ad:ethertype' ELSE ':vlan:ethertype' END"
    " || repeat(':vlan:ethertype', (p.network_offset - 18) // 4) END"
    " || CASE WHEN p.ethertype = 2054 THEN ':arp' WHEN p.ip_version = 4 THEN ':ip' WHEN p.ip_version = 6 THEN ':ipv6' ELSE '' END"
    " || CASE WHEN p.srcport IS NULL AND p.icmp_type IS NULL THEN '' WHEN p.ip_protocol = 6 THEN ':tcp' WHEN p.ip_protocol = 17 THEN ':udp'"
    " WHEN p.ip_protocol = 136 THEN ':udplite'"
    " WHEN p.ip_protocol = 1 THEN ':icmp' WHEN p.ip_protocol = 58 THEN ':icmpv6' ELSE '' END"
    " || CASE WHEN p.payload_bytes > 0 AND p.ip_protocol = 1 AND p.icmp_type IN (3, 4, 5, 11, 12) THEN ':ip'"
    " WHEN p.payload_bytes > 0 AND (p.icmp_type IS NULL OR p.icmp_type IN (0, 8, 128, 129)) THEN ':data' ELSE '' END"
)  # fmt: skip
# LINKTYPE_* to WTAP_ENCAP_*, as tshark 4.0 prints it of a packet of each
_ENCAPS = {
    0: 15, 1: 1, 2: 184, 3: 148, 6: 2, 7: 8, 8: 3, 9: 4, 10: 6, 11: 10, 12: 7, 13: 38, 14: 7, 16: 11, 18: 11, 19: 11,
    32: 69, 50: 4, 51: 139, 99: 61, 100: 10, 101: 7, 104: 28, 105: 20, 106: 11, 107: 26, 108: 174, 109: 38, 112: 28,
    113: 25, 114: 30, 117: 39, 118: 29, 119: 21, 121: 32, 122: 18, 123: 13, 127: 23, 128: 37, 129: 9, 130: 81,
    131: 82, 133: 87, 135: 68, 136: 151, 137: 67, 138: 62, 139: 75, 140: 42, 141: 43, 142: 101, 143: 33, 144: 44,
    147: 45, 148: 46, 149: 47, 150: 48, 151: 49, 152: 50, 153: 51, 154: 52, 155: 53, 156: 54, 157: 55, 158: 56,
    159: 57, 160: 58, 161: 59, 162: 60, 163: 24, 165: 63, 167: 76, 169: 66, 170: 178, 171: 179, 172: 77, 173: 78,
    177: 88, 178: 83, 179: 84, 180: 85, 181: 86, 183: 91, 184: 181, 186: 92, 187: 41, 188: 93, 189: 95, 190: 109,
    192: 97, 195: 104, 196: 100, 197: 98, 199: 103, 200: 197, 201: 99, 202: 147, 203: 131, 204: 19, 209: 112,
    210: 106, 211: 108, 212: 107, 213: 111, 214: 105, 215: 113, 220: 115, 224: 121, 225: 122, 226: 124, 227: 125,
    228: 129, 229: 130, 230: 127, 231: 146, 235: 132, 236: 133, 237: 157, 239: 141, 240: 135, 241: 136, 242: 180,
    243: 138, 245: 140, 248: 149, 249: 152, 250: 153, 251: 154, 252: 155, 253: 158, 254: 159, 255: 160, 256: 161,
    258: 171, 259: 172, 260: 173, 264: 177, 266: 182, 268: 36, 270: 183, 271: 185, 272: 186, 273: 199, 274: 198,
    275: 200, 276: 210, 279: 204, 280: 205, 283: 206, 287: 211, 288: 208, 290: 212, 292: 214, 293: 215, 294: 216,
    295: 217,
}  # fmt: skip
_ENCAP = f"CASE p.linktype {' '.join(f'WHEN {link} THEN {encap}' for link, encap in _ENCAPS.items())} END"

FRAME_FIELDS: tuple[Field, ...] = (
    Field(
        "frame",
        PROTOCOL,
        "the whole captured packet",
        {PACKET: terms("p.frame")},
        {PACKET: terms("TRUE")},
        length={PACKET: terms("p.captured_bytes")},
    ),
    packet("frame.number", NUMBER, "number among the shown packets, from 1", "p.number", size=4),
    packet("frame.len", NUMBER, "length on the wire", "p.frame_bytes", size=4),
    packet("frame.cap_len", NUMBER, "captured length", "p.captured_bytes", size=4),
    packet("frame.time", TIME, "date and time", "rt.real_ns"),
    packet("frame.time_epoch", DURATION, "time since 1970", "rt.real_ns"),
    packet(
        "frame.time_relative", DURATION, "time since the first packet", "p.time_ns - (SELECT time_ns FROM first_packet)"
    ),
    packet("frame.time_delta", DURATION, "time since the packet before it", "ft.delta_ns"),
    packet(
        "frame.time_delta_displayed",
        DURATION,
        "the same as frame.time_delta: packets that are not shown count",
        "ft.delta_ns",
    ),
    packet("frame.offset_shift", DURATION, "0: times are not shifted", "0"),
    packet("frame.protocols", TEXT, "protocols in the packet, from the outermost on", _PROTOCOLS),
    packet("frame.interface_name", TEXT, "interface", "i.interface"),
    packet(
        "frame.encap_type",
        NUMBER,
        "Wireshark's number of the link layer: 1 Ethernet, 7 raw IP, 25 SLL, 210 SLL2",
        _ENCAP,
        size=2,
    ),
    packet(
        "frame.packet_flags_direction",
        NUMBER,
        "1 seen arriving, 2 seen leaving",
        "CASE p.tap WHEN 'in' THEN 1 WHEN 'out' THEN 2 END",
        size=4,
    ),
    packet("frame.marked", BOOLEAN, "false: no packet is marked", "FALSE"),
    packet("frame.ignored", BOOLEAN, "false: no packet is ignored", "FALSE"),
    packet("packet.id", NUMBER, "number among all packets, loopback's hidden copies included", "p.packet_id"),
    packet("packet.tap", TEXT, "in or out: whether this copy was seen arriving or leaving", "p.tap"),
    packet("packet.shown", BOOLEAN, "the copy that counts", "p.shown"),
    packet("packet.fragment", BOOLEAN, "is an IP fragment", "p.fragment"),
    packet("packet.truncated", BOOLEAN, "not all of it was captured", "p.captured_bytes < p.frame_bytes"),
    packet("frame.comment", TEXT, "comment that an imported file has on the packet", "p.comment"),
    packet("packet.undecoded", TEXT, "why decoding stopped", "p.undecoded"),
    packet(
        "packet.linktype",
        NUMBER,
        "LINKTYPE_* of its link layer: 1 Ethernet, 101 raw IP, 113 SLL, 276 SLL2",
        "p.linktype",
    ),
)

_PAYLOAD = (
    "CASE WHEN p.payload_bytes > 0 AND p.payload_offset < p.captured_bytes THEN"
    " p.frame[CAST(p.payload_offset AS BIGINT) + 1 : CAST(p.payload_offset AS BIGINT) + CAST(p.payload_bytes AS BIGINT)] END"
)
PAYLOAD = _PAYLOAD
_HAS_PAYLOAD = "nullif(p.payload_bytes > 0 AND p.payload_offset < p.captured_bytes, FALSE)"

# What ICMP carries is a packet that it quotes, where it is an error, and else what a program sent.
_NOT_QUOTED = "p.icmp_type IS NULL OR p.icmp_type IN (0, 8, 128, 129)"
_DATA = f"CASE WHEN {_NOT_QUOTED} THEN {_PAYLOAD} END"
_HAS_DATA = f"CASE WHEN {_NOT_QUOTED} THEN {_HAS_PAYLOAD} END"

PAYLOAD_FIELDS: tuple[Field, ...] = (
    Field(
        "payload",
        BYTES,
        "bytes that a call or packet carried for the program",
        {PACKET: terms(_PAYLOAD), CALL: terms("cd.bytes")},
        {PACKET: terms(_HAS_PAYLOAD), CALL: terms("cd.bytes")},
    ),
    Field(
        "data",
        PROTOCOL,
        "payload, but not what an ICMP error quotes",
        {PACKET: terms(_DATA), CALL: terms("cd.bytes")},
        {PACKET: terms(_HAS_DATA), CALL: terms("cd.bytes")},
    ),
    Field(
        "data.data",
        BYTES,
        "payload, but not what an ICMP error quotes",
        {PACKET: terms(_DATA), CALL: terms("cd.bytes")},
        {PACKET: terms(_HAS_DATA), CALL: terms("cd.bytes")},
    ),
    Field(
        "data.len",
        NUMBER,
        "length of the payload on the wire; of a call: of each piece of memory it carried",
        {PACKET: terms(f"CASE WHEN {_NOT_QUOTED} THEN nullif(p.payload_bytes, 0) END"), CALL: terms("cd.full_bytes")},
        size=4,
    ),
    Field(
        "time",
        DURATION,
        "time since the first event",
        {
            CALL: terms(f"c.entry_ns - {SINCE}"),
            PACKET: terms(f"p.time_ns - {SINCE}"),
            SIGNAL: terms(f"s.time_ns - {SINCE}"),
            TASK: terms(f"t.start_ns - {SINCE}"),
            KERNEL: terms(f"e.time_ns - {SINCE}"),
        },
    ),
    Field(
        "level",
        TEXT,
        "syscall, packet or kernel",
        {
            **{kind: terms("'syscall'") for kind in (CALL, SIGNAL, TASK)},
            PACKET: terms("'packet'"),
            KERNEL: terms("'kernel'"),
        },
    ),
)
