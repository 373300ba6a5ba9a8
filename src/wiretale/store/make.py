"""A spool becomes a capture: the raw tables of every source, then what the caller adds (the joins), in one file."""

import json
from collections.abc import Callable
from pathlib import Path

import duckdb

from wiretale.clock import conversion_error_ns, offset_at
from wiretale.errors import Exit, WiretaleError
from wiretale.model.raw import CAPTURE_VERSION
from wiretale.store.capture import create_capture, limit_joins, write_meta
from wiretale.store.ending import ended_by_signals
from wiretale.store.load.calls import load_calls
from wiretale.store.load.kernel_events import load_kernel_events
from wiretale.store.load.packets import load_packets
from wiretale.store.load.procfs import load_procfs
from wiretale.store.progress import Progress, silent
from wiretale.store.spool import Manifest, Spool

_UNPACKED_MORE = 4  # a packed call of some 30 bytes becomes an event of 128, often with a chunk of 64

Join = Callable[[duckdb.DuckDBPyConnection], None]

# Order matters: packets need the clock, procfs adds what the calls did not already say of a task.
LOADERS = (
    load_calls,
    load_packets,
    load_kernel_events,
    load_procfs,
)


def make_capture(spool: Spool, path: Path, join: Join, progress: Progress = silent) -> None:
    """Write the capture at `path` from `spool`; `join` fills the derived tables. The spool is left as it is.

    Raises WiretaleError when a signal asks the process to end meanwhile.
    """
    try:
        with ended_by_signals():
            _make_capture(spool, path, join, progress)
    except KeyboardInterrupt as ended:
        raise WiretaleError(
            "ended before the capture was whole; the recording is kept",
            f"wiretale recover {spool.path}",
            exit_code=Exit.INTERRUPTED,
        ) from ended


def _make_capture(spool: Spool, path: Path, join: Join, progress: Progress) -> None:
    manifest = spool.read_manifest()
    expected_bytes = spool.size_bytes() + _UNPACKED_MORE * spool.packed_bytes()
    with create_capture(path, expected_bytes) as db:
        _write_clock_and_meta(spool, manifest, db)
        progress("reading the spool")
        for load in LOADERS:
            load(spool, manifest, db, progress)
        _write_sources(manifest, db)
        limit_joins(db, expected_bytes)
        join(db)


def _write_clock_and_meta(spool: Spool, manifest: Manifest, db: duckdb.DuckDBPyConnection) -> None:
    snapshots = spool.read_clock_snapshots()
    db.executemany(
        "INSERT INTO clock_snapshot VALUES (?, ?, ?)", [(s.monotonic_ns, s.realtime_ns, s.error_ns) for s in snapshots]
    )
    offset = offset_at(snapshots, manifest.started_ns)
    write_meta(
        db,
        {
            "version": CAPTURE_VERSION,
            "tool": f"wiretale {manifest.tool_version}",
            "command": manifest.command,
            "host": manifest.host,
            "kernel": manifest.kernel,
            "machine": manifest.machine,
            "uid": manifest.uid,
            "recorder_pid": manifest.recorder_pid,
            "started_ns": manifest.started_ns,
            "started_realtime_ns": manifest.started_ns + offset,
            "ended_ns": manifest.ended_ns,
            "realtime_offset_ns": offset,
            "clock_error_ns": conversion_error_ns(snapshots),
            "options": manifest.options,
            "programs": [
                {"pid": p.pid, "argv": p.argv, "started_ns": p.started_ns, "attached": p.attached, "status": p.status}
                for p in manifest.programs
            ],
            "notes": manifest.notes,
        },
    )


def _write_sources(manifest: Manifest, db: duckdb.DuckDBPyConnection) -> None:
    """After the loaders: they may correct what a source reported (the clock error, records that could not be read)."""
    for s in manifest.sources:
        db.execute(
            "INSERT INTO source VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                s.source,
                s.level,
                s.ran,
                s.reason,
                s.remedy,
                s.start_ns,
                s.end_ns,
                s.items,
                s.lost,
                s.clock_error_ns,
                json.dumps(s.detail),
            ],
        )
        if not s.ran:
            db.execute(
                "INSERT INTO coverage VALUES (?, ?, 0, 'not recorded', ?, ?)", [s.level, s.source, s.reason, s.remedy]
            )
        elif s.lost:
            db.execute(
                "INSERT INTO coverage VALUES (?, ?, ?, 'lost', ?, ?)",
                [s.level, f"{s.source} records", s.lost, s.reason, s.remedy],
            )
    if manifest.ended_ns is None:
        db.execute(
            "INSERT INTO coverage VALUES"
            " (NULL, 'recording', 1, 'truncated', 'the recorder was killed before it ended in order', NULL)"
        )
    for note in manifest.notes:
        db.execute("INSERT INTO coverage VALUES (NULL, 'note', 1, 'recorded', ?, NULL)", [note])
