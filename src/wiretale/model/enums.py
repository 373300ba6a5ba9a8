"""The closed sets of values that tables and records use. Stored as their text in captures."""

from enum import IntEnum, StrEnum


class Level(StrEnum):
    """Where an event was observed."""

    SYSCALL = "syscall"
    KERNEL = "kernel"
    PACKET = "packet"


class Arch(IntEnum):
    """AUDIT_ARCH_* of linux/audit.h: which system call table a call number belongs to."""

    X86_64 = 0xC000003E
    I386 = 0x40000003
    AARCH64 = 0xC00000B7
    ARM = 0x40000028


class Tap(StrEnum):
    """Which side of an interface saw the packet. Loopback shows every packet twice, first OUT, then IN."""

    OUT = "out"
    IN = "in"


class Direction(StrEnum):
    """A stream of a connection, named by who sends: the end that connected (client) or the other (server)."""

    CLIENT_TO_SERVER = "c2s"
    SERVER_TO_CLIENT = "s2c"


class LinkKind(StrEnum):
    """Which two rows a link relates, in the order the bytes travel."""

    WRITE_SEGMENT = "write_segment"
    SEGMENT_READ = "segment_read"
    WRITE_READ = "write_read"


class Evidence(StrEnum):
    """Why a link is believed."""

    BYTES = "bytes"  # position, and the captured bytes of both sides are equal
    POSITION = "position"  # position only: no byte was captured on both sides
    AMBIGUOUS = "ambiguous"  # overlapping calls of several threads, or an unknown start: see `reason`


class FileKind(StrEnum):
    """What an open file description is."""

    SOCKET = "socket"
    PIPE = "pipe"
    REGULAR = "file"
    TERMINAL = "terminal"
    EVENT = "event"  # epoll, eventfd, timerfd, signalfd, inotify, io_uring: an anon_inode
    OTHER = "other"


class WaitEnd(StrEnum):
    """What ended a wait."""

    PACKET = "packet"  # a segment or datagram for the socket arrived
    PEER = "peer"  # a call of another task: of the peer on a unix socket or pipe, or one that woke a futex
    CHILD = "child"  # a child ended, or was stopped or continued: wait4, waitid
    THREAD = "thread"  # a thread of the process ended that was waited for by its id (futex at its clear_child_tid)
    INPUT = "input"  # a non-socket descriptor became ready
    TIMEOUT = "timeout"
    SIGNAL = "signal"
    ERROR = "error"
    NOT_ENDED = "not ended"  # still blocked when the recording or the task ended
    UNKNOWN = "unknown"


# enum in include/net/tcp_states.h, with the names of RFC 9293
TCP_STATES = {
    1: "ESTABLISHED", 2: "SYN-SENT", 3: "SYN-RECEIVED", 4: "FIN-WAIT-1", 5: "FIN-WAIT-2", 6: "TIME-WAIT", 7: "CLOSED",
    8: "CLOSE-WAIT", 9: "LAST-ACK", 10: "LISTEN", 11: "CLOSING", 12: "SYN-RECEIVED",
}  # fmt: skip

# By their numbers (linux/interrupt.h)
SOFTIRQS = ("HI", "TIMER", "NET_TX", "NET_RX", "BLOCK", "IRQ_POLL", "TASKLET", "SCHED", "HRTIMER", "RCU")
# Of a neighbour (linux/neighbour.h), which is in one at a time
NUD_INCOMPLETE = 1
NUD_VALID = 0xDE  # those in which its link address is known
NEIGHBOUR_STATES = {
    0: "NONE", 1: "INCOMPLETE", 2: "REACHABLE", 4: "STALE", 8: "DELAY", 16: "PROBE", 32: "FAILED", 64: "NOARP",
    128: "PERMANENT",
}  # fmt: skip
