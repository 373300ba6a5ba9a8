"""The arguments of futex: what they mean depends on the command. Sources: linux/futex.h, futex(2)."""

from wiretale.decode import arguments as shared
from wiretale.decode.strace import names
from wiretale.decode.strace.arguments import Printer, address, strace
from wiretale.decode.strace.style import Names
from wiretale.decode.syscalls.spec import Arg
from wiretale.decode.writer import Writer

_COMMANDS, _MODIFIERS = 14, 0x180
_CLOCK, _PRIVATE, _FD, _WAKE_OP, _OP_SHIFT = 0x100, 0x80, 2, 5, 8
_TIMED = frozenset({0, 9, 11})  # FUTEX_WAIT, FUTEX_WAIT_BITSET, FUTEX_WAIT_REQUEUE_PI
_OPS = ("SET", "ADD", "OR", "ANDN", "XOR")
_COMPARISONS = ("EQ", "NE", "LT", "LE", "GT", "GE")
_BITSETS = frozenset({9, 10})  # FUTEX_WAIT_BITSET, FUTEX_WAKE_BITSET


def _command(w: Writer) -> int:
    return w.values[1] & 0xFFFFFFFF & ~_MODIFIERS


def _op(w: Writer, index: int, arg: Arg) -> str:
    value, style = w.values[index] & 0xFFFFFFFF, strace(w).style.names
    command = value & ~_MODIFIERS
    if style is Names.RAW:
        return names.number(value)
    if command >= _COMMANDS or (value & _CLOCK and command not in _TIMED):
        return f"{value:#x} /* FUTEX_??? */"
    text = names.one("futex_cmd", command, w.arch, Names.ABBREV)
    if value & _PRIVATE:
        text += "|FUTEX_PRIVATE_FLAG" if command == _FD else "_PRIVATE"
    text += "|FUTEX_CLOCK_REALTIME" if value & _CLOCK else ""
    return f"{names.number(value)} /* {text} */" if style is Names.VERBOSE else text


def _set(w: Writer, index: int, arg: Arg) -> str:
    """The last argument: a set of bits, an operation, or what the futex is compared with."""
    value, command = w.values[index] & 0xFFFFFFFF, _command(w)
    if command == _WAKE_OP:
        return _wake_operation(w, value)
    if command >= _COMMANDS:
        return names.number(value)
    if command not in _BITSETS:
        return str(value)
    return shared.SPECIAL["futex", "val3"](w, index, arg) if value else "0"


def _wake_operation(w: Writer, value: int) -> str:
    """FUTEX_OP(op, oparg, cmp, cmparg) of linux/futex.h."""
    operation, compared = value >> 28, value >> 24 & 0xF
    is_shift = operation & _OP_SHIFT
    return "|".join(
        [
            *([f"{w.note('FUTEX_OP_OPARG_SHIFT', is_shift)}<<28"] if is_shift else []),
            _shifted(w, "FUTEX_OP_", _OPS, operation & 7, 28),
            f"{names.number(value >> 12 & 0xFFF)}<<12",
            _shifted(w, "FUTEX_OP_CMP_", _COMPARISONS, compared, 24),
            names.number(value & 0xFFF),
        ]
    )


def _shifted(w: Writer, prefix: str, known: tuple[str, ...], value: int, bits: int) -> str:
    """With -X raw strace takes every value for one without a name."""
    if value < len(known) and strace(w).style.names is not Names.RAW:
        return f"{w.note(prefix + known[value], value)}<<{bits}"
    return f"{names.number(value)}<<{bits} /* {prefix}??? */"


def _count(w: Writer, index: int, arg: Arg) -> str:
    return "" if _command(w) in _BITSETS else shared.KINDS[arg.kind](w, index, arg)


def _second(w: Writer, index: int, arg: Arg) -> str:
    """The waits and wakes by bit set do not look at it."""
    return "" if _command(w) in _BITSETS else address(w, index)


_OF_EACH: dict[str, Printer] = {
    "uaddr": lambda w, i, a: address(w, i),
    "futex_op": _op,
    "ignored": lambda w, i, a: "",
    "val2": _count,
    "uaddr2": _second,
    "val3": _set,
}
ARGUMENTS = {(call, name): printer for call in ("futex", "futex_time64") for name, printer in _OF_EACH.items()}
