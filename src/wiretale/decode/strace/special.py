"""Arguments of single calls, and calls with an order of their own, in strace's words."""

import re

from wiretale.decode import arguments as shared
from wiretale.decode.sockopt import OPTION_TABLES, SOL_ICMPV6
from wiretale.decode.strace import futex, ioctl, names
from wiretale.decode.strace.arguments import KINDS, Printer, address, path_result, short_string, strace
from wiretale.decode.strace.siginfo import sigevent
from wiretale.decode.strace.stat import device
from wiretale.decode.strace.strings import hex_literal
from wiretale.decode.strace.style import Names
from wiretale.decode.strace.waiting import epoll_event, epoll_events, poll_fds
from wiretale.decode.struct_text import device_text, mode_text, octal, struct_text
from wiretale.decode.structs import struct_size
from wiretale.decode.syscalls.spec import Arg
from wiretale.decode.writer import Writer, signed32
from wiretale.light import later

TYPE_CHECKING = False  # see light.py
if TYPE_CHECKING:
    from wiretale.decode.strace import directory, filters, rings
else:
    filters = later("wiretale.decode.strace.filters")
    directory, rings = later("wiretale.decode.strace.directory"), later("wiretale.decode.strace.rings")

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


def _pair(w: Writer, index: int, arg: Arg) -> str:
    """Two new descriptors."""
    datum = w.readable(index, "array", at_exit=True) if w.succeeded and not strace(w).terse else None
    if datum is None or len(datum.bytes) < 8:
        return address(w, index)
    numbers = (int.from_bytes(datum.bytes[at : at + 4], "little", signed=True) for at in (0, 4))
    return f"[{', '.join(map(w.fd, numbers))}]"


def _random(w: Writer, index: int, arg: Arg) -> str:
    datum = w.readable(index, "payload", at_exit=True)
    if datum is None:
        return shared.KINDS[arg.kind](w, index, arg)
    shown = datum.bytes[: w.limit]
    return hex_literal(shown) + ("..." if datum.full_bytes > len(shown) else "")


_SIGSET_BYTES = 8
_LONGEST_HOST_NAME = 64  # __NEW_UTS_LEN of linux/utsname.h
_SO_ATTACH_FILTER = 26
_POSITIONED = ("preadv", "pwritev", "preadv2", "pwritev2")
_SOCK_TYPE_MASK, _AF_INET, _AF_INET6, _AF_NETLINK, _AF_PACKET = 0xF, 2, 10, 16, 17
_MAP_TYPE, _MAP_HUGE_SHIFT, _HUGE_MASK = 0xF, 26, 0x3F


def _socket_type(w: Writer, index: int, arg: Arg) -> str:
    value = w.values[index] & 0xFFFFFFFF
    kind, extra = value & _SOCK_TYPE_MASK, value & ~_SOCK_TYPE_MASK
    if names.known("socket_kind", kind, w.arch) or (kind and not extra):
        name = w.enum("socket_kind", kind)
        return f"{name}|{w.flags('socket_flags', extra)}" if extra else name
    return w.flags("socket_flags", value)


def _option(w: Writer, index: int, arg: Arg) -> str:
    """The option; as a number it has no sign. Of a level without names it is decimal whatever the style."""
    level = signed32(w.values[1])
    if level == SOL_ICMPV6 or level not in OPTION_TABLES:
        return str(w.values[index] & 0xFFFFFFFF)
    if strace(w).style.names is Names.RAW:
        return names.number(w.values[index] & 0xFFFFFFFF)
    return shared.SPECIAL["setsockopt", "optname"](w, index, arg)


def _asked_option(w: Writer, index: int, arg: Arg) -> str:
    """SO_ATTACH_FILTER has another name where it is asked for."""
    if signed32(w.values[1]) == 1 and signed32(w.values[index]) == _SO_ATTACH_FILTER:
        return w.note("SO_GET_FILTER", _SO_ATTACH_FILTER)
    return _option(w, index, arg)


def _protocol(w: Writer, index: int, arg: Arg) -> str:
    family, value = signed32(w.values[0]), w.values[index] & 0xFFFFFFFF
    known = {_AF_INET: "ip_protocol", _AF_INET6: "ip_protocol", _AF_NETLINK: "netlink_protocol"}.get(family)
    if known:
        return w.enum(known, value)
    if family == _AF_PACKET:
        return f"htons({w.enum('ethertype', (value & 0xFF) << 8 | value >> 8 & 0xFF)})"
    return str(value)


