"""The capture: one DuckDB file `NAME.wiretale`, mode 0600, versioned.

A capture is written to `NAME.wiretale.part` and renamed when it is whole, so a file with the final name is never half
made. It is opened read-only, with access to anything outside it switched off and the configuration locked: a query
typed by a user, or a capture made by somebody else, cannot read or write other files.
"""

import errno
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from wiretale.errors import SHORTAGES, CaptureError, ResourceFault
from wiretale.model.raw import CAPTURE_VERSION, KERNEL_FRAME, KERNEL_STACK, RAW_TABLES, THREAD_SAMPLE, WATCH_SAMPLE
from wiretale.model.table import Table
from wiretale.store.ending import ended_by_signals
from wiretale.store.file_names import is_utf8

HINT_RECORD = "record one with: wiretale record -o FILE.wiretale -- COMMAND"

# DuckDB's smallest. Every column of every table takes at least a block: with the default of 262144 the capture of one
# netcat conversation is 6.5 MB, with this 0.5 MB.
_SMALL_BLOCK = 1 << 14
# A large capture has them full, and is half as large with them: columns of numbers are packed a block at a time.
_LARGE_BLOCK = 1 << 18
_LARGE_CAPTURE = 64_000_000
_LEAST_MEMORY, _MOST_MEMORY = 500_000_000, 2_000_000_000
# DuckDB sets 4 MB aside for each column and thread before it inserts in parallel; it takes a fraction of that. For the
# 42 columns of packet and two threads it asks for three quarters of this; with less one thread does it all.
_LOADING_MEMORY = 1_000_000_000
_SMALL_CAPTURE_ROWS = 20_000  # of all tables together

Step = Callable[[duckdb.DuckDBPyConnection], None]


def _add_stacks(db: duckdb.DuckDBPyConnection) -> None:
    """Version 2: stacks of the kernel."""
    for table in (KERNEL_STACK, KERNEL_FRAME):
        db.execute(table.ddl.replace("CREATE TABLE", "CREATE TEMP TABLE"))
    db.execute("ALTER TABLE kernel_event ADD COLUMN stack_id INTEGER")


def _add_acked(db: duckdb.DuckDBPyConnection) -> None:
    """Version 3: `segment.acked`. Positions and relative numbers of a stream differ by the same everywhere."""
    db.execute("ALTER TABLE segment ADD COLUMN acked BIGINT")
    db.execute("""
        UPDATE segment SET acked = rel_ack - 1 + s.shift FROM (
            SELECT connection_id, direction, min(lo - rel_seq + ((p.flags & 2) = 0)::INTEGER) AS shift
            FROM segment JOIN packet p USING (packet_id) GROUP BY ALL
        ) s WHERE s.connection_id = segment.connection_id AND s.direction <> segment.direction""")


def _add_devices(db: duckdb.DuckDBPyConnection) -> None:
    """Version 4: which network namespace's interface an event was about. Of older events that was not recorded."""
    for column in ("netns UBIGINT", "device VARCHAR"):
        db.execute(f"ALTER TABLE kernel_event ADD COLUMN {column}")


def _add_task_causes(db: duckdb.DuckDBPyConnection) -> None:
    """Version 5: `wait.cause_task_id`. Older captures say "unknown" of waits for children, threads and futexes."""
    db.execute("ALTER TABLE wait ADD COLUMN cause_task_id BIGINT")


def _add_threads(db: duckdb.DuckDBPyConnection) -> None:
    """Version 6: what threads were in at the beginning and the end. Of older captures that was not recorded."""
    db.execute(THREAD_SAMPLE.ddl.replace("CREATE TABLE", "CREATE TEMP TABLE"))


def _add_watches(db: duckdb.DuckDBPyConnection) -> None:
    """Version 7: what epoll instances watched. Of older captures that was not recorded."""
    db.execute(WATCH_SAMPLE.ddl.replace("CREATE TABLE", "CREATE TEMP TABLE"))


# version N -> step that turns a capture of version N into one of N + 1, and the tables of it that the step changes
STEPS: dict[int, tuple[Step, tuple[str, ...]]] = {
    1: (_add_stacks, ("kernel_event",)),
    2: (_add_acked, ("segment",)),
    3: (_add_devices, ("kernel_event",)),
    4: (_add_task_causes, ("wait",)),
    5: (_add_threads, ()),
    6: (_add_watches, ()),
}


def _lock_down(db: duckdb.DuckDBPyConnection) -> None:
    for setting in (
        "SET TimeZone = 'UTC'",
        "SET enable_progress_bar = false",  # it goes to standard output
        "SET autoinstall_known_extensions = false",
        "SET autoload_known_extensions = false",
        "SET enable_external_access = false",
        "SET lock_configuration = true",
    ):
        db.execute(setting)


def _meta(db: duckdb.DuckDBPyConnection, path: Path) -> dict[str, str]:
    try:
        rows = db.execute("SELECT key, value FROM meta").fetchall()
    except duckdb.Error as fault:
        raise CaptureError(
            f"{path} is a database, but not a wiretale capture (it has no table meta)", HINT_RECORD
        ) from fault
    return {str(k): str(v) for k, v in rows}


