"""`packets.blocks` to arrays: one row per packet, still without a look at its headers.

The file may be cut anywhere (the recorder was killed, the disk was full) or damaged: whatever is whole is read, the
rest is counted. Layouts are in `model.packet_ring`.
"""

import mmap
import struct
from dataclasses import dataclass, field
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
_NEXT = struct.Struct("<I")
_ETH_P_8021Q = 0x8100
_BELIEVABLE_GAP = 1 << 32  # blocks; a longer one is damage, not loss
SECOND_NS = 1_000_000_000


@dataclass(slots=True)
class Walk:
    """Where the packet headers are, and what was found wrong on the way."""

    headers: list[int] = field(default_factory=list)
    block_ends: list[int] = field(default_factory=list)  # for each packet, where its block ends
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

    @property
    def linktype(self) -> Ints:
        """LINKTYPE_* of the frame as it is stored."""
        return linktypes(self.hatype)

    @property
    def needs_rebuilding(self) -> NDArray[np.bool_]:
        """Frames that are not in the file as they were on the wire."""
        rebuilt: NDArray[np.bool_] = (self.vlan != 0) | (self.linktype == LINKTYPE_SLL2)
        return rebuilt


def linktypes(hatype: Ints) -> Ints:
    """LINKTYPE_* for ARPHRD_*. Links of other kinds get a cooked header (LINKTYPE_LINUX_SLL2), as libpcap does."""
    raw = np.where(np.isin(hatype, RAW_IP_TYPES), LINKTYPE_RAW, LINKTYPE_SLL2)
    return np.where(np.isin(hatype, ETHERNET_TYPES), LINKTYPE_ETHERNET, raw).astype(np.int64)


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
            self._walk_block(walk, start + first, start + used, packets)
            walk.next_at = start + used
        return walk

    def _walk_block(self, walk: Walk, at: int, end: int, packets: int) -> None:
        headers = walk.headers
        before = len(headers)
        unpack, data = _NEXT.unpack_from, self.data
        last = end - LINK_HEADER_BYTES
        for _ in range(packets):
            if at > last:
                break
            headers.append(at)
            (step,) = unpack(data, at)
            if step < LINK_HEADER_BYTES:
                break
            at += step
        found = len(headers) - before
        walk.block_ends += [end] * found
        walk.damaged_packets += packets - found

    def packets(self, walk: Walk) -> PacketArrays:
        """The packets of a walk; those that reach out of their block are taken out and counted as damaged."""
        header = np.array(walk.headers, np.int64)
        end = np.array(walk.block_ends, np.int64)
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
        skip = np.where(np.isin(hatype, ETHERNET_TYPES), 0, link_bytes)
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
        if int(packets.linktype[row]) == LINKTYPE_SLL2:
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
