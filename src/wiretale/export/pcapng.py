"""A capture's packets as pcapng, with who sent and who received each of them in its comments.

Format: draft-ietf-opsawg-pcapng (section header, interface description and enhanced packet blocks). Little-endian;
times
are nanoseconds since 1970. Packets are numbered in Wireshark as they are in `wiretale show`.
"""

import struct
from collections.abc import Iterable, Iterator
from typing import BinaryIO

import duckdb

from wiretale import __version__
from wiretale.clock import Snapshot, offset_at
from wiretale.export.packet_comments import Comments
from wiretale.filter.condition import EVERYTHING, Filter
from wiretale.filter.events import EventKind
from wiretale.filter.select import selecting
from wiretale.filter.tables import with_all_tables

_SECTION, _INTERFACE, _PACKET = 0x0A0D0D0A, 1, 6  # block types
_BYTE_ORDER_MAGIC = 0x1A2B3C4D
_UNKNOWN_LENGTH = -1
_LINKTYPE_ETHERNET = 1
# option codes, by block
_COMMENT = 1
_SHB_HARDWARE, _SHB_OS, _SHB_APPLICATION = 2, 3, 4
_IF_NAME, _IF_DESCRIPTION, _IF_TSRESOL, _IF_OS = 2, 3, 9, 12
_EPB_FLAGS, _EPB_PACKETID, _EPB_PROCESS = 2, 5, 8
_NANOSECONDS = 9  # if_tsresol: 10 to the minus 9
_INBOUND, _OUTBOUND = 1, 2  # epb_flags, bits 0 and 1
_MAX_OPTION_BYTES = 0xFFFF
BATCH = 2000

Options = Iterable[tuple[int, bytes]]


def _options(options: Options) -> bytes:
    out = bytearray()
    for code, value in options:
        cut = value[:_MAX_OPTION_BYTES]
        out += struct.pack("<HH", code, len(cut)) + cut + bytes(-len(cut) % 4)
    return bytes(out) + bytes(4) if out else b""


def _block(kind: int, body: bytes, options: Options) -> bytes:
    content = body + _options(options)
    total = struct.pack("<I", len(content) + 12)
    return struct.pack("<I", kind) + total + content + total


def section_header(options: Options) -> bytes:
    """The first block of a file."""
    return _block(_SECTION, struct.pack("<IHHq", _BYTE_ORDER_MAGIC, 1, 0, _UNKNOWN_LENGTH), options)


def interface_description(linktype: int, name: str, description: str) -> bytes:
    """One interface; times of its packets are in nanoseconds, its frames are not limited in length."""
    options = [(_IF_NAME, name.encode(errors="replace")), (_IF_TSRESOL, bytes([_NANOSECONDS]))]
    if description:
        options.insert(1, (_IF_DESCRIPTION, description.encode(errors="replace")))
    return _block(_INTERFACE, struct.pack("<HHI", linktype & 0xFFFF, 0, 0), options)


def enhanced_packet(interface: int, real_ns: int, frame: bytes, wire_bytes: int, options: Options) -> bytes:
    """One packet. `real_ns` counts from 1970."""
    stamp = max(0, real_ns)
    head = struct.pack("<IIIII", interface, stamp >> 32, stamp & 0xFFFFFFFF, len(frame), wire_bytes)
    return _block(_PACKET, head + frame + bytes(-len(frame) % 4), options)


class _Interfaces:
    """Numbers interfaces as their first packet comes."""

    def __init__(self, db: duckdb.DuckDBPyConnection) -> None:
        rows = db.execute("SELECT ifindex, netns, interface, linktype FROM interface").fetchall()
        self._known = {(ifindex, netns): (name, linktype) for ifindex, netns, name, linktype in rows}
        self._numbers: dict[tuple[int, int | None], int] = {}
        self._several = len({netns for _, netns in self._known}) > 1

    def number(self, ifindex: int, netns: int | None) -> tuple[int, bytes]:
        """The interface's number, and the block to write first if it is new."""
        key = (ifindex, netns)
        if key in self._numbers:
            return self._numbers[key], b""
        self._numbers[key] = number = len(self._numbers)
        name, linktype = self._known.get(key, (f"if{ifindex}", _LINKTYPE_ETHERNET))
        description = f"network namespace {netns}" if self._several and netns is not None else ""
        return number, interface_description(
            linktype if linktype is not None else _LINKTYPE_ETHERNET, name, description
        )


def _header(db: duckdb.DuckDBPyConnection) -> bytes:
    facts = dict(db.execute("SELECT key, value FROM meta").fetchall())
    options = [(_SHB_APPLICATION, f"wiretale {__version__}".encode())]
    if kernel := facts.get("kernel"):
        options.insert(0, (_SHB_OS, f"Linux {kernel}".encode(errors="replace")))
    if machine := facts.get("machine"):
        options.insert(0, (_SHB_HARDWARE, str(machine).encode(errors="replace")))
    if command := facts.get("command"):
        options.append((_COMMENT, f"recorded: {command}".encode(errors="replace")))
    return section_header(options)


_COLUMNS = "p.packet_id, p.number, p.time_ns, p.ifindex, p.netns, p.tap, p.frame_bytes, p.frame"


def blocks(db: duckdb.DuckDBPyConnection, chosen: Filter = EVERYTHING) -> Iterator[bytes]:
    """The blocks of the file in order, with the shown packets that match a filter."""
    snapshots = [
        Snapshot(*r) for r in db.execute("SELECT monotonic_ns, realtime_ns, error_ns FROM clock_snapshot").fetchall()
    ]
    yield _header(db)
    interfaces = _Interfaces(db)
    comments = Comments(db)
    cursor = with_all_tables(db.cursor())  # temporary tables belong to one cursor
    packets, parameters = selecting(chosen, EventKind.PACKET, _COLUMNS, "p.shown")
    cursor.execute(f"{packets} ORDER BY p.number, p.packet_id", parameters)
    while rows := cursor.fetchmany(BATCH):
        said = comments.of([row[0] for row in rows])
        for packet_id, number, time_ns, ifindex, netns, tap, wire_bytes, frame in rows:
            interface, new = interfaces.number(ifindex, netns)
            if new:
                yield new
            about = said.get(packet_id)
            options: list[tuple[int, bytes]] = (
                [(_COMMENT, c.encode(errors="replace")) for c in about.comments] if about else []
            )
            options.append((_EPB_FLAGS, struct.pack("<I", _OUTBOUND if tap == "out" else _INBOUND)))
            options.append((_EPB_PACKETID, struct.pack("<Q", number or packet_id)))
            if about and about.pid is not None:
                options.append((_EPB_PROCESS, struct.pack("<II", about.pid, about.tid or about.pid)))
            real = time_ns + (offset_at(snapshots, time_ns) if snapshots else 0)
            yield enhanced_packet(interface, real, bytes(frame or b""), wire_bytes or 0, options)


def write_pcapng(db: duckdb.DuckDBPyConnection, out: BinaryIO, chosen: Filter = EVERYTHING) -> int:
    """Write the file and return how many packets it has."""
    packets = 0
    for block in blocks(db, chosen):
        out.write(block)
        packets += block[:4] == struct.pack("<I", _PACKET)
    return packets
