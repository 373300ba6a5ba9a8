"""Fields of TCP (RFC 9293, options: RFC 2018, RFC 7323), UDP (RFC 768) and UDP-Lite (RFC 3828).

A call on a socket of a connection has that connection's ports; its own end is the source.
"""

from wiretale.filter.fields.frame import PAYLOAD
from wiretale.filter.fields.table import (
    BOOLEAN,
    BYTES,
    CALL,
    DURATION,
    KERNEL,
    LABEL,
    NUMBER,
    PACKET,
    PROTOCOL,
    TEXT,
    Field,
    Term,
    label,
    packet,
    protocol,
    terms,
)
from wiretale.filter.header import flag, number, option_byte, options

_T = "p.transport_offset"
# Where fragments were put together there is a port, and no header in this frame: what is read out of the header is NULL.
_TCP, _UDP = "p.ip_protocol = 6 AND p.srcport IS NOT NULL", "p.ip_protocol = 17 AND p.srcport IS NOT NULL"
_LITE = "p.ip_protocol = 136 AND p.srcport IS NOT NULL"
_EITHER = "p.ip_protocol IN (17, 136) AND p.srcport IS NOT NULL"  # as in Wireshark, UDP-Lite has UDP's fields
_CHECKSUM = number(f"{_T} + 6", 2, _EITHER)
_END = "p.payload_offset + p.payload_bytes"
_HEADER = f"(CAST(p.payload_offset AS BIGINT) - {_T})"


def _port(name: str, meaning: str, kinds: tuple[str, ...], ip_numbers: tuple[int, ...], *ends: str) -> Field:
    numbers = f"({', '.join(map(str, ip_numbers))})"
    words = f"({', '.join(map(repr, kinds))})"
    when = f"p.ip_protocol IN {numbers}"
    columns = {"srcport": "cc.own_port", "dstport": "cc.peer_port"}
    quoted = [Term(f"CASE WHEN q.protocol IN {numbers} THEN q.{end} END") for end in ends]
    return Field(
        name, NUMBER, meaning,
        {
            PACKET: (*(Term(f"CASE WHEN {when} THEN p.{end} END") for end in ends), *quoted),
            CALL: terms(*(f"CASE WHEN cc.protocol IN {words} THEN {columns[end]} END" for end in ends)),
            KERNEL: terms(*(f"CASE WHEN e.protocol IN {numbers} THEN e.{end} END" for end in ends)),
        },
        size=2,
    )  # fmt: skip


def _transport(name: str, meaning: str, when: str, end: str, length: str, ip_number: int) -> Field:
    base = protocol(name, meaning, when, _T, end, length)
    quoted = Term(f"nullif(q.protocol = {ip_number}, FALSE)")
    present = {PACKET: (*base.present[PACKET], quoted), CALL: terms(f"nullif(cc.protocol = '{name}', FALSE)")}
    present[KERNEL] = terms(f"nullif(e.protocol = {ip_number}, FALSE)")
    return Field(name, PROTOCOL, meaning, base.on, present, length=base.length, whole=base.whole, window=base.window)


def _tcp(name: str, meaning: str, expression: str, size: int = 4) -> Field:
    return packet(name, NUMBER, meaning, f"CASE WHEN {_TCP} THEN {expression} END", size=size)


def _flag(name: str, bit: int, meaning: str) -> Field:
    return packet(f"tcp.flags.{name}", BOOLEAN, meaning, f"CASE WHEN {_TCP} THEN (p.flags & {bit}) <> 0 END")


def _letter(mask: int, letter: str) -> str:
    return f"CASE WHEN p.flags & {mask} <> 0 THEN '{letter}' ELSE '·' END"


_FLAG_TEXT = " || ".join(_letter(0x100 >> n, c) for n, c in enumerate("ACEUAPRSF"))


def _analysis(name: str, meaning: str) -> Field:
    # There only where it is true, as in Wireshark: the bare name is the test people write.
    return label(f"tcp.analysis.{name}", meaning, f"list_contains(g.analysis, '{name}')")


