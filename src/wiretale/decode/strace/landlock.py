"""Landlock's rulesets in strace's words. Source: linux/landlock.h."""

from collections.abc import Callable

from wiretale.decode.strace.arguments import Printer, address
from wiretale.decode.strace.arrays import whole
from wiretale.decode.structs import integers
from wiretale.decode.syscalls.spec import Arg
from wiretale.decode.writer import Writer

_SIZE = 8  # of struct landlock_ruleset_attr in Linux 5.13
_VERSION = 1  # LANDLOCK_CREATE_RULESET_VERSION


def _ruleset(w: Writer, index: int, arg: Arg) -> str:
    size, data = w.unsigned(w.values[1]), whole(w, index, at_exit=False)
    if size < _SIZE or data is None or len(data) < _SIZE or w.values[2] & _VERSION:
        return address(w, index)
    access = w.flags("landlock_access_fs", integers(arg.struct, w.arch, data)["handled_access_fs"])
    return f"{{handled_access_fs={access}{', ...' if size > _SIZE else ''}}}"


def _made(w: Writer) -> str:
    """Asked for the version it returns no descriptor."""
    return str(w.call.retval) if w.values[2] & _VERSION else ""


RESULTS: dict[str, Callable[[Writer], str]] = {"landlock_create_ruleset": _made}
ARGUMENTS: dict[tuple[str, str], Printer] = {("landlock_create_ruleset", "attr"): _ruleset}
