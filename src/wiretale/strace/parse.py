"""What the options of a command line mean; `words.py` takes it apart, `values.py`, `expressions.py` read the values."""

from collections.abc import Callable, Sequence

from wiretale.decode.strace.style import Hex
from wiretale.strace.conflicts import refuse_contradictions, remarks, why_no_filter
from wiretale.strace.expressions import (
    State,
    descriptor_details,
    detach_on,
    expression,
    keep_possible_tampers,
    pid_details,
    quiet,
    secontext,
    tips,
    unsupported,
)
from wiretale.strace.faults import StraceFault
from wiretale.strace.options import (
    CAPTURE_SUFFIX,
    DETAILS,
    ENGINES,
    MESSAGES,
    Precision,
    StraceOptions,
    needs_stops,
    nothing,
)
from wiretale.strace.values import (
    MOST_COLUMNS,
    MOST_STRINGS,
    columns,
    duration_ns,
    interruptible,
    names,
    number,
    pids,
    precision,
    sort,
)
from wiretale.strace.words import EXPRESSIONS, LONG, split


def parse(arguments: list[str]) -> tuple[StraceOptions, str]:
    """The options, and "help" or "version" if only that is asked for. Raises StraceFault as strace would refuse."""
    pairs, command = split(arguments)
    state = State(StraceOptions(command=command))
    for name, value in pairs:
        state.given.add(name)
        if name.startswith("--"):
            _long(state, name[2:], value)
        else:
            _short(state, name[1], value, name)
    if state.wants_help or state.wants_version:
        return state.options, "help" if state.wants_help else "version"
    _settle(state)
    return state.options, ""


def _short(state: State, letter: str, value: str, given: str) -> None:
    """`given`: the option as it was spelt."""
    o = state.options
    if letter in _FLAGS:
        name, flag = _FLAGS[letter]
        setattr(o, name, flag)
    elif letter in _COUNTS:
        setattr(state, _COUNTS[letter], getattr(state, _COUNTS[letter]) + 1)
    elif letter in _VALUES:
        _VALUES[letter](o, value, given)
    elif letter == "b":
        detach_on(state, value)
    elif letter == "Y":
        o.pid_names, o.pid_namespaces = True, False
    elif letter == "d":
        raise unsupported("-d", "there is no debug output; set WIRETALE_DEBUG=1 to see where a fault comes from")
    elif letter == "e":
        expression(state, value)


_FLAGS: dict[str, tuple[str, object]] = {
    "A": ("append", True),
    "c": ("summary", "only"),
    "C": ("summary", "also"),
    "i": ("instruction_pointer", True),
    "k": ("stacks", True),
    "n": ("call_numbers", True),
    "r": ("relative", Precision.US),
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
    "f": "follow_count", "q": "quiet_count", "t": "time_count", "x": "hex_count", "h": "wants_help",
    "V": "wants_version", "y": "descriptor_count", "D": "daemon_count",
}  # fmt: skip


def _set(name: str, read: Callable[[str, str], object]) -> Callable[[StraceOptions, str, str], None]:
    return lambda o, value, given: setattr(o, name, read(value, given))


def _add(name: str, read: Callable[[str], Sequence[object]]) -> Callable[[StraceOptions, str, str], None]:
    return lambda o, value, _: getattr(o, name).extend(read(value))


