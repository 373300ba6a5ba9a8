"""Fields of calls, processes, descriptors, sockets, connections, waits, links and signals, and their other names.

A packet has the processes and descriptors of both ends of its connection, and the calls whose bytes it carried.
"""

from wiretale.filter.fields.table import (
    ADDRESS,
    BOOLEAN,
    CALL,
    DURATION,
    ERROR,
    KERNEL,
    LABEL,
    NUMBER,
    PACKET,
    SIGNAL,
    TASK,
    TEXT,
    Field,
    call,
    packet,
    terms,
)  # fmt: skip
from wiretale.filter.types import FieldType

_ALL_BUT_PACKET = (CALL, SIGNAL, TASK)


def _process(name: str, type_: FieldType, meaning: str, column: str, of_packet: str = "", of_kernel: str = "") -> Field:
    """A column of the task, and of the processes at the ends of a packet's connection."""
    on = {kind: terms(f"t.{column}" if "(" not in column else column) for kind in _ALL_BUT_PACKET}
    on |= {PACKET: terms(f"cp.{of_packet}")} if of_packet else {}
    on |= {KERNEL: terms(f"kt.{of_kernel}")} if of_kernel else {}
    return Field(name, type_, meaning, on, size=4)


def both(name: str, type_: FieldType, meaning: str, expression: str, call_only: str = "") -> Field:
    """A field that a row set of one alias gives for calls and for packets."""
    return Field(name, type_, meaning, {CALL: terms(call_only or expression), PACKET: terms(expression)})


_MOVED = (
    "CASE WHEN c.retval >= 0 AND c.name NOT IN ('sendmmsg', 'recvmmsg')"
    " AND c.call_id IN (SELECT call_id FROM call_data WHERE role = 'payload') THEN c.retval END"
)

EVENT_FIELDS: tuple[Field, ...] = (
    Field("call", LABEL, "the event is a system call", {CALL: terms("TRUE")}),
    Field("packet", LABEL, "the event is a packet", {PACKET: terms("TRUE")}),
    Field("signal", LABEL, "the event is a signal", {SIGNAL: terms("TRUE")}),
    Field("process", LABEL, "the event is the start or end of a process or thread", {TASK: terms("TRUE")}),
    Field("proc", LABEL, "the event is of a traced process", {kind: terms("TRUE") for kind in _ALL_BUT_PACKET}),
    Field(
        "unix", LABEL, "a call on a connected unix socket", {CALL: terms("nullif(cc.protocol LIKE 'unix-%', FALSE)")}
    ),
)

CALL_FIELDS: tuple[Field, ...] = (
    call("call.id", NUMBER, "number of the call in the capture", "c.call_id"),
    call("call.name", TEXT, "name of the call", "c.name"),
    call("call.number", NUMBER, "system call number", "c.number"),
    call("call.retval", NUMBER, "return value; negative errno if it failed", "c.retval"),
    call("call.errno", ERROR, "error number, or its name", "c.errno"),
    call("call.error", ERROR, "error by name, for example ECONNREFUSED", "c.errno"),
    call(
        "call.failed",
        BOOLEAN,
        "it returned an error: EINPROGRESS, EAGAIN and a restart after a signal are errors, too",
        "CASE WHEN c.complete THEN c.errno IS NOT NULL END",
    ),
    call("call.finished", BOOLEAN, "its return was seen", "c.exit_ns IS NOT NULL"),
    call("call.duration", DURATION, "time from entry to return", "c.exit_ns - c.entry_ns"),
    call("call.bytes", NUMBER, "payload bytes it moved", _MOVED),
    call("call.path", TEXT, "each path or other text argument", "CAST(ca.bytes AS VARCHAR)"),
    *(call(f"call.arg{n}", NUMBER, f"argument {n} as the register held it", f"c.a{n}") for n in range(6)),
    call("call.restarts", TEXT, "name of the call that restart_syscall continues", "c.restarts"),
    Field(
        "fd",
        NUMBER,
        "descriptor a call acts on; of a packet: those at its connection's ends",
        {CALL: terms("c.fd"), PACKET: terms("cf.fd")},
        size=4,
    ),
)

