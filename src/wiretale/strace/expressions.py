"""The values of -e, and of the long options that stand for one: `-e trace=SET`, `-e quiet=SET`, `-e inject=...`."""

from collections.abc import Callable

from wiretale.light import dataclass, field
from wiretale.strace.faults import StraceFault
from wiretale.strace.options import DETAILS, MESSAGES, STATUSES, StraceOptions

TYPE_CHECKING = False  # typing itself is not loaded: see light.py
if TYPE_CHECKING:
    from wiretale.record.ptrace.tamper import Tamper


@dataclass(slots=True)
class State:
    """The options so far, and how often some were given."""

    options: StraceOptions
    given: set[str] = field(default_factory=set)  # the options by name: -t, --trace; -e quiet=: --quiet
    quiet_count: int = 0
    time_count: int = 0
    hex_count: int = 0
    follow_count: int = 0
    descriptor_count: int = 0
    daemon_count: int = 0
    wants_help: bool = False
    wants_version: bool = False


def unsupported(option: str, why: str) -> StraceFault:
    return StraceFault(f"{option} is not supported: {why}")


_MESSAGE_WORDS = {
    "attaching": "attach", "exits": "exit", "exiting": "exit", "path-resolutions": "path-resolution",
    "personalities": "personality", "superseded": "thread-execve",
}  # fmt: skip


def quiet(state: State, value: str) -> None:
    from wiretale.strace.sets import word_set

    state.given.add("--quiet")
    state.options.quiet |= word_set(value, MESSAGES, "quiet", _MESSAGE_WORDS)


def descriptor_details(state: State, value: str) -> None:
    from wiretale.strace.sets import word_set

    aliases = {"paths": "path", "sockets": "socket", "devs": "dev", "pidfds": "pidfd"}
    state.given.add("--decode-fds")
    state.options.descriptors = word_set(value, DETAILS, "decode-fds", aliases)


def pid_details(state: State, value: str) -> None:
    from wiretale.strace.sets import word_set

    found = word_set(value, ("comm", "pidns"), "decode-pids")
    state.options.pid_names, state.options.pid_namespaces = "comm" in found, "pidns" in found


def tips(state: State, value: str) -> None:
    from wiretale.strace.tips import choose

    o = state.options
    o.tip_format, o.tip = choose(o.tip_format, o.tip, value)


def detach_on(state: State, value: str) -> None:
    if value != "execve":
        raise StraceFault(f"Syscall '{value}' for -b isn't supported")
    state.options.detach_at_exec = True


def expression(state: State, text: str) -> None:
    """`NAME=VALUE`; without a NAME it is a set of calls to trace."""
    name, equals, value = text.partition("=")
    handler = _QUALIFIERS.get(name) if equals else None
    if handler is not None:
        handler(state, value)
    else:
        _choose("trace", "call_set")(state, text)


def _choose(name: str, reader: str) -> Callable[[State, str], None]:
    """Sets the option `name` to what the function `reader` of `sets.py` makes of the value."""

    def choose(state: State, value: str) -> None:
        from wiretale.strace import sets

        setattr(state.options, name, getattr(sets, reader)(value))

    return choose


def _statuses(state: State, value: str) -> None:
    from wiretale.strace.sets import word_set

    state.options.statuses = word_set(value, STATUSES, "status")


def _kvm(state: State, value: str) -> None:
    if value != "vcpu":
        raise StraceFault(f"-e kvm={value}: the only word it knows is vcpu")
    state.options.vcpus = True


def secontext(state: State, value: str) -> None:
    raise unsupported("--secontext", "the contexts of SELinux are not recorded")


def _inject(state: State, value: str) -> None:
    from wiretale.strace.inject import tampers

    _replace_tampers(state, tampers(value, "inject"))


def _fault(state: State, value: str) -> None:
    from wiretale.strace.inject import tampers

    _replace_tampers(state, tampers(value, "fault"))


def _replace_tampers(state: State, rules: "list[Tamper]") -> None:
    """The last rule for a call is the only one."""
    anew = {(rule.arch, rule.number) for rule in rules}
    state.options.tampers = [old for old in state.options.tampers if (old.arch, old.number) not in anew] + rules


def keep_possible_tampers(options: StraceOptions) -> list[str]:
    """Only calls that are traced are tampered with. Returns what is to be said of the rules."""
    from wiretale.strace.inject import doubts, of_traced

    said = doubts(options.tampers)
    options.tampers = of_traced(options.tampers, options.trace)
    return said if options.tampers else [*said, "-e inject= has no effect on calls that -e trace= leaves out"]


def _aliases(names: str, handler: Callable[[State, str], None]) -> dict[str, Callable[[State, str], None]]:
    return dict.fromkeys(names.split(), handler)


_QUALIFIERS: dict[str, Callable[[State, str], None]] = {
    **_aliases("trace t", _choose("trace", "call_set")),
    **_aliases("abbrev a", _choose("abbreviated", "call_set")),
    **_aliases("verbose v", _choose("verbose", "call_set")),
    **_aliases("raw x", _choose("raw", "call_set")),
    **_aliases("signal signals s", _choose("signals", "signal_set")),
    **_aliases("read reads r", _choose("dump_read", "descriptor_set")),
    **_aliases("write writes w", _choose("dump_write", "descriptor_set")),
    "status": _statuses,
    **_aliases("quiet silent silence q", quiet),
    **_aliases("decode-fds decode-fd", descriptor_details),
    **_aliases("decode-pids decode-pid", pid_details),
    "kvm": _kvm,
    "secontext": secontext,
    "fault": _fault,
    "inject": _inject,
}
