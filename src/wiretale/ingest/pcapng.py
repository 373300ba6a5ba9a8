"""The pcapng format: https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-02.html.

Sections of either byte order, any number of interfaces each with its own link type and resolution of time; enhanced, simple and
obsolete packet blocks; comments; counts of dropped packets. Other blocks are stepped over.
"""

import struct
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wiretale.decode.words import Ints
from wiretale.ingest.found import IN, LONGEST_PACKET, NO_LINK, NO_TIME, OUT, Fault, Found, Interface, Narrow
from wiretale.ingest.packed import forget
from wiretale.store.progress import Progress, silent

SECTION = 0x0A0D0D0A  # the same in both byte orders
_INTERFACE, _OLD_PACKET, _SIMPLE, _STATISTICS, _ENHANCED = 1, 2, 3, 5, 6
# Journal entries, custom blocks and Sysdig's events are no packets, but Wireshark lists them and counts them as frames.
_CUSTOM = (0xBAD, 0x40000BAD)
_COUNTED = (9, *_CUSTOM, 0x204, 0x208, 0x216)
_MAGIC = 0x1A2B3C4D
_VERSIONS = ((1, 0), (1, 2))
_LEAST, _MOST = 12, 16 << 20  # bytes of a block; a longer one is a damaged length (Wireshark's limit too)
_SECOND_NS = 1_000_000_000
_STEP_BYTES = 1 << 24  # of the file between two reports of progress
_STEP_ROWS = 1 << 17
_LATEST_S = (1 << 63) // _SECOND_NS - 1

# Options: https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-02.html, sections 3.5, 4.1, 4.2, 4.3 and 4.6
_COMMENT = 1
_NAME, _RESOLUTION, _OFFSET = 2, 9, 14
_FLAGS = 2
_ABOUT = {1: "comment", 2: "hardware", 3: "os", 4: "application"}
_DROPPED, _DROPPED_BY_SYSTEM = 5, 7


@dataclass(slots=True)
class _Source:
    """An interface and how its stamps count: units per second, and seconds to add."""

    index: int  # in the file, over all sections
    interface: Interface
    units: int = 1_000_000
    offset_s: int = 0


@dataclass(slots=True)
class _Rows:
    """One array per column: nearly as fast as lists, and a sixth of their memory."""

    at: "array[int]" = field(default_factory=lambda: array("q"))
    captured: "array[int]" = field(default_factory=lambda: array("I"))
    length: "array[int]" = field(default_factory=lambda: array("I"))
    high: "array[int]" = field(default_factory=lambda: array("q"))  # -1: no stamp
    low: "array[int]" = field(default_factory=lambda: array("I"))
    source: "array[int]" = field(default_factory=lambda: array("i"))  # -1: no packet
    direction: "array[int]" = field(default_factory=lambda: array("b"))


