"""Arguments in words: one printer per kind, and the arguments of single calls that need to know their neighbours.

`KINDS` serves every call; `SPECIAL` names the exceptions by call and argument. A printer takes the writer, the index of
the argument and its specification; it prints the address where the memory was not recorded, and never guesses.
"""

from collections.abc import Callable

from wiretale.decode import leftovers
from wiretale.decode.constants import enumerator, flag_set, join_named, number_text
from wiretale.decode.escape import escape_bytes
from wiretale.decode.ifreq import ifreq_text
from wiretale.decode.struct_text import array_text, octal, struct_text
from wiretale.decode.syscalls.spec import Arg, Kind
from wiretale.decode.writer import Writer, pointer_text, signed32
from wiretale.light import later

TYPE_CHECKING = False  # see light.py
if TYPE_CHECKING:
    from wiretale.decode import followed, ioctls, msghdr, readiness, sockopt
else:
    followed = later("wiretale.decode.followed")
    msghdr, sockopt = later("wiretale.decode.msghdr"), later("wiretale.decode.sockopt")
    readiness, ioctls = later("wiretale.decode.readiness"), later("wiretale.decode.ioctls")

Printer = Callable[[Writer, int, Arg], str]
_ALL_BITS = 0xFFFFFFFFFFFFFFFF
_WIDE_FLAGS = frozenset({"clone"})


def _int(w: Writer, index: int, arg: Arg) -> str:
    return str(signed32(w.values[index]))


def _uint(w: Writer, index: int, arg: Arg) -> str:
    return str(w.values[index] & 0xFFFFFFFF)


def _long(w: Writer, index: int, arg: Arg) -> str:
    return str(w.signed(w.values[index]))


def _ulong(w: Writer, index: int, arg: Arg) -> str:
    return str(w.unsigned(w.values[index]))


def _hex(w: Writer, index: int, arg: Arg) -> str:
    value = w.unsigned(w.values[index])
    return hex(value) if value else "0"


def _octal(w: Writer, index: int, arg: Arg) -> str:
    return octal(w.values[index] & 0xFFFF)


def _offset(w: Writer, index: int, arg: Arg) -> str:
    value = w.values[index] & _ALL_BITS
    return str(value - (1 << 64) if value >> 63 else value)


def _uid(w: Writer, index: int, arg: Arg) -> str:
    value = w.values[index] & 0xFFFFFFFF
    return "-1" if value == 0xFFFFFFFF else str(value)


def _signal(w: Writer, index: int, arg: Arg) -> str:
    number = signed32(w.values[index])
    return w.signal(number) if number else "0"


def _fd(w: Writer, index: int, arg: Arg) -> str:
    return w.fd(signed32(w.values[index]))


def _dirfd(w: Writer, index: int, arg: Arg) -> str:
    return w.dirfd(signed32(w.values[index]))


def _enum(w: Writer, index: int, arg: Arg) -> str:
    value = w.values[index] & 0xFFFFFFFF
    table = arg.constants
    # Requests of ioctl and prctl are unsigned; -1 and its like are written as signed elsewhere (RUSAGE_CHILDREN).
    return w.enum(table, value if value < 0x80000000 or table in _UNSIGNED else signed32(value))


_UNSIGNED = frozenset({"ioctl", "reboot", "reboot_magic", "prctl"})


def _flags(w: Writer, index: int, arg: Arg) -> str:
    value = w.values[index]
    return w.flags(arg.constants, value & _ALL_BITS if arg.constants in _WIDE_FLAGS else value & 0xFFFFFFFF)


def _wide_enum(w: Writer, index: int, arg: Arg) -> str:
    return w.enum(arg.constants, w.unsigned(w.values[index]))


def _wide_flags(w: Writer, index: int, arg: Arg) -> str:
    return w.flags(arg.constants, w.unsigned(w.values[index]))


def _pointer(w: Writer, index: int, arg: Arg) -> str:
    return pointer_text(w.unsigned(w.values[index]))


def _string(w: Writer, index: int, arg: Arg) -> str:
    datum = w.readable(index, "string", at_exit=False)
    if datum is None:
        return _pointer(w, index, arg)
    return escape_bytes(datum.bytes) + ("..." if datum.full_bytes > len(datum.bytes) else "")


