"""io_submit, io_cancel and io_pgetevents in strace's words. Source: linux/aio_abi.h."""

from wiretale.decode.signals import SIGSET_BYTES
from wiretale.decode.strace import names, unnamed
from wiretale.decode.strace.arguments import Printer, address, strace
from wiretale.decode.strace.machine import priority
from wiretale.decode.strace.messages import Message, buffer_text, vector_text
from wiretale.decode.strace.style import Names
from wiretale.decode.structs import integers, struct_size
from wiretale.decode.syscalls.spec import Arg
from wiretale.decode.writer import Writer, pointer_text

_PREAD, _PWRITE, _POLL, _PREADV, _PWRITEV = 0, 1, 5, 7, 8  # IOCB_CMD_
_RESFD, _IOPRIO = 1, 2  # IOCB_FLAG_
_MOST = (1 << 63) - 1  # counts that would be negative are none
_TOP = 1 << 64


def _number(value: int) -> str:
    return hex(value) if value else "0"


def _command(w: Writer, value: int) -> str:
    """The number is a decimal one in every style."""
    name, style = names.known("aio_command", value, w.arch), strace(w).style.names
    if style is Names.RAW:
        return str(value)
    shown = name or unnamed.unknown("aio_command")
    return name if name and style is Names.ABBREV else f"{value} /* {shown} */"


def _priority(w: Writer, value: int) -> str:
    style = strace(w).style.names
    number, text = names.number(value & 0xFFFF), priority(w, value & 0xFFFF, style)
    return {Names.RAW: number, Names.VERBOSE: f"{number} /* {text} */"}.get(style, text)


def _request(w: Writer, v: dict[str, int]) -> str:
    """What every struct iocb has."""
    parts = [f"aio_data={_number(v['aio_data'])}"]
    parts += [f"aio_key={v['aio_key']}"] if v["aio_key"] else []
    parts += [f"aio_rw_flags={w.flags('rwf', v['aio_rw_flags'])}"] if v["aio_rw_flags"] else []
    parts.append(f"aio_lio_opcode={_command(w, v['aio_lio_opcode'])}")
    if v["aio_flags"] & _IOPRIO:
        parts.append(f"aio_reqprio={_priority(w, v['aio_reqprio'])}")
    elif v["aio_reqprio"]:
        parts.append(f"aio_reqprio={v['aio_reqprio']}")
    return ", ".join([*parts, f"aio_fildes={w.fd(v['aio_fildes'])}"])


def _operation(w: Writer, message: Message, v: dict[str, int]) -> list[str]:
    """What the command takes; nothing of those that move no data. A vector says itself how much it moves."""
    command, place, size = v["aio_lio_opcode"], v["aio_buf"], v["aio_nbytes"]
    if command == _POLL:
        return [f"aio_buf={w.flags('poll', place) if place else '0'}"]
    offset = f"aio_offset={v['aio_offset']}"
    if command == _PREAD:
        return [f"aio_buf={_number(place)}", f"aio_nbytes={size}", offset]
    if command == _PWRITE:
        text = _number(place) if size > _MOST else buffer_text(strace(w), message, 0, place, size)
        return [f"aio_buf={text}", f"aio_nbytes={size}", offset]
    if command not in (_PREADV, _PWRITEV):
        return []
    if size > _MOST:
        return [f"aio_buf={_number(place)}", f"aio_nbytes={size}", offset]
    if place + size * 2 * w.word >= _TOP:
        return [f"aio_buf={pointer_text(place)}", offset]
    return [f"aio_buf={vector_text(strace(w), message, place, size)}", offset]


def _rest(w: Writer, v: dict[str, int]) -> list[str]:
    parts = [f"aio_flags={w.flags('aio_flags', v['aio_flags'])}"] if v["aio_flags"] else []
    if v["aio_flags"] & _RESFD:
        parts.append(f"aio_resfd={w.fd(v['aio_resfd'])}")
    elif v["aio_resfd"]:
        parts.append(f"aio_resfd={v['aio_resfd'] & 0xFFFFFFFF:#x}")
    return parts


def _submitted(w: Writer, index: int, arg: Arg) -> str:
    """A vector of addresses, each with the request that lies there."""
    place, count = w.unsigned(w.values[index]), w.unsigned(w.values[arg.length])
    vector = w.readable(index, "array", at_exit=False)
    if place and not count:
        return "[]"
    if count > _MOST:
        return pointer_text(place)
    if strace(w).terse or vector is None:
        return pointer_text(place)
    data = vector.bytes
    found = [int.from_bytes(data[at : at + w.word], "little") for at in range(0, len(data) - w.word + 1, w.word)]
    limit = w.limit if strace(w).brief else len(found)
    shown = [_pointed(w, index, at, where) for at, where in enumerate(found[:limit], 1)]
    if len(found) > limit:
        shown.append("...")
    elif len(found) < count:
        shown.append(f"... /* {place + len(found) * w.word:#x} */")
    return f"[{', '.join(shown)}]"


def _pointed(w: Writer, index: int, at: int, where: int) -> str:
    datum = w.readable(index, "array", at_exit=False, idx=at)
    if datum is None or len(datum.bytes) < struct_size("iocb", w.arch):
        return pointer_text(where)
    v = integers("iocb", w.arch, datum.bytes)
    taken = _operation(w, Message(index, at, at_exit=False), v)
    return f"{{{', '.join([_request(w, v), *taken, *(_rest(w, v) if taken else [])])}}}"


def _cancelled(w: Writer, index: int, arg: Arg) -> str:
    datum = w.readable(index, "struct", at_exit=False)
    if datum is None or len(datum.bytes) < struct_size("iocb", w.arch):
        return address(w, index)
    return f"{{{_request(w, integers('iocb', w.arch, datum.bytes))}}}"


def _signals(w: Writer, index: int, arg: Arg) -> str:
    """struct __aio_sigset, which is shown of calls that failed, too."""
    given = w.datum(index, "struct", at_exit=False)
    v = integers("sigset_argpack", w.arch, given.bytes) if given is not None else {}
    if strace(w).terse or "sigsetsize" not in v:
        return address(w, index)
    mask = w.datum(index, "struct", at_exit=False, idx=1)
    known = mask is not None and v["sigsetsize"] == len(mask.bytes) == SIGSET_BYTES
    shown = w.signal_set(int.from_bytes(mask.bytes, "little")) if known and mask is not None else ""
    return f"{{sigmask={shown or pointer_text(v['sigmask'])}, sigsetsize={v['sigsetsize']}}}"


ARGUMENTS: dict[tuple[str, str], Printer] = {
    ("io_submit", "iocbpp"): _submitted,
    ("io_cancel", "iocb"): _cancelled,
    **{(name, "usig"): _signals for name in ("io_pgetevents", "io_pgetevents_time64")},
}
