"""A way through the kernel as text: the events in order, under a heading for each context they ran in."""

from collections.abc import Iterator, Mapping

from wiretale.decode.constants import error_name, signal_name
from wiretale.decode.durations import duration
from wiretale.decode.escape import escape_text
from wiretale.explain.kernel_way import spans
from wiretale.join.kernel_path import KernelPath, PathCall, PathEvent
from wiretale.model.enums import NEIGHBOUR_STATES, TCP_STATES
from wiretale.model.kernel_ring import KINDS

_MEANING = {kind.name: kind.meaning for kind in KINDS}
_WHERE = {kind.name: kind.where for kind in KINDS}
_NAME_COLUMNS = max(len(kind.name) for kind in KINDS)
_MOST_ERRNO = 4095  # MAX_ERRNO of linux/err.h
_SHOWN_FLAGS = ((2, "SYN"), (1, "FIN"), (4, "RST"))  # RFC 9293; the others say nothing here
_BOLD, _DIM, _RESET = "\x1b[1m", "\x1b[2m", "\x1b[0m"


def path_lines(
    path: KernelPath, *, color: bool, reasons: dict[str, dict[int, str]], functions: Mapping[str, str] | None = None
) -> Iterator[str]:
    """The whole answer. `reasons` names drop and reset reasons by number, as the recorded kernel numbers them.

    `functions` says what a kernel function does, in a sentence that goes on from its name; they are then shown.
    """
    bold, dim, reset = (_BOLD, _DIM, _RESET) if color else ("", "", "")
    yield from _summary(path, bold, reset)
    heading = ""
    for event in path.events:
        here = _heading(path, event)
        if here != heading:
            heading = here
            yield ""
            yield f"{bold}{here}{reset}"
        after = f"+{duration(event.time_ns - path.call.start_ns)}"
        detail = _detail(path, event, reasons)
        meaning = _MEANING[event.name]
        aside = dim if event.answer else ""
        text = f"{after:>9}  {event.name:<{_NAME_COLUMNS}}  {meaning}" + (f": {detail}" if detail else "")
        yield f"{aside}{text}{reset if aside else ''}"
        if functions is not None:
            yield f"{aside}{'':>11}{_function(event, functions)}{reset if aside else ''}"
    spent = list(spans(path)) if path.hi > path.lo else []
    if spent:
        yield ""
        aside = " (calls recorded by ptrace: the tracer's stops are in these times)" if path.stopped else ""
        yield f"{bold}where the time went{reset}{aside}"
        for span_ns, what in spent:
            yield f"{duration(span_ns):>9}  {what}"


def _function(event: PathEvent, functions: Mapping[str, str]) -> str:
    """Where the kernel was at this step."""
    name, _, file = _WHERE[event.name].partition(", ")
    does = functions.get(name)
    return f"in {name} ({file})" + (f", which {does}" if does else "")


def _who(call: PathCall) -> str:
    return f"{escape_text(call.comm)} {call.pid}" + (f"/{call.tid}" if call.tid != call.pid else "")


def _thread(path: KernelPath, tid: int) -> str:
    return escape_text(path.threads.get(tid, f"thread {tid}")) if tid else "the idle task"


def _call(call: PathCall) -> str:
    fd = f"fd {call.fd}" if call.fd is not None else ""
    if call.retval is None:
        return f"{escape_text(call.name)}({fd}) = ?"
    failed = -_MOST_ERRNO <= call.retval < 0
    return f"{escape_text(call.name)}({fd}) = " + (f"-1 {error_name(-call.retval)}" if failed else str(call.retval))


def _summary(path: KernelPath, bold: str, reset: str) -> Iterator[str]:
    if path.lo == path.hi:
        yield f"{bold}call {path.call.call_id}: {_call(path.call)} by {_who(path.call)}{reset}"
        return
    packets = f"packet {', '.join(map(str, path.packets[:5]))}" if path.packets else "no captured packet"
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
    calls = {c.call_id: c for c in (path.call, *path.reads)}
    whose = _thread(path, event.tid)
    if event.name == "sched:sched_switch":
        return f"the scheduler, CPU {event.cpu}"
    if event.context == "softirq":
        kind = f"softirq {event.softirq}" if event.softirq else "interrupt"
        return f"{kind}, CPU {event.cpu}, in the time of {whose} (whoever runs there: the work is the kernel's)"
    if event.call_id in calls:
        return f"in {escape_text(calls[event.call_id].name)}(), {whose}, CPU {event.cpu}"
    return f"in {whose}, CPU {event.cpu}"


def _state(number: int) -> str:
    return TCP_STATES.get(number, str(number))


def _packet(event: PathEvent) -> str:
    if event.packet_number is None:
        return ""
    seq = f"seq {event.rel_seq}, " if event.rel_seq is not None else ""
    named = [name for bit, name in _SHOWN_FLAGS if (event.flags or 0) & bit]
    what = ", ".join(named) + ", " if named else "acknowledgement, " if event.answer and not event.payload_bytes else ""
    size = f"{event.payload_bytes} bytes" if event.payload_bytes else "no payload"
    where = f", {escape_text(event.interface)}" if event.interface else ""
    return f"packet {event.packet_number} ({what}{seq}{size}{where})"


def _detail(path: KernelPath, event: PathEvent, reasons: dict[str, dict[int, str]]) -> str:
    other = _thread(path, event.other_tid or 0)
    match event.name:
        case "sock:inet_sock_set_state":
            return f"{_state(event.value)} to {_state(event.value2)}"
        case "sock:inet_sk_error_report":
            return error_name(event.value)
        case "sock:sock_send_length" | "sock:sock_recv_length":
            return str(event.value)
        case "skb:kfree_skb":
            return ", ".join(t for t in (_packet(event), reasons.get("drop", {}).get(event.value, "")) if t)
        case "tcp:tcp_send_reset":
            return ", ".join(t for t in (_packet(event), reasons.get("reset", {}).get(event.value, "")) if t)
        case "tcp:tcp_probe":
            known = f"window {event.value} segments, round trip {duration(event.value2 * 1000)}"
            return f"{_packet(event)}; {known}" if event.packet_number is not None else known
        case "neigh:neigh_update":
            before, after = (NEIGHBOUR_STATES.get(n, str(n)) for n in (event.value, event.value2))
            return f"{before} to {after}"
        case "skb:skb_copy_datagram_iovec":
            return f"{event.value} bytes" + (f" of {_packet(event)}" if event.packet_number is not None else "")
        case "signal:signal_generate" | "signal:signal_deliver":
            return signal_name(event.value)
        case "sched:sched_switch":
            return f"to {other}"
        case "sched:sched_migrate_task":
            return f"{other}, to CPU {event.value}"
        case name if name.startswith("sched:"):
            return other
        case name if name.startswith("irq:"):
            return {2: "NET_TX", 3: "NET_RX"}.get(event.value, f"vector {event.value}")
    return _packet(event)
