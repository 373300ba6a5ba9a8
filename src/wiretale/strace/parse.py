"""The command line: strace's options, read as getopt_long(3) reads them ("+": nothing after PROG is an option)."""

import getopt
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from wiretale.decode.strace.style import Hex, Names
from wiretale.strace.faults import StraceFault
from wiretale.strace.options import MESSAGES, STATUSES, Precision, StraceOptions, nothing
from wiretale.strace.sets import call_set, descriptor_set, signal_set, word_set

SHORT = "+a:Ab:cCdDe:E:fFhiI:knNo:O:p:P:qrs:S:tTu:U:vVwxX:yYzZ"
# long name -> short option it stands for, "" if it has none; "=": needs a value, "?": may have one
LONG: dict[str, str] = {
    "columns=": "a",
    "output-append-mode": "A",
    "detach-on=": "b",
    "summary-only": "c",
    "summary": "C",
    "debug": "d",
    "daemonize?": "D",
    "daemonise?": "D",
    "env=": "E",
    "follow-forks": "f",
    "help": "h",
    "instruction-pointer": "i",
    "interruptible=": "I",
    "stack-traces": "k",
    "syscall-number": "n",
    "output=": "o",
    "summary-syscall-overhead=": "O",
    "attach=": "p",
    "trace-path=": "P",
    "relative-timestamps?": "r",
    "string-limit=": "s",
    "summary-sort-by=": "S",
    "absolute-timestamps?": "t",
    "timestamps?": "t",
    "syscall-times?": "T",
    "user=": "u",
    "summary-columns=": "U",
    "no-abbrev": "v",
    "version": "V",
    "summary-wall-clock": "w",
    "strings-in-hex?": "x",
    "const-print-style=": "X",
    "successful-only": "z",
    "failed-only": "Z",
    "decode-fds?": "y",
    "decode-pids=": "Y",
    **{f"{name}=": "e" for name in ("abbrev", "verbose", "raw", "signal", "signals", "status", "trace")},
    **{f"{name}=": "e" for name in ("read", "reads", "write", "writes", "fault", "inject", "kvm")},
    "quiet?": "q",
    "silent?": "q",
    "silence?": "q",
    "output-separately": "",
    "seccomp-bpf": "",
    "kill-on-exit": "",
    "more": "",
    "tips?": "",
}
_VALUELESS = {name.rstrip("=?"): name[-1:] for name in LONG}
_EXPRESSIONS = frozenset(n.rstrip("=?") for n, short in LONG.items() if short == "e")


@dataclass(slots=True)
class _State:
    options: StraceOptions
    quiet_count: int = 0
    time_count: int = 0
    relative_count: int = 0
    hex_count: int = 0
    follow_count: int = 0
    wants_help: bool = False
    wants_version: bool = False


def parse(arguments: list[str]) -> tuple[StraceOptions, str]:
    """The options, and "help" or "version" if only that is asked for. Raises StraceFault as strace would refuse."""
    pairs, command = _split(arguments)
    state = _State(StraceOptions(command=command))
    for name, value in pairs:
        if name.startswith("--"):
            _long(state, name[2:], value)
        else:
            _short(state, name[1], value)
    if state.wants_help or state.wants_version:
        return state.options, "help" if state.wants_help else "version"
    _settle(state)
    return state.options, ""


def _split(arguments: list[str]) -> tuple[list[tuple[str, str]], list[str]]:
    """getopt of Python knows no optional values of long options: those are taken apart here."""
    pairs: list[tuple[str, str]] = []
    rest = list(arguments)
    while rest and rest[0].startswith("-") and rest[0] not in ("-", "--"):
        word = rest[0]
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            full = _complete(name)
            kind = _VALUELESS[full]
            rest.pop(0)
            if kind == "=" and not equals:
                if not rest:
                    raise StraceFault(f"option '--{full}' requires an argument", usage=True)
                value = rest.pop(0)
            elif kind not in ("=", "?") and equals:
                raise StraceFault(f"option '--{full}' doesn't allow an argument", usage=True)
            pairs.append(("--" + full, value))
            continue
        try:
            found, remaining = getopt.getopt(_one(rest), SHORT)
        except getopt.GetoptError as fault:
            letter = fault.opt
            what = "option requires an argument" if "requires" in fault.msg else "invalid option"
            raise StraceFault(f"{what} -- '{letter}'", usage=True) from fault
        taken = len(_one(rest)) - len(remaining)
        pairs += found
        rest = rest[taken:]
    if rest and rest[0] == "--":
        rest.pop(0)
    return pairs, rest


