"""What adjtimex and clock_adjtime return in strace's words: the state of the clock."""

from collections.abc import Callable

from wiretale.decode.strace import names
from wiretale.decode.strace.arguments import Printer
from wiretale.decode.writer import Writer

ARGUMENTS: dict[tuple[str, str], Printer] = {}


def _state(w: Writer) -> str:
    value = w.unsigned(w.call.retval or 0)
    name = names.known("timex_state", value, w.arch)
    return f"{value} ({name})" if name else ""


RESULTS: dict[str, Callable[[Writer], str]] = dict.fromkeys(("adjtimex", "clock_adjtime", "clock_adjtime64"), _state)
