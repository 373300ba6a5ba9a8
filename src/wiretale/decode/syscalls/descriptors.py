"""Calls that read, write, wait for, make or copy descriptors of any kind. Source: section 2 of the manual."""

from wiretale.decode.syscalls._args import (
    BLOCKS,
    DESCRIPTOR,
    RECEIVES,
    SENDS,
    array_in,
    array_inout,
    array_out,
    bits,
    call,
    data_in,
    data_out,
    enum,
    fd,
    fdset,
    flags,
    integer,
    iovec_in,
    iovec_out,
    long,
    offset,
    pid,
    pointer,
    size,
    string,
    struct_in,
    struct_inout,
    struct_out,
    ulong,
    unsigned,
    wide_enum,
    wide_flags,
)
from wiretale.decode.syscalls.requests import ByRequest
from wiretale.decode.syscalls.spec import Arg, Call, Follow, Kind, Result

_SENDS = (SENDS, BLOCKS)
_RECEIVES = (RECEIVES, BLOCKS)
_MOVES = (SENDS, RECEIVES, BLOCKS)
_BYTES = Result.BYTES

_READV = (fd(), iovec_out("iov", 2), ulong("iovcnt"))
_WRITEV = (fd(), iovec_in("iov", 2), ulong("iovcnt"))
# preadv and pwritev split the position in two registers on every architecture; the second is unused on 64 bits.
_POSITION = (ulong("pos_l"), ulong("pos_h"))

_POLLFD = (array_inout("fds", "pollfd", length=1), unsigned("nfds"))
_SETS = (integer("nfds"), fdset("readfds", 0), fdset("writefds", 0), fdset("exceptfds", 0))
_SIGMASK = struct_in("sigmask", "sigset_argpack", follows=(Follow("sigmask", 8),))
_USIG = struct_in("usig", "sigset_argpack", follows=(Follow("sigmask", 8),))
_IOCB = (  # linux/aio_abi.h: IOCB_CMD_PWRITE, IOCB_CMD_PREADV, IOCB_CMD_PWRITEV
    Follow("aio_buf", count="aio_nbytes", only=("aio_lio_opcode", 1)),
    Follow("aio_buf", count="aio_nbytes", struct="iovec", out=True, only=("aio_lio_opcode", 7)),
    Follow("aio_buf", count="aio_nbytes", struct="iovec", only=("aio_lio_opcode", 8)),
)

_EPOLL_WAIT = (fd("epfd"), array_out("events", "epoll_event"), integer("maxevents"))

_FCNTL_CMD = enum("cmd", "fcntl_cmd")


def _fcntl_variants(lock: str, lock64: str, *locks64: int) -> dict[int, tuple[Arg, ...]]:
    """Third argument of fcntl by command. Source: fcntl(2), asm-generic/fcntl.h, linux/fcntl.h."""
    head = (fd(), _FCNTL_CMD)
    table: dict[int, tuple[Arg, ...]] = {
        0: (*head, integer("arg")),  # F_DUPFD: the lowest number wanted, not a descriptor in use
        1: head,  # F_GETFD
        2: (*head, flags("arg", "fd_flags")),
        3: head,  # F_GETFL
        4: (*head, flags("flags", "open_flags")),
        5: (*head, struct_out("arg", lock)),
        6: (*head, struct_in("arg", lock)),
        7: (*head, struct_in("arg", lock)),
        8: (*head, pid("arg")),
        9: head,  # F_GETOWN
        10: (*head, Arg("arg", Kind.SIGNAL)),
        11: head,  # F_GETSIG
        15: (*head, struct_in("arg", "f_owner_ex")),
        16: (*head, struct_out("arg", "f_owner_ex")),
        1024: (*head, wide_enum("arg", "lease")),
        1025: head,
        1026: (*head, wide_flags("arg", "dnotify")),
        1030: (*head, integer("arg")),  # F_DUPFD_CLOEXEC
        1031: (*head, integer("arg")),  # F_SETPIPE_SZ
        1032: head,
        1033: (*head, wide_flags("arg", "seals")),
        1034: head,
    }
    for command in (*locks64, 36, 37, 38):  # F_OFD_*
        word = struct_out if command in (12, 36) else struct_in
        table[command] = (*head, word("arg", lock64))
    return table


