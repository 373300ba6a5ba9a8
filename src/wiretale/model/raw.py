"""Raw tables: what the sources saw, decoded field by field, nothing joined.

Times are integer nanoseconds of CLOCK_MONOTONIC. Addresses are text (RFC 5952 for IPv6). Ids count from 1 in time order.
"""

from wiretale.model.table import Column as C
from wiretale.model.table import Table

CAPTURE_VERSION = 7

META = Table(
    "meta",
    "raw",
    "one fact about the capture",
    (
        C(
            "key",
            "VARCHAR",
            "name of the fact: version, tool, command, host, kernel, started_realtime_ns, engine, snaplen, ...",
        ),
        C("value", "VARCHAR", "its value; JSON where it has structure"),
    ),
)

SOURCE = Table(
    "source",
    "raw",
    "one thing that recorded (ptrace, packets, procfs)",
    (
        C("source", "VARCHAR", "its name"),
        C("level", "VARCHAR", "syscall, kernel or packet; NULL for procfs"),
        C("ran", "BOOLEAN", "whether it recorded at all"),
        C("reason", "VARCHAR", "why it did not, or why it stopped early; NULL if all went well"),
        C("remedy", "VARCHAR", "what to type to get it; NULL if nothing is missing"),
        C("start_ns", "BIGINT", "when it was armed", "ns"),
        C("end_ns", "BIGINT", "when it stopped", "ns"),
        C("items", "BIGINT", "records it delivered"),
        C("lost", "BIGINT", "records it knows it lost (kernel drop counters, full disk)"),
        C("clock_error_ns", "BIGINT", "how far its times can be off CLOCK_MONOTONIC", "ns"),
        C("detail", "VARCHAR", "JSON: mode, snaplen, interfaces, filter, overhead per stop, ..."),
    ),
)

COVERAGE = Table(
    "coverage",
    "raw",
    "one statement about what is and is not in the capture",
    (
        C("level", "VARCHAR", "syscall, kernel, packet, or NULL for joins"),
        C("item", "VARCHAR", "what is counted: calls, unfinished calls, packets, packets dropped, bytes unlinked, ..."),
        C("count", "BIGINT", "how many"),
        C(
            "state",
            "VARCHAR",
            "recorded, lost, truncated, undecoded, unmatched, ambiguous, clock error or not recorded",
        ),
        C("reason", "VARCHAR", "why, where it is not simply recorded"),
        C("remedy", "VARCHAR", "what to do about it; NULL if nothing"),
    ),
)

CLOCK_SNAPSHOT = Table(
    "clock_snapshot",
    "raw",
    "the same instant on two clocks",
    (
        C("monotonic_ns", "BIGINT", "CLOCK_MONOTONIC", "ns"),
        C("realtime_ns", "BIGINT", "CLOCK_REALTIME", "ns"),
        C("error_ns", "BIGINT", "half the bracket it was taken in", "ns"),
    ),
)

TASK = Table(
    "task",
    "raw",
    "one thread's life with one program image (an execve ends a row and begins the next)",
    (
        C("task_id", "BIGINT", "id of the row"),
        C("tid", "INTEGER", "thread id in the recorder's pid namespace"),
        C("pid", "INTEGER", "process id (tgid)"),
        C(
            "parent_task_id",
            "BIGINT",
            "task that created it by fork or clone; or, after execve, the row before; NULL if unseen",
        ),
        C("parent_pid", "INTEGER", "parent process; NULL if unknown"),
        C("is_leader", "BOOLEAN", "tid = pid"),
        C(
            "how",
            "VARCHAR",
            "how it came: started, attached, fork, vfork, clone (process), thread, execve, or present (not traced, seen by procfs)",
        ),
        C("traced", "BOOLEAN", "whether its calls were recorded"),
        C("start_ns", "BIGINT", "first sight", "ns"),
        C("end_ns", "BIGINT", "exit or execve; NULL if it outlived the recording", "ns"),
        C("end_how", "VARCHAR", "exited, killed, execve, detached; NULL while alive"),
        C("exit_status", "INTEGER", "exit status; NULL unless exited"),
        C("signal", "VARCHAR", "signal that killed it; NULL unless killed"),
        C("comm", "VARCHAR", "command name as the kernel keeps it"),
        C("exe", "VARCHAR", "path of the program file"),
        C("argv", "VARCHAR[]", "command line"),
        C("cwd", "VARCHAR", "working directory at the start; NULL if unread"),
        C("uid", "INTEGER", "effective user id"),
        C("netns", "UBIGINT", "inode of the network namespace"),
        C(
            "shares_files_with",
            "BIGINT",
            "task_id whose descriptor table it shares (CLONE_FILES); NULL if it has its own copy",
        ),
    ),
)

