"""What is asked of the tracer: how to trace, and which program to start. Loaded without the tracer itself."""

from wiretale.light import dataclass, field

TYPE_CHECKING = False  # typing itself is not loaded: see light.py
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal

    from wiretale.record.ptrace.tamper import Tamper

_EXITKILL, _PLACE, _SNAP_EACH, _NO_FOLLOW = 1, 2, 4, 8  # enum wt_option_flag
_DETACH_AT_EXEC, _ALL_LINKS, _WHOLE_NETLINK, BUSY_START, _NAMES = 16, 32, 64, 256, 512
_SELECTED_ONLY, _OTHER_ENDS, _SYSTEM_TIMES, _HOLDS_ENDS, _ENVIRONMENT, _VCPUS = 128, 1024, 2048, 4096, 8192, 16384


@dataclass(frozen=True, slots=True)
class PtraceOptions:
    """How to trace."""

    calls: 'Literal["all", "network"]' = "all"  # network: what touches a descriptor, and process life
    snaplen: int | None = 256  # bytes kept of each message; None: all
    pin: bool = False  # keep program and tracer on one CPU; moves the program
    kill_on_recorder_exit: bool = True  # a program started here dies if the recorder is killed
    follow_cpu: bool = True  # run where the busiest traced thread runs
    snaplen_each: bool = False  # snaplen counts for every buffer of a message, not for the message
    follow_forks: bool = True  # trace what the programs start, too
    only: tuple[str, ...] | None = None  # with calls="network": these calls stop the program, and no others
    whole_netlink: bool = False  # snaplen does not cut what netlink sockets carry
    links: bool = False  # record what every descriptor given to a call is
    other_ends: bool = False  # with links: to which socket a unix socket is connected
    names: bool = False  # record the names of processes that calls and signals mention
    environment: bool = False  # values of the environment, which may hold passwords, are recorded; not of engine ebpf
    detach_at_exec: bool = False  # let a task go when it executes another program
    busy_start: bool = False  # the recorder computes while the program starts
    system_times: bool = False  # how long each call kept a CPU in the kernel; not of engine ebpf
    holds_ends: bool = False  # an attached process has its program to execute yet; its end is seen after `have_read`
    stacks: tuple[str, ...] | None = None  # of these calls stacks are recorded, and of signals; not of engine ebpf
    vcpus: bool = False  # why each run of a virtual CPU ended; not of engine ebpf
    printed_fd: int = -1  # where events are printed while they come: what the program writes there waits for that
    tampers: "tuple[Tamper, ...]" = ()
    tampered_paths: tuple[bytes, ...] = ()  # only calls that name one of them are tampered with; none: all


@dataclass(frozen=True, slots=True)
class SpawnRequest:
    """A program to start. `argv[0]` is looked up as a shell would, in PATH of `search`, if it is given, or of `env`."""

    argv: list[str]
    env: dict[str, str] = field(default_factory=dict)
    cwd: str | None = None
    stdin_fd: int = 0
    stdout_fd: int = 1
    stderr_fd: int = 2
    new_session: bool = False  # with stdin_fd, if it is a terminal, as the controlling one
    uid: int | None = None
    gid: int | None = None
    groups: list[int] | None = None
    search: "Mapping[str, str] | None" = None
    even_folder: bool = False  # the kernel is asked to execute a folder, too, so that its refusal is on record


def option_flags(options: PtraceOptions) -> int:
    """enum wt_option_flag of `options`."""
    o = options
    flags = (_EXITKILL if o.kill_on_recorder_exit else 0) | (_PLACE if o.follow_cpu else 0)
    flags |= (_SNAP_EACH if o.snaplen_each else 0) | (0 if o.follow_forks else _NO_FOLLOW)
    flags |= (_DETACH_AT_EXEC if o.detach_at_exec else 0) | (_ALL_LINKS if o.links else 0)
    flags |= (_NAMES if o.names else 0) | (_OTHER_ENDS if o.other_ends else 0)
    flags |= (_SYSTEM_TIMES if o.system_times else 0) | (_HOLDS_ENDS if o.holds_ends else 0)
    flags |= (_SELECTED_ONLY if o.calls == "network" else 0) | (_ENVIRONMENT if o.environment else 0)
    flags |= _VCPUS if o.vcpus else 0
    return flags | (BUSY_START if o.busy_start else 0) | (_WHOLE_NETLINK if o.whole_netlink else 0)
