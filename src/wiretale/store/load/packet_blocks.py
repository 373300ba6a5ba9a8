"""`packets.blocks` to arrays: one row per packet, still without a look at its headers.

The file may be cut anywhere (the recorder was killed, the disk was full) or damaged: whatever is whole is read, the
rest is counted. Layouts are in `model.packet_ring`.
"""

import mmap
import struct
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wiretale.decode.words import Ints, Words
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
    TP_STATUS_VLAN_TPID_VALID,
    TP_STATUS_VLAN_VALID,
    TPACKET_V3,
)

_AT = {name: offset for name, _, offset, _ in (*BLOCK_HEADER, *PACKET_HEADER, *SOCKADDR_LL)}
_BLOCK = struct.Struct("<I4xIIIIQ")  # version, block_status, num_pkts, offset_to_first_pkt, blk_len, seq_num
_ETH_P_8021Q = 0x8100
_BELIEVABLE_GAP = 1 << 32  # blocks; a longer one is damage, not loss
_AT_ONCE = 1 << 14
SECOND_NS = 1_000_000_000


def _none() -> Ints:
    return np.zeros(0, np.int64)


@dataclass(slots=True)
class Walk:
    """Where the packet headers are, and what was found wrong on the way."""

    headers: Ints = field(default_factory=_none)
    block_ends: Ints = field(default_factory=_none)  # for each packet, where its block ends
    next_at: int = 0  # where the first block begins that was not read
    next_seq: int | None = None  # its expected number
    missing_blocks: int = 0  # numbers that are not in the file
    damaged_packets: int = 0  # announced by their block, but not readable


@dataclass(slots=True)
class PacketArrays:
    """One element per packet, in file order. `at`, `captured`, `length`: the frame without what the kernel took out."""

    header: Ints
    at: Ints
    captured: Ints
    length: Ints
    realtime_ns: Ints
    ifindex: Ints
    hatype: Ints
    pkttype: Ints
    protocol: Ints
    vlan: Ints  # EtherType << 16 | TCI of a tag the kernel took out of the frame; 0: none

    def __len__(self) -> int:
        return len(self.header)

    def linktype(self, which: Ints) -> Ints:
        """LINKTYPE_* of the frames at the indices `which`, as they are stored."""
        return linktypes(self.hatype[which])

    def needs_rebuilding(self, which: Ints) -> NDArray[np.bool_]:
        """Which of the frames at the indices `which` are not in the file as they were on the wire."""
        rebuilt: NDArray[np.bool_] = (self.vlan[which] != 0) | (self.linktype(which) == LINKTYPE_SLL2)
        return rebuilt


def _linktype_table() -> Ints:
    table = np.full(1 << 16, LINKTYPE_SLL2, np.int64)
    table[list(RAW_IP_TYPES)] = LINKTYPE_RAW
    table[list(ETHERNET_TYPES)] = LINKTYPE_ETHERNET
    return table


_LINKTYPES = _linktype_table()


def linktypes(hatype: Ints) -> Ints:
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
        """Follow the blocks from `begin`, and in each the chain of packets, as far as they are whole."""
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
        self._walk_blocks(walk, np.array(blocks, np.int64).reshape(len(blocks), 3))
        return walk

    def _walk_blocks(self, walk: Walk, blocks: Ints) -> None:
        """Each header says where the next one is: one step in all blocks at a time."""
        at, end, left = blocks[:, 0].copy(), blocks[:, 1], blocks[:, 2].copy()
        which = np.arange(len(blocks))
        steps: list[tuple[Ints, Ints]] = []
        while len(which):
            here = at[which] + LINK_HEADER_BYTES <= end[which]
            which = which[here & (left[which] > 0)]
            steps.append((at[which].copy(), which))
            step = self._u32(at[which], "tp_next_offset")
            left[which] -= 1
            at[which] += step
            which = which[step >= LINK_HEADER_BYTES]
        block = np.concatenate([w for _, w in steps]) if steps else _none()
        order = np.argsort(block, kind="stable")
        walk.headers = np.concatenate([a for a, _ in steps])[order] if steps else _none()
        walk.block_ends = end[block[order]]
        walk.damaged_packets += int(blocks[:, 2].sum()) - len(order)

    def packets(self, walk: Walk) -> PacketArrays:
        """The packets of a walk; those that reach out of their block are taken out and counted as damaged.

        Some at a time, so that a header that was fetched for one field is still in the CPU's cache for the next.
        """
        parts = [self._packets(walk, slice(at, at + _AT_ONCE)) for at in range(0, max(len(walk.headers), 1), _AT_ONCE)]
        columns = ([getattr(p, f.name) for p in parts] for f in fields(PacketArrays))
        return PacketArrays(*(np.concatenate(c) if len(c) > 1 else c[0] for c in columns))

    def _packets(self, walk: Walk, part: slice) -> PacketArrays:
        header, end = walk.headers[part], walk.block_ends[part]
        captured = self._u32(header, "tp_snaplen")
        mac = self._u16(header, "tp_mac")
        whole = (mac >= LINK_HEADER_BYTES) & (header + mac + captured <= end)
        walk.damaged_packets += int(np.count_nonzero(~whole))
        header, captured, mac = header[whole], captured[whole], mac[whole]
        status = self._u32(header, "tp_status")
        tpid = self._u16(header, "tp_vlan_tpid")
        has_tag = (status & TP_STATUS_VLAN_VALID) != 0
        tpid = np.where((status & TP_STATUS_VLAN_TPID_VALID) != 0, tpid, _ETH_P_8021Q)
        hatype = self._u16(header, "sll_hatype")
        # Without an Ethernet header the frame begins at its network header: what is before it has no fixed form.
        link_bytes = np.clip(self._u16(header, "tp_net") - mac, 0, captured)
        skip = np.where(linktypes(hatype) == LINKTYPE_ETHERNET, 0, link_bytes)
        return PacketArrays(
            header=header,
            at=header + mac + skip,
            captured=captured - skip,
            length=np.maximum(self._u32(header, "tp_len") - skip, 0),
            realtime_ns=self._u32(header, "tp_sec") * SECOND_NS + self._u32(header, "tp_nsec"),
            ifindex=self._u32(header, "sll_ifindex").astype(np.int32).astype(np.int64),  # signed in the kernel
            hatype=hatype,
            pkttype=self._words.u8(header + _AT["sll_pkttype"]),
            protocol=self._network_u16(header + _AT["sll_protocol"]),
            vlan=np.where(has_tag, tpid << 16 | self._u32(header, "tp_vlan_tci") & 0xFFFF, 0),
        )

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

    def _u32(self, header: Ints, name: str) -> Ints:
        return self._words.u32(header + _AT[name])

    def _u16(self, header: Ints, name: str) -> Ints:
        return self._words.u16(header + _AT[name])

    def _network_u16(self, at: Ints) -> Ints:
        return self._words.u8(at) << 8 | self._words.u8(at + 1)

    def words(self) -> Words:
        """For reading inside frames, little-endian."""
        return self._words
