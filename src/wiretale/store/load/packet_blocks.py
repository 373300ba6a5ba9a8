"""`packets.blocks` to arrays: one row per packet, still without a look at its headers.

The file may be cut anywhere (the recorder was killed, the disk was full) or damaged: whatever is whole is read, the
rest is counted. Layouts are in `model.packet_ring`.
"""

import ctypes
import mmap
import struct
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from wiretale.decode.words import Ints, Words
from wiretale.light import dataclass, field
from wiretale.model.packet_ring import (
    BLOCK_HEADER,
    BLOCK_HEADER_BYTES,
    ETHERNET_TYPES,
    LINK_HEADER_BYTES,
    LINKTYPE_ETHERNET,
    LINKTYPE_RAW,
    LINKTYPE_SLL2,
    PACKET_HEADER,
    RAW_IP_TYPES,
    SOCKADDR_LL,
    TPACKET_V3,
)
from wiretale.native import load_library

T = TypeVar("T")
R = TypeVar("R")

LIBRARY_PATH = Path(__file__).with_name("_packet_blocks.so")

_AT = {name: offset for name, _, offset, _ in (*BLOCK_HEADER, *PACKET_HEADER, *SOCKADDR_LL)}
_BLOCK = struct.Struct("<I4xIIIIQ")  # version, block_status, num_pkts, offset_to_first_pkt, blk_len, seq_num
_BELIEVABLE_GAP = 1 << 32  # blocks; a longer one is damage, not loss
_BLOCKS_AT_ONCE = 1 << 6  # what is mapped of the file meanwhile is no more than these
Numbers = NDArray[Any]  # of the type that _KINDS says
# struct packets of packet_blocks.c: PacketArrays without more bytes than the fields have
_KINDS = {
    "header": "i8", "at": "i8", "realtime_ns": "i8", "captured": "u4", "length": "u4", "ifindex": "i4", "vlan": "u4",
    "hatype": "u2", "protocol": "u2", "pkttype": "u1",
}  # fmt: skip


@dataclass(slots=True)
class PacketArrays:
    """One element per packet, in file order. `at`, `captured`, `length`: the frame without what the kernel took out."""

    header: Ints
    at: Ints
    realtime_ns: Ints
    captured: Numbers
    length: Numbers
    ifindex: Numbers
    vlan: Numbers  # EtherType << 16 | TCI of a tag the kernel took out of the frame; 0: none
    hatype: Numbers
    protocol: Numbers
    pkttype: Numbers

    def __len__(self) -> int:
        return len(self.header)

    def part(self, rows: slice | Ints) -> "PacketArrays":
        """Some of them; a slice of them shares their memory."""
        return PacketArrays(**{name: getattr(self, name)[rows] for name in _KINDS})

    def linktype(self, which: Ints) -> Ints:
        """LINKTYPE_* of the frames at the indices `which`, as they are stored."""
        return linktypes(self.hatype[which])

    def needs_rebuilding(self, which: Ints) -> NDArray[np.bool_]:
        """Which of the frames at the indices `which` are not in the file as they were on the wire."""
        rebuilt: NDArray[np.bool_] = (self.vlan[which] != 0) | (self.linktype(which) == LINKTYPE_SLL2)
        return rebuilt


def _room(packets: int = 0) -> PacketArrays:
    return PacketArrays(**{name: np.empty(packets, kind) for name, kind in _KINDS.items()})


@dataclass(slots=True)
class Walk:
    """What was read on the way through a file, and what was found wrong there."""

    packets: PacketArrays = field(default_factory=_room)
    next_at: int = 0  # where the first block begins that was not read
    next_seq: int | None = None  # its expected number
    missing_blocks: int = 0  # numbers that are not in the file
    damaged_packets: int = 0  # announced by their block, but not readable, or reaching out of it


def _linktype_table() -> Ints:
    table = np.full(1 << 16, LINKTYPE_SLL2, np.int64)
    table[list(RAW_IP_TYPES)] = LINKTYPE_RAW
    table[list(ETHERNET_TYPES)] = LINKTYPE_ETHERNET
    return table


_LINKTYPES = _linktype_table()
_IS_ETHERNET = (_LINKTYPES == LINKTYPE_ETHERNET).astype(np.uint8)


def linktypes(hatype: Numbers) -> Ints:
    """LINKTYPE_* for ARPHRD_*. Links of other kinds get a cooked header (LINKTYPE_LINUX_SLL2), as libpcap does."""
    found: Ints = _LINKTYPES[hatype & 0xFFFF]
    return found


