"""prctl in strace's words: its arguments where the kind does not say all, and what its return value means."""

from collections.abc import Callable

from wiretale.decode.strace import filters, names
from wiretale.decode.strace.arguments import Printer, address, bounded_string, short_string, strace
from wiretale.decode.strace.style import Names
from wiretale.decode.struct_text import struct_text
from wiretale.decode.syscalls.spec import Arg
from wiretale.decode.writer import Writer, signed32

_SIGNALS = 64
_MCE_SET, _AMBIENT = 1, range(1, 4)  # PR_MCE_KILL_SET; PR_CAP_AMBIENT_IS_SET, _RAISE, _LOWER
_SECCOMP_FILTER, _SCHED_CORE_GET, _PTRACER_ANY = 2, 0, -1
_VL_LENGTH = 0xFFFF  # linux/prctl.h: PR_SVE_VL_LEN_MASK, PR_SME_VL_LEN_MASK
_TAGGED, _MTE_MODE, _MTE_TAGS, _MTE_SHIFT = 1, 6, 0x7FFF8, 3


def _long(w: Writer, index: int) -> int:
    return w.unsigned(w.values[index])


def _signal(w: Writer, index: int, arg: Arg) -> str:
    value = _long(w, index)
    return w.signal(value) if 0 < value <= _SIGNALS else str(value)


def _known(choices: tuple[int, ...] | range) -> Printer:
    """One constant, if the argument before says that this one is looked at."""

    def text(w: Writer, index: int, arg: Arg) -> str:
        value = _long(w, index)
        return w.enum(arg.constants, value) if _long(w, index - 1) in choices else names.number(value)

    return text


def _speculation(w: Writer, index: int, arg: Arg) -> str:
    value = _long(w, index)
    known = names.known("prctl_spec", _long(w, index - 1), w.arch)
    return w.enum(arg.constants, value) if known else names.number(value)


def _filter(w: Writer, index: int, arg: Arg) -> str:
    """The filter of a mode that has one."""
    mode = _long(w, 1)
    if mode != _SECCOMP_FILTER:
        return _rest(w, index, arg)
    datum = w.readable(index, "struct", at_exit=False)
    whole = datum is not None and len(datum.bytes) >= datum.full_bytes
    return filters.program_of(strace(w), index, datum.bytes, seccomp=True) if whole and datum else address(w, index)


def _rest(w: Writer, index: int, arg: Arg) -> str:
    """What is behind a mode that nobody knows."""
    known = names.known("seccomp_mode", _long(w, 1), w.arch)
    return "" if known else names.number(_long(w, index))


def vector_length(table: str) -> Callable[[Writer, int], str]:
    """Flags, and the length of a vector."""

    def text(w: Writer, value: int) -> str:
        flags, length = value & ~_VL_LENGTH, value & _VL_LENGTH
        named = f"{names.several(table, flags, w.arch, Names.ABBREV)}|" if flags else ""
        return named + names.number(length)

    return text


_SVE, _SME = vector_length("prctl_sve"), vector_length("prctl_sme")


def _length(w: Writer, index: int, arg: Arg) -> str:
    text, value = _SVE if w.values[0] & 0xFFFFFFFF == 50 else _SME, _long(w, index)
    return _styled(w, value, text)


def _styled(w: Writer, value: int, text: Callable[[Writer, int], str]) -> str:
    """A number made of parts: as one number where constants are numbers, and with it where both are shown."""
    writer = strace(w)
    style = writer.style.names
    if style is Names.RAW:
        return names.number(value)
    if style is Names.ABBREV:
        return text(w, value)
    meant, plain = text(w, value), names.number(value)
    return plain if meant == plain else f"{plain} /* {meant} */"


def _tagged_text(w: Writer, value: int) -> str:
    arch, plain = w.arch, Names.ABBREV
    parts = ["PR_TAGGED_ADDR_ENABLE" if value & _TAGGED else "!PR_TAGGED_ADDR_ENABLE"]
    parts.append(names.one("prctl_mte", value & _MTE_MODE, arch, plain))
    tags, rest = (value & _MTE_TAGS) >> _MTE_SHIFT, value & ~(_TAGGED | _MTE_MODE | _MTE_TAGS)
    parts += [f"{tags:#x}<<PR_MTE_TAG_SHIFT"] if tags else []
    return "|".join([*parts, *([hex(rest)] if rest else [])])


def _tagged(w: Writer, index: int, arg: Arg) -> str:
    return _styled(w, _long(w, index), _tagged_text)


