"""quotactl. Source: quotactl(2), linux/quota.h, linux/dqblk_xfs.h."""

from wiretale.decode.syscalls._args import call, fd, hexadecimal, string, struct_inout, uid
from wiretale.decode.syscalls.spec import Call

_QUOTA_ON, _TYPES = 0x800002, 3  # Q_QUOTAON, MAXQUOTAS
_HEAD = (hexadecimal("cmd"), string("special"), uid("id"))
_OPEN_HEAD = (fd(), hexadecimal("cmd"), uid("id"))
_PATH = string("path")
# The longest structure: which one a command takes is no matter of the whole number, as half of it is the type.
_ARGUMENT = struct_inout("addr", "quota_argument")
_TURNING_ON = tuple((_QUOTA_ON << 8 | kind) & 0xFFFFFFFF for kind in range(_TYPES))

CALLS: tuple[Call, ...] = (
    call("quotactl", *_HEAD, _ARGUMENT, variant_arg=0, variants=dict.fromkeys(_TURNING_ON, (*_HEAD, _PATH))),
    call(
        "quotactl_fd", *_OPEN_HEAD, _ARGUMENT, variant_arg=1, variants=dict.fromkeys(_TURNING_ON, (*_OPEN_HEAD, _PATH))
    ),
)
