"""Derived tables: what `join` proves from the raw tables. One SQL model or one state machine makes each."""

from wiretale.model.table import Column as C
from wiretale.model.table import Table

FILE = Table(
    "file",
    "derived",
    "one open file description (what dup and fork share)",
    (
        C("file_id", "BIGINT", "id"),
        C(
            "kind",
            "VARCHAR",
            "socket, pipe, file, terminal, event (epoll, eventfd, timerfd, signalfd, inotify, io_uring) or other",
        ),
        C("name", "VARCHAR", "path, socket:[inode], pipe:[inode], anon_inode:..."),
        C("inode", "UBIGINT", "inode of a socket or pipe; NULL otherwise"),
        C("open_call_id", "BIGINT", "call that made it; NULL if older than the recording or inherited unseen"),
        C("from_ns", "BIGINT", "first sight", "ns"),
        C("to_ns", "BIGINT", "last descriptor closed; NULL if open at the end", "ns"),
    ),
)

DESCRIPTOR = Table(
    "descriptor",
    "derived",
    "one descriptor number of one process meaning one file for one span of time",
    (
        C("descriptor_id", "BIGINT", "id"),
        C("pid", "INTEGER", "process"),
        C("fd", "INTEGER", "number"),
        C("file_id", "BIGINT", "what it refers to"),
        C("from_ns", "BIGINT", "when it began to (start of the recording if older)", "ns"),
        C("to_ns", "BIGINT", "when it ended; NULL if open at the end", "ns"),
        C("how", "VARCHAR", "socket, accept, open, pipe, dup, fork, received (SCM_RIGHTS), inherited (older), ..."),
        C("end_how", "VARCHAR", "close, dup2 (replaced), exec (close-on-exec), exit; NULL if open"),
        C("open_call_id", "BIGINT", "call that made it; NULL if none"),
        C("close_call_id", "BIGINT", "call that ended it; NULL if none"),
        C("cloexec", "BOOLEAN", "close-on-exec at the end of the span"),
    ),
)

CALL_FILE = Table(
    "call_file",
    "derived",
    "which file one call acted on through its descriptor",
    (
        C("call_id", "BIGINT", "call"),
        C("file_id", "BIGINT", "file of call.fd at the entry"),
        C("socket_id", "BIGINT", "its socket; NULL if the file is none"),
    ),
)

SOCKET = Table(
    "socket",
    "derived",
    "one kernel socket",
    (
        C("socket_id", "BIGINT", "id"),
        C("file_id", "BIGINT", "its file; NULL if no traced process held it"),
        C("inode", "UBIGINT", "inode"),
        C("cookie", "UBIGINT", "cookie; NULL if unknown"),
        C("netns_cookie", "UBIGINT", "network namespace; NULL if unknown"),
        C("family", "VARCHAR", "AF_*"),
        C("type", "VARCHAR", "SOCK_*"),
        C("protocol", "INTEGER", "IPPROTO_*"),
        C("made_call_id", "BIGINT", "socket, accept or socketpair call; NULL if unseen"),
        C("listener_id", "BIGINT", "socket it was accepted from; NULL otherwise"),
        C("listening", "BOOLEAN", "listen() succeeded on it"),
        C("from_ns", "BIGINT", "first sight", "ns"),
        C("to_ns", "BIGINT", "last descriptor closed; NULL if open", "ns"),
    ),
)

