"""Extended attributes in strace's words. Sources: xattr(7), linux/limits.h."""

from wiretale.decode.strace.arguments import KINDS, Printer, address, short_string
from wiretale.decode.syscalls.spec import Arg
from wiretale.decode.writer import Writer

_MOST = 65536  # XATTR_SIZE_MAX


def _value(w: Writer, index: int, arg: Arg) -> str:
    """A value; the NUL that often ends one is not shown."""
    size = w.unsigned(w.values[arg.length])
    given = w.call.name.endswith("setxattr")
    if size > _MOST and given:
        return address(w, index)
    datum = w.readable(index, "payload", at_exit=not given)
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
    **{(f"{on}{do}xattr", "value"): _value for on in _ON for do in ("set", "get")},
    **{(f"{on}listxattr", "list"): _names for on in _ON},
}
