"""Calls about processes, threads, scheduling, identity, limits and signals. Source: section 2 of the manual."""

from wiretale.decode.syscalls._args import (
    BLOCKS,
    DESCRIPTOR,
    PROCESS,
    array_in,
    array_out,
    bits,
    call,
    dirfd,
    enum,
    environment,
    flags,
    hexadecimal,
    integer,
    pid,
    pointer,
    signal,
    size,
    string,
    strings,
    struct_in,
    struct_inout,
    struct_out,
    uid,
    ulong,
    unsigned,
    wide_enum,
    wide_flags,
)
from wiretale.decode.syscalls.prctl import PRCTL
from wiretale.decode.syscalls.spec import Arg, Call, Follow, Kind, Result

_PROCESS = (PROCESS,)
_WAITS = (BLOCKS,)
_SET = (struct_in("set", "sigset"),)
_CLONE_FLAGS = flags("flags", "clone")
_CLONED = (Follow("pidfd", 4), Follow("parent_tid", 4), Follow("set_tid", 4, "set_tid_size"))
_STATUS = struct_out("wstatus", "wait_status")

_CODE = enum("code", "arch_prctl")
_ARCH_PRCTL: dict[int, tuple[Arg, ...]] = {  # asm/prctl.h; arch/x86/kernel/process_64.c, fpu/xstate.c
    0x1003: (_CODE, struct_out("addr", "address")),  # ARCH_GET_FS
    0x1004: (_CODE, struct_out("addr", "address")),
    0x1011: (_CODE,),  # ARCH_GET_CPUID
    **{code: (_CODE, struct_out("features", "xfeatures")) for code in (0x1021, 0x1022, 0x1024)},
    **{code: (_CODE, wide_enum("feature", "xfeature")) for code in (0x1023, 0x1025)},
}
_KCMP = (pid("pid1"), pid("pid2"), enum("type", "kcmp"))
_KCMP_VARIANTS: dict[int, tuple[Arg, ...]] = {  # kcmp(2)
    0: (*_KCMP, integer("fd1"), integer("fd2")),  # KCMP_FILE
    **dict.fromkeys(range(1, 7), _KCMP),
    7: (*_KCMP, integer("fd1"), struct_in("slot", "kcmp_epoll_slot")),  # KCMP_EPOLL_TFD
}
_FUTEX_HEAD = (hexadecimal("uaddr"), flags("futex_op", "futex"), unsigned("val"))
_FUTEX_PRIVATE, _FUTEX_CLOCK = 128, 256


def _futex_variants(timespec: str) -> dict[int, tuple[Arg, ...]]:
    """What follows `val` depends on the operation. Source: futex(2), linux/futex.h."""
    timed = struct_in("timeout", timespec)
    second = hexadecimal("uaddr2")
    rows: dict[int, tuple[Arg, ...]] = {
        0: (*_FUTEX_HEAD, timed),  # WAIT
        1: _FUTEX_HEAD,  # WAKE
        2: _FUTEX_HEAD,  # FD, which Linux no longer has
        3: (*_FUTEX_HEAD, unsigned("val2"), second),  # REQUEUE
        4: (*_FUTEX_HEAD, unsigned("val2"), second, unsigned("val3")),  # CMP_REQUEUE
        5: (*_FUTEX_HEAD, unsigned("val2"), second, hexadecimal("val3")),  # WAKE_OP
        6: (*_FUTEX_HEAD[:2], integer("ignored"), timed),  # LOCK_PI
        7: _FUTEX_HEAD[:2],  # UNLOCK_PI
        8: _FUTEX_HEAD[:2],  # TRYLOCK_PI
        9: (*_FUTEX_HEAD, timed, hexadecimal("uaddr2"), flags("val3", "futex_bitset")),
        10: (*_FUTEX_HEAD, hexadecimal("val2"), second, flags("val3", "futex_bitset")),
        11: (*_FUTEX_HEAD, timed, second),
        12: (*_FUTEX_HEAD, unsigned("val2"), second, unsigned("val3")),
        13: (*_FUTEX_HEAD[:2], integer("ignored"), timed),
    }
    modifiers = (0, _FUTEX_PRIVATE, _FUTEX_CLOCK, _FUTEX_PRIVATE | _FUTEX_CLOCK)
    return {operation | modifier: args for operation, args in rows.items() for modifier in modifiers}