CONNECTION = Table(
    "connection",
    "derived",
    "two endpoints and what passed between them; a connect that failed is one too",
    (
        C("connection_id", "BIGINT", "id, in order of birth"),
        C(
            "protocol",
            "VARCHAR",
            "tcp, udp, udplite, icmp, icmpv6, raw (of another IP protocol), unix-stream, unix-dgram, unix-seqpacket",
        ),
        C("netns_cookie", "UBIGINT", "network namespace; NULL if unknown"),
        C("client_addr", "VARCHAR", "address of the end that connected (or sent first)"),
        C("client_port", "INTEGER", "its port; of an ICMP exchange the identifier; NULL for unix and raw"),
        C("server_addr", "VARCHAR", "the other end"),
        C("server_port", "INTEGER", "its port; NULL for unix, icmp and raw"),
        C(
            "client_known_by",
            "VARCHAR",
            "how the client was told: connect, syn, first sender, listener (at the other end's port), packet or call (of a raw or ICMP socket), guess",
        ),
        C("from_ns", "BIGINT", "birth: first SYN, connect or datagram", "ns"),
        C("to_ns", "BIGINT", "last packet or close; NULL if open at the end", "ns"),
        C("established_ns", "BIGINT", "third segment of the handshake (tcp); NULL if never", "ns"),
        C("tcp_stream", "BIGINT", "number of the stream as Wireshark counts (tcp.stream); NULL if no packet is in it"),
        C(
            "initial_rtt_ns",
            "BIGINT",
            "from the SYN to the ACK that ends the handshake; NULL if not both were captured",
            "ns",
        ),
        C(
            "completeness",
            "UTINYINT",
            "Wireshark's tcp.completeness: 1 SYN + 2 SYN-ACK + 4 ACK + 8 data + 16 FIN + 32 RST; NULL if no packet is in it",
        ),
        C("outcome", "VARCHAR", "open, closed, half-closed, refused, reset, timed out, unreachable, failed"),
        C("client_bytes", "BIGINT", "payload bytes client to server (largest position seen)", "bytes"),
        C("server_bytes", "BIGINT", "payload bytes server to client", "bytes"),
        C("packets", "BIGINT", "shown packets"),
    ),
)

ENDPOINT = Table(
    "endpoint",
    "derived",
    "one end of a connection",
    (
        C("endpoint_id", "BIGINT", "id"),
        C("connection_id", "BIGINT", "connection"),
        C("role", "VARCHAR", "client or server"),
        C("addr", "VARCHAR", "address or path"),
        C("port", "INTEGER", "port; NULL for unix"),
        C("socket_id", "BIGINT", "the traced socket; NULL if this end was not traced"),
        C("pid", "INTEGER", "process that first moved payload through it, or else first held it; NULL if untraced"),
        C("fd", "INTEGER", "its descriptor there; NULL if untraced"),
        C("sends", "VARCHAR", "direction of the stream this end writes: c2s or s2c"),
        C("initial_seq", "UINTEGER", "TCP initial sequence number of this end; NULL if its SYN was not captured"),
    ),
)

STREAM_WRITE = Table(
    "stream_write",
    "derived",
    "one stretch of payload a call put into a stream (or one datagram)",
    (
        C("write_id", "BIGINT", "id"),
        C("call_id", "BIGINT", "the call"),
        C("connection_id", "BIGINT", "connection"),
        C("direction", "VARCHAR", "c2s or s2c"),
        C("socket_id", "BIGINT", "socket"),
        C("n", "BIGINT", "number in its stream, from 0"),
        C("lo", "BIGINT", "first byte's position", "bytes"),
        C("hi", "BIGINT", "position after the last", "bytes"),
        C("message", "INTEGER", "message of a sendmmsg; 0 otherwise"),
        C("exact", "BOOLEAN", "the position is certain"),
        C("reason", "VARCHAR", "why it is not; NULL if exact"),
    ),
)

STREAM_READ = Table(
    "stream_read",
    "derived",
    "one stretch of payload a call took out of a stream (or one datagram)",
    (
        C("read_id", "BIGINT", "id"),
        *(C(c.name, c.type, c.meaning, c.unit) for c in STREAM_WRITE.columns[1:]),
        C("peeked", "BOOLEAN", "MSG_PEEK: seen, not taken; does not advance the stream"),
    ),
)

