"""What the options of a command line mean; `words.py` takes it apart, `values.py`, `expressions.py` read the values."""

from collections.abc import Callable, Sequence

from wiretale.decode.strace.style import Hex
from wiretale.strace.expressions import (
    State,
    descriptor_details,
    detach_on,
    expression,
    pid_details,
    quiet,
    unsupported,
)
from wiretale.strace.faults import StraceFault
from wiretale.strace.options import DETAILS, ENGINES, MESSAGES, Precision, StraceOptions, needs_stops, nothing
from wiretale.strace.values import columns, duration_ns, interruptible, names, number, pids, precision, sort
from wiretale.strace.words import EXPRESSIONS, LONG, split


def parse(arguments: list[str]) -> tuple[StraceOptions, str]:
    """The options, and "help" or "version" if only that is asked for. Raises StraceFault as strace would refuse."""
    pairs, command = split(arguments)
    state = State(StraceOptions(command=command))
    for name, value in pairs:
        if name.startswith("--"):
            _long(state, name[2:], value)
        else:
            _short(state, name[1], value)
    if state.wants_help or state.wants_version:
        return state.options, "help" if state.wants_help else "version"
    _settle(state)
    return state.options, ""


def _short(state: State, letter: str, value: str) -> None:
    o = state.options
    if letter in _FLAGS:
        name, flag = _FLAGS[letter]
        setattr(o, name, flag)
    elif letter in _COUNTS:
        setattr(state, _COUNTS[letter], getattr(state, _COUNTS[letter]) + 1)
    elif letter in _VALUES:
        _VALUES[letter](o, value)
    elif letter == "b":
        detach_on(state, value)
    elif letter == "Y":
        o.pid_names, o.pid_namespaces = True, False
    elif letter == "k":
        raise unsupported("-k", "wiretale does not unwind stacks")
    elif letter == "d":
        raise unsupported("-d", "there is no debug output; set WIRETALE_DEBUG=1 to see where a fault comes from")
    elif letter == "e":
        expression(state, value)


_FLAGS: dict[str, tuple[str, object]] = {
    "A": ("append", True),
    "c": ("summary", "only"),
    "C": ("summary", "also"),
    "i": ("instruction_pointer", True),
    "n": ("call_numbers", True),
    "N": ("argument_names", True),
    "T": ("took", Precision.US),
    "v": ("abbreviated", nothing),
    "w": ("summary_wall", True),
    "z": ("statuses", frozenset({"successful"})),
    "Z": ("statuses", frozenset({"failed"})),
}
_LONG_FLAGS = {
    "output-separately": "separately",
    "seccomp-bpf": "seccomp",
    "kill-on-exit": "kill_on_exit",
    "more": "more",
}
_COUNTS = {
    "f": "follow_count", "F": "follow_count", "q": "quiet_count", "t": "time_count", "r": "relative_count",
    "x": "hex_count", "h": "wants_help", "V": "wants_version", "y": "descriptor_count", "D": "daemon_count",
}  # fmt: skip


def _set(name: str, read: Callable[[str], object]) -> Callable[[StraceOptions, str], None]:
    return lambda o, value: setattr(o, name, read(value))


def _add(name: str, read: Callable[[str], Sequence[object]]) -> Callable[[StraceOptions, str], None]:
    return lambda o, value: getattr(o, name).extend(read(value))


_VALUES: dict[str, Callable[[StraceOptions, str], None]] = {
    "a": _set("column", lambda v: number(v, "a")),
    "E": _add("env", lambda v: [v]),
    "I": _set("interruptible", interruptible),
    "o": _set("output", str),
    "O": _set("summary_overhead_ns", lambda v: duration_ns(v, "O")),
    "p": _add("pids", pids),
    "P": _add("paths", lambda v: [v]),
    "s": _set("strings", lambda v: number(v, "s")),
    "S": _set("summary_sort", sort),
    "u": _set("user", str),
    "U": _set("summary_columns", columns),
    "X": _set("names", names),
}


def _long(state: State, name: str, value: str) -> None:
    o = state.options
    short = LONG.get(name + "=", LONG.get(name + "?", LONG.get(name, "")))
    if name in EXPRESSIONS:
        expression(state, f"{name}={value}")
    elif name in _LONG_VALUES:
        _LONG_VALUES[name](state, value)
    elif name in _LONG_FLAGS:
        setattr(o, _LONG_FLAGS[name], True)
    elif name == "tips":
        raise unsupported("--tips", "wiretale has none of strace's tips")
    elif name == "pidns-translation":
        o.pid_names, o.pid_namespaces = False, True
    elif name == "secontext":
        raise unsupported("--secontext", "the contexts of SELinux are not recorded")
    elif name == "no-abbrev":
        _short(state, "v", "")
    else:
        _short(state, short, value)


def _timestamps(state: State, value: str) -> None:
    o = state.options
    if not value or o.clock == "none":
        o.clock, o.clock_precision = "time", Precision.S
    for part in filter(None, value.split(",")):
        word = part.removeprefix("format:").removeprefix("precision:")
        if word in ("none", "time", "unix"):
            o.clock = word
        else:
            o.clock_precision = precision(word, "--absolute-timestamps")


def _hex_strings(state: State, value: str) -> None:
    try:
        state.options.hex = Hex(value or "all")
    except ValueError:
        raise StraceFault(f"invalid --strings-in-hex argument: '{value}'", usage=True) from None


def _relative(state: State, value: str) -> None:
    state.options.relative = precision(value or "us", "--relative-timestamps")


def _daemonize(state: State, value: str) -> None:
    ways = ("grandchild", "pgroup", "session")
    if value and value not in ways:
        raise StraceFault(f"invalid --daemonize argument: '{value}'", usage=True)
    state.daemon_count = ways.index(value) + 1 if value else 1


def _took(state: State, value: str) -> None:
    state.options.took = precision(value or "us", "--syscall-times")


def _engine(state: State, value: str) -> None:
    if value not in ENGINES:
        raise StraceFault(f"invalid --engine argument: '{value}'", usage=True)
    state.options.engine = ENGINES[value]


_LONG_VALUES: dict[str, Callable[[State, str], None]] = {
    "absolute-timestamps": _timestamps,
    "timestamps": _timestamps,
    "strings-in-hex": _hex_strings,
    "quiet": quiet,
    "silent": quiet,
    "silence": quiet,
    "decode-fds": descriptor_details,
    "decode-pids": pid_details,
    "daemonize": _daemonize,
    "engine": _engine,
    "daemonise": _daemonize,
    "relative-timestamps": _relative,
    "syscall-times": _took,
}


def _settle(state: State) -> None:
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
    o.daemon = state.daemon_count
    if o.daemon > 3:
        raise StraceFault("too many -D's", usage=True)
    if o.daemon and (not o.command or o.pids):
        raise StraceFault(
            "-D and -p are mutually exclusive" if o.pids else "PROG [ARGS] must be specified with -D", usage=True
        )
    if state.descriptor_count:
        o.descriptors |= DETAILS if state.descriptor_count > 1 else frozenset({"path"})
    if o.engine == "ebpf" and needs_stops(o):
        raise unsupported(
            "--engine ebpf together with -e inject, -b, --seccomp-bpf, -y or -P", "only ptrace stops the program"
        )
    if o.user is not None and not o.command:
        raise StraceFault("PROG [ARGS] must be specified with -u/--user", usage=True)
