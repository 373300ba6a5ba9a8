"""Extended attributes in strace's words. Sources: xattr(7), linux/limits.h."""

from wiretale.decode.record_types import Datum
from wiretale.decode.strace.arguments import KINDS, Printer, address, short_string
from wiretale.decode.syscalls.spec import Arg
from wiretale.decode.writer import Writer

_MOST = 65536  # XATTR_SIZE_MAX


def _given(w: Writer, index: int, arg: Arg) -> str:
    too_long = w.unsigned(w.values[arg.length]) > _MOST
    return address(w, index) if too_long else _value(w, index, arg, w.readable(index, "payload", at_exit=False))


def _returned(w: Writer, index: int, arg: Arg) -> str:
    return _value(w, index, arg, w.readable(index, "payload", at_exit=True))


def _value(w: Writer, index: int, arg: Arg, datum: Datum | None) -> str:
    """A value; the NUL that often ends one is not shown."""
    whole = datum is not None and len(datum.bytes) == datum.full_bytes <= w.limit
    if whole and datum is not None and datum.bytes.endswith(b"\0"):
        return w.data(datum.bytes[:-1], datum.full_bytes - 1)
    return KINDS[arg.kind](w, index, arg)


def _names(w: Writer, index: int, arg: Arg) -> str:
    """The names of all attributes; who gives no room asks for their size."""
    return KINDS[arg.kind](w, index, arg) if w.unsigned(w.values[arg.length]) else address(w, index)


_ON = ("", "l", "f")
ARGUMENTS: dict[tuple[str, str], Printer] = {
    **{(f"{on}{do}xattr", "name"): short_string for on in _ON for do in ("set", "get", "remove")},
    **{(f"{on}setxattr", "value"): _given for on in _ON},
    **{(f"{on}getxattr", "value"): _returned for on in _ON},
    **{(f"{on}listxattr", "list"): _names for on in _ON},
}