def _tracer(w: Writer, index: int, arg: Arg) -> str:
    value = _long(w, index)
    known = signed32(value) == _PTRACER_ANY
    return w.note("PR_SET_PTRACER_ANY", _PTRACER_ANY) if known else strace(w).pid(signed32(value))


def _cookie(w: Writer, index: int, arg: Arg) -> str:
    datum = w.readable(index, "struct", at_exit=True) if w.values[1] & 0xFFFFFFFF == _SCHED_CORE_GET else None
    whole = datum is not None and len(datum.bytes) >= datum.full_bytes
    return struct_text(w, arg.struct, datum.bytes) if whole and datum else address(w, index)


def _pid_type(w: Writer, index: int, arg: Arg) -> str:
    """The kernel's name of it is no constant of its headers, so that the number is shown too."""
    value = w.values[index] & 0xFFFFFFFF
    if strace(w).style.names is Names.RAW:
        return names.number(value)
    return names.one(arg.constants, value, w.arch, Names.VERBOSE)


def _vma_name(w: Writer, index: int, arg: Arg) -> str:
    known = w.values[1] & 0xFFFFFFFF == 0
    return short_string(w, index, arg) if known else names.number(_long(w, index))


def _vma_address(w: Writer, index: int, arg: Arg) -> str:
    known = w.values[1] & 0xFFFFFFFF == 0
    return address(w, index) if known else names.number(_long(w, index))


def _vma_size(w: Writer, index: int, arg: Arg) -> str:
    known = w.values[1] & 0xFFFFFFFF == 0
    return str(_long(w, index)) if known else names.number(_long(w, index))


ARGUMENTS: dict[tuple[str, str], Printer] = {
    ("prctl", name): printer
    for name, printer in {
        "sig": _signal,
        "policy": _known((_MCE_SET,)),
        "cap": _known(_AMBIENT),
        "how": _speculation,
        "filter": _filter,
        "length": _length,
        "flags": _tagged,
        "tracer": _tracer,
        "cookie": _cookie,
        "pidtype": _pid_type,
        "name": bounded_string(15),  # TASK_COMM_LEN with its NUL
        "seccomp4": _rest,
        "seccomp5": _rest,
        "vma_addr": _vma_address,
        "vma_name": _vma_name,
        "size": _vma_size,
    }.items()
}

_FLAGS_OF = {27: "securebits", 46: "prctl_fp_mode", 52: "prctl_spec_get", 61: "prctl_pac_enabled"}
_PARTS_OF = {50: _SVE, 51: _SVE, 56: _tagged_text, 63: _SME, 64: _SME}
_GET_DUMPABLE, _MCE_KILL_GET = 3, 34
_GET_SPECULATION = 52
_MEANT_IF_ZERO = frozenset({_GET_SPECULATION, 56})  # PR_GET_TAGGED_ADDR_CTRL


def _meant(w: Writer) -> str:
    """What a returned number means, in names whatever the style; of bits nothing where constants are numbers."""
    value, option = _retval(w), w.values[0] & 0xFFFFFFFF
    if option == _GET_DUMPABLE:
        return names.known("dumpable", value, w.arch)
    if option == _MCE_KILL_GET:
        return names.known("prctl_mce_policy", value, w.arch)
    if strace(w).style.names is Names.RAW or (not value and option not in _MEANT_IF_ZERO):
        return ""
    if option == _GET_SPECULATION and not names.known("prctl_spec", _long(w, 1), w.arch):
        return ""
    if option in _FLAGS_OF:
        text = names.several(_FLAGS_OF[option], value, w.arch, Names.ABBREV)
        return "" if " /* " in text else text
    text = _PARTS_OF[option](w, value) if option in _PARTS_OF else ""
    return "" if text == names.number(value) else text


def _retval(w: Writer) -> int:
    return w.unsigned(w.call.retval or 0)


def _result(w: Writer) -> str:
    value, meant = _retval(w), _meant(w)
    option = w.values[0] & 0xFFFFFFFF
    shown = str(value) if option in (_GET_DUMPABLE, _MCE_KILL_GET) else names.number(value)
    if meant:
        return f"{shown} ({meant})"
    unknown = option == _GET_SPECULATION and not names.known("prctl_spec", _long(w, 1), w.arch)
    return shown if not unknown and (option in _FLAGS_OF or option in _PARTS_OF) else str(value)


RESULTS: dict[str, Callable[[Writer], str]] = {"prctl": _result}
