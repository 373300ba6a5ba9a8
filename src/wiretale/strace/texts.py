"""The words of calls: events to what `decode/strace` takes, and the texts of equal calls kept.

A text depends on nothing but its call unless descriptors or processes are named (-y, -Y): only then is it made anew
each time.
"""

import time
from _socket import if_indextoname  # socket makes enumerations of hundreds of constants
from collections.abc import Callable

from wiretale.decode.record_types import Datum, FdLabel, RawCall
from wiretale.decode.strace.calls import Returned, StraceDecoder
from wiretale.decode.strace.style import StraceStyle
from wiretale.model.spool import EventFlag, Role
from wiretale.store.load.tracer_events import TracerChunk, TracerEvent
from wiretale.strace.generic_families import family_name
from wiretale.strace.netlink_sockets import NetlinkSockets
from wiretale.strace.options import StraceOptions

TYPE_CHECKING = False  # typing itself is not loaded: see light.py
if TYPE_CHECKING:
    from wiretale.strace.descriptors import Descriptors

_ROLE_NAMES = {int(role): role.name.lower() for role in Role}
_NOT_DATA = frozenset(map(int, (Role.SOCKET, Role.LINK, Role.NAME, Role.OTHER_END)))
_ERROR, _PAYLOAD = int(EventFlag.ERROR), int(Role.PAYLOAD)
_KEPT = 4096


class CallTexts:
    """Makes the texts of calls; `netlink` knows which sockets carry messages."""

    def __init__(
        self,
        options: StraceOptions,
        netlink: NetlinkSockets,
        descriptors: "Descriptors | None",
        pid_text: Callable[[int], str] | None,
    ) -> None:
        self._decoder = StraceDecoder(
            StraceStyle(
                strings=options.strings,
                names=options.names,
                hex=options.hex,
                abbreviated=options.abbreviated,
                raw=options.raw,
                verbose=options.verbose,
                argument_names=options.argument_names,
                interfaces=_interface,
                families=family_name,
                booted_ns=_booted_ns,
                more=options.more,
            ),
            pid_text,
        )
        self._netlink = netlink
        self._descriptors = descriptors
        self._keeps = descriptors is None and pid_text is None
        self._entries: dict[object, str] = {}
        self._exits: dict[object, Returned] = {}

    def entry(self, e: TracerEvent, name: str, interrupted: str) -> str:
        """What is printed when a call begins; `interrupted` is what restart_syscall goes on with."""
        if name == "restart_syscall":
            return f"restart_syscall(<... resuming interrupted {interrupted or 'system call'} ...>"
        netlink = self._netlink.protocol(e, name)
        if not self._keeps or _carries_data(e.chunks):
            return self._decoder.entry(_raw(e, name), self._label(e.pid), netlink)
        key = (e.number, e.arch, e.args, e.chunks, netlink)
        text = self._entries.get(key)
        if text is None:
            if len(self._entries) >= _KEPT:
                self._entries.clear()
            text = self._entries[key] = self._decoder.entry(_raw(e, name), None, netlink)
        return text

    def exit(self, begun: TracerEvent, e: TracerEvent, name: str) -> Returned:
        """What is printed when it returns."""
        if name == "restart_syscall":
            return self._decoder.exit(RawCall(name, e.arch, (), e.value, -e.value if e.flags & _ERROR else None))
        netlink = self._netlink.protocol(begun, name)
        if not self._keeps or _carries_data(begun.chunks) or _carries_data(e.chunks):
            return self._decoder.exit(_raw(begun, name, e), self._label(e.pid), netlink)
        key = (begun.number, e.arch, begun.args, begun.chunks, e.value, e.flags, e.chunks, netlink)
        found = self._exits.get(key)
        if found is None:
            if len(self._exits) >= _KEPT:
                self._exits.clear()
            found = self._exits[key] = self._decoder.exit(_raw(begun, name, e), None, netlink)
        return found

    def whole(self, begun: TracerEvent, e: TracerEvent, name: str) -> tuple[str, Returned]:
        """Both parts of a call that returned before anything else happened; nothing is kept. Not of restart_syscall."""
        data = _data(begun.chunks, False)
        arch, args = begun.arch, begun.args
        beginning = self._decoder.entry(
            RawCall(name, arch, args, None, None, data), None, self._netlink.protocol(begun, name)
        )
        if e.chunks:
            self._netlink.take(e)
            data += _data(e.chunks, True)
        errno = -e.value if e.flags & _ERROR and e.value < 0 else None
        returned = RawCall(name, arch, args, e.value, errno, data)
        return beginning, self._decoder.exit(returned, None, self._netlink.protocol(begun, name))

    def never_returned(self, begun: TracerEvent, name: str) -> str:
        """What is printed instead when it never returns."""
        return "" if self._decoder.is_whole(_raw(begun, name)) else " <unfinished ...>"

    def _label(self, pid: int) -> FdLabel | None:
        return self._descriptors.label(pid) if self._descriptors is not None else None


def _carries_data(chunks: tuple[TracerChunk, ...]) -> bool:
    """Such texts are hardly ever the same again, so they are not kept."""
    return bool(chunks) and chunks[-1].role == _PAYLOAD


def _interface(index: int) -> str:
    try:
        return if_indextoname(index) if 0 < index < 1 << 31 else ""
    except OSError:
        return ""


def _booted_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_REALTIME) - time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def _raw(begun: TracerEvent, name: str, e: TracerEvent | None = None) -> RawCall:
    data = _data(begun.chunks, False)
    if e is None:
        return RawCall(name, begun.arch, begun.args, None, None, data)
    errno = -e.value if e.flags & _ERROR and e.value < 0 else None
    return RawCall(name, begun.arch, begun.args, e.value, errno, data + _data(e.chunks, True))


def _data(chunks: tuple[TracerChunk, ...], at_exit: bool) -> tuple[Datum, ...]:
    if not chunks:
        return ()
    return tuple(
        [
            Datum(at_exit, _ROLE_NAMES[role], arg, place, address, detail, full, error, data)
            for role, arg, place, address, full, error, detail, data in chunks
            if role not in _NOT_DATA
        ]
    )