class BlockFile:
    """`packets.blocks`, mapped. Raises OSError if it cannot be read."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            size = path.stat().st_size
            self.data: mmap.mmap | bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
        self.array = np.frombuffer(self.data, np.uint8)
        self._words = Words(self.array, "<")

    def __len__(self) -> int:
        return len(self.array)

    def walk(self, begin: int = 0, next_seq: int | None = None) -> Walk:
        """Follow the blocks from `begin`, and in each the chain of packets, as far as they are whole; what reaches out
        of its block is left out."""
        walk = Walk(next_at=begin, next_seq=next_seq)
        size = len(self.data)
        blocks: list[tuple[int, int, int]] = []
        while walk.next_at + BLOCK_HEADER_BYTES <= size:
            start = walk.next_at
            version, _, packets, first, used, seq = _BLOCK.unpack_from(self.data, start)
            if version != TPACKET_V3 or used < BLOCK_HEADER_BYTES or start + used > size:
                break
            gap = 0 if walk.next_seq is None else max(seq - walk.next_seq, 0)
            if gap > _BELIEVABLE_GAP:
                break
            walk.missing_blocks += gap
            walk.next_seq = seq + 1
            blocks.append((start + first, start + used, packets))
            walk.next_at = start + used
        self._read_blocks(walk, np.array(blocks, np.int64).reshape(len(blocks), 3))
        return walk

    def _read_blocks(self, walk: Walk, blocks: Ints) -> None:
        """Each header says where the next one is."""
        room = np.maximum(blocks[:, 1] - blocks[:, 0], 0) // LINK_HEADER_BYTES
        end = np.cumsum(np.minimum(blocks[:, 2], room))
        begin = end - np.minimum(blocks[:, 2], room)
        found = _room(int(end[-1]) if len(end) else 0)

        def read(first: int) -> Ints:
            """Where the packets of some blocks stand now."""
            some = blocks[first : first + _BLOCKS_AT_ONCE]
            rows = slice(int(begin[first]), int(end[first + len(some) - 1]))
            return np.arange(rows.start, rows.start + self._read_some(some, found.part(rows)))

        rows = _in_threads(read, range(0, len(blocks), _BLOCKS_AT_ONCE))
        walk.packets = found
        if sum(map(len, rows)) < len(found):
            walk.packets = found.part(np.concatenate(rows))
        walk.damaged_packets += int(blocks[:, 2].sum()) - len(walk.packets)

    def _read_some(self, blocks: Ints, into: PacketArrays) -> int:
        columns = [getattr(into, name).ctypes.data for name in _KINDS]
        pointers = (ctypes.c_void_p * len(columns))(*columns)
        given = (self.array.ctypes.data, len(self.array), blocks.ctypes.data, len(blocks), len(into))
        count = int(_library().wt_read_blocks(*given, _IS_ETHERNET.ctypes.data, pointers))
        self.forget(int(blocks[0, 0]), int(blocks[-1, 1]))
        return count

    def forget(self, begin: int = 0, end: int | None = None) -> None:
        """Give back the memory of what was read of the file; it is read again where it is looked at again."""
        begin -= begin % mmap.PAGESIZE
        end = len(self.data) if end is None else min(end, len(self.data))
        if isinstance(self.data, mmap.mmap) and begin < end:
            self.data.madvise(mmap.MADV_DONTNEED, begin, end - begin)

    def rebuilt(self, packets: PacketArrays, row: int) -> bytes:
        """The frame of one packet as it was on the wire: its VLAN tag put back, or a cooked link header put before."""
        at, header = int(packets.at[row]), int(packets.header[row])
        frame = bytes(self.data[at : at + int(packets.captured[row])])
        tag = int(packets.vlan[row])
        if int(linktypes(packets.hatype[row])) == LINKTYPE_SLL2:
            address = bytes(self.data[header + _AT["sll_pkttype"] + 1 : header + _AT["sll_pkttype"] + 10])
            fields = (packets.protocol[row], packets.ifindex[row], packets.hatype[row], packets.pkttype[row])
            return struct.pack(">HxxiHB", *(int(f) for f in fields)) + address + frame
        return frame[:12] + tag.to_bytes(4, "big") + frame[12:] if tag and len(frame) >= 12 else frame

    def words(self) -> Words:
        """For reading inside frames, little-endian."""
        return self._words


def _in_threads(work: Callable[[T], R], parts: Sequence[T]) -> list[R]:
    """`work` of each part, in order; two at a time: it waits for memory, and does not hold the interpreter's lock."""
    if len(parts) < 2:
        return [work(part) for part in parts]
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(work, parts))


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL:
    library = load_library(LIBRARY_PATH, "reader of packet blocks")
    pointer, number = ctypes.c_void_p, ctypes.c_int64
    library.wt_read_blocks.restype = number
    library.wt_read_blocks.argtypes = [pointer, number, pointer, number, number, pointer, pointer]
    return library
