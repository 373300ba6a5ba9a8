"""arch_prctl in strace's words. The features' names are the kernel's own, so that their numbers are shown as well."""

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


ARGUMENTS: dict[tuple[str, str], Printer] = {
    ("arch_prctl", name): printer
    for name, printer in {"features": _features, "feature": _feature, "addr": _address}.items()
}
RESULTS: dict[str, Callable[[Writer], str]] = {"arch_prctl": _granted}