def _map_flags(w: Writer, index: int, arg: Arg) -> str:
    value, style = w.values[index] & 0xFFFFFFFF, strace(w).style.names
    if style is Names.RAW:
        return names.number(value)
    huge = value >> _MAP_HUGE_SHIFT & _HUGE_MASK
    rest = value & ~_MAP_TYPE & ~(huge << _MAP_HUGE_SHIFT)
    parts = [names.one("mmap_type", value & _MAP_TYPE, w.arch, Names.ABBREV)]
    parts += [names.several("mmap_flags", rest, w.arch, Names.ABBREV)] if rest else []
    text = "|".join([*parts, *([f"{huge}<<MAP_HUGE_SHIFT"] if huge else [])])
    return f"{names.number(value)} /* {text} */" if style is Names.VERBOSE else text


def _seccomp_flags(w: Writer, index: int, arg: Arg) -> str:
    value = w.values[index] & 0xFFFFFFFF
    return w.flags(arg.constants, value) if w.values[0] & 0xFFFFFFFF == 1 else hex(value) if value else "0"


def _seccomp_program(w: Writer, index: int, arg: Arg) -> str:
    """The filter of the operation that installs one."""
    if w.values[0] & 0xFFFFFFFF != 1:
        return shared.KINDS[arg.kind](w, index, arg)
    datum = None if strace(w).terse else w.datum(index, "struct", at_exit=False)
    whole = datum is not None and len(datum.bytes) >= datum.full_bytes
    return filters.program_of(strace(w), index, datum.bytes, seccomp=True) if whole and datum else address(w, index)


def _open_flags(w: Writer, index: int, arg: Arg) -> str:
    return strace(w).styled_open_flags(w.values[index] & 0xFFFFFFFF)


_SET_SIZES = {  # which argument says how long the set is
    "rt_sigprocmask": 3, "rt_sigsuspend": 1, "rt_sigtimedwait": 3, "rt_sigtimedwait_time64": 3, "io_uring_enter": 5,
}  # fmt: skip


def _signal_set(size: str) -> Printer:
    """A set of signals is read only if its size is the kernel's."""

    def text(w: Writer, index: int, arg: Arg) -> str:
        place = _SET_SIZES[size]
        fits = w.unsigned(w.values[place]) == _SIGSET_BYTES
        return shared.KINDS[arg.kind](w, index, arg) if fits else address(w, index)

    return text


def _pending(w: Writer, index: int, arg: Arg) -> str:
    """As many bytes of the set as there is room for."""
    size = w.unsigned(w.values[1])
    datum = w.datum(index, "struct", at_exit=True) if w.succeeded and not strace(w).terse else None
    if datum is None or not 0 < size <= min(_SIGSET_BYTES, len(datum.bytes)):
        return address(w, index)
    return w.signal_set(int.from_bytes(datum.bytes[:size], "little"))


def _host_name(w: Writer, index: int, arg: Arg) -> str:
    """More than a name can have is not looked at."""
    too_long = w.values[arg.length] & 0xFFFFFFFF > _LONGEST_HOST_NAME
    return address(w, index) if too_long else KINDS[arg.kind](w, index, arg)


def _numbered_device(w: Writer, index: int, arg: Arg) -> str:
    return device(strace(w), w.values[index] & 0xFFFFFFFF)


def _offset(w: Writer, index: int, arg: Arg) -> str:
    """The kernel takes the low half of a 64-bit offset only on 32-bit machines; the high one is not printed."""
    value = w.values[index] & 0xFFFFFFFFFFFFFFFF
    return str(value - (1 << 64) if value >> 63 else value)


def _joined(high: int, low: int) -> int:
    """A 64-bit offset in two registers of a 32-bit program."""
    value = (high & 0xFFFFFFFF) << 32 | low & 0xFFFFFFFF
    return value - (1 << 64) if value >> 63 else value


def _given_time(w: Writer, index: int, arg: Arg) -> str:
    """The timeout of recvmmsg is shown as it was given, whatever became of the call."""
    datum = None if strace(w).terse else w.datum(index, "struct", at_exit=False)
    whole = datum is not None and len(datum.bytes) >= struct_size(arg.struct, w.arch)
    return struct_text(w, arg.struct, datum.bytes) if whole and datum is not None else address(w, index)


def _statx_flags(w: Writer, index: int, arg: Arg) -> str:
    """The two bits of synchronisation are a number, whose 0 has a name."""
    value = w.values[index] & 0xFFFFFFFF
    text = w.flags("at_statx", value)
    if value & _STATX_SYNC:
        return text
    waits = w.note("AT_STATX_SYNC_AS_STAT", 0)
    return f"{waits}|{text}" if value else waits


def _ring_parameters(w: Writer, index: int, arg: Arg) -> str:
    return rings.setup(w, index, arg)


