"""One recorded call in words: `name(arguments) = result`, close to strace's syntax.

What is deliberately different from strace: values of socket options and control messages are decoded where strace
prints bytes; SO_ERROR carries its message; an unfinished call ends in `= ?`; only printable characters come out.
"""

from collections.abc import Callable
from functools import lru_cache

from wiretale.decode.arguments import KINDS, SPECIAL, Printer
from wiretale.decode.constants.tables import ERRORS
from wiretale.decode.escape import escape_text
from wiretale.decode.record_types import DecodedArg, DecodedCall, FdLabel, RawCall
from wiretale.decode.results import EXTRAS, value_text
from wiretale.decode.syscalls import call_spec
from wiretale.decode.syscalls.spec import Arg, Call, Kind, Result
from wiretale.decode.writer import Writer

_RESTARTS = range(512, 530)  # include/linux/errno.h: seen by tracers only
_FIRST_ERROR = 4095  # linux/err.h: MAX_ERRNO

_Steps = tuple[tuple[int, Arg, Printer], ...]


def decode_call(
    call: RawCall, *, fd_label: FdLabel | None = None, string_limit: int = 32, numbers: bool = False
) -> DecodedCall:
    """`call` in words.

    `fd_label` says what to print for a descriptor; `string_limit` is how many bytes of a payload are shown; with
    `numbers` every constant has its number beside it. `DecodedArg.numbers` and `DecodedCall.numbers` hold them always.
    Never raises, whatever the bytes are; memory that was not recorded is printed as its address.
    """
    w = Writer(call, label=fd_label, limit=string_limit, numbered=numbers)
    spec = call_spec(call.name, call.arch)
    arguments: list[DecodedArg] = []
    if spec is None:
        arguments = [DecodedArg(f"a{i}", hex(w.unsigned(v))) for i, v in enumerate(call.args)]
    else:
        steps, wide = _plan(call.name, call.arch)
        if wide or len(call.args) < 6:
            w.values = _values(call, spec, wide)
        if spec.variant_arg >= 0:
            variant = spec.variants.get(w.values[spec.variant_arg] & 0xFFFFFFFF)
            if variant is not None:
                steps = _steps(call.name, variant)
        for index, arg, printer in steps:
            w.found = []
            text = printer(w, index, arg)
            if text:
                arguments.append(DecodedArg(arg.name, text, tuple(w.found)))
        rewrite = _REWRITES.get(call.name)
        if rewrite is not None:
            arguments = rewrite(arguments)
    w.found = []
    result = _result(w, spec)
    found = tuple(pair for a in arguments for pair in a.numbers)
    return DecodedCall(escape_text(call.name), tuple(arguments), result, (*found, *w.found) if w.found else found)


@lru_cache(maxsize=2048)
def _plan(name: str, arch: int) -> tuple[_Steps, bool]:
    """The printers of a call's arguments, and whether some argument fills two registers."""
    spec = call_spec(name, arch)
    assert spec is not None
    wide = Writer(RawCall("", arch, (), None, None), label=None, limit=0, numbered=False).word == 4
    return _steps(name, spec.args), wide and any(a.kind is Kind.OFFSET for a in spec.args)


@lru_cache(maxsize=4096)
def _steps(name: str, args: tuple[Arg, ...]) -> _Steps:
    return tuple((i, a, SPECIAL.get((name, a.name), KINDS[a.kind])) for i, a in enumerate(args))


def _values(call: RawCall, spec: Call, wide: bool) -> tuple[int, ...]:
    """One value per argument: 32-bit tasks pass a 64-bit offset in two registers, low half first (i386)."""
    registers = [*call.args, 0, 0, 0, 0, 0, 0][:6]
    if not wide:
        return tuple(registers)
    values, at = [], 0
    for arg in spec.args:
        if at >= len(registers):
            values.append(0)
        elif arg.kind is Kind.OFFSET:
            high = registers[at + 1] if at + 1 < len(registers) else 0
            values.append(registers[at] & 0xFFFFFFFF | (high & 0xFFFFFFFF) << 32)
            at += 2
        else:
            values.append(registers[at])
            at += 1
    return tuple(values)


# -- the result ------------------------------------------------------------------------------------------------------


def _result(w: Writer, spec: Call | None) -> str:
    value, errno = w.call.retval, w.call.errno
    if errno is None and value is not None and spec is not None and -_FIRST_ERROR <= value < 0:
        errno = -value if spec.result is not Result.HEX or -value in ERRORS else None
    if errno is not None:
        return f"? {w.error(errno)}" if errno in _RESTARTS else f"-1 {w.error(errno)}"
    if value is None:
        return "?"
    if spec is None:
        return str(value) if -10 < value < 10 else hex(value & 0xFFFFFFFFFFFFFFFF)
    text = value_text(w, spec, value)
    extra = EXTRAS.get(w.call.name)
    return text + extra(w) if extra is not None else text


# -- calls whose arguments people know in another order --------------------------------------------------------------


def _clone(arguments: list[DecodedArg]) -> list[DecodedArg]:
    """clone's arguments by name, those that its flags make meaningless left out, as strace does."""
    by_name = {a.name: a for a in arguments}
    flags = by_name["flags"].text
    shown = [("child_stack", "child_stack", True), ("flags", "flags", True)]
    shown += [("parent_tid", "parent_tid", "CLONE_PARENT_SETTID" in flags or "CLONE_PIDFD" in flags)]
    shown += [("tls", "tls", "CLONE_SETTLS" in flags)]
    shown += [("child_tid", "child_tidptr", "CLONE_CHILD_SETTID" in flags or "CLONE_CHILD_CLEARTID" in flags)]
    return [
        DecodedArg(name, f"{label}={by_name[name].text}", by_name[name].numbers) for name, label, used in shown if used
    ]


_REWRITES: dict[str, Callable[[list[DecodedArg]], list[DecodedArg]]] = {"clone": _clone}