def _strings(w: Writer, index: int, arg: Arg) -> str:
    found = w.several(index, "argv", at_exit=False)
    if not found:
        return _pointer(w, index, arg)
    shown = [
        pointer_text(d.address)
        if d.error and not d.bytes
        else escape_bytes(d.bytes) + ("..." if d.full_bytes > len(d.bytes) else "")
        for d in found
    ]
    return f"[{', '.join(shown)}]"


def _environment(w: Writer, index: int, arg: Arg) -> str:
    found = w.several(index, "envp", at_exit=False)
    return f"{_pointer(w, index, arg)} /* {len(found)} vars */" if found else _pointer(w, index, arg)


def _buffer_in(w: Writer, index: int, arg: Arg) -> str:
    datum = w.readable(index, "payload", at_exit=False)
    if datum is not None:
        return w.data(datum.bytes, datum.full_bytes)
    empty = w.values[index] and 0 <= arg.length < len(w.values) and not w.unsigned(w.values[arg.length])
    return '""' if empty else _pointer(w, index, arg)


def _buffer_out(w: Writer, index: int, arg: Arg) -> str:
    datum = w.readable(index, "payload", at_exit=True)
    if datum is not None:
        return w.data(datum.bytes, datum.full_bytes)
    return '""' if w.succeeded and w.call.retval == 0 and w.values[index] else _pointer(w, index, arg)


def _sockaddr_in(w: Writer, index: int, arg: Arg) -> str:
    datum = w.readable(index, "sockaddr", at_exit=False)
    return _pointer(w, index, arg) if datum is None else w.sockaddr(datum.bytes)


def _sockaddr_out(w: Writer, index: int, arg: Arg) -> str:
    datum = w.readable(index, "sockaddr", at_exit=True)
    if datum is None or not datum.bytes:
        return _pointer(w, index, arg)
    # The kernel reports the whole length even if the program's buffer was too small: only that much was written.
    room = w.readable(arg.length, "socklen", at_exit=False)
    if room is not None and len(room.bytes) >= 4:
        return w.sockaddr(datum.bytes[: int.from_bytes(room.bytes[:4], "little")])
    return w.sockaddr(datum.bytes)


def _socklen(w: Writer, index: int, arg: Arg) -> str:
    before = w.readable(index, "socklen", at_exit=False)
    after = w.readable(index, "socklen", at_exit=True)
    numbers = [
        str(int.from_bytes(d.bytes[:4], "little", signed=True)) for d in (before, after) if d is not None and d.bytes
    ]
    if not numbers:
        return _pointer(w, index, arg)
    return f"[{numbers[0]}]" if numbers[0] == numbers[-1] else f"[{numbers[0]} => {numbers[1]}]"


def _struct_in(w: Writer, index: int, arg: Arg) -> str:
    datum = w.readable(index, "struct", at_exit=False)
    return _pointer(w, index, arg) if datum is None else struct_text(w, arg.struct, datum.bytes)


def _struct_out(w: Writer, index: int, arg: Arg) -> str:
    datum = w.readable(index, "struct", at_exit=True)
    return _pointer(w, index, arg) if datum is None else struct_text(w, arg.struct, datum.bytes)


def _struct_inout(w: Writer, index: int, arg: Arg) -> str:
    before = w.readable(index, "struct", at_exit=False)
    after = w.readable(index, "struct", at_exit=True)
    if before is None or after is None or before.bytes == after.bytes:
        datum = before or after
        return _pointer(w, index, arg) if datum is None else struct_text(w, arg.struct, datum.bytes)
    return f"{struct_text(w, arg.struct, before.bytes)} => {struct_text(w, arg.struct, after.bytes)}"


def _array_in(w: Writer, index: int, arg: Arg) -> str:
    datum = w.readable(index, "array", at_exit=False)
    return _pointer(w, index, arg) if datum is None else array_text(w, arg.struct, datum.bytes, datum.full_bytes)


def _array_out(w: Writer, index: int, arg: Arg) -> str:
    datum = w.readable(index, "array", at_exit=True)
    if datum is not None:
        return array_text(w, arg.struct, datum.bytes, datum.full_bytes)
    return "[]" if w.succeeded and w.call.retval == 0 and w.values[index] and not arg.count else _pointer(w, index, arg)


def _array_inout(w: Writer, index: int, arg: Arg) -> str:
    return _array_in(w, index, arg)