_IOCTL_CMD = enum("request", "ioctl")
_IOCTL_IN = {
    0x5421: "int",  # FIONBIO
    0x5452: "int",  # FIOASYNC
    0x5402: "termios",  # TCSETS
    0x5403: "termios",
    0x5404: "termios",
    0x5410: "int",  # TIOCSPGRP
    0x5412: "char",  # TIOCSTI
    0x5414: "winsize",
    0x5423: "int",  # TIOCSETD
    0x8901: "int",  # FIOSETOWN
    0x8902: "int",  # SIOCSPGRP
}
_IOCTL_OUT = {
    0x5401: "termios",  # TCGETS
    0x540F: "int",  # TIOCGPGRP
    0x5411: "int",  # TIOCOUTQ, SIOCOUTQ
    0x5413: "winsize",
    0x5418: "int",
    0x541B: "int",  # FIONREAD, SIOCINQ
    0x5424: "int",
    0x5429: "int",  # TIOCGSID
    0x5460: "loff_t",  # FIOQSIZE
    0x8903: "int",  # FIOGETOWN
    0x8904: "int",  # SIOCGPGRP
    0x8905: "int",  # SIOCATMARK
    0x8906: "timeval",  # SIOCGSTAMP
    0x8907: "timespec",
    0x894B: "int",  # SIOCOUTQNSD
}
_IOCTL_IFREQ_IN = (
    0x8911,
    0x8914,
    0x8916,
    0x8918,
    0x891A,
    0x891C,
    0x891E,
    0x8922,
    0x8923,
    0x8924,
    0x8943,
    0x8930,
    0x8931,
    0x8932,
    0x8937,
    0x8971,
)
_IOCTL_IFREQ_INOUT = (
    0x8910,
    0x8913,
    0x8915,
    0x8917,
    0x8919,
    0x891B,
    0x891D,
    0x8921,
    0x8927,
    0x8933,
    0x8942,
    0x8929,
    0x8970,
)
_IOCTL_NUMBER = (0x5409, 0x540E)
_IOCTL_NONE = (0x540C, 0x540D, 0x5422, 0x5450, 0x5451)
_IOCTL_HEAD = (fd(), _IOCTL_CMD)
_IOCTL: dict[int, tuple[Arg, ...]] = {
    **{request: (*_IOCTL_HEAD, struct_in("argp", name)) for request, name in _IOCTL_IN.items()},
    **{request: (*_IOCTL_HEAD, struct_out("argp", name)) for request, name in _IOCTL_OUT.items()},
    **{request: (*_IOCTL_HEAD, struct_in("argp", "ifreq")) for request in _IOCTL_IFREQ_IN},
    **{request: (*_IOCTL_HEAD, struct_inout("argp", "ifreq")) for request in _IOCTL_IFREQ_INOUT},
    **{request: (*_IOCTL_HEAD, long("arg")) for request in _IOCTL_NUMBER},
    **dict.fromkeys(_IOCTL_NONE, _IOCTL_HEAD),
}

_RULE = (fd("ruleset_fd"), enum("rule_type", "landlock_rule"))

