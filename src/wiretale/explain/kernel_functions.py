"""The functions of a way through the kernel: at each step those that were entered since the step before, and why there.

Two steps of the same thread in the same context share the outer part of their stacks; only the rest is new.
"""

from collections.abc import Iterator

from wiretale.join.kernel_path import KernelPath, PathEvent
from wiretale.join.kernel_stacks import Frame, Stack
from wiretale.light import dataclass

_IN_CALL = "softirq in a call"
BACKLOG = "done late, for the backlog: what arrived while a call had the socket locked"
# By kernel_stack.context: what a softirq or an interrupt has to do with the thread in whose time it ran.
_WHY = {
    "softirq after an interrupt": "an interrupt stopped it: what it was doing has nothing to do with this",
    "interrupt": "an interrupt stopped it: what it was doing has nothing to do with this",
    "softirq thread": "the kernel's thread for deferred work",
    "idle": "the CPU was idle",
    "unknown": "the functions have no names",
}


@dataclass(frozen=True, slots=True)
class Passed:
    """What a step's stack adds to the way."""

    entered: tuple[Frame, ...]  # the outermost first
    note: str  # a clause about the step; empty if there is nothing to say


def passed(path: KernelPath) -> dict[int, Passed]:
    """By event id, of the steps with a stack. Where nothing was entered, the innermost function stands for the step."""
    last: dict[int, dict[str, list[Frame]]] = {}
    found: dict[int, Passed] = {}
    for event in path.events:
        stack = path.stacks.get(event.stack_id or 0)
        if stack is None:
            continue
        way = way_of(path, event, stack)
        before = last.setdefault(event.tid, {})
        # a softirq that a call runs itself goes on where the call was
        shared = max((_shared(way, other) for other in before.values()), default=0)
        before[event.context] = way
        found[event.event_id] = Passed(tuple(way[shared:] or way[-1:]), BACKLOG if stack.backlog else "")
    return found


def _shared(one: list[Frame], other: list[Frame]) -> int:
    """How many of the outermost functions are the same."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if not _same(a, b)), min(len(one), len(other)))


def way_of(path: KernelPath, event: PathEvent, stack: Stack) -> list[Frame]:
    """The functions for this event, the outermost first: from the call on where it is the cause."""
    return stack.way(with_caller=is_own(path, event, stack))


def is_own(path: KernelPath, event: PathEvent, stack: Stack | None) -> bool:
    """Whether a step is the work of the thread it ran in: in its call, or in a softirq that its call caused and ran."""
    if event.context == "task":
        return True
    return event.event_id in path.caused and (stack is None or stack.context == _IN_CALL)


def why_there(path: KernelPath, event: PathEvent) -> str:
    """What a step in a softirq has to do with the thread it ran in; empty where no stack tells."""
    stack = next(stacks_of_run(path, event), None)
    if stack is None:
        return ""
    if stack.context != _IN_CALL:
        return _WHY.get(stack.context, "")
    if event.event_id in path.caused:
        return "its own call sent the packet, and does this before it goes on"
    return "it let deferred work run; its call is not known to be the cause"


def stacks_of_run(path: KernelPath, event: PathEvent) -> Iterator[Stack]:
    """Of the events from this one on in the same context: the entry of a softirq has no stack of its own."""
    for later in path.events[path.events.index(event) :]:
        if (later.cpu, later.tid, later.context) != (event.cpu, event.tid, event.context):
            return
        if later.stack_id in path.stacks:
            yield path.stacks[later.stack_id]


def _same(one: Frame, other: Frame) -> bool:
    return one.function == other.function and (one.function is not None or one.address == other.address)