_IDS = ("getuid", "geteuid", "getgid", "getegid")


def _identity() -> tuple[Call, ...]:
    """The calls that get and set user and group ids, with their i386 forms for 32-bit ids."""
    calls: list[Call] = []
    for suffix in ("", "32"):
        # The calls without suffix are 16 bit wide on i386; there `old_uid_t` is two bytes.
        one = "uid_t" if suffix else "old_uid_t"
        calls += [call(name + suffix) for name in _IDS]
        for what in ("uid", "gid"):
            calls += [
                call(f"set{what}{suffix}", uid(what)),
                call(f"setre{what}{suffix}", uid(f"r{what}"), uid(f"e{what}")),
                call(f"setres{what}{suffix}", uid(f"r{what}"), uid(f"e{what}"), uid(f"s{what}")),
                call(f"getres{what}{suffix}", *(struct_out(f"{x}{what}", one) for x in "res")),
                call(f"setfs{what}{suffix}", uid(what)),
            ]
        calls += [
            call(f"getgroups{suffix}", integer("size"), array_out("list", one)),
            call(f"setgroups{suffix}", unsigned("size"), array_in("list", one, length=0)),
        ]
    return tuple(calls)


CALLS: tuple[Call, ...] = (
    call("fork", result=Result.PID, effects=_PROCESS),
    call("vfork", result=Result.PID, effects=_PROCESS),
    call(
        "clone",
        _CLONE_FLAGS,
        pointer("child_stack"),
        struct_out("parent_tid", "int"),
        pointer("child_tid"),
        hexadecimal("tls"),
        result=Result.PID,
        effects=_PROCESS,
    ),
    call(
        "clone3",
        struct_inout("cl_args", "clone_args", length=1, follows=_CLONED),
        size("size"),
        result=Result.PID,
        effects=_PROCESS,
    ),
    call("execve", string(), strings("argv"), environment("envp"), effects=(PROCESS, DESCRIPTOR)),
    call(
        "execveat",
        dirfd(),
        string(),
        strings("argv"),
        environment("envp"),
        flags("flags", "at_flags"),
        effects=(PROCESS, DESCRIPTOR),
    ),
    call("exit", integer("status"), result=Result.NONE, effects=_PROCESS),
    call("exit_group", integer("status"), result=Result.NONE, effects=_PROCESS),
    call(
        "wait4",
        pid(),
        _STATUS,
        flags("options", "wait"),
        struct_out("rusage", "rusage"),
        result=Result.PID,
        effects=_WAITS,
    ),
    call("waitpid", pid(), _STATUS, flags("options", "wait"), result=Result.PID, effects=_WAITS),
    call(
        "waitid",
        enum("idtype", "idtype"),
        pid("id"),
        struct_out("infop", "siginfo"),
        flags("options", "wait"),
        struct_out("rusage", "rusage"),
        effects=_WAITS,
    ),
    *(call(name, result=Result.PID) for name in ("getpid", "getppid", "gettid", "getpgrp", "setsid")),
    call("getpgid", pid(), result=Result.PID),
    call("getsid", pid(), result=Result.PID),
    call("setpgid", pid(), pid("pgid")),
    call("set_tid_address", pointer("tidptr"), result=Result.PID),
    call("set_robust_list", pointer("head"), size("len")),
    call("get_robust_list", pid(), struct_out("head_ptr", "pointer"), struct_out("sizep", "ulong")),
    call("rseq", pointer("rseq"), hexadecimal("rseq_len"), flags("flags", "rseq"), hexadecimal("sig")),
    PRCTL,
    call("arch_prctl", _CODE, hexadecimal("addr"), variant_arg=0, variants=_ARCH_PRCTL),
    call("modify_ldt", integer("func"), struct_inout("ptr", "user_desc"), size("bytecount")),
    call("set_thread_area", struct_inout("u_info", "user_desc")),
    call("get_thread_area", struct_inout("u_info", "user_desc")),
    call(
        "unshare", wide_flags("flags", "unshare"), effects=(DESCRIPTOR,)
    ),  # CLONE_FILES gives the task its own descriptor table
    call("personality", hexadecimal("persona"), result=Result.HEX),
    call("kcmp", *_KCMP, hexadecimal("idx1"), hexadecimal("idx2"), variant_arg=2, variants=_KCMP_VARIANTS),
    *_identity(),
    call("capget", struct_inout("hdrp", "cap_header"), struct_out("datap", "cap_data")),
    call("capset", struct_in("hdrp", "cap_header"), struct_in("datap", "cap_data")),
    call("getrlimit", enum("resource", "resource"), struct_out("rlim", "rlimit")),
    call("ugetrlimit", enum("resource", "resource"), struct_out("rlim", "rlimit")),
    call("setrlimit", enum("resource", "resource"), struct_in("rlim", "rlimit")),
    call(
        "prlimit64",
        pid(),
        enum("resource", "resource"),
        struct_in("new_limit", "rlimit64"),
        struct_out("old_limit", "rlimit64"),
    ),
    call("getrusage", enum("who", "rusage_who"), struct_out("usage", "rusage")),
    call("getpriority", enum("which", "priority_which"), pid("who")),
    call("setpriority", enum("which", "priority_which"), pid("who"), integer("prio")),
    call("nice", integer("inc")),
    call("ioprio_get", enum("which", "ioprio_who"), pid("who")),
    call("ioprio_set", enum("which", "ioprio_who"), pid("who"), integer("ioprio")),
    call("sched_yield"),
    call("sched_setparam", pid(), struct_in("param", "sched_param")),
    call("sched_getparam", pid(), struct_out("param", "sched_param")),
    call("sched_setscheduler", pid(), flags("policy", "sched_policy"), struct_in("param", "sched_param")),
    call("sched_getscheduler", pid()),
    call("sched_get_priority_max", enum("policy", "sched_policy")),
    call("sched_get_priority_min", enum("policy", "sched_policy")),
    call("sched_rr_get_interval", pid(), struct_out("tp", "timespec")),
    call("sched_rr_get_interval_time64", pid(), struct_out("tp", "timespec64")),
    call("sched_setattr", pid(), struct_inout("attr", "sched_attr"), unsigned("flags")),
    call("sched_getattr", pid(), struct_out("attr", "sched_attr"), unsigned("size"), unsigned("flags")),
    call("sched_setaffinity", pid(), size("cpusetsize"), Arg("mask", Kind.BUFFER_IN, 1)),
    call("sched_getaffinity", pid(), size("cpusetsize"), Arg("mask", Kind.BUFFER_OUT, 1), result=Result.BYTES),
    call("getcpu", struct_out("cpu", "uint"), struct_out("node", "uint"), pointer("tcache")),
    call(
        "process_vm_readv",
        pid(),
        Arg("local_iov", Kind.IOVEC_OUT, 2),
        ulong("liovcnt"),
        array_in("remote_iov", "iovec", length=4),
        ulong("riovcnt"),
        ulong("flags"),
        result=Result.BYTES,
    ),
    call(
        "process_vm_writev",
        pid(),
        Arg("local_iov", Kind.IOVEC_IN, 2),
        ulong("liovcnt"),
        array_in("remote_iov", "iovec", length=4),
        ulong("riovcnt"),
        ulong("flags"),
        result=Result.BYTES,
    ),
    *(
        call(
            f"futex{suffix}",
            *_FUTEX_HEAD,
            hexadecimal("timeout"),
            hexadecimal("uaddr2"),
            hexadecimal("val3"),
            effects=_WAITS,
            variant_arg=1,
            variants=_futex_variants(timespec),
        )
        for suffix, timespec in (("", "timespec"), ("_time64", "timespec64"))
    ),
    call(
        "futex_waitv",
        array_in("waiters", "futex_waitv", length=1),
        unsigned("nr_futexes"),
        bits("flags"),
        struct_in("timeout", "timespec64"),
        enum("clockid", "clock"),
        effects=_WAITS,
    ),
    call("futex_wake", hexadecimal("uaddr"), hexadecimal("mask"), integer("nr"), hexadecimal("flags")),
    call(
        "futex_wait",
        hexadecimal("uaddr"),
        ulong("val"),
        hexadecimal("mask"),
        hexadecimal("flags"),
        struct_in("timeout", "timespec64"),
        enum("clockid", "clock"),
        effects=_WAITS,
    ),
    call("futex_requeue", pointer("waiters"), hexadecimal("flags"), integer("nr_wake"), integer("nr_requeue")),
    call("membarrier", enum("cmd", "membarrier"), unsigned("flags"), integer("cpu_id")),
    # signals
    call("kill", pid(), signal()),
    call("tkill", pid("tid"), signal()),
    call("tgkill", pid("tgid"), pid("tid"), signal()),
    call(
        "rt_sigaction",
        signal("signum"),
        struct_in("act", "sigaction"),
        struct_out("oldact", "sigaction"),
        size("sigsetsize"),
    ),
    call("sigaction", signal("signum"), struct_in("act", "old_sigaction"), struct_out("oldact", "old_sigaction")),
    call("signal", signal("signum"), enum("handler", "sighandler"), result=Result.HEX),
    call(
        "rt_sigprocmask",
        enum("how", "sigprocmask_how"),
        *_SET,
        struct_out("oldset", "sigset"),
        size("sigsetsize"),
    ),
    call(
        "sigprocmask",
        enum("how", "sigprocmask_how"),
        struct_in("set", "old_sigset"),
        struct_out("oldset", "old_sigset"),
    ),
    call("rt_sigpending", struct_out("set", "sigset"), size("sigsetsize")),
    call("sigpending", struct_out("set", "old_sigset")),
    call("rt_sigsuspend", struct_in("mask", "sigset"), size("sigsetsize"), effects=_WAITS),
    call("sigsuspend", hexadecimal("unused1"), hexadecimal("unused2"), hexadecimal("mask"), effects=_WAITS),
    *(
        call(
            f"rt_sigtimedwait{suffix}",
            *_SET,
            struct_out("info", "siginfo"),
            struct_in("timeout", timespec),
            size("sigsetsize"),
            effects=_WAITS,
        )
        for suffix, timespec in (("", "timespec"), ("_time64", "timespec64"))
    ),
    call("rt_sigqueueinfo", pid("tgid"), signal(), struct_in("info", "siginfo")),
    call("rt_tgsigqueueinfo", pid("tgid"), pid("tid"), signal(), struct_in("info", "siginfo")),
    call("rt_sigreturn"),
    call("sigreturn"),
    call("sigaltstack", struct_in("ss", "stack_t"), struct_out("old_ss", "stack_t")),
    call("sgetmask", result=Result.HEX),
    call("ssetmask", hexadecimal("newmask"), result=Result.HEX),
    call("pause", effects=_WAITS),
    call("restart_syscall", effects=_WAITS),
    call("map_shadow_stack", hexadecimal("addr"), size("size"), hexadecimal("flags"), result=Result.HEX),
    call("lsm_get_self_attr", unsigned("attr"), pointer("ctx"), struct_inout("size", "uint"), hexadecimal("flags")),
    call("lsm_set_self_attr", unsigned("attr"), pointer("ctx"), size("size"), hexadecimal("flags")),
    call("lsm_list_modules", pointer("ids"), struct_inout("size", "uint"), hexadecimal("flags")),
)
