"""TCP with its options, UDP, UDP-Lite, ICMP.

Layouts: RFC 9293 and RFC 7323 (TCP), RFC 2018 (SACK), RFC 7413 (Fast Open), RFC 8684 (MPTCP), RFC 768 (UDP), RFC 3828
(UDP-Lite), RFC 792 (ICMP), RFC 4443 (ICMPv6).
"""

import numpy as np

from wiretale.decode.frames import SACK_EDGES, Frames, Next
from wiretale.decode.words import Ints

CUT_OPTIONS = "captured bytes end inside the TCP options"
BAD_TCP_LENGTH = "malformed TCP header: its length is impossible"

_NOP_NOP_TIMESTAMP = 0x0101080A  # the options of nearly every Linux segment, as one word
_TFO_MAGIC = 0xF989  # Fast Open among the experimental options, as before RFC 7413

# UDP ports of tunnels that are looked into (IANA); either end's counts, the destination's first
_TUNNEL_PORTS = {
    4789: Next.VXLAN, 4790: Next.VXLAN_GPE, 6081: Next.GENEVE, 2152: Next.GTP, 3544: Next.TEREDO, 1701: Next.L2TP,
    5247: Next.CAPWAP,
}  # fmt: skip


def _ports(frames: Frames, rows: Ints) -> None:
    """They stand first in both protocols, so that a header that was cut may still have them."""
    rows = rows[frames.end[rows] - frames.pos[rows] >= 4]
    frames.put("srcport", rows, frames.u16(frames.pos[rows]))
    frames.put("dstport", rows, frames.u16(frames.pos[rows] + 2))


def tcp(frames: Frames, rows: Ints) -> None:
    _ports(frames, rows)
    rows = frames.with_room(rows, 20, "TCP header")
    frames.note_header("transport_offset", rows)
    at = frames.pos[rows]
    for column, values in (
        ("seq", frames.u32(at + 4)),
        ("ack", frames.u32(at + 8)),
        ("flags", frames.u16(at + 12) & 0xFFF),
        ("window", frames.u16(at + 14)),
        ("sack_permitted", 0),
    ):
        frames.put(column, rows, values)
    header = (frames.u8(at + 12) >> 4) * 4
    left = frames.wire_end[rows] - at
    wrong = (header < 20) | (header > left)
    frames.stop(rows[wrong], BAD_TCP_LENGTH)
    # In one part of several the length of the whole is unknown.
    alone = frames.columns["fragment"][rows] != 1
    # A length field below 20 is a lie, but as Wireshark does the rest is counted as payload.
    low = (header < 20) & (header <= left) & alone
    frames.put("payload_bytes", rows[low], left[low] - header[low])
    rows, header, alone = rows[~wrong], header[~wrong], alone[~wrong]
    options_begin = frames.pos[rows] + 20
    frames.pos[rows] += header
    # The payload is known from the lengths alone, even where options were not captured.
    frames.note_payload(rows)
    frames.put("payload_bytes", rows[~alone], -1)
    _options(frames, rows, options_begin, frames.pos[rows])


def _options(frames: Frames, rows: Ints, at: Ints, stop: Ints) -> None:
    """Up to the end, or to the first that was not captured whole: its SACK blocks are read as far as they were."""
    frames.stop(rows[stop > frames.end[rows]], CUT_OPTIONS)
    some = at < np.minimum(stop, frames.end[rows])
    rows, at, stop = rows[some], at[some], stop[some]
    usual = (stop - at == 12) & (stop <= frames.end[rows])
    usual[usual] = frames.u32(at[usual]) == _NOP_NOP_TIMESTAMP
    frames.put("tsval", rows[usual], frames.u32(at[usual] + 4))
    frames.put("tsecr", rows[usual], frames.u32(at[usual] + 8))
    rows, at, stop = rows[~usual], at[~usual], stop[~usual]
    while len(rows):
        end = np.minimum(stop, frames.end[rows])
        kind = frames.u8(at)
        two = at + 2 <= end
        size = np.where(kind == 1, 1, frames.u8(np.where(two, at + 1, at)))
        single = kind <= 1
        bad = ~single & (~two | (size < 2) | (at + size > stop))
        frames.stop(rows[bad], "malformed TCP options: a length is impossible")
        go = ~bad & (kind != 0)
        rows, at, stop, end, kind, size = rows[go], at[go], stop[go], end[go], kind[go], size[go]
        sack = kind == 5
        _sack(frames, rows[sack], at[sack], size[sack], end[sack] - at[sack])
        whole = at + size <= end
        rows, at, stop, end, kind, size = rows[whole], at[whole], stop[whole], end[whole], kind[whole], size[whole]
        _option(frames, rows, at, kind, size)
        at = at + size
        more = at < end
        rows, at, stop = rows[more], at[more], stop[more]


