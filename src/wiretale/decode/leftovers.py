"""What some calls leave in the program's memory: the entries of a directory, the rest of an interrupted sleep."""

from wiretale.decode.struct_text import struct_text
from wiretale.decode.syscalls.spec import Arg
from wiretale.decode.writer import Writer, pointer_text

_LENGTH_AT = 16  # d_reclen, behind d_ino and d_off (linux/dirent.h)
_INTERRUPTED = frozenset({4, 512, 513, 514, 516})  # EINTR, and the restarts of include/linux/errno.h


def directory(w: Writer, index: int, arg: Arg) -> str:
    """getdents fills its buffer with records of different lengths: 0x7f... /* 12 entries */."""
    address = pointer_text(w.unsigned(w.values[index]))
    datum = w.readable(index, "payload", at_exit=True)
    if not w.succeeded or (datum is None and w.call.retval):
        return address
    data, at, count = datum.bytes if datum is not None else b"", 0, 0
    length_at = _LENGTH_AT if w.word == 8 or w.call.name == "getdents64" else 2 * w.word
    while at + length_at + 2 <= len(data):
        step = int.from_bytes(data[at + length_at : at + length_at + 2], "little")
        if not step:
            break
        at, count = at + step, count + 1
    more = "+" if datum is not None and len(data) < datum.full_bytes else ""
    return f"{address} /* {count}{more} entr{'y' if count == 1 and not more else 'ies'} */"


def remaining(w: Writer, index: int, arg: Arg) -> str:
    """The kernel writes it only if the sleep was interrupted."""
    datum = w.readable(index, "struct", at_exit=True)
    if datum is None or len(datum.bytes) < datum.full_bytes or w.call.errno not in _INTERRUPTED:
        return pointer_text(w.unsigned(w.values[index]))
    return struct_text(w, arg.struct, datum.bytes)
