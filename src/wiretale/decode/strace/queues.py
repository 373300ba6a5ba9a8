"""POSIX message queues in strace's words. Source: linux/mqueue.h."""

from wiretale.decode.strace import names
from wiretale.decode.strace.arguments import Printer, address
from wiretale.decode.strace.arrays import whole
from wiretale.decode.struct_text import field_text
from wiretale.decode.structs import Field, Value, struct_size, unpack
from wiretale.decode.syscalls.spec import Arg, Kind
from wiretale.decode.writer import Writer

_CREAT = 0o100


def _attributes(w: Writer, index: int, arg: Arg) -> str:
    """Of mq_open only where a queue may be made."""
    if w.call.name == "mq_open" and not w.values[1] & _CREAT:
        return ""
    data = whole(w, index, at_exit=arg.kind is Kind.STRUCT_OUT)
    if data is None or len(data) < struct_size(arg.struct, w.arch):
        return address(w, index)
    shown = [f"{f.name}={_field(w, f, v)}" for f, v in unpack(arg.struct, w.arch, data)]
    return "{" + ", ".join(shown) + "}"


def _field(w: Writer, field: Field, value: Value) -> str:
    """The flags have no access mode; mq_open does not look at them."""
    if field.name != "mq_flags" or not isinstance(value, int):
        return field_text(w, field, value)
    return names.number(value) if w.call.name == "mq_open" else w.flags("open_flags", value)


ARGUMENTS: dict[tuple[str, str], Printer] = {
    ("mq_open", "attr"): _attributes,
    ("mq_getsetattr", "newattr"): _attributes,
    ("mq_getsetattr", "oldattr"): _attributes,
}
