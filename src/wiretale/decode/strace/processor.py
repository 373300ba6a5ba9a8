"""arch_prctl and segments of threads in strace's words.

The features' names are the kernel's own, so that their numbers are shown as well.
"""

from collections.abc import Callable

from wiretale.decode.strace import names
from wiretale.decode.strace.arguments import Printer, address, strace
from wiretale.decode.strace.style import Names
from wiretale.decode.structs import integers
from wiretale.decode.syscalls.spec import Arg
from wiretale.decode.writer import Writer, pointer_text

_REQUESTS = (0x1023, 0x1025)  # ARCH_REQ_XCOMP_PERM, ARCH_REQ_XCOMP_GUEST_PERM


def _address(w: Writer, index: int, arg: Arg) -> str:
    """ARCH_GET_FS and ARCH_GET_GS fill it in; elsewhere it is a number."""
    if not arg.struct:
        return names.number(w.unsigned(w.values[index]))
    datum = w.readable(index, "struct", at_exit=True)
    value = integers(arg.struct, w.arch, datum.bytes).get("value") if datum is not None else None
    return address(w, index) if value is None else f"[{pointer_text(value)}]"


def _features(w: Writer, index: int, arg: Arg) -> str:
    datum = w.readable(index, "struct", at_exit=True)
    value = integers(arg.struct, w.arch, datum.bytes).get("value") if datum is not None else None
    if value is None:
        return address(w, index)
    raw = strace(w).style.names is Names.RAW or not value
    return f"[{names.number(value) if raw else names.several('xfeature_mask', value, w.arch, Names.VERBOSE)}]"


def _feature(w: Writer, index: int, arg: Arg) -> str:
    value = w.unsigned(w.values[index])
    if strace(w).style.names is Names.RAW:
        return names.number(value)
    return names.one("xfeature", value, w.arch, Names.VERBOSE)


def _granted(w: Writer) -> str:
    """The features that a request for one returned."""
    value = w.unsigned(w.call.retval or 0)
    text = names.several("xfeature_mask", value, w.arch, Names.ABBREV) if value else ""
    if w.values[0] & 0xFFFFFFFF not in _REQUESTS:
        return ""
    raw = strace(w).style.names is Names.RAW or not text or " /* " in text
    return names.number(value) if raw else f"{value:#x} ({text})"


_FIRST_FREE = 0xFFFFFFFF  # entry_number: the kernel chooses one
_NUMBER_BYTES, _SEGMENT_BYTES = 4, 16
_READS = 0  # modify_ldt(2)
_FIRST_ERROR = (1 << 32) - 4095  # linux/err.h: MAX_ERRNO, in the 32 bits that modify_ldt returns


def _entry(w: Writer, at_exit: bool) -> dict[str, int]:
    datum = w.datum(0, "struct", at_exit=at_exit)
    whole = datum is not None and len(datum.bytes) >= datum.full_bytes
    return integers("user_desc", w.arch, datum.bytes) if whole and datum is not None else {}


def _given_number(w: Writer) -> dict[str, int]:
    """Of what the program gave no more than the number is looked at."""
    datum = w.datum(0, "struct", at_exit=False)
    known = datum is not None and len(datum.bytes) >= _NUMBER_BYTES
    return (
        {"entry_number": int.from_bytes(datum.bytes[:_NUMBER_BYTES], "little")} if known and datum is not None else {}
    )


def _entry_number(v: dict[str, int]) -> str:
    return str(-1 if v["entry_number"] == _FIRST_FREE else v["entry_number"])


def _segment(w: Writer, v: dict[str, int]) -> str:
    """struct user_desc of asm/ldt.h behind its number."""
    flags = v["flags"]
    bits = ("read_exec_only", 3), ("limit_in_pages", 4), ("seg_not_present", 5), ("useable", 6)
    shown = [f"{name}={v[name]:#08x}" if v[name] else f"{name}=00000000" for name in ("base_addr", "limit")]
    shown += [f"seg_32bit={flags & 1}", f"contents={flags >> 1 & 3}", *(f"{n}={flags >> at & 1}" for n, at in bits)]
    shown += [f"lm={flags >> 7 & 1}"] if w.word == 8 else []
    return ", ".join(shown)


def _set_area(w: Writer, index: int, arg: Arg) -> str:
    v = {} if strace(w).terse else _entry(w, at_exit=False)
    return f"{{entry_number={_entry_number(v)}, {_segment(w, v)}}}" if v else address(w, index)


def _got_area(w: Writer, index: int, arg: Arg) -> str:
    """The number is given, the rest comes back."""
    given = {} if strace(w).terse else _given_number(w)
    found = _entry(w, at_exit=True) if w.succeeded else {}
    if not given:
        return address(w, index)
    return f"{{entry_number={_entry_number(given)}, {_segment(w, found) if found else '...'}}}"


def _descriptor(w: Writer, index: int, arg: Arg) -> str:
    """What modify_ldt reads or writes, if its size is that of one entry."""
    datum = w.readable(index, "struct", at_exit=w.values[0] & 0xFFFFFFFF == _READS)
    if strace(w).terse or w.unsigned(w.values[2]) != _SEGMENT_BYTES or datum is None:
        return address(w, index)
    v = integers("user_desc", w.arch, datum.bytes)
    return f"{{entry_number={_entry_number(v)}, {_segment(w, v)}}}"


def _halved(w: Writer) -> str:
    """modify_ldt returns an int that was not made longer: to a program of 64 bits an error is a large number."""
    value = w.call.retval or 0
    return f"{value} {w.error((1 << 32) - value)}" if _FIRST_ERROR <= value < 1 << 32 else ""


def _chosen_entry(w: Writer) -> str:
    """Which entry the kernel chose."""
    given, found = _entry(w, at_exit=False), _entry(w, at_exit=True)
    chosen = given and found and given["entry_number"] == _FIRST_FREE
    return f"{w.call.retval} (entry_number={found['entry_number']})" if chosen else ""


ARGUMENTS: dict[tuple[str, str], Printer] = {
    ("arch_prctl", "features"): _features,
    ("arch_prctl", "feature"): _feature,
    ("arch_prctl", "addr"): _address,
    ("set_thread_area", "u_info"): _set_area,
    ("get_thread_area", "u_info"): _got_area,
    ("modify_ldt", "ptr"): _descriptor,
}
ENTRY_ARGUMENTS = {"set_thread_area": 1}
RESULTS: dict[str, Callable[[Writer], str]] = {
    "arch_prctl": _granted,
    "set_thread_area": _chosen_entry,
    "modify_ldt": _halved,
}
