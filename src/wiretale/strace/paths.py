"""-P: only calls that name one of some paths, or take a descriptor of one."""

import os
from collections.abc import Sequence

from wiretale.decode.syscalls import call_spec
from wiretale.decode.syscalls.spec import Kind
from wiretale.decode.writer import signed32
from wiretale.model.spool import Role
from wiretale.store.load.tracer_events import TracerChunk, TracerEvent
from wiretale.strace.descriptors import Descriptors
from wiretale.strace.options import real_paths

_DESCRIPTORS = frozenset({Kind.FD, Kind.DIRFD})
_POLLFD_BYTES = 8
_VALUE, _AUX = 3, 4  # arguments of fsconfig


class Paths:
    def __init__(self, paths: Sequence[str], descriptors: Descriptors) -> None:
        self._texts = frozenset({*paths, *real_paths(paths).values()})
        self._bytes = frozenset(map(os.fsencode, self._texts))
        self._descriptors = descriptors

    def match(self, e: TracerEvent, name: str) -> bool:
        """Whether the call that begins with `e` is one to be printed."""
        if name == "fsconfig":
            return self._match_fsconfig(e)
        if any(c.role == Role.STRING and c.data in self._bytes for c in e.chunks):
            return True
        links = self._descriptors.links(e.pid, _numbers(e, name))
        return not self._texts.isdisjoint(links)

    def _match_fsconfig(self, e: TracerEvent) -> bool:
        """Of its commands, those that take a descriptor or a path beside the context: as strace, observed with 6.1."""
        call = call_spec("fsconfig", e.arch)
        arguments = call.variants.get(e.args[1] & 0xFFFFFFFF, ()) if call else ()
        value, aux = [arg.kind for arg in arguments[3:]] or [Kind.POINTER, Kind.INT]
        if aux not in _DESCRIPTORS:
            return False
        named = value is Kind.STRING and any(c.arg == _VALUE and c.data in self._bytes for c in e.chunks)
        return named or not self._texts.isdisjoint(self._descriptors.links(e.pid, [signed32(e.args[_AUX])]))


def _is_list(chunk: TracerChunk) -> bool:
    """A set that could not be read whole names nothing."""
    return chunk.role == Role.ARRAY or (chunk.role == Role.FDSET and not chunk.error)


def _numbers(e: TracerEvent, name: str) -> list[int]:
    """Every descriptor the call is given, in its arguments and in the memory they point to."""
    spec = call_spec(name, e.arch)
    found = []
    for index, arg in enumerate(spec.args if spec else ()):
        if arg.kind in _DESCRIPTORS:
            found.append(signed32(e.args[index]))
        data = b"".join(c.data for c in e.chunks if c.arg == index and _is_list(c))
        if arg.struct == "pollfd":
            found += [
                int.from_bytes(data[i : i + 4], "little", signed=True) for i in range(0, len(data), _POLLFD_BYTES)
            ]
        elif arg.kind is Kind.FDSET:
            most = max(signed32(e.args[arg.length]), 0)
            members = (8 * i + bit for i, byte in enumerate(data) for bit in range(8) if byte >> bit & 1)
            found += [number for number in members if number < most]
    return found