def _check_version(meta: dict[str, str], path: Path) -> int:
    try:
        version = int(meta["version"])
    except (KeyError, ValueError) as fault:
        raise CaptureError(f"{path} does not say which version of wiretale's format it has", HINT_RECORD) from fault
    if version > CAPTURE_VERSION:
        tool = meta.get("tool", "a newer wiretale")
        raise CaptureError(
            f"{path} has format version {version} (made by {tool}); this wiretale reads up to {CAPTURE_VERSION}",
            "upgrade wiretale: pip install --upgrade wiretale",
        )
    return version


def _check_is_file(path: Path) -> None:
    try:
        os.stat(path)  # noqa: PTH116 (Path.exists() hides some reasons and raises others)
    except OSError as fault:
        if fault.errno in (errno.ENOENT, errno.ENOTDIR):
            spool = path.with_name(path.name + ".spool")
            hint = f"wiretale recover {spool} makes it" if spool.is_dir() else HINT_RECORD
            raise CaptureError(f"there is no file {path}", hint) from fault
        raise CaptureError(f"{path} cannot be opened: {fault.strerror}", HINT_RECORD) from fault
    if path.is_dir():
        hint = f"wiretale recover {path}" if path.name.endswith(".spool") else HINT_RECORD
        raise CaptureError(f"{path} is a folder, not a capture", hint)
    if not path.is_file():  # opening a pipe would wait for a writer
        raise CaptureError(f"{path} is no file, and a capture is one", HINT_RECORD)
    if not is_utf8(path):
        raise CaptureError(f"{path} is no name in UTF-8, and DuckDB opens no other", "rename it")
    if not os.access(path, os.R_OK):
        raise CaptureError(
            f"you may not read {path}", "captures are private to the user who recorded them; ask for a copy"
        )


# The first bytes of a pcapng file, and of a pcap file in either order, with micro- or nanoseconds.
_PACKETS = tuple(map(bytes.fromhex, ("0a0d0d0a", "d4c3b2a1", "a1b2c3d4", "4d3cb2a1", "a1b23c4d")))


def _holds_packets(path: Path) -> bool:
    with suppress(OSError), path.open("rb") as file:
        return file.read(4) in _PACKETS
    return False


def open_capture(path: Path | str) -> duckdb.DuckDBPyConnection:
    """Open a capture read-only. Raises CaptureError if it is missing, damaged, too new or no capture.

    An older version is brought up to date in memory; the file itself is never changed.
    """
    path = Path(path)
    _check_is_file(path)
    try:
        db = duckdb.connect(str(path), read_only=True)
    except (duckdb.Error, UnicodeDecodeError, RuntimeError) as fault:
        reason = str(fault).splitlines()[0] if str(fault) else type(fault).__name__
        if re.search(r"\block\b", reason, re.IGNORECASE):
            raise CaptureError(
                f"{path} is open for writing in another program", "close that program and try again"
            ) from fault
        hint = f"wiretale import {path}" if _holds_packets(path) else HINT_RECORD
        raise CaptureError(f"{path} is not a wiretale capture, or it is damaged", hint) from fault
    try:
        bring_up_to_date(db, path)
        _plan_lightly(db)
        _lock_down(db)
        _check_tables(db, path)
    except duckdb.Error as fault:
        db.close()
        raise CaptureError(f"{path} is damaged: {str(fault).splitlines()[0]}", HINT_RECORD) from fault
    except CaptureError:
        db.close()
        raise
    return db


