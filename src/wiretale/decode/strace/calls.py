"""A call in strace's words, in two parts: what is printed when it begins, and what when it returns.

strace prints arguments up to the first one that the kernel fills in, then waits. `entry` gives that beginning, `exit`
the rest and the result.
"""

from collections.abc import Callable

from wiretale.decode.record_types import FdLabel, RawCall
from wiretale.decode.strace import rare
from wiretale.decode.strace.arguments import KINDS, Printer
from wiretale.decode.strace.ioctl import request_reads
from wiretale.decode.strace.results import result_text
from wiretale.decode.strace.rewrites import REWRITES
from wiretale.decode.strace.special import ENTRY_ARGUMENTS, FILLED_ON_ERROR, SPECIAL
from wiretale.decode.strace.strings import spelled
from wiretale.decode.strace.structures import STRUCTS
from wiretale.decode.strace.style import DEFAULT_STYLE, Hex, StraceStyle
from wiretale.decode.strace.writer import StraceWriter
from wiretale.decode.syscalls import call_spec
from wiretale.decode.syscalls.spec import Arg, Call, Kind
from wiretale.decode.writer import Writer
from wiretale.light import dataclass

TYPE_CHECKING = False  # typing itself is not loaded: see light.py
if TYPE_CHECKING:
    from typing import TypeVar

    T = TypeVar("T")

_OUT = frozenset(
    {
        Kind.BUFFER_OUT,
        Kind.SOCKADDR_OUT,
        Kind.OPTVAL_OUT,
        Kind.SOCKLEN,
        Kind.STRUCT_OUT,
        Kind.STRUCT_INOUT,
        Kind.ARRAY_OUT,
        Kind.BITS_OUT,
        Kind.MESSAGE_OUT,
        Kind.PAGES_OUT,
        Kind.ARRAY_INOUT,
        Kind.IOVEC_OUT,
        Kind.MSGHDR_OUT,
        Kind.MMSGHDR_OUT,
    }
)
_OFFSETS = frozenset({"off_t", "loff_t"})  # shown as they were given, whatever became of the call
_GIVEN = frozenset(
    {
        *(("io_getevents", "timeout"), ("io_pgetevents", "timeout"), ("process_vm_readv", "remote_iov")),
        *(("mq_timedreceive", "abs_timeout"), ("mq_timedreceive_time64", "abs_timeout")),
        *(("rt_sigtimedwait", "timeout"), ("rt_sigtimedwait_time64", "timeout")),
    }
)
# Which descriptors are ready stands behind the result.
_SHOWN_AFTER_RESULT = frozenset(
    {"poll", "ppoll", "ppoll_time64", "select", "_newselect", "pselect6", "pselect6_time64"}
)
_MAY_END = frozenset({"quotactl", "quotactl_fd", "syslog"})  # some commands have no argument that comes with the result
_Steps = tuple[tuple[int, Arg, Printer], ...]


@dataclass(frozen=True, slots=True)
class Returned:
    """What is printed when a call returns: the arguments still missing, `result` ("3", "-1 ENOENT (...)"), `extra`."""

    arguments: str
    result: str
    extra: str = ""


def _once(make: "Callable[[str, tuple[Arg, ...]], T]") -> "Callable[[str, tuple[Arg, ...]], T]":
    """As lru_cache, by the identity of the arguments: they take long to hash, and are asked for twice for each call."""
    known: dict[tuple[str, int], tuple[T, tuple[Arg, ...]]] = {}

    def find(name: str, args: tuple[Arg, ...]) -> "T":
        found = known.get((name, id(args)))
        if found is None:  # `args` is kept, so that nothing else can get its identity
            found = known[name, id(args)] = (make(name, args), args)
        return found[0]

    return find


@_once
def _steps(name: str, args: tuple[Arg, ...]) -> _Steps:
    known = {**SPECIAL, **own} if (own := rare.arguments(name)) else SPECIAL
    return tuple((i, a, known.get((name, a.name), KINDS[a.kind])) for i, a in enumerate(args))


@_once
def _at_entry(name: str, args: tuple[Arg, ...]) -> int:
    """How many arguments are printed when the call begins."""
    given = ENTRY_ARGUMENTS.get(name, rare.entry_arguments(name))
    if given is not None:
        return given
    return next((i for i, a in enumerate(args) if a.kind in _OUT), len(args))