_COMMAND_LINE = "array_to_string(t.argv, ' ')"

PROCESS_FIELDS: tuple[Field, ...] = (
    _process(
        "proc.name",
        TEXT,
        "name of the process; of a packet: of the processes at its connection's ends",
        "comm",
        "comm",
        of_kernel="comm",
    ),
    Field(
        "proc.pid",
        NUMBER,
        "process id",
        {
            CALL: terms("c.pid"),
            SIGNAL: terms("t.pid"),
            TASK: terms("t.pid"),
            PACKET: terms("cp.pid"),
            KERNEL: terms("kt.pid"),
        },
        size=4,
    ),
    Field(
        "proc.tid",
        NUMBER,
        "thread id",
        {
            CALL: terms("c.tid"),
            SIGNAL: terms("s.tid"),
            TASK: terms("t.tid"),
            PACKET: terms("cp.tid"),
            KERNEL: terms("kt.tid"),
        },
        size=4,
    ),
    _process("proc.ppid", NUMBER, "parent's process id", "parent_pid", "parent_pid"),
    _process("proc.exe", TEXT, "path of the program file", "exe", "exe"),
    _process("proc.cmdline", TEXT, "command line, with spaces between the arguments", _COMMAND_LINE, "command_line"),
    _process("proc.cwd", TEXT, "working directory at the start", "cwd", "cwd"),
    _process("proc.uid", NUMBER, "effective user id", "uid", "uid"),
    _process("proc.how", TEXT, "how it came: started, attached, fork, vfork, clone, thread, execve, present", "how"),
    Field("proc.end", TEXT, "how it ended: exited, killed, execve, detached", {TASK: terms("t.end_how")}),
    Field("proc.status", NUMBER, "exit status", {TASK: terms("t.exit_status")}),
    Field("signal.name", TEXT, "for example SIGINT", {SIGNAL: terms("s.name")}),
    Field("signal.number", NUMBER, "signal number", {SIGNAL: terms("s.number")}, size=4),
    Field("signal.sender", NUMBER, "process that sent it", {SIGNAL: terms("s.sender_pid")}, size=4),
)

_FAMILY = "CASE cf.family WHEN 'AF_INET' THEN 'ipv4' WHEN 'AF_INET6' THEN 'ipv6' WHEN 'AF_UNIX' THEN 'unix' END"

DESCRIPTOR_FIELDS: tuple[Field, ...] = (
    Field(
        "socket",
        LABEL,
        "a call on a socket; a packet of a connection with a traced end",
        {kind: terms("nullif(cf.socket_id IS NOT NULL, FALSE)") for kind in (CALL, PACKET)},
    ),
    Field(
        "fd.type",
        TEXT,
        "kind of the file: file, socket, pipe, terminal, event, other; of a socket ipv4, ipv6 or unix, too",
        {CALL: terms("cf.kind", _FAMILY), PACKET: terms("cf.kind", _FAMILY)},
    ),
    both("fd.name", TEXT, "path, socket:[inode], pipe:[inode], ...", "cf.name"),
    both("fd.inode", NUMBER, "inode of a socket or pipe", "cf.inode"),
    both("socket.id", NUMBER, "number of the socket in the capture", "cf.socket_id"),
    both("socket.family", TEXT, "AF_INET, AF_INET6, AF_UNIX, ...", "cf.family"),
    both("socket.type", TEXT, "SOCK_STREAM, SOCK_DGRAM, ...", "cf.type"),
    both("socket.protocol", NUMBER, "IPPROTO_*", "cf.protocol"),
    both("socket.listening", BOOLEAN, "listen() succeeded on it", "cf.listening"),
)

_NO_UNIX = "CASE WHEN k.protocol IN ('tcp', 'udp', 'udplite') THEN k.{} END"

