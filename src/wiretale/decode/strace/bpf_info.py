"""What BPF_OBJ_GET_INFO_BY_FD tells of a map or a program (linux/bpf.h), with -v.

Observed with strace 6.1: the descriptor's link says which of the two it is, of other objects the address is shown;
fields that came with later kernels stand there only if the size reaches them, and of a call that failed, too.
"""

from collections.abc import Callable

from wiretale.decode.strace.dates import date
from wiretale.decode.strace.filters import instruction
from wiretale.decode.strace.stat import device
from wiretale.decode.strace.strings import hex_literal
from wiretale.decode.strace.style import Names
from wiretale.decode.strace.writer import StraceWriter
from wiretale.decode.struct_text import field_text
from wiretale.decode.structs import Field, Value, layout, struct_size, unpack
from wiretale.decode.writer import pointer_text

_FORMS = {b"anon_inode:bpf-map": "bpf_map_info", b"anon_inode:bpf-prog": "bpf_prog_info"}
_ATTRIBUTES, _POINTER = 1, "info"  # argument of bpf(2), field of union bpf_attr
# From these fields on, each is shown only if the size reaches it.
_LATER = {"bpf_map_info": "name", "bpf_prog_info": "load_time"}
_LAST_OF_PAIR = "xlated_prog_len"  # is shown behind what the other length is of
_ASKED = frozenset(
    {
        *("jited_prog_len", "xlated_prog_len", "nr_map_ids", "nr_jited_ksyms", "nr_jited_func_lens", "nr_func_info"),
        *("func_info_rec_size", "nr_line_info", "nr_jited_line_info", "line_info_rec_size"),
        *("jited_line_info_rec_size", "nr_prog_tags"),
    }
)  # fmt: skip
_INSTRUCTION, _ID, _SECOND = 8, 4, 1_000_000_000


class _Info:
    """The bytes before and after the call."""

    def __init__(self, w: StraceWriter, index: int, name: str, before: bytes, after: bytes) -> None:
        self.w, self.index, self.name = w, index, name
        size = struct_size(name, w.arch)
        self.before = _numbers(unpack(name, w.arch, before.ljust(size, b"\0")))
        self.values = unpack(name, w.arch, after.ljust(size, b"\0"))
        self.now = _numbers(self.values)

    def filled(self, name: str) -> int:
        """What there was room for, if the kernel has so much."""
        return min(self.before[name], self.now[name])

    def pointed(self, field: Field) -> bytes:
        place = 1 + field.offset | 1 + _pointer_at(self.w) << 16
        datum = self.w.datum(self.index, "struct", at_exit=True, idx=place)
        return b"" if datum is None else datum.bytes

    def text(self, field: Field, value: Value) -> str:
        own = _FIELDS.get(field.name)
        if own is not None:
            return own(self, field)
        if field.name in _ASKED:
            given, now = self.before[field.name], self.now[field.name]
            return str(now) if given == now else f"{given} => {now}"
        if isinstance(value, bytes):
            return name_text(self.w, value)
        return field_text(self.w, field, value)


def name_text(w: StraceWriter, data: bytes) -> str:
    """A name in a field of fixed size; the last byte is taken for the NUL."""
    text, nul, _ = data.partition(b"\0")
    return w.text(text) if nul else w.text(data[:-1]) + "..."


def _numbers(values: list[tuple[Field, Value]]) -> dict[str, int]:
    return {field.name: value for field, value in values if isinstance(value, int)}


def _pointer_at(w: StraceWriter) -> int:
    return next(field.offset for field in layout("bpf_info", w.arch).fields if field.name == _POINTER)


def information(w: StraceWriter, index: int, address: int) -> str:
    """What the field `info` leads to."""
    place = 1 + _pointer_at(w)
    link = w.datum(index, "string", at_exit=True, idx=1)
    name = _FORMS.get(link.bytes) if link is not None else None
    before, after = (w.readable(index, "struct", at_exit=at_exit, idx=place) for at_exit in (False, True))
    if name is None or after is None or w.brief or not after.bytes:
        return pointer_text(address)
    info = _Info(w, index, name, b"" if before is None else before.bytes, after.bytes)
    shown, is_later = [], False
    for field, value in sorted(info.values, key=lambda known: _place(known[0])):
        is_later = is_later or field.name == _LATER[name]
        if is_later and len(after.bytes) <= field.offset:
            continue
        shown.append(f"{field.name}={info.text(field, value)}")
    return "{" + ", ".join(shown) + "}"


def _place(field: Field) -> int:
    return field.offset + (_INSTRUCTION if field.name == _LAST_OF_PAIR else 0)


def _tag(info: _Info, field: Field) -> str:
    value = next(value for known, value in info.values if known.name == field.name)
    assert isinstance(value, list)
    return hex_literal(bytes(number for number in value if isinstance(number, int)))


def _code(info: _Info, field: Field) -> str:
    """The machine's own instructions."""
    address, data = info.now[field.name], info.pointed(field)
    size = info.filled("jited_prog_len")
    if not address or len(data) < min(size, info.w.limit + 1):
        return pointer_text(address)
    return hex_literal(data[: min(size, info.w.limit)]) + ("..." if size > info.w.limit else "")


def _elements(info: _Info, field: Field, count: int, size: int, text: Callable[[bytes], str]) -> str:
    address, data = info.now[field.name], info.pointed(field)
    if not address or (count and (len(data) < size or not info.w.succeeded)):
        return pointer_text(address)
    there = min(len(data) // size, count)
    shown = [text(data[at * size : (at + 1) * size]) for at in range(there)]
    rest = [f"... /* {address + there * size:#x} */"] if there < count else []
    return f"[{', '.join([*shown, *rest])}]"


def _instructions(info: _Info, field: Field) -> str:
    count = info.filled("xlated_prog_len") // _INSTRUCTION
    return _elements(info, field, count, _INSTRUCTION, lambda one: instruction(info.w, one))


def _maps(info: _Info, field: Field) -> str:
    count = info.filled("nr_map_ids")
    return _elements(info, field, count, _ID, lambda one: str(int.from_bytes(one, "little")))


def _loaded(info: _Info, field: Field) -> str:
    """Nanoseconds since the machine was started, and the second of it, if that is known."""
    value, booted = info.now[field.name], info.w.style.booted_ns()
    comment = date((booted + value) // _SECOND) if booted is not None else ""
    return f"{value} /* {comment} */" if comment and info.w.style.names is not Names.RAW else str(value)


def _device(info: _Info, field: Field) -> str:
    return device(info.w, info.now[field.name])


_FIELDS: dict[str, Callable[[_Info, Field], str]] = {
    "tag": _tag,
    "jited_prog_insns": _code,
    "xlated_prog_insns": _instructions,
    "map_ids": _maps,
    "load_time": _loaded,
    "netns_dev": _device,
    "gpl_compatible": lambda info, field: str(info.now[field.name] & 1),
}
