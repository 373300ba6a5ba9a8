"""Arguments in strace's words, by kind: only the kinds that strace writes in another way than `decode/arguments.py`."""

from wiretale.decode import arguments as shared
from wiretale.decode.record_types import Datum
from wiretale.decode.strace.strings import literal
from wiretale.decode.strace.writer import StraceWriter
from wiretale.decode.struct_text import octal, struct_text
from wiretale.decode.syscalls.spec import Arg, Kind
from wiretale.decode.writer import Writer, pointer_text, signed32
from wiretale.light import later

TYPE_CHECKING = False  # see light.py
if TYPE_CHECKING:
    from wiretale.decode.strace import messages, sockopts
else:
    messages, sockopts = later("wiretale.decode.strace.messages"), later("wiretale.decode.strace.sockopts")

Printer = shared.Printer
_LONGEST_PATH = 4095  # PATH_MAX of linux/limits.h with its NUL


def strace(w: Writer) -> StraceWriter:
    """The writer, known to be of this dialect."""
    assert isinstance(w, StraceWriter)
    return w


def address(w: Writer, index: int) -> str:
    return pointer_text(w.unsigned(w.values[index]))


def _string(w: Writer, index: int, arg: Arg) -> str:
    datum = w.readable(index, "string", at_exit=False)
    if datum is None:
        return address(w, index)
    if datum.error:
        return address(w, index)  # it does not end before unreadable memory
    cut = datum.full_bytes > len(datum.bytes)
    return strace(w).text(datum.bytes[:_LONGEST_PATH] if cut else datum.bytes) + ("..." if cut else "")


def _vector(w: Writer, index: int, role: str) -> tuple[list[Datum], int]:
    """The strings of a vector, and where it cannot be read any further; 0 if it ends with a NULL."""
    found = w.several(index, role, at_exit=False)
    if found and found[-1].error and found[-1].offset:
        return found[:-1], found[-1].address
    return found, 0


def _strings(w: Writer, index: int, arg: Arg) -> str:
    return _strings_of(w, index, "argv")


def _strings_of(w: Writer, index: int, role: str) -> str:
    found, end = _vector(w, index, role)
    if not w.values[index] or (end and not found) or strace(w).terse:
        return address(w, index)
    limit = strace(w).style.strings if strace(w).brief else len(found)
    shown = [
        pointer_text(d.address) if d.error and not d.bytes else strace(w).data(d.bytes, d.full_bytes)
        for d in found[:limit]
    ]
    if len(found) > limit:
        shown.append("...")
    elif end:
        shown.append(f"... /* {end:#x} */")
    return f"[{', '.join(shown)}]"


def _environment(w: Writer, index: int, arg: Arg) -> str:
    if not strace(w).brief:
        return _strings_of(w, index, "envp")
    found, end = _vector(w, index, "envp")
    if not w.values[index] or (end and not found) or strace(w).terse:
        return address(w, index)
    cut = ", unterminated" if end else ""
    return f"{address(w, index)} /* {len(found)} var{'' if len(found) == 1 else 's'}{cut} */"


def _buffer_in(w: Writer, index: int, arg: Arg) -> str:
    datum = w.readable(index, "payload", at_exit=False)
    if datum is not None and strace(w).netlink is not None:
        return messages.payload_text(strace(w), strace(w).netlink or 0, datum)
    if datum is not None:
        wanted = min(strace(w).style.strings + 1, datum.full_bytes)
        return w.data(datum.bytes, datum.full_bytes) if len(datum.bytes) >= wanted else address(w, index)
    empty = w.values[index] and 0 <= arg.length < len(w.values) and not w.unsigned(w.values[arg.length])
    return '""' if empty else address(w, index)


def _buffer_out(w: Writer, index: int, arg: Arg) -> str:
    datum = w.readable(index, "payload", at_exit=True)
    if datum is not None and strace(w).netlink is not None:
        return messages.payload_text(strace(w), strace(w).netlink or 0, datum)
    if datum is not None:
        return w.data(datum.bytes, datum.full_bytes)
    return '""' if w.succeeded and w.call.retval == 0 and w.values[index] else address(w, index)


def _sockaddr_out(w: Writer, index: int, arg: Arg) -> str:
    datum = w.readable(index, "sockaddr", at_exit=True)
    if datum is None or not datum.bytes or not w.succeeded:
        return address(w, index)
    room = w.readable(arg.length, "socklen", at_exit=False)
    if room is not None and len(room.bytes) >= 4:
        return w.sockaddr(datum.bytes[: int.from_bytes(room.bytes[:4], "little")])
    return w.sockaddr(datum.bytes)


def _socklen(w: Writer, index: int, arg: Arg) -> str:
    before = w.readable(index, "socklen", at_exit=False)
    after = w.readable(index, "socklen", at_exit=True) if w.succeeded else None
    numbers = [str(int.from_bytes(d.bytes[:4], "little", signed=True)) for d in (before, after) if d is not None]
    if not numbers:
        return address(w, index)
    return f"[{numbers[0]}]" if numbers[0] == numbers[-1] else f"[{numbers[0]} => {numbers[1]}]"


