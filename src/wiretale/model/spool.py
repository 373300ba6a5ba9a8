"""The spool: what a recording leaves on disk before it is made into a capture.

A spool is a folder `NAME.wiretale.spool/`:

* `manifest.json`: see `store.spool.Manifest`.
* `clock.jsonl`: one clock snapshot a line.
* `procfs.jsonl`: tasks, descriptors and sockets before and after, one JSON object a line.
* `ptrace.events`, `ptrace.chunks`, `ptrace.data`: the calls, written by `record/ptrace/tracer.c` through shared
  memory maps. Those of eBPF stand in the order in which they were told: see `store.load.ptrace_files.in_order`.
* `ptrace.calls`: most calls of eBPF, as its kernel programs packed them (struct wt_packed of `tracer.h`), in blocks of
  64 KB; there is none where calls are read while they are recorded. `store.load.packed_calls` unpacks it.
* `packets.blocks`: blocks of the packet ring, back to back, each cut to its used length.

Each of the three files of the tracer starts with one page (`FILE_HEADER`) whose `committed` says how much of the rest
is valid, so that the files can be read while they grow and after the recorder was killed. The layouts are those of the
C structures in `tracer.h`; a test compares offsets and sizes. All integers are of the recording machine's byte order
(little-endian on x86-64 and arm64).
"""

from enum import IntEnum, IntFlag

SPOOL_VERSION = 2  # 1 had no `ptrace.calls`
HEADER_BYTES = 4096
EVENT_BYTES = 128
CHUNK_BYTES = 64

MAGIC = {"events": b"WTEVENTS", "chunks": b"WTCHUNKS", "data": b"WTDATA\0\0"}

# name, NumPy type, meaning
FILE_HEADER = [
    ("magic", "S8", "one of MAGIC"),
    ("version", "<u4", "SPOOL_VERSION"),
    ("record_bytes", "<u4", "size of one record; 1 for the data file"),
    ("committed", "<u8", "number of valid records (bytes, in the data file)"),
    ("lost", "<u8", "records that could not be stored (disk full)"),
    ("pid", "<u4", "process that wrote the file"),
    ("closed", "<u4", "1 when the writer ended in order"),
]

EVENT = [
    ("time_ns", "<u8", "CLOCK_MONOTONIC when the tracer saw the stop"),
    ("resume_ns", "<u8", "CLOCK_MONOTONIC just before the task was let go on; 0 if it was not"),
    ("seq", "<u8", "number of this event, from 0, in the order of stops"),
    ("first_chunk", "<u8", "index of the event's first chunk"),
    ("tid", "<u4", "thread, in the recorder's pid namespace"),
    ("tgid", "<u4", "its process"),
    ("kind", "<u2", "EventKind"),
    ("flags", "<u2", "EventFlag"),
    ("chunks", "<u4", "how many chunks, consecutive"),
    ("arch", "<u4", "Arch, for ENTRY and EXIT"),
    ("cpu", "<i4", "CPU the task last ran on, -1 if unknown"),
    # ENTRY, EXIT: system call number; SIGNAL, GROUP_STOP: signal; CLONE: new tid; EXEC: former tid; END: wait status
    ("number", "<i8", "depends on the kind"),
    (
        "value",
        "<i8",
        "ENTRY, SIGNAL: instruction pointer; EXIT: result (negative errno on error); CLONE: the PTRACE_EVENT_* code",
    ),
    ("args", "(6,)<u8", "ENTRY: arguments; EXIT: those seen at the entry, as far as the source keeps them; else 0"),
    ("extra", "<u8", "CLONE: the flags of clone(2) (CLONE_FILES, ...); EXIT, if asked for: CPU time in the kernel, ns"),
]

CHUNK = [
    ("event", "<u8", "seq of the event it belongs to"),
    ("address", "<u8", "address in the traced process; 0 for data that is not from its memory"),
    ("full_bytes", "<u8", "how long the object is; captured_bytes may be less"),
    ("offset", "<u8", "where the captured bytes begin, counted from the end of the data file's header page"),
    ("captured_bytes", "<u4", "how many bytes were captured"),
    ("error", "<i4", "errno of the failed read of memory, 0 if it was read"),
    ("role", "<u2", "Role"),
    ("arg", "<u2", "which argument (0-5) it was reached from; 6: the return value"),
    (
        "index",
        "<u4",
        "which element, for vectors (iovec, argv); for mmsghdr (message << 16 | iovec); of a pidfd (LINK): its process",
    ),
    ("detail", "<u8", "depends on the role; 0 if unused"),
    ("reserved", "<u8", "0"),
]


