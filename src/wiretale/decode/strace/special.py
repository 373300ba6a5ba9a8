"""Arguments of single calls, structures, and calls with an order of their own, in strace's words."""

from collections.abc import Callable

from wiretale.decode import arguments as shared
from wiretale.decode.escape import escape_bytes
from wiretale.decode.signals import decode_siginfo, signal_set
from wiretale.decode.strace import names
from wiretale.decode.strace.arguments import Printer, address, path_result, strace
from wiretale.decode.strace.strings import hex_literal
from wiretale.decode.strace.style import Names
from wiretale.decode.struct_text import field_text, mode_text, struct_text
from wiretale.decode.structs import integers, struct_size, unpack
from wiretale.decode.syscalls.spec import Arg, Kind
from wiretale.decode.writer import Writer, signed32

StructPrinter = Callable[[Writer, str, bytes], str]

_CLONE_PARENT_SETTID, _CLONE_SETTLS, _CLONE_PIDFD = 0x100000, 0x80000, 0x1000
_CLONE_CHILD_TID = 0x1000000 | 0x200000  # CLONE_CHILD_SETTID, CLONE_CHILD_CLEARTID


def _clone(w: Writer, args: tuple[Arg, ...], at_exit: bool) -> str:
    place = {a.name: i for i, a in enumerate(args)}
    flags = w.unsigned(w.values[place["flags"]])
    pointers = [
        ("parent_tid", flags & (_CLONE_PARENT_SETTID | _CLONE_PIDFD)),
        ("tls", flags & _CLONE_SETTLS),
        ("child_tid", flags & _CLONE_CHILD_TID),
    ]
    if not at_exit:
        text = shared.SPECIAL["clone", "flags"](w, place["flags"], args[place["flags"]])
        return f"child_stack={address(w, place['child_stack'])}, flags={text}"
    shown = []
    for name, used in pointers:
        if not used:
            continue
        label = "child_tidptr" if name == "child_tid" else name
        text = address(w, place[name])
        shown.append(f", {label}={text}")
    return "".join(shown)


def _sigreturn(w: Writer, args: tuple[Arg, ...], at_exit: bool) -> str:
    """The mask that comes back into force, read from the frame on the stack."""
    frame = None if at_exit else w.readable(0, "struct", at_exit=False)
    return (
        "" if frame is None or len(frame.bytes) < 8 else f"{{mask={signal_set(int.from_bytes(frame.bytes, 'little'))}}}"
    )


_CLONE_FIELDS = (  # of struct clone_args; the flags that make an optional one meaningful
    ("flags", -1), ("pidfd", 0x1000), ("child_tid", _CLONE_CHILD_TID), ("parent_tid", _CLONE_PARENT_SETTID),
    ("exit_signal", -1), ("stack", -1), ("stack_size", -1), ("tls", _CLONE_SETTLS),
)  # fmt: skip


def _clone3(w: Writer, args: tuple[Arg, ...], at_exit: bool) -> str:
    datum = w.readable(0, "struct", at_exit=False)
    size = w.unsigned(w.values[1])
    values = integers("clone_args", w.arch, datum.bytes) if datum is not None else {}
    if "tls" not in values:
        return f", {size}" if at_exit else address(w, 0)
    flags = values["flags"]
    if at_exit:
        born = w.succeeded and flags & _CLONE_PARENT_SETTID
        return (f" => {{parent_tid=[{w.call.retval}]}}" if born else "") + f", {size}"
    shown = []
    for name, used in _CLONE_FIELDS:
        value = values[name]
        if used != -1 and not flags & used:
            continue
        if name == "flags":
            shown.append(f"flags={w.flags('clone', value)}")
        elif name == "exit_signal":
            shown.append(f"exit_signal={w.signal(value) if value else 0}")
        else:
            shown.append(f"{name}={hex(value) if value else '0' if name == 'stack_size' else 'NULL'}")
    return "{" + ", ".join(shown) + "}"