def _struct_in(w: Writer, index: int, arg: Arg) -> str:
    datum = w.readable(index, "struct", at_exit=False)
    if datum is None or len(datum.bytes) < datum.full_bytes:
        return address(w, index)
    return struct_text(w, arg.struct, datum.bytes)


def _struct_out(w: Writer, index: int, arg: Arg) -> str:
    datum = w.readable(index, "struct", at_exit=True)
    if datum is None or len(datum.bytes) < datum.full_bytes:
        return address(w, index)
    return struct_text(w, arg.struct, datum.bytes)


def _octal(w: Writer, index: int, arg: Arg) -> str:
    return octal(w.values[index] & 0xFFFF)


def _hex(w: Writer, index: int, arg: Arg) -> str:
    value = w.unsigned(w.values[index])
    return hex(value) if value else "0"


def _enum(w: Writer, index: int, arg: Arg) -> str:
    value = w.values[index] & 0xFFFFFFFF
    return w.enum(arg.constants, value if value < 0x80000000 or arg.constants in _UNSIGNED else signed32(value))


_UNSIGNED = frozenset({"ioctl", "reboot", "reboot_magic", "prctl"})


def _pid(w: Writer, index: int, arg: Arg) -> str:
    return strace(w).pid(signed32(w.values[index]))


def _sockaddr_in(w: Writer, index: int, arg: Arg) -> str:
    datum = w.readable(index, "sockaddr", at_exit=False)
    length = signed32(w.values[arg.length])
    if datum is None or not length >= 0 or len(datum.bytes) < min(length, 128):
        return address(w, index)
    return w.sockaddr(datum.bytes)


def short_string(w: Writer, index: int, arg: Arg) -> str:
    """A string that is no path: cut at -s, so that its end need not be readable."""
    datum = w.readable(index, "string", at_exit=False)
    if datum is None:
        return address(w, index)
    if len(datum.bytes) > w.limit:
        return strace(w).text(datum.bytes[: w.limit]) + "..."
    return address(w, index) if datum.error else strace(w).text(datum.bytes)


def bounded_string(most: int) -> Printer:
    """A string of which `most` bytes are looked at: one that has not ended there goes on."""

    def text(w: Writer, index: int, arg: Arg) -> str:
        datum = w.readable(index, "string", at_exit=False)
        if datum is not None and len(datum.bytes) >= most:
            return strace(w).text(datum.bytes[: min(w.limit, most)]) + "..."
        return short_string(w, index, arg)

    return text


def _fd_set(w: Writer, index: int, arg: Arg) -> str:
    """The descriptors of a set; one that cannot be read whole is an address."""
    datum = w.readable(index, "fdset", at_exit=False)
    if datum is not None and datum.error:
        return address(w, index)
    return shared.KINDS[Kind.FDSET](w, index, arg).replace(" ...]", "]")


def _uid(w: Writer, index: int, arg: Arg) -> str:
    value = w.values[index] & 0xFFFFFFFF
    return "-1" if value == 0xFFFFFFFF else str(value)


KINDS: dict[Kind, Printer] = {
    **shared.KINDS,
    Kind.STRING: _string,
    Kind.STRINGS: _strings,
    Kind.ENVIRONMENT: _environment,
    Kind.BUFFER_IN: _buffer_in,
    Kind.BUFFER_OUT: _buffer_out,
    Kind.SOCKADDR_OUT: _sockaddr_out,
    Kind.SOCKLEN: _socklen,
    Kind.STRUCT_IN: _struct_in,
    Kind.STRUCT_OUT: _struct_out,
    Kind.OCTAL: _octal,
    Kind.HEX: _hex,
    Kind.ENUM: _enum,
    Kind.PID: _pid,
    Kind.UID: _uid,
    Kind.SOCKADDR_IN: _sockaddr_in,
    Kind.FDSET: _fd_set,
    Kind.IOVEC_IN: lambda w, i, a: messages.vector(strace(w), i, a.length, out=False),
    Kind.IOVEC_OUT: lambda w, i, a: messages.vector(strace(w), i, a.length, out=True),
    Kind.MSGHDR_IN: lambda w, i, a: messages.message(strace(w), i, out=False),
    Kind.MSGHDR_OUT: lambda w, i, a: messages.message(strace(w), i, out=True),
    Kind.MMSGHDR_IN: lambda w, i, a: messages.messages(strace(w), i, a.length, out=False),
    Kind.MMSGHDR_OUT: lambda w, i, a: messages.messages(strace(w), i, a.length, out=True),
    Kind.OPTVAL_IN: lambda w, i, a: sockopts.option(strace(w), i, out=False),
    Kind.OPTVAL_OUT: lambda w, i, a: sockopts.option(strace(w), i, out=True),
}


def path_result(w: Writer, index: int, arg: Arg) -> str:
    """getcwd gives a path, printed whole as far as its NUL."""
    datum = w.readable(index, "payload", at_exit=True)
    if datum is None:
        return address(w, index)
    return literal(datum.bytes.split(b"\0", 1)[0], strace(w).style.hex)
