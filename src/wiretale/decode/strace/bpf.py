"""The argument of bpf(2) in strace's words: the member of union bpf_attr that the command uses.

Facts observed with strace 6.1: fields that came with later kernels stand there only if the size that was given reaches
them; what lies behind the known fields is `...`, or with -v its bytes.
"""

from collections.abc import Callable

from wiretale.decode.constants import names
from wiretale.decode.strace.arguments import Printer, address, strace
from wiretale.decode.strace.bpf_info import information, name_text
from wiretale.decode.strace.filters import instruction
from wiretale.decode.strace.names import number as number_text
from wiretale.decode.strace.strings import hex_literal
from wiretale.decode.strace.writer import StraceWriter
from wiretale.decode.struct_text import field_text
from wiretale.decode.structs import Field, Value, integers, struct_size, unpack
from wiretale.decode.syscalls.spec import Arg
from wiretale.decode.writer import Writer, pointer_text

_MOST = 4096  # a page: the kernel takes no more
_NUMA_NODE = 1 << 2  # BPF_F_NUMA_NODE
_NO_NODE = 0xFFFFFFFF  # linux/numa.h: NUMA_NO_NODE, -1
_REPLACE = 1 << 2  # BPF_F_REPLACE

_ID_BYTES, _WIDE, _UPDATE = 4, 8, 2  # BPF_MAP_UPDATE_ELEM
_LINK_DETAILS, _LINK_BYTES, _HALF = 16, 48, 0xFFFFFFFF
_SYMBOLS = 24  # where the pointer of link_create.kprobe_multi lies
_ITERATOR, _PERF_EVENT, _KPROBES = 28, 41, 42  # BPF_TRACE_ITER, BPF_PERF_EVENT, BPF_TRACE_KPROBE_MULTI

# structure: the member's name, if it has one; the first fields of each later version
_MEMBERS = {
    "bpf_batch": "batch", "bpf_test_run": "test", "bpf_info": "info", "bpf_query": "query",
    "bpf_tracepoint": "raw_tracepoint", "bpf_task_query": "task_fd_query", "bpf_link_create": "link_create",
    "bpf_link_update": "link_update",
}  # fmt: skip
_LATER = {
    "BPF_MAP_LOOKUP_ELEM": ("flags",),
    "BPF_MAP_LOOKUP_AND_DELETE_ELEM": ("flags",),
    "bpf_map_create": ("map_flags", "inner_map_fd", "numa_node", "map_name", "map_ifindex",
        "btf_fd", "btf_vmlinux_value_type_id", "map_extra"),
    "bpf_prog_load": ("log_level", "kern_version", "prog_flags", "prog_name", "prog_ifindex", "expected_attach_type",
        "prog_btf_fd", "attach_btf_id", "attach_prog_fd", "fd_array"),
    "bpf_object": ("file_flags",),
    "bpf_attach": ("replace_bpf_fd",),
    "bpf_test_run": ("ctx_size_in", "flags", "batch_size"),
    "bpf_start_id": ("open_flags",),
    "bpf_prog_id": ("open_flags",),
    "bpf_map_id": ("open_flags",),
}  # fmt: skip
_ENDS = {"attach_prog_fd": 120}  # core_relo_cnt stands behind it, and is not shown
_HIDDEN = {  # of commands that share a structure
    "BPF_MAP_UPDATE_ELEM": (), "BPF_MAP_DELETE_ELEM": ("value", "flags"), "BPF_MAP_LOOKUP_ELEM": (),
    "BPF_MAP_UPDATE_BATCH": ("in_batch", "out_batch"), "BPF_MAP_DELETE_BATCH": ("in_batch", "out_batch", "values"),
}  # fmt: skip


def _kernel_version(value: int) -> str:
    return f"KERNEL_VERSION({value >> 16}, {value >> 8 & 0xFF}, {value & 0xFF})"


class _Attributes:
    """The structure of one call."""

    def __init__(self, w: StraceWriter, index: int, name: str, data: bytes) -> None:
        self.w, self.index, self.name = w, index, name
        whole = data + bytes(max(0, struct_size(name, w.arch) - len(data)))
        self.given = len(data)
        self.values: list[tuple[Field, Value]] = unpack(name, w.arch, whole)
        self.numbers = {f.name: v for f, v in self.values if isinstance(v, int)}

    def is_shown(self, field: Field) -> bool:
        if field.name == "numa_node":
            return bool(self.numbers["map_flags"] & _NUMA_NODE)
        if field.name == "old_prog_fd":
            return bool(self.numbers["flags"] & _REPLACE)
        return True

    def followed(self, field: Field, role: str) -> bytes | None:
        datum = self.w.readable(self.index, role, at_exit=False, idx=1 + field.offset)
        return None if datum is None or datum.error else datum.bytes

    def pointed(self, index: int) -> bytes:
        """What a pointer leads to, as far as it could be read."""
        datum = None if self.w.terse else self.w.datum(self.index, "struct", at_exit=False, idx=index)
        return b"" if datum is None else datum.bytes

    def text(self, field: Field, value: Value) -> str:
        own = _FIELDS.get(field.name)
        if own is not None:
            return own(self, field, value)
        if field.how == "|kernel_bpf_element" and isinstance(value, int):
            update = self.w.values[0] & _HALF == _UPDATE
            return (
                self.w.enum("kernel_bpf_element", value) if update else self.w.flags("kernel_bpf_element_short", value)
            )
        if isinstance(value, bytes):
            return name_text(self.w, value[: max(self.given - field.offset, 1)])
        return field_text(self.w, field, value)