# Nearly every Linux segment has the same options (no-op, no-op, timestamps), which need no regular expression.
_OPTION_HEX = f"hex(p.frame[CAST({_T} AS BIGINT) + 21 : CAST(p.payload_offset AS BIGINT)])"
_HAS_OPTIONS = f"{_TCP} AND {_HEADER} > 20 AND p.payload_offset <= p.captured_bytes"
_OPTIONS = (
    f"CASE WHEN {_HAS_OPTIONS} THEN CASE WHEN {_HEADER} = 32 AND starts_with({_OPTION_HEX}, '0101080A')"
    f" THEN ['01', '01', {_OPTION_HEX}[5:]] ELSE {options(_OPTION_HEX)} END END"
)
# Kind and length of each option, the usual ones without reading them.
_KINDS, _LENGTHS_OF_OPTIONS = (
    f"CASE WHEN {_HAS_OPTIONS} THEN CASE WHEN {_HEADER} = 32"
    f" AND p.frame[CAST({_T} AS BIGINT) + 21 : CAST({_T} AS BIGINT) + 24] = '\\x01\\x01\\x08\\x0A'::BLOB"
    f" THEN {usual} ELSE [{byte} FOR v IN {options(_OPTION_HEX)}] END END"
    for usual, byte in (
        ("[1, 1, 8]", option_byte(1)),
        ("[10]", f"CASE WHEN v[1:2] NOT IN ('00', '01') THEN {option_byte(3)} END"),
    )
)


def _option(name: str, meaning: str, kind: int, present: str = "") -> Field:
    """An option as bytes; `present` where a column says whether it is there."""
    bytes_ = Term(f"CASE WHEN v[1:2] = '{kind:02X}' THEN unhex(v) END", elements=_OPTIONS)
    return Field(
        f"tcp.options.{name}",
        PROTOCOL,
        meaning,
        {PACKET: (bytes_,)},
        {PACKET: terms(f"nullif({_TCP} AND {present}, FALSE)")} if present else {},
    )


def _option_number(name: str, meaning: str, kind: int, at: int, size: int) -> Field:
    digits = f"v[{2 * at + 1} : {2 * (at + size)}]"
    value = (
        f"CASE WHEN v[1:2] = '{kind:02X}' AND len(v) >= {2 * (at + size)} THEN CAST('0x' || {digits} AS UBIGINT) END"
    )
    return packet(f"tcp.options.{name}", NUMBER, meaning, Term(value, elements=_OPTIONS), size=size)


def _edge(name: str, meaning: str, first: int) -> Field:
    """Left or right edges of SACK blocks, counted as tcp.ack is."""
    relative = "CASE WHEN g.rel_ack IS NULL THEN CAST(v AS BIGINT) ELSE (CAST(v AS BIGINT) - p.ack + g.rel_ack) & 4294967295 END"
    return packet(f"tcp.options.{name}", NUMBER, meaning, Term(relative, elements=f"p.sack[{first}:8:2]"), size=4)


_SCALE = "coalesce(st.unscaled, CASE g.direction WHEN 'c2s' THEN st.client_scale ELSE st.server_scale END)"
_SYN_OR_FIN = "(p.flags & 1) + ((p.flags >> 1) & 1)"

