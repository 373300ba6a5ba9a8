"""ptrace in strace's words. Sources: linux/ptrace.h, asm/user_64.h (what PTRACE_PEEKUSER's offsets are)."""

import struct
from bisect import bisect

from wiretale.decode.strace import filters, names
from wiretale.decode.strace.arguments import KINDS, Printer, address, strace
from wiretale.decode.strace.arrays import elements, whole
from wiretale.decode.strace.style import Names
from wiretale.decode.struct_text import field_text, struct_text
from wiretale.decode.structs import layout, struct_size
from wiretale.decode.syscalls import table
from wiretale.decode.syscalls.spec import Arg
from wiretale.decode.writer import Writer, pointer_text
from wiretale.model.enums import Arch

_PEEKED, _USER = (1, 2, 3), (3, 6)  # PTRACE_PEEKTEXT, _PEEKDATA, _PEEKUSR; PTRACE_PEEKUSR, _POKEUSR
_SIGSET_BYTES = 8
_OFFSET_BYTES, _METADATA_BYTES = 8, 16  # struct seccomp_metadata: its first field, all of it
_REGISTERS = (
    "R15", "R14", "R13", "R12", "RBP", "RBX", "R11", "R10", "R9", "R8", "RAX", "RCX", "RDX", "RSI", "RDI", "ORIG_RAX",
    "RIP", "CS", "EFL", "RSP", "SS",
)  # fmt: skip
_USER_FIELDS = {
    216: "u_fpvalid", 224: "i387", 736: "u_tsize", 744: "u_dsize", 752: "u_ssize", 760: "start_code",
    768: "start_stack", 776: "signal", 784: "reserved", 792: "u_ar0", 800: "u_fpstate", 808: "magic", 816: "u_comm",
    848: "u_debugreg",
}  # fmt: skip
_USER_BYTES = 912  # where strace ends it: before error_code
_PLACES: dict[int, str] = {
    **{8 * i: f"8*{name}" for i, name in enumerate(_REGISTERS)},
    **{at: f"offsetof(struct user, {name})" for at, name in _USER_FIELDS.items()},
    _USER_BYTES: "sizeof(struct user)",
}
_STARTS = tuple(_PLACES)


def _request(w: Writer, index: int, arg: Arg) -> str:
    return w.enum("ptrace_request", w.unsigned(w.values[index]))


def _is(w: Writer, requests: tuple[int, ...]) -> bool:
    return w.values[0] & 0xFFFFFFFF in requests


def _place(w: Writer, index: int, arg: Arg) -> str:
    """Where to read or write: of PTRACE_PEEKUSER a register or a field of struct user."""
    value = w.unsigned(w.values[index])
    if w.arch != Arch.X86_64 or not _is(w, _USER) or value > _USER_BYTES:
        return address(w, index)
    start = _STARTS[bisect(_STARTS, value) - 1]
    return w.note(_PLACES[start] + (f"+{value - start}" if value > start else ""), value)


def _value(w: Writer, index: int, arg: Arg) -> str:
    """What was read: the call puts it there, whatever the C library's function returns."""
    datum = w.readable(index, "struct", at_exit=True) if _is(w, _PEEKED) and w.succeeded else None
    if datum is None or len(datum.bytes) < w.word:
        return address(w, index)
    return f"[{pointer_text(int.from_bytes(datum.bytes[: w.word], 'little'))}]"


def _mask(w: Writer, index: int, arg: Arg) -> str:
    fits = w.unsigned(w.values[2]) == _SIGSET_BYTES
    return KINDS[arg.kind](w, index, arg) if fits else address(w, index)


