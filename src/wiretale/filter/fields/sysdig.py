"""The names of sysdig and Stratoshark: other names of fields, and fields that only they have.

Meanings follow the lists of `sysdig -l`, classes evt, proc, thread and fd (falco.org, "supported fields").
A call is one event here where sysdig has two, its begin and its return.
"""

from wiretale.decode.constants.tables import ERRORS
from wiretale.filter.fields.events import both
from wiretale.filter.fields.frame import SINCE
from wiretale.filter.fields.table import (
    ADDRESS,
    BOOLEAN,
    CALL,
    KERNEL,
    NUMBER,
    PACKET,
    SIGNAL,
    TASK,
    TEXT,
    Field,
    call,
    terms,
)

SYNONYMS = {
    "call.fd": "fd", "fd.num": "fd", "evt.type": "call.name", "evt.num": "call.id", "evt.rawres": "call.retval",
    "evt.failed": "call.failed", "evt.latency": "call.duration", "evt.wait_latency": "wait.duration", "evt.time": "time",
    "evt.buflen": "call.bytes", "evt.buffer": "payload", "evt.arg.path": "call.path", "syscall.type": "call.name",
    "thread.tid": "proc.tid", "proc.exepath": "proc.exe", "user.uid": "proc.uid", "fd.ino": "fd.inode",
    "fd.cip": "connection.client_addr", "fd.sip": "connection.server_addr", "fd.cport": "connection.client_port",
    "fd.sport": "connection.server_port", "connection.id": "connection", "evt.cpu": "cpu",
    "evt": "call", "syscall": "call", "thread": "proc", "user": "proc",
}  # fmt: skip

_INTERNET = "CASE WHEN cc.protocol IN ('tcp', 'udp', 'udplite') THEN {} END"
_OF_PACKET = "CASE WHEN k.protocol IN ('tcp', 'udp', 'udplite') THEN {} END"
_READS = ("read", "pread64", "readv", "preadv", "preadv2", "recvfrom", "recv", "recvmsg", "recvmmsg")
_WRITES = ("write", "pwrite64", "writev", "pwritev", "pwritev2", "sendto", "send", "sendmsg", "sendmmsg", "sendfile")
_WAITS = (
    "poll", "ppoll", "select", "pselect6", "epoll_wait", "epoll_pwait", "epoll_pwait2", "nanosleep", "clock_nanosleep",
    "pause", "rt_sigsuspend", "rt_sigtimedwait", "wait4", "waitid", "futex",
)  # fmt: skip


def _among(names: tuple[str, ...]) -> str:
    return f"c.name IN ({', '.join(repr(n) for n in names)})"


_ERROR_NAMES = f"[{', '.join(repr(ERRORS[n][0]) if n in ERRORS else 'NULL' for n in range(1, max(ERRORS) + 1))}]"
_BEFORE_SLASH = (
    "CASE WHEN starts_with(cf.name, '/') THEN coalesce(nullif(regexp_extract(cf.name, '^(.*)/', 1), ''), '/') END"
)
_BEHIND_SLASH = "CASE WHEN starts_with(cf.name, '/') THEN regexp_extract(cf.name, '[^/]*$') END"