TCP_FIELDS: tuple[Field, ...] = (
    _transport(
        "tcp",
        "a TCP segment, or a call on a socket of a TCP connection",
        _TCP,
        _END,
        f"least({_END}, p.captured_bytes) - {_T}",
        6,
    ),
    _port("tcp.port", "either TCP port", ("tcp",), (6,), "srcport", "dstport"),
    _port("tcp.srcport", "TCP source port; of a call: its own end", ("tcp",), (6,), "srcport"),
    _port("tcp.dstport", "TCP destination port; of a call: the peer", ("tcp",), (6,), "dstport"),
    _tcp("tcp.stream", "number of the TCP connection among the captured ones, from 0 as in Wireshark", "g.tcp_stream"),
    _tcp(
        "tcp.completeness",
        "what was seen of the connection: SYN 1, SYN-ACK 2, ACK 4, data 8, FIN 16, RST 32",
        "k.completeness",
        1,
    ),
    _tcp("tcp.seq", "sequence number, counted from the connection's first", "coalesce(g.shown_seq, p.seq)"),
    _tcp("tcp.seq_raw", "sequence number in the header", "p.seq"),
    _tcp(
        "tcp.nxtseq",
        "sequence number after this segment",
        f"(CAST(coalesce(g.shown_seq, p.seq) AS BIGINT) + p.payload_bytes + {_SYN_OR_FIN}) & 4294967295",
    ),
    _tcp(
        "tcp.ack",
        "acknowledgement number, counted from the connection's first",
        "coalesce(g.shown_ack, p.ack)",
    ),
    _tcp("tcp.ack_raw", "acknowledgement number in the header", "p.ack"),
    _tcp("tcp.hdr_len", "length of the header with its options", _HEADER, 1),
    _tcp("tcp.len", "payload bytes", "p.payload_bytes"),
    _tcp("tcp.flags", "flags as one number", "p.flags", 2),
    packet("tcp.flags.res", BOOLEAN, "reserved bits", flag(f"{_T} + 12", 1, _TCP, 0x0E)),
    _flag("ae", 0x100, "flag AE (accurate ECN; once NS)"),
    _flag("cwr", 0x080, "flag CWR"),
    _flag("ece", 0x040, "flag ECE"),
    _flag("urg", 0x020, "flag URG"),
    _flag("ack", 0x010, "flag ACK"),
    _flag("push", 0x008, "flag PSH"),
    _flag("reset", 0x004, "flag RST"),
    _flag("syn", 0x002, "flag SYN"),
    _flag("fin", 0x001, "flag FIN"),
    packet("tcp.flags.str", TEXT, "flags as letters and dots", f"CASE WHEN {_TCP} THEN '···' || {_FLAG_TEXT} END"),
    _tcp("tcp.window_size_value", "window in the header", 'p."window"', 2),
    _tcp("tcp.window_size", "advertised window, scaled", 'coalesce(g.scaled_window, p."window")'),
    _tcp(
        "tcp.window_size_scalefactor",
        "factor of the window; -1 unknown, -2 not used",
        f"CASE WHEN p.flags & 2 = 0 THEN {_SCALE} END",
    ),
    packet("tcp.checksum", NUMBER, "checksum", number(f"{_T} + 16", 2, _TCP), size=2),
    _tcp("tcp.checksum.status", "2: checksums are not verified", "2", 1),
    packet("tcp.urgent_pointer", NUMBER, "urgent pointer", number(f"{_T} + 18", 2, _TCP), size=2),
    packet("tcp.payload", BYTES, "payload of a segment", f"CASE WHEN {_TCP} THEN {PAYLOAD} END"),
    packet(
        "tcp.time_relative",
        DURATION,
        "time since the connection's first packet",
        f"CASE WHEN {_TCP} THEN stt.relative_ns END",
    ),
    packet(
        "tcp.time_delta",
        DURATION,
        "time since the connection's packet before",
        f"CASE WHEN {_TCP} THEN stt.delta_ns END",
    ),
    Field(
        "tcp.connection.syn", LABEL, "SYN without ACK", {PACKET: terms(f"nullif({_TCP} AND p.flags & 18 = 2, FALSE)")}
    ),
    Field(
        "tcp.connection.synack", LABEL, "SYN with ACK", {PACKET: terms(f"nullif({_TCP} AND p.flags & 18 = 18, FALSE)")}
    ),
    Field("tcp.connection.fin", LABEL, "FIN", {PACKET: terms(f"nullif({_TCP} AND p.flags & 1 = 1, FALSE)")}),
    Field("tcp.connection.rst", LABEL, "RST", {PACKET: terms(f"nullif({_TCP} AND p.flags & 4 = 4, FALSE)")}),
)