REWRITES: dict[str, Callable[[Writer, tuple[Arg, ...], bool], str]] = {
    "clone": _clone,
    "clone3": _clone3,
    "rt_sigreturn": _sigreturn,
}

# How many arguments are printed at the entry, where that is not "up to the first that the kernel fills in".
ENTRY_ARGUMENTS: dict[str, int] = {
    "poll": 3,
    "ppoll": 5,
    "ppoll_time64": 5,
    "select": 5,
    "_newselect": 5,
    "pselect6": 6,
    "pselect6_time64": 6,
    "epoll_ctl": 4,
    "sendmmsg": 1,
    "exit_group": 1,
    "exit": 1,
    "rt_sigreturn": 0,
}


# An interrupted sleep says how much of it was left.
FILLED_ON_ERROR = frozenset({"nanosleep", "clock_nanosleep", "clock_nanosleep_time64"})


def _random(w: Writer, index: int, arg: Arg) -> str:
    datum = w.readable(index, "payload", at_exit=True)
    if datum is None:
        return shared.KINDS[arg.kind](w, index, arg)
    shown = datum.bytes[: w.limit]
    return hex_literal(shown) + ("..." if datum.full_bytes > len(shown) else "")


_EPOLL_CTL_DEL = 2
_POLLFD_BYTES, _SIGSET_BYTES = 8, 8
_POSITIONED = ("preadv", "pwritev", "preadv2", "pwritev2")
_SOCK_TYPE_MASK, _AF_INET, _AF_INET6, _AF_NETLINK, _AF_PACKET = 0xF, 2, 10, 16, 17
_MAP_TYPE, _MAP_HUGE_SHIFT, _MAP_HUGETLB, _HUGE_MASK = 0xF, 26, 0x40000, 0x3F
_FUTEX_COMMANDS, _FUTEX_MODIFIERS = 14, 0x180
_FUTEX_BITSETS = frozenset({9, 10})  # FUTEX_WAIT_BITSET, FUTEX_WAKE_BITSET


def _socket_type(w: Writer, index: int, arg: Arg) -> str:
    value = w.values[index] & 0xFFFFFFFF
    kind, extra = value & _SOCK_TYPE_MASK, value & ~_SOCK_TYPE_MASK
    name = w.enum("socket_kind", kind)
    if name.startswith("SOCK_") or not extra:
        return f"{name}|{w.flags('socket_flags', extra)}" if extra else name
    return w.flags("socket_flags", value)


def _protocol(w: Writer, index: int, arg: Arg) -> str:
    family, value = signed32(w.values[0]), w.values[index] & 0xFFFFFFFF
    known = {_AF_INET: "ip_protocol", _AF_INET6: "ip_protocol", _AF_NETLINK: "netlink_protocol"}.get(family)
    if known:
        return w.enum(known, value)
    if family == _AF_PACKET and 0 < value <= 0xFFFF:
        return f"htons({w.enum('ethertype', (value & 0xFF) << 8 | value >> 8)})"
    return str(value)


def _map_flags(w: Writer, index: int, arg: Arg) -> str:
    value = w.values[index] & 0xFFFFFFFF
    huge = value >> _MAP_HUGE_SHIFT & _HUGE_MASK if value & _MAP_HUGETLB else 0
    rest = value & ~_MAP_TYPE & ~(huge << _MAP_HUGE_SHIFT)
    parts = [w.enum("mmap_type", value & _MAP_TYPE)]
    parts += [w.flags("mmap_flags", rest)] if rest else []
    parts += [f"{huge}<<MAP_HUGE_SHIFT"] if huge else []
    return "|".join(parts)


def _seccomp_flags(w: Writer, index: int, arg: Arg) -> str:
    value = w.values[index] & 0xFFFFFFFF
    return w.flags(arg.constants, value) if w.values[0] & 0xFFFFFFFF == 1 else hex(value) if value else "0"


