"""How a system call's arguments are described: one `Call` per name, one `Arg` per argument.

This is the one home of the fact "argument 1 of recvfrom points to a buffer that is as long as the return value".
Both the tracer (which memory to read, and when: `record/ptrace/plan.py`) and the decoder (how to print it:
`decode/calls.py`) derive from it.
"""

from collections.abc import Mapping
from enum import StrEnum

from wiretale.light import dataclass, field


class Kind(StrEnum):
    """What a register holds, and for pointers what it points to and which way the data goes."""

    # plain values
    INT = "int"  # signed 32-bit
    UINT = "uint"
    LONG = "long"
    ULONG = "ulong"
    HEX = "hex"
    OCTAL = "octal"  # file modes
    SIZE = "size"
    OFFSET = "offset"
    PID = "pid"
    UID = "uid"
    SIGNAL = "signal"
    FD = "fd"
    DIRFD = "dirfd"  # descriptor or AT_FDCWD
    ENUM = "enum"  # one constant of `constants`
    FLAGS = "flags"  # OR of constants of `constants`
    WIDE_ENUM = "wide_enum"  # the same, of all bits of an unsigned long
    WIDE_FLAGS = "wide_flags"
    POINTER = "pointer"  # printed as an address; nothing is read
    # pointers; `length` names the argument that bounds them
    STRING = "string"  # NUL-terminated, entry
    STRINGS = "strings"  # NULL-terminated vector of strings (argv), entry
    ENVIRONMENT = "environment"  # the same; printed as a count
    BUFFER_IN = "buffer_in"  # bytes given, length = value of argument `length`, entry
    MEASURED_IN = "measured_in"  # bytes given, as many as the u32 at offset `count` of what argument `length` points to
    BUFFER_OUT = "buffer_out"  # bytes returned, length = return value, exit
    SOCKADDR_IN = "sockaddr_in"  # length = value of argument `length`
    SOCKADDR_OUT = "sockaddr_out"  # argument `length` points to a socklen_t, read at entry and exit
    OPTVAL_IN = "optval_in"
    OPTVAL_OUT = "optval_out"
    SOCKLEN = "socklen"  # the socklen_t pointer itself
    STRUCT_IN = "struct_in"  # `struct`, entry; as many bytes as the value of argument `length`, if there is one
    STRUCT_OUT = "struct_out"  # `struct`, exit
    STRUCT_INOUT = "struct_inout"  # both
    ARRAY_IN = "array_in"  # of `struct`; count = argument `length` (or `count`, if fixed)
    ARRAY_OUT = "array_out"  # of `struct`; count = return value (or `count`, if fixed)
    BITS_IN = "bits_in"  # a set of as many bits as argument `length` says, in unsigned longs
    BITS_OUT = "bits_out"
    MESSAGE_IN = "message_in"  # struct msgbuf: a long and as many bytes as argument `length` says
    MESSAGE_OUT = "message_out"
    PAGES_OUT = "pages_out"  # a byte for each page that argument `length` bytes take
    ARRAY_INOUT = "array_inout"  # of `struct`, count = argument `length`, entry and exit
    FDSET = "fdset"  # fd_set in and out, bits = argument `length`
    IOVEC_IN = "iovec_in"  # count = argument `length`; buffers at entry
    IOVEC_OUT = "iovec_out"  # count = argument `length`; buffers at exit, up to the return value
    MSGHDR_IN = "msghdr_in"
    MSGHDR_OUT = "msghdr_out"
    MMSGHDR_IN = "mmsghdr_in"  # count = argument `length`
    MMSGHDR_OUT = "mmsghdr_out"  # count = return value
    POINTED = "pointed"  # a vector of pointers to `struct`, count = argument `length`, entry; `follows` is of each
    REQUEST = "request"  # what a request of ioctl (argument `length`) moves, by the size and direction in its number


# Where the name of a field may stand: before the number of an argument, before an offset
ARGUMENT, AT_OFFSET = "@", "+"
# Of `when`, and what is no structure: an iovec whose buffers are wanted, a descriptor of which it is asked what it is
IN, OUT, VECTOR, LINK = "in", "out", "vector", "link"


@dataclass(frozen=True, slots=True)
class Follow:
    """What a pointer inside a structure points to: `size` bytes (0: a string), as often as the field `count` says.

    The count may be an argument of the call: `@3`; a pointer of 8 bytes and a count of 4 may be named by their offset:
    `+24`, a count of 8 bytes as `+24/8`. They are a `struct` of `decode/structs` each. A `pointer` that
    begins with a dot is the name of what lies behind the structure itself.
    """

    pointer: str
    size: int = 0
    count: str = ""
    struct: str = ""
    strings: bool = False  # each element ends with a 64-bit pointer to a string
    only: tuple[str, int] = ("", 0)  # of POINTED: the field that says what an element is, and its value
    out: bool = False  # of POINTED, for an iovec: its buffers are filled later, and not read
    within: str = ""  # the pointer that leads to the structure that is meant; empty: the argument's own
    first: int = 0  # what the first byte of that structure must be; 0: anything
    when: str = ""  # before the call (IN) or after it (OUT) only


@dataclass(frozen=True, slots=True)
class Arg:
    """One argument. `constants` names a table of `decode/constants`, `struct` a layout of `decode/structs`."""

    name: str
    kind: Kind
    length: int = -1  # index of the argument that bounds this one; -1: none
    constants: str = ""
    struct: str = ""
    count: int = 0  # fixed number of elements; 0: see `length`
    follows: tuple[Follow, ...] = ()  # pointers inside `struct`
    on_error: bool = False  # what comes back counts even if the call fails
    more: bool = False  # strace does not decode it


class Result(StrEnum):
    """What a successful return value is."""

    INT = "int"
    HEX = "hex"  # an address
    FD = "fd"  # a new descriptor of any kind
    SOCKET = "socket"  # a new descriptor that is a socket
    PID = "pid"
    BYTES = "bytes"  # a number of bytes
    NONE = "none"  # does not return


class Effect(StrEnum):
    """Why a call matters beyond its arguments; recording and joining select by it, never by name lists of their own."""

    NETWORK = "network"  # acts on a socket by definition
    DESCRIPTOR = "descriptor"  # takes, makes or closes a descriptor of any kind
    PROCESS = "process"  # makes, replaces or ends a task
    SENDS = "sends"  # puts payload into a descriptor
    RECEIVES = "receives"  # takes payload out of a descriptor
    BLOCKS = "blocks"  # may wait for another party
    CHANGES_SOCKET = "changes_socket"  # after success, the tracer asks the kernel what the socket of arg 0 is now


@dataclass(frozen=True, slots=True)
class Call:
    """One system call. `sets_fds` is the index of an argument that points to descriptors it makes (pipe, socketpair).

    Of fcntl, ioctl, prctl and futex one argument decides what the later ones are: `variant_arg` is its index (-1:
    none), and `variants` gives, for the low 32 bits of that argument, the arguments that replace `args`.
    """

    name: str
    args: tuple[Arg, ...]
    result: Result = Result.INT
    effects: frozenset[Effect] = frozenset()
    sets_fds: int = -1
    variant_arg: int = -1
    variants: Mapping[int, tuple[Arg, ...]] = field(default_factory=dict, hash=False)

    @property
    def fd_arg(self) -> int:
        """Index of the descriptor the call acts on, -1 if none."""
        return next((i for i, a in enumerate(self.args) if a.kind is Kind.FD), -1)