def _sack(frames: Frames, rows: Ints, at: Ints, size: Ints, captured: Ints) -> None:
    """The blocks of an option of `size` bytes that are among the `captured` ones."""
    is_sack = (size >= 10) & ((size - 2) % 8 == 0)
    for edge, column in enumerate(SACK_EDGES):
        block_end = 10 + 8 * (edge // 2)
        has = is_sack & (size >= block_end) & (captured >= block_end)
        frames.put(column, rows[has], frames.u32(at[has] + 2 + 4 * edge))


def _option(frames: Frames, rows: Ints, at: Ints, kind: Ints, size: Ints) -> None:
    """One option of each row. One whose size is not the standard's is skipped, as the kernel does."""
    is_mss = (kind == 2) & (size == 4)
    frames.put("mss", rows[is_mss], frames.u16(at[is_mss] + 2))
    is_scale = (kind == 3) & (size == 3)
    frames.put("wscale", rows[is_scale], frames.u8(at[is_scale] + 2))
    frames.put("sack_permitted", rows[(kind == 4) & (size == 2)], 1)
    is_stamp = (kind == 8) & (size == 10)
    frames.put("tsval", rows[is_stamp], frames.u32(at[is_stamp] + 2))
    frames.put("tsecr", rows[is_stamp], frames.u32(at[is_stamp] + 6))
    _fast_open(frames, rows, at, kind, size)
    is_mptcp = (kind == 30) & (size >= 3)
    these = rows[is_mptcp]
    bit = 1 << (frames.u8(at[is_mptcp] + 2) >> 4)
    frames.put("mptcp", these, np.maximum(frames.columns["mptcp"][these], 0) | bit)


def _fast_open(frames: Frames, rows: Ints, at: Ints, kind: Ints, size: Ints) -> None:
    """1: asks for a cookie, 2: carries one."""
    is_open = kind == 34
    frames.put("fast_open", rows[is_open], np.where(size[is_open] > 2, 2, 1))
    trial = (kind == 254) & (size >= 4)
    trial[trial] = frames.u16(at[trial] + 2) == _TFO_MAGIC
    frames.put("fast_open", rows[trial], np.where(size[trial] > 4, 2, 1))


def udp(frames: Frames, rows: Ints) -> None:
    _ports(frames, rows)
    rows = frames.with_room(rows, 8, "UDP header")
    frames.note_header("transport_offset", rows)
    at = frames.pos[rows]
    source, target = frames.u16(at), frames.u16(at + 2)
    length = frames.u16(at + 4)
    left = frames.wire_end[rows] - at
    # 0 stands for "see the IP length" (RFC 2675). A fragment's own bytes are less than the datagram's.
    cut_short = (length > left) & (frames.columns["fragment"][rows] != 1)
    wrong = cut_short | ((length > 0) & (length < 8))
    frames.stop(rows[wrong], "malformed UDP header: its length is impossible")
    believable = (length >= 8) & (length <= left)
    frames.wire_end[rows] = np.where(believable, at + length, frames.wire_end[rows])
    frames.pos[rows] += 8
    frames.note_payload(rows)
    for end in (source, target):
        for port, tunnel in _TUNNEL_PORTS.items():
            frames.follow(rows[(end == port) & ~wrong], tunnel)


def udplite(frames: Frames, rows: Ints) -> None:
    """A header of UDP with the checksum's coverage in place of the length: all that IP carried is the datagram."""
    _ports(frames, rows)
    rows = frames.with_room(rows, 8, "UDP-Lite header")
    frames.note_header("transport_offset", rows)
    at = frames.pos[rows]
    coverage, left = frames.u16(at + 4), frames.wire_end[rows] - at
    whole = frames.columns["fragment"][rows] != 1
    # 0 stands for all; it must reach over the header and not beyond the packet (RFC 3828 section 3.1)
    wrong = ((coverage > 0) & (coverage < 8)) | ((coverage > left) & whole)
    frames.stop(rows[wrong], "malformed UDP-Lite header: its checksum coverage is impossible")
    frames.pos[rows] += 8
    frames.note_payload(rows)


def icmp(frames: Frames, rows: Ints) -> None:
    rows = frames.with_room(rows, 4, "ICMP header")
    frames.note_header("transport_offset", rows)
    at = frames.pos[rows]
    frames.put("icmp_type", rows, frames.u8(at))
    frames.put("icmp_code", rows, frames.u8(at + 1))
    frames.pos[rows] = np.minimum(at + 8, frames.wire_end[rows])
    frames.note_payload(rows)
