# ruff: noqa: E501 (a table: one row, one line)
"""The table of filter fields: name, type, meaning, and the SQL that gives its values for each kind of event.

Names are Wireshark's where Wireshark has the field. An event that has no such field never matches a test of it. A field
with several expressions, or one read from a row set (`cc.`, `cd.`, `cp.`), has several values; a test holds if it holds for
any of them.
"""

from dataclasses import dataclass
from enum import StrEnum

from wiretale.filter.events import EventKind

CALL, PACKET, SIGNAL, TASK = EventKind.CALL, EventKind.PACKET, EventKind.SIGNAL, EventKind.TASK


class FieldType(StrEnum):
    """What values a field takes, in words for error messages."""

    NUMBER = "a number"
    BOOLEAN = "true or false"
    TEXT = "a text"
    BYTES = "bytes"
    ADDRESS = "an IP address"
    DURATION = "a time span such as 1ms or 0.5s"
    ERROR = "an error such as ECONNREFUSED"
    PROTOCOL = "a protocol or kind of event"


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `on` maps a kind of event to the SQL expressions of its values."""

    name: str
    type: FieldType
    meaning: str
    on: dict[EventKind, tuple[str, ...]]


def _transport(name: str, meaning: str, protocol: str, number: int, columns: str) -> Field:
    """A port field: of a packet's header, and of the connection of a call (its own end is the source)."""
    of_packet = {"src": ("p.srcport",), "dst": ("p.dstport",), "": ("p.srcport", "p.dstport")}[columns]
    of_call = {"src": ("cc.own_port",), "dst": ("cc.peer_port",), "": ("cc.own_port", "cc.peer_port")}[columns]
    return Field(
        name,
        FieldType.NUMBER,
        meaning,
        {
            PACKET: tuple(f"CASE WHEN p.ip_protocol = {number} THEN {e} END" for e in of_packet),
            CALL: tuple(f"CASE WHEN cc.protocol = '{protocol}' THEN {e} END" for e in of_call),
        },
    )


def _address(name: str, meaning: str, version: int, columns: str) -> Field:
    """An address field, like `_transport`."""
    of_packet = {"src": ("p.src",), "dst": ("p.dst",), "": ("p.src", "p.dst")}[columns]
    of_call = {"src": ("cc.own_addr",), "dst": ("cc.peer_addr",), "": ("cc.own_addr", "cc.peer_addr")}[columns]
    colon = "LIKE" if version == 6 else "NOT LIKE"
    return Field(
        name,
        FieldType.ADDRESS,
        meaning,
        {
            PACKET: tuple(f"CASE WHEN p.ip_version = {version} THEN {e} END" for e in of_packet),
            CALL: tuple(f"CASE WHEN cc.protocol IN ('tcp', 'udp') AND {e} {colon} '%:%' THEN {e} END" for e in of_call),
        },
    )


def _flag(name: str, bit: int, meaning: str) -> Field:
    expression = f"CASE WHEN p.ip_protocol = 6 THEN (p.flags & {bit}) <> 0 END"
    return Field(f"tcp.flags.{name}", FieldType.BOOLEAN, f"TCP flag {meaning}", {PACKET: (expression,)})


def _analysis(name: str, meaning: str) -> Field:
    # Present only where it is true, as in Wireshark: the bare name is the test people write.
    return Field(
        f"tcp.analysis.{name}", FieldType.PROTOCOL, meaning, {PACKET: (f"list_contains(g.analysis, '{name}')",)}
    )


def _packet(name: str, type_: FieldType, meaning: str, expression: str) -> Field:
    return Field(name, type_, meaning, {PACKET: (expression,)})


def _call(name: str, type_: FieldType, meaning: str, expression: str) -> Field:
    return Field(name, type_, meaning, {CALL: (expression,)})


NUMBER, TEXT, BYTES, DURATION = FieldType.NUMBER, FieldType.TEXT, FieldType.BYTES, FieldType.DURATION
PROTOCOL, ERROR = FieldType.PROTOCOL, FieldType.ERROR
_PAYLOAD = (
    "CASE WHEN p.payload_bytes > 0 AND p.payload_offset < p.captured_bytes THEN p.frame[p.payload_offset + 1 :] END"
)
_SINCE = "(SELECT origin_ns FROM origin)"

