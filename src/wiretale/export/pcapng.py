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
from wiretale.clock import Snapshot, offsets
from wiretale.export.packet_comments import Comments, PacketEnds
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
_OPTION, _BLOCK, _LENGTH, _PACKET_HEAD = (struct.Struct(f) for f in ("<HH", "<II", "<I", "<IIIIIII"))
_PACKET_BYTES = _PACKET_HEAD.size + _LENGTH.size
# epb_flags and epb_packetid; then, where a process is known, epb_process; then the end of options
_NUMBERED, _OF_PROCESS, _END = struct.Struct("<HHIHHQ"), struct.Struct("<HHII"), bytes(4)
_PADDING = (b"", bytes(3), bytes(2), bytes(1))  # to 4 bytes, by the length's remainder

Options = Iterable[tuple[int, bytes]]


def encoded_options(options: Options) -> bytes:
    """Code and value of each, and the end of them."""
    parts: list[bytes] = []
    for code, value in options:
        cut = value[:_MAX_OPTION_BYTES]
        size = len(cut)
        parts += (_OPTION.pack(code, size), cut, _PADDING[size % 4])
    return b"".join((*parts, _END)) if parts else b""


def _block(kind: int, body: bytes, options: Options) -> bytes:
    content = body + encoded_options(options)
    total = len(content) + 12
    return _BLOCK.pack(kind, total) + content + _LENGTH.pack(total)


def section_header(options: Options) -> bytes:
    """The first block of a file."""
    return _block(_SECTION, struct.pack("<IHHq", _BYTE_ORDER_MAGIC, 1, 0, _UNKNOWN_LENGTH), options)


def interface_description(linktype: int, name: str, description: str) -> bytes:
    """One interface; times of its packets are in nanoseconds, its frames are not limited in length."""
    options = [(_IF_NAME, name.encode(errors="replace")), (_IF_TSRESOL, bytes([_NANOSECONDS]))]
    if description:
        options.insert(1, (_IF_DESCRIPTION, description.encode(errors="replace")))
    return _block(_INTERFACE, struct.pack("<HHI", linktype & 0xFFFF, 0, 0), options)


def enhanced_packet(interface: int, real_ns: int, frame: bytes, wire_bytes: int, options: bytes) -> bytes:
    """One packet. `real_ns` counts from 1970; `options` as `encoded_options` gives them."""
    stamp = max(0, real_ns)
    size = len(frame)
    padding = _PADDING[size % 4]
    total = _PACKET_BYTES + size + len(padding) + len(options)
    head = _PACKET_HEAD.pack(_PACKET, total, interface, stamp >> 32, stamp & 0xFFFFFFFF, size, wire_bytes)
    return b"".join((head, frame, padding, options, _LENGTH.pack(total)))


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


_CHOSEN = (
    "CREATE OR REPLACE TEMP TABLE k_export AS SELECT row_number() OVER (ORDER BY number, packet_id) AS place, packet_id"
)
_RUNS = """
SELECT min(packet_id), max(packet_id), min(place), max(place) FROM (
    SELECT packet_id, place, sum(captured_bytes) OVER (ORDER BY place) AS so_far
    FROM k_export JOIN packet USING (packet_id)
) GROUP BY (place - 1) // $packets, so_far // $bytes ORDER BY min(place)
"""
_ROWS = """
SELECT p.packet_id, p.number, p.time_ns, p.ifindex, p.netns, p.tap, p.frame_bytes, p.frame
FROM packet p JOIN k_export k USING (packet_id)
WHERE p.packet_id BETWEEN $first AND $last AND k.place BETWEEN $from AND $to ORDER BY k.place
"""
_PACKETS_AT_ONCE = 20_000
_BYTES_AT_ONCE = 1 << 26


def blocks(db: duckdb.DuckDBPyConnection, chosen: Filter = EVERYTHING) -> Iterator[bytes]:
    """The blocks of the file in order, with the shown packets that match a filter."""
    yield _header(db)
    cursor = with_all_tables(db.cursor())  # temporary tables belong to one cursor
    packets, parameters = selecting(chosen, EventKind.PACKET, "p.packet_id, p.number", "p.shown")
    cursor.execute(f"{_CHOSEN} FROM ({packets})", parameters)
    snapshots = [
        Snapshot(*r) for r in db.execute("SELECT monotonic_ns, realtime_ns, error_ns FROM clock_snapshot").fetchall()
    ]
    offset = offsets(snapshots) if snapshots else (lambda _: 0)
    interfaces, comments = _Interfaces(db), Comments(cursor, "k_export")
    limits = {"packets": _PACKETS_AT_ONCE, "bytes": _BYTES_AT_ONCE}
    for first, last, begin, end in cursor.execute(_RUNS, limits).fetchall():
        rows = cursor.execute(_ROWS, {"first": first, "last": last, "from": begin, "to": end}).fetchall()
        said = comments.of(first, last)
        for packet_id, number, time_ns, ifindex, netns, tap, wire_bytes, frame in rows:
            interface, new = interfaces.number(ifindex, netns)
            if new:
                yield new
            real = time_ns + offset(time_ns)
            about = _about(number or packet_id, tap, said.get(packet_id))
            yield enhanced_packet(interface, real, frame or b"", wire_bytes or 0, about)


def _about(number: int, tap: str | None, ends: PacketEnds | None) -> bytes:
    """The options of a packet. Each kind is written by itself: there are as many as packets."""
    numbered = _NUMBERED.pack(_EPB_FLAGS, 4, _OUTBOUND if tap == "out" else _INBOUND, _EPB_PACKETID, 8, number)
    if ends is None:
        return numbered + _END
    parts: list[bytes] = []
    for comment in ends.comments:
        text = comment.encode(errors="replace")[:_MAX_OPTION_BYTES]
        parts += (_OPTION.pack(_COMMENT, len(text)), text, _PADDING[len(text) % 4])
    parts += (numbered, _OF_PROCESS.pack(_EPB_PROCESS, 8, ends.pid, ends.tid), _END)
    return b"".join(parts)


def write_pcapng(db: duckdb.DuckDBPyConnection, out: BinaryIO, chosen: Filter = EVERYTHING) -> int:
    """Write the file and return how many packets it has."""
    packets = 0
    kind = struct.pack("<I", _PACKET)
    for block in blocks(db, chosen):
        out.write(block)
        packets += block.startswith(kind)
    return packets