SYSDIG_FIELDS: tuple[Field, ...] = (
    call(
        "evt.res",
        TEXT,
        "SUCCESS, or the error's name",
        f"CASE WHEN c.complete THEN CASE WHEN c.errno IS NULL THEN 'SUCCESS' ELSE {_ERROR_NAMES}[c.errno] END END",
    ),
    call(
        "evt.dir",
        TEXT,
        '">", the begin, of every call, and "<", the return, of each that returned',
        "'>'",
        "CASE WHEN c.exit_ns IS NOT NULL THEN '<' END",
    ),
    Field(
        "evt.reltime",
        NUMBER,
        "nanoseconds since the first event",
        {
            CALL: terms(f"c.entry_ns - {SINCE}"),
            PACKET: terms(f"p.time_ns - {SINCE}"),
            SIGNAL: terms(f"s.time_ns - {SINCE}"),
            TASK: terms(f"t.start_ns - {SINCE}"),
            KERNEL: terms(f"e.time_ns - {SINCE}"),
        },
    ),
    call("evt.is_io", BOOLEAN, "a call that reads or writes a descriptor, by its name", _among(_READS + _WRITES)),
    call("evt.is_io_read", BOOLEAN, "a call that reads from a descriptor, by its name", _among(_READS)),
    call("evt.is_io_write", BOOLEAN, "a call that writes to a descriptor, by its name", _among(_WRITES)),
    call(
        "evt.io_dir",
        TEXT,
        "r or w",
        f"CASE WHEN {_among(_READS)} THEN 'r' WHEN {_among(_WRITES)} THEN 'w' END",
    ),
    call("evt.is_wait", BOOLEAN, "a call that is there to wait, by its name: poll, nanosleep, ...", _among(_WAITS)),
    Field(
        "proc.args",
        TEXT,
        "command line without the program's name",
        {kind: terms("array_to_string(t.argv[2:], ' ')") for kind in (CALL, SIGNAL, TASK)},
    ),
    Field(
        "proc.pname",
        TEXT,
        "name of the parent process",
        {
            kind: terms("(SELECT parent.comm FROM task parent WHERE parent.task_id = t.parent_task_id)")
            for kind in (CALL, SIGNAL, TASK)
        },
    ),
    Field(
        "thread.ismain",
        BOOLEAN,
        "of the process's first thread",
        {CALL: terms("c.tid = c.pid"), SIGNAL: terms("s.tid = t.pid"), TASK: terms("t.tid = t.pid")},
    ),
    both(
        "fd.typechar",
        TEXT,
        "f file, 4 IPv4, 6 IPv6, u unix, p pipe, e event, o other",
        "CASE WHEN cf.family = 'AF_INET' THEN '4' WHEN cf.family = 'AF_INET6' THEN '6' WHEN cf.family = 'AF_UNIX' THEN 'u'"
        " WHEN cf.kind = 'file' THEN 'f' WHEN cf.kind = 'pipe' THEN 'p' WHEN cf.kind = 'event' THEN 'e'"
        " WHEN cf.kind IS NOT NULL THEN 'o' END",
    ),
    both("fd.directory", TEXT, "folder of a file", _BEFORE_SLASH),
    both("fd.filename", TEXT, "name of a file without its folder", _BEHIND_SLASH),
    both(
        "fd.sockfamily",
        TEXT,
        "ip or unix",
        "CASE cf.family WHEN 'AF_INET' THEN 'ip' WHEN 'AF_INET6' THEN 'ip' WHEN 'AF_UNIX' THEN 'unix' END",
    ),
    call("fd.is_server", BOOLEAN, "the call's own end is the connection's server", "cc.role = 'server'"),
    Field(
        "fd.ip",
        ADDRESS,
        "address of either end",
        {
            CALL: terms(_INTERNET.format("cc.own_addr"), _INTERNET.format("cc.peer_addr")),
            PACKET: terms(_OF_PACKET.format("k.client_addr"), _OF_PACKET.format("k.server_addr")),
        },
    ),
    Field(
        "fd.port",
        NUMBER,
        "port of either end",
        {
            CALL: terms("cc.own_port", "cc.peer_port"),
            PACKET: terms(_OF_PACKET.format("k.client_port"), _OF_PACKET.format("k.server_port")),
        },
        size=2,
    ),
    Field("fd.lip", ADDRESS, "address of the call's own end", {CALL: terms(_INTERNET.format("cc.own_addr"))}),
    Field("fd.rip", ADDRESS, "address of the peer", {CALL: terms(_INTERNET.format("cc.peer_addr"))}),
    Field("fd.lport", NUMBER, "port of the call's own end", {CALL: terms("cc.own_port")}),
    Field("fd.rport", NUMBER, "port of the peer", {CALL: terms("cc.peer_port")}),
    both(
        "fd.l4proto",
        TEXT,
        "tcp, udp, udplite or unix",
        "CASE WHEN k.protocol LIKE 'unix-%' THEN 'unix' ELSE k.protocol END",
    ),
)
