"""A packet socket with a memory-mapped TPACKET_V3 receive ring, handed out block by block.

Facts: packet(7), linux/if_packet.h, Documentation/networking/packet_mmap.rst. Nothing here looks at a single packet.
"""

import ctypes
import errno
import mmap
import os
import socket
import struct
import sys
from collections.abc import Callable

from wiretale.errors import PermissionFault, ResourceFault
from wiretale.model.packet_ring import (
    BLOCK_HEADER_BYTES,
    BLOCK_STATUS_OFFSET,
    NUM_PKTS_OFFSET,
    TP_STATUS_KERNEL,
    TP_STATUS_USER,
    TPACKET_V3,
)
from wiretale.record.packets import bpf

_SOL_PACKET = 263
_PACKET_RX_RING = 5
_PACKET_STATISTICS = 6
_PACKET_VERSION = 10
_ETH_P_ALL = 3
_SO_NETNS_COOKIE = 71
_FRAME_BYTES = 2048  # the kernel checks it and TPACKET_V3 ignores it: packets of any size share a block
_LEAST_RING_BLOCKS = 4

_STATUS = struct.Struct("=I")
_HEADER = struct.Struct("=IIII")  # block_status, num_pkts, offset_to_first_pkt, blk_len


class PacketRing:
    """Owns the socket and the mapping. Not started until `bind`."""

    def __init__(self, ring_bytes: int, block_bytes: int, timeout_ms: int) -> None:
        self.sock = _packet_socket()
        self.block_bytes = block_bytes
        try:
            self.sock.setsockopt(_SOL_PACKET, _PACKET_VERSION, TPACKET_V3)
            self.block_count = self._reserve(max(ring_bytes // block_bytes, _LEAST_RING_BLOCKS), timeout_ms)
            self._map = mmap.mmap(self.sock.fileno(), self.block_count * block_bytes)
        except BaseException:
            self.sock.close()
            raise
        self._view = memoryview(self._map)
        self._next = 0  # the block the kernel fills or will hand over next

    def _reserve(self, blocks: int, timeout_ms: int) -> int:
        """Ask for the ring; when memory is short, for half, down to a few blocks."""
        while True:
            frames = self.block_bytes // _FRAME_BYTES * blocks
            request = struct.pack("=7I", self.block_bytes, blocks, _FRAME_BYTES, frames, timeout_ms, 0, 0)
            try:
                self.sock.setsockopt(_SOL_PACKET, _PACKET_RX_RING, request)
            except OSError as fault:
                if fault.errno != errno.ENOMEM or blocks <= _LEAST_RING_BLOCKS:
                    raise ResourceFault(
                        f"the kernel gives no packet ring of {blocks * self.block_bytes >> 20} MiB: {fault.strerror}",
                        "ask for a smaller one",
                    ) from fault
                blocks //= 2
            else:
                return blocks

    @property
    def ring_bytes(self) -> int:
        """Size of the ring the kernel gave."""
        return self.block_count * self.block_bytes

    def bind(self, ifindex: int) -> None:
        """Begin to receive on one interface, or on all (0). Raises OSError."""
        # The socket module binds by interface name only, and "all" has none.
        address = struct.pack("=HHiHBB8x", socket.AF_PACKET, socket.htons(_ETH_P_ALL), ifindex, 0, 0, 0)
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.bind(self.sock.fileno(), address, len(address)) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))

    def netns_cookie(self) -> int:
        """SO_NETNS_COOKIE (Linux 5.14); 0 if the kernel does not know it."""
        try:
            return int.from_bytes(self.sock.getsockopt(socket.SOL_SOCKET, _SO_NETNS_COOKIE, 8), sys.byteorder)
        except OSError:
            return 0

    def take_blocks(self, keep: Callable[[memoryview, int], None]) -> int:
        """Give every filled block (cut to its used length, and its number of packets) to `keep`; return how many.

        The block's memory belongs to the kernel again as soon as `keep` returns. Stops after one round of the ring,
        so that a flood of packets cannot hold the caller here.
        """
        taken = 0
        while taken < self.block_count:
            start = self._next * self.block_bytes
            status, packets, _, used = _HEADER.unpack_from(self._view, start + BLOCK_STATUS_OFFSET)
            if not status & TP_STATUS_USER:
                break
            # The status is read here and the data in later instructions of the interpreter, far behind any
            # reordering a CPU does; the kernel's own barrier is before it sets the status.
            keep(self._view[start : start + min(max(used, BLOCK_HEADER_BYTES), self.block_bytes)], packets)
            # Zero the count before handing over: `is_empty` must not see the packets of the round before.
            _STATUS.pack_into(self._view, start + NUM_PKTS_OFFSET, 0)
            _STATUS.pack_into(self._view, start + BLOCK_STATUS_OFFSET, TP_STATUS_KERNEL)
            self._next = (self._next + 1) % self.block_count
            taken += 1
        return taken

    def has_filled_block(self) -> bool:
        """Whether a block that the kernel has handed over is not taken yet."""
        status, *_ = _HEADER.unpack_from(self._view, self._next * self.block_bytes + BLOCK_STATUS_OFFSET)
        return bool(status & TP_STATUS_USER)

    def is_empty(self) -> bool:
        """Whether no packet waits: the block in turn is the kernel's, and nothing was put into it yet."""
        start = self._next * self.block_bytes
        status, packets, _, _ = _HEADER.unpack_from(self._view, start + BLOCK_STATUS_OFFSET)
        return not status & TP_STATUS_USER and packets == 0

    def stop_receiving(self) -> None:
        """Let no further packet in; those in the ring stay until they are taken."""
        bpf.attach(self.sock, bpf.DROP_ALL)

    def statistics(self) -> tuple[int, int, int]:
        """Packets seen (dropped ones included), dropped, and how often the ring was full, since the last call."""
        packets, drops, freezes = struct.unpack("=3I", self.sock.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 12))
        return packets, drops, freezes

    def clear_error(self) -> str | None:
        """Take the socket's pending error (an interface went down), in words."""
        number = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        return os.strerror(number) if number else None

    def close(self) -> None:
        """Give everything back."""
        self._view.release()
        self._map.close()
        self.sock.close()


def _packet_socket() -> socket.socket:
    try:
        # Protocol 0: nothing arrives before `bind`, so no packet can slip past the filter.
        return socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
    except PermissionError as fault:
        raise PermissionFault(
            "capturing packets needs the capability CAP_NET_RAW, which this user does not have",
            "run it with sudo, or capture inside a private network, for which no privilege is needed: --private-net",
        ) from fault
    except OSError as fault:
        raise ResourceFault(
            f"this kernel has no packet sockets: {fault.strerror}", "load them: sudo modprobe af_packet"
        ) from fault
