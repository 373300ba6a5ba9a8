"""What a command line of `wiretale strace` asks for, as values."""

import os
from collections.abc import Callable, Iterable
from enum import IntEnum

from wiretale.decode.strace.style import Hex, Names
from wiretale.light import dataclass, field

TYPE_CHECKING = False  # typing itself is not loaded: see light.py
if TYPE_CHECKING:
    from typing import Literal

    from wiretale.record.ptrace.tamper import Tamper

    Engine = Literal["ptrace", "ebpf", "auto"]

Select = Callable[[str, int], bool]  # a call: its name, and the kind of program (Arch) that makes it


def everything(*_: object) -> bool:
    return True


def nothing(*_: object) -> bool:
    return False


def real_paths(paths: Iterable[str]) -> dict[str, str]:
    """Where paths of -P lead to; those that lead nowhere yet stand for nothing but their own words."""
    return {path: os.path.realpath(path) for path in paths if os.access(path, os.F_OK)}


class Precision(IntEnum):
    """Digits after the point."""

    S = 0
    MS = 3
    US = 6
    NS = 9


STATUSES = ("successful", "failed", "unfinished", "unavailable", "detached")
MESSAGES = ("attach", "exit", "path-resolution", "personality", "thread-execve")
ENGINES: "dict[str, Engine]" = {"ptrace": "ptrace", "ebpf": "ebpf", "auto": "auto"}
CAPTURE_SUFFIX = ".wiretale"  # of -o: a capture is made besides
DETAILS = frozenset(("path", "dev", "socket", "pidfd"))  # of a descriptor
TIP_FORMATS = ("none", "compact", "full")
SUMMARY_COLUMNS = ("time-percent", "total-time", "avg-time", "calls", "errors", "name")


@dataclass(slots=True)
class StraceOptions:
    """All options, with strace's defaults."""

    command: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)  # what is said before the run: options without an effect
    pids: list[int] = field(default_factory=list)
    follow: bool = False
    separately: bool = False
    output: str | None = None
    append: bool = False
    user: str | None = None
    env: list[str] = field(default_factory=list)
    interruptible: int = 0
    seccomp: bool = False
    kill_on_exit: bool = False
    engine: "Engine" = "ptrace"  # or ebpf: kernel programs record the calls; auto: they do if they can
    daemon: int = 0  # -D, -DD, -DDD: the tracer is a grandchild, in its own process group, in its own session
    attached_fd: int = -1  # with -D: where to say that the program is traced now
    awaits_exec: bool = False  # with -D: what a process does before it is the program is not shown
    detach_at_exec: bool = False
    tampers: "list[Tamper]" = field(default_factory=list)
    # which events
    trace: Select = everything
    signals: Callable[[int], bool] = everything
    statuses: frozenset[str] | None = None  # None: all
    quiet: frozenset[str] = frozenset()
    paths: list[str] = field(default_factory=list)  # only calls that name one of them
    # how they look
    strings: int = 32
    column: int = 40
    names: Names = Names.ABBREV
    hex: Hex = Hex.NONE
    abbreviated: Select = everything
    raw: Select = nothing
    verbose: Select = everything  # whose structures are shown
    argument_names: bool = False
    descriptors: frozenset[str] = frozenset()  # what is said of one: members of DETAILS
    pid_names: bool = False
    pid_namespaces: bool = False  # what their numbers are in the tracer's own namespace
    vcpus: bool = False  # why each run of a virtual CPU ended
    dump_read: Callable[[int], bool] | None = None
    dump_write: Callable[[int], bool] | None = None
    stacks: bool = False  # behind each call and signal
    call_numbers: bool = False
    instruction_pointer: bool = False
    clock: str = "none"  # none, time, unix
    clock_precision: Precision = Precision.S
    relative: Precision | None = None
    took: Precision | None = None
    more: bool = False
    tip_format: str = "none"  # of --tips: one of TIP_FORMATS
    tip: int | None = None  # which; None: any
    # counts
    summary: str = ""  # "", "only", "also"
    summary_sort: str = "time-percent"
    summary_columns: tuple[str, ...] = SUMMARY_COLUMNS
    summary_wall: bool = False
    summary_overhead_ns: int = 0


def counts_system_time(options: StraceOptions) -> bool:
    """Whether -c counts how long calls kept a CPU in the kernel, and not how long they took (-w)."""
    return bool(options.summary) and not options.summary_wall and options.engine == "ptrace"


def needs_stops(options: StraceOptions) -> bool:
    """Whether only an engine that stops the program can do it: change calls, ask what each descriptor is."""
    o = options
    return bool(o.tampers or o.detach_at_exec or o.seccomp or o.descriptors or o.paths or o.stacks or o.vcpus)
