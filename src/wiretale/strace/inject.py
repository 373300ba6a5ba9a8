"""-e inject=SET:error=E:signal=S:delay_enter=T:when=EXPR ... and -e fault=, as rules of the tracer."""

import errno
import re
from collections.abc import Callable, Iterable

from wiretale.decode.constants.tables import ERRORS
from wiretale.decode.syscalls import call_spec, table
from wiretale.light import replace
from wiretale.model.enums import Arch
from wiretale.record.ptrace.tamper import Poke, Tamper
from wiretale.strace.faults import StraceFault
from wiretale.strace.options import Select
from wiretale.strace.sets import call_set, signal_number
from wiretale.strace.values import duration_ns

_ARCHES = (Arch.X86_64, Arch.I386, Arch.AARCH64)
_MOST = 65535
_MOST_ERROR = 4095
_MOST_POKED = 1024  # bytes of one argument, as strace takes
_NO_ARGUMENT = 6
_WHEN = re.compile(r"(\d+)(?:\.\.(\d+))?(\+(\d+)?)?")
_POKE = re.compile(r"@arg([1-7])=((?:[0-9A-Fa-f]{2})+)")
_TOO_MUCH = 1 << 64
_INTEGER = re.compile(r"\s*([+-]?)(0[xX][0-9A-Fa-f]+|0[0-7]*|[1-9][0-9]*)", re.ASCII)  # as strtoull(3)
_PURE = re.compile(r"get(e?[ug]id(32)?|pgrp|p?pid|tid)")
_ERRORS = {row[0]: number for number, row in ERRORS.items()}


class _Refused(Exception):
    """The part cannot be read; the fault names the whole expression."""


def _error(rule: Tamper, value: str) -> Tamper:
    number = int(value) if value.isdigit() else _ERRORS.get(value.upper(), 0)
    if not 1 <= number <= _MOST_ERROR or rule.result is not None:
        raise _Refused
    return replace(rule, result=-number, fails=True)