def _one(rest: list[str]) -> list[str]:
    """The next word of short options with, perhaps, its value."""
    return rest[:1] if _complete_in(rest[0]) else rest[:2]


def _complete_in(word: str) -> bool:
    """Whether a word of short options needs no further word as value."""
    letters = word[1:]
    for at, letter in enumerate(letters):
        where = SHORT.find(letter)
        if where >= 0 and SHORT[where + 1 : where + 2] == ":":
            return at + 1 < len(letters)
    return True


def _complete(name: str) -> str:
    if name in _VALUELESS:
        return name
    near = [n for n in _VALUELESS if n.startswith(name)]
    if len(near) != 1:
        kind = "is ambiguous" if near else ""
        raise StraceFault(f"option '--{name}' {kind}" if near else f"unrecognized option '--{name}'", usage=True)
    return near[0]


def _number(text: str, letter: str, low: int = 0) -> int:
    if not text.isdigit() or int(text) < low or int(text) > 0x7FFFFFFF:
        raise StraceFault(f"invalid -{letter} argument: '{text}'", usage=True)
    return int(text)


_UNITS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}


def _duration_ns(text: str, letter: str) -> int:
    digits = text.rstrip("smun")
    unit = text[len(digits) :] or "us"
    if not digits.isdigit() or unit not in _UNITS:
        raise StraceFault(f"invalid -{letter} argument: '{text}'", usage=True)
    return int(digits) * _UNITS[unit]


def _precision(text: str, what: str) -> Precision:
    try:
        return Precision[text.upper()]
    except KeyError:
        raise StraceFault(f"invalid {what} argument: '{text}'", usage=True) from None


def _pids(text: str) -> list[int]:
    words = text.replace(",", " ").split()
    if not words:
        raise StraceFault(f"Invalid process id: '{text}'")
    for word in words:
        if not word.isdigit() or int(word) < 1:
            raise StraceFault(f"Invalid process id: '{word}'")
    return [int(word) for word in words]


def _unsupported(option: str, why: str) -> StraceFault:
    return StraceFault(f"{option} is not supported: {why}")


_SORTS = {
    "time": "time-percent", "time-percent": "time-percent", "time-total": "time-percent", "total-time": "time-percent",
    "calls": "calls", "count": "calls", "errors": "errors", "error": "errors", "name": "name", "syscall": "name",
    "syscall-name": "name", "nothing": "nothing", "none": "nothing", "min-time": "min-time", "shortest": "min-time",
    "time-min": "min-time", "max-time": "max-time", "longest": "max-time", "time-max": "max-time",
    "avg-time": "avg-time", "time-avg": "avg-time",
}  # fmt: skip
_COLUMN_WORDS = {
    **{word: name for word, name in _SORTS.items() if name not in ("nothing", "time-percent")},
    "time": "time-percent", "time-percent": "time-percent", "total-time": "total-time", "time-total": "total-time",
}  # fmt: skip


def _columns(text: str) -> tuple[str, ...]:
    found = []
    for word in text.split(","):
        if word not in _COLUMN_WORDS:
            raise StraceFault(f"unknown column name: '{word}'", usage=True)
        found.append(_COLUMN_WORDS[word])
    return (*found, *(() if "name" in found else ("name",)))


def _sort(text: str) -> str:
    if text not in _SORTS:
        raise StraceFault(f"invalid sortby: '{text}'", usage=True)
    return _SORTS[text]


def _short(state: _State, letter: str, value: str) -> None:
    o = state.options
    if letter in _UNSUPPORTED:
        raise _unsupported(f"-{letter}", _UNSUPPORTED[letter])
    if letter in _FLAGS:
        name, flag = _FLAGS[letter]
        setattr(o, name, flag)
    elif letter in _COUNTS:
        setattr(state, _COUNTS[letter], getattr(state, _COUNTS[letter]) + 1)
    elif letter in _VALUES:
        _VALUES[letter](o, value)
    elif letter == "k":
        raise _unsupported("-k", "wiretale does not unwind stacks")
    elif letter == "d":
        raise _unsupported("-d", "there is no debug output; set WIRETALE_DEBUG=1 to see where a fault comes from")
    elif letter == "e":
        _expression(state, value)