FIELDS: tuple[Field, ...] = (
    # kinds of events and protocols
    Field("call", PROTOCOL, "the event is a system call", {CALL: ("TRUE",)}),
    Field("signal", PROTOCOL, "the event is a signal", {SIGNAL: ("TRUE",)}),
    Field("proc", PROTOCOL, "the event is of a traced process", {CALL: ("TRUE",), SIGNAL: ("TRUE",), TASK: ("TRUE",)}),
    Field("process", PROTOCOL, "the event is the start or end of a process or thread", {TASK: ("TRUE",)}),
    Field("frame", BYTES, "the whole captured packet", {PACKET: ("p.frame",)}),
    Field(
        "ip",
        PROTOCOL,
        "IPv4",
        {PACKET: ("p.ip_version = 4",), CALL: ("cc.protocol IN ('tcp', 'udp') AND cc.own_addr NOT LIKE '%:%'",)},
    ),
    Field(
        "ipv6",
        PROTOCOL,
        "IPv6",
        {PACKET: ("p.ip_version = 6",), CALL: ("cc.protocol IN ('tcp', 'udp') AND cc.own_addr LIKE '%:%'",)},
    ),
    Field(
        "tcp",
        PROTOCOL,
        "a TCP segment, or a call on a socket of a TCP connection",
        {PACKET: ("p.ip_protocol = 6",), CALL: ("cc.protocol = 'tcp'",)},
    ),
    Field(
        "udp",
        PROTOCOL,
        "a UDP datagram, or a call on a UDP socket",
        {PACKET: ("p.ip_protocol = 17",), CALL: ("cc.protocol = 'udp'",)},
    ),
    Field("unix", PROTOCOL, "a call on a connected unix socket", {CALL: ("cc.protocol LIKE 'unix-%'",)}),
    Field("icmp", PROTOCOL, "ICMP", {PACKET: ("p.ip_protocol = 1",)}),
    Field("icmpv6", PROTOCOL, "ICMPv6", {PACKET: ("p.ip_protocol = 58",)}),
    Field("arp", PROTOCOL, "ARP", {PACKET: ("p.ethertype = 2054",)}),
    # over all levels
    Field(
        "level",
        TEXT,
        "syscall or packet",
        {CALL: ("'syscall'",), SIGNAL: ("'syscall'",), TASK: ("'syscall'",), PACKET: ("'packet'",)},
    ),
    Field(
        "time",
        DURATION,
        "time since the first event",
        {
            CALL: (f"c.entry_ns - {_SINCE}",),
            PACKET: (f"p.time_ns - {_SINCE}",),
            SIGNAL: (f"s.time_ns - {_SINCE}",),
            TASK: (f"t.start_ns - {_SINCE}",),
        },
    ),
    Field(
        "connection",
        NUMBER,
        "number of the connection, as `wiretale connections` lists it",
        {PACKET: ("g.connection_id",), CALL: ("cc.connection_id",)},
    ),
    Field(
        "payload",
        BYTES,
        "bytes that a call or packet carried for the program",
        {PACKET: (_PAYLOAD,), CALL: ("cd.bytes",)},
    ),
    Field("data", BYTES, "the same as payload", {PACKET: (_PAYLOAD,), CALL: ("cd.bytes",)}),
    Field(
        "proc.name",
        TEXT,
        "name of the process; of a packet: of the processes at its connection's ends",
        {CALL: ("t.comm",), SIGNAL: ("t.comm",), TASK: ("t.comm",), PACKET: ("cp.comm",)},
    ),
    Field(
        "proc.pid", NUMBER, "process id", {CALL: ("c.pid",), SIGNAL: ("t.pid",), TASK: ("t.pid",), PACKET: ("cp.pid",)}
    ),
    Field("proc.tid", NUMBER, "thread id", {CALL: ("c.tid",), SIGNAL: ("s.tid",), TASK: ("t.tid",)}),
    Field("proc.exe", TEXT, "path of the program file", {CALL: ("t.exe",), SIGNAL: ("t.exe",), TASK: ("t.exe",)}),
    Field("proc.uid", NUMBER, "effective user id", {CALL: ("t.uid",), SIGNAL: ("t.uid",), TASK: ("t.uid",)}),
    # calls
    _call("call.id", NUMBER, "number of the call in the capture", "c.call_id"),
    _call("call.name", TEXT, "name of the call", "c.name"),
    _call("call.number", NUMBER, "system call number", "c.number"),
    _call("call.retval", NUMBER, "return value; negative errno if it failed", "c.retval"),
    _call("call.errno", ERROR, "error number, or its name", "c.errno"),
    _call("call.error", ERROR, "error by name, for example ECONNREFUSED", "c.errno"),
    _call("call.duration", DURATION, "time from entry to return", "c.exit_ns - c.entry_ns"),
    _call(
        "call.bytes",
        NUMBER,
        "payload bytes it moved",
        "CASE WHEN c.retval >= 0 AND c.name NOT IN ('sendmmsg', 'recvmmsg') AND c.call_id IN (SELECT call_id FROM call_data WHERE role = 'payload') THEN c.retval END",
    ),
    _call("fd", NUMBER, "the descriptor it acts on", "c.fd"),
    _call("call.fd", NUMBER, "the same as fd", "c.fd"),
    # signals
    Field("signal.name", TEXT, "for example SIGINT", {SIGNAL: ("s.name",)}),
    Field("signal.number", NUMBER, "signal number", {SIGNAL: ("s.number",)}),
    Field("signal.sender", NUMBER, "process that sent it", {SIGNAL: ("s.sender_pid",)}),
    # frames
    _packet("frame.number", NUMBER, "number among the shown packets", "p.number"),
    _packet("frame.len", NUMBER, "length on the wire", "p.frame_bytes"),
    _packet("frame.cap_len", NUMBER, "captured length", "p.captured_bytes"),
    _packet("frame.time_relative", DURATION, "time since the first event", f"p.time_ns - {_SINCE}"),
    _packet("frame.interface_name", TEXT, "interface", "i.interface"),
    # internet
    _address("ip.addr", "either IPv4 address", 4, ""),
    _address("ip.src", "IPv4 source; of a call: its own end", 4, "src"),
    _address("ip.dst", "IPv4 destination; of a call: the peer", 4, "dst"),
    _address("ipv6.addr", "either IPv6 address", 6, ""),
    _address("ipv6.src", "IPv6 source; of a call: its own end", 6, "src"),
    _address("ipv6.dst", "IPv6 destination; of a call: the peer", 6, "dst"),
    _packet("ip.ttl", NUMBER, "time to live", "CASE WHEN p.ip_version = 4 THEN p.ttl END"),
    _packet("ip.proto", NUMBER, "protocol number", "CASE WHEN p.ip_version = 4 THEN p.ip_protocol END"),
    _packet("ip.id", NUMBER, "identification", "CASE WHEN p.ip_version = 4 THEN p.ip_id END"),
    _packet("ip.version", NUMBER, "4 for IPv4", "CASE WHEN p.ip_version = 4 THEN 4 END"),
    _packet(
        "ip.fragment", FieldType.BOOLEAN, "is a fragment", "CASE WHEN p.ip_version IS NOT NULL THEN p.fragment END"
    ),
    _packet("ipv6.hlim", NUMBER, "hop limit", "CASE WHEN p.ip_version = 6 THEN p.ttl END"),
    _packet("icmp.type", NUMBER, "ICMP type", "CASE WHEN p.ip_protocol = 1 THEN p.icmp_type END"),
    _packet("icmp.code", NUMBER, "ICMP code", "CASE WHEN p.ip_protocol = 1 THEN p.icmp_code END"),
    _packet("icmpv6.type", NUMBER, "ICMPv6 type", "CASE WHEN p.ip_protocol = 58 THEN p.icmp_type END"),
    _packet("icmpv6.code", NUMBER, "ICMPv6 code", "CASE WHEN p.ip_protocol = 58 THEN p.icmp_code END"),
    # TCP
    _transport("tcp.port", "either TCP port", "tcp", 6, ""),
    _transport("tcp.srcport", "TCP source port; of a call: its own end", "tcp", 6, "src"),
    _transport("tcp.dstport", "TCP destination port; of a call: the peer", "tcp", 6, "dst"),
    _packet("tcp.stream", NUMBER, "number of the connection", "CASE WHEN p.ip_protocol = 6 THEN g.connection_id END"),
    _packet("tcp.flags", NUMBER, "TCP flags as one number", "CASE WHEN p.ip_protocol = 6 THEN p.flags END"),
    _flag("fin", 0x001, "FIN"),
    _flag("syn", 0x002, "SYN"),
    _flag("reset", 0x004, "RST"),
    _flag("push", 0x008, "PSH"),
    _flag("ack", 0x010, "ACK"),
    _flag("urg", 0x020, "URG"),
    _flag("ece", 0x040, "ECE"),
    _flag("cwr", 0x080, "CWR"),
    _packet(
        "tcp.seq",
        NUMBER,
        "sequence number, counted from the connection's first",
        "CASE WHEN p.ip_protocol = 6 THEN g.rel_seq END",
    ),
    _packet("tcp.seq_raw", NUMBER, "sequence number in the header", "CASE WHEN p.ip_protocol = 6 THEN p.seq END"),
    _packet(
        "tcp.ack",
        NUMBER,
        "acknowledgement number, counted from the connection's first",
        "CASE WHEN p.ip_protocol = 6 THEN g.rel_ack END",
    ),
    _packet(
        "tcp.ack_raw", NUMBER, "acknowledgement number in the header", "CASE WHEN p.ip_protocol = 6 THEN p.ack END"
    ),
    _packet("tcp.len", NUMBER, "payload bytes", "CASE WHEN p.ip_protocol = 6 THEN p.payload_bytes END"),
    _packet(
        "tcp.window_size", NUMBER, "advertised window, scaled", "CASE WHEN p.ip_protocol = 6 THEN g.scaled_window END"
    ),
    _packet("tcp.window_size_value", NUMBER, "window in the header", 'CASE WHEN p.ip_protocol = 6 THEN p."window" END'),
    _packet("tcp.options.mss_val", NUMBER, "maximum segment size option", "p.mss"),
    _packet("tcp.options.wscale.shift", NUMBER, "window scale option", "p.wscale"),
    _packet("tcp.options.timestamp.tsval", NUMBER, "timestamp option", "p.tsval"),
    _packet("tcp.options.timestamp.tsecr", NUMBER, "timestamp echo option", "p.tsecr"),
    _packet("tcp.analysis.flags", PROTOCOL, "any finding of TCP analysis", "len(g.analysis) > 0"),
    _analysis("retransmission", "a retransmission"),
    _analysis("fast_retransmission", "a fast retransmission"),
    _analysis("spurious_retransmission", "a retransmission of acknowledged bytes"),
    _analysis("out_of_order", "a segment out of order"),
    _analysis("lost_segment", "a segment before this one was not captured"),
    _analysis("ack_lost_segment", "acknowledges a segment that was not captured"),
    _analysis("duplicate_ack", "a duplicate acknowledgement"),
    _analysis("zero_window", "a zero window"),
    _analysis("zero_window_probe", "a zero window probe"),
    _analysis("zero_window_probe_ack", "answer to a zero window probe"),
    _analysis("keep_alive", "a keep-alive"),
    _analysis("keep_alive_ack", "answer to a keep-alive"),
    _analysis("window_update", "a window update"),
    _analysis("window_full", "fills the peer's window"),
    _analysis("reused_ports", "a new connection with the ports of an older one"),
    _packet("tcp.analysis.bytes_in_flight", NUMBER, "bytes sent and not acknowledged", "g.bytes_in_flight"),
    _packet("tcp.analysis.ack_rtt", DURATION, "time since the segment it acknowledges", "g.ack_rtt_ns"),
    # UDP
    _transport("udp.port", "either UDP port", "udp", 17, ""),
    _transport("udp.srcport", "UDP source port; of a call: its own end", "udp", 17, "src"),
    _transport("udp.dstport", "UDP destination port; of a call: the peer", "udp", 17, "dst"),
    _packet(
        "udp.length",
        NUMBER,
        "payload bytes plus the 8 of the header",
        "CASE WHEN p.ip_protocol = 17 THEN p.payload_bytes + 8 END",
    ),
)

BY_NAME: dict[str, Field] = {f.name: f for f in FIELDS}
