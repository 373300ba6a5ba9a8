"""What a pcap or pcapng file holds, one record at a time, as plainly as can be: what the compiled walk must find."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

LONGEST, LEAST, MOST = 1 << 18, 12, 16 << 20  # bytes: of a packet, of a block
KNOWN_VERSIONS = ((1, 0), (1, 2))

Frame = tuple[int, int, int, int | None, int, int]  # at, captured, length, stamp, interface, direction


@dataclass(slots=True)
class Told:
    """In the order of the file; comments by index of the frame."""

    frames: list[Frame] = field(default_factory=list)
    comments: dict[int, str] = field(default_factory=dict)
    faults: list[tuple[int, str]] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)  # of interfaces
    about: dict[str, str] = field(default_factory=dict)
    dropped: dict[int, int] = field(default_factory=dict)


def tell_pcap(data: bytes, order: str, *, at: int, header: int, unit_ns: int, swapped: str) -> Told:
    """Stamps are nanoseconds. `swapped`: whether the other length comes first: no, yes, or maybe."""
    told = Told()
    while at + header <= len(data):
        seconds, rest, captured, length = struct.unpack_from(order + "4I", data, at)
        if swapped == "yes" or (swapped == "maybe" and length < captured):
            captured, length = length, captured
        if captured > LONGEST:
            told.faults.append((at, f"a record claims {captured} bytes, more than any packet has ({LONGEST})"))
            return told
        if at + header + captured > len(data):
            break
        told.frames.append((at + header, captured, length, seconds * 10**9 + rest * unit_ns, 0, 0))
        at += header + captured
    if at < len(data):
        told.faults.append(
            (at, f"the file was cut short in the middle of a packet: {len(data) - at} bytes are left over")
        )
    return told


def tell_pcapng(data: bytes) -> Told:
    """Stamps are units of the interface."""
    reader = _Pcapng(data)
    at = 0
    while at + 12 <= len(data):
        after = reader.block(at)
        if after is None:
            return reader.told
        at = after
    if at < len(data):
        reader.cut(at)
    return reader.told


class _Pcapng:
    def __init__(self, data: bytes) -> None:
        self.data, self.told, self.order = data, Told(), "<"
        self.section: list[tuple[int, int]] = []  # index and snaplen of its interfaces

    def u32(self, at: int, count: int = 1) -> tuple[int, ...]:
        return struct.unpack_from(f"{self.order}{count}I", self.data, at)

    def u16(self, at: int) -> tuple[int, int]:
        return struct.unpack_from(self.order + "HH", self.data, at)

    def fault(self, at: int, text: str) -> None:
        self.told.faults.append((at, text))

    def cut(self, at: int) -> None:
        left = len(self.data) - at
        self.fault(at, f"the file was cut short in the middle of a block: {left} bytes are left over")

    def block(self, at: int) -> int | None:
        kind, total = self.u32(at, 2)
        if kind == 0x0A0D0D0A:
            total = self.begin_section(at)
            if total < 0:
                return None
        end = at + (total + 3) // 4 * 4
        if not LEAST <= total <= MOST:
            self.fault(at, f"a block claims a length of {total} bytes, which no block has")
        elif end > len(self.data):
            self.cut(at)
        elif self.u32(end - 4)[0] != total:
            self.fault(at, "the two lengths of a block differ")
        else:
            self.content(kind, at, end, total)
            return end
        return None

    def begin_section(self, at: int) -> int:
        magic = self.data[at + 8 : at + 12]
        if magic not in (b"\x4d\x3c\x2b\x1a", b"\x1a\x2b\x3c\x4d"):
            return 0
        self.order, self.section = "<" if magic[0] == 0x4D else ">", []
        (total,) = self.u32(at + 4)
        version = self.u16(at + 12) if at + 16 <= len(self.data) else (0, 0)
        if version not in KNOWN_VERSIONS:
            self.fault(at, f"version {version[0]}.{version[1]} of the format is not known")
            return -1
        if at + 28 <= at + total <= len(self.data):
            names = {1: "comment", 2: "hardware", 3: "os", 4: "application"}
            for code, value in self.options(at + 24, at + total - 4):
                if code in names:
                    self.told.about.setdefault(names[code], text(value))
        return total

    def content(self, kind: int, at: int, end: int, total: int) -> None:
        size = end - at
        if kind == 6 and total >= 32:
            self.packet(at, end, self.u32(at + 8)[0])
        elif kind == 2 and size >= 32:
            self.packet(at, end, self.u16(at + 8)[0])
        elif kind == 3 and size >= 16:
            self.simple(at, end)
        elif kind == 1 and size >= 20:
            names = [text(value) for code, value in self.options(at + 16, end - 4) if code == 2]
            self.section.append((len(self.told.names), self.u32(at + 12)[0]))
            self.told.names.append(names[-1] if names else None)
        elif kind == 5 and size >= 24 and self.u32(at + 8)[0] < len(self.section):
            counts = [v for code, v in self.options(at + 20, end - 4) if code in {5, 7} and len(v) == 8]
            index, _ = self.section[self.u32(at + 8)[0]]
            self.told.dropped[index] = sum(struct.unpack(self.order + "Q", v)[0] for v in counts)
        elif kind in {9, 0xBAD, 0x40000BAD, 0x204, 0x208, 0x216}:
            begin = 12 if kind in {0xBAD, 0x40000BAD} and size >= 16 else 8
            self.told.frames.append((at + begin, size - begin - 4, size - begin - 4, None, -1, 0))

    def bad(self, at: int, number: int, captured: int) -> None:
        if number >= len(self.section):
            self.fault(at, f"a packet of interface {number}, which the section does not describe")
        else:
            self.fault(at, f"a packet claims {captured} bytes, more than its block holds")

    def packet(self, at: int, end: int, number: int) -> None:
        high, low, captured, length = self.u32(at + 12, 4)
        if number >= len(self.section) or at + 28 + captured + 4 > end or captured > LONGEST:
            self.bad(at, number, captured)
            return
        direction, comments = 0, []
        begin = at + 28 + (captured + 3) // 4 * 4
        for code, value in self.options(begin, end - 4) if begin + 8 <= end else ():
            if code == 1:
                comments.append(text(value))
            elif code == 2 and len(value) == 4:
                direction = struct.unpack(self.order + "I", value)[0] & 3
        if comments:
            self.told.comments[len(self.told.frames)] = "\n".join(comments)
        index, _ = self.section[number]
        self.told.frames.append((at + 28, captured, length, high << 32 | low, index, direction % 3))

    def simple(self, at: int, end: int) -> None:
        (length,) = self.u32(at + 8)
        if not self.section:
            self.bad(at, 0, length)
            return
        index, snaplen = self.section[0]
        self.told.frames.append((at + 12, min(length, end - at - 16, snaplen or length), length, None, index, 0))

    def options(self, at: int, end: int) -> Iterator[tuple[int, bytes]]:
        while at + 4 <= end:
            code, size = self.u16(at)
            if code == 0:
                return
            if at + 4 + size > end:
                self.fault(at, f"an option claims {size} bytes, more than its block holds")
                return
            yield code, self.data[at + 4 : at + 4 + size]
            at += 4 + (size + 3) // 4 * 4


def text(value: bytes) -> str:
    """Without the zeros at its end."""
    return value.decode("utf-8", "replace").rstrip("\0")
