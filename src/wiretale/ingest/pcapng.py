"""The pcapng format: https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-02.html.

Sections of either byte order, any number of interfaces each with its own link type and resolution of time; enhanced, simple and
obsolete packet blocks; comments; counts of dropped packets. Other blocks are stepped over.
"""

import struct
import sys
from collections.abc import Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from wiretale.decode.words import Ints
from wiretale.ingest.found import NO_LINK, NO_TIME, Fault, Found, Interface, Packets
from wiretale.ingest.walk import CHANGED, LAST, Event, Place, Room, Stop, Walker, pcapng_step
from wiretale.light import dataclass
from wiretale.store.progress import Progress, silent

SECTION = 0x0A0D0D0A  # the same in both byte orders
_MAGIC = 0x1A2B3C4D
_SECOND_NS = 1_000_000_000
_LATEST_S = (1 << 63) // _SECOND_NS - 1

# Options: https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-02.html, sections 3.5, 4.1, 4.2, 4.3 and 4.6
_COMMENT = 1
_NAME, _RESOLUTION, _OFFSET = 2, 9, 14
_ABOUT = {1: "comment", 2: "hardware", 3: "os", 4: "application"}
_DROPPED, _DROPPED_BY_SYSTEM = 5, 7


@dataclass(frozen=True, slots=True)
class _Source:
    """An interface and how its stamps count: units per second, and seconds to add."""

    linktype: int
    units: int = 1_000_000
    offset_s: int = 0


_NO_SOURCE = _Source(NO_LINK)


class _Reader:
    """What the walk announces: sections, interfaces, statistics, damage."""

    def __init__(self, data: NDArray[np.uint8]) -> None:
        self.data = data
        self.raw = data.data
        self.place = Place()
        self.sources: list[_Source] = []
        self.found = Found("pcapng", data, [])
        self.dropped: dict[int, int] = {}

    @property
    def order(self) -> str:
        """Of the section's bytes."""
        native = sys.byteorder == "little"
        return "<" if native != bool(self.place.swapped) else ">"

    def tell(self, stop: Stop, event: Event) -> None:
        """One thing."""
        at, claimed = event.block, event.bytes
        if stop is Stop.NEW_SECTION or (stop in LAST and stop is not Stop.BAD_VERSION):
            self._section(at, claimed)
        if stop is Stop.NEW_INTERFACE:
            self._interface(at, claimed)
        elif stop is Stop.NEW_STATISTICS:
            self._statistics(at, claimed)
        elif stop is not Stop.NEW_SECTION and (text := self._fault(stop, event)):
            self.found.faults.append(Fault(at + event.number if stop is Stop.BAD_OPTION else at, text))

    def _fault(self, stop: Stop, event: Event) -> str | None:
        at, claimed = event.block, event.bytes
        if stop is Stop.BAD_PACKET and event.number >= self.place.interfaces:
            return f"a packet of interface {event.number}, which the section does not describe"
        if stop is Stop.END:
            left = len(self.data) - at
            return f"the file was cut short in the middle of a block: {left} bytes are left over" if left else None
        if stop is Stop.BAD_VERSION:
            major, minor = self._two("HH", at + 12) if at + 16 <= len(self.data) else (0, 0)
            return f"version {major}.{minor} of the format is not known"
        return {
            Stop.BAD_PACKET: f"a packet claims {claimed} bytes, more than its block holds",
            Stop.BAD_OPTION: f"an option claims {claimed} bytes, more than its block holds",
            Stop.BAD_LENGTH: f"a block claims a length of {claimed} bytes, which no block has",
            Stop.DIFFERENT: "the two lengths of a block differ",
        }[stop]

    def _two(self, kinds: str, at: int) -> tuple[int, int]:
        one, other = struct.unpack_from(self.order + kinds, self.raw, at)
        return one, other

    def _section(self, at: int, total: int) -> None:
        """What it says of the file, also where its length is wrong. Other blocks are none."""
        if at + 28 <= at + total <= len(self.data) and self._two("II", at)[0] == SECTION:
            for code, value in self._options(at + 24, at + total - 4):
                if code in _ABOUT:
                    self.found.about.setdefault(_ABOUT[code], _text(value))

    def _interface(self, at: int, total: int) -> None:
        linktype, _ = self._two("HH", at + 8)
        _, snaplen = self._two("II", at + 8)
        name, comment, units, offset = None, None, 1_000_000, 0
        for code, value in self._options(at + 16, at + _padded(total) - 4):
            if code == _NAME:
                name = _text(value)
            elif code == _COMMENT:
                comment = _text(value)
            elif code == _RESOLUTION and value:
                units = 2 ** (value[0] & 0x7F) if value[0] & 0x80 else 10 ** (value[0] & 0x7F)
            elif code == _OFFSET and len(value) == 8:
                offset = struct.unpack(self.order + "q", value)[0]
        self.found.interfaces.append(Interface(name, linktype, snaplen, comment))
        self.sources.append(_Source(linktype, units, offset))

    def _statistics(self, at: int, total: int) -> None:
        number, _ = self._two("II", at + 8)
        if number >= self.place.interfaces:
            return
        dropped = 0
        for code, value in self._options(at + 20, at + _padded(total) - 4):
            if code in (_DROPPED, _DROPPED_BY_SYSTEM) and len(value) == 8:
                dropped += struct.unpack(self.order + "Q", value)[0]
        # The counts are totals: the last block of an interface has the final ones.
        self.dropped[self.place.before + number] = dropped

    def _options(self, at: int, end: int) -> Iterator[tuple[int, bytes]]:
        """Codes and values up to the end mark; a length that leads outside ends them, and is a fault."""
        while at + 4 <= end:
            code, size = self._two("HH", at)
            if code == 0:
                return
            if at + 4 + size > end:
                self.found.faults.append(Fault(at, f"an option claims {size} bytes, more than its block holds"))
                return
            yield code, bytes(self.raw[at + 4 : at + 4 + size])
            at += 4 + _padded(size)