def _string(a: _Attributes, field: Field, value: Value) -> str:
    """A string that is cut at -s."""
    assert isinstance(value, int)
    return _cut(a, 1 + field.offset, value)


def _cut(a: _Attributes, index: int, value: int) -> str:
    datum = a.w.readable(a.index, "string", at_exit=False, idx=index)
    if datum is None or (datum.error and len(datum.bytes) <= a.w.limit):
        return pointer_text(value)
    return a.w.text(datum.bytes[: a.w.limit]) + ("..." if len(datum.bytes) > a.w.limit else "")


def _path(a: _Attributes, field: Field, value: Value) -> str:
    found = a.followed(field, "string")
    assert isinstance(value, int)
    return pointer_text(value) if found is None else a.w.text(found)


def _bytes(a: _Attributes, field: Field, value: Value) -> str:
    found = a.followed(field, "struct")
    assert isinstance(value, int)
    if found is None:
        return '""' if value and not a.numbers["btf_size"] else pointer_text(value)
    return a.w.data(found, len(found))


def _next(a: _Attributes, field: Field, value: Value) -> str:
    """The answer, where it is another number."""
    datum = a.w.datum(a.index, "struct", at_exit=True) if a.w.succeeded else None
    after = value if datum is None else integers(a.name, a.w.arch, datum.bytes).get(field.name, value)
    return str(after) if after == value else f"{value!r} => {after!r}"


def _log(a: _Attributes, field: Field, value: Value) -> str:
    """Text as far as its NUL, or as there is room."""
    found = a.followed(field, "struct")
    assert isinstance(value, int)
    if not found:
        return pointer_text(value)
    text, nul, _ = found.partition(b"\0")
    return a.w.text(text[: a.w.limit]) + ("" if nul and len(text) <= a.w.limit else "...")


def _programs(a: _Attributes, field: Field, value: Value) -> str:
    """The list of programs is the kernel's answer."""
    assert isinstance(value, int)
    count = a.numbers["prog_cnt"]
    if not value or not count:
        return "[]" if value else pointer_text(value)
    datum = a.w.datum(a.index, "struct", at_exit=True, idx=1 + field.offset) if a.w.succeeded else None
    if datum is None or len(datum.bytes) < _ID_BYTES:
        return pointer_text(value)
    numbers = [int.from_bytes(datum.bytes[at : at + 4], "little") for at in range(0, len(datum.bytes) - 3, _ID_BYTES)]
    texts = [str(number) for number in numbers[: a.w.limit if a.w.brief else count]]
    if len(texts) < len(numbers):
        texts.append("...")
    elif len(numbers) < count:
        texts.append(f"... /* {value + len(numbers) * _ID_BYTES:#x} */")
    return f"[{', '.join(texts)}]"


def _instructions(a: _Attributes, field: Field, value: Value) -> str:
    """The program, which only -v shows."""
    assert isinstance(value, int)
    if a.w.brief:
        return pointer_text(value)
    data = a.pointed(1 + field.offset)
    return _array(a.w, value, a.numbers["insn_cnt"], data, lambda one: instruction(a.w, one))


def _version(a: _Attributes, field: Field, value: Value) -> str:
    assert isinstance(value, int)
    return a.w.note(_kernel_version(value), value)


def _node(a: _Attributes, field: Field, value: Value) -> str:
    return f"{value} /* NUMA_NO_NODE */" if value == _NO_NODE else str(value)


def _info(a: _Attributes, field: Field, value: Value) -> str:
    assert isinstance(value, int)
    return information(a.w, a.index, value)


_FIELDS: dict[str, Callable[[_Attributes, Field, Value], str]] = {
    "license": _string,
    "name": _string,
    "pathname": _path,
    "btf": _bytes,
    "kern_version": _version,
    "log_buf": _log,
    "next_id": _next,
    "insns": _instructions,
    "info_len": _next,
    "info": _info,
    "prog_ids": _programs,
    "numa_node": _node,
}


