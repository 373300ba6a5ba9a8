"""The cast: the processes, their command lines, and what each of their descriptors was and since when."""

from wiretale.explain import figures
from wiretale.explain.files import STANDARD, Descriptor
from wiretale.explain.story import Anchors, Chapter, Hop, Ref, Section, Step
from wiretale.explain.words import code, count, listed
from wiretale.explain.world import Process, World

PROCESSES_TOLD = 12
DESCRIPTORS_TOLD = 10


def _ending(process: Process) -> str:
    if process.end_how == "exited":
        return "ended" if process.exit_status is None else f"exited with status {process.exit_status}"
    if process.end_how == "killed":
        return f"was killed by {code(process.signal or 'a signal')}"
    return "was let go by the recorder" if process.end_how == "detached" else "was still running at the end"


_HOW = {"attached": "was running before the recording", "present": "was there before"}


def _process(world: World, process: Process, owned: list[Descriptor]) -> Step:
    parent = world.processes.get(process.parent_pid or -1)
    begun = f"began at {world.at(process.start_ns)}"
    if process.how in _HOW:
        begun = _HOW[process.how]
    elif parent is not None:
        begun = f"was started by {parent.name} at {world.at(process.start_ns)}"
    end = f" at {world.at(process.end_ns)}" if process.end_ns is not None else ""
    said = [f"{process.name} runs {code(process.command)}. It {begun} and {_ending(process)}{end}."]
    said += _earlier(world, process)
    if world.has_calls:
        threads = f" in {process.threads + 1} threads" if process.threads else ""
        said.append(
            f"{count(process.calls, 'system call')} of it{threads} {'were' if process.calls != 1 else 'was'} recorded."
        )
    hops = [_descriptor_hop(world, d) for d in _first(owned)]
    if len(owned) > DESCRIPTORS_TOLD:
        said.append(f"Of its sockets, pipes and terminals {DESCRIPTORS_TOLD} are listed.")
    return Step("", process.name, tuple(said), process.start_ns, hops=tuple(hops), refs=(process.ref,),
                topics=("file descriptor",) if hops else ())  # fmt: skip


def _earlier(world: World, process: Process) -> list[str]:
    """The programs it ran before the last one, by other names."""
    images = world.images.get(process.pid, ())
    before = [(since, comm) for since, comm in images[:-1] if comm != images[-1][1]]
    if not before:
        return []
    names = listed([code(comm) for _, comm in before])
    return [f"Until {world.at(images[-1][0])} it ran {names}; what it did then is told under that name."]


def _first(owned: list[Descriptor]) -> list[Descriptor]:
    """Those that are listed: first what took part in a connection or listens; told in order of time."""
    chosen = sorted(owned, key=_rank)[:DESCRIPTORS_TOLD]
    return sorted(chosen, key=lambda d: (d.from_ns, d.fd))


def _rank(d: Descriptor) -> int:
    """TCP and UDP sockets that carried something or listen, then other such sockets, then all else."""
    internet = d.what.startswith(("a TCP", "a UDP"))
    busy = d.connection_id is not None or " listens on " in d.what
    return 0 if internet and busy else 1 if internet else 2


_CAME = {"inherited": "inherited", "fork": "inherited", "received (SCM_RIGHTS)": "received over a socket"}


def _descriptor_hop(world: World, d: Descriptor) -> Hop:
    usual = f"{STANDARD[d.fd]}: " if d.fd in STANDARD else ""
    process = world.processes.get(d.pid)
    came = _CAME.get(d.how, "")
    if d.how == "inherited" and process is not None and process.how in _HOW:
        came = "open before"
    end = f"until {world.at(d.to_ns)}" if d.to_ns is not None and d.end_how != "exit" else ""
    return Hop(d.from_ns, f"fd {d.fd}", usual + d.what, ", ".join(x for x in (came, end) if x),
               (Ref("descriptor", d.descriptor_id, f"descriptor {d.descriptor_id}"),))  # fmt: skip


def cast(world: World, owned: list[Descriptor]) -> Chapter | None:
    """The chapter; None if no process was traced."""
    if not world.processes:
        return None
    anchors = Anchors("cast")
    by_pid: dict[int, list[Descriptor]] = {}
    for d in owned:
        # A connect to the name service cache and the like: sockets that carried nothing are told elsewhere.
        by_pid.setdefault(d.pid, []).append(d)
    chosen = list(world.processes.values())
    if len(chosen) > PROCESSES_TOLD:
        active = {d.pid for d in owned if d.kind == "socket"}
        chosen.sort(key=lambda p: (p.pid not in active, p.start_ns))
        chosen = sorted(chosen[:PROCESSES_TOLD], key=lambda p: p.start_ns)
    steps = [anchors.named(_process(world, p, by_pid.get(p.pid, []))) for p in chosen]
    left = len(world.processes) - len(chosen)
    intro = (
        [f"{count(left, 'other process', 'other processes')} took part; {code('wiretale ps')} lists them."]
        if left
        else []
    )
    figure = figures.descriptors(world, owned)
    return Chapter("cast", "The cast", tuple(intro), (Section("", tuple(steps)),), (figure,) if figure else ())
