"""Calls whose arguments strace prints in an order of its own: what comes at the entry, and what at the exit."""

import struct
from collections.abc import Callable

from wiretale.decode import arguments as shared
from wiretale.decode.signals import signal_set
from wiretale.decode.strace.arguments import address, strace
from wiretale.decode.strace.arrays import beyond
from wiretale.decode.structs import integers
from wiretale.decode.syscalls.spec import Arg
from wiretale.decode.writer import Writer, pointer_text

_SIGNALS = 64
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
        text = _parent_tid(w, place[name], flags) if name == "parent_tid" else address(w, place[name])
        shown.append(f", {label}={text}")
    return "".join(shown)


def _parent_tid(w: Writer, index: int, flags: int) -> str:
    """Where the new thread's number is left, or a descriptor of the new process."""
    datum = w.readable(index, "struct", at_exit=True) if w.succeeded else None
    if datum is None or len(datum.bytes) < 4:
        return address(w, index)
    number = int.from_bytes(datum.bytes[:4], "little", signed=True)
    return f"[{w.fd(number) if flags & _CLONE_PIDFD else strace(w).pid(number)}]"


def _sigreturn(w: Writer, args: tuple[Arg, ...], at_exit: bool) -> str:
    """The mask that comes back into force, read from the frame on the stack."""
    if at_exit:
        return ""
    halves = (w.datum(0, "struct", at_exit=False, idx=idx) for idx in (0, 1))
    mask = b"".join(half.bytes for half in halves if half is not None)
    return f"{{mask={signal_set(int.from_bytes(mask, 'little'))}}}" if len(mask) == 8 else ""


_PIDFD_OFFSET, _PARENT_OFFSET, _SET_TID_OFFSET = 8, 24, 64  # linux/sched.h: struct clone_args
_CLONE_INTO_CGROUP = 0x200000000
_FIRST_SIZE, _KNOWN_SIZE = 64, 88  # CLONE_ARGS_SIZE_VER0, CLONE_ARGS_SIZE_VER2


def _followed(w: Writer, offset: int, pointer: int, *, at_exit: bool) -> str:
    """The number that a pointer of clone_args points to."""
    datum = w.datum(0, "struct", at_exit=at_exit, idx=1 + offset)
    if datum is None or len(datum.bytes) < 4 or not pointer:
        return pointer_text(pointer)
    number = int.from_bytes(datum.bytes[:4], "little", signed=True)
    return f"[{w.fd(number) if offset == _PIDFD_OFFSET else number}]"


def _set_tid(w: Writer, pointer: int, count: int) -> str:
    datum = w.datum(0, "struct", at_exit=False, idx=1 + _SET_TID_OFFSET)
    if not pointer or not 0 < count <= 32 or datum is None or len(datum.bytes) < 4 * count:
        return f"set_tid={pointer_text(pointer)}, set_tid_size={count}"
    numbers = [v for (v,) in struct.iter_unpack("<i", datum.bytes[: 4 * count])]
    return f"set_tid=[{', '.join(map(strace(w).pid, numbers))}], set_tid_size={count}"


def _clone3(w: Writer, args: tuple[Arg, ...], at_exit: bool) -> str:
    size = w.unsigned(w.values[1])
    datum = None if strace(w).terse else w.datum(0, "struct", at_exit=False)
    data = datum.bytes if datum is not None else b""
    if size < _FIRST_SIZE or len(data) < min(size, _KNOWN_SIZE):
        return f", {size}" if at_exit else address(w, 0)
    values = integers("clone_args", w.arch, data[:_KNOWN_SIZE].ljust(_KNOWN_SIZE, b"\0"))
    return _clone3_made(w, values, data, size) if at_exit else _clone3_asked(w, values, data, size)


def _clone3_asked(w: Writer, v: dict[str, int], data: bytes, size: int) -> str:
    flags = v["flags"]
    shown = [f"flags={w.flags('clone3', flags)}"]
    optional = (("pidfd", _CLONE_PIDFD), ("child_tid", _CLONE_CHILD_TID), ("parent_tid", _CLONE_PARENT_SETTID))
    shown += [f"{name}={pointer_text(v[name])}" for name, used in optional if flags & used]
    signal = v["exit_signal"]
    shown.append(f"exit_signal={w.signal(signal) if 0 < signal <= _SIGNALS else signal}")
    shown.append(f"stack={pointer_text(v['stack'])}, stack_size={hex(v['stack_size']) if v['stack_size'] else 0}")
    shown += [f"tls={pointer_text(v['tls'])}"] if flags & _CLONE_SETTLS else []
    shown += [_set_tid(w, v["set_tid"], v["set_tid_size"])] if v["set_tid"] or v["set_tid_size"] else []
    if flags & _CLONE_INTO_CGROUP and size >= _KNOWN_SIZE:
        shown.append(f"cgroup={w.fd(v['cgroup']) if v['cgroup'] < 1 << 31 else v['cgroup']}")
    elif v["cgroup"]:
        shown.append(f"cgroup={v['cgroup']}")
    extra = beyond(w, data, _KNOWN_SIZE, size)
    return "{" + ", ".join([*shown, *([extra] if extra else [])]) + "}"


def _clone3_made(w: Writer, v: dict[str, int], data: bytes, size: int) -> str:
    """What the kernel filled in."""
    shown = []
    if w.succeeded:
        if v["flags"] & _CLONE_PIDFD:
            shown.append(f"pidfd={_followed(w, _PIDFD_OFFSET, v['pidfd'], at_exit=True)}")
        if v["flags"] & _CLONE_PARENT_SETTID:
            shown.append(f"parent_tid={_followed(w, _PARENT_OFFSET, v['parent_tid'], at_exit=True)}")
        extra = beyond(w, data, _KNOWN_SIZE, size)
        shown += [extra] if extra else []
    return (f" => {{{', '.join(shown)}}}" if shown else "") + f", {size}"


REWRITES: dict[str, Callable[[Writer, tuple[Arg, ...], bool], str]] = {
    "clone": _clone,
    "clone3": _clone3,
    "rt_sigreturn": _sigreturn,
    "sigreturn": _sigreturn,
}