def _ioctl_request(w: Writer, index: int, arg: Arg) -> str:
    value = w.values[index] & 0xFFFFFFFF
    name = w.enum("ioctl", value)
    if not name.startswith("0"):
        return name
    direction = ("_IOC_NONE", "_IOC_WRITE", "_IOC_READ", "_IOC_READ|_IOC_WRITE")[value >> 30]
    return f"_IOC({direction}, {value >> 8 & 0xFF:#x}, {value & 0xFF:#x}, {value >> 16 & 0x3FFF or 0:#x})".replace(
        " 0x0)", " 0)"
    )


def _ioctl_argument(w: Writer, index: int, arg: Arg) -> str:
    """Of a request that nobody knows it is a number."""
    if arg.kind is Kind.POINTER and w.enum("ioctl", w.values[1] & 0xFFFFFFFF).startswith("0"):
        return names.number(w.unsigned(w.values[index]))
    return shared.SPECIAL["ioctl", "argp"](w, index, arg)


def _futex_op(w: Writer, index: int, arg: Arg) -> str:
    value = w.values[index] & 0xFFFFFFFF
    if value & ~_FUTEX_MODIFIERS >= _FUTEX_COMMANDS:
        return f"{value:#x} /* FUTEX_??? */"
    return shared.SPECIAL["futex", "futex_op"](w, index, arg)


def _futex_second(w: Writer, index: int, arg: Arg) -> str:
    """The waits and wakes by bit set do not look at it."""
    ignored = w.values[1] & 0xFFFFFFFF & ~_FUTEX_MODIFIERS in _FUTEX_BITSETS
    return "" if ignored else shared.KINDS[arg.kind](w, index, arg)


def _sigevent(w: Writer, name: str, data: bytes) -> str:
    """The value is shown where it is not 0."""
    shown = [
        f"{f.name}={field_text(w, f, v)}" for f, v in unpack(name, w.arch, data)[:3] if f.name != "sigev_value" or v
    ]
    return "{" + ", ".join(shown) + "}"


def _epoll_text(w: Writer, data: bytes) -> str:
    events, value = int.from_bytes(data[:4], "little"), int.from_bytes(data[-8:], "little")
    return f"{{events={w.flags('epoll', events)}, data={{u32={value & 0xFFFFFFFF}, u64={value}}}}}"


def _epoll_event(w: Writer, index: int) -> str:
    """EPOLL_CTL_DEL does not look at it."""
    deletes = w.values[1] & 0xFFFFFFFF == _EPOLL_CTL_DEL
    datum = None if deletes else w.readable(index, "struct", at_exit=False)
    return address(w, index) if datum is None or len(datum.bytes) < datum.full_bytes else _epoll_text(w, datum.bytes)


def _epoll_events(w: Writer, index: int) -> str:
    datum = w.readable(index, "array", at_exit=True)
    if datum is None:
        return "[]" if w.succeeded and w.call.retval == 0 else address(w, index)
    size = struct_size("epoll_event", w.arch)
    count = len(datum.bytes) // size
    shown = [_epoll_text(w, datum.bytes[i * size : (i + 1) * size]) for i in range(min(count, w.limit))]
    return f"[{', '.join(shown)}{', ...' if count > len(shown) else ''}]"


def _open_flags(w: Writer, index: int, arg: Arg) -> str:
    """The access mode is a number, the rest are bits; in every style they are printed as one."""
    value = w.values[index] & 0xFFFFFFFF
    style = strace(w).style.names
    if style is Names.RAW:
        return names.number(value)
    parts = [names.one("open_access", value & 3, w.arch, Names.ABBREV)]
    parts += [names.several("open_flags", value & ~3, w.arch, Names.ABBREV)] if value & ~3 else []
    text = "|".join(parts)
    return f"{names.number(value)} /* {text} */" if style is Names.VERBOSE else text