SEGMENT = Table(
    "segment",
    "derived",
    "one TCP segment or UDP datagram of a connection, from one tap",
    (
        C("packet_id", "BIGINT", "packet"),
        C("connection_id", "BIGINT", "connection"),
        C("direction", "VARCHAR", "c2s or s2c"),
        C("shown", "BOOLEAN", "as packet.shown"),
        C(
            "lo",
            "BIGINT",
            "first payload byte's position (icmp and raw: the IP packet's; of a fragment what is behind its header); NULL if the stream's start is unknown",
            "bytes",
        ),
        C("hi", "BIGINT", "position after the last payload byte", "bytes"),
        C("tcp_stream", "BIGINT", "number of the stream as Wireshark counts (tcp.stream); NULL for UDP"),
        C("rel_seq", "BIGINT", "sequence number relative to the initial one, unwrapped", "bytes"),
        C(
            "rel_ack",
            "BIGINT",
            "acknowledgement number relative to the peer's initial one, unwrapped; NULL without ACK",
            "bytes",
        ),
        C(
            "shown_seq",
            "UINTEGER",
            "the same in 32 bits as Wireshark shows it (tcp.seq); NULL if it shows the raw number",
        ),
        C("shown_ack", "UINTEGER", "as Wireshark shows it (tcp.ack): the raw field without ACK; NULL likewise"),
        C("scaled_window", "BIGINT", "advertised window; NULL if the scale is unknown", "bytes"),
        C(
            "bytes_in_flight",
            "BIGINT",
            "sent and not acknowledged after this segment (tcp.analysis.bytes_in_flight)",
            "bytes",
        ),
        C("push_bytes_sent", "BIGINT", "sent since the last PSH (tcp.analysis.push_bytes_sent)", "bytes"),
        C("ack_rtt_ns", "BIGINT", "time since the segment it acknowledges; NULL if none", "ns"),
        C("acks_number", "BIGINT", "packet.number of the segment it acknowledges (tcp.analysis.acks_frame)"),
        C("rto_ns", "BIGINT", "a retransmission: time since the segment it repeats (tcp.analysis.rto)", "ns"),
        C("rto_number", "BIGINT", "its packet.number (tcp.analysis.rto_frame)"),
        C(
            "initial_rtt_ns",
            "BIGINT",
            "round trip of the handshake, where Wireshark shows it (tcp.analysis.initial_rtt)",
            "ns",
        ),
        C("duplicate_ack_num", "UINTEGER", "a duplicate ACK: which one (tcp.analysis.duplicate_ack_num)"),
        C(
            "duplicate_ack_number",
            "BIGINT",
            "packet.number of the ACK that it repeats (tcp.analysis.duplicate_ack_frame)",
        ),
        C("analysis", "VARCHAR[]", "Wireshark's tcp.analysis flag names, without the prefix; empty list if none"),
        C(
            "truth",
            "VARCHAR",
            "what a segment that repeats at most the last byte is proven to be by windows and acknowledgements, whatever analysis calls it: zero_window_probe, keep_alive or retransmission; or other_interface: the same packet was seen on another interface before; NULL for others",
        ),
        C("is_new", "BOOLEAN", "carries at least one byte (or SYN/FIN) not carried before"),
        C(
            "acked",
            "BIGINT",
            "position up to which it acknowledges the other direction's stream, whose FIN counts as a byte; NULL without ACK or if that stream's start is unknown",
            "bytes",
        ),
    ),
)

LINK = Table(
    "link",
    "derived",
    "a proven relation between two rows, with the byte range and the evidence",
    (
        C("link_id", "BIGINT", "id"),
        C("kind", "VARCHAR", "write_segment, segment_read or write_read"),
        C("connection_id", "BIGINT", "connection"),
        C("direction", "VARCHAR", "c2s or s2c"),
        C("lo", "BIGINT", "first byte both share", "bytes"),
        C("hi", "BIGINT", "position after the last", "bytes"),
        C("write_id", "BIGINT", "stream_write; NULL for segment_read"),
        C("packet_id", "BIGINT", "segment; NULL for write_read"),
        C("read_id", "BIGINT", "stream_read; NULL for write_segment"),
        C("retransmission", "BOOLEAN", "the segment is not the first that carried these bytes"),
        C(
            "first_copy",
            "BOOLEAN",
            "the segment is the captured copy of these bytes that reached the other end first (a single one counts once"
            " acknowledged or read); NULL if the capture does not tell, or without a segment",
        ),
        C(
            "evidence",
            "VARCHAR",
            "bytes (position, and the captured bytes of both sides are equal), position (no byte was captured on both"
            " sides) or ambiguous (see `reason`)",
        ),
        C("compared_bytes", "BIGINT", "how many bytes were captured on both sides and are equal", "bytes"),
        C(
            "lag_ns",
            "BIGINT",
            "time from the first row to the second; negative beyond the clock error is a clock fault",
            "ns",
        ),
    ),
)