CALL = Table(
    "call",
    "raw",
    "one system call",
    (
        C("call_id", "BIGINT", "id, in order of entry"),
        C("task_id", "BIGINT", "the task that made it"),
        C("tid", "INTEGER", "its thread"),
        C("pid", "INTEGER", "its process"),
        C("arch", "UINTEGER", "AUDIT_ARCH_* of linux/audit.h"),
        C("number", "INTEGER", "system call number"),
        C("name", "VARCHAR", "its name; syscall_0x<number> if unknown"),
        C("a0", "UBIGINT", "argument as the register held it"),
        C("a1", "UBIGINT", "argument"),
        C("a2", "UBIGINT", "argument"),
        C("a3", "UBIGINT", "argument"),
        C("a4", "UBIGINT", "argument"),
        C("a5", "UBIGINT", "argument"),
        C("fd", "INTEGER", "the descriptor it acts on; NULL if none"),
        C("retval", "BIGINT", "return value; NULL while unfinished; negative errno if failed"),
        C("errno", "INTEGER", "error number (positive); NULL if it succeeded or is unfinished"),
        C("entry_ns", "BIGINT", "entry seen", "ns"),
        C("start_ns", "BIGINT", "the kernel was let go on with it: its work happens after this", "ns"),
        C("exit_ns", "BIGINT", "return seen: its work happened before this; NULL if unfinished", "ns"),
        C("resume_ns", "BIGINT", "the task was let go on; NULL if unfinished", "ns"),
        C("complete", "BOOLEAN", "entry and exit were both seen"),
        C("restarts", "VARCHAR", "name of the call that restart_syscall continues; NULL otherwise"),
    ),
)

CALL_DATA = Table(
    "call_data",
    "raw",
    "one piece of memory (or knowledge) a call carried",
    (
        C("call_id", "BIGINT", "its call"),
        C("at_exit", "BOOLEAN", "read when the call returned (else at its entry)"),
        C("role", "VARCHAR", "name of model.spool.Role, lower case"),
        C("arg", "INTEGER", "argument it was reached from; 6: the return value"),
        C("idx", "INTEGER", "element number in a vector"),
        C("address", "UBIGINT", "address in the process"),
        C("offset", "BIGINT", "payload: offset of the bytes in the whole message of this call", "bytes"),
        C("full_bytes", "BIGINT", "how long it really is", "bytes"),
        C("error", "INTEGER", "errno of the failed read; 0 if read"),
        C("bytes", "BLOB", "the captured bytes, at most snaplen"),
    ),
)

SIGNAL = Table(
    "signal",
    "raw",
    "one signal delivered to a task (or a job-control stop)",
    (
        C("time_ns", "BIGINT", "when", "ns"),
        C("task_id", "BIGINT", "to whom"),
        C("tid", "INTEGER", "its thread"),
        C("number", "INTEGER", "signal number"),
        C("name", "VARCHAR", "signal name"),
        C("code", "INTEGER", "si_code; NULL if unknown"),
        C("sender_pid", "INTEGER", "si_pid; NULL where the code has none"),
        C("sender_uid", "INTEGER", "si_uid; NULL where the code has none"),
        C("stopped", "BOOLEAN", "a group-stop, not a delivery"),
    ),
)

INTERFACE = Table(
    "interface",
    "raw",
    "one network interface seen",
    (
        C("interface", "VARCHAR", "name"),
        C("ifindex", "INTEGER", "kernel's index in its namespace"),
        C("netns", "UBIGINT", "inode of the network namespace"),
        C("netns_cookie", "UBIGINT", "SO_NETNS_COOKIE of the capturing socket"),
        C("linktype", "INTEGER", "LINKTYPE_* of its frames (1: Ethernet, 101: raw IP, 276: SLL2)"),
        C("mtu", "INTEGER", "MTU", "bytes"),
    ),
)

