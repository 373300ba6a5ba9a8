"""-e inject= and -e fault=: what to do to which of a program's calls."""

from wiretale.decode.constants.tables import ERRORS
from wiretale.strace.faults import StraceFault
from wiretale.strace.options import Injection
from wiretale.strace.sets import call_set, signal_number

_ENOSYS = 38
_UNITS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
_ERROR_NUMBERS = {name: number for number, (name, _) in ERRORS.items()}


def _delay(text: str) -> int | None:
    digits = text.rstrip("smun")
    unit = text[len(digits) :] or "us"
    return int(digits) * _UNITS[unit] if digits.isdigit() and unit in _UNITS else None


def _when(text: str) -> tuple[int, int, int] | None:
    """FIRST[..LAST][+[STEP]]"""
    body, plus, step = text.partition("+")
    first, dots, last = body.partition("..")
    if not first.isdigit() or (dots and not last.isdigit()) or (step and not step.isdigit()):
        return None
    begin = int(first)
    end = int(last) if dots else (0xFFFF if plus else begin)
    every = int(step) if step else 1
    return (begin, end, every) if 0 < begin <= end and every else None


def _value(rule: Injection, name: str, value: str) -> bool:
    """Put one `name=value` into the rule; False if it makes no sense."""
    if name == "error":
        number = _ERROR_NUMBERS.get(value.upper()) or (int(value) if value.isdigit() else 0)
        rule.error = number
        return 0 < number < 4096 and rule.retval is None
    if name == "retval":
        try:
            rule.retval = int(value, 0)
        except ValueError:
            return False
        return rule.error is None
    if name == "signal":
        rule.signal = signal_number(value) or 0
        return rule.signal > 0
    if name in ("delay_enter", "delay_exit"):
        delay = _delay(value)
        setattr(rule, f"{name}_ns", delay or 0)
        return delay is not None
    if name == "when":
        found = _when(value)
        if found is not None:
            rule.first, rule.last, rule.step = found
        return found is not None
    return False


def parse_injection(text: str, *, fault: bool) -> Injection:
    """SET[:error=E|:retval=N][:signal=S][:delay_enter=D][:delay_exit=D][:when=W]. Raises StraceFault."""
    words = text.split(":")
    rule = Injection(call_set(words[0]))
    kind = "fault" if fault else "inject"
    for word in words[1:]:
        name, _, value = word.partition("=")
        if name in ("syscall", "poke_enter", "poke_exit"):
            raise StraceFault(f"-e {kind}=...:{name}= is not supported: wiretale does not rewrite a program's memory")
        if not _value(rule, name, value):
            raise StraceFault(f"invalid {kind} '{text}'")
    if fault and rule.error is None:
        rule.error = _ENOSYS
    nothing_to_do = rule.error is None and rule.retval is None and not rule.signal
    if nothing_to_do and not rule.delay_enter_ns and not rule.delay_exit_ns:
        raise StraceFault(f"invalid {kind} '{text}'")
    return rule
