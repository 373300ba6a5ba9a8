"""Arrays and structures as strace prints them, for the calls of `rare.py`: where they are cut, where memory ends."""

from collections.abc import Callable

from wiretale.decode.record_types import Datum
from wiretale.decode.strace.arguments import strace
from wiretale.decode.strace.strings import hex_literal
from wiretale.decode.struct_text import element_text
from wiretale.decode.structs import struct_size
from wiretale.decode.syscalls.spec import Arg
from wiretale.decode.writer import Writer, pointer_text

Element = Callable[[Writer, bytes], str]


def elements(w: Writer, datum: Datum | None, address: int, *, count: int, size: int, text: Element) -> str:
    """`count` elements of `size` bytes: "..." where they are cut, the address where memory ends."""
    if not address:
        return "NULL"
    if not count:
        return "[]"
    data = datum.bytes if datum is not None else b""
    readable = min(len(data) // size, count)
    if not readable:
        return pointer_text(address)
    limit = w.limit if strace(w).brief else count
    shown = [text(w, data[at * size : (at + 1) * size]) for at in range(min(readable, limit))]
    if len(shown) == limit < readable:
        shown.append("...")
    elif readable < count:
        shown.append(f"... /* {address + readable * size:#x} */")
    return f"[{', '.join(shown)}]"


def beyond(w: Writer, data: bytes, known: int, size: int) -> str:
    """What a program gives behind the `known` bytes of a structure of `size`: nothing if it is zero."""
    if size <= known:
        return ""
    if len(data) < size:
        return "???"
    extra = data[known:size]
    if not any(extra):
        return ""
    cut = "..." if len(extra) > w.limit else ""
    return f"/* bytes {known}..{size - 1} */ {hex_literal(extra[: w.limit])}{cut}"


def array(w: Writer, index: int, arg: Arg, *, at_exit: bool = False, text: Element | None = None) -> str:
    """The array of an argument whose count is another argument."""
    address, count = w.unsigned(w.values[index]), w.values[arg.length] & 0xFFFFFFFF
    datum = w.readable(index, "array", at_exit=at_exit)
    if at_exit and not w.succeeded:
        return pointer_text(address)
    if strace(w).terse and (count or not address):
        return pointer_text(address)
    one = text or (lambda w, data: element_text(w, arg.struct, data))
    return elements(w, datum, address, count=count, size=struct_size(arg.struct, w.arch), text=one)


def whole(w: Writer, index: int, *, at_exit: bool, role: str = "struct") -> bytes | None:
    """The bytes of a structure, as far as they could be read; None where strace prints no more than its address."""
    if strace(w).terse or (at_exit and not w.succeeded):
        return None
    datum = w.datum(index, role, at_exit=at_exit)
    return datum.bytes if datum is not None and datum.bytes else None
