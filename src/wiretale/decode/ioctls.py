"""Arguments of requests of ioctl whose number says how much they move and which way (asm-generic/ioctl.h).

Each row names the structure (`struct_fields.py`) behind the pointer. Sources: the header named beside each group.
"""

from wiretale.decode.struct_text import struct_text
from wiretale.decode.structs import struct_size
from wiretale.decode.writer import Writer, pointer_text

STRUCTS: dict[int, str] = {
    # asm-generic/ioctls.h
    0x40045431: "int",  # TIOCSPTLCK
    0x80045430: "int",  # TIOCGPTN
    0x80045432: "int",  # TIOCGDEV
    0x80045440: "int",  # TIOCGEXCL
    # linux/fs.h
    0x80081272: "u64",  # BLKGETSIZE64
}
_READS = 2  # _IOC_READ


def is_known(request: int) -> bool:
    """Whether there is a row for the request."""
    return request in STRUCTS


def reads(request: int) -> bool:
    """Whether the kernel fills in what the pointer of a known request points to."""
    return bool(request >> 30 & _READS) and request in STRUCTS


def requested(w: Writer, index: int) -> str:
    """The structure of a request, as it was given, or as it came back."""
    request = w.values[1] & 0xFFFFFFFF
    name = STRUCTS.get(request, "")
    pieces = [w.readable(index, "struct", at_exit=at_exit) for at_exit in (False, True)]
    before, after = (piece.bytes if piece is not None else None for piece in pieces)
    address = pointer_text(w.unsigned(w.values[index]))
    given = after if request >> 30 & _READS else before
    if not name or given is None or len(given) < struct_size(name, w.arch):
        return address
    return struct_text(w, name, given)