def request_reads(w: Writer) -> bool:
    """Whether the kernel fills in what the pointer of a known request of ioctl points to."""
    return ioctls.reads(w.values[1] & 0xFFFFFFFF)


KINDS: dict[Kind, Printer] = {
    Kind.INT: _int,
    Kind.UINT: _uint,
    Kind.LONG: _long,
    Kind.ULONG: _ulong,
    Kind.HEX: _hex,
    Kind.OCTAL: _octal,
    Kind.SIZE: _ulong,
    Kind.OFFSET: _offset,
    Kind.PID: _int,
    Kind.UID: _uid,
    Kind.SIGNAL: _signal,
    Kind.FD: _fd,
    Kind.DIRFD: _dirfd,
    Kind.ENUM: _enum,
    Kind.FLAGS: _flags,
    Kind.WIDE_ENUM: _wide_enum,
    Kind.WIDE_FLAGS: _wide_flags,
    Kind.POINTER: _pointer,
    Kind.STRING: _string,
    Kind.STRINGS: _strings,
    Kind.ENVIRONMENT: _environment,
    Kind.BUFFER_IN: _buffer_in,
    Kind.MEASURED_IN: _buffer_in,
    Kind.BUFFER_OUT: _buffer_out,
    Kind.SOCKADDR_IN: _sockaddr_in,
    Kind.SOCKADDR_OUT: _sockaddr_out,
    Kind.OPTVAL_IN: lambda w, i, a: sockopt.option_value(w, i, out=False),
    Kind.OPTVAL_OUT: lambda w, i, a: sockopt.option_value(w, i, out=True),
    Kind.SOCKLEN: _socklen,
    Kind.STRUCT_IN: _struct_in,
    Kind.STRUCT_OUT: _struct_out,
    Kind.STRUCT_INOUT: _struct_inout,
    Kind.ARRAY_IN: _array_in,
    Kind.ARRAY_OUT: _array_out,
    Kind.ARRAY_INOUT: _array_inout,
    Kind.FDSET: lambda w, i, a: readiness.fd_set(w, i),
    Kind.IOVEC_IN: lambda w, i, a: msghdr.iovec(w, i, a.length, out=False),
    Kind.IOVEC_OUT: lambda w, i, a: msghdr.iovec(w, i, a.length, out=True),
    Kind.MSGHDR_IN: lambda w, i, a: msghdr.message(w, i, out=False),
    Kind.MSGHDR_OUT: lambda w, i, a: msghdr.message(w, i, out=True),
    Kind.MMSGHDR_IN: lambda w, i, a: msghdr.messages(w, i, a.length, out=False),
    Kind.MMSGHDR_OUT: lambda w, i, a: msghdr.messages(w, i, a.length, out=True),
    **dict.fromkeys((Kind.POINTED, Kind.BITS_IN, Kind.BITS_OUT, Kind.PAGES_OUT), _pointer),
    **dict.fromkeys((Kind.MESSAGE_IN, Kind.MESSAGE_OUT), _pointer),
    Kind.REQUEST: lambda w, i, a: ioctls.requested(w, i),
}


# -- arguments that depend on others ---------------------------------------------------------------------------------

_AF_UNIX, _AF_INET, _AF_INET6, _AF_NETLINK, _AF_PACKET = 1, 2, 10, 16, 17
_PROTOCOL_TABLES = {_AF_INET: "ip_protocol", _AF_INET6: "ip_protocol", _AF_NETLINK: "netlink_protocol"}
_SOCK_TYPE_MASK = 0xF  # linux/net.h
_O_CREAT, _O_TMPFILE_BIT = 0o100, 0o20000000
_MAP_TYPE, _MAP_ANONYMOUS = 0xF, 0x20
_FUTEX_CMD_MASK, _FUTEX_PRIVATE, _FUTEX_CLOCK = ~0x180 & 0xFFFFFFFF, 0x80, 0x100
_IOC_DIRECTIONS = ("_IOC_NONE", "_IOC_WRITE", "_IOC_READ", "_IOC_READ|_IOC_WRITE")  # asm-generic/ioctl.h
_CSIGNAL = 0xFF  # linux/sched.h