PACKET_CALL = Table(
    "packet_call",
    "derived",
    "one packet that a call sent or took as a whole: a frame of a packet socket, or a packet of a raw socket that is TCP's or UDP's",
    (
        C("call_id", "BIGINT", "the call"),
        C("message", "INTEGER", "message of a sendmmsg or recvmmsg; 0 otherwise"),
        C("side", "VARCHAR", "w: the call sent it; r: the call took it"),
        C("socket_id", "BIGINT", "socket"),
        C("packet_id", "BIGINT", "the shown packet; NULL if no captured packet has these bytes"),
        C(
            "lo",
            "BIGINT",
            "where in the frame the first byte stands that the call carried; NULL without a packet",
            "bytes",
        ),
        C("size", "BIGINT", "how many bytes the call carried", "bytes"),
        C(
            "filled",
            "BIGINT[]",
            "ranges of what the call sent that the kernel wrote itself, from and to in turn: fields of the IP header, a checksum",
        ),
        C("peeked", "BOOLEAN", "MSG_PEEK: seen, not taken"),
        C("exact", "BOOLEAN", "it can be no other packet; NULL without a packet"),
        C("reason", "VARCHAR", "why there is no packet, or why it may be another one; NULL if exact"),
        C(
            "lag_ns",
            "BIGINT",
            "from the call to the packet, or from the packet to the call's return; NULL without a packet",
            "ns",
        ),
    ),
)

TCP_STATE = Table(
    "tcp_state",
    "derived",
    "one state of one TCP endpoint for one span of time",
    (
        C("endpoint_id", "BIGINT", "endpoint; NULL for a listener"),
        C("socket_id", "BIGINT", "socket; NULL if untraced"),
        C("connection_id", "BIGINT", "connection; NULL for a listener"),
        C("state", "VARCHAR", "CLOSED, LISTEN, SYN-SENT, SYN-RECEIVED, ESTABLISHED, ... (RFC 9293)"),
        C("from_ns", "BIGINT", "entered", "ns"),
        C("to_ns", "BIGINT", "left; NULL if it lasted to the end", "ns"),
        C("packet_id", "BIGINT", "segment that caused it; NULL if a call did"),
        C("call_id", "BIGINT", "call that caused it; NULL if a segment did"),
        C("inferred", "BOOLEAN", "follows from RFC 9293, not seen (for example the end of TIME-WAIT)"),
    ),
)

WAIT = Table(
    "wait",
    "derived",
    "one span a task was blocked in a call",
    (
        C("wait_id", "BIGINT", "id"),
        C("call_id", "BIGINT", "the call"),
        C("task_id", "BIGINT", "who"),
        C("from_ns", "BIGINT", "call let go", "ns"),
        C("to_ns", "BIGINT", "call returned; NULL if it did not", "ns"),
        C("socket_id", "BIGINT", "socket whose readiness ended it, or the only one waited on; NULL if none"),
        C("fd", "INTEGER", "its descriptor in this process"),
        C(
            "ended_by",
            "VARCHAR",
            "packet (a segment or datagram for the socket), peer (a call of another task: of the other end of a unix socket"
            " or pipe, or one that woke a futex), child (one ended, was stopped or went on), thread (one of the process"
            " that was waited for by its id ended), input (a descriptor that is no socket became ready), timeout, signal,"
            " error, not ended (when the recording or the task ended) or unknown",
        ),
        C("packet_id", "BIGINT", "packet that ended it; NULL if another cause"),
        C(
            "cause_call_id",
            "BIGINT",
            "call of another task that ended it (unix sockets, pipes, futexes); NULL otherwise",
        ),
        C("latency_ns", "BIGINT", "from that packet, call or end to the return; includes the tracer's own cost", "ns"),
        C("cause_task_id", "BIGINT", "task whose end ended it: a child or a thread; NULL otherwise"),
    ),
)

