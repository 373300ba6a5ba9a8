"""Arguments of single calls, structures, and calls with an order of their own, in strace's words."""

from collections.abc import Callable

from wiretale.decode import arguments as shared
from wiretale.decode.strace.arguments import Printer, address, path_result
from wiretale.decode.strace.strings import hex_literal
from wiretale.decode.struct_text import struct_text
from wiretale.decode.structs import unpack
from wiretale.decode.syscalls.spec import Arg
from wiretale.decode.writer import Writer, pointer_text, signed32

StructPrinter = Callable[[Writer, str, bytes], str]

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


REWRITES: dict[str, Callable[[Writer, tuple[Arg, ...], bool], str]] = {"clone": _clone}

# How many arguments are printed at the entry, where that is not "up to the first that the kernel fills in".
ENTRY_ARGUMENTS: dict[str, int] = {
    "poll": 3,
    "ppoll": 5,
    "ppoll_time64": 5,
    "select": 5,
    "_newselect": 5,
    "pselect6": 6,
    "pselect6_time64": 6,
    "epoll_ctl": 4,
    "exit_group": 1,
    "exit": 1,
    "rt_sigreturn": 0,
}


def _random(w: Writer, index: int, arg: Arg) -> str:
    datum = w.readable(index, "payload", at_exit=True)
    if datum is None:
        return shared.KINDS[arg.kind](w, index, arg)
    shown = datum.bytes[: w.limit]
    return hex_literal(shown) + ("..." if datum.full_bytes > len(shown) else "")


SPECIAL: dict[tuple[str, str], Printer] = {
    **shared.SPECIAL,
    ("getrandom", "buf"): _random,
    ("getcwd", "buf"): path_result,
    ("ioctl", "argp"): lambda w, i, a: shared.SPECIAL["ioctl", "argp"](w, i, a),
}
for _call in ("readlink", "readlinkat"):
    del SPECIAL[_call, "buf"]

STRUCTS: dict[str, StructPrinter] = {}
