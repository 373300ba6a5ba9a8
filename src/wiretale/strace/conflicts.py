"""Options that contradict each other are refused; of those that have no effect it is said that they have none."""

from wiretale.strace.expressions import State
from wiretale.strace.faults import StraceFault
from wiretale.strace.options import everything, real_paths

# A short option whose count says how much, and the long one that says it in words.
_ONE_OF = {
    "-t": ("--absolute-timestamps", "--timestamps"),
    "-D": ("--daemonize", "--daemonise"),
    "-f": ("--follow-forks",),
    "-x": ("--strings-in-hex",),
    "-q": ("--quiet", "--silent", "--silence"),
    "-y": ("--decode-fds",),
}
_COUNTS_ONLY, _COUNTS_ALSO = {"-c", "--summary-only"}, {"-C", "--summary"}
_NEED_COUNTS = {"-w": "--summary-wall-clock", "-U": "--summary-columns"}
_NOT_COUNTED = {
    "-i": ("--instruction-pointer",),
    "-k": ("--stack-traces",),
    "-n": ("--syscall-number",),
    "-r": ("--relative-timestamps",),
    "-t": ("--absolute-timestamps", "--timestamps"),
    "-T": ("--syscall-times",),
    "-y": ("--decode-fds",),
}


def refuse_contradictions(state: State) -> None:
    """Raises StraceFault."""
    given = state.given
    for short, longs in _ONE_OF.items():
        if short in given and given.intersection(longs):
            raise StraceFault(f"{short} and {longs[0]} cannot be given together: use one of them", usage=True)
    if state.follow_count > 1 and "--output-separately" in given:
        raise StraceFault("-ff and --output-separately cannot be given together: use one of them", usage=True)
    if given & _COUNTS_ONLY and given & _COUNTS_ALSO:
        raise StraceFault("-c/--summary-only and -C/--summary are mutually exclusive", usage=True)
    for short, long in _NEED_COUNTS.items():
        if given & {short, long} and not given & (_COUNTS_ONLY | _COUNTS_ALSO):
            raise StraceFault(f"{short}/{long} must be given with -c/--summary-only or -C/--summary", usage=True)


def why_no_filter(state: State) -> str:
    """Why --seccomp-bpf is not obeyed; empty if it is."""
    o = state.options
    if o.detach_at_exec:  # a program that is let go would keep a filter that fails its calls
        return "it is not compatible with -b"
    if state.daemon_count:
        return "it is not compatible with -D"
    if not o.follow:
        return "it needs -f/--follow-forks"
    if not o.command:
        return "it needs PROG"
    return "every call is traced: -e trace= says which are wanted" if o.trace is everything else ""


def remarks(state: State) -> list[str]:
    """One sentence for each option that has no effect, and for each path of -P that stands for another."""
    o, given = state.options, state.given
    found = []
    if "-F" in given:
        found.append("-F is deprecated: " + ("-f is enough" if state.follow_count else "use -f/--follow-forks"))
    if o.seccomp and o.pids:
        found.append("--seccomp-bpf has no effect on processes attached with -p")
    if o.seccomp and why_no_filter(state):
        found.append(f"--seccomp-bpf is not enabled because {why_no_filter(state)}")
    if o.summary == "only":
        for short, longs in _NOT_COUNTED.items():
            if given & {short, *longs}:
                found.append(f"{short}/{longs[0]} has no effect with -c/--summary-only")
    if given & {"-S", "--summary-sort-by"} and not o.summary:
        found.append("-S/--summary-sort-by has no effect without -c/--summary-only or -C/--summary")
    if o.user is not None and not o.command:
        found.append("-u/--user has no effect without PROG")
    if o.output is None and "--output-separately" in given:
        found.append("--output-separately has no effect without -o/--output")
    if o.output is None and o.append:
        found.append("-A/--output-append-mode has no effect without -o/--output")
    if given & {"-z", "--successful-only"} and given & {"-Z", "--failed-only"}:
        found.append("of -z/--successful-only and -Z/--failed-only the last one counts; -e status= takes several")
    if "path-resolution" not in o.quiet:
        resolved = real_paths(o.paths).items()
        found += [f'Requested path "{path}" resolved into "{real}"' for path, real in resolved if path != real]
    return found