_UNSUPPORTED = {
    "N": "the names of arguments are not printed yet",
    "b": "a program is traced to its end",
    "D": "the tracer is always the parent of the program",
    "P": "calls cannot be chosen by path yet",
    "Y": "names are not printed beside PIDs yet",
    "y": "descriptors are not printed with their files yet; `wiretale show --yy` does it",
}
_FLAGS: dict[str, tuple[str, object]] = {
    "A": ("append", True),
    "c": ("summary", "only"),
    "C": ("summary", "also"),
    "i": ("instruction_pointer", True),
    "n": ("call_numbers", True),
    "T": ("took", Precision.US),
    "v": ("abbreviated", nothing),
    "w": ("summary_wall", True),
    "z": ("statuses", frozenset({"successful"})),
    "Z": ("statuses", frozenset({"failed"})),
}
_COUNTS = {
    "f": "follow_count", "F": "follow_count", "q": "quiet_count", "t": "time_count", "r": "relative_count",
    "x": "hex_count", "h": "wants_help", "V": "wants_version",
}  # fmt: skip


def _set(name: str, read: Callable[[str], object]) -> Callable[[StraceOptions, str], None]:
    return lambda o, value: setattr(o, name, read(value))


def _add(name: str, read: Callable[[str], Sequence[object]]) -> Callable[[StraceOptions, str], None]:
    return lambda o, value: getattr(o, name).extend(read(value))


def _interruptible(value: str) -> int:
    words = {"anywhere": 1, "waiting": 2, "never": 3, "never_tstp": 4}
    number = words.get(value) or (int(value) if value.isdigit() else 0)
    if not 1 <= number <= 4:
        raise StraceFault(f"invalid -I argument: '{value}'", usage=True)
    return number


def _names(value: str) -> Names:
    try:
        return Names(value)
    except ValueError:
        raise StraceFault(f"invalid -X argument: '{value}'", usage=True) from None


_VALUES: dict[str, Callable[[StraceOptions, str], None]] = {
    "a": _set("column", lambda v: _number(v, "a")),
    "E": _add("env", lambda v: [v]),
    "I": _set("interruptible", _interruptible),
    "o": _set("output", str),
    "O": _set("summary_overhead_ns", lambda v: _duration_ns(v, "O")),
    "p": _add("pids", _pids),
    "s": _set("strings", lambda v: _number(v, "s")),
    "S": _set("summary_sort", _sort),
    "u": _set("user", str),
    "U": _set("summary_columns", _columns),
    "X": _set("names", _names),
}


def _long(state: _State, name: str, value: str) -> None:
    o = state.options
    short = LONG.get(name + "=", LONG.get(name + "?", LONG.get(name, "")))
    if name in _EXPRESSIONS:
        _expression(state, f"{name}={value}")
    elif name in _LONG_VALUES:
        _LONG_VALUES[name](state, value)
    elif name == "output-separately":
        o.separately = True
    elif name == "seccomp-bpf":
        o.seccomp = True  # it only makes strace faster; the lines are the same without it
    elif name == "kill-on-exit":
        o.kill_on_exit = True
    elif name == "more":
        o.more = True
    elif name == "tips":
        raise _unsupported("--tips", "wiretale has none of strace's tips")
    elif name == "no-abbrev":
        _short(state, "v", "")
    else:
        _short(state, short, value)


def _timestamps(state: _State, value: str) -> None:
    o = state.options
    o.clock, o.clock_precision = "time", Precision.S
    for part in filter(None, value.split(",")):
        word = part.removeprefix("format:").removeprefix("precision:")
        if word in ("none", "time", "unix"):
            o.clock = word
        else:
            o.clock_precision = _precision(word, "--absolute-timestamps")


def _hex_strings(state: _State, value: str) -> None:
    try:
        state.options.hex = Hex(value or "all")
    except ValueError:
        raise StraceFault(f"invalid --strings-in-hex argument: '{value}'", usage=True) from None


def _quiet(state: _State, value: str) -> None:
    if not value:
        state.quiet_count += 1
    else:
        state.options.quiet |= word_set(value, MESSAGES, "quiet", {"superseded": "thread-execve"})