def bring_up_to_date(db: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Apply every step since the version of the capture to temporary copies of the tables it changes.

    They hide those of the file. Raises CaptureError if it is no capture, or too new.
    """
    version = _check_version(_meta(db, path), path)
    have, copied = _tables(db), set[str]()
    for number in range(version, CAPTURE_VERSION):
        step, changed = STEPS[number]
        if not have.issuperset(changed):
            continue  # what its joins would have made is given empty, and of today's version
        for table in set(changed) - copied:
            db.execute(f'CREATE TEMP TABLE "{table}" AS FROM "{table}"')
        copied.update(changed)
        step(db)


def _quoted(text: str) -> str:
    """A SQL string literal; ATTACH takes no parameters."""
    return "'" + text.replace("'", "''") + "'"


def _plan_lightly(db: duckdb.DuckDBPyConnection) -> None:
    """Of a small capture a query is planned for longer than it runs: leave out what only pays over many rows.

    What stays makes a join of two tables and a condition out of all pairs of their rows.
    """
    rows = db.execute("SELECT coalesce(sum(estimated_size), 0) FROM duckdb_tables()").fetchone()
    if rows is None or rows[0] > _SMALL_CAPTURE_ROWS:
        return
    names = [str(r[0]) for r in db.execute("SELECT name FROM duckdb_optimizers()").fetchall()]
    db.execute(f"SET disabled_optimizers = '{','.join(n for n in names if n != 'filter_pushdown')}'")


def _check_tables(db: duckdb.DuckDBPyConnection, path: Path) -> None:
    have = _tables(db)
    missing = [t.name for t in RAW_TABLES if t.name not in have]
    if missing:
        raise CaptureError(f"{path} is damaged: it has no table {missing[0]}", HINT_RECORD)


def _tables(db: duckdb.DuckDBPyConnection) -> set[str]:
    return {str(r[0]) for r in db.execute("SELECT table_name FROM duckdb_tables()").fetchall()}


def _memory_limit(expected_bytes: int) -> int:
    """How much memory DuckDB may take for a capture made from so many bytes: beyond it writes to the disk.

    The tables of one join at a time are about half of it. Half of the machine's memory is left to others.
    """
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min(max(_LEAST_MEMORY, expected_bytes // 2), _MOST_MEMORY, physical // 2)


def _limit_memory(db: duckdb.DuckDBPyConnection, limit_bytes: int) -> None:
    db.execute(f"SET memory_limit = '{limit_bytes}B'")


def limit_joins(db: duckdb.DuckDBPyConnection, expected_bytes: int) -> None:
    """Once the raw tables are filled: from here on DuckDB holds as much as it is allowed to."""
    _limit_memory(db, _memory_limit(expected_bytes))


def make_tables(db: duckdb.DuckDBPyConnection, tables: Iterable[Table]) -> None:
    """Make them, new and empty, in one transaction: each one waits for the disk when it ends."""
    db.begin()
    for table in tables:
        db.execute(f'DROP TABLE IF EXISTS "{table.name}"')
        db.execute(table.ddl)
    db.commit()


@contextmanager
def create_capture(path: Path | str, expected_bytes: int = 0) -> Iterator[duckdb.DuckDBPyConnection]:
    """A new, empty capture to fill; it takes its final name when the block ends without an exception.

    `expected_bytes`: the size of what it is made from. What does not fit into memory meanwhile goes to a folder beside
    it, which is gone at the end.

    Raises ResourceFault when the disk is full and CaptureError when the place cannot be written, and KeyboardInterrupt
    when a signal asks the process to end: nothing half made is left then.
    """
    path = Path(path)
    part = path.with_name(path.name + ".part")
    spill = path.with_name(path.name + ".part.tmp")
    try:
        part.unlink(missing_ok=True)
        spill.mkdir(mode=0o700, exist_ok=True)  # it holds what the capture holds
        mask = os.umask(0o077)
        try:
            block = _LARGE_BLOCK if expected_bytes >= _LARGE_CAPTURE else _SMALL_BLOCK
            db = duckdb.connect(str(part), config={"default_block_size": str(block)})
        finally:
            os.umask(mask)
        try:
            db.execute("SET TimeZone = 'UTC'")
            db.execute("SET enable_progress_bar = false")  # its own, on standard output
            db.execute("SET fsync_mode = 'NONE'")  # half a capture is of no use: the disk is waited for at the end
            _limit_memory(db, max(_memory_limit(expected_bytes), _LOADING_MEMORY))
            db.execute(f"SET temp_directory = {_quoted(str(spill))}")
            make_tables(db, RAW_TABLES)
            with ended_by_signals() as ending, ending.stops(db.interrupt):
                yield db
                ending.check()
                db.execute("CHECKPOINT")
        finally:
            db.close()
        _reach_disk(part)
        part.chmod(0o600)
        part.replace(path)
    except (duckdb.Error, OSError) as fault:
        # A full disk comes as IOException from a write, but as FatalException from a checkpoint.
        first = str(fault).splitlines()[0] if str(fault) else type(fault).__name__
        if isinstance(fault, OSError) and fault.filename:
            first = f"{fault.filename}: {fault.strerror}"
        full = _what_is_full(fault, first)
        if not full and not isinstance(fault, (duckdb.IOException, OSError)):
            raise
        if full:
            raise ResourceFault(
                f"{full}: {path} could not be written", f"make room, then: wiretale recover {path}.spool"
            ) from fault
        raise CaptureError(f"{path} cannot be written: {first}", "choose another place with -o FILE") from fault
    finally:
        for made in (part, part.with_name(part.name + ".wal")):
            with suppress(IsADirectoryError):  # somebody else's, which is the fault that was raised
                made.unlink(missing_ok=True)
        shutil.rmtree(spill, ignore_errors=True)


def _reach_disk(path: Path) -> None:
    """Wait until all of the file is on the disk; raises OSError where it could not be written."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _what_is_full(fault: Exception, text: str) -> str:
    """In words; nothing if the fault is another one."""
    for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        if getattr(fault, "errno", None) == number or os.strerror(number) in text:
            return SHORTAGES[number][0]
    return ""


def write_meta(db: duckdb.DuckDBPyConnection, facts: dict[str, object]) -> None:
    """Add facts to `meta`; anything but text is stored as JSON."""
    rows = [(k, v if isinstance(v, str) else json.dumps(v)) for k, v in facts.items()]
    db.begin()  # otherwise every row waits for the disk
    db.executemany("INSERT INTO meta VALUES (?, ?)", rows)
    db.commit()
