"""io_uring in strace's words: what a ring is set up with, and what is registered with it (linux/io_uring.h)."""

import struct
from collections.abc import Callable

from wiretale.decode.strace import names, unnamed
from wiretale.decode.strace.arguments import address, strace
from wiretale.decode.strace.strings import hex_literal
from wiretale.decode.strace.style import Names
from wiretale.decode.strace.writer import StraceWriter
from wiretale.decode.struct_text import field_text
from wiretale.decode.structs import integers, struct_size, unpack
from wiretale.decode.syscalls.spec import Arg
from wiretale.decode.writer import Writer, pointer_text

_ATTACHED = 1 << 5  # IORING_SETUP_ATTACH_WQ
_SKIP = -2  # IORING_REGISTER_FILES_SKIP
# opcodes of io_uring_register
_BUFFERS, _FILES, _EVENTFD, _FILES_UPDATE, _EVENTFD_ASYNC, _PROBE, _RESTRICTIONS = 0, 2, 4, 6, 7, 8, 11
_FILES2, _FILES_UPDATE2, _BUFFERS2, _BUFFERS_UPDATE, _PROCESSORS, _WORKERS = 13, 14, 15, 16, 17, 19
_RINGS, _RINGS_BACK, _BUFFER_RING, _BUFFER_RING_BACK = 20, 21, 22, 23
_ARG = 2  # of io_uring_register
_RESTRICTED = {  # IORING_RESTRICTION_*: field, table
    0: ("register_op", "io_uring_register"),
    1: ("sqe_op", "ring_operation"),
    2: ("sqe_flags", "ring_entry_flags"),
    3: ("sqe_flags", "ring_entry_flags"),
}


def setup(w: Writer, index: int, arg: Arg) -> str:
    """struct io_uring_params: what was asked, and once there is a ring what it is."""
    before = None if strace(w).terse else w.datum(index, "struct", at_exit=False)
    if before is None or len(before.bytes) < before.full_bytes:
        return address(w, index)
    values = {f.name: (f, v) for f, v in unpack("io_uring_params", w.arch, before.bytes)}
    asked = values["flags"][1]
    flags = asked if isinstance(asked, int) else 0
    shown = [f"flags={field_text(w, *values['flags'])}"]
    cpu = struct.unpack_from("<I", before.bytes, 12)[0]
    shown.append(f"sq_thread_cpu={hex(cpu) if cpu == 0xFFFFFFFF or cpu > 0x7FFFFFFF else cpu}")
    shown.append(f"sq_thread_idle={struct.unpack_from('<I', before.bytes, 16)[0]}")
    if flags & _ATTACHED:
        shown.append(f"wq_fd={w.fd(struct.unpack_from('<i', before.bytes, 24)[0])}")
    reserved = struct.unpack_from("<III", before.bytes, 28)
    if any(reserved):
        shown.append(f"resv=[{', '.join(hex(v) if v else '0' for v in reserved)}]")
    after = w.readable(index, "struct", at_exit=True) if w.succeeded else None
    if after is not None and len(after.bytes) >= after.full_bytes:
        made = {f.name: (f, v) for f, v in unpack("io_uring_params", w.arch, after.bytes)}
        shown += [f"{name}={field_text(w, *made[name])}" for name in ("sq_entries", "cq_entries", "features")]
        for name in ("sq_off", "cq_off"):
            text = field_text(w, *made[name])
            shown.append(f"{name}={text.replace(', user_addr=NULL', '').replace(', user_addr=0', '')}")
    return "{" + ", ".join(shown) + "}"


def registered(w: Writer, index: int, arg: Arg) -> str:
    """The argument of io_uring_register, by its opcode."""
    writer, opcode, count = strace(w), w.values[1] & 0xFFFFFFFF, w.values[3] & 0xFFFFFFFF
    answers = not writer.refused
    writer.refused = False  # what a call that failed was given is printed all the same
    own = _STRUCTS.get(opcode)
    if own is not None:
        datum = w.readable(index, "struct", at_exit=False)
        return address(w, index) if datum is None else own(writer, datum.bytes, count)
    if opcode == _PROBE:
        return _probe(writer, count, answers=answers)
    if opcode == _PROCESSORS:
        return _processors(writer, count)
    element = _ELEMENTS.get(opcode)
    if element is None:
        return address(w, index)
    text = _listed(writer, count, element, at_exit=False)
    shown = min(count, writer.limit + 1) if writer.brief else count
    complete = len(_data(writer, "array", at_exit=False)) >= shown * element[0] > 0
    if opcode != _WORKERS or not complete:
        return text
    return f"{text} => {_listed(writer, count, element, at_exit=True) if answers else address(w, index)}"


Element = tuple[int, Callable[[StraceWriter, bytes, int], str]]  # bytes, text of one by its place


def _data(w: StraceWriter, role: str, *, at_exit: bool, idx: int = 0) -> bytes:
    datum = None if w.terse else w.datum(_ARG, role, at_exit=at_exit, idx=idx)
    return b"" if datum is None else datum.bytes