def _padded(size: int) -> int:
    return size + 3 & ~3


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace").rstrip("\0")


def read_pcapng(data: NDArray[np.uint8], progress: Progress = silent) -> Found:
    """Every packet that can be read. Damage of one packet costs that packet; damage of a block's length, what follows."""
    reader, room = _Reader(data), Room()
    found = reader.found
    reader.place.swapped = sys.byteorder != "little"
    for begin in Walker(data, pcapng_step(data, again=False)).first(reader.place, room, reader.tell, progress):
        found.add(_packets(room, reader.sources), partial(_again, data, begin, len(room), reader.sources))
    found.dropped = sum(reader.dropped.values())
    return found


def _again(data: NDArray[np.uint8], begin: Place, count: int, sources: list[_Source]) -> Packets:
    room = Room(with_text=True, most=count)
    Walker(data, pcapng_step(data, again=True)).again(begin, room)
    return _packets(room, sources)


def _packets(room: Room, sources: list[_Source]) -> Packets:
    source = room["interface"]
    if int(source.max()) >= len(sources):
        raise CHANGED
    # Few interfaces of perhaps a million have packets here.
    used = np.zeros(len(sources) + 1, bool)  # behind the one for no packet
    used[source + 1] = True
    which = (np.cumsum(used) - 1)[source + 1]
    known = [sources[n - 1] if n else _NO_SOURCE for n in np.flatnonzero(used).tolist()]
    linktypes = np.array([s.linktype for s in known], np.int32)[which]
    times = _times(room, known, which)
    return Packets(
        room["at"], room["captured"], room["length"], times, source, linktypes, room["direction"], room.comments()
    )


def _times(room: Room, sources: list[_Source], which: Ints) -> Ints:
    """Stamps in nanoseconds since 1970; NO_TIME where there is none, or none that 64 bits can hold. `which`: the source
    of each."""
    offsets = np.array([s.offset_s for s in sources], np.int64)
    resolutions = {units: n for n, units in enumerate(dict.fromkeys(s.units for s in sources))}
    resolution = np.array([resolutions[s.units] for s in sources])[which]
    out = np.full(len(room), NO_TIME, np.int64)
    for units, n in resolutions.items():
        mine = np.flatnonzero((resolution == n) & room["stamped"])
        if len(mine):
            out[mine] = _nanoseconds(room["stamp"][mine], units, offsets[which[mine]])
    return out


def _nanoseconds(stamp: NDArray[np.uint64], units: int, offset_s: Ints) -> Ints:
    """Of stamps of one resolution."""
    if units >= 1 << 63:
        # Finer than 64 bits of units can count a second: all of the stamp is a fraction.
        exact = [int(v) * _SECOND_NS // units + int(o) * _SECOND_NS for v, o in zip(stamp, offset_s, strict=True)]
        return np.array([v if abs(v) < 1 << 62 else NO_TIME for v in exact], np.int64)
    seconds = (stamp // np.uint64(units)).astype(np.int64)
    rest = stamp % np.uint64(units)
    if units <= 1 << 32:
        fraction = (rest * np.uint64(_SECOND_NS) // np.uint64(units)).astype(np.int64)
    else:
        fraction = np.array([int(v) * _SECOND_NS // units for v in rest], np.int64)
    fits = (seconds >= 0) & (np.abs(seconds.astype(np.float64) + offset_s) < _LATEST_S / 2)
    near = (offset_s < _LATEST_S) & (offset_s > -_LATEST_S)
    return np.where(fits, (seconds + np.where(near, offset_s, 0)) * _SECOND_NS + fraction, NO_TIME)
