"""What the options of a command line ask of the tracer."""

import os

from wiretale.record.ptrace.options import PtraceOptions, SpawnRequest
from wiretale.strace.options import StraceOptions, counts_system_time, everything, nothing, real_paths


def tracer_options(options: StraceOptions, printed_fd: int = -1) -> PtraceOptions:
    """What the tracer has to do for the lines that are wanted; `printed_fd` as in PtraceOptions."""
    dumps = options.dump_read is not None or options.dump_write is not None
    only = _traced(options) if options.seccomp else None
    return PtraceOptions(
        calls="network" if only is not None else "all",
        only=only,
        snaplen=None if dumps else options.strings + 1,
        snaplen_each=True,
        # A filtered program cannot outlive its tracer: its calls would fail.
        kill_on_recorder_exit=options.kill_on_exit or only is not None,
        follow_forks=options.follow,
        whole_netlink=True,
        busy_start=True,  # the decoders are loaded meanwhile
        links=bool(options.descriptors or options.paths),
        names=options.pid_names,
        other_ends="socket" in options.descriptors,
        environment=_shows_environment(options),
        detach_at_exec=options.detach_at_exec,
        system_times=counts_system_time(options),
        holds_ends=options.awaits_exec,
        stacks=_traced(options) if options.stacks and options.summary != "only" else None,
        vcpus=options.vcpus,
        printed_fd=printed_fd,
        tampers=tuple(options.tampers),
        tampered_paths=_paths(options) if options.tampers else (),
    )


def _traced(options: StraceOptions) -> tuple[str, ...]:
    """The names of all calls that are wanted."""
    from wiretale.decode.syscalls import table
    from wiretale.record.ptrace.plan import native_arches

    calls = {(name, arch) for arch in native_arches() for name in table(arch).values()}
    return tuple(sorted({name for name, arch in calls if options.trace(name, arch)}))


def _shows_environment(options: StraceOptions) -> bool:
    """Whether -v or `-e abbrev` asks for the whole of what programs are given: values are read then only."""
    if options.abbreviated in (everything, nothing):
        return options.abbreviated is nothing
    from wiretale.record.ptrace.plan import native_arches

    return not all(options.abbreviated(name, arch) for name in ("execve", "execveat") for arch in native_arches())


def _paths(options: StraceOptions) -> tuple[bytes, ...]:
    """The paths of -P, and where they lead to."""
    found = {*options.paths, *real_paths(options.paths).values()}
    return tuple(sorted(map(os.fsencode, found)))


def spawn_request(options: StraceOptions) -> SpawnRequest:
    """The program of the command line, with its user and its environment."""
    user = None
    if options.user is not None:
        from wiretale.record.user import named

        user = named(options.user)
    return SpawnRequest(
        options.command,
        environment(options),
        search=os.environ,
        even_folder=True,
        uid=user.uid if user else None,
        gid=user.gid if user else None,
        groups=list(user.groups) if user else None,
    )


def environment(options: StraceOptions) -> dict[str, str]:
    """The tracer's own, changed by -E."""
    found = dict(os.environ)
    for word in options.env:
        name, equals, value = word.partition("=")
        if equals:
            found[name] = value
        else:
            found.pop(name, None)
    return found
