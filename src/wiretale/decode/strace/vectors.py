"""Calls whose arrays strace prints with their ends: semaphores, the memory of other processes, groups, futexes."""

from wiretale.decode.strace.arguments import Printer, address
from wiretale.decode.strace.arrays import array
from wiretale.decode.structs import integers
from wiretale.decode.syscalls.spec import Arg
from wiretale.decode.writer import Writer, signed32

_MOST_FUTEXES = 128  # linux/futex.h: FUTEX_WAITV_MAX
_MOST_GROUPS = 65536  # linux/limits.h: NGROUPS_MAX


def _array(w: Writer, index: int, arg: Arg) -> str:
    return array(w, index, arg)


def _futexes(w: Writer, index: int, arg: Arg) -> str:
    """The kernel takes no more than so many."""
    text = array(w, index, arg, text=_futex)
    if w.values[arg.length] & 0xFFFFFFFF <= _MOST_FUTEXES or not text.startswith("["):
        return text
    shown = text.split("}, {")
    return text if len(shown) <= _MOST_FUTEXES else "}, {".join(shown[:_MOST_FUTEXES]) + "}, ...]"


def _futex(w: Writer, data: bytes) -> str:
    v = integers("futex_waitv", w.arch, data)
    rest = int.from_bytes(data[20:24], "little")
    reserved = f", __reserved={rest:#x}" if rest else ""
    value, place = (hex(v[name]) if v[name] else "" for name in ("val", "uaddr"))
    return f"{{val={value or 0}, uaddr={place or 'NULL'}, flags={w.flags('futex2', v['flags'])}{reserved}}}"


def _groups(w: Writer, index: int, arg: Arg) -> str:
    return address(w, index) if w.values[0] & 0xFFFFFFFF > _MOST_GROUPS else array(w, index, arg, text=_group)


def _group(w: Writer, data: bytes) -> str:
    value = int.from_bytes(data, "little")
    return "-1" if value == (1 << 8 * len(data)) - 1 else str(value)


def _count(w: Writer, index: int, arg: Arg) -> str:
    return str(signed32(w.values[index]))


ARGUMENTS: dict[tuple[str, str], Printer] = {
    **{(name, "sops"): _array for name in ("semop", "semtimedop", "semtimedop_time64")},
    **{(name, "remote_iov"): _array for name in ("process_vm_readv", "process_vm_writev")},
    ("process_madvise", "iovec"): _array,
    **{(name, "size"): _count for name in ("setgroups", "setgroups32")},
    **{(name, "list"): _groups for name in ("setgroups", "setgroups32")},
    ("futex_waitv", "waiters"): _futexes,
}