def _entered(w: StraceWriter, name: str, args: tuple[Arg, ...]) -> int:
    """As `_at_entry`; what a request of ioctl fills in its number says."""
    if args and args[-1].kind is Kind.REQUEST and request_reads(w):
        return len(args) - 1
    return _at_entry(name, args)


def _variant(w: Writer, spec: Call) -> tuple[Arg, ...]:
    if spec.variant_arg >= 0:
        found = spec.variants.get(w.values[spec.variant_arg] & 0xFFFFFFFF)
        if found is not None:
            return found
    return spec.args


class StraceDecoder:
    """Puts calls in words. Never raises, whatever the bytes are."""

    def __init__(self, style: StraceStyle = DEFAULT_STYLE, pid_label: FdLabel | None = None) -> None:
        self.style = style
        self._pid_label = pid_label

    def entry(self, call: RawCall, label: FdLabel | None = None, netlink: int | None = None) -> str:
        """`name(arguments`, as far as it is printed when the call begins; a comma at its end where more will come.

        `netlink` is the protocol of the netlink socket that the call acts on, if it is one.
        """
        w, spec = self._writer(call, label, netlink)
        if spec is None:
            return _raw_entry(w, _UNKNOWN_ARGUMENTS)
        args = _variant(w, spec)
        if self.style.raw(call.name, call.arch):
            return _raw_entry(w, len(args))
        rewrite = REWRITES.get(call.name)
        if rewrite is not None:
            return f"{call.name}({self._spelled(rewrite(w, args, False))}"
        count = _entered(w, call.name, args)
        steps = _steps(call.name, args)
        texts, rest = self._texts(w, steps[:count]), steps[count:]
        more = ", " if texts and rest and (call.name not in _MAY_END or self._texts(w, rest)) else ""
        return f"{call.name}({', '.join(texts)}{more}"

    def exit(self, call: RawCall, label: FdLabel | None = None, netlink: int | None = None) -> Returned:
        """What follows `entry` when the call has returned."""
        w, spec = self._writer(call, label, netlink)
        if spec is None or self.style.raw(call.name, call.arch):
            return Returned("", *result_text(w, spec, raw=spec is not None))
        args = _variant(w, spec)
        rewrite = REWRITES.get(call.name)
        if rewrite is not None:
            return Returned(self._spelled(rewrite(w, args, True)), *result_text(w, spec))
        count = _entered(w, call.name, args)
        refuses = w.failed and call.name not in FILLED_ON_ERROR
        texts = self._texts(w, _steps(call.name, args)[count:], refuses=refuses)
        return Returned(", ".join(texts), *result_text(w, spec))

    def is_whole(self, call: RawCall) -> bool:
        """Whether `entry` gives all arguments, so that nothing is missing from a call that never returns."""
        w, spec = self._writer(call, None, None)
        if spec is None or self.style.raw(call.name, call.arch):
            return True
        args = _variant(w, spec)
        return (
            call.name not in REWRITES
            and call.name not in _SHOWN_AFTER_RESULT
            and _entered(w, call.name, args) >= len(args)
        )

    def _texts(self, w: StraceWriter, steps: _Steps, *, refuses: bool = False) -> list[str]:
        """`refuses`: the call has failed: structures behind the first that it would have filled in are addresses."""
        found = []
        for i, a, p in steps:
            w.refused = refuses and a.struct not in _OFFSETS and (w.call.name, a.name) not in _GIVEN
            found.append((a.name, self._spelled(p(w, i, a))))
        return [f"{name}={text}" if self.style.argument_names else text for name, text in found if text]

    def _spelled(self, text: str) -> str:
        """With -x and -xx, also what the shared decoders put between quotes."""
        return text if self.style.hex is Hex.NONE else spelled(text, self.style.hex)

    def _writer(self, call: RawCall, label: FdLabel | None, netlink: int | None) -> tuple[StraceWriter, Call | None]:
        w = StraceWriter(call, self.style, label=label, pid_label=self._pid_label, structs=STRUCTS)
        w.netlink = netlink
        return w, call_spec(call.name, call.arch)


_UNKNOWN_ARGUMENTS = 6


def _raw_entry(w: Writer, count: int) -> str:
    shown = [hex(v) if v else "0" for v in (w.unsigned(v) for v in w.values[:count])]
    return f"{w.call.name}({', '.join(shown)}"


__all__ = ["Returned", "StraceDecoder"]
