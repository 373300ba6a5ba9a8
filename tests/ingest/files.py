"""Capture files written by hand, in every variant that the readers know."""

import struct

MAGICS = {1000: 0xA1B2C3D4, 1: 0xA1B23C4D}  # nanoseconds per unit

Packet = tuple[int, bytes]  # nanoseconds since 1970, frame


def pcap(packets: list[Packet], *, order: str = "<", unit_ns: int = 1000, link: int = 1, cut: int = 1 << 18) -> bytes:
    out = struct.pack(order + "IHHiIII", MAGICS[unit_ns], 2, 4, 0, 0, 1 << 18, link)
    for time, frame in packets:
        seconds, rest = divmod(time, 1_000_000_000)
        out += struct.pack(order + "IIII", seconds, rest // unit_ns, len(frame[:cut]), len(frame)) + frame[:cut]
    return out


def kuznetzov(packets: list[Packet]) -> bytes:
    out = struct.pack("<IHHiIII", 0xA1B2CD34, 2, 4, 0, 0, 1 << 18, 1)
    for time, frame in packets:
        seconds, rest = divmod(time, 1_000_000_000)
        out += struct.pack("<IIIIIHBB", seconds, rest // 1000, len(frame), len(frame), 1, 8, 0, 0) + frame
    return out


def aix(packets: list[Packet], if_type: int) -> bytes:
    """The length on the wire stands before the captured one."""
    out = struct.pack(">IHHiIII", 0xA1B2C3D4, 2, 2, 0, 0, 1 << 18, if_type)
    for time, frame in packets:
        out += struct.pack(">IIII", *divmod(time, 1_000_000_000), len(frame) + 9, len(frame)) + frame
    return out


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def block(order: str, kind: int, body: bytes) -> bytes:
    total = len(padded(body)) + 12
    return struct.pack(order + "II", kind, total) + padded(body) + struct.pack(order + "I", total)


def options(order: str, *pairs: tuple[int, bytes]) -> bytes:
    return b"".join(struct.pack(order + "HH", c, len(v)) + padded(v) for c, v in pairs) + (bytes(4) if pairs else b"")


def section(order: str = "<", *pairs: tuple[int, bytes]) -> bytes:
    return block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1) + options(order, *pairs))


def interface(order: str = "<", link: int = 1, *pairs: tuple[int, bytes], snaplen: int = 0) -> bytes:
    return block(order, 1, struct.pack(order + "HHI", link, 0, snaplen) + options(order, *pairs))


def enhanced(frame: bytes, stamp: int, *pairs: tuple[int, bytes], order: str = "<", number: int = 0) -> bytes:
    head = struct.pack(order + "5I", number, stamp >> 32, stamp & 0xFFFFFFFF, len(frame), len(frame))
    return block(order, 6, head + padded(frame) + options(order, *pairs))
