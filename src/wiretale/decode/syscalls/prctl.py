"""prctl: what its arguments are, by its first. Sources: prctl(2), linux/prctl.h; kernel/sys.c for what is looked at."""

from wiretale.decode.syscalls._args import (
    call,
    enum,
    flags,
    hexadecimal,
    long,
    pid,
    pointer,
    signal,
    size,
    string,
    struct_in,
    struct_out,
    ulong,
    wide_enum,
    wide_flags,
)
from wiretale.decode.syscalls.spec import Arg, Follow

_OPTION = enum("option", "prctl")
_REST = tuple(hexadecimal(f"arg{n}") for n in range(2, 6))
_FILTER = struct_in("filter", "sock_fprog", follows=(Follow("filter", 8, "len"),))
_SET_SECCOMP = 22


def _number(name: str, *, rest: bool = False) -> tuple[Arg, ...]:
    return (_OPTION, ulong(name), *(_REST[1:] if rest else ()))


VARIANTS: dict[int, tuple[Arg, ...]] = {
    1: (_OPTION, signal("sig")),  # SET_PDEATHSIG
    2: (_OPTION, struct_out("signo", "signal_number")),
    3: (_OPTION,),  # GET_DUMPABLE
    4: (_OPTION, wide_enum("dumpable", "dumpable")),
    5: (_OPTION, struct_out("bits", "prctl_unalign_bits")),
    6: (_OPTION, flags("bits", "prctl_unalign")),
    7: (_OPTION,),  # GET_KEEPCAPS
    8: _number("state"),
    9: (_OPTION, struct_out("mode", "uint")),  # GET_FPEMU
    10: _number("mode"),
    11: (_OPTION, struct_out("mode", "uint")),  # GET_FPEXC
    12: _number("mode"),
    13: (_OPTION,),  # GET_TIMING
    14: _number("mode"),
    15: (_OPTION, string("name")),  # SET_NAME
    16: (_OPTION, struct_out("comm", "comm")),  # GET_NAME
    19: (_OPTION, struct_out("mode", "uint")),  # GET_ENDIAN
    20: _number("mode"),
    21: (_OPTION,),  # GET_SECCOMP
    _SET_SECCOMP: (
        _OPTION,
        wide_enum("mode", "seccomp_mode"),
        _FILTER,
        hexadecimal("seccomp4"),
        hexadecimal("seccomp5"),
    ),
    23: (_OPTION, wide_enum("bound", "capability")),  # CAPBSET_READ
    24: (_OPTION, wide_enum("bound", "capability")),  # CAPBSET_DROP
    25: (_OPTION, struct_out("flag", "prctl_tsc_flag")),
    26: (_OPTION, enum("flag", "prctl_tsc")),
    27: (_OPTION,),  # GET_SECUREBITS
    28: (_OPTION, wide_flags("bits", "securebits")),
    29: (_OPTION, long("slack")),  # SET_TIMERSLACK
    30: (_OPTION,),
    31: (_OPTION,),  # TASK_PERF_EVENTS_DISABLE
    32: (_OPTION,),
    33: (_OPTION, wide_enum("what", "prctl_mce"), wide_enum("policy", "prctl_mce_policy"), *_REST[2:]),
    35: (_OPTION, enum("what", "prctl_mm"), *_REST[1:]),
    36: _number("reaper"),  # SET_CHILD_SUBREAPER
    37: (_OPTION, struct_out("reaper", "uint")),
    38: _number("arg2", rest=True),  # SET_NO_NEW_PRIVS
    40: (_OPTION, struct_out("address", "address")),  # GET_TID_ADDRESS
    41: _number("arg2", rest=True),  # SET_THP_DISABLE
    45: (_OPTION, flags("mode", "prctl_fp_mode")),
    46: (_OPTION,),
    47: (_OPTION, wide_enum("what", "cap_ambient"), wide_enum("cap", "capability"), *_REST[2:]),
    50: (_OPTION, hexadecimal("length")),  # SVE_SET_VL
    51: (_OPTION,),
    52: (_OPTION, wide_enum("what", "prctl_spec")),
    53: (_OPTION, wide_enum("what", "prctl_spec"), wide_enum("how", "prctl_spec_set")),
    54: (_OPTION, wide_flags("keys", "prctl_pac"), *_REST[1:]),
    55: (_OPTION, hexadecimal("flags"), *_REST[1:]),  # SET_TAGGED_ADDR_CTRL
    57: _number("arg2", rest=True),  # SET_IO_FLUSHER
    59: (_OPTION, wide_enum("what", "prctl_dispatch"), *_REST[1:3], pointer("selector")),
    60: (_OPTION, wide_flags("keys", "prctl_pac_enabled"), wide_flags("enabled", "prctl_pac_enabled"), *_REST[2:]),
    62: (
        _OPTION,
        enum("what", "prctl_core"),
        pid(),
        enum("pidtype", "pidtype"),
        struct_out("cookie", "address64"),
    ),
    63: (_OPTION, hexadecimal("length")),  # SME_SET_VL
    64: (_OPTION,),
    0x59616D61: (_OPTION, pid("tracer")),  # SET_PTRACER
    0x53564D41: (_OPTION, wide_enum("what", "prctl_vma"), hexadecimal("vma_addr"), size("size"), string("vma_name")),
}

PRCTL = call("prctl", _OPTION, *_REST, variant_arg=0, variants=VARIANTS)
