"""How files are opened by openat2 and by handles, in strace's words. Source: linux/openat2.h, linux/exportfs.h."""

import struct

from wiretale.decode.record_types import Datum
from wiretale.decode.strace import names
from wiretale.decode.strace.arguments import Printer, address, bounded_string, strace
from wiretale.decode.strace.arrays import beyond, whole
from wiretale.decode.strace.strings import hex_literal
from wiretale.decode.strace.style import Names
from wiretale.decode.struct_text import octal
from wiretale.decode.structs import integers
from wiretale.decode.syscalls.spec import Arg
from wiretale.decode.writer import Writer

_SIZE = 24  # OPEN_HOW_SIZE_VER0
_CREAT, _TMPFILE = 0o100, 0o20000000


def _how(w: Writer, index: int, arg: Arg) -> str:
    size, data = w.unsigned(w.values[3]), whole(w, index, at_exit=False)
    if size < _SIZE or data is None or len(data) < _SIZE:
        return address(w, index)
    values = integers("open_how", w.arch, data)
    shown = [f"flags={strace(w).styled_open_flags(values['flags'])}"]
    if values["mode"] or values["flags"] & (_CREAT | _TMPFILE):
        shown.append(f"mode={octal(values['mode'])}")
    shown.append(f"resolve={w.flags('resolve', values['resolve'])}")
    extra = beyond(w, data, _SIZE, size)
    return "{" + ", ".join([*shown, *([extra] if extra else [])]) + "}"


_HUGE_SHIFT = 26  # linux/memfd.h: MFD_HUGE_SHIFT


def _memory_flags(w: Writer, index: int, arg: Arg) -> str:
    """Flags, and the size of a huge page by its logarithm."""
    value, style = w.values[index] & 0xFFFFFFFF, strace(w).style.names
    huge, flags = value >> _HUGE_SHIFT, value & (1 << _HUGE_SHIFT) - 1
    if not huge or style is Names.RAW:
        return w.flags(arg.constants, value)
    parts = [names.several(arg.constants, flags, w.arch, Names.ABBREV)] if flags else []
    text = "|".join([*parts, f"{huge}<<MFD_HUGE_SHIFT"])
    return f"{value:#x} /* {text} */" if style is Names.VERBOSE else text


_HANDLE_HEAD, _MOST_HANDLE_BYTES = 8, 128  # struct file_handle, MAX_HANDLE_SZ
_EOVERFLOW = 75


def _seen(w: Writer, index: int, *, at_exit: bool) -> Datum | None:
    """The head of a handle and what could be read behind it."""
    found = None if strace(w).terse else w.datum(index, "struct", at_exit=at_exit)
    return found if found is not None and len(found.bytes) >= _HANDLE_HEAD else None


def _handle_text(datum: Datum) -> str:
    """What the kernel made of a file, for it alone to understand."""
    size, kind = struct.unpack_from("=Ii", datum.bytes)
    known = min(size, _MOST_HANDLE_BYTES)
    data = datum.bytes[_HANDLE_HEAD : _HANDLE_HEAD + known]
    shown = hex_literal(data) + ("..." if size > known else "") if len(data) == known else "???"
    return f"handle_type={kind}, f_handle={shown}"


def _handle_in(w: Writer, index: int, arg: Arg) -> str:
    datum = _seen(w, index, at_exit=False)
    if datum is None:
        return address(w, index)
    return f"{{handle_bytes={_bytes_of(datum)}, {_handle_text(datum)}}}"


def _handle_out(w: Writer, index: int, arg: Arg) -> str:
    """The size that there was room for, that there is or would be, and the handle if there is one."""
    before, after = _seen(w, index, at_exit=False), _seen(w, index, at_exit=True)
    if before is None:
        return address(w, index)
    told = w.succeeded or w.call.errno == _EOVERFLOW
    changed = after is not None and told and _bytes_of(after) != _bytes_of(before)
    shown = f"handle_bytes={_bytes_of(before)}" + (f" => {_bytes_of(after)}" if after is not None and changed else "")
    return "{" + shown + (f", {_handle_text(after)}" if after is not None and w.succeeded else "") + "}"


def _bytes_of(datum: Datum) -> int:
    return int.from_bytes(datum.bytes[:4], "little")


ARGUMENTS: dict[tuple[str, str], Printer] = {
    ("openat2", "how"): _how,
    ("open_by_handle_at", "handle"): _handle_in,
    ("name_to_handle_at", "handle"): _handle_out,
    ("name_to_handle_at", "flags"): lambda w, i, a: w.flags("at_handle", w.values[i] & 0xFFFFFFFF),
    ("memfd_create", "flags"): _memory_flags,
    ("memfd_create", "name"): bounded_string(250),  # NAME_MAX without "memfd:", and one
}
