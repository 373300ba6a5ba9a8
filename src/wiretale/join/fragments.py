"""Datagrams that IP cut into fragments: which packets carried one, and which part of it each has.

Fragments of one packet share addresses, protocol and identification (RFC 791, RFC 8200); an identification comes back,
so a fragment belongs to the nearest first fragment within the time that a receiver keeps them.
"""

from collections import defaultdict
from dataclasses import dataclass

import duckdb

from wiretale.join.coverage import add_coverage
from wiretale.join.rows import model

KEPT_NS = 30_000_000_000  # net.ipv4.ipfrag_time, net.ipv6.ip6frag_time (ip-sysctl.rst)
UDP_HEADER = 8


@dataclass(frozen=True, slots=True)
class Part:
    """What one packet carries of a datagram: payload bytes [at, at + size)."""

    packet_id: int
    at: int
    size: int


@dataclass(frozen=True, slots=True)
class Fragment:
    """One fragment as captured; `length` is the UDP length field, known from the first fragment alone."""

    packet_id: int
    time_ns: int
    offset: int
    size: int
    length: int | None


def read_fragments(db: duckdb.DuckDBPyConnection) -> dict[int, tuple[int, tuple[Part, ...]]]:
    """By the packet with the UDP header: the datagram's payload size, and its parts in order."""
    same: dict[tuple[object, ...], list[Fragment]] = defaultdict(list)
    for packet_id, time, netns, ifindex, src, dst, version, ip_id, begins, place, length, size in db.execute(
        model("j_fragment")
    ).fetchall():
        if len(place or b"") < 2:
            continue  # the packet was cut before the field
        # 13 low bits, or 13 high ones; in units of 8 bytes
        field = int.from_bytes(place, "big")
        offset = (field & 0x1FFF) * 8 if version == 4 else field & 0xFFF8
        known = int.from_bytes(length, "big") if begins and len(length or b"") == 2 else None
        same[netns, ifindex, src, dst, version, ip_id].append(Fragment(packet_id, time, offset, size, known))
    found: dict[int, tuple[int, tuple[Part, ...]]] = {}
    for fragments in same.values():
        found |= assemble(fragments)
    used = sum(len(parts) for _, parts in found.values())
    reason = "the fragment with the transport header was not captured, so nobody knows whose they are"
    add_coverage(db, "IP fragments without their first", sum(map(len, same.values())) - used, "unmatched", reason)
    return found


def assemble(fragments: list[Fragment]) -> dict[int, tuple[int, tuple[Part, ...]]]:
    """Give each fragment to the nearest first one; one that fits none is left out."""
    firsts = [f for f in fragments if f.length is not None and f.length >= UDP_HEADER]
    parts = {f.packet_id: [Part(f.packet_id, 0, f.size)] for f in firsts}
    taken: set[tuple[int, int]] = set()  # first fragment, offset
    for fragment in fragments:
        if fragment.length is not None:
            continue
        end = fragment.offset + fragment.size
        near = [
            f
            for f in firsts
            if abs(f.time_ns - fragment.time_ns) <= KEPT_NS
            and end <= (f.length or 0)
            and (f.packet_id, fragment.offset) not in taken
        ]
        if near:
            first = min(near, key=lambda f, at=fragment.packet_id: abs(f.packet_id - at))  # type: ignore[misc]
            taken.add((first.packet_id, fragment.offset))
            parts[first.packet_id].append(Part(fragment.packet_id, fragment.offset - UDP_HEADER, fragment.size))
    return {
        f.packet_id: ((f.length or 0) - UDP_HEADER, tuple(sorted(parts[f.packet_id], key=lambda p: p.at)))
        for f in firsts
    }
