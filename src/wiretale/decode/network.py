"""IPv4, and IPv6 with its extension headers. Layouts: RFC 791 (IPv4), RFC 8200 (IPv6), RFC 4302 (AH)."""

import socket

import numpy as np
from numpy.typing import NDArray

from wiretale.decode.frames import Frames, Next
from wiretale.decode.links import ETH_IPV4, ETH_IPV6
from wiretale.decode.words import Ints, Words

_FRAGMENT, _AUTHENTICATION = 44, 51
FRAGMENT_REASON = "what it carries is shown with the last fragment to arrive"


def any_ip(frames: Frames, rows: Ints, _: Ints) -> None:
    """The first nibble says which version it is."""
    rows = frames.with_room(rows, 1, "IP header")
    version = frames.u8(frames.pos[rows]) >> 4
    four, six = rows[version == 4], rows[version == 6]
    frames.put("ethertype", four, ETH_IPV4)
    frames.put("ethertype", six, ETH_IPV6)
    frames.follow(four, Next.IPV4)
    frames.follow(six, Next.IPV6)
    odd = (version != 4) & (version != 6)
    frames.stop_each(rows[odd], version[odd], "IP version {} does not exist")


def ipv4(frames: Frames, rows: Ints, _: Ints) -> None:
    # Some senders announce IPv6 as IPv4; the header's own version is believed, as in Wireshark.
    rows = frames.with_room(rows, 1, "IPv4 header")
    is_v6 = frames.u8(frames.pos[rows]) >> 4 == 6
    frames.follow(rows[is_v6], Next.IPV6)
    rows = frames.with_room(rows[~is_v6], 20, "IPv4 header")
    rows = _check_version(frames, rows, frames.u8(frames.pos[rows]) >> 4, 4)
    at = frames.pos[rows]
    header = (frames.u8(at) & 15) * 4
    total = frames.u16(at + 2)
    fragment = frames.u16(at + 6)
    protocol = frames.u8(at + 9)
    frames.forget_outer(rows)
    frames.note_header("network_offset", rows)
    frames.put("ethertype", rows, ETH_IPV4)
    frames.put("ip_version", rows, 4)
    frames.put("ip_id", rows, frames.u16(at + 4))
    frames.put("fragment", rows, ((fragment & 0x3FFF) != 0).astype(np.int64))  # more fragments, or an offset
    frames.put("ttl", rows, frames.u8(at + 8))
    frames.put("ip_protocol", rows, protocol)
    frames.src[rows] = ipv4_text(frames.u32(at + 12))
    frames.dst[rows] = ipv4_text(frames.u32(at + 16))
    # Segments beyond 64 KB (BIG TCP) leave the kernel with total length 0: the frame's own length counts.
    frames.ends_at(rows, np.where(total, at + total, frames.wire_end[rows]))
    every = rows
    good = (header >= 20) & ((total == 0) | (total >= header))
    frames.stop(rows[~good], "malformed IPv4 header: its lengths contradict each other")
    good[good] = frames.step(rows[good], header[good], "IPv4 options")
    rows, protocol, fragment = rows[good], protocol[good], fragment[good]
    claimed = np.where(total, at + total, frames.wire_end[every])[good]
    _payload_of_ip(frames, rows, protocol, (fragment & 0x1FFF) * 8, (fragment & 0x2000) != 0, claimed=claimed)


def _check_version(frames: Frames, rows: Ints, version: Ints, wanted: int) -> Ints:
    wrong = version != wanted
    if wrong.any():
        frames.stop_each(rows[wrong], version[wrong], "malformed IP header: version {}")
    right: Ints = rows[~wrong]
    return right


def ipv6(frames: Frames, rows: Ints, _: Ints) -> None:
    rows = frames.with_room(rows, 40, "IPv6 header")
    rows = _check_version(frames, rows, frames.u8(frames.pos[rows]) >> 4, 6)
    at = frames.pos[rows]
    length = frames.u16(at + 4)
    following = frames.u8(at + 6)
    frames.forget_outer(rows)
    frames.note_header("network_offset", rows)
    frames.put("ethertype", rows, ETH_IPV6)
    frames.put("ip_version", rows, 6)
    frames.put("ttl", rows, frames.u8(at + 7))
    frames.put("fragment", rows, 0)
    frames.put("ip_protocol", rows, following)
    frames.src[rows] = ipv6_text(frames, at + 8)
    frames.dst[rows] = ipv6_text(frames, at + 24)
    # Payload length 0: a jumbogram (RFC 2675) or BIG TCP; the frame's own length counts.
    frames.ends_at(rows, np.where(length, at + 40 + length, frames.wire_end[rows]))
    frames.pos[rows] += 40
    frames.follow(rows, Next.PROTOCOL, following)