OPTION_FIELDS: tuple[Field, ...] = (
    packet(
        "tcp.options",
        BYTES,
        "all options",
        f"CASE WHEN {_HAS_OPTIONS} THEN p.frame[CAST({_T} AS BIGINT) + 21 : CAST(p.payload_offset AS BIGINT)] END",
    ),
    packet(
        "tcp.option_kind",
        NUMBER,
        "kind of each option: 0 end, 1 no-op, 2 MSS, 3 window scale, 4 SACK permitted, 5 SACK, 8 timestamps",
        Term("v", elements=_KINDS),
        size=1,
    ),
    packet(
        "tcp.option_len",
        NUMBER,
        "length of each option that has one",
        Term("v", elements=_LENGTHS_OF_OPTIONS),
        size=1,
    ),
    _option("nop", "no-op option", 1),
    _option("eol", "end of options", 0),
    _option("mss", "maximum segment size option", 2, "p.mss IS NOT NULL"),
    packet("tcp.options.mss_val", NUMBER, "maximum segment size", "p.mss", size=2),
    _option("wscale", "window scale option", 3, "p.wscale IS NOT NULL"),
    packet("tcp.options.wscale.shift", NUMBER, "window scale", "p.wscale", size=1),
    packet(
        "tcp.options.wscale.multiplier",
        NUMBER,
        "factor of the window",
        "CASE WHEN p.wscale IS NOT NULL THEN 1 << least(CAST(p.wscale AS BIGINT), 14) END",
        size=2,
    ),
    _option("sack_perm", "SACK permitted option", 4, "p.sack_permitted"),
    _option("sack", "SACK option", 5, "p.sack IS NOT NULL"),
    _edge("sack_le", "left edges of SACK blocks", 1),
    _edge("sack_re", "right edges of SACK blocks", 2),
    packet("tcp.options.sack.count", NUMBER, "SACK blocks", "len(p.sack) // 2", size=1),
    _option("timestamp", "timestamps option", 8, "p.tsval IS NOT NULL"),
    packet("tcp.options.timestamp.tsval", NUMBER, "timestamp", "p.tsval", size=4),
    packet("tcp.options.timestamp.tsecr", NUMBER, "timestamp echo", "p.tsecr", size=4),
    _option("md5", "MD5 signature option (RFC 2385)", 19),
    _option("user_to", "user timeout option (RFC 5482)", 28),
    _option("ao", "authentication option (RFC 5925)", 29),
    _option("tfo", "Fast Open option (RFC 7413)", 34),
    packet(
        "tcp.options.experimental",
        PROTOCOL,
        "experimental option (RFC 6994)",
        Term("CASE WHEN v[1:2] IN ('FD', 'FE') THEN unhex(v) END", elements=_OPTIONS),
    ),
    _option_number("experimental.exid", "number of an experiment (option 253)", 253, 2, 2),
)

_FINDINGS = {
    "retransmission": "a retransmission",
    "fast_retransmission": "a fast retransmission",
    "spurious_retransmission": "a retransmission of acknowledged bytes",
    "out_of_order": "a segment out of order",
    "lost_segment": "a segment before this one was not captured",
    "ack_lost_segment": "acknowledges a segment that was not captured",
    "duplicate_ack": "a duplicate acknowledgement",
    "zero_window": "a zero window",
    "zero_window_probe": "a zero window probe",
    "zero_window_probe_ack": "answer to a zero window probe",
    "keep_alive": "a keep-alive",
    "keep_alive_ack": "answer to a keep-alive",
    "window_update": "a window update",
    "window_full": "fills the peer's window",
    "reused_ports": "a new connection with the ports of an older one",
    "tfo_syn": "a SYN with a Fast Open cookie",
    "tfo_ack": "a SYN-ACK that accepts Fast Open data",
    "tfo_ignored": "a SYN-ACK that ignores Fast Open data",
}

# Values that `segment` has where the analysis finds them.
_FOUND = (
    ("initial_rtt", DURATION, "round trip of the handshake", "initial_rtt_ns"),
    ("push_bytes_sent", NUMBER, "bytes sent since the last PSH", "push_bytes_sent"),
    ("acks_frame", NUMBER, "number of the packet it acknowledges", "acks_number"),
    ("rto", DURATION, "of a retransmission: time since the segment it repeats", "rto_ns"),
    ("rto_frame", NUMBER, "of a retransmission: number of the packet it repeats", "rto_number"),
    ("duplicate_ack_num", NUMBER, "of a duplicate acknowledgement: which one it is", "duplicate_ack_num"),
    ("duplicate_ack_frame", NUMBER, "of a duplicate acknowledgement: number of the first", "duplicate_ack_number"),
)

