"""Blocks of a packet ring as the kernel would write them, for tests without a kernel. Layout: linux/if_packet.h."""

import struct
from dataclasses import dataclass

from wiretale.clock import Snapshot
from wiretale.store.report import SourceReport
from wiretale.store.spool import Manifest, Spool

OFFSET_NS = 1_700_000_000_000_000_000  # real time minus monotonic time in these tests


@dataclass(frozen=True)
class Packet:
    """One packet of a block. `frame` is what was captured of `length` bytes."""

    time_ns: int
    frame: bytes
    length: int | None = None
    ifindex: int = 1
    hatype: int = 772
    pkttype: int = 0
    protocol: int = 0x0800
    status: int = 1
    vlan: tuple[int, int] = (0, 0)  # tci, tpid
    link_bytes: int = 14  # before the network header


def block(packets: list[Packet], seq: int = 1) -> bytes:
    """One block, cut to its used length."""
    bodies = [packet_bytes(p, last=n == len(packets) - 1) for n, p in enumerate(packets)]
    used = 48 + sum(map(len, bodies))
    header = struct.pack("<IIIIIIQQQ", 2, 0, 1, len(packets), 48, used, seq, 0, 0)
    return header + b"".join(bodies)


def packet_bytes(packet: Packet, *, last: bool) -> bytes:
    mac = 82
    size = (mac + len(packet.frame) + 15) // 16 * 16
    second, nano = divmod(packet.time_ns + OFFSET_NS, 1_000_000_000)
    length = len(packet.frame) if packet.length is None else packet.length
    header = struct.pack(
        "<IIIIIIHHIIHH8x", 0 if last else size, second, nano, len(packet.frame), length, packet.status, mac,
        mac + packet.link_bytes, 0, *packet.vlan, 0,
    )  # fmt: skip
    link = struct.pack(
        "<H2siHBB8s",
        17,
        packet.protocol.to_bytes(2, "big"),
        packet.ifindex,
        packet.hatype,
        packet.pkttype,
        6,
        b"abcdef",
    )
    return (header + link).ljust(mac, b"\0") + packet.frame.ljust(size - mac, b"\0")


def write_spool(spool: Spool, blocks: bytes, **detail: object) -> Manifest:
    """A spool of only packets; returns its manifest."""
    spool.path.mkdir(exist_ok=True)
    spool.clock_path.unlink(missing_ok=True)
    spool.add_clock_snapshot(Snapshot(1000, 1000 + OFFSET_NS, 50))
    spool.packets_path.write_bytes(blocks)
    manifest = Manifest(sources=[SourceReport("packets", "packet", ran=True, detail=dict(detail))])
    spool.write_manifest(manifest)
    return manifest