CONNECTION_FIELDS: tuple[Field, ...] = (
    Field(
        "connection",
        NUMBER,
        "number of the connection, as `wiretale connections` lists it",
        {PACKET: terms("g.connection_id"), CALL: terms("cc.connection_id"), KERNEL: terms("kl.connection_id")},
    ),
    both("connection.protocol", TEXT, "tcp, udp, udplite, unix-stream, unix-dgram, unix-seqpacket", "k.protocol"),
    both(
        "connection.outcome",
        TEXT,
        "open, closed, half-closed, refused, reset, timed out, unreachable, failed",
        "k.outcome",
    ),
    both("connection.client_addr", ADDRESS, "address of the end that connected", _NO_UNIX.format("client_addr")),
    both("connection.client_port", NUMBER, "its port", "k.client_port"),
    both("connection.server_addr", ADDRESS, "address of the other end", _NO_UNIX.format("server_addr")),
    both("connection.server_port", NUMBER, "its port", "k.server_port"),
    both(
        "connection.path",
        TEXT,
        "path of a unix connection's server",
        "CASE WHEN k.protocol LIKE 'unix-%' THEN k.server_addr END",
    ),
    both("connection.client_bytes", NUMBER, "payload bytes from the client to the server", "k.client_bytes"),
    both("connection.server_bytes", NUMBER, "payload bytes from the server to the client", "k.server_bytes"),
    both("connection.packets", NUMBER, "packets of the connection", "k.packets"),
    both("connection.duration", DURATION, "time from its first event to its last", "k.to_ns - k.from_ns"),
    Field(
        "connection.role",
        TEXT,
        "client or server: which end sent the packet or made the call",
        {
            PACKET: terms("CASE g.direction WHEN 'c2s' THEN 'client' WHEN 's2c' THEN 'server' END"),
            CALL: terms("cc.role"),
        },
    ),
)

JOIN_FIELDS: tuple[Field, ...] = (
    Field(
        "link",
        LABEL,
        "a packet that carried bytes of a call, and a call whose bytes a packet carried; a kernel event of either",
        {
            PACKET: terms("nullif(lk.call_id IS NOT NULL, FALSE)"),
            CALL: terms("nullif(lk.number IS NOT NULL, FALSE)"),
            KERNEL: terms(
                "nullif(e.context = 'task' AND kl.call_id IS NOT NULL, FALSE)", "nullif(kp.number IS NOT NULL, FALSE)"
            ),
        },
    ),
    Field(
        "link.call",
        NUMBER,
        "calls whose bytes a packet carried; of a call: itself; of a kernel event: the call whose own work it is",
        {
            PACKET: terms("lk.call_id"),
            CALL: terms("c.call_id"),
            KERNEL: terms("CASE e.context WHEN 'task' THEN kl.call_id END"),
        },
    ),
    Field(
        "link.packet",
        NUMBER,
        "numbers of the packets that carried a call's bytes; of a packet: itself; of a kernel event: its packet",
        {CALL: terms("lk.number"), PACKET: terms("p.number"), KERNEL: terms("kp.number")},
    ),
    packet("link.writer", NUMBER, "calls that wrote a packet's bytes", "CASE WHEN lk.wrote THEN lk.call_id END"),
    packet("link.reader", NUMBER, "calls that read a packet's bytes", "CASE WHEN NOT lk.wrote THEN lk.call_id END"),
    packet("link.lo", NUMBER, "position of its first payload byte in the stream", "g.lo"),
    call("wait", LABEL, "a call that was blocked", "nullif(w.wait_id IS NOT NULL, FALSE)"),
    call("wait.duration", DURATION, "time the call was blocked", "w.to_ns - w.from_ns"),
    call(
        "wait.ended_by",
        TEXT,
        "what ended the wait: packet, peer, child, thread, input, timeout, signal, error, not ended, unknown",
        "w.ended_by",
    ),
    call("wait.latency", DURATION, "time from what ended the wait to the call's return", "w.latency_ns"),
    call("wait.fd", NUMBER, "descriptor whose readiness ended the wait", "w.fd"),
)
