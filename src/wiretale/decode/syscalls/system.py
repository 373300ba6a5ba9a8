"""Calls about time, timers and the machine. Source: section 2 of the manual."""

from wiretale.decode.syscalls._args import (
    BLOCKS,
    call,
    data_out,
    enum,
    flags,
    hexadecimal,
    integer,
    pointer,
    size,
    string,
    struct_in,
    struct_inout,
    struct_out,
    ulong,
    unsigned,
)
from wiretale.decode.syscalls.spec import Arg, Call, Result

_CLOCK = enum("clockid", "clock")
_FORMS = (("", "timespec"), ("64", "timespec64"))


def _timers() -> tuple[Call, ...]:
    """Clock and timer calls, with the forms that carry 64-bit times to 32-bit programs."""
    calls: list[Call] = []
    for suffix, timespec in _FORMS:
        spec = f"itimerspec{suffix}"
        calls += [
            call(f"clock_gettime{suffix}", _CLOCK, struct_out("tp", timespec)),
            call(f"clock_settime{suffix}", _CLOCK, struct_in("tp", timespec)),
            call(f"clock_adjtime{suffix}", _CLOCK, struct_inout("buf", f"timex{suffix}")),
            call(
                f"timer_settime{suffix}",
                integer("timerid"),
                flags("flags", "timer_flags"),
                struct_in("new_value", spec),
                struct_out("old_value", spec),
            ),
            call(f"timer_gettime{suffix}", integer("timerid"), struct_out("curr_value", spec)),
        ]
        longer = "_time64" if suffix else ""
        calls += [
            call(f"clock_getres{longer}", _CLOCK, struct_out("res", timespec)),
            call(
                f"clock_nanosleep{longer}",
                _CLOCK,
                flags("flags", "timer_flags"),
                struct_in("request", timespec),
                struct_out("remain", timespec),
                effects=(BLOCKS,),
            ),
        ]
    return tuple(calls)


_REBOOT = (enum("magic", "reboot_magic"), enum("magic2", "reboot_magic"), enum("op", "reboot"))
# reboot(2): only LINUX_REBOOT_CMD_RESTART2 has an argument
_RESTART2 = 0xA1B2C3D4
_REBOOT_VARIANTS: dict[int, tuple[Arg, ...]] = {_RESTART2: (*_REBOOT, string("arg"))}

CALLS: tuple[Call, ...] = (
    *_timers(),
    call("nanosleep", struct_in("req", "timespec"), struct_out("rem", "timespec"), effects=(BLOCKS,)),
    call("gettimeofday", struct_out("tv", "timeval"), struct_out("tz", "timezone")),
    call("settimeofday", struct_in("tv", "timeval"), struct_in("tz", "timezone")),
    call("time", struct_out("tloc", "time_t")),
    call("stime", struct_in("t", "time_t")),
    call("times", struct_out("buf", "tms")),
    call("adjtimex", struct_inout("buf", "timex")),
    call("alarm", unsigned("seconds")),
    call("getitimer", enum("which", "itimer"), struct_out("curr_value", "itimerval")),
    call(
        "setitimer",
        enum("which", "itimer"),
        struct_in("new_value", "itimerval"),
        struct_out("old_value", "itimerval"),
    ),
    call("timer_create", _CLOCK, struct_in("sevp", "sigevent"), struct_out("timerid", "int")),
    call("timer_getoverrun", integer("timerid")),
    call("timer_delete", integer("timerid")),
    call("uname", struct_out("buf", "utsname")),
    call("olduname", pointer("buf")),
    call("oldolduname", pointer("buf")),
    call("sysinfo", struct_out("info", "sysinfo")),
    call("syslog", enum("type", "syslog"), data_out("bufp", 2), integer("len")),
    call("getrandom", data_out("buf", 1), size("buflen"), flags("flags", "getrandom"), result=Result.BYTES),
    call("reboot", *_REBOOT, variant_arg=2, variants=_REBOOT_VARIANTS),
    call("iopl", integer("level")),
    call("ioperm", hexadecimal("from"), hexadecimal("num"), integer("turn_on")),
    call("_sysctl", struct_in("args", "sysctl_args")),
    call("vm86", hexadecimal("fn"), pointer("v86")),
    call("vm86old", pointer("info")),
    call("bdflush", integer("func"), ulong("data")),
    call("uprobe"),
    call("uretprobe"),
    *(
        call(name, *(hexadecimal(f"arg{n}") for n in range(6)))
        for name in (
            "afs_syscall", "break", "create_module", "ftime", "get_kernel_syms", "gtty", "idle", "lock", "mpx", "prof",
            "profil", "query_module", "security", "stty", "tuxcall", "ulimit", "vserver",
        )
    ),
)  # fmt: skip