def _protocol(w: Writer, index: int, arg: Arg) -> str:
    family, value = signed32(w.values[0]), signed32(w.values[index])
    if family == _AF_PACKET:
        port = (value & 0xFF) << 8 | value >> 8 & 0xFF
        return f"htons({w.enum('ethertype', port)})" if 0 < value <= 0xFFFF else number_text(value)
    table = _PROTOCOL_TABLES.get(family)
    return w.enum(table, value) if table else number_text(value)


def _socket_type(w: Writer, index: int, arg: Arg) -> str:
    value = w.values[index] & 0xFFFFFFFF
    kind = enumerator("socket_kind", value & _SOCK_TYPE_MASK)
    extra = value & ~_SOCK_TYPE_MASK
    return w.named(join_named(kind, flag_set("socket_flags", extra)) if extra else kind)


def _optname(w: Writer, index: int, arg: Arg) -> str:
    return sockopt.option_name(w, signed32(w.values[1]), signed32(w.values[index]))


def _open_flags(w: Writer, index: int, arg: Arg) -> str:
    return w.open_flags(w.values[index])


def _create_mode(flags_index: int) -> Printer:
    """The mode is an argument only if the call may make a file."""

    def text(w: Writer, index: int, arg: Arg) -> str:
        creates = w.values[flags_index] & (_O_CREAT | _O_TMPFILE_BIT)
        return _octal(w, index, arg) if creates else ""

    return text


def _map_flags(w: Writer, index: int, arg: Arg) -> str:
    value = w.values[index] & 0xFFFFFFFF
    kind = enumerator("mmap_type", value & _MAP_TYPE)
    rest = value & ~_MAP_TYPE
    return w.named(join_named(kind, flag_set("mmap_flags", rest, w.arch)) if rest else kind)


def _zero_prot(w: Writer, index: int, arg: Arg) -> str:
    value = w.values[index] & 0xFFFFFFFF
    return w.flags("mmap_prot", value) if value else w.note("PROT_NONE", 0)


def _clone_flags(w: Writer, index: int, arg: Arg) -> str:
    value = w.unsigned(w.values[index])
    flags = value & ~_CSIGNAL
    parts = [w.flags("clone", flags)] if flags else []
    if value & _CSIGNAL:
        parts.append(w.signal(value & _CSIGNAL))
    return "|".join(parts) or "0"


def _futex_op(w: Writer, index: int, arg: Arg) -> str:
    value = w.values[index] & 0xFFFFFFFF
    text, _, numbers = enumerator("futex_cmd", value & _FUTEX_CMD_MASK)
    w.found += numbers
    private = value & _FUTEX_PRIVATE
    text += "_PRIVATE" if private else ""
    if w.numbered:
        text += f"({value & ~_FUTEX_CLOCK:#x})"
    return f"{text}|{w.note('FUTEX_CLOCK_REALTIME', _FUTEX_CLOCK)}" if value & _FUTEX_CLOCK else text


def _futex_bitset(w: Writer, index: int, arg: Arg) -> str:
    value = w.values[index] & 0xFFFFFFFF
    return w.enum("futex_bitset", value) if value == 0xFFFFFFFF else hex(value)


def _ioctl_request(w: Writer, index: int, arg: Arg) -> str:
    value = w.values[index] & 0xFFFFFFFF
    found = enumerator("ioctl", value)
    if found[2] or value < 0x10000:
        return w.named(found)
    direction, size = _IOC_DIRECTIONS[value >> 30], value >> 16 & 0x3FFF
    return f"_IOC({direction}, {value >> 8 & 0xFF:#x}, {value & 0xFF:#x}, {size:#x})"


def _ioctl_argument(w: Writer, index: int, arg: Arg) -> str:
    if arg.follows:
        return followed.argument(w, index, arg)
    if arg.struct != "ifreq":
        return KINDS[arg.kind](w, index, arg)
    pieces = [w.readable(index, "struct", at_exit=at_exit) for at_exit in (False, True)]
    before, after = (piece.bytes if piece is not None else None for piece in pieces)
    return ifreq_text(w, w.values[1] & 0xFFFFFFFF, before, after) or _pointer(w, index, arg)


def _path_result(w: Writer, index: int, arg: Arg) -> str:
    """getcwd and readlink give a path, which is printed whole; getcwd counts its NUL."""
    datum = w.readable(index, "payload", at_exit=True)
    if datum is None:
        return _pointer(w, index, arg)
    return escape_bytes(datum.bytes.rstrip(b"\0")) + ("..." if datum.full_bytes > len(datum.bytes) else "")


