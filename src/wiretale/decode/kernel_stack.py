"""Which functions on a kernel stack belong to the event, and which to a bystander that was interrupted.

A stack is walked from the innermost function on. Where an interrupt or a softirq began, the work for the event ends;
what lies under it is whatever ran there, and is no cause. One exception: a thread that lets deferred work run again
(__local_bh_enable_ip) runs the softirq itself, in its own call. What it was doing is then the caller, which is the
cause if it sent the packet: loopback and veth receive so, in the middle of the sender's write().

Names are those of kernel/softirq.c, arch/x86/entry, arch/arm64/kernel/entry.S and entry-common.c, kernel/bpf.
"""

import re
from collections.abc import Sequence

from wiretale.light import dataclass

_TRACING = re.compile(r"(bpf_prog_|bpf_trace_run|__bpf_trace_|__traceiter_|bpf_trampoline_|bpf_get_stack)")
_MOST_TRACING = 4  # frames: the program, bpf_trace_runN, and what called it
_SUFFIX = re.compile(r"\.(part|isra|constprop|cold|llvm)\b.*")
# The last function of an interrupt: under it is what was interrupted. Faults (asm_exc_page_fault) are a thread's own.
_INTERRUPT = re.compile(r"asm_(sysvec_|common_interrupt|spurious_interrupt|exc_nmi)|el[01][ht]?_(64_|32_)?(irq|fiq)$")
_SOFTIRQ = frozenset(("handle_softirqs", "__do_softirq"))  # the second until Linux 6.10, and on arm64 around the first
_LETS_SOFTIRQS_RUN = "__local_bh_enable_ip"
_SOFTIRQ_THREAD = "run_ksoftirqd"
_BETWEEN = 6  # frames between the softirq and what let it run: do_softirq and its parts, the change of stacks
_BACKLOG = "__release_sock"


@dataclass(frozen=True, slots=True)
class Division:
    """Values of kernel_stack.context and, of each frame, kernel_frame.part (model/raw.py)."""

    context: str
    backlog: bool
    parts: tuple[str, ...]


def plain_name(function: str) -> str:
    """Without what the compiler adds to the name of a part or copy of a function."""
    return _SUFFIX.sub("", function)


def divide(functions: Sequence[str | None]) -> Division:
    """Of a stack's functions, the innermost first; None is one without a name."""
    names = [plain_name(f) if f else "" for f in functions]
    first = max((i + 1 for i, name in enumerate(names[:_MOST_TRACING]) if _TRACING.match(name)), default=0)
    if not any(names):
        return Division("unknown", False, ("work",) * len(names))
    context, ends = _ends(names, first)
    parts = ["tracing"] * first
    for part, end in zip(("work", "entry", "caller", "interrupted"), ends, strict=True):
        parts += [part] * (end - len(parts))
    return Division(context, _BACKLOG in names[first : ends[0]], tuple(parts))


def _ends(names: list[str], first: int) -> tuple[str, tuple[int, int, int, int]]:
    """The context, and where work, entry, caller and the interrupted end."""
    size = len(names)
    own = names[first : first + 1] == ["__schedule"]  # a thread that was preempted is switched in its own name
    interrupted = next((i for i in range(first, size) if _INTERRUPT.match(names[i])), size)
    softirq = next((i for i in range(first, interrupted) if names[i] in _SOFTIRQ), size)
    if own or (interrupted == size and softirq == size):
        if "do_idle" in names[first:]:
            return "idle", (size, size, size, size)
        return ("kernel thread" if "kthread" in names[first:] else "task"), (size, size, size, size)
    if softirq == size:
        return "interrupt", (_last_of_interrupt(names, first, interrupted), interrupted + 1, interrupted + 1, size)
    under = names[softirq + 1 : min(softirq + 1 + _BETWEEN, interrupted)]
    if _LETS_SOFTIRQS_RUN in under:
        entered = softirq + 2 + under.index(_LETS_SOFTIRQS_RUN)
        caller = next((i for i in range(entered, size) if _INTERRUPT.match(names[i])), size)
        caller = caller if caller == size else _last_of_interrupt(names, entered, caller)
        return "softirq in a call", (softirq, entered, caller, size)
    if _SOFTIRQ_THREAD in under:
        return "softirq thread", (softirq, size, size, size)
    if interrupted < size:
        return "softirq after an interrupt", (softirq, interrupted + 1, interrupted + 1, size)
    return "softirq", (softirq, softirq + 1, softirq + 1, size)


def _last_of_interrupt(names: list[str], first: int, interrupted: int) -> int:
    """Where the frames begin that only enter the interrupt: x86 has the handler of the same name before."""
    handler = names[interrupted].removeprefix("asm_")
    return interrupted - 1 if interrupted > first and names[interrupted - 1] == handler else interrupted