PACKET = Table(
    "packet",
    "raw",
    "one frame as one tap saw it",
    (
        C("packet_id", "BIGINT", "id in time order, all taps; imported packets: in the order of the file"),
        C("number", "BIGINT", "number among the shown packets, from 1, as Wireshark counts; NULL if not shown"),
        C(
            "time_ns",
            "BIGINT",
            "kernel's stamp, converted; an imported packet without a stamp has the one's before it",
            "ns",
        ),
        C("ifindex", "INTEGER", "interface"),
        C("netns", "UBIGINT", "network namespace"),
        C("tap", "VARCHAR", "out or in; NULL if an imported file does not say"),
        C("shown", "BOOLEAN", "the one copy of a packet that is counted; loopback's OUT copy is not"),
        C("twin_id", "BIGINT", "packet_id of loopback's other copy"),
        C("frame_bytes", "UINTEGER", "length on the wire", "bytes"),
        C("captured_bytes", "UINTEGER", "length captured", "bytes"),
        C(
            "linktype",
            "USMALLINT",
            "LINKTYPE_* of the stored frame (1: Ethernet, 101: raw IP, 276: SLL2); NULL: no packet, but a record of the imported file that Wireshark counts as one",
        ),
        C("ethertype", "USMALLINT", "network protocol"),
        C("ip_version", "UTINYINT", "4 or 6; NULL if not IP"),
        C("ip_protocol", "UTINYINT", "protocol after all extension headers"),
        C("ip_id", "UINTEGER", "identification (v4, or v6 fragment header)"),
        C("ttl", "UTINYINT", "TTL or hop limit"),
        C("fragment", "BOOLEAN", "is a fragment"),
        C(
            "src",
            "VARCHAR",
            "source address; in a tunnel that of the innermost packet, as all fields from ethertype on",
        ),
        C("dst", "VARCHAR", "destination address"),
        C("srcport", "USMALLINT", "TCP, UDP or UDP-Lite"),
        C("dstport", "USMALLINT", "TCP, UDP or UDP-Lite"),
        C("seq", "UINTEGER", "TCP sequence number"),
        C("ack", "UINTEGER", "TCP acknowledgement number"),
        C("flags", "USMALLINT", "TCP flags, 12 bits as in the header: nine flags, and above them three reserved bits"),
        C("window", "USMALLINT", "TCP window field, unscaled"),
        C("mss", "USMALLINT", "TCP option 2; NULL if absent"),
        C("wscale", "UTINYINT", "TCP option 3; NULL if absent"),
        C("sack_permitted", "BOOLEAN", "TCP option 4 present"),
        C("tsval", "UINTEGER", "TCP option 8; NULL if absent"),
        C("tsecr", "UINTEGER", "TCP option 8; NULL if absent"),
        C("sack", "UINTEGER[]", "TCP option 5: left and right edges, in turn; NULL if absent"),
        C("fast_open", "UTINYINT", "TCP option 34: 1 asks for a cookie, 2 carries one; NULL if absent"),
        C("mptcp", "USMALLINT", "TCP option 30: bit n set for an MPTCP option of subtype n; NULL if absent"),
        C("icmp_type", "UTINYINT", "ICMP or ICMPv6"),
        C("icmp_code", "UTINYINT", "ICMP or ICMPv6"),
        C("network_offset", "UINTEGER", "where the IP or ARP header begins in the frame; NULL if none", "bytes"),
        C(
            "transport_offset",
            "UINTEGER",
            "where the TCP, UDP or ICMP header begins in the frame; NULL if none",
            "bytes",
        ),
        C(
            "payload_offset",
            "UINTEGER",
            "where the transport payload begins in the frame; NULL if it is not in it (put together from fragments)",
            "bytes",
        ),
        C("payload_bytes", "UINTEGER", "its length on the wire", "bytes"),
        C("comment", "VARCHAR", "comment an imported file has on the packet; NULL if none"),
        C("undecoded", "VARCHAR", "why decoding stopped; NULL if it did not"),
        C("frame", "BLOB", "the captured bytes"),
    ),
)

DESCRIPTOR_SAMPLE = Table(
    "descriptor_sample",
    "raw",
    "what one descriptor was at one instant",
    (
        C("time_ns", "BIGINT", "when", "ns"),
        C("pid", "INTEGER", "process"),
        C("fd", "INTEGER", "descriptor"),
        C("call_id", "BIGINT", "call at whose exit it was asked; NULL for procfs"),
        C("target", "VARCHAR", "text of /proc/PID/fd/N, for example socket:[123]; NULL if only the inode is known"),
        C("inode", "UBIGINT", "inode of a socket or pipe"),
        C("flags", "UINTEGER", "open(2) flags from fdinfo; NULL if unread"),
    ),
)