def _registers(w: Writer, name: str, data: bytes) -> str:
    """As many registers as there are bytes; long lists of them are cut."""
    shown = []
    for field in layout(name, w.arch).fields:
        if field.unpack is None or field.offset >= len(data):
            continue
        size = field.unpack.size
        there = min(field.count or 1, (len(data) - field.offset) // size)
        values = [field.unpack.unpack_from(data, field.offset + size * i)[0] for i in range(there)]
        if field.count:
            cut = strace(w).brief and there > w.limit
            texts = [names.number(v) for v in values[: w.limit if cut else there]]
            shown.append(f"{field.name}=[{', '.join([*texts, *(['...'] if cut else [])])}]")
        elif values:
            shown.append(f"{field.name}={field_text(w, field, values[0])}")
    return "{" + ", ".join(shown) + "}"


def _register_set(w: Writer, index: int, arg: Arg) -> str:
    datum = w.readable(index, "struct", at_exit=_is(w, (12, 14)))
    if datum is None or (_is(w, (12, 14)) and not w.succeeded):
        return address(w, index)
    return _registers(w, arg.struct, datum.bytes)


_SETS = {1: "user_registers", 2: "user_fp_registers"}  # linux/elf.h: NT_PRSTATUS, NT_PRFPREG
_GETREGSET = 0x4204


def _vector(w: Writer, index: int, arg: Arg) -> str:
    """struct iovec with the registers behind it; its length is what the kernel made of it, too."""
    gets, name = _is(w, (_GETREGSET,)), _SETS.get(w.values[2] & 0xFFFFFFFF)
    given = whole(w, index, at_exit=False)
    if given is None or len(given) < 2 * w.word:
        return address(w, index)
    base, length = (int.from_bytes(given[at : at + w.word], "little") for at in (0, w.word))
    after = whole(w, index, at_exit=True)
    became = int.from_bytes(after[w.word : 2 * w.word], "little") if after and len(after) >= 2 * w.word else length
    there = w.datum(index, "struct", at_exit=gets, idx=1) if name and (w.succeeded or not gets) else None
    text = pointer_text(base)
    size, wanted = struct_size(name, w.arch) if name else 0, became if gets else length
    data = there.bytes[:size] if name and there is not None else b""
    if name and data and wanted % w.word == 0 and len(data) == min(wanted, size):
        text = _registers(w, name, data)
        text = f"{text[:-1]}, ...}}" if wanted > size else text
    lengths = str(length) if became == length else f"{length} => {became}"
    return f"{{iov_base={text}, iov_len={lengths}}}"


def _siginfos(w: Writer, index: int, arg: Arg) -> str:
    if not w.succeeded:
        return address(w, index)
    size, count = struct_size("siginfo", w.arch), w.call.retval or 0
    datum = w.readable(index, "array", at_exit=True)
    return elements(
        w, datum, w.unsigned(w.values[index]), count=count, size=size, text=lambda w, d: struct_text(w, "siginfo", d)
    )


def _program(w: Writer, index: int, arg: Arg) -> str:
    datum = w.readable(index, "array", at_exit=True) if w.succeeded else None
    if datum is None:
        return address(w, index)
    return filters.program(strace(w), datum.bytes, w.call.retval or 0, w.unsigned(w.values[index]), seccomp=True)


def _metadata(w: Writer, index: int, arg: Arg) -> str:
    """Which filter was asked for, and once it is known what its flags are."""
    given, after = whole(w, index, at_exit=False), whole(w, index, at_exit=True)
    if w.unsigned(w.values[2]) < _OFFSET_BYTES or given is None or len(given) < _OFFSET_BYTES:
        return address(w, index)
    shown = [f"filter_off={int.from_bytes(given[:_OFFSET_BYTES], 'little')}"]
    if after is not None and len(after) >= _METADATA_BYTES and (w.call.retval or 0) >= _METADATA_BYTES:
        shown.append(f"flags={w.flags('seccomp_flags', int.from_bytes(after[8:16], 'little'))}")
    return "{" + ", ".join(shown) + "}"


_ENTRY, _EXIT, _SECCOMP = 1, 2, 3  # PTRACE_SYSCALL_INFO_*
_HEAD_BYTES = 24  # as far as all kinds are the same


def _syscall_info(w: Writer, index: int, arg: Arg) -> str:
    """struct ptrace_syscall_info: fields that lie whole within what the caller has room for and the kernel filled."""
    datum = w.readable(index, "struct", at_exit=True) if w.succeeded else None
    if datum is None or not datum.bytes:
        return address(w, index)
    data = datum.bytes[: w.call.retval or 0]
    kind = data[0] if data else 0
    shown = [f"op={w.enum('ptrace_syscall_info', kind)}"]
    if len(data) >= 8:
        shown.append(f"arch={w.enum('audit_arch', int.from_bytes(data[4:8], 'little'))}")
    shown += [
        f"{name}={pointer_text(int.from_bytes(data[at : at + 8], 'little'))}"
        for at, name in ((8, "instruction_pointer"), (16, "stack_pointer"))
        if len(data) >= at + 8
    ]
    rest, arch = data[_HEAD_BYTES:], int.from_bytes(data[4:8], "little")
    shown += [text for text in (_of_kind(w, kind, rest, arch),) if text]
    return "{" + ", ".join(shown) + "}"


def _of_kind(w: Writer, kind: int, rest: bytes, arch: int) -> str:
    if len(rest) < 8 or kind not in (_ENTRY, _EXIT, _SECCOMP):
        return ""
    if kind == _EXIT:
        failed = len(rest) > 8 and rest[8] != 0
        value = int.from_bytes(rest[:8], "little", signed=True)
        text = f"rval={_result(w, value) if failed else value}"
        return f"exit={{{text}{f', is_error={rest[8]}' if len(rest) > 8 else ''}}}"
    count = min((len(rest) - 8) // 8, 6)
    arguments = [names.number(v) for (v,) in struct.iter_unpack("<Q", rest[8 : 8 + 8 * count])]
    text = f"nr={_number_of_call(w, int.from_bytes(rest[:8], 'little'), arch)}"
    text += f", args=[{', '.join(arguments)}]" if arguments else ""
    if kind == _SECCOMP and len(rest) >= 60:
        text += f", ret_data={names.number(int.from_bytes(rest[56:60], 'little'))}"
    return f"{'entry' if kind == _ENTRY else 'seccomp'}={{{text}}}"


def _result(w: Writer, value: int) -> str:
    name = w.error(-value).split()[0] if value < 0 else ""
    return str(value) if name[:1] != "E" else _noted(w, f"-{name}", value)


def _number_of_call(w: Writer, number: int, arch: int) -> str:
    name = table(arch).get(number)
    return _noted(w, f"__NR_{name}", number) if name else names.number(number)


def _noted(w: Writer, name: str, value: int) -> str:
    """A name for a number that is decimal in every style."""
    style = strace(w).style.names
    if style is Names.ABBREV:
        return name
    return f"{value} /* {name} */" if style is Names.VERBOSE else str(value)


def _size(w: Writer, index: int, arg: Arg) -> str:
    known = w.values[0] & 0xFFFFFFFF != _RSEQ_CONFIGURATION
    return str(w.unsigned(w.values[index])) if known else address(w, index)


_RSEQ_CONFIGURATION = 0x420F  # which strace does not decode

ARGUMENTS: dict[tuple[str, str], Printer] = {
    ("ptrace", name): printer
    for name, printer in {
        "request": _request,
        "ignored": lambda w, i, a: "",
        "addr": _place,
        "data": lambda w, i, a: _value(w, i, a) if _is(w, _PEEKED) else KINDS[a.kind](w, i, a),
        "word": lambda w, i, a: address(w, i),
        "registers": _register_set,
        "iov": _vector,
        "siginfos": _siginfos,
        "program": _program,
        "mask": _mask,
        "size": _size,
        "metadata": _metadata,
        "info": _syscall_info,
        "user_desc": lambda w, i, a: address(w, i),
        "configuration": lambda w, i, a: address(w, i),
    }.items()
}
