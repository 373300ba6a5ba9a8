"""ptrace. Source: ptrace(2), linux/ptrace.h, asm/ptrace-abi.h."""

from wiretale.decode.syscalls._args import (
    array_out,
    call,
    enum,
    hexadecimal,
    pid,
    pointer,
    signal,
    size,
    struct_in,
    struct_inout,
    struct_out,
    ulong,
    wide_flags,
)
from wiretale.decode.syscalls.spec import Arg, Call, Follow

_REQUEST = enum("request", "ptrace")
_TASK = (_REQUEST, pid())
_ADDRESSED = (*_TASK, pointer("addr"))
_PEEK = (*_TASK, hexadecimal("addr"), struct_out("data", "address"))
_POKE = (*_TASK, hexadecimal("addr"), pointer("word"))
_IGNORED = (*_TASK, hexadecimal("ignored"))  # strace does not print it, because the kernel does not look at it
_RESUMED = (*_ADDRESSED, signal("sig"))
_OPTIONS = (*_ADDRESSED, wide_flags("options", "ptrace_options"))
_SET_OF_REGISTERS = (*_TASK, enum("set", "note_type"))
_FOLLOWED = (Follow("iov_base", 1, "iov_len"),)
_SIZED = (*_TASK, size("size"))

VARIANTS: dict[int, tuple[Arg, ...]] = {
    0: (_REQUEST,),  # TRACEME
    **dict.fromkeys((1, 2, 3), _PEEK),  # PEEKTEXT, PEEKDATA, PEEKUSR
    **dict.fromkeys((4, 5, 6), _POKE),
    **dict.fromkeys((7, 9, 17, 24, 31, 32, 33), _RESUMED),  # CONT, SINGLESTEP, DETACH, SYSCALL, SYSEMU, SINGLEBLOCK
    **dict.fromkeys((8, 16, 0x4207, 0x4208), _TASK),  # KILL, ATTACH, INTERRUPT, LISTEN
    12: (*_IGNORED, struct_out("registers", "user_registers")),
    13: (*_IGNORED, struct_in("registers", "user_registers")),
    14: (*_IGNORED, struct_out("registers", "user_fp_registers")),
    15: (*_IGNORED, struct_in("registers", "user_fp_registers")),
    21: _OPTIONS,  # OLDSETOPTIONS
    25: (*_TASK, hexadecimal("entry"), struct_out("user_desc", "user_desc")),
    26: (*_TASK, hexadecimal("entry"), struct_in("user_desc", "user_desc")),
    0x4200: _OPTIONS,
    0x4201: (*_ADDRESSED, struct_out("message", "ulong")),  # GETEVENTMSG
    0x4202: (*_ADDRESSED, struct_out("siginfo", "siginfo")),
    0x4203: (*_ADDRESSED, struct_in("siginfo", "siginfo")),
    0x4204: (*_SET_OF_REGISTERS, struct_inout("iov", "iovec", follows=_FOLLOWED)),  # GETREGSET
    0x4205: (*_SET_OF_REGISTERS, struct_inout("iov", "iovec", follows=_FOLLOWED)),
    0x4206: _OPTIONS,  # SEIZE
    0x4209: (*_TASK, struct_in("args", "peeksiginfo_args"), array_out("siginfos", "siginfo")),  # PEEKSIGINFO
    0x420A: (*_SIZED, struct_out("mask", "sigset")),
    0x420B: (*_SIZED, struct_in("mask", "sigset")),
    0x420C: (*_TASK, ulong("filter"), array_out("program", "seccomp_instruction")),  # SECCOMP_GET_FILTER
    0x420D: (*_SIZED, struct_inout("metadata", "seccomp_metadata")),  # SECCOMP_GET_METADATA
    0x420E: (*_SIZED, struct_out("info", "ptrace_syscall_info", length=2)),  # GET_SYSCALL_INFO
    0x420F: (*_SIZED, struct_out("configuration", "rseq_configuration", length=2)),
}
CALLS: tuple[Call, ...] = (
    call("ptrace", _REQUEST, pid(), pointer("addr"), pointer("data"), variant_arg=0, variants=VARIANTS),
)
