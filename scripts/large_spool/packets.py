"""The packets of both processes, and the file of blocks that a packet ring would have left."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wiretale.model.packet_ring import (
    ARPHRD_ETHER,
    ARPHRD_LOOPBACK,
    BLOCK_HEADER_BYTES,
    PACKET_OUTGOING,
    TP_STATUS_USER,
    TPACKET_ALIGNMENT,
    TPACKET_V3,
)
from wiretale.store.spool import Spool

from .shape import PORT, Conns, Ints, Payload, Size, ragged

REALTIME_OFFSET_NS = 1_700_000_000_000_000_000
SYN, ACK, FIN, PSH = 2, 16, 1, 8
PACKETS_IN_BLOCK = 1024
FRAME_AT = 82  # tp_mac of the kernel for Ethernet: packet header and address, aligned to 16, plus 2
ETHERNET, IPV4, TCP, TCP_OPTIONS = 14, 20, 20, 20
TWIN_BYTES = 96  # what the recorder keeps of the copy that leaves


@dataclass
class Packets:
    """Packets of one generation in any order: one element each."""

    time_ns: list[Ints] = field(default_factory=list)
    heads: list[NDArray[np.uint8]] = field(default_factory=list)  # Ethernet to TCP options
    from_client: list[NDArray[np.bool_]] = field(default_factory=list)
    start: list[Ints] = field(default_factory=list)  # of the payload, in the page of bytes
    size: list[Ints] = field(default_factory=list)

    def add(
        self,
        c: Conns,
        time_ns: Ints,
        flags: int,
        seq: Ints,
        ack: Ints,
        *,
        client: bool,
        start: Ints | int = 0,
        size: Ints | int = 0,
    ) -> None:
        shape = time_ns.shape
        wide = [
            np.broadcast_to(v[:, None] if time_ns.ndim == 2 else v, shape).ravel()
            for v in (c.client_addr, c.client_port)
        ]
        size = np.broadcast_to(size, shape).ravel().astype(np.int64)
        self.time_ns.append(time_ns.ravel())
        self.from_client.append(np.full(time_ns.size, client))
        self.start.append(np.broadcast_to(start, shape).ravel().astype(np.int64))
        self.size.append(size)
        self.heads.append(
            _head(
                wide[0],
                wide[1],
                flags,
                seq=seq.ravel(),
                ack=ack.ravel(),
                size=size,
                time_ns=time_ns.ravel(),
                client=client,
            )
        )


def _head(
    addr: Ints, port: Ints, flags: int, *, seq: Ints, ack: Ints, size: Ints, time_ns: Ints, client: bool
) -> NDArray[np.uint8]:
    """Ethernet, IPv4 and TCP headers with the options of a Linux segment; checksums are left to the card, as on lo."""
    count = len(addr)
    head = np.zeros((count, ETHERNET + IPV4 + TCP + TCP_OPTIONS), np.uint8)

    def put(at: int, kind: str, values: Ints | int) -> None:
        width = np.dtype(kind).itemsize
        head[:, at : at + width] = np.broadcast_to(values, count).astype(kind)[:, None].view(np.uint8)

    options = (
        np.frombuffer(b"\x02\x04\xff\xd7\x04\x02\x08\x0a", np.uint8)
        if flags & SYN
        else np.frombuffer(b"\x01\x01\x08\x0a", np.uint8)
    )
    head[:, 12] = 8
    ip, tcp = ETHERNET, ETHERNET + IPV4
    tcp_bytes = TCP + (20 if flags & SYN else 12)
    put(ip, "u1", 0x45)
    put(ip + 2, ">u2", IPV4 + tcp_bytes + size)
    put(ip + 4, ">u2", (time_ns // 1000) & 0xFFFF)
    put(ip + 6, ">u2", 0x4000)
    put(ip + 8, ">u2", 64 << 8 | 6)
    put(ip + 12, ">u4", addr if client else 0x7F000001)
    put(ip + 16, ">u4", 0x7F000001 if client else addr)
    put(tcp, ">u2", port if client else PORT)
    put(tcp + 2, ">u2", PORT if client else port)
    put(tcp + 4, ">u4", seq & 0xFFFFFFFF)
    put(tcp + 8, ">u4", ack & 0xFFFFFFFF)
    put(tcp + 12, "u1", tcp_bytes // 4 << 4)
    put(tcp + 13, "u1", flags)
    put(tcp + 14, ">u2", 65_495 if flags & SYN else 512)
    head[:, tcp + TCP : tcp + TCP + len(options)] = options
    put(tcp + TCP + len(options), ">u4", time_ns // 1_000_000 & 0xFFFFFFFF)
    put(tcp + TCP + len(options) + 4, ">u4", 0 if flags == SYN else time_ns // 1_000_000 & 0xFFFFFFFF)
    if flags & SYN:
        head[:, -4:] = np.frombuffer(b"\x01\x03\x03\x07", np.uint8)
    return head


def generation_packets(c: Conns) -> Packets:
    """Handshake, two segments and their ACK for each request, one and its ACK for each answer, two FINs."""
    p = Packets()
    t, zero = c.begin_ns, np.zeros_like(c.number)
    a, b = c.first_seq(client=True), c.first_seq(client=False)
    p.add(c, t + 30_000, SYN, a, zero, client=True)
    p.add(c, t + 35_000, SYN | ACK, b, a + 1, client=False)
    p.add(c, t + 40_000, ACK, a + 1, b + 1, client=True)
    r = c.round_ns
    asked, answered = np.cumsum(c.requests, axis=1), np.cumsum(c.answers, axis=1)
    before, told = asked - c.requests, answered - c.answers
    first = c.requests // 2
    at, bt = a[:, None] + 1, b[:, None] + 1
    ask, answer = c.request_start[:, None], c.answer_start[:, None]
    p.add(c, r + 23_000, ACK, at + before, bt + told, client=True, start=ask + before, size=first)
    p.add(
        c,
        r + 24_000,
        ACK | PSH,
        at + before + first,
        bt + told,
        client=True,
        start=ask + before + first,
        size=c.requests - first,
    )
    p.add(c, r + 25_000, ACK, bt + told, at + asked, client=False)
    p.add(c, r + 40_000, ACK | PSH, bt + told, at + asked, client=False, start=answer + told, size=c.answers)
    p.add(c, r + 41_000, ACK, at + asked, bt + answered, client=True)
    end, a_end, b_end = c.close_ns, a + 1 + c.requests.sum(axis=1), b + 1 + c.answers.sum(axis=1)
    p.add(c, end + 23_000, FIN | ACK, a_end, b_end, client=True)
    p.add(c, end + 40_000, FIN | ACK, b_end, a_end + 1, client=False)
    p.add(c, end + 41_000, ACK, a_end + 1, b_end + 1, client=True)
    return p


class BlockFile:
    """`packets.blocks`, written as generations come."""

    def __init__(self, spool: Spool, size: Size, payload: Payload) -> None:
        self._file = spool.packets_path.open("wb")
        self._size, self._payload = size, payload
        self._seq = 1
        self.count = 0

    def append(self, p: Packets) -> None:
        time_ns, heads = np.concatenate(p.time_ns), np.concatenate(p.heads)
        client, start, size = np.concatenate(p.from_client), np.concatenate(p.start), np.concatenate(p.size)
        head_bytes = ETHERNET + IPV4 + TCP + np.where(heads[:, ETHERNET + IPV4 + TCP] == 2, 20, 12)
        order = np.argsort(time_ns, kind="stable")
        outgoing = np.full(len(order), PACKET_OUTGOING) if self._size.loopback else np.where(client, PACKET_OUTGOING, 0)
        if self._size.loopback:
            order = np.repeat(order, 2)
            outgoing = np.tile([PACKET_OUTGOING, 0], len(order) // 2)
        else:
            outgoing = outgoing[order]
        when = time_ns[order] + np.where((outgoing == 0) & self._size.loopback, 400, 0)
        wire = (head_bytes + size)[order]
        most = np.where((outgoing == PACKET_OUTGOING) & self._size.loopback, TWIN_BYTES, self._size.snaplen)
        kept = np.minimum(wire, most)
        for begin in range(0, len(order), PACKETS_IN_BLOCK):
            part = slice(begin, begin + PACKETS_IN_BLOCK)
            which = order[part]
            self._block(
                when[part],
                heads[which],
                head_bytes[which],
                start=start[which],
                kept=kept[part],
                wire=wire[part],
                pkttype=outgoing[part],
            )
        self.count += len(order)

    def _block(
        self,
        when: Ints,
        heads: NDArray[np.uint8],
        head_bytes: Ints,
        *,
        start: Ints,
        kept: Ints,
        wire: Ints,
        pkttype: Ints,
    ) -> None:
        stride = (FRAME_AT + kept + TPACKET_ALIGNMENT - 1) // TPACKET_ALIGNMENT * TPACKET_ALIGNMENT
        at = BLOCK_HEADER_BYTES + np.cumsum(stride) - stride
        block = np.zeros(BLOCK_HEADER_BYTES + int(stride.sum()), np.uint8)
        block[:48].view(np.uint32)[[0, 2, 3, 4, 5]] = (
            TPACKET_V3,
            TP_STATUS_USER,
            len(when),
            BLOCK_HEADER_BYTES,
            len(block),
        )
        block[24:32].view(np.uint64)[0] = self._seq
        self._seq += 1
        real = when + REALTIME_OFFSET_NS
        head = np.zeros((len(when), FRAME_AT), np.uint8)
        words = head[:, :48].copy().view(np.uint32)
        words[:, 0] = stride
        words[-1, 0] = 0
        words[:, 1], words[:, 2] = real // 1_000_000_000, real % 1_000_000_000
        words[:, 3], words[:, 4], words[:, 5] = kept, wire, TP_STATUS_USER
        words[:, 6] = FRAME_AT | (FRAME_AT + ETHERNET) << 16
        head[:, :48] = words.view(np.uint8)
        head[:, 48:50] = np.frombuffer(np.array([17], "<u2").tobytes(), np.uint8)  # AF_PACKET
        head[:, 50:52] = (8, 0)
        head[:, 52] = 1 if self._size.loopback else 2
        head[:, 56:58] = np.array([ARPHRD_LOOPBACK if self._size.loopback else ARPHRD_ETHER], "<u2").view(np.uint8)
        head[:, 58] = pkttype
        block[at[:, None] + np.arange(FRAME_AT)] = head
        of_head = np.minimum(head_bytes, kept)
        columns = heads.shape[1]
        inside = np.arange(columns) < of_head[:, None]
        block[(at[:, None] + FRAME_AT + np.arange(columns))[inside]] = heads[inside]
        rest = kept - of_head
        block[ragged(at + FRAME_AT + of_head, rest)] = self._payload.at(start, rest)
        block.tofile(self._file)

    def close(self) -> None:
        self._file.close()