CALLS: tuple[Call, ...] = (
    call("read", fd(), data_out("buf", 2), size("count"), result=_BYTES, effects=_RECEIVES),
    call("write", fd(), data_in("buf", 2), size("count"), result=_BYTES, effects=_SENDS),
    call("pread64", fd(), data_out("buf", 2), size("count"), offset(), result=_BYTES, effects=_RECEIVES),
    call("pwrite64", fd(), data_in("buf", 2), size("count"), offset(), result=_BYTES, effects=_SENDS),
    call("readv", *_READV, result=_BYTES, effects=_RECEIVES),
    call("writev", *_WRITEV, result=_BYTES, effects=_SENDS),
    call("preadv", *_READV, *_POSITION, result=_BYTES, effects=_RECEIVES),
    call("pwritev", *_WRITEV, *_POSITION, result=_BYTES, effects=_SENDS),
    call("preadv2", *_READV, *_POSITION, flags("flags", "rwf"), result=_BYTES, effects=_RECEIVES),
    call("pwritev2", *_WRITEV, *_POSITION, flags("flags", "rwf"), result=_BYTES, effects=_SENDS),
    call(
        "sendfile",
        fd("out_fd"),
        fd("in_fd"),
        struct_inout("offset", "off_t"),
        size("count"),
        result=_BYTES,
        effects=_MOVES,
    ),
    call(
        "sendfile64",
        fd("out_fd"),
        fd("in_fd"),
        struct_inout("offset", "loff_t"),
        size("count"),
        result=_BYTES,
        effects=_MOVES,
    ),
    call(
        "splice",
        fd("fd_in"),
        struct_inout("off_in", "loff_t"),
        fd("fd_out"),
        struct_inout("off_out", "loff_t"),
        size("len"),
        flags("flags", "splice"),
        result=_BYTES,
        effects=_MOVES,
    ),
    call("tee", fd("fd_in"), fd("fd_out"), size("len"), flags("flags", "splice"), result=_BYTES, effects=_MOVES),
    call(
        "vmsplice", fd(), iovec_in("iov", 2), size("nr_segs"), flags("flags", "splice"), result=_BYTES, effects=_SENDS
    ),
    call(
        "copy_file_range",
        fd("fd_in"),
        struct_inout("off_in", "loff_t"),
        fd("fd_out"),
        struct_inout("off_out", "loff_t"),
        size("len"),
        unsigned("flags"),
        result=_BYTES,
        effects=(SENDS, RECEIVES),
    ),
    call("close", fd()),
    call("close_range", unsigned("first"), unsigned("last"), flags("flags", "close_range"), effects=(DESCRIPTOR,)),
    call("dup", fd("oldfd"), result=Result.FD),
    call("dup2", fd("oldfd"), fd("newfd"), result=Result.FD),
    call("dup3", fd("oldfd"), fd("newfd"), flags("flags", "open_flags"), result=Result.FD),
    call(
        "fcntl",
        fd(),
        _FCNTL_CMD,
        Arg("arg", Kind.HEX),
        effects=(BLOCKS,),
        variant_arg=1,
        variants=_fcntl_variants("flock", "flock"),
    ),
    call(
        "fcntl64",
        fd(),
        _FCNTL_CMD,
        Arg("arg", Kind.HEX),
        effects=(BLOCKS,),
        variant_arg=1,
        variants=_fcntl_variants("flock", "flock64", 12, 13, 14),  # F_GETLK64, F_SETLK64, F_SETLKW64
    ),
    call("ioctl", *_IOCTL_HEAD, Arg("argp", Kind.REQUEST, 1), variant_arg=1, variants=ByRequest(_IOCTL_HEAD, _IOCTL)),
    call("pipe", array_out("pipefd", "int", count=2), sets_fds=0),
    call("pipe2", array_out("pipefd", "int", count=2), flags("flags", "open_flags"), sets_fds=0),
    call("poll", *_POLLFD, integer("timeout"), effects=(BLOCKS,)),
    call(
        "ppoll",
        *_POLLFD,
        struct_inout("tmo_p", "timespec"),
        struct_in("sigmask", "sigset"),
        size("sigsetsize"),
        effects=(BLOCKS,),
    ),
    call(
        "ppoll_time64",
        *_POLLFD,
        struct_inout("tmo_p", "timespec64"),
        struct_in("sigmask", "sigset"),
        size("sigsetsize"),
        effects=(BLOCKS,),
    ),
    call("select", *_SETS, struct_inout("timeout", "timeval"), effects=(BLOCKS,)),
    call("_newselect", *_SETS, struct_inout("timeout", "timeval"), effects=(BLOCKS,)),
    call("old_select", array_in("args", "ulong", count=5), effects=(DESCRIPTOR, BLOCKS)),
    call(
        "pselect6",
        *_SETS,
        struct_inout("timeout", "timespec"),
        _SIGMASK,
        effects=(BLOCKS,),
    ),
    call(
        "pselect6_time64",
        *_SETS,
        struct_inout("timeout", "timespec64"),
        _SIGMASK,
        effects=(BLOCKS,),
    ),
    call("epoll_create", integer("size"), result=Result.FD),
    call("epoll_create1", flags("flags", "epoll_create"), result=Result.FD),
    call(
        "epoll_ctl",
        fd("epfd"),
        enum("op", "epoll_ctl"),
        fd(),
        struct_in("event", "epoll_event"),
    ),
    call("epoll_wait", *_EPOLL_WAIT, integer("timeout"), effects=(BLOCKS,)),
    call(
        "epoll_pwait",
        *_EPOLL_WAIT,
        integer("timeout"),
        struct_in("sigmask", "sigset"),
        size("sigsetsize"),
        effects=(BLOCKS,),
    ),
    call(
        "epoll_pwait2",
        *_EPOLL_WAIT,
        struct_in("timeout", "timespec64"),
        struct_in("sigmask", "sigset"),
        size("sigsetsize"),
        effects=(BLOCKS,),
    ),
    call("eventfd", unsigned("initval"), result=Result.FD),
    call("eventfd2", unsigned("initval"), flags("flags", "eventfd"), result=Result.FD),
    call("signalfd", fd(), struct_in("mask", "sigset"), size("sizemask"), result=Result.FD),
    call(
        "signalfd4",
        fd(),
        struct_in("mask", "sigset"),
        size("sizemask"),
        flags("flags", "signalfd"),
        result=Result.FD,
    ),
    call("timerfd_create", enum("clockid", "clock"), flags("flags", "timerfd_create"), result=Result.FD),
    *(
        call(
            f"timerfd_settime{suffix}",
            fd(),
            flags("flags", "timerfd_settime"),
            struct_in("new_value", f"itimerspec{suffix}"),
            struct_out("old_value", f"itimerspec{suffix}"),
        )
        for suffix in ("", "64")
    ),
    *(call(f"timerfd_gettime{suffix}", fd(), struct_out("curr_value", f"itimerspec{suffix}")) for suffix in ("", "64")),
    call("inotify_init", result=Result.FD),
    call("inotify_init1", flags("flags", "inotify_init"), result=Result.FD),
    call("inotify_add_watch", fd(), string(), flags("mask", "inotify_mask")),
    call("inotify_rm_watch", fd(), integer("wd")),
    call("fanotify_init", flags("flags", "fanotify_init"), flags("event_f_flags", "open_flags"), result=Result.FD),
    call(
        "fanotify_mark",
        fd("fanotify_fd"),
        flags("flags", "fanotify_mark"),
        wide_flags("mask", "fanotify_event"),
        Arg("dirfd", Kind.DIRFD),
        string(),
    ),
    call("userfaultfd", flags("flags", "userfaultfd"), result=Result.FD),
    call("memfd_create", string("name"), flags("flags", "memfd"), result=Result.FD),
    call("memfd_secret", flags("flags", "open_flags"), result=Result.FD),
    call(
        "perf_event_open",
        Arg("attr", Kind.STRUCT_INOUT, struct="perf_event_attr", on_error=True),  # which size would do
        pid(),
        integer("cpu"),
        fd("group_fd"),
        wide_flags("flags", "perf_event_open"),
        result=Result.FD,
    ),
    call("pidfd_open", pid(), flags("flags", "pidfd_open"), result=Result.FD),
    call("pidfd_getfd", fd("pidfd"), integer("targetfd"), bits("flags"), result=Result.FD),
    call(
        "pidfd_send_signal",
        fd("pidfd"),
        Arg("sig", Kind.SIGNAL),
        struct_in("info", "siginfo"),
        bits("flags"),
    ),
    call("flock", fd(), flags("operation", "flock_operation"), effects=(BLOCKS,)),
    call(
        "mq_open",
        string("name"),
        flags("oflag", "open_flags"),
        Arg("mode", Kind.OCTAL),
        struct_in("attr", "mq_attr"),
        result=Result.FD,
    ),
    call("mq_unlink", string("name")),
    *(
        call(
            f"mq_timedsend{suffix}",
            fd("mqdes"),
            data_in("msg_ptr", 2),
            size("msg_len"),
            unsigned("msg_prio"),
            struct_in("abs_timeout", struct),
            effects=_SENDS,
        )
        for suffix, struct in (("", "timespec"), ("_time64", "timespec64"))
    ),
    *(
        call(
            f"mq_timedreceive{suffix}",
            fd("mqdes"),
            data_out("msg_ptr", 2),
            size("msg_len"),
            struct_out("msg_prio", "uint"),
            struct_in("abs_timeout", struct),
            result=_BYTES,
            effects=_RECEIVES,
        )
        for suffix, struct in (("", "timespec"), ("_time64", "timespec64"))
    ),
    call("mq_notify", fd("mqdes"), struct_in("sevp", "sigevent")),
    call("mq_getsetattr", fd("mqdes"), struct_in("newattr", "mq_attr"), struct_out("oldattr", "mq_attr")),
    call("io_setup", unsigned("nr_events"), struct_out("ctx_idp", "address")),
    call("io_destroy", pointer("ctx_id")),
    call(
        "io_submit",
        pointer("ctx_id"),
        long("nr"),
        Arg("iocbpp", Kind.POINTED, length=1, struct="iocb", follows=_IOCB),
        effects=(DESCRIPTOR,),
    ),
    call("io_cancel", pointer("ctx_id"), struct_in("iocb", "iocb"), pointer("result")),
    call(
        "io_getevents",
        pointer("ctx_id"),
        long("min_nr"),
        long("nr"),
        array_out("events", "io_event"),
        struct_in("timeout", "timespec"),
        effects=(BLOCKS,),
    ),
    *(
        call(
            f"io_pgetevents{suffix}",
            pointer("ctx_id"),
            long("min_nr"),
            long("nr"),
            array_out("events", "io_event"),
            struct_in("timeout", struct),
            _USIG,
            effects=(BLOCKS,),
        )
        for suffix, struct in (("", "timespec"), ("_time64", "timespec64"))
    ),
    call("fsync", fd()),
    call("fdatasync", fd()),
    call("syncfs", fd()),
    call("sync_file_range", fd(), offset(), offset("nbytes"), flags("flags", "sync_file_range")),
    call("readahead", fd(), offset(), size("count")),
    call("fadvise64", fd(), offset(), size("len"), enum("advice", "fadvise")),
    call("fadvise64_64", fd(), offset(), offset("len"), enum("advice", "fadvise")),
    call("fallocate", fd(), flags("mode", "fallocate"), offset(), offset("len")),
    call("cachestat", fd(), pointer("cstat_range"), pointer("cstat"), unsigned("flags")),
    call("lseek", fd(), long("offset"), enum("whence", "whence"), result=Result.INT),
    call(
        "_llseek",
        fd(),
        ulong("offset_high"),
        ulong("offset_low"),
        struct_out("result", "loff_t"),
        enum("whence", "whence"),
    ),
    call("process_mrelease", fd("pidfd"), bits("flags")),
    call(
        "process_madvise",
        fd("pidfd"),
        array_in("iovec", "iovec", length=2),
        size("vlen"),
        enum("advice", "madvise"),
        bits("flags"),
        result=_BYTES,
    ),
    call(
        "landlock_create_ruleset",
        struct_in("attr", "landlock_ruleset_attr", length=1),
        size("size"),
        flags("flags", "landlock_create"),
        result=Result.FD,
    ),
    call(
        "landlock_add_rule",
        *_RULE,
        pointer("rule_attr"),
        bits("flags"),
        variant_arg=1,
        variants={1: (*_RULE, struct_in("rule_attr", "landlock_path_beneath_attr"), bits("flags"))},
    ),
    call("landlock_restrict_self", fd("ruleset_fd"), bits("flags")),
    call("lookup_dcookie", ulong("cookie"), data_out("buffer", 2), size("len"), result=_BYTES),
    call("epoll_ctl_old", fd("epfd"), enum("op", "epoll_ctl"), fd(), pointer("event")),
    call("epoll_wait_old", fd("epfd"), pointer("events"), integer("maxevents"), integer("timeout"), effects=(BLOCKS,)),
)
