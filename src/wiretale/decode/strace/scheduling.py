"""Scheduling in strace's words. Sources: linux/sched/types.h, linux/sched.h."""

from collections.abc import Callable

from wiretale.decode.strace import names
from wiretale.decode.strace.arguments import Printer, address
from wiretale.decode.strace.arrays import whole
from wiretale.decode.strace.style import Names
from wiretale.decode.struct_text import field_text
from wiretale.decode.structs import integers, unpack
from wiretale.decode.syscalls.spec import Arg
from wiretale.decode.writer import Writer

_FIRST_SIZE, _KNOWN_SIZE = 48, 56  # SCHED_ATTR_SIZE_VER0, SCHED_ATTR_SIZE_VER1


def _parameter(w: Writer, index: int, arg: Arg) -> str:
    data = whole(w, index, at_exit=w.call.name == "sched_getparam")
    if data is None or len(data) < 4:
        return address(w, index)
    return f"[{int.from_bytes(data[:4], 'little', signed=True)}]"


_E2BIG = 7  # asm-generic/errno-base.h
_KEEP_POLICY, _KEEP_PARAMS = 8, 16  # SCHED_FLAG_KEEP_POLICY, SCHED_FLAG_KEEP_PARAMS
_PARAMETERS = frozenset({"sched_nice", "sched_priority", "sched_runtime", "sched_deadline", "sched_period"})


def _attributes(w: Writer, index: int, arg: Arg) -> str:
    """As many fields as the structure says that it has."""
    out = w.call.name == "sched_getattr"
    data = whole(w, index, at_exit=out)
    size = integers("sched_attr", w.arch, data).get("size") if data is not None else None
    if data is None or size is None or (out and size < _FIRST_SIZE):
        return address(w, index)
    if 0 < size < _FIRST_SIZE:
        after = w.datum(index, "struct", at_exit=True)
        wanted = int.from_bytes(after.bytes[:4], "little") if after is not None and w.call.errno == _E2BIG else size
        return f"{{size={size}}}" + (f" => {{size={wanted}}}" if wanted != size else "")
    wanted = _KNOWN_SIZE if size >= _KNOWN_SIZE else _FIRST_SIZE
    if len(data) < wanted:
        return address(w, index)
    flags = integers("sched_attr", w.arch, data)["sched_flags"] if not out else 0
    hidden = _PARAMETERS if flags & _KEEP_PARAMS else frozenset()
    hidden |= {"sched_policy"} if flags & (_KEEP_POLICY | _KEEP_PARAMS) else set()
    fields = unpack("sched_attr", w.arch, data[:wanted])
    shown = [f"{f.name}={field_text(w, f, v)}" for f, v in fields if f.name not in hidden]
    return "{" + ", ".join([*shown, *(["..."] if size > _KNOWN_SIZE else [])]) + "}"


def _processors(*, out: bool) -> Printer:
    """A set of CPUs; one of no bytes is empty."""

    def text(w: Writer, index: int, arg: Arg) -> str:
        if not w.unsigned(w.values[1]) and w.values[index] and not out:
            return "[]"
        data = whole(w, index, at_exit=out, role="payload")
        if data is None:
            return address(w, index)
        mask = int.from_bytes(data, "little")
        return "[" + " ".join(str(n) for n in range(mask.bit_length()) if mask >> n & 1) + "]"

    return text


def _given_policy(w: Writer, index: int, arg: Arg) -> str:
    return w.enum("sched_policy", w.values[index] & 0xFFFFFFFF)


def _policy(w: Writer) -> str:
    value = w.unsigned(w.call.retval or 0)
    return f"{names.number(value)} ({names.one('sched_policy', value, w.arch, Names.ABBREV)})"


ARGUMENTS: dict[tuple[str, str], Printer] = {
    **{(name, "param"): _parameter for name in ("sched_getparam", "sched_setparam", "sched_setscheduler")},
    **{(name, "attr"): _attributes for name in ("sched_getattr", "sched_setattr")},
    ("sched_setscheduler", "policy"): _given_policy,
    ("sched_setaffinity", "mask"): _processors(out=False),
    ("sched_getaffinity", "mask"): _processors(out=True),
}
RESULTS: dict[str, Callable[[Writer], str]] = {"sched_getscheduler": _policy}
