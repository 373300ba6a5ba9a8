"""Memory policies, nodes and pages in strace's words. Source: linux/mempolicy.h."""

from wiretale.decode.constants.tables import ERRORS
from wiretale.decode.strace.arguments import Printer, address, strace
from wiretale.decode.strace.arrays import array, elements, whole
from wiretale.decode.strace.style import Names
from wiretale.decode.syscalls.spec import Arg
from wiretale.decode.writer import Writer, pointer_text

_MOST_BITS = 32769  # a page of bits (mm/mempolicy.c: get_nodes), and one that is not looked at


def _mask(*, out: bool) -> Printer:
    """A set of nodes, a word at a time; the kernel looks at one bit less than it is told."""

    def text(w: Writer, index: int, arg: Arg) -> str:
        bits, where = w.unsigned(w.values[arg.length]), w.unsigned(w.values[index])
        if not where or bits > _MOST_BITS:
            return pointer_text(where)
        words = -(-(bits - 1) // (8 * w.word)) if bits > 1 else 0
        if not words:
            return "[]"
        data = whole(w, index, at_exit=out, role="array")
        if data is None or len(data) < words * w.word:
            return address(w, index)
        limit = w.limit if strace(w).brief else words
        shown = [
            f"{int.from_bytes(data[at * w.word : (at + 1) * w.word], 'little'):0{2 * w.word}x}"
            for at in range(min(words, limit))
        ]
        return f"[{', '.join([*shown, *(['...'] if limit < words else [])])}]"

    return text


def _policy(w: Writer, index: int, arg: Arg) -> str:
    """The mode, with flags in its upper bits."""
    value = w.values[index] & 0xFFFFFFFF
    flags, mode = value & 0xE000, value & ~0xE000
    if not flags:
        return w.enum("mempolicy", mode)
    return f"{w.enum('mempolicy', mode)}|{w.flags('mempolicy_mode_flags', flags)}"


def _status(w: Writer, data: bytes) -> str:
    """Where a page is, or why it is not."""
    value = int.from_bytes(data, "little", signed=True)
    if value >= 0 or -value not in ERRORS or strace(w).style.names is Names.RAW:
        return str(value)
    name = f"-{ERRORS[-value][0]}"
    return f"{value} /* {name} */" if strace(w).style.names is Names.VERBOSE else name


def _pages(w: Writer, index: int, arg: Arg) -> str:
    return array(w, index, arg, text=lambda w, data: pointer_text(int.from_bytes(data, "little")))


def _numbers(w: Writer, index: int, arg: Arg) -> str:
    return array(w, index, arg)


def _statuses(w: Writer, index: int, arg: Arg) -> str:
    return array(w, index, arg, at_exit=True, text=_status)


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