WATCH_SAMPLE = Table(
    "watch_sample",
    "raw",
    "one descriptor that an epoll instance watched when the recording began, or ended",
    (
        C("time_ns", "BIGINT", "when", "ns"),
        C("pid", "INTEGER", "process that holds the instance"),
        C("epoll_fd", "INTEGER", "its descriptor of the instance"),
        C("fd", "INTEGER", "number of the watched one in the process that asked for it"),
        C("events", "UINTEGER", "what is watched for: EPOLLIN, ... (epoll_ctl(2))"),
        C("value", "UBIGINT", "what epoll_wait hands back for it"),
    ),
)

THREAD_SAMPLE = Table(
    "thread_sample",
    "raw",
    "what one thread was in at one instant: when it was attached to, and just before the recording was stopped",
    (
        C("time_ns", "BIGINT", "when", "ns"),
        C("pid", "INTEGER", "its process"),
        C("tid", "INTEGER", "the thread"),
        C("state", "VARCHAR", "as ps writes it: R, S, D, T (stopped), t (by a tracer), Z, ..."),
        C("cpu_ns", "BIGINT", "time it had a CPU, since it began; NULL where the kernel keeps none", "ns"),
        C("delay_ns", "BIGINT", "time it waited for one, though it could run; NULL where the kernel keeps none", "ns"),
        C("number", "INTEGER", "call it was blocked in, by number; NULL if in none or not to be read"),
        C("wchan", "VARCHAR", "kernel function it slept in; NULL if none or not to be read"),
        C("lock_address", "UBIGINT", "mutex of glibc that its futex() waited for; NULL if it is no such mutex"),
        C("lock_kind", "VARCHAR", "normal, recursive, error-checking or adaptive; before it robust; NULL if none"),
        C("lock_owner_tid", "INTEGER", "thread that the mutex names as its owner; NULL if none"),
        C("lock_owner_pid", "INTEGER", "process of that thread; NULL if there was no such thread"),
    ),
)

SOCKET_SAMPLE = Table(
    "socket_sample",
    "raw",
    "state of one socket at one instant",
    (
        C("time_ns", "BIGINT", "when", "ns"),
        C("call_id", "BIGINT", "call at whose exit it was asked; NULL for sock_diag"),
        C("inode", "UBIGINT", "socket inode; 0 for sockets without a file (TIME_WAIT, SYN_RECV)"),
        C("cookie", "UBIGINT", "socket cookie; NULL if unknown"),
        C("netns_cookie", "UBIGINT", "its network namespace; NULL if unknown"),
        C("family", "VARCHAR", "AF_INET, AF_INET6, AF_UNIX, AF_NETLINK, ..."),
        C("type", "VARCHAR", "SOCK_STREAM, SOCK_DGRAM, ..."),
        C("protocol", "INTEGER", "IPPROTO_*"),
        C("state", "VARCHAR", "TCP state; LISTEN for listeners; NULL if unknown"),
        C("local_addr", "VARCHAR", "address, or path of a unix socket (abstract: leading @)"),
        C("local_port", "BIGINT", "port (of vsock 32 bits); NULL for unix"),
        C("peer_addr", "VARCHAR", "peer's address or path; NULL if not connected"),
        C("peer_port", "BIGINT", "port; NULL for unix"),
        C("peer_inode", "UBIGINT", "unix sockets: inode of the peer; NULL if unknown"),
        C("recv_queue", "BIGINT", "bytes waiting to be read; a listener: connections waiting"),
        C("send_queue", "BIGINT", "bytes not yet acknowledged; a listener: backlog"),
        C("uid", "INTEGER", "owner"),
        C("tcp_info", "BLOB", "struct tcp_info; NULL if not TCP"),
    ),
)

