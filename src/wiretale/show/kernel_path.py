"""A way through the kernel as text: the events in order, under a heading for each context they ran in."""

from collections.abc import Iterator, Mapping, Sequence

from wiretale.decode.constants import error_name
from wiretale.decode.durations import duration
from wiretale.decode.escape import escape_text
from wiretale.explain.kernel_functions import BACKLOG, passed, why_there
from wiretale.explain.kernel_steps import is_backlog
from wiretale.explain.kernel_way import spans
from wiretale.explain.lookup import sentence_of
from wiretale.join.kernel_passing import PassedOn
from wiretale.join.kernel_path import KernelPath, PathCall, PathEvent
from wiretale.join.kernel_stacks import Frame
from wiretale.model.kernel_ring import KINDS
from wiretale.show.kernel_event import WHERE, in_words, thread

_NAME_COLUMNS = max(len(kind.name) for kind in KINDS)
_MOST_ERRNO = 4095  # MAX_ERRNO of linux/err.h
_COPIED = "skb:skb_copy_datagram_iovec"
_MERGED = "what arrived after that packet was put into the same buffer"
_PASSES = {True: "the bridge passes it on", False: "IP passes it on (it forwards)"}
NOTHING_SEEN = (
    "no recorded event of the kernel belongs to it: if none was lost or left out, it found what it needed, and sent"
    " nothing, woke nobody and did not wait"
)
_BOLD, _DIM, _RESET = "\x1b[1m", "\x1b[2m", "\x1b[0m"


def path_lines(path: KernelPath, *, color: bool, functions: Mapping[str, str] | None = None) -> Iterator[str]:
    """The whole answer.

    `functions` says what a kernel function does, in a sentence that goes on from its name; they are then shown.
    """
    bold, dim, reset = (_BOLD, _DIM, _RESET) if color else ("", "", "")
    yield from _summary(path, bold, reset)
    if not path.events:
        yield ""
        yield NOTHING_SEEN
    ways = passed(path)
    heading = ""
    for event in path.events:
        here = _heading(path, event)
        if here != heading:
            heading = here
            yield ""
            yield f"{bold}{here}{reset}"
        after = f"+{duration(event.time_ns - path.begin_ns)}"
        aside = dim if event.answer else ""
        way = ways.get(event.event_id)
        note = way.note if way and way.note else BACKLOG if is_backlog(path, event) else ""
        note = f"; {note}" if note else ""
        passes = path.passed_on.get(event.event_id)
        note += f"; {_PASSES[passes.by_bridge]}{_translated(passes, event)}" if passes is not None else ""
        about = in_words(event, path.threads, path.reasons)
        if event.name == _COPIED and (
            event.packet_number not in (None, *path.packets) or event.value > (event.payload_bytes or event.value)
        ):
            note += f"; {_MERGED}"
        text = f"{after:>9}  {event.name:<{_NAME_COLUMNS}}  {about}{note}"
        yield f"{aside}{text}{reset if aside else ''}"
        if functions is not None:
            for line in _functions(way.entered, functions) if way else [_function(event, functions)]:
                yield f"{aside}{'':>11}{line}{reset if aside else ''}"
    spent = list(spans(path)) if path.hi > path.lo else []
    if spent:
        yield ""
        aside = " (calls recorded by ptrace: the tracer's stops are in these times)" if path.stopped else ""
        yield f"{bold}where the time went{reset}{aside}"
        for span in spent:
            yield f"{duration(span.ns):>9}  {span.what}"
            for ns, clause in span.parts:
                yield f"{dim}{'':>11}{duration(ns)} {clause}{reset}"


def _translated(passes: PassedOn, event: PathEvent) -> str:
    """What address translation (NAT) has made of the ends of a packet on its way."""
    if passes.was is None:
        return ""
    return f"; NAT: {' -> '.join(passes.was)} became {event.source} -> {event.destination}"


def _function(event: PathEvent, functions: Mapping[str, str]) -> str:
    """Where the kernel was at this step."""
    name, _, file = WHERE[event.name].partition(", ")
    does = functions.get(name)
    return f"in {name} ({file})" + (f", which {does}" if does else "")


def _functions(entered: Sequence[Frame], functions: Mapping[str, str]) -> Iterator[str]:
    """What was entered on the way to this step, one in the other; one without a name is its address."""
    for frame in entered:
        does = sentence_of(frame.function, functions) if frame.function else None
        name = escape_text(frame.function) if frame.function else f"{frame.address:#x}"
        module = f" [{escape_text(frame.module)}]" if frame.module else ""
        yield f"{name}{module}" + (f": {does}" if does else "")


def _who(call: PathCall) -> str:
    return f"{escape_text(call.comm)} {call.pid}" + (f"/{call.tid}" if call.tid != call.pid else "")


def _call(call: PathCall) -> str:
    fd = f"fd {call.fd}" if call.fd is not None else ""
    if call.retval is None:
        return f"{escape_text(call.name)}({fd}) = ?"
    failed = -_MOST_ERRNO <= call.retval < 0
    return f"{escape_text(call.name)}({fd}) = " + (f"-1 {error_name(-call.retval)}" if failed else str(call.retval))


def _summary(path: KernelPath, bold: str, reset: str) -> Iterator[str]:
    if path.call is None:
        yield f"{bold}packet {path.packets[0]}{reset}, which carried no bytes of a recorded call"
        return
    if path.lo == path.hi:
        yield f"{bold}call {path.call.call_id}: {_call(path.call)} by {_who(path.call)}{reset}"
        return
    sent = any(e.name.startswith(("net:", "tcp:")) for e in path.events)
    none = "no captured packet" if sent or not path.events else "no packet: they stayed in this machine's memory"
    packets = f"packet {', '.join(map(str, path.packets[:5]))}" if path.packets else none
    more = f" and {len(path.packets) - 5} more" if len(path.packets) > 5 else ""
    yield (
        f"{bold}call {path.call.call_id}: {_call(path.call)} by {_who(path.call)}{reset}:"
        f" bytes {path.lo}-{path.hi - 1} of its stream, in {packets}{more}"
    )
    for read in path.reads[:5]:
        took = f" {duration(read.exit_ns - path.call.start_ns)} after the write began" if read.exit_ns else ""
        yield f"call {read.call_id}: {_call(read)} by {_who(read)} returned them{took}"
    if len(path.reads) > 5:
        yield f"and {len(path.reads) - 5} more calls"
    if not path.reads:
        yield "no recorded call is known to have read them"


def _heading(path: KernelPath, event: PathEvent) -> str:
    own = {c.call_id for c in (path.call, *path.reads) if c is not None}
    whose = thread(path.threads, event.tid)
    if event.name == "sched:sched_switch":
        return f"the scheduler, CPU {event.cpu}"
    if event.context == "softirq":
        kind = f"softirq {event.softirq}" if event.softirq else "interrupt"
        why = why_there(path, event) or "whoever runs there: the work is the kernel's"
        return f"{kind}, CPU {event.cpu}, in the time of {whose} ({why})"
    name = path.calls.get(event.call_id or 0)
    if name is None:
        return f"in {whose}, CPU {event.cpu}"
    which = "" if event.call_id in own else f" (call {event.call_id})"
    return f"in {escape_text(name)}(){which}, {whose}, CPU {event.cpu}"