def _attributes(w: Writer, index: int, arg: Arg) -> str:
    strace(w).refused = False  # what a call that failed was given is printed all the same
    size = w.values[2] & 0xFFFFFFFF
    datum = w.readable(index, "struct", at_exit=False)
    if datum is None or not 0 < size <= _MOST or len(datum.bytes) < size:
        return address(w, index)
    data, writer = datum.bytes[:size], strace(w)
    a = _Attributes(writer, index, arg.struct, data)
    command = names("bpf_cmd", w.values[0] & 0xFFFFFFFF)
    later = _LATER.get(command) or _LATER.get(arg.struct, ())
    hidden, at = _HIDDEN.get(command, ()), 0
    shown, known = [], 0
    for field, value in a.values:
        at = field.offset if field.name in later else at
        if field.name in hidden or (at and a.given <= at):
            continue
        known = _ENDS.get(field.name, field.offset + field.size)
        if a.is_shown(field):
            shown.append(f"{field.name}={a.text(field, value)}")
    if arg.struct == "bpf_link_create":
        details, known = _link_details(a, data)
        shown += details
    member = _MEMBERS.get(arg.struct)
    if member is not None:
        shown = [f"{member}={{{', '.join(shown)}}}"]
    return "{" + ", ".join([*shown, *_behind(writer, known, data)]) + "}"


def _link_details(a: _Attributes, data: bytes) -> tuple[list[str], int]:
    """What comes behind the flags depends on what is attached to; the second value is where it ends."""
    kind, rest = a.numbers["attach_type"], data[_LINK_DETAILS:].ljust(_LINK_BYTES - _LINK_DETAILS, b"\0")
    first, second, third, fourth = (int.from_bytes(rest[at : at + 8], "little") for at in (0, 8, 16, 24))
    if len(data) > _LINK_DETAILS:
        if kind == _ITERATOR:
            count = second & _HALF
            return [f"iter_info={_iterated(a, first, count)}", f"iter_info_len={count}"], _LINK_DETAILS + 12
        if kind == _PERF_EVENT:
            return [f"perf_event={{bpf_cookie={number_text(first)}}}"], _LINK_DETAILS + 8
        if kind == _KPROBES:
            flags = a.w.flags("kernel_bpf_kprobes", first & _HALF)
            count = first >> 32
            texts = [f"syms={_symbols(a, second, count)}"]
            for label, value, place in (("addrs", third, 32), ("cookies", fourth, 40)):
                data = a.pointed(1 + place)
                texts.append(f"{label}={_array(a.w, value, count, data, _hexadecimal)}")
            return [f"kprobe_multi={{flags={flags}, cnt={count}, {', '.join(texts)}}}"], _LINK_BYTES
        if kind == 0 and first & _HALF:
            return [f"target_btf_id={first & _HALF}"], _LINK_DETAILS + 4
    return [], _LINK_DETAILS


def _hexadecimal(data: bytes) -> str:
    return number_text(int.from_bytes(data, "little"))


def _array(w: StraceWriter, where: int, count: int, data: bytes, text: Callable[[bytes], str]) -> str:
    """`count` elements of 8 bytes, as far as they could be read; without -v at most as many as -s says."""
    if not where or not count:
        return "[]" if where else pointer_text(where)
    there = min(len(data) // _WIDE, count)
    if not there:
        return pointer_text(where)
    shown = [text(data[at : at + _WIDE]) for at in range(0, there * _WIDE, _WIDE)]
    if w.brief and len(shown) > w.limit:
        shown = [*shown[: w.limit], "..."]
    elif there < count:
        shown.append(f"... /* {where + there * _WIDE:#x} */")
    return f"[{', '.join(shown)}]"


def _symbols(a: _Attributes, where: int, count: int) -> str:
    """The vector of pointers, and the string of each."""
    data, place = a.pointed(1 + _SYMBOLS), iter(range(1, count + 1))

    def text(pointer: bytes) -> str:
        index = (1 + _SYMBOLS) | next(place) << 16
        return _cut(a, index, int.from_bytes(pointer, "little"))

    return _array(a.w, where, count, data, text)


def _iterated(a: _Attributes, pointer: int, count: int) -> str:
    """The maps to iterate over."""
    datum = a.w.datum(a.index, "struct", at_exit=False, idx=1 + _LINK_DETAILS)
    maps = [] if datum is None else [datum.bytes[at : at + 4] for at in range(0, len(datum.bytes) - 3, _ID_BYTES)]
    if not pointer or (count and not maps):
        return pointer_text(pointer)
    texts = [f"{{map={{map_fd={a.w.fd(int.from_bytes(one, 'little', signed=True))}}}}}" for one in maps]
    if len(maps) < count:
        texts.append(f"... /* {pointer + len(maps) * _ID_BYTES:#x} */")
    return f"[{', '.join(texts)}]"


def _behind(w: StraceWriter, known: int, data: bytes) -> list[str]:
    """What the size says there is more than the `known` bytes."""
    rest = data[known:]
    if not any(rest):
        return []
    if w.brief:
        return ["..."]
    return [f"extra_data={hex_literal(rest)} /* bytes {known}..{len(data) - 1} */"]


ARGUMENTS: dict[tuple[str, str], Printer] = {("bpf", "attr"): _attributes}