def _registered(w: Writer, index: int, arg: Arg) -> str:
    return rings.registered(w, index, arg)


def _directory(w: Writer, index: int, arg: Arg) -> str:
    return directory.entries(w, index, arg)


def _filled(w: Writer, index: int, arg: Arg) -> str:
    """A structure that goes in and out: only what came out is shown."""
    datum = w.readable(index, "struct", at_exit=True)
    whole = datum is not None and len(datum.bytes) >= datum.full_bytes
    return struct_text(w, arg.struct, datum.bytes) if whole and datum is not None else address(w, index)


_SHORT_STRINGS = (
    ("delete_module", "name"), ("finit_module", "param_values"),
    ("init_module", "param_values"), ("fsopen", "fsname"),
)  # fmt: skip
_MREMAP_PLACED = 2 | 4  # MREMAP_FIXED, MREMAP_DONTUNMAP


def _file_mode(w: Writer, index: int, arg: Arg) -> str:
    """A mode with its type, if there is such a type of file."""
    mode, style = w.values[index] & 0xFFFF, strace(w).style.names
    if style is Names.RAW or not names.known("mode_type", mode & 0o170000, w.arch):
        return octal(mode)
    if style is Names.ABBREV:
        return mode_text(w, mode)
    kind = names.one("mode_type", mode & 0o170000, w.arch, Names.ABBREV)
    return f"{octal(mode)} /* {kind}|{octal(mode & 0o7777)} */"


def _new_address(w: Writer, index: int, arg: Arg) -> str:
    """Where to, if the flags say that the place is given."""
    return address(w, index) if w.values[3] & _MREMAP_PLACED else ""


def _unsigned_offset(w: Writer, index: int, arg: Arg) -> str:
    text = shared.KINDS[arg.kind](w, index, arg)
    return re.sub(r"-\d+", lambda m: str(int(m[0]) % (1 << 8 * w.word)), text)


def _device(w: Writer, index: int, arg: Arg) -> str:
    """Only a special file has a device."""
    mode, number = w.values[index - 1] & 0o170000, w.values[index] & 0xFFFFFFFF
    return w.note(device_text(number), number) if mode in (0o020000, 0o060000) else ""


def _plain_open_flags(w: Writer, index: int, arg: Arg) -> str:
    """The two flags that the call knows (delete_module(2))."""
    return _chosen(w, w.values[index] & 0xFFFFFFFF, {0o4000: "O_NONBLOCK", 0o1000: "O_TRUNC"})


def _close_on_exec(w: Writer, index: int, arg: Arg) -> str:
    value = w.values[index] & 0xFFFFFFFF
    return _chosen(w, value, {0o2000000: "O_CLOEXEC"}, unknown="") if value else "0"


def _chosen(w: Writer, value: int, known: dict[int, str], *, unknown: str = "O_???") -> str:
    shown = [name for bit, name in known.items() if value & bit]
    rest = value & ~sum(known)
    if not shown:
        return hex(rest) + (f" /* {unknown} */" if unknown else "") if rest else "0"
    return "|".join([*shown, *([hex(rest)] if rest else [])])


def _policy(w: Writer, index: int, arg: Arg) -> str:
    value = w.values[index] & 0xFFFFFFFF
    reset = value & 0x40000000
    text = w.enum("sched_policy", value & ~0x40000000)
    return f"{text}|SCHED_RESET_ON_FORK" if reset else text


def _of_child(w: Writer, index: int, arg: Arg) -> str:
    """wait4 that found nobody has filled nothing in."""
    return shared.KINDS[arg.kind](w, index, arg) if w.call.retval else address(w, index)


def _waited(w: Writer, index: int, arg: Arg) -> str:
    """What waitid waits for: a process, a descriptor of one, or the number of a group."""
    kind, number = w.values[0] & 0xFFFFFFFF, signed32(w.values[index])
    if kind == _P_PIDFD:
        return w.fd(number)
    return strace(w).pid(number) if kind == _P_PID else str(number)


def _target(w: Writer, index: int, arg: Arg) -> str:
    """What pidfd_getfd takes, a descriptor of the other process."""
    number = signed32(w.values[index])
    return str(number) if w.label is None or number < 0 else w.fd(number | ELSEWHERE)


def _left(w: Writer, index: int, arg: Arg) -> str:
    """Of a sleep until a time nothing is left."""
    absolute = w.values[1] & 1
    return address(w, index) if absolute else shared.SPECIAL["clock_nanosleep", "remain"](w, index, arg)


