"""What a reader found in a capture file to the raw tables, and what the file cannot say to `coverage` and `source`."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import duckdb
import numpy as np

from wiretale import __version__
from wiretale.decode.fragments import Reassembly
from wiretale.decode.packets import ABSENT, Table, decode_frames, new_table
from wiretale.decode.texts import Texts
from wiretale.decode.words import Ints
from wiretale.ingest.found import IN, NO_LINK, NO_TIME, OUT, Found
from wiretale.ingest.packed import forget
from wiretale.model.packet_ring import LINKTYPE_SLL, LINKTYPE_SLL2, PACKET_OUTGOING
from wiretale.model.raw import CAPTURE_VERSION
from wiretale.store.bulk import BATCH_ROWS, Coded, Slices
from wiretale.store.capture import create_capture, limit_joins, write_meta
from wiretale.store.load.packet_rows import TAPS, Batch, batch_ends, fill_packets, frames_of
from wiretale.store.progress import Progress

# CLOCK_MONOTONIC is not in a capture file: its earliest packet is put at this instant, the others keep their distance.
EARLIEST_NS = 1_000_000_000
_VECTOR_ROWS = 2048  # of DuckDB (STANDARD_VECTOR_SIZE)

Join = Callable[[duckdb.DuckDBPyConnection], None]


@dataclass(frozen=True, slots=True)
class _Times:
    """Real time of every packet, and what it is more than the capture's monotonic time."""

    realtime_ns: Ints
    offset_ns: int

    @property
    def first_ns(self) -> int:
        """Monotonic, as all that follows."""
        return int(self.realtime_ns.min()) - self.offset_ns if len(self.realtime_ns) else EARLIEST_NS

    @property
    def last_ns(self) -> int:
        """Not always of the last packet: a file may be in another order."""
        return int(self.realtime_ns.max()) - self.offset_ns if len(self.realtime_ns) else EARLIEST_NS

    def of(self, rows: Ints) -> Ints:
        """Of some packets."""
        return self.realtime_ns[rows] - self.offset_ns


def import_capture(found: Found, origin: Path, target: Path, join: Join, *, rules: str, progress: Progress) -> None:
    """Write the capture `target` from the packets of `origin`; `join` fills the derived tables."""
    times = _times(found)
    with create_capture(target, _memory_needed(found)) as db:
        _write_meta(db, found, origin, times, rules)
        _fill_interfaces(db, found)
        incomplete = _fill_packets(db, found, times, progress)
        _write_source(db, found, origin, times)
        _write_coverage(db, found, times, incomplete)
        limit_joins(db, _memory_needed(found))
        join(db)


def _memory_needed(found: Found) -> int:
    """DuckDB reads and compresses so many rows together: it holds them both as they are stored and as they were, in
    pieces of memory of powers of two, with a fifth for all else. It gets half of this."""
    largest = (
        np.partition(found.captured, -_VECTOR_ROWS)[-_VECTOR_ROWS:] if len(found) > _VECTOR_ROWS else found.captured
    )
    together = int(largest.sum(dtype=np.int64))
    return max(len(found.data), 5 << max(together - 1, 0).bit_length())


def _times(found: Found) -> _Times:
    """A packet without a stamp gets that of the packet before it in the file."""
    stamps = found.realtime_ns
    known = stamps != NO_TIME
    if not known.any():
        return _Times(np.full(len(stamps), EARLIEST_NS, np.int64), 0)
    earliest = int(np.min(stamps, where=known, initial=np.iinfo(np.int64).max))
    if not known.all():
        last = np.maximum.accumulate(np.where(known, np.arange(len(known)), -1))
        stamps = np.where(last >= 0, stamps[np.maximum(last, 0)], earliest)
    return _Times(stamps, earliest - EARLIEST_NS)


def _fill_packets(db: duckdb.DuckDBPyConnection, found: Found, times: _Times, progress: Progress) -> int:
    """Returns how many fragmented packets stayed incomplete."""
    reassembly = Reassembly()
    ends = batch_ends(found.captured)
    numbers = new_table(min(len(found), BATCH_ROWS))

    def batches() -> Iterator[Batch]:
        for part in pairwise([0, *ends]):
            forget(found.data)
            rows = np.arange(*part)
            yield _batch(found, rows, times.of(rows), reassembly, numbers)

    fill_packets(db, batches(), progress, len(found))
    forget(found.data)
    return reassembly.incomplete