def extension(frames: Frames, rows: Ints, kind: Ints) -> None:
    """One IPv6 extension header (RFC 8200, section 4); `kind` is its protocol number."""
    is_v6 = frames.columns["ip_version"][rows] == 6
    is_ours = is_v6 | (kind == _AUTHENTICATION)
    frames.note_payload(rows[~is_ours])
    frames.stop_each(rows[~is_ours], kind[~is_ours], "IP protocol {} is not decoded")
    rows, kind = rows[is_ours], kind[is_ours]
    fits = frames.has_room(rows, 8, "IPv6 extension header")
    rows, kind = rows[fits], kind[fits]
    at = frames.pos[rows]
    units = frames.u8(at + 1)
    size = np.where(kind == _FRAGMENT, 8, np.where(kind == _AUTHENTICATION, (units + 2) * 4, (units + 1) * 8))
    fits = frames.step(rows, size, "IPv6 extension header")
    rows, kind, at = rows[fits], kind[fits], at[fits]
    following = frames.u8(at)
    frames.put("ip_protocol", rows, following)
    part = kind == _FRAGMENT
    frames.follow(rows[~part], Next.PROTOCOL, following[~part])
    rows, at, following = rows[part], at[part], following[part]
    place = frames.u16(at + 2)
    frames.put("ip_id", rows, frames.u32(at + 4))
    # Offset 0 and nothing more: an "atomic" fragment (RFC 6946) is the whole packet.
    frames.put("fragment", rows, ((place & 0xFFF9) != 0).astype(np.int64))
    _payload_of_ip(frames, rows, following, place & 0xFFF8, (place & 1) != 0, claimed=frames.wire_end[rows])


def _payload_of_ip(
    frames: Frames, rows: Ints, protocol: Ints, place: Ints, more: NDArray[np.bool_], *, claimed: Ints
) -> None:
    """Go on with what IP carries, unless it is a part of it: parts wait for the others (decode/fragments.py).

    `claimed` is where the packet ends by its own length field.
    """
    part = (place > 0) | more
    frames.follow(rows[~part], Next.PROTOCOL, protocol[~part])
    rows, protocol, place, more, claimed = rows[part], protocol[part], place[part], more[part], claimed[part]
    whole = frames.end[rows] >= np.maximum(frames.wire_end[rows], claimed)
    # A first fragment that the capture cut cannot be put together with the others: its headers are read as they stand.
    alone = ~whole & (place == 0)
    frames.follow(rows[alone], Next.PROTOCOL, protocol[alone])
    frames.note_payload(rows[~alone])
    frames.stop(rows[~alone], FRAGMENT_REASON)
    rows, place, more = rows[whole], place[whole], more[whole]
    frames.put("fragment_at", rows, place)
    frames.put("fragment_more", rows, more.astype(np.int64))
    frames.note_header("fragment_offset", rows)
    frames.put("fragment_bytes", rows, frames.wire_end[rows] - frames.pos[rows])


def ipv4_text(addresses: Ints) -> NDArray[np.object_]:
    """Dotted text of each address."""
    distinct, which = np.unique(addresses, return_inverse=True)
    texts = [socket.inet_ntop(socket.AF_INET, int(a).to_bytes(4, "big")) for a in distinct]
    return np.array(texts, object)[which]


def ipv6_text(words: Words, at: Ints) -> NDArray[np.object_]:
    """Text of the 16 bytes at each position, after RFC 5952, with IPv4-mapped addresses dotted (its section 5)."""
    if not len(at):
        return np.empty(0, object)
    raw = np.stack([words.u32(at + n) for n in (0, 4, 8, 12)], axis=1).astype(">u4")
    distinct, which = np.unique(raw.view("V16").ravel(), return_inverse=True)
    texts = [socket.inet_ntop(socket.AF_INET6, bytes(a)) for a in distinct]
    return np.array(texts, object)[which]
