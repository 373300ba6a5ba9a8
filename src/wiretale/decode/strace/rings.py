"""io_uring in strace's words: what a ring is set up with, and what is registered with it (linux/io_uring.h)."""

import struct

from wiretale.decode.strace.arguments import address, strace
from wiretale.decode.struct_text import field_text
from wiretale.decode.structs import unpack
from wiretale.decode.syscalls.spec import Arg
from wiretale.decode.writer import Writer, pointer_text

_ATTACHED = 1 << 5  # IORING_SETUP_ATTACH_WQ
_BUFFERS = 0  # IORING_REGISTER_BUFFERS
_DESCRIPTORS = frozenset({2, 4, 7})  # IORING_REGISTER_FILES, _EVENTFD, _EVENTFD_ASYNC


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
    opcode, count = w.values[1] & 0xFFFFFFFF, w.values[3] & 0xFFFFFFFF
    where = w.unsigned(w.values[index])
    datum = w.readable(index, "array", at_exit=False)
    data = datum.bytes if datum is not None else b""
    size = 2 * w.word if opcode == _BUFFERS else 4
    if opcode not in _DESCRIPTORS and opcode != _BUFFERS:
        return pointer_text(where)
    if not where or not count:
        return pointer_text(where) if not where else "[]"
    elements = [data[at : at + size] for at in range(0, min(len(data) // size, count) * size, size)]
    if not elements:
        return pointer_text(where)
    shown = [_element(w, element, opcode) for element in elements]
    writer = strace(w)
    if writer.brief and len(shown) > w.limit:
        shown = [*shown[: w.limit], "..."]
    elif len(shown) < count:
        shown.append(f"... /* {where + len(shown) * size:#x} */")
    return f"[{', '.join(shown)}]"


def _element(w: Writer, data: bytes, opcode: int) -> str:
    if opcode == _BUFFERS:
        base, length = (int.from_bytes(data[at : at + w.word], "little") for at in (0, w.word))
        return f"{{iov_base={pointer_text(base)}, iov_len={length}}}"
    return w.fd(int.from_bytes(data, "little", signed=True))
