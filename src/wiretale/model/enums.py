"""The closed sets of values that tables and records use. Stored as their text in captures."""

from enum import IntEnum, StrEnum


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


class FileKind(StrEnum):
    """What an open file description is."""

    SOCKET = "socket"
    PIPE = "pipe"
    REGULAR = "file"
    TERMINAL = "terminal"
    EVENT = "event"  # epoll, eventfd, timerfd, signalfd, inotify, io_uring: an anon_inode
    OTHER = "other"


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