def _retval(rule: Tamper, value: str) -> Tamper:
    found = _INTEGER.fullmatch(value)
    number = int(found[2], 8 if found[2].startswith("0") and found[2].isdigit() else 0) if found else _TOO_MUCH
    if number >= _TOO_MUCH or rule.result is not None:
        raise _Refused
    number = (-number if found and found[1] == "-" else number) % _TOO_MUCH
    return replace(rule, result=number - _TOO_MUCH if number >= _TOO_MUCH // 2 else number)


def _signal(rule: Tamper, value: str) -> Tamper:
    number = signal_number(value)
    if not number or rule.signal:
        raise _Refused
    return replace(rule, signal=number)


def _when(rule: Tamper, value: str) -> Tamper:
    found = _WHEN.fullmatch(value)
    if found is None:
        raise _Refused
    first, last, step = int(found[1]), int(found[2] or 0), int(found[4] or 1)
    end = last or (_MOST if found[3] else first)
    if not 1 <= first <= min(end, _MOST) or not 1 <= step <= _MOST or last >= _MOST:
        raise _Refused
    return replace(rule, first=first, last=0xFFFFFFFF if end == _MOST else end, step=step)


def _delay(*, at_exit: bool) -> Callable[[Tamper, str], Tamper]:
    def read(rule: Tamper, value: str) -> Tamper:
        if rule.delay_exit_ns if at_exit else rule.delay_enter_ns:
            raise _Refused
        try:
            ns = max(duration_ns(value, "-e inject"), 1)  # none at all is a delay, too, and said to be one
        except StraceFault:
            raise _Refused from None
        return replace(rule, delay_exit_ns=ns) if at_exit else replace(rule, delay_enter_ns=ns)

    return read


def _poke(*, at_exit: bool) -> Callable[[Tamper, str], Tamper]:
    def read(rule: Tamper, value: str) -> Tamper:
        pokes = []
        for word in value.split(","):
            found = _POKE.fullmatch(word)
            if found is None or len(found[2]) > 2 * _MOST_POKED:
                raise _Refused
            pokes.append(Poke(int(found[1]) - 1, bytes.fromhex(found[2]), at_exit))
        if len({p.argument for p in pokes}) < len(pokes) or any(p.at_exit == at_exit for p in rule.pokes):
            raise _Refused
        return replace(rule, pokes=(*rule.pokes, *pokes))

    return read


_PARTS: dict[str, Callable[[Tamper, str], Tamper]] = {
    "error": _error,
    "retval": _retval,
    "signal": _signal,
    "delay_enter": _delay(at_exit=False),
    "delay_exit": _delay(at_exit=True),
    "when": _when,
    "poke_enter": _poke(at_exit=False),
    "poke_exit": _poke(at_exit=True),
}


def tampers(text: str, kind: str) -> list[Tamper]:
    """The rules of one expression, one for each call and architecture. `kind`: "inject" or "fault"."""
    names, *parts = text.split(":")
    chosen = call_set(names)
    rule, other = Tamper(0, 0), ""
    for part in filter(None, parts):
        name, _, value = part.partition("=")
        if name == "syscall" and not other and _PURE.fullmatch(value):
            other = value
        elif name in _PARTS and (kind == "inject" or name in ("error", "when")):
            try:
                rule = _PARTS[name](rule, value)
            except _Refused:
                raise StraceFault(f"invalid {kind} argument '{text}'") from None
        else:
            raise StraceFault(f"invalid {kind} argument '{text}'")
    if kind == "fault" and rule.result is None:
        rule = replace(rule, result=-errno.ENOSYS, fails=True)
    if rule.result is None and not (rule.signal or rule.delay_enter_ns or rule.delay_exit_ns or rule.pokes):
        raise StraceFault(f"invalid {kind} argument '{text}'")
    if rule.result is None:
        other = ""  # the call is changed only where its result is, too
    return [
        replace(
            rule, arch=int(arch), number=number, other=_number(arch, other), pokes=_possible(rule.pokes, name, arch)
        )
        for arch in _ARCHES
        for number, name in table(arch).items()
        if chosen(name, arch)
    ]


def of_traced(rules: list[Tamper], traced: Select) -> list[Tamper]:
    """Only calls that are traced are tampered with."""
    return [rule for rule in rules if traced(table(rule.arch)[rule.number], rule.arch)]


def doubts(rules: list[Tamper]) -> list[str]:
    """Of results (retval=) that a program will not see as they were given: 4095 is MAX_ERRNO of linux/err.h."""
    found = []
    for result in dict.fromkeys(rule.result for rule in rules if rule.result is not None and not rule.fails):
        if -_MOST_ERROR <= result < 0:
            found.append(
                f"retval={result} is what error {-result} looks like to a program: its C library may set errno"
            )
        elif -_MOST_ERROR <= result - (1 << 32) < 0:
            found.append(f"retval={result} is what error {(1 << 32) - result} looks like to a 32-bit program")
        elif not 0 <= result < 1 << 32:
            found.append(f"of retval={result} a 32-bit program sees {result % (1 << 32)}")
    return found


def _possible(pokes: tuple[Poke, ...], name: str, arch: Arch) -> tuple[Poke, ...]:
    """An argument that the call does not have is one that none has, so that the tracer says that it could not."""
    spec = call_spec(name, arch)
    count = len(spec.args) if spec else _NO_ARGUMENT
    return tuple(p if p.argument < count else replace(p, argument=_NO_ARGUMENT) for p in pokes)


def _number(arch: Arch, name: str) -> int | None:
    return next((number for number, known in table(arch).items() if known == name), None) if name else None


def why_not_poked(rules: Iterable[Tamper], arch: int, number: int) -> str:
    """Why memory could not be overwritten at a call that one of the rules is for."""
    spec = call_spec(table(arch).get(number, ""), arch)
    for poke in (p for rule in rules if (rule.arch, rule.number) == (arch, number) for p in rule.pokes):
        if spec is not None and poke.argument >= len(spec.args):
            return f"the rule names an argument that {spec.name} does not have"
    return "what its argument points to cannot be written, or not all of it"