# What Wireshark does not count among its findings.
_FAST_OPEN = "len(list_intersect(g.analysis, ['tfo_syn', 'tfo_ack', 'tfo_ignored']))"
_MEASURED = ("initial_rtt_ns", "push_bytes_sent", "acks_number", "rto_ns", "duplicate_ack_num", "bytes_in_flight")

ANALYSIS_FIELDS: tuple[Field, ...] = (
    label(
        "tcp.analysis",
        "anything that TCP analysis found or measured",
        f"len(g.analysis) > {_FAST_OPEN} OR {' OR '.join(f'g.{column} IS NOT NULL' for column in _MEASURED)}",
    ),
    label(
        "tcp.analysis.flags",
        "any finding of TCP analysis",
        f"len(g.analysis) > {_FAST_OPEN}",
    ),
    *(_analysis(name, meaning) for name, meaning in _FINDINGS.items()),
    packet("tcp.analysis.bytes_in_flight", NUMBER, "bytes sent and not acknowledged", "g.bytes_in_flight", size=4),
    *(packet(f"tcp.analysis.{name}", type_, meaning, f"g.{column}", size=4) for name, type_, meaning, column in _FOUND),
    packet("tcp.analysis.ack_rtt", DURATION, "time since the segment it acknowledges", "g.ack_rtt_ns"),
)

_UDPS = (("udp", "udplite"), (17, 136))

UDP_FIELDS: tuple[Field, ...] = (
    _transport("udp", "a UDP datagram, or a call on a UDP socket", _UDP, f"{_T} + 8", "8", 17),
    _port("udp.port", "either UDP port", *_UDPS, "srcport", "dstport"),
    _port("udp.srcport", "UDP source port; of a call: its own end", *_UDPS, "srcport"),
    _port("udp.dstport", "UDP destination port; of a call: the peer", *_UDPS, "dstport"),
    packet(
        "udp.length",
        NUMBER,
        "length in the header: payload and 8 bytes; of UDP-Lite, which has none there: of the datagram",
        f"coalesce({number(f'{_T} + 4', 2, _UDP)}, CASE WHEN {_LITE} THEN p.payload_bytes + 8 END)",
        size=2,
    ),
    _transport("udplite", "a UDP-Lite datagram, or a call on a UDP-Lite socket", _LITE, f"{_T} + 8", "8", 136),
    packet(
        "udp.checksum_coverage",
        NUMBER,
        "UDP-Lite: how many bytes from the header on the checksum is of; 0 in the header is all of them",
        f"CASE WHEN {number(f'{_T} + 4', 2, _LITE)} = 0 THEN p.payload_bytes + 8 ELSE {number(f'{_T} + 4', 2, _LITE)} END",
        size=2,
    ),
    packet("udp.checksum", NUMBER, "checksum", _CHECKSUM, size=2),
    packet(
        "udp.checksum.status",
        NUMBER,
        "3: none was sent; 4: none was sent where one must be; 2: there is one, and it is not verified",
        f"CASE WHEN {_CHECKSUM} <> 0 THEN 2 WHEN {_CHECKSUM} = 0 THEN CASE WHEN p.ip_version = 4 AND {_UDP} THEN 3 ELSE 4 END END",
        size=1,
    ),
    packet(
        "udp.stream",
        NUMBER,
        "number of the UDP conversation among the captured ones, from 0",
        f"CASE WHEN {_EITHER} THEN st.stream_index END",
        size=4,
    ),
    packet("udp.payload", BYTES, "payload of a datagram", f"CASE WHEN {_EITHER} THEN {PAYLOAD} END"),
    packet(
        "udp.time_relative",
        DURATION,
        "time since the conversation's first packet",
        f"CASE WHEN {_EITHER} THEN stt.relative_ns END",
    ),
    packet(
        "udp.time_delta",
        DURATION,
        "time since the conversation's packet before",
        f"CASE WHEN {_EITHER} THEN stt.delta_ns END",
    ),
)
