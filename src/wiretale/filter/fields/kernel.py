"""Fields of kernel events: which tracepoint the kernel passed, in which function, where and in whose time it ran."""

from wiretale.filter.fields.table import CALL, KERNEL, LABEL, NUMBER, PACKET, TEXT, Field, terms
from wiretale.filter.types import FieldType
from wiretale.model.kernel_ring import KINDS


def _kernel(name: str, type_: FieldType, meaning: str, expression: str, size: int = 8) -> Field:
    return Field(name, type_, meaning, {KERNEL: terms(expression)}, size=size)


def _chosen(part: int) -> str:
    """SQL: the function (0) or the file (1) of an event's tracepoint."""
    cases = " ".join(f"WHEN '{k.name}' THEN '{k.where.split(', ')[part]}'" for k in KINDS)
    return f"CASE e.name {cases} END"


_EVENT = "tracepoint as the kernel names it, for example tcp:tcp_probe; of a call or packet: those passed for it"

KERNEL_FIELDS: tuple[Field, ...] = (
    _kernel("kernel", LABEL, "the event is a step of the kernel's work", "TRUE"),
    Field(
        "kernel.event", TEXT, _EVENT,
        {KERNEL: terms("e.name"), CALL: terms("ke.name"), PACKET: terms("ke.name")},
    ),
    _kernel("kernel.function", TEXT, "kernel function that passes the tracepoint", _chosen(0)),
    _kernel("kernel.file", TEXT, "file of the kernel tree the function is in", _chosen(1)),
    _kernel("kernel.context", TEXT, "task (the thread's own call) or softirq (a bystander's time)", "e.context"),
    _kernel("kernel.softirq", TEXT, "softirq that ran, for example NET_RX", "e.softirq"),
    _kernel("kernel.value", NUMBER, "first value of the tracepoint: a state, a result, a reason", "e.value", 4),
    _kernel("kernel.value2", NUMBER, "second value of the tracepoint", "e.value2", 4),
    _kernel("kernel.bytes", NUMBER, "payload of the packet it is about", "e.bytes", 4),
    _kernel("kernel.current", NUMBER, "thread whose time was used, for whomever; 0: the CPU was idle", "e.tid", 4),
    _kernel("cpu", NUMBER, "CPU it ran on", "e.cpu", 2),
)  # fmt: skip