class EventKind(IntEnum):
    """What an event record says."""

    ENTRY = 1  # a call entered the kernel
    EXIT = 2  # a call returned (an EXIT without ENTRY: attached inside the call)
    CLONE = 3  # the task made another task
    EXEC = 4  # the process image was replaced
    SIGNAL = 5  # a signal is about to be delivered (chunk SIGINFO)
    GROUP_STOP = 6  # stopped by job control
    END = 7  # the thread is gone; number = wait status as of wait4(2)
    EXITING = 8  # PTRACE_EVENT_EXIT: about to die; number = wait status
    ATTACHED = 9  # first sight of a task (chunks COMM, EXE, CMDLINE, STATUS, NETNS where readable)
    DETACHED = 10  # let go; it runs on untraced
    # eBPF, a whole call: time_ns its entry, resume_ns its return, value its result, extra the instruction pointer
    CALL = 11


class EventFlag(IntFlag):
    """Properties of an event."""

    ERROR = 1  # EXIT: the return value is an error
    SECCOMP = 2  # ENTRY seen by a seccomp stop
    FOLLOWED = 4  # ATTACHED: child of a traced task, not attached from outside
    NOTABLE = 8  # was reported to the control thread
    SOCKETCALL = 16  # made through i386 socketcall(2); number and args are those of the call it stands for
    INJECTED = 32  # EXIT: the result, or the call itself, was put in by the tracer (wiretale strace -e inject)
    DELAYED = 64  # EXIT: the tracer held the call up
    POKED = 128  # EXIT: the tracer overwrote memory that an argument points to
    NOT_POKED = 256  # it should have, before the call (ENTRY) or after it (EXIT), and could not


class Role(IntEnum):
    """What the bytes of a chunk are."""

    PAYLOAD = 1  # bytes written to or read from a descriptor; detail = offset of these bytes in the whole message
    STRING = 2  # NUL-terminated; the NUL is not stored; full_bytes = captured_bytes unless cut at the limit
    SOCKADDR = 3
    SOCKLEN = 4  # u32 behind a pointer
    OPTVAL = 5
    STRUCT = 6  # a fixed-size structure
    ARRAY = 7  # pollfd, epoll_event, int pairs ...; detail = element size
    FDSET = 8  # fd_set, as many whole words as nfds needs
    IOVEC = 9  # the iovec array itself, in the task's own word size
    MSGHDR = 10  # the msghdr (or mmsghdr) itself
    CONTROL = 11  # ancillary data
    ARGV = 12  # one string of argv
    ENVP = 13  # one string of the environment
    SOCKET = 14  # struct wt_socket: what a descriptor is, asked right at the stop; detail = fd
    LINK = 15  # readlink of /proc/TGID/fd/N; detail = fd
    SIGINFO = 16
    COMM = 17
    EXE = 18
    CMDLINE = 19  # NUL-separated
    STATUS = 20  # /proc/TID/status
    NETNS = 21  # u64 inode of the network namespace
    CWD = 22
    NAME = 24  # of another process that a call or a signal mentions, with a newline; detail = its number
    STACK = 26  # PtraceOptions.stacks: for each frame four strings that end with NUL; see part_stack.h
    OTHER_END = 25  # u64 inode of the unix socket that the one of inode `detail` is connected to; 0: none
    FD_FLAGS = 23  # u32 file status flags of a descriptor from /proc/TGID/fdinfo/N; detail = fd


# struct wt_socket (role SOCKET): taken through pidfd_getfd(2), so it is exact at the stop.
SOCKET = [
    ("inode", "<u8", "socket inode (fstat)"),
    ("cookie", "<u8", "SO_COOKIE"),
    ("netns_cookie", "<u8", "SO_NETNS_COOKIE"),
    ("family", "<i4", "SO_DOMAIN"),
    ("type", "<i4", "SO_TYPE"),
    ("protocol", "<i4", "SO_PROTOCOL"),
    ("listening", "<i4", "SO_ACCEPTCONN"),
    ("local_bytes", "<u4", "length of the local address, 0 if none"),
    ("peer_bytes", "<u4", "length of the peer address, 0 if not connected"),
    ("local", "V128", "struct sockaddr of getsockname"),
    ("peer", "V128", "struct sockaddr of getpeername"),
]