class _Reader:
    """One pass over the blocks."""

    def __init__(self, data: NDArray[np.uint8]) -> None:
        self.data = data
        self.raw = data.data
        self.rows = _Rows()
        self.sources: list[_Source] = []
        self.section: list[_Source] = []  # those of the current section, by their number in it
        self.faults: list[Fault] = []
        self.comments: dict[int, str] = {}
        self.about: dict[str, str] = {}
        self.dropped: dict[int, int] = {}
        self.order = "<"
        self._set_order("<")

    def _set_order(self, order: str) -> None:
        self.order = order
        self._two = struct.Struct(order + "II").unpack_from
        self._one = struct.Struct(order + "I").unpack_from
        self._five = struct.Struct(order + "5I").unpack_from
        self._option = struct.Struct(order + "HH").unpack_from

    def read(self, progress: Progress) -> None:
        raw, size, at, reported = self.raw, len(self.raw), 0, 0
        rows = self.rows
        at_, captured_, length_, high_, low_, source_, direction_ = (
            rows.at.append, rows.captured.append, rows.length.append, rows.high.append, rows.low.append, rows.source.append,
            rows.direction.append,
        )  # fmt: skip
        while at + 12 <= size:
            if at >= reported:
                progress("finding packets", at / size)
                forget(self.data)
                reported = at + _STEP_BYTES
            kind, total = self._two(raw, at)
            if kind == SECTION:
                total = self._begin_section(at)
            if not self._is_framed(at, total):
                return
            end = at + (total + 3 & ~3)
            if kind == _ENHANCED and total >= 32:
                number, high, low, captured, length = self._five(raw, at + 8)
                data_end = at + 28 + captured
                if number < len(self.section) and data_end + 4 <= end and captured <= LONGEST_PACKET:
                    options = at + 28 + (captured + 3 & ~3)
                    direction = self._packet_options(options, end - 4) if options + 8 <= end else 0
                    at_(at + 28)
                    captured_(captured)
                    length_(length)
                    high_(high)
                    low_(low)
                    source_(self.section[number].index)
                    direction_(direction)
                else:
                    self._bad_packet(at, number, captured)
            elif kind != SECTION:
                self._other(kind, at, end)
            at = end
        if at < size:
            self.faults.append(
                Fault(at, f"the file was cut short in the middle of a block: {size - at} bytes are left over")
            )

    def _begin_section(self, at: int) -> int:
        """A section's byte order is told by its magic number. Returns the block's length; 0 if it cannot be told, -1 if the
        version is unknown."""
        magic = bytes(self.raw[at + 8 : at + 12])
        for order in "<>":
            if magic == struct.pack(order + "I", _MAGIC):
                self._set_order(order)
                self.section = []
                total: int = self._one(self.raw, at + 4)[0]
                version = self._option(self.raw, at + 12) if at + 16 <= len(self.raw) else (0, 0)
                if version not in _VERSIONS:
                    self.faults.append(Fault(at, f"version {version[0]}.{version[1]} of the format is not known"))
                    return -1
                if at + 28 <= at + total <= len(self.raw):
                    self._section_options(at + 24, at + total - 4)
                return total
        return 0

    def _is_framed(self, at: int, total: int) -> bool:
        """Whether the block's length can be right. If not, nothing behind it can be found."""
        size = len(self.raw)
        if total == -1:
            return False
        whole = total + 3 & ~3  # some writers leave out the padding's length
        if total < _LEAST or total > _MOST:
            self.faults.append(Fault(at, f"a block claims a length of {total} bytes, which no block has"))
        elif at + whole > size:
            self.faults.append(
                Fault(at, f"the file was cut short in the middle of a block: {size - at} bytes are left over")
            )
        elif self._one(self.raw, at + whole - 4)[0] != total:
            self.faults.append(Fault(at, "the two lengths of a block differ"))
        else:
            return True
        return False

    def _bad_packet(self, at: int, number: int, captured: int) -> None:
        text = (
            f"a packet of interface {number}, which the section does not describe"
            if number >= len(self.section)
            else f"a packet claims {captured} bytes, more than its block holds"
        )
        self.faults.append(Fault(at, text))

    def _other(self, kind: int, at: int, end: int) -> None:
        if kind == _INTERFACE and end - at >= 20:
            self._interface(at, end)
        elif kind == _SIMPLE and end - at >= 16:
            self._simple(at, end)
        elif kind == _OLD_PACKET and end - at >= 32:
            self._old_packet(at, end)
        elif kind == _STATISTICS and end - at >= 24:
            self._statistics(at, end)
        elif kind in _COUNTED:
            begin = 8 if kind not in _CUSTOM or end - at < 16 else 12  # behind the enterprise number
            size = end - at - begin - 4
            self._add(at + begin, size, size, 0, 0, -1, 0)

    def _add(self, at: int, captured: int, length: int, high: int, low: int, source: int, direction: int) -> None:
        rows = self.rows
        rows.at.append(at)
        rows.captured.append(captured)
        rows.length.append(length)
        rows.high.append(high)
        rows.low.append(low)
        rows.source.append(source)
        rows.direction.append(direction)

    def _interface(self, at: int, end: int) -> None:
        linktype, _ = self._option(self.raw, at + 8)
        snaplen = self._one(self.raw, at + 12)[0]
        name, comment, units, offset = None, None, 1_000_000, 0
        for code, value in self._options(at + 16, end - 4):
            if code == _NAME:
                name = _text(value)
            elif code == _COMMENT:
                comment = _text(value)
            elif code == _RESOLUTION and value:
                units = 2 ** (value[0] & 0x7F) if value[0] & 0x80 else 10 ** (value[0] & 0x7F)
            elif code == _OFFSET and len(value) == 8:
                offset = struct.unpack(self.order + "q", value)[0]
        found = _Source(len(self.sources), Interface(name, linktype, snaplen, comment), units, offset)
        self.sources.append(found)
        self.section.append(found)

    def _simple(self, at: int, end: int) -> None:
        """No interface, no time: it is the section's first interface, and at most its snaplen was kept."""
        length = self._one(self.raw, at + 8)[0]
        if not self.section:
            self._bad_packet(at, 0, length)
            return
        snaplen = self.section[0].interface.snaplen
        captured = min(length, end - at - 16, snaplen or length)
        self._add(at + 12, captured, length, -1, 0, self.section[0].index, 0)

    def _old_packet(self, at: int, end: int) -> None:
        number, _ = self._option(self.raw, at + 8)
        high, low = self._two(self.raw, at + 12)
        captured, length = self._two(self.raw, at + 20)
        if number >= len(self.section) or at + 28 + captured + 4 > end or captured > LONGEST_PACKET:
            self._bad_packet(at, number, captured)
            return
        options = at + 28 + (captured + 3 & ~3)
        direction = self._packet_options(options, end - 4) if options + 8 <= end else 0
        self._add(at + 28, captured, length, high, low, self.section[number].index, direction)

    def _statistics(self, at: int, end: int) -> None:
        number = self._one(self.raw, at + 8)[0]
        if number >= len(self.section):
            return
        dropped = 0
        for code, value in self._options(at + 20, end - 4):
            if code in (_DROPPED, _DROPPED_BY_SYSTEM) and len(value) == 8:
                dropped += struct.unpack(self.order + "Q", value)[0]
        # The counts are totals: the last block of an interface has the final ones.
        self.dropped[self.section[number].index] = dropped

    def _section_options(self, at: int, end: int) -> None:
        for code, value in self._options(at, end):
            if code in _ABOUT:
                self.about.setdefault(_ABOUT[code], _text(value))

    def _packet_options(self, at: int, end: int) -> int:
        """Keeps the comments of the packet about to be added; returns its direction."""
        direction = 0
        comments = []
        for code, value in self._options(at, end):
            if code == _COMMENT:
                comments.append(_text(value))
            elif code == _FLAGS and len(value) == 4:
                direction = self._one(value, 0)[0] & 3
        if comments:
            self.comments[len(self.rows.at)] = "\n".join(comments)
        return direction if direction in (IN, OUT) else 0

    def _options(self, at: int, end: int) -> Iterator[tuple[int, bytes]]:
        """Codes and values up to the end mark; a length that leads outside ends them, and is a fault."""
        while at + 4 <= end:
            code, size = self._option(self.raw, at)
            if code == 0:
                return
            if at + 4 + size > end:
                self.faults.append(Fault(at, f"an option claims {size} bytes, more than its block holds"))
                return
            yield code, bytes(self.raw[at + 4 : at + 4 + size])
            at += 4 + (size + 3 & ~3)


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace").rstrip("\0")


