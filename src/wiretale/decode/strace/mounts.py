"""Mounting in strace's words. Source: linux/mount.h."""

from wiretale.decode.strace import names
from wiretale.decode.strace.arguments import KINDS, Printer, address, bounded_string, short_string, strace
from wiretale.decode.strace.arrays import beyond, whole
from wiretale.decode.strace.strings import hex_literal
from wiretale.decode.struct_text import field_text
from wiretale.decode.structs import integers, unpack
from wiretale.decode.syscalls.spec import Arg, Kind
from wiretale.decode.writer import Writer, signed32

_MAGIC, _MAGIC_MASK = 0xC0ED0000, 0xFFFF0000  # MS_MGC_VAL, MS_MGC_MSK
_REMOUNT, _BIND, _MOVE = 32, 4096, 8192
_PROPAGATIONS = 1 << 17 | 1 << 18 | 1 << 19 | 1 << 20  # MS_UNBINDABLE, MS_PRIVATE, MS_SLAVE, MS_SHARED
_PREFER, _PRIORITY = 0x8000, 0x7FFF  # sys/swap.h: SWAP_FLAG_PREFER, SWAP_FLAG_PRIO_MASK
_MOST_BINARY = 1 << 20  # fs/fsopen.c
_KEYED = range(6)  # FSCONFIG_SET_FLAG to FSCONFIG_SET_FD


def _flags(w: Writer) -> int:
    flags = w.unsigned(w.values[3])
    return flags & ~_MAGIC_MASK if flags & _MAGIC_MASK == _MAGIC else flags


def _mount_flags(w: Writer, index: int, arg: Arg) -> str:
    value, rest = w.unsigned(w.values[index]), _flags(w)
    if rest == value:
        return w.flags("mount_flags_all", value)
    magic = w.note("MS_MGC_VAL", _MAGIC)
    return f"{magic}|{w.flags('mount_flags_all', rest)}" if rest else magic


def _binary(w: Writer, index: int, arg: Arg) -> str:
    size = signed32(w.values[4])
    if not size and w.values[index]:
        return '""'
    datum = w.readable(index, "payload", at_exit=False)
    if datum is None or not 0 <= size <= _MOST_BINARY:
        return address(w, index)
    wanted = min(datum.full_bytes, w.limit)
    if len(datum.bytes) < wanted:
        return address(w, index)
    return hex_literal(datum.bytes[:wanted]) + ("..." if wanted < datum.full_bytes else "")


_ATTR_SIZE, _ID_MAP = 32, 0x100000  # MOUNT_ATTR_SIZE_VER0, MOUNT_ATTR_IDMAP


def _attributes(w: Writer, index: int, arg: Arg) -> str:
    size, data = w.unsigned(w.values[4]), whole(w, index, at_exit=False)
    if size < _ATTR_SIZE or data is None or len(data) < _ATTR_SIZE:
        return address(w, index)
    values = unpack("mount_attr", w.arch, data)
    mapped = integers("mount_attr", w.arch, data)["attr_set"] & _ID_MAP
    shown = [
        f"{f.name}={w.fd(v) if mapped and f.name == 'userns_fd' and isinstance(v, int) else field_text(w, f, v)}"
        for f, v in values
    ]
    extra = beyond(w, data, _ATTR_SIZE, size)
    return "{" + ", ".join([*shown, *([extra] if extra else [])]) + "}"


def _type(w: Writer, index: int, arg: Arg) -> str:
    """Not looked at where something that is mounted already is meant."""
    ignored = _flags(w) & (_REMOUNT | _BIND | _MOVE | _PROPAGATIONS)
    return address(w, index) if ignored else short_string(w, index, arg)


def _data(w: Writer, index: int, arg: Arg) -> str:
    ignored = _flags(w) & (_BIND | _MOVE | _PROPAGATIONS) and not _flags(w) & _REMOUNT
    return address(w, index) if ignored else short_string(w, index, arg)


_word = bounded_string(256)  # fs/fsopen.c


def _key(w: Writer, index: int, arg: Arg) -> str:
    return _word(w, index, arg) if w.values[1] & 0xFFFFFFFF in _KEYED else address(w, index)


def _swap_flags(w: Writer, index: int, arg: Arg) -> str:
    value, style = w.values[index] & 0xFFFFFFFF, strace(w).style.names
    flags, priority = value & ~_PRIORITY, value & _PRIORITY
    if not flags:
        return str(priority)
    text = names.several("swap_flags", flags, w.arch, style)
    return f"{text}|{priority}" if priority or flags & _PREFER else text


ARGUMENTS: dict[tuple[str, str], Printer] = {
    ("mount", "mountflags"): _mount_flags,
    ("mount", "filesystemtype"): _type,
    ("mount", "data"): _data,
    ("fsconfig", "key"): _key,
    ("fsconfig", "text"): _word,
    ("fsconfig", "binary"): _binary,
    ("mount_setattr", "attr"): _attributes,
    ("fsconfig", "path"): KINDS[Kind.STRING],
    ("fsmount", "attr_flags"): lambda w, i, a: w.flags("fsmount_attr", w.values[i] & 0xFFFFFFFF),
    ("swapon", "swapflags"): _swap_flags,
}