ELSEWHERE = 1 << 32  # of a descriptor's number: it is one of another process
_P_PID, _P_PIDFD = 1, 3  # linux/wait.h
_STATX_SYNC = 0x6000  # linux/fcntl.h: AT_STATX_SYNC_TYPE


SPECIAL: dict[tuple[str, str], Printer] = {
    **shared.SPECIAL,
    **{(name, "wstatus"): _of_child for name in ("wait4", "waitpid")},
    ("wait4", "rusage"): _of_child,
    ("waitid", "id"): _waited,
    ("pidfd_getfd", "targetfd"): _target,
    ("getrandom", "buf"): _random,
    **{(name, "pipefd"): _pair for name in ("pipe", "pipe2")},
    ("socketpair", "sv"): _pair,
    ("getcwd", "buf"): path_result,
}
for _key in (("readlink", "buf"), ("readlinkat", "buf"), ("pkey_mprotect", "prot")):
    del SPECIAL[_key]

SPECIAL |= {
    **futex.ARGUMENTS,
    **ioctl.ARGUMENTS,
    ("getsockopt", "optname"): _asked_option,
    ("setsockopt", "optname"): _option,
    **{(name, "type"): _socket_type for name in ("socket", "socketpair")},
    **{(name, "protocol"): _protocol for name in ("socket", "socketpair")},
    **{(name, "flags"): _map_flags for name in ("mmap", "mmap2", "remap_file_pages")},
    ("faccessat2", "flags"): lambda w, i, a: w.flags("at_eaccess", w.values[i] & 0xFFFFFFFF),
    ("statx", "flags"): _statx_flags,
    **{key: _open_flags for key in shared.SPECIAL if key[1] in ("flags", "oflag") and "open" in key[0]},
    **{(name, "flags"): _open_flags for name in ("fcntl", "fcntl64")},
    ("seccomp", "flags"): _seccomp_flags,
    ("seccomp", "args"): _seccomp_program,
    ("rt_sigpending", "set"): _pending,
    **{(name, "name"): _host_name for name in ("sethostname", "setdomainname")},
    ("ustat", "dev"): _numbered_device,
    ("_llseek", "offset_high"): lambda w, i, a: str(_joined(w.values[i], w.values[i + 1])),
    ("_llseek", "offset_low"): lambda w, i, a: "",
    **{(name, "pos_l"): _offset for name in _POSITIONED},
    **{(name, "pos_h"): lambda w, i, a: "" for name in _POSITIONED},
    **{(name, "timeout"): _given_time for name in ("recvmmsg", "recvmmsg_time64")},
    **{(name, "fds"): poll_fds for name in ("poll", "ppoll", "ppoll_time64")},
    **{("rt_sigprocmask", name): _signal_set("rt_sigprocmask") for name in ("set", "oldset")},
    ("rt_sigsuspend", "mask"): _signal_set("rt_sigsuspend"),
    ("io_uring_enter", "argp"): _signal_set("io_uring_enter"),
    ("io_uring_setup", "params"): _ring_parameters,
    ("io_uring_register", "arg"): _registered,
    **{(name, "dirp"): _directory for name in ("getdents", "getdents64")},
    **{(name, "buf"): _filled for name in ("adjtimex", "clock_adjtime", "clock_adjtime64")},
    **dict.fromkeys(_SHORT_STRINGS, short_string),
    **{(name, "mode"): _file_mode for name in ("mknod", "mknodat")},
    ("mount_setattr", "flags"): lambda w, i, a: w.flags("mount_setattr", w.values[i] & 0xFFFFFFFF),
    ("sendfile", "offset"): _unsigned_offset,
    ("mremap", "new_address"): _new_address,
    **{(name, "dev"): _device for name in ("mknod", "mknodat")},
    ("delete_module", "flags"): _plain_open_flags,
    ("memfd_secret", "flags"): _close_on_exec,
    **{(name, "set"): _signal_set(name) for name in ("rt_sigtimedwait", "rt_sigtimedwait_time64")},
    **{(name, "remain"): _left for name in ("clock_nanosleep", "clock_nanosleep_time64")},
    **{(name, "count"): lambda w, i, a: str(w.values[i] & 0xFFFFFFFF) for name in ("getdents", "getdents64")},
    **{(name, "sevp"): sigevent for name in ("timer_create", "mq_notify")},
    ("membarrier", "cpu_id"): lambda w, i, a: "",
    ("epoll_ctl", "event"): lambda w, i, a: epoll_event(w, i),
    **{(name, "events"): lambda w, i, a: epoll_events(w, i) for name in ("epoll_wait", "epoll_pwait", "epoll_pwait2")},
    **{(name, "policy"): _policy for name in ("sched_setscheduler",)},
}
