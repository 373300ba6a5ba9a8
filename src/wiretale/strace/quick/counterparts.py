"""Which function in C prints what a printer of `decode` prints. One that is not named here is Python's."""

from wiretale.decode import arguments as shared
from wiretale.decode import leftovers, struct_text
from wiretale.decode.strace import (
    arguments,
    attributes,
    futex,
    ioctl,
    prctl,
    processor,
    results,
    rewrites,
    scheduling,
    special,
    stat,
    structures,
    waiting,
)
from wiretale.decode.syscalls.spec import Kind

_K, _S = arguments.KINDS, special.SPECIAL
# Printer -> the name of its counterpart in ARGUMENT_KINDS (part_tables.h).
ARGUMENTS: dict[object, str] = {
    shared._int: "int", shared._uint: "uint", shared._long: "long", shared._ulong: "ulong", shared._offset: "long",
    special._offset: "long", arguments._hex: "hex", arguments._octal: "octal", arguments._uid: "uid",
    shared._octal: "octal", shared._hex: "hex", shared._uid: "uid",
    shared._signal: "signal", shared._fd: "fd", arguments._pid: "int", shared._dirfd: "dirfd",
    arguments._enum: "enum", shared._flags: "flags", shared._wide_enum: "wide_enum", shared._wide_flags: "wide_flags",
    shared._pointer: "pointer", arguments._string: "string", arguments.short_string: "short_string",
    arguments._strings: "strings", arguments._environment: "environment",
    arguments._buffer_in: "buffer_in", arguments._buffer_out: "buffer_out", special._random: "random",
    arguments._sockaddr_in: "sockaddr_in", arguments._sockaddr_out: "sockaddr_out", arguments._socklen: "socklen",
    arguments._struct_in: "struct_in", arguments._struct_out: "struct_out",
    shared._struct_in: "struct_in_cut", shared._struct_out: "struct_out_cut",
    attributes._returned: "attribute",
    shared._struct_inout: "struct_inout", special._unsigned_offset: "struct_inout",
    shared._array_in: "array_in", shared._array_out: "array_out", special._pair: "array_out",
    arguments._fd_set: "fdset",
    _K[Kind.IOVEC_IN]: "iovec_in", _K[Kind.IOVEC_OUT]: "iovec_out",
    _K[Kind.MSGHDR_IN]: "message_in", _K[Kind.MSGHDR_OUT]: "message_out", _K[Kind.MMSGHDR_IN]: "messages_in",
    _K[Kind.OPTVAL_IN]: "option_in", _K[Kind.OPTVAL_OUT]: "option_out",
    special._option: "option", special._asked_option: "asked_option",
    special._protocol: "protocol", special._socket_type: "socket_type", special._open_flags: "open_flags",
    special._map_flags: "map_flags", shared._zero_prot: "protection", ioctl._request: "ioctl_request",
    futex._op: "futex_op", futex._second: "futex_second", futex._set: "futex_set",
    _S["futex", "uaddr"]: "pointer", special._statx_flags: "statx_flags", special._directory: "directory",
    _S["getdents64", "count"]: "uint", arguments.path_result: "path_result", leftovers.remaining: "remaining",
    special._of_child: "of_child", special._left: "remaining", waiting.poll_fds: "poll_fds",
    _S["epoll_ctl", "event"]: "epoll_event",
    _S["epoll_wait", "events"]: "epoll_events", _S["pselect6", "sigmask"]: "argpack",
    processor._address: "arch_address", prctl._signal: "prctl_signal", _S["membarrier", "cpu_id"]: "nothing",
    _S["preadv", "pos_h"]: "nothing", _S["timer_create", "sevp"]: "sigevent",
}  # fmt: skip
# The same of printers that are made for a value: the function that makes them, and the name of that value.
MADE: dict[str, tuple[str, str]] = {
    shared._create_mode(0).__qualname__: ("create_mode", "flags_index"),
    arguments.bounded_string(0).__qualname__: ("bounded_string", "most"),
    special._signal_set("rt_sigsuspend").__qualname__: ("signal_set", "size"),
    scheduling._processors(out=True).__qualname__: ("cpus", "out"),
}
EXTRAS: dict[object, str] = {
    results._selected: "EXTRA_SELECT",
    results._requested: "EXTRA_IOCTL",
    results._waited_for: "EXTRA_SIGNAL",
    results._polled: "EXTRA_POLL",
}
RESULTS: dict[object, str] = {prctl._result: "RESULT_PRCTL", processor._granted: "RESULT_ARCH_PRCTL"}
REWRITES: dict[object, str] = {
    rewrites._clone: "REWRITE_CLONE",
    rewrites._clone3: "REWRITE_CLONE3",
    rewrites._sigreturn: "REWRITE_SIGRETURN",
}
STRUCTS: dict[object, str] = {
    stat.stat_text: "STRUCTURE_STAT", structures._statx: "STRUCTURE_STATX", structures._utsname: "STRUCTURE_UTSNAME",
    structures._time: "STRUCTURE_TIME", structures._interval: "STRUCTURE_INTERVAL",
    structures._usage: "STRUCTURE_USAGE", structures._file_system: "STRUCTURE_FIELDS",
    struct_text._sigaction: "STRUCTURE_SIGACTION", struct_text._set: "STRUCTURE_SIGSET",
    struct_text._status: "STRUCTURE_STATUS", struct_text._SPECIAL["comm"]: "STRUCTURE_COMM",
    structures.STRUCTS["siginfo"]: "STRUCTURE_SIGINFO",
}  # fmt: skip
