"""Memory policies, nodes and pages in strace's words. Source: linux/mempolicy.h."""

from wiretale.decode.constants.tables import ERRORS
from wiretale.decode.strace import names
from wiretale.decode.strace.arguments import Printer, address, strace
from wiretale.decode.strace.arrays import Element, array, elements
from wiretale.decode.strace.style import Names
from wiretale.decode.structs import struct_size
from wiretale.decode.syscalls.spec import Arg
from wiretale.decode.writer import Writer, pointer_text

_MODE_FLAGS = 0xE000  # MPOL_F_STATIC_NODES, _RELATIVE_NODES, _NUMA_BALANCING
_MOST_BITS = 1 << 32


def _mask(*, out: bool) -> Printer:
    """A set of nodes, a word at a time; the kernel looks at one bit less than it is told."""

    def text(w: Writer, index: int, arg: Arg) -> str:
        bits, where = w.unsigned(w.values[arg.length]), w.unsigned(w.values[index])
        words = -(-(bits - 1) // (8 * w.word)) if 1 < bits <= _MOST_BITS else 0
        datum = w.readable(index, "array", at_exit=out)
        if not bits and where:
            return "[]"
        if not words or strace(w).terse or (out and not w.succeeded):
            return pointer_text(where)
        return elements(w, datum, where, count=words, size=w.word, text=_word)

    return text


def _word(w: Writer, data: bytes) -> str:
    value = int.from_bytes(data, "little")
    return f"{value:#0{2 * len(data)}x}" if value else "0" * 2 * len(data)


def _policy(w: Writer, index: int, arg: Arg) -> str:
    """A mode and flags in its upper bits; a mode that nobody knows is not told from the flags."""
    wide = w.call.name == "mbind"
    value, style = w.unsigned(w.values[index]) if wide else w.values[index] & 0xFFFFFFFF, strace(w).style.names
    mode, flags = value & ~_MODE_FLAGS, value & _MODE_FLAGS
    if not flags or style is Names.RAW:
        return w.enum("mempolicy", value)
    name = names.known("mempolicy", mode, w.arch)
    bits = names.several("mempolicy_mode_flags", flags if name else value, w.arch, Names.ABBREV)
    text = f"{name}|{bits}" if name else bits
    return f"{names.number(value)} /* {text} */" if style is Names.VERBOSE else text


def _status(w: Writer, data: bytes) -> str:
    """Where a page is, or why it is not."""
    value = int.from_bytes(data, "little", signed=True)
    if value >= 0 or -value not in ERRORS or strace(w).style.names is Names.RAW:
        return str(value)
    name = f"-{ERRORS[-value][0]}"
    return f"{value} /* {name} */" if strace(w).style.names is Names.VERBOSE else name


def _listed(w: Writer, index: int, arg: Arg, *, at_exit: bool = False, text: Element | None = None) -> str:
    """More elements than there is memory for are no list."""
    size = struct_size(arg.struct, w.arch)
    if w.unsigned(w.values[arg.length]) * size >= 1 << 8 * w.word:
        return address(w, index)
    return array(w, index, arg, at_exit=at_exit, text=text)


def _pages(w: Writer, index: int, arg: Arg) -> str:
    return _listed(w, index, arg, text=lambda w, data: pointer_text(int.from_bytes(data, "little")))


def _numbers(w: Writer, index: int, arg: Arg) -> str:
    return _listed(w, index, arg)


def _statuses(w: Writer, index: int, arg: Arg) -> str:
    """None is an empty list whether the call succeeded or not."""
    if w.values[index] and not w.values[arg.length]:
        return "[]"
    return _listed(w, index, arg, at_exit=True, text=_status)


def _byte(w: Writer, data: bytes) -> str:
    return str(data[0] & 1)


def _in_memory(w: Writer, index: int, arg: Arg) -> str:
    """Of each page whether it is in memory."""
    pages = -(-w.unsigned(w.values[arg.length]) // 4096)
    datum = w.readable(index, "array", at_exit=True)
    if strace(w).terse or not w.succeeded or datum is None:
        return address(w, index)
    return elements(w, datum, w.unsigned(w.values[index]), count=pages, size=1, text=_byte)


def _start(w: Writer, index: int, arg: Arg) -> str:
    return address(w, index)


ARGUMENTS: dict[tuple[str, str], Printer] = {
    ("mbind", "nodemask"): _mask(out=False),
    ("mbind", "mode"): _policy,
    ("set_mempolicy", "nodemask"): _mask(out=False),
    ("set_mempolicy", "mode"): _policy,
    ("get_mempolicy", "nodemask"): _mask(out=True),
    ("migrate_pages", "old_nodes"): _mask(out=False),
    ("migrate_pages", "new_nodes"): _mask(out=False),
    ("move_pages", "pages"): _pages,
    ("move_pages", "nodes"): _numbers,
    ("move_pages", "status"): _statuses,
    ("mincore", "vec"): _in_memory,
    ("set_mempolicy_home_node", "start"): _start,
}
