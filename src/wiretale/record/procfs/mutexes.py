"""Who owns a mutex of glibc that a thread waits for: pure, from the bytes at the futex word.

The layout is that of `struct __pthread_mutex_s` (bits/struct_mutex.h of glibc, the same for 64-bit x86 and arm64):
the word, the depth of a recursive lock, the owner's thread id, the number of its users, the kind. A futex word may be
anything else: what does not fit in every field is no mutex, and no owner is given.
"""

import struct
from typing import NamedTuple

WAITS = (0, 9)  # FUTEX_WAIT, FUTEX_WAIT_BITSET (linux/futex.h)
PI_LOCKS = (6, 13)  # FUTEX_LOCK_PI, FUTEX_LOCK_PI2: the kernel itself keeps the owner in the word (futex(2))
_OPERATION = 0x7F  # without FUTEX_PRIVATE_FLAG and FUTEX_CLOCK_REALTIME
_TID_MASK = 0x3FFFFFFF  # FUTEX_TID_MASK
_LOCKED_AND_WAITED_FOR = 2  # of a word that does not hold the owner (glibc, lowlevellock.h)
_FIELDS = struct.Struct("<IIiIi")
SIZE = _FIELDS.size

# enum of pthreadP.h: what a kind is made of. The rest of it tells how the kernel and the CPU help.
_TYPE, _ROBUST, _PRIO_INHERIT, _PRIO_PROTECT = 3, 16, 32, 64
_RECURSIVE = 1
_KNOWN_KIND = 3 | 16 | 32 | 64 | 128 | 256 | 512  # type, robust, PI, priority ceiling, shared, elision or none


class Mutex(NamedTuple):
    """A mutex that is locked. `owner` is in the process's own pid namespace."""

    owner: int
    kind: str


_TYPES = ("normal", "recursive", "error-checking", "adaptive")


def operation(flags: int) -> int:
    """The command in the second argument of futex()."""
    return flags & _OPERATION


def mutex_at(memory: bytes, flags: int, expected: int) -> Mutex | None:
    """The mutex whose word is at the beginning of `memory`, and which futex(word, flags, expected) waits for."""
    if len(memory) < SIZE:
        return None
    word, depth, owner, users, kind = _FIELDS.unpack_from(memory)
    of_kernel = operation(flags) in PI_LOCKS
    if not of_kernel and (operation(flags) not in WAITS or word != expected):
        return None
    if kind & ~_KNOWN_KIND or owner <= 0 or not users or of_kernel != bool(kind & _PRIO_INHERIT):
        return None
    # Of a usual mutex only recursive ones count how often they are locked; those of three kinds always say at least 1.
    if bool(depth) != (kind & _TYPE == _RECURSIVE or bool(kind & (_ROBUST | _PRIO_INHERIT | _PRIO_PROTECT))):
        return None
    holds_owner = bool(kind & (_ROBUST | _PRIO_INHERIT))
    if word & _TID_MASK != owner if holds_owner else word != _LOCKED_AND_WAITED_FOR:
        return None
    return Mutex(owner, ("robust " if kind & _ROBUST else "") + _TYPES[kind & _TYPE])