def read_pcapng(data: NDArray[np.uint8], progress: Progress = silent) -> Found:
    """Every packet that can be read. Damage of one packet costs that packet; damage of a block's length, what follows."""
    reader = _Reader(data)
    reader.read(progress)
    rows = reader.rows
    source = np.frombuffer(rows.source, np.int32)
    linktypes = np.array([s.interface.linktype for s in reader.sources] + [NO_LINK], np.int32)
    return Found(
        "pcapng",
        data,
        np.frombuffer(rows.at, np.int64),
        np.frombuffer(rows.captured, np.uint32),
        np.frombuffer(rows.length, np.uint32),
        _times(rows, source, reader.sources),
        source,
        linktypes[source],
        np.frombuffer(rows.direction, np.int8),
        [s.interface for s in reader.sources],
        reader.comments,
        reader.about,
        sum(reader.dropped.values()),
        reader.faults,
    )


def _times(rows: _Rows, sources: Narrow, interfaces: list[_Source]) -> Ints:
    """Stamps in nanoseconds since 1970; NO_TIME where there is none, or none that 64 bits can hold."""
    offsets = np.array([s.offset_s for s in interfaces] + [0], np.int64)
    # Few resolutions, though perhaps a million interfaces.
    index = {u: n for n, u in enumerate(dict.fromkeys(s.units for s in interfaces))}
    kinds = np.array([index[s.units] for s in interfaces] + [-1], np.int64)
    out = np.full(len(sources), NO_TIME, np.int64)
    for first in range(0, len(out), _STEP_ROWS):  # all at once, what is computed on the way would take the most memory
        part = slice(first, first + _STEP_ROWS)
        high, source = np.frombuffer(rows.high, np.int64)[part], sources[part]
        stamp = high.astype(np.uint64) << np.uint64(32) | np.frombuffer(rows.low, np.uint32)[part]
        kind = kinds[source]
        for units, n in index.items():
            mine = np.flatnonzero((kind == n) & (high >= 0))
            if len(mine):
                out[first + mine] = _nanoseconds(stamp[mine], units, offsets[source[mine]])
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