KERNEL_EVENT = Table(
    "kernel_event",
    "raw",
    "one tracepoint the kernel passed while it worked for a traced task, socket or packet",
    (
        C("event_id", "BIGINT", "id in time order"),
        C("time_ns", "BIGINT", "when", "ns"),
        C("cpu", "USMALLINT", "CPU it ran on"),
        C("name", "VARCHAR", "group:tracepoint, as under /sys/kernel/tracing/events"),
        C("tid", "INTEGER", "the current thread: whose time was used, not for whom; 0: the CPU was idle"),
        C("pid", "INTEGER", "its process"),
        C("context", "VARCHAR", "task (the thread's own system call) or softirq (softirq or interrupt: a bystander)"),
        C("softirq", "VARCHAR", "which softirq ran, for example NET_RX; NULL if none or unknown"),
        C("other_tid", "INTEGER", "scheduler and signal events: the thread they are about; NULL otherwise"),
        C("other_pid", "INTEGER", "its process"),
        C("value", "INTEGER", "depends on the event (model.kernel_ring.KINDS): states, results, reasons"),
        C("value2", "INTEGER", "depends on the event"),
        C("sk", "UBIGINT", "kernel address of the socket; NULL if none"),
        C("cookie", "UBIGINT", "its cookie; NULL if unknown"),
        C("skb", "UBIGINT", "kernel address of the packet's sk_buff; NULL if none. Addresses are used again"),
        C("head", "UBIGINT", "address of its data, which clones share"),
        C("location", "UBIGINT", "kfree_skb: address of the code that freed it; NULL otherwise"),
        C("ifindex", "INTEGER", "interface, in its network namespace; NULL if none"),
        C("family", "UTINYINT", "AF_* of the packet or socket; NULL if none"),
        C("protocol", "UTINYINT", "IPPROTO_*; NULL if none"),
        C("src", "VARCHAR", "packet: source address; socket: its own address"),
        C("dst", "VARCHAR", "packet: destination address; socket: the peer's"),
        C("srcport", "USMALLINT", "packet: source port; socket: its own"),
        C("dstport", "USMALLINT", "packet: destination port; socket: the peer's"),
        C("seq", "UINTEGER", "TCP sequence number; NULL if no segment"),
        C("ack", "UINTEGER", "TCP acknowledgement number; NULL if no segment"),
        C("flags", "UTINYINT", "TCP flags; NULL if no segment"),
        C("bytes", "UINTEGER", "payload of the packet; NULL if no packet", "bytes"),
        C("state", "VARCHAR", "TCP state of the socket; NULL if no socket"),
        C("stack_id", "INTEGER", "how the kernel came here; NULL if no stack was recorded"),
        C("netns", "UBIGINT", "inode of the interface's network namespace; NULL if there is no interface"),
        C("device", "VARCHAR", "name of the interface; NULL if none, or unknown"),
    ),
)

KERNEL_STACK = Table(
    "kernel_stack",
    "raw",
    "one way the kernel came to an event: a stack that differs from all others; with --stacks",
    (
        C("stack_id", "INTEGER", "kernel_event.stack_id"),
        C(
            "context",
            "VARCHAR",
            "task, kernel thread, idle; softirq in a call (the current thread let deferred work run), softirq after an"
            " interrupt, softirq thread (ksoftirqd), softirq; interrupt; unknown (the functions have no names)",
        ),
        C("backlog", "BOOLEAN", "the packet had waited for the socket, which a call had locked (__release_sock)"),
        C("frames", "INTEGER", "how many were recorded"),
        C("truncated", "BOOLEAN", "there was no room for more: the outermost are missing"),
    ),
)

KERNEL_FRAME = Table(
    "kernel_frame",
    "raw",
    "one function on a stack",
    (
        C("stack_id", "INTEGER", "kernel_stack.stack_id"),
        C("depth", "INTEGER", "0 is the innermost; each was called by the next"),
        C(
            "part",
            "VARCHAR",
            "tracing (the recorder's own), work (for the event), entry (how the interrupt or softirq began), caller"
            " (the call in which a softirq ran), interrupted (a bystander, which has nothing to do with the event)",
        ),
        C("address", "UBIGINT", "where the call returns to"),
        C("function", "VARCHAR", "kernel function; NULL if unknown"),
        C("offset_bytes", "INTEGER", "of the address in the function; NULL if unknown", "bytes"),
        C("module", "VARCHAR", "kernel module of the function; bpf: a loaded program; NULL: the kernel itself"),
    ),
)

RAW_TABLES = (
    META,
    SOURCE,
    COVERAGE,
    CLOCK_SNAPSHOT,
    TASK,
    CALL,
    CALL_DATA,
    SIGNAL,
    INTERFACE,
    PACKET,
    DESCRIPTOR_SAMPLE,
    WATCH_SAMPLE,
    SOCKET_SAMPLE,
    THREAD_SAMPLE,
    KERNEL_EVENT,
    KERNEL_STACK,
    KERNEL_FRAME,
)