def _poll_fds(w: Writer, index: int, arg: Arg) -> str:
    """What is polled for; strace says where the memory ends, and stops at -s elements."""
    datum = w.readable(index, "array", at_exit=False)
    count = w.values[1] & 0xFFFFFFFF
    start = w.unsigned(w.values[index])
    if datum is None or len(datum.bytes) < _POLLFD_BYTES:
        return "[]" if not count and start else address(w, index)
    limit = w.limit if strace(w).brief else count
    shown: list[str] = []
    for at in range(0, len(datum.bytes) - _POLLFD_BYTES + 1, _POLLFD_BYTES):
        if len(shown) == limit:
            break
        fd, events = int.from_bytes(datum.bytes[at : at + 4], "little", signed=True), datum.bytes[at + 4 : at + 6]
        what = f", events={w.flags('poll', int.from_bytes(events, 'little'))}" if fd >= 0 else ""
        shown.append(f"{{fd={w.fd(fd)}{what}}}")
    if len(shown) < count:
        cut = len(shown) == limit
        shown.append("..." if cut else f"... /* {start + len(shown) * _POLLFD_BYTES:#x} */")
    return f"[{', '.join(shown)}]"


def _signal_set(size: str) -> Printer:
    """A set of signals is read only if its size is the kernel's."""

    def text(w: Writer, index: int, arg: Arg) -> str:
        place = {"rt_sigprocmask": 3, "rt_sigsuspend": 1, "rt_sigtimedwait": 3, "rt_sigtimedwait_time64": 3}[size]
        fits = w.unsigned(w.values[place]) == _SIGSET_BYTES
        return shared.KINDS[arg.kind](w, index, arg) if fits else address(w, index)

    return text


def _offset(w: Writer, index: int, arg: Arg) -> str:
    """The kernel takes the low half of a 64-bit offset only on 32-bit machines; the high one is not printed."""
    value = w.values[index] & 0xFFFFFFFFFFFFFFFF
    return str(value - (1 << 64) if value >> 63 else value)


def _given_time(w: Writer, index: int, arg: Arg) -> str:
    """The timeout of recvmmsg is shown as it was given, whatever became of the call."""
    datum = w.datum(index, "struct", at_exit=False)
    whole = datum is not None and len(datum.bytes) >= struct_size(arg.struct, w.arch)
    return struct_text(w, arg.struct, datum.bytes) if whole and datum is not None else address(w, index)


def _statx_flags(w: Writer, index: int, arg: Arg) -> str:
    """The two bits of synchronisation are a number, whose 0 has a name."""
    value = w.values[index] & 0xFFFFFFFF
    text = w.flags("at_statx", value)
    if value & _STATX_SYNC:
        return text
    return f"AT_STATX_SYNC_AS_STAT|{text}" if value else "AT_STATX_SYNC_AS_STAT"


def _statx(w: Writer, name: str, data: bytes) -> str:
    values = integers(name, w.arch, data)
    if "stx_size" not in values:
        return "{...}"
    mask = w.flags("statx_mask", values["stx_mask"])
    attributes = w.flags("statx_attributes", values["stx_attributes"])
    mode = mode_text(w, values["stx_mode"])
    return f"{{stx_mask={mask}, stx_attributes={attributes}, stx_mode={mode}, stx_size={values['stx_size']}, ...}}"


def _policy(w: Writer, index: int, arg: Arg) -> str:
    value = w.values[index] & 0xFFFFFFFF
    reset = value & 0x40000000
    text = w.enum("sched_policy", value & ~0x40000000)
    return f"{text}|SCHED_RESET_ON_FORK" if reset else text


def _utsname(w: Writer, name: str, data: bytes) -> str:
    fields = unpack(name, w.arch, data)
    shown = fields[:2] if getattr(w, "brief", True) else fields
    text = ", ".join(f"{f.name}={_name(v)}" for f, v in shown)
    return f"{{{text}, ...}}" if len(shown) < len(fields) else f"{{{text}}}"


def _name(value: object) -> str:
    return escape_bytes(value.split(b"\0", 1)[0]) if isinstance(value, bytes) else str(value)


