"""Calls whose arguments strace prints in an order of its own: what comes at the entry, and what at the exit."""

from collections.abc import Callable

from wiretale.decode import arguments as shared
from wiretale.decode.signals import signal_set
from wiretale.decode.strace.arguments import address
from wiretale.decode.structs import integers
from wiretale.decode.syscalls.spec import Arg
from wiretale.decode.writer import Writer

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
        text = address(w, place[name])
        shown.append(f", {label}={text}")
    return "".join(shown)


def _sigreturn(w: Writer, args: tuple[Arg, ...], at_exit: bool) -> str:
    """The mask that comes back into force, read from the frame on the stack."""
    frame = None if at_exit else w.readable(0, "struct", at_exit=False)
    return (
        "" if frame is None or len(frame.bytes) < 8 else f"{{mask={signal_set(int.from_bytes(frame.bytes, 'little'))}}}"
    )


_CLONE_FIELDS = (  # of struct clone_args; the flags that make an optional one meaningful
    ("flags", -1), ("pidfd", 0x1000), ("child_tid", _CLONE_CHILD_TID), ("parent_tid", _CLONE_PARENT_SETTID),
    ("exit_signal", -1), ("stack", -1), ("stack_size", -1), ("tls", _CLONE_SETTLS),
)  # fmt: skip


def _clone3(w: Writer, args: tuple[Arg, ...], at_exit: bool) -> str:
    datum = w.readable(0, "struct", at_exit=False)
    size = w.unsigned(w.values[1])
    values = integers("clone_args", w.arch, datum.bytes) if datum is not None else {}
    if "tls" not in values:
        return f", {size}" if at_exit else address(w, 0)
    flags = values["flags"]
    if at_exit:
        born = w.succeeded and flags & _CLONE_PARENT_SETTID
        return (f" => {{parent_tid=[{w.call.retval}]}}" if born else "") + f", {size}"
    shown = []
    for name, used in _CLONE_FIELDS:
        value = values[name]
        if used != -1 and not flags & used:
            continue
        if name == "flags":
            shown.append(f"flags={w.flags('clone', value)}")
        elif name == "exit_signal":
            shown.append(f"exit_signal={w.signal(value) if value else 0}")
        else:
            shown.append(f"{name}={hex(value) if value else '0' if name == 'stack_size' else 'NULL'}")
    return "{" + ", ".join(shown) + "}"


REWRITES: dict[str, Callable[[Writer, tuple[Arg, ...], bool], str]] = {
    "clone": _clone,
    "clone3": _clone3,
    "rt_sigreturn": _sigreturn,
}