_VALUES: dict[str, Callable[[StraceOptions, str, str], None]] = {
    "a": _set("column", lambda v, given: number(v, given, MOST_COLUMNS)),
    "E": _add("env", lambda v: [v]),
    "I": _set("interruptible", interruptible),
    "o": _set("output", lambda v, _: v),
    "O": _set("summary_overhead_ns", duration_ns),
    "p": _add("pids", pids),
    "P": _add("paths", lambda v: [v]),
    "s": _set("strings", lambda v, given: number(v, given, MOST_STRINGS)),
    "S": _set("summary_sort", lambda v, _: sort(v)),
    "u": _set("user", lambda v, _: v),
    "U": _set("summary_columns", lambda v, _: columns(v)),
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
    elif name == "pidns-translation":
        o.pid_names, o.pid_namespaces = False, True
    elif name == "secontext":
        secontext(state, value)
    else:
        _short(state, short, value, f"--{name}")


def _timestamps(state: State, value: str, given: str) -> None:
    o = state.options
    if not value or o.clock == "none":
        o.clock, o.clock_precision = "time", Precision.S
    for part in filter(None, value.split(",")):
        kind, colon, word = part.rpartition(":")
        if word in ("none", "time", "unix") and kind in ("", "format"):
            o.clock = word
        elif kind in ("", "precision") and not (colon and not kind) and word.upper() in Precision.__members__:
            o.clock_precision = Precision[word.upper()]
        else:
            raise StraceFault(f"invalid --{given} argument: '{value}'", usage=True)


def _hex_strings(state: State, value: str) -> None:
    try:
        state.options.hex = Hex(value)
    except ValueError:
        raise StraceFault(f"invalid --strings-in-hex argument: '{value}'", usage=True) from None


def _relative(state: State, value: str) -> None:
    state.options.relative = precision(value, "--relative-timestamps")


def _daemonize(state: State, value: str) -> None:
    ways = {"grandchild": 1, "pgroup": 2, "pgrp": 2, "session": 3}
    if value.lower() not in ways:
        raise StraceFault(f"invalid --daemonize argument: '{value}'", usage=True)
    state.daemon_count = ways[value.lower()]


def _took(state: State, value: str) -> None:
    state.options.took = precision(value, "--syscall-times")


def _engine(state: State, value: str) -> None:
    if value not in ENGINES:
        raise StraceFault(f"invalid --engine argument: '{value}'", usage=True)
    state.options.engine = ENGINES[value]


_LONG_VALUES: dict[str, Callable[[State, str], None]] = {
    "absolute-timestamps": lambda state, value: _timestamps(state, value, "absolute-timestamps"),
    "timestamps": lambda state, value: _timestamps(state, value, "timestamps"),
    "strings-in-hex": _hex_strings,
    "quiet": quiet,
    "silent": quiet,
    "silence": quiet,
    **dict.fromkeys(("decode-fds", "decode-fd"), descriptor_details),
    **dict.fromkeys(("decode-pids", "decode-pid"), pid_details),
    "daemonize": _daemonize,
    "engine": _engine,
    **dict.fromkeys(("daemonise", "daemonized", "daemonised"), _daemonize),
    "relative-timestamps": _relative,
    "syscall-times": _took,
    "tips": tips,
}


def _settle(state: State) -> None:
    """What depends on several options. Raises StraceFault where they contradict each other."""
    o = state.options
    refuse_contradictions(state)
    o.follow = o.follow or state.follow_count > 0 or "-F" in state.given
    o.separately = o.separately or state.follow_count > 1
    levels = [frozenset(), {"attach", "personality"}, {"attach", "personality", "exit"}, set(MESSAGES)]
    o.quiet = o.quiet | frozenset(levels[min(state.quiet_count, 3)])
    if state.time_count:
        o.clock = "unix" if state.time_count > 2 else "time"
        o.clock_precision = Precision.S if state.time_count == 1 else Precision.US
    if state.hex_count:
        o.hex = Hex.ALL if state.hex_count > 1 else Hex.NON_ASCII
    if not o.command and not o.pids:
        raise StraceFault("must have PROG [ARGS] or -p PID", usage=True)
    if o.summary and o.separately:
        raise StraceFault(
            "(-c/--summary-only or -C/--summary) and -ff/--output-separately are mutually exclusive", usage=True
        )
    o.remarks = remarks(state) + (keep_possible_tampers(o) if o.tampers else [])
    o.seccomp = o.seccomp and not why_no_filter(state)
    if o.output is None:
        o.separately = False
    to_file = o.output is not None and o.output[:1] not in ("|", "!")
    if o.command and to_file and "--quiet" not in state.given:
        o.quiet |= {"attach", "personality"}
    o.daemon = state.daemon_count
    if o.daemon > 3:
        raise StraceFault(f"too many -D's ({o.daemon}): three are the most", usage=True)
    if o.daemon and (not o.command or o.pids):
        raise StraceFault(
            "-D and -p are mutually exclusive" if o.pids else "PROG [ARGS] must be specified with -D", usage=True
        )
    if state.descriptor_count:
        o.descriptors |= DETAILS if state.descriptor_count > 1 else frozenset({"path"})
    if o.stacks and to_file and o.output is not None and o.output.endswith(CAPTURE_SUFFIX):
        raise unsupported("-k together with -o FILE.wiretale", "a capture has no place for stacks")
    if o.engine == "ebpf" and needs_stops(o):
        raise unsupported(
            "--engine ebpf together with -e inject, -e kvm, -b, --seccomp-bpf, -y, -k or -P",
            "only ptrace stops the program",
        )
