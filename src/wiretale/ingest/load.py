"""What a reader found in a capture file to the raw tables, and what the file cannot say to `coverage` and `source`."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import numpy as np
from numpy.typing import NDArray

from wiretale import __version__
from wiretale.decode.fragments import Reassembly
from wiretale.decode.packets import ABSENT, Table, decode_frames, new_table
from wiretale.decode.texts import Texts
from wiretale.decode.words import Ints
from wiretale.ingest.found import IN, NO_LINK, NO_TIME, OUT, Found, Packets, Totals
from wiretale.ingest.packed import forget
from wiretale.light import dataclass
from wiretale.model.packet_ring import LINKTYPE_SLL, LINKTYPE_SLL2, PACKET_OUTGOING
from wiretale.model.raw import CAPTURE_VERSION
from wiretale.store.bulk import BATCH_ROWS, Coded, Slices
from wiretale.store.capture import create_capture, limit_joins, write_meta
from wiretale.store.load.packet_rows import TAPS, Batch, fill_packets, frames_of
from wiretale.store.progress import Progress

# CLOCK_MONOTONIC is not in a capture file: its earliest packet is put at this instant, the others keep their distance.
EARLIEST_NS = 1_000_000_000

Join = Callable[[duckdb.DuckDBPyConnection], None]


@dataclass(frozen=True, slots=True)
class _Clock:
    """Real time of the earliest packet and the latest, and what it is more than the capture's monotonic time."""

    earliest_ns: int
    latest_ns: int

    @classmethod
    def of(cls, totals: Totals) -> "_Clock":
        """Packets none of which has a stamp all stand at EARLIEST_NS."""
        if totals.earliest_ns == NO_TIME:
            return cls(EARLIEST_NS, EARLIEST_NS)
        return cls(totals.earliest_ns, totals.latest_ns)

    @property
    def offset_ns(self) -> int:
        return self.earliest_ns - EARLIEST_NS

    def monotonic(self, packets: Packets, before_ns: int) -> Ints:
        """Of packets behind one that is stamped `before_ns`, NO_TIME if none is."""
        return packets.filled_times(self.earliest_ns if before_ns == NO_TIME else before_ns) - self.offset_ns


def import_capture(found: Found, origin: Path, target: Path, join: Join, *, rules: str, progress: Progress) -> None:
    """Write the capture `target` from the packets of `origin`; `join` fills the derived tables."""
    clock = _Clock.of(found.totals)
    with create_capture(target, _memory_needed(found)) as db:
        _write_meta(db, found, origin, clock, rules)
        _fill_interfaces(db, found)
        incomplete = _fill_packets(db, found, clock, progress)
        _write_source(db, found, origin, clock)
        _write_coverage(db, found, incomplete)
        limit_joins(db, _memory_needed(found))
        join(db)


def _memory_needed(found: Found) -> int:
    """DuckDB reads and compresses so many rows together: it holds them both as they are stored and as they were, in
    pieces of memory of powers of two, with a fifth for all else. It gets half of this."""
    together = int(found.totals.largest.sum(dtype=np.int64))
    return max(len(found.data), 5 << max(together - 1, 0).bit_length())


def _fill_packets(db: duckdb.DuckDBPyConnection, found: Found, clock: _Clock, progress: Progress) -> int:
    """Returns how many fragmented packets stayed incomplete."""
    reassembly = Reassembly()
    numbers = new_table(min(len(found), BATCH_ROWS))

    def batches() -> Iterator[Batch]:
        for part in found.slices:
            forget(found.data)
            packets = part.read()
            columns = _batch(found.data, packets, reassembly, numbers)
            number = np.arange(part.first + 1, part.first + len(packets) + 1)
            yield columns | {
                "packet_id": number,
                "number": number,
                "time_ns": clock.monotonic(packets, part.before_ns),
            }

    fill_packets(db, batches(), progress, len(found))
    forget(found.data)
    return reassembly.incomplete


def _batch(data: NDArray[np.uint8], packets: Packets, reassembly: Reassembly, numbers: Table) -> Batch:
    captured, length, linktype = (
        column.astype(np.int64) for column in (packets.captured, packets.length, packets.linktype)
    )
    columns: Batch = dict(decode_frames(data, packets.at, captured, length, linktype, into=numbers))
    odd = np.flatnonzero(linktype == NO_LINK)
    columns["undecoded"][odd] = "a record of the imported file that is no packet"
    frames = Slices(data, packets.at, captured)
    reassembly.take(frames_of(frames), columns)
    comments = Texts.absent(len(packets))
    if packets.comments:
        comments[list(packets.comments)] = packets.comments.values()
    return columns | {
        "ifindex": packets.interface.astype(np.int64) + 1,
        "linktype": np.where(linktype == NO_LINK, ABSENT, linktype),
        "tap": _taps(data, packets),
        "shown": np.ones(len(packets), bool),
        "frame_bytes": length,
        "captured_bytes": captured,
        "comment": comments,
        "frame": frames,
    }