CALL_CONNECTION = Table(
    "call_connection",
    "derived",
    "one connection that one call acted on, seen from the end that made the call",
    (
        C("call_id", "BIGINT", "the call"),
        C("connection_id", "BIGINT", "connection"),
        C("protocol", "VARCHAR", "as connection.protocol"),
        C("role", "VARCHAR", "client or server: which end made the call"),
        C("own_addr", "VARCHAR", "address or path of that end"),
        C("own_port", "INTEGER", "its port; NULL for unix"),
        C("peer_addr", "VARCHAR", "the other end"),
        C("peer_port", "INTEGER", "its port; NULL for unix"),
    ),
)

KERNEL_LINK = Table(
    "kernel_link",
    "derived",
    "what one kernel event belongs to",
    (
        C("event_id", "BIGINT", "event"),
        C(
            "call_id",
            "BIGINT",
            "call the current thread was in; in context softirq it only lent its time; NULL if none",
        ),
        C("packet_id", "BIGINT", "packet whose headers the event's sk_buff had; NULL if none or not captured"),
        C("socket_id", "BIGINT", "socket, by its cookie; NULL if none or unknown"),
        C("connection_id", "BIGINT", "connection of the packet, or of the socket; NULL if unknown"),
    ),
)

THREAD_STATE = Table(
    "thread_state",
    "derived",
    "a time during which one thread was in one state; with --kernel",
    (
        C("task_id", "BIGINT", "task"),
        C("tid", "INTEGER", "thread"),
        C("from_ns", "BIGINT", "begin", "ns"),
        C("to_ns", "BIGINT", "end", "ns"),
        C(
            "state",
            "VARCHAR",
            "running (has a CPU), runnable (waits for one), blocked (waits for something else) or stopped (by a signal or a"
            " debugger)",
        ),
        C("call_id", "BIGINT", "call it is in; NULL if none that is recorded: running, it is in its own code"),
        C("cpu", "USMALLINT", "running: the CPU; NULL otherwise"),
        C(
            "reason",
            "VARCHAR",
            "runnable: woken, preempted (or it called sched_yield) or new; blocked: uninterruptible (no signal ends it:"
            " the disk, or something inside the kernel); NULL otherwise",
        ),
        C("waker_tid", "INTEGER", "runnable, woken: thread whose own work woke it; NULL if a softirq or interrupt did"),
    ),
)

CPU_USE = Table(
    "cpu_use",
    "derived",
    "a time during which one recorded thread had one CPU; with --kernel",
    (
        C("cpu", "USMALLINT", "CPU"),
        C("tid", "INTEGER", "thread"),
        C("task_id", "BIGINT", "task"),
        C("from_ns", "BIGINT", "it came to the CPU", "ns"),
        C("to_ns", "BIGINT", "it left", "ns"),
        C("user_ns", "BIGINT", "how much of it was in no recorded call", "ns"),
    ),
)

DERIVED_TABLES = (
    FILE,
    DESCRIPTOR,
    CALL_FILE,
    SOCKET,
    CONNECTION,
    ENDPOINT,
    STREAM_WRITE,
    STREAM_READ,
    SEGMENT,
    LINK,
    PACKET_CALL,
    TCP_STATE,
    WAIT,
    CALL_CONNECTION,
    KERNEL_LINK,
    THREAD_STATE,
    CPU_USE,
)