def _cpu_mask(*, out: bool) -> Printer:
    def text(w: Writer, index: int, arg: Arg) -> str:
        datum = w.readable(index, "payload", at_exit=out)
        if datum is None:
            return _pointer(w, index, arg)
        mask = int.from_bytes(datum.bytes, "little")
        return "[" + " ".join(str(n) for n in range(mask.bit_length()) if mask >> n & 1) + "]"

    return text


def _sched_policy(w: Writer, index: int, arg: Arg) -> str:
    value = w.values[index] & 0xFFFFFFFF
    reset = value & 0x40000000
    kind = enumerator("sched_policy", value & ~0x40000000)
    return w.named(join_named(kind, flag_set("sched_policy", reset)) if reset else kind)


def _ipc_flags(w: Writer, index: int, arg: Arg) -> str:
    value = w.values[index] & 0xFFFFFFFF
    flags = value & ~0o777
    return f"{w.flags('ipc_get', flags)}|{octal(value & 0o777)}" if flags else octal(value & 0o777)


SPECIAL: dict[tuple[str, str], Printer] = {
    **{(name, "protocol"): _protocol for name in ("socket", "socketpair")},
    **{(name, "type"): _socket_type for name in ("socket", "socketpair")},
    **{(name, "optname"): _optname for name in ("getsockopt", "setsockopt")},
    **{(name, "fds"): lambda w, i, a: readiness.poll_fds(w, i) for name in ("poll", "ppoll", "ppoll_time64")},
    **{(name, "tmo_p"): _struct_in for name in ("ppoll", "ppoll_time64")},
    **{(name, "timeout"): _struct_in for name in ("select", "_newselect", "pselect6", "pselect6_time64")},
    **{(name, "sigmask"): lambda w, i, a: readiness.sigset_argpack(w, i) for name in ("pselect6", "pselect6_time64")},
    **{
        (name, "usig"): lambda w, i, a: readiness.sigset_argpack(w, i)
        for name in ("io_pgetevents", "io_pgetevents_time64")
    },
    **{
        (name, "events"): lambda w, i, a: readiness.epoll_events(w, i)
        for name in ("epoll_wait", "epoll_pwait", "epoll_pwait2")
    },
    ("epoll_ctl", "event"): lambda w, i, a: readiness.epoll_event(w, i),
    **{(name, "flags"): _open_flags for name in ("open", "openat", "open_by_handle_at", "fcntl", "fcntl64")},
    ("mq_open", "oflag"): _open_flags,
    ("open", "mode"): _create_mode(1),
    ("openat", "mode"): _create_mode(2),
    ("mq_open", "mode"): _create_mode(1),
    **{(name, "flags"): _map_flags for name in ("mmap", "mmap2")},
    **{(name, "prot"): _zero_prot for name in ("mmap", "mmap2", "mprotect", "pkey_mprotect")},
    ("clone", "flags"): _clone_flags,
    **{(name, "futex_op"): _futex_op for name in ("futex", "futex_time64")},
    **{(name, "val3"): _futex_bitset for name in ("futex", "futex_time64")},
    ("ioctl", "request"): _ioctl_request,
    ("ioctl", "argp"): _ioctl_argument,
    ("getcwd", "buf"): _path_result,
    ("readlink", "buf"): _path_result,
    ("readlinkat", "buf"): _path_result,
    ("sched_getaffinity", "mask"): _cpu_mask(out=True),
    ("sched_setaffinity", "mask"): _cpu_mask(out=False),
    ("sched_setscheduler", "policy"): _sched_policy,
    **dict.fromkeys((("shmget", "shmflg"), ("semget", "semflg"), ("msgget", "msgflg")), _ipc_flags),
    **{(name, "dirp"): leftovers.directory for name in ("getdents", "getdents64")},
    ("nanosleep", "rem"): leftovers.remaining,
    **{(name, "remain"): leftovers.remaining for name in ("clock_nanosleep", "clock_nanosleep_time64")},
    **dict.fromkeys(
        (("io_uring_register", "arg"), ("quotactl", "addr"), ("quotactl_fd", "addr")), _pointer
    ),  # many kinds
    ("recvmmsg", "timeout"): _struct_in,
    ("recvmmsg_time64", "timeout"): _struct_in,
}
