"""-k: the stack of a call or a signal, a line for each frame, the innermost first."""

import ctypes
from collections.abc import Callable
from functools import lru_cache

from wiretale.model.spool import Role
from wiretale.store.load.tracer_events import TracerEvent

_STRINGS = 4  # of a frame: see record/ptrace/part_stack.h
_MANGLED = "_Z"  # how names of C++ begin


def stack_text(e: TracerEvent) -> str:
    """The lines; none if the event has no stack."""
    data = next((c.data for c in e.chunks if c.role == Role.STACK), b"")
    words = [word.decode(errors="replace") for word in data.split(b"\0")[:-1]]
    frames = zip(*(words[i::_STRINGS] for i in range(_STRINGS)), strict=True)
    return "".join(f" > {_frame(*frame)}\n" for frame in frames)


def _frame(path: str, name: str, distance: str, place: str) -> str:
    if not path:  # memory that no file is mapped to: code made at run time, or a stack that cannot be followed
        return f"?? [0x{place}]"
    symbol = f"{_demangled(name)}+0x{distance}" if name else ""
    return f"{path}({symbol}) [0x{place}]"


@lru_cache(maxsize=4096)
def _demangled(name: str) -> str:
    demangle = _demangler() if name.startswith(_MANGLED) else None
    return demangle(name) if demangle is not None else name


@lru_cache(maxsize=1)
def _demangler() -> Callable[[str], str] | None:
    """What the C++ library of the machine offers for it; None without one."""
    try:
        function = ctypes.CDLL("libstdc++.so.6").__cxa_demangle
        free = ctypes.CDLL(None).free
    except (OSError, AttributeError):
        return None
    function.restype = ctypes.c_void_p
    free.argtypes = [ctypes.c_void_p]

    def demangle(name: str) -> str:
        made = function(name.encode(), None, None, None)
        if not made:
            return name
        text = ctypes.string_at(made).decode(errors="replace")
        free(made)
        return text

    return demangle