def _taps(data: NDArray[np.uint8], packets: Packets) -> Coded:
    """The file says it itself, or the cooked header of Linux does."""
    direction = packets.direction.astype(np.int64)
    for linktype, place, size in ((LINKTYPE_SLL, 0, 2), (LINKTYPE_SLL2, 10, 1)):
        mine = np.flatnonzero((packets.linktype == linktype) & (packets.captured >= place + size))
        if len(mine):
            kind = data[packets.at[mine] + place + size - 1]  # the low byte of a small number
            unknown = direction[mine] == 0
            direction[mine[unknown]] = np.where(kind[unknown] == PACKET_OUTGOING, OUT, IN)
    return Coded(direction - 1, TAPS)  # in, out; negative is NULL


def _fill_interfaces(db: duckdb.DuckDBPyConnection, found: Found) -> None:
    names = [i.name or f"interface {n}" for n, i in enumerate(found.interfaces)]
    # One statement: a file may have a million of them.
    db.execute(
        "INSERT INTO interface BY NAME SELECT unnest(?::VARCHAR[]) AS interface, unnest(range(1, ? + 1)) AS ifindex,"
        " unnest(?::INTEGER[]) AS linktype",
        [names, len(names), [i.linktype if i.linktype >= 0 else None for i in found.interfaces]],
    )


def _write_meta(db: duckdb.DuckDBPyConnection, found: Found, origin: Path, clock: _Clock, rules: str) -> None:
    offset = clock.offset_ns
    db.execute("INSERT INTO clock_snapshot VALUES (?, ?, 0)", [EARLIEST_NS, EARLIEST_NS + offset])
    write_meta(
        db,
        {
            "version": CAPTURE_VERSION,
            "tool": f"wiretale {__version__}",
            "command": ["wiretale", "import", str(origin)],
            "imported": {"file": str(origin), "format": found.format, **found.about},
            "started_ns": EARLIEST_NS,
            "started_realtime_ns": clock.earliest_ns,
            "ended_ns": clock.latest_ns - offset,
            "realtime_offset_ns": offset,
            "clock_error_ns": 0,
            "tcp_rules": rules,
            "programs": [],
            "notes": [],
        },
    )


def _write_source(db: duckdb.DuckDBPyConnection, found: Found, origin: Path, clock: _Clock) -> None:
    detail = {
        "mode": f"imported from {origin.name}, {found.format}",
        "interfaces": [{"name": i.name, "linktype": i.linktype} for i in found.interfaces if i.name],
        "snaplen": max((i.snaplen for i in found.interfaces), default=0),
    }
    row = [
        "packets",
        "packet",
        True,
        None,
        None,
        EARLIEST_NS,
        clock.latest_ns - clock.offset_ns,
        len(found),
        found.dropped,
        0,
        json.dumps(detail),
    ]
    db.execute("INSERT INTO source VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    reason = f"{origin.name} is a packet capture"
    remedy = "wiretale record -o FILE.wiretale -- COMMAND"
    row = ["ptrace", "syscall", False, reason, remedy, None, None, 0, 0, None, "{}"]
    db.execute("INSERT INTO source VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)


def _write_coverage(db: duckdb.DuckDBPyConnection, found: Found, incomplete: int) -> None:
    rows: list[tuple[str, int, str, str | None, str | None]] = [("packets", len(found), "recorded", None, None)]
    db.execute(
        "INSERT INTO coverage SELECT 'packet', 'place in the file', 1, 'lost', unnest(?::VARCHAR[]), NULL",
        [[f"at byte {f.at}: {f.text}" for f in found.faults]],
    )
    statements = (
        (found.dropped, "packets", "lost", "the file says that its capture dropped them"),
        (
            found.totals.untimed,
            "packets",
            "clock error",
            "they have no time of their own; they stand at the packet before them",
        ),
        (found.totals.backwards, "packets", "clock error", "stamped earlier than the packet before them in the file"),
        (incomplete, "fragmented IP packets", "lost", "not all of their fragments were captured"),
    )
    rows += [(item, count, state, reason, None) for count, item, state, reason in statements if count]
    rows += [
        ("packets", int(count), "undecoded", str(reason), None)
        for reason, count in db.execute(
            "SELECT undecoded, count(*) FROM packet WHERE undecoded IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1"
        ).fetchall()
    ]
    cut = db.execute("SELECT count(*), max(captured_bytes) FROM packet WHERE captured_bytes < frame_bytes").fetchone()
    if cut and cut[0]:
        rows.append(
            ("packets", int(cut[0]), "truncated", f"cut to at most {cut[1]} bytes when they were captured", None)
        )
    db.executemany("INSERT INTO coverage VALUES ('packet', ?, ?, ?, ?, ?)", rows)