def _batch(found: Found, rows: Ints, time_ns: Ints, reassembly: Reassembly, numbers: Table) -> Batch:
    at = found.at[rows]
    captured, length, linktype = (c[rows].astype(np.int64) for c in (found.captured, found.length, found.linktype))
    columns: Batch = dict(decode_frames(found.data, at, captured, length, linktype, into=numbers))
    odd = np.flatnonzero(linktype == NO_LINK)
    columns["undecoded"][odd] = "a record of the imported file that is no packet"
    frames = Slices(found.data, at, captured)
    reassembly.take(frames_of(frames), columns)
    comments = Texts.absent(len(rows))
    for row in range(len(rows)) if len(found.comments) > len(rows) else _within(found.comments, rows):
        comment = found.comments.get(int(rows[row]))
        if comment is not None:
            comments[row] = comment
    return columns | {
        "packet_id": rows + 1,
        "number": rows + 1,
        "time_ns": time_ns,
        "ifindex": found.interface[rows].astype(np.int64) + 1,
        "linktype": np.where(linktype == NO_LINK, ABSENT, linktype),
        "tap": _taps(found, rows),
        "shown": np.ones(len(rows), bool),
        "frame_bytes": length,
        "captured_bytes": captured,
        "comment": comments,
        "frame": frames,
    }


def _within(comments: dict[int, str], rows: Ints) -> Iterator[int]:
    first = int(rows[0])
    return (number - first for number in comments if 0 <= number - first < len(rows))


def _taps(found: Found, rows: Ints) -> Coded:
    """The file says it itself, or the cooked header of Linux does."""
    direction = found.direction[rows].astype(np.int64)
    for linktype, place, size in ((LINKTYPE_SLL, 0, 2), (LINKTYPE_SLL2, 10, 1)):
        mine = np.flatnonzero((found.linktype[rows] == linktype) & (found.captured[rows] >= place + size))
        if len(mine):
            kind = found.data[found.at[rows[mine]] + place + size - 1]  # the low byte of a small number
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


def _write_meta(db: duckdb.DuckDBPyConnection, found: Found, origin: Path, times: _Times, rules: str) -> None:
    first, offset = times.first_ns, times.offset_ns
    db.execute("INSERT INTO clock_snapshot VALUES (?, ?, 0)", [EARLIEST_NS, EARLIEST_NS + offset])
    write_meta(
        db,
        {
            "version": CAPTURE_VERSION,
            "tool": f"wiretale {__version__}",
            "command": ["wiretale", "import", str(origin)],
            "imported": {"file": str(origin), "format": found.format, **found.about},
            "started_ns": first,
            "started_realtime_ns": first + offset,
            "ended_ns": times.last_ns,
            "realtime_offset_ns": offset,
            "clock_error_ns": 0,
            "tcp_rules": rules,
            "programs": [],
            "notes": [],
        },
    )


def _write_source(db: duckdb.DuckDBPyConnection, found: Found, origin: Path, times: _Times) -> None:
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
        times.first_ns,
        times.last_ns,
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


def _write_coverage(db: duckdb.DuckDBPyConnection, found: Found, times: _Times, incomplete: int) -> None:
    rows: list[tuple[str, int, str, str | None, str | None]] = [("packets", len(found), "recorded", None, None)]
    db.execute(
        "INSERT INTO coverage SELECT 'packet', 'place in the file', 1, 'lost', unnest(?::VARCHAR[]), NULL",
        [[f"at byte {f.at}: {f.text}" for f in found.faults]],
    )
    untimed = int(np.count_nonzero((found.realtime_ns == NO_TIME) & (found.linktype != NO_LINK)))
    backwards = int(np.count_nonzero(times.realtime_ns[1:] < times.realtime_ns[:-1]))
    statements = (
        (found.dropped, "packets", "lost", "the file says that its capture dropped them"),
        (untimed, "packets", "clock error", "they have no time of their own; they stand at the packet before them"),
        (backwards, "packets", "clock error", "stamped earlier than the packet before them in the file"),
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