def _time(w: Writer, name: str, data: bytes) -> str:
    """What is behind the seconds is printed unsigned."""
    (_, seconds), (field, part) = unpack(name, w.arch, data)
    assert isinstance(part, int)
    return f"{{tv_sec={seconds!r}, {field.name}={part & ((1 << 8 * field.size) - 1)}}}"


def _left(w: Writer, index: int, arg: Arg) -> str:
    """Of a sleep until a time nothing is left."""
    absolute = w.values[1] & 1
    return address(w, index) if absolute else shared.SPECIAL["clock_nanosleep", "remain"](w, index, arg)


_STATX_SYNC = 0x6000  # linux/fcntl.h: AT_STATX_SYNC_TYPE
_CLOCK_TICKS = 100  # USER_HZ of linux/param.h


def siginfo_text(data: bytes, arch: int) -> str:
    """As `decode/signals.py`, with times that are not zero in seconds as well."""
    shown = []
    for name, text in decode_siginfo(data, arch).fields:
        is_time = name in ("si_utime", "si_stime") and text != "0"
        shown.append(f"{name}={text}" + (f" /* {int(text) / _CLOCK_TICKS:g} s */" if is_time else ""))
    return "{" + ", ".join(shown) + "}"


SPECIAL: dict[tuple[str, str], Printer] = {
    **shared.SPECIAL,
    ("getrandom", "buf"): _random,
    ("getcwd", "buf"): path_result,
}
for _call in ("readlink", "readlinkat"):
    del SPECIAL[_call, "buf"]

SPECIAL |= {
    ("ioctl", "argp"): _ioctl_argument,
    **{(name, "type"): _socket_type for name in ("socket", "socketpair")},
    **{(name, "protocol"): _protocol for name in ("socket", "socketpair")},
    **{(name, "flags"): _map_flags for name in ("mmap", "mmap2")},
    ("faccessat2", "flags"): lambda w, i, a: w.flags("at_eaccess", w.values[i] & 0xFFFFFFFF),
    ("statx", "flags"): _statx_flags,
    **{key: _open_flags for key in shared.SPECIAL if key[1] in ("flags", "oflag") and "open" in key[0]},
    **{(name, "flags"): _open_flags for name in ("fcntl", "fcntl64")},
    ("seccomp", "flags"): _seccomp_flags,
    **{(name, "pos_l"): _offset for name in _POSITIONED},
    **{(name, "pos_h"): lambda w, i, a: "" for name in _POSITIONED},
    **{(name, "timeout"): _given_time for name in ("recvmmsg", "recvmmsg_time64")},
    **{(name, "fds"): _poll_fds for name in ("poll", "ppoll", "ppoll_time64")},
    **{("rt_sigprocmask", name): _signal_set("rt_sigprocmask") for name in ("set", "oldset")},
    ("rt_sigsuspend", "mask"): _signal_set("rt_sigsuspend"),
    **{(name, "set"): _signal_set(name) for name in ("rt_sigtimedwait", "rt_sigtimedwait_time64")},
    **{(name, "remain"): _left for name in ("clock_nanosleep", "clock_nanosleep_time64")},
    **{(name, "uaddr2"): _futex_second for name in ("futex", "futex_time64")},
    ("membarrier", "cpu_id"): lambda w, i, a: "",
    ("ioctl", "request"): _ioctl_request,
    **{(name, "futex_op"): _futex_op for name in ("futex", "futex_time64")},
    ("epoll_ctl", "event"): lambda w, i, a: _epoll_event(w, i),
    **{(name, "events"): lambda w, i, a: _epoll_events(w, i) for name in ("epoll_wait", "epoll_pwait", "epoll_pwait2")},
    **{(name, "policy"): _policy for name in ("sched_setscheduler",)},
}
STRUCTS: dict[str, StructPrinter] = {
    **dict.fromkeys(("timespec", "timespec64", "timeval", "timeval64"), _time),
    "utsname": _utsname,
    "statx": _statx,
    "sigevent": _sigevent,
    "siginfo": lambda w, name, data: siginfo_text(data, w.arch),
}