def _descriptors(state: _State, value: str) -> None:
    raise _unsupported("--decode-fds", _UNSUPPORTED["y"])


def _pid_names(state: _State, value: str) -> None:
    raise _unsupported("--decode-pids", _UNSUPPORTED["Y"])


def _relative(state: _State, value: str) -> None:
    state.options.relative = _precision(value or "us", "--relative-timestamps")


def _took(state: _State, value: str) -> None:
    state.options.took = _precision(value or "us", "--syscall-times")


_LONG_VALUES: dict[str, Callable[[_State, str], None]] = {
    "absolute-timestamps": _timestamps,
    "timestamps": _timestamps,
    "strings-in-hex": _hex_strings,
    "quiet": _quiet,
    "silent": _quiet,
    "silence": _quiet,
    "decode-fds": _descriptors,
    "decode-pids": _pid_names,
    "relative-timestamps": _relative,
    "syscall-times": _took,
}


def _expression(state: _State, text: str) -> None:
    name, equals, value = text.partition("=")
    negated = name.startswith("!")
    handler = _QUALIFIERS.get(name) if equals else None
    if handler is not None and not negated:
        handler(state, value)
    else:
        state.options.trace = call_set(text)


def _choose(name: str, read: Callable[[str], object]) -> Callable[[_State, str], None]:
    return lambda state, value: setattr(state.options, name, read(value))


def _verbose(state: _State, value: str) -> None:
    if value != "all":
        raise _unsupported("-e verbose", "structures are always read; -e raw=SET prints the arguments as numbers")


def _kvm(state: _State, value: str) -> None:
    raise _unsupported("-e kvm", "exits of virtual CPUs are not recorded")


def _inject(state: _State, value: str) -> None:
    raise _unsupported("-e inject and -e fault", "wiretale does not tamper with calls yet")


def _aliases(names: str, handler: Callable[[_State, str], None]) -> dict[str, Callable[[_State, str], None]]:
    return dict.fromkeys(names.split(), handler)


_QUALIFIERS: dict[str, Callable[[_State, str], None]] = {
    **_aliases("trace t", _choose("trace", call_set)),
    **_aliases("abbrev a", _choose("abbreviated", call_set)),
    **_aliases("verbose v", _verbose),
    **_aliases("raw x", _choose("raw", call_set)),
    **_aliases("signal signals s", _choose("signals", signal_set)),
    **_aliases("read reads r", _choose("dump_read", descriptor_set)),
    **_aliases("write writes w", _choose("dump_write", descriptor_set)),
    "status": _choose("statuses", lambda v: word_set(v, STATUSES, "status")),
    **_aliases("quiet silent silence q", _quiet),
    **_aliases("decode-fds decode-fd", _descriptors),
    **_aliases("decode-pids decode-pid", _pid_names),
    "kvm": _kvm,
    "fault": _inject,
    "inject": _inject,
}


def _settle(state: _State) -> None:
    """What depends on several options. Raises StraceFault where they contradict each other."""
    o = state.options
    o.follow = o.follow or state.follow_count > 0
    o.separately = o.separately or state.follow_count > 1
    levels = [frozenset(), {"attach", "personality"}, {"attach", "personality", "exit"}, set(MESSAGES)]
    o.quiet = o.quiet | frozenset(levels[min(state.quiet_count, 3)])
    if state.time_count:
        o.clock = "unix" if state.time_count > 2 else "time"
        o.clock_precision = Precision.S if state.time_count == 1 else Precision.US
    if state.relative_count:
        o.relative = Precision.US
    if state.hex_count:
        o.hex = Hex.ALL if state.hex_count > 1 else Hex.NON_ASCII
    if not o.command and not o.pids:
        raise StraceFault("must have PROG [ARGS] or -p PID", usage=True)
    if o.summary == "only" and o.separately:
        raise StraceFault(
            "(-c/--summary-only or -C/--summary) and -ff/--output-separately are mutually exclusive", usage=True
        )
    if o.output is None:
        o.separately = False
    if o.command and o.output is not None and o.output[:1] not in ("|", "!"):
        o.quiet |= {"attach", "personality"}
    if o.user is not None and not o.command:
        raise StraceFault("PROG [ARGS] must be specified with -u/--user", usage=True)