def _listed(w: StraceWriter, count: int, element: Element, *, at_exit: bool) -> str:
    """An array that is the argument itself."""
    where = w.unsigned(w.values[_ARG])
    if w.terse:
        return pointer_text(where)
    return _sequence(w, where, count, element, _data(w, "array", at_exit=at_exit))


def _sequence(w: StraceWriter, where: int, count: int, element: Element, data: bytes) -> str:
    size, text = element
    if not where or not count:
        return pointer_text(where) if not where else "[]"
    there = min(len(data) // size, count)
    if not there:
        return pointer_text(where)
    shown = [text(w, data[at * size : (at + 1) * size], at) for at in range(there)]
    if w.brief and len(shown) > w.limit:
        shown = [*shown[: w.limit], "..."]
    elif there < count:
        shown.append(f"... /* {where + there * size:#x} */")
    return f"[{', '.join(shown)}]"


def _decimal(w: StraceWriter, table: str, value: int) -> str:
    """A constant whose number is decimal."""
    known, style = names.known(table, value, w.arch), w.style.names
    if style is Names.RAW:
        return str(value)
    if not known:
        return f"{value} /* {unnamed.unknown(table)} */"
    return f"{value} /* {known} */" if style is Names.VERBOSE else known


def _hidden(values: dict[str, int], *labels: str) -> list[str]:
    return [f"{label}={values[label]:#x}" for label in labels if values[label]]


def _reserved(data: bytes, label: str = "resv2") -> list[str]:
    parts = struct.unpack_from("<III", data)
    return [f"{label}=[{', '.join(names.number(part) for part in parts)}]"] if any(parts) else []


# -- elements of arrays ----------------------------------------------------------------------------------------------


def _buffer(w: StraceWriter, data: bytes, place: int) -> str:
    base, length = (int.from_bytes(data[at : at + w.word], "little") for at in (0, w.word))
    return f"{{iov_base={pointer_text(base)}, iov_len={length}}}"


def _descriptor(w: StraceWriter, data: bytes, place: int) -> str:
    return w.fd(int.from_bytes(data, "little", signed=True))


def _new_descriptor(w: StraceWriter, data: bytes, place: int) -> str:
    number = int.from_bytes(data, "little", signed=True)
    return w.note("IORING_REGISTER_FILES_SKIP", _SKIP) if number == _SKIP else w.fd(number)


def _tag(w: StraceWriter, data: bytes, place: int) -> str:
    return names.number(int.from_bytes(data, "little"))


def _restriction(w: StraceWriter, data: bytes, place: int) -> str:
    values = integers("io_uring_restriction", w.arch, data)
    shown = [f"opcode={w.enum('ring_restriction', values['opcode'])}"]
    label, table = _RESTRICTED.get(values["opcode"], ("", ""))
    if label == "sqe_flags":
        shown.append(f"{label}={w.flags(table, values['op'])}")
    elif label:
        shown.append(f"{label}={w.enum(table, values['op'])}")
    else:
        shown[0] += f" /* op: {names.number(values['op'])} */"
    return f"{{{', '.join([*shown, *_hidden(values, 'resv'), *_reserved(data[4:])])}}}"


def _workers(w: StraceWriter, data: bytes, place: int) -> str:
    return f"[{_decimal(w, 'ring_workers', place)}]={int.from_bytes(data, 'little')}"


def _ring(w: StraceWriter, data: bytes, place: int) -> str:
    values = integers("io_uring_rsrc_update", w.arch, data)
    offset = -1 if values["offset"] == 0xFFFFFFFF else values["offset"]
    fd = (values["data"] & 0xFFFFFFFF ^ 1 << 31) - (1 << 31)
    shown = [f"offset={offset}", *_hidden(values, "resv"), f"data={w.fd(fd)}"]
    return f"{{{', '.join(shown)}}}"


def _ring_back(w: StraceWriter, data: bytes, place: int) -> str:
    values = integers("io_uring_rsrc_update", w.arch, data)
    shown = [f"offset={values['offset']}", *_hidden(values, "resv", "data")]
    return f"{{{', '.join(shown)}}}"


def _operation(w: StraceWriter, data: bytes, place: int) -> str:
    values = integers("io_uring_probe_op", w.arch, data)
    shown = [f"op={_decimal(w, 'ring_operation', values['op'])}", *_hidden(values, "resv")]
    shown += [f"flags={w.flags('ring_probed', values['flags'])}", *_hidden(values, "resv2")]
    return f"{{{', '.join(shown)}}}"


_VECTOR: Element = (16, _buffer)
_ELEMENTS: dict[int, Element] = {
    _BUFFERS: _VECTOR,
    _FILES: (4, _descriptor),
    _EVENTFD: (4, _descriptor),
    _EVENTFD_ASYNC: (4, _descriptor),
    _RESTRICTIONS: (16, _restriction),
    _WORKERS: (4, _workers),
    _RINGS: (16, _ring),
    _RINGS_BACK: (16, _ring_back),
}

# -- structures ------------------------------------------------------------------------------------------------------


def _processors(w: StraceWriter, count: int) -> str:
    data, where = _data(w, "array", at_exit=False), w.unsigned(w.values[_ARG])
    if w.terse or not where or len(data) < count:
        return pointer_text(where)
    mask = int.from_bytes(data, "little")
    return "[" + " ".join(str(n) for n in range(mask.bit_length()) if mask >> n & 1) + "]"


def _probe(w: StraceWriter, count: int, *, answers: bool) -> str:
    """Room for answers is all zeros; only what is not is shown as given."""
    size, places = struct_size("io_uring_probe", w.arch), struct_size("io_uring_probe_op", w.arch)
    whole = [
        _data(w, "struct", at_exit=at_exit) + _data(w, "struct", at_exit=at_exit, idx=1 + size)
        for at_exit in (False, True)
    ]
    room = size + count * places
    before, after = (data if len(data) >= room else b"" for data in whole)
    texts = [_probed(w, before, count, count)] if any(before) else []
    if after and answers:
        texts.append(_probed(w, after, min(count, after[1]), after[1]))
    return " => ".join(texts) or address(w, _ARG)


def _probed(w: StraceWriter, data: bytes, shown: int, said: int) -> str:
    values, size = integers("io_uring_probe", w.arch, data), struct_size("io_uring_probe", w.arch)
    text = [f"last_op={_decimal(w, 'ring_operation', values['last_op'])}", f"ops_len={values['ops_len']}"]
    operations = [_operation(w, data[at : at + 8], 0) for at in range(size, size + shown * 8, 8)]
    if w.brief and len(operations) > w.limit:
        operations = [*operations[: w.limit], "..."]
    elif shown < said:
        operations.append("...")
    text += [*_hidden(values, "resv"), *_reserved(data[4:]), f"ops=[{', '.join(operations)}]"]
    return f"{{{', '.join(text)}}}"


def _files_update(w: StraceWriter, data: bytes, count: int) -> str:
    values = integers("io_uring_files_update", w.arch, data)
    fds = _sequence(w, values["fds"], count, (4, _new_descriptor), _data(w, "struct", at_exit=False, idx=9))
    shown = [f"offset={values['offset']}", *_hidden(values, "resv"), f"fds={fds}"]
    return f"{{{', '.join(shown)}}}"


def _resources(name: str, element: Element) -> Callable[[StraceWriter, bytes, int], str]:
    """Files or buffers, with their tags; nr_args is the size of the structure."""

    def text(w: StraceWriter, data: bytes, count: int) -> str:
        size = struct_size(name, w.arch)
        if count < size:
            return address(w, _ARG)
        shown = []
        for field, value in unpack(name, w.arch, data):
            if not isinstance(value, int):
                continue
            if field.name in ("data", "tags"):
                there = _data(w, "struct", at_exit=False, idx=1 + field.offset)
                kind = element if field.name == "data" else (8, _tag)
                number = integers(name, w.arch, data)["nr"]
                shown.append(f"{field.name}={_sequence(w, value, number, kind, there)}")
            elif value or not field.name.startswith("resv"):
                shown.append(f"{field.name}={field_text(w, field, value)}")
        return f"{{{', '.join([*shown, *_behind(w, size, count)])}}}"

    return text


def _behind(w: StraceWriter, size: int, count: int) -> list[str]:
    """What a structure of a later version has more."""
    rest = _data(w, "struct", at_exit=False, idx=1 + size)[: count - size]
    if count <= size:
        return []
    if len(rest) < count - size:
        return ["???"]
    shown = rest[: w.limit] if w.brief else rest
    more = "..." if len(shown) < len(rest) else ""
    return [f"/* bytes {size}..{count - 1} */ {hex_literal(shown)}{more}"] if any(rest) else []


def _buffer_ring(w: StraceWriter, data: bytes, count: int) -> str:
    values = integers("io_uring_buf_reg", w.arch, data)
    shown = [f"ring_addr={pointer_text(values['ring_addr'])}"]
    shown += [f"{label}={values[label]}" for label in ("ring_entries", "bgid")]
    shown += _hidden(values, "pad")
    reserved = struct.unpack_from("<QQQ", data, 16)
    if any(reserved):
        shown.append(f"resv=[{', '.join(map(names.number, reserved))}]")
    return f"{{{', '.join(shown)}}}"


_STRUCTS: dict[int, Callable[[StraceWriter, bytes, int], str]] = {
    _FILES_UPDATE: _files_update,
    _FILES2: _resources("io_uring_rsrc_register", (4, _descriptor)),
    _FILES_UPDATE2: _resources("io_uring_rsrc_update2", (4, _new_descriptor)),
    _BUFFERS2: _resources("io_uring_rsrc_register", _VECTOR),
    _BUFFERS_UPDATE: _resources("io_uring_rsrc_update2", _VECTOR),
    _BUFFER_RING: _buffer_ring,
    _BUFFER_RING_BACK: _buffer_ring,
}
