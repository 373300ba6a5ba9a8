"""What a capture says of itself: a header of what was recorded, and what is missing with the command that records
it."""

import json
import shlex

import duckdb

from wiretale.clock import Snapshot, offset_at
from wiretale.decode.durations import duration
from wiretale.decode.escape import escape_text
from wiretale.filter.own_packets import FOREIGN, traces_connections
from wiretale.filter.tables import with_all_tables
from wiretale.light import dataclass

STOPS_PER_CALL = 2  # at the entry and at the return
# What a source cut at a length was asked for, and is no fault: it is said, but not warned of.
_AS_ASKED = "state = 'truncated' AND level IS NOT NULL"
_MISSING = f"state <> 'recorded' AND NOT ({_AS_ASKED})"


@dataclass(frozen=True, slots=True)
class Gap:
    """One thing that is lost, uncertain or not there, and what to do about it."""

    text: str
    remedy: str | None


@dataclass(frozen=True, slots=True)
class About:
    """The capture in a few facts. `cost_ns` is the least time one call costs under the tracer; `offset_ns` gives real
    time."""

    programs: tuple[str, ...]
    sources: tuple[str, ...]
    cut: tuple[str, ...]
    gaps: tuple[Gap, ...]
    cost_ns: int
    offset_ns: int
    span_ns: int
    who_columns: int


def about(db: duckdb.DuckDBPyConnection) -> About:
    """Read from meta, source, coverage and task."""
    with_all_tables(db)
    offset = _offset(db)
    sources, gaps, cost = _sources(db)
    gaps += _coverage(db, _MISSING) + _early(db)
    cut = [f"{g.text} ({g.remedy})" if g.remedy else g.text for g in _coverage(db, _AS_ASKED)]
    return About(_programs(db), tuple(sources), tuple(cut), tuple(gaps), cost, offset, _span(db), _who_columns(db))


def missing(db: duckdb.DuckDBPyConnection) -> list[Gap]:
    """The gaps alone."""
    return _sources(db)[1] + _coverage(db, _MISSING) + _early(db)


def _offset(db: duckdb.DuckDBPyConnection) -> int:
    found = db.execute("SELECT monotonic_ns, realtime_ns, error_ns FROM clock_snapshot").fetchall()
    snapshots = [Snapshot(*row) for row in found]
    return offset_at(snapshots, snapshots[0].monotonic_ns) if snapshots else 0


def snapshots(db: duckdb.DuckDBPyConnection) -> list[Snapshot]:
    """The capture's clock snapshots."""
    return [
        Snapshot(*r) for r in db.execute("SELECT monotonic_ns, realtime_ns, error_ns FROM clock_snapshot").fetchall()
    ]


def _span(db: duckdb.DuckDBPyConnection) -> int:
    row = db.execute(
        "SELECT greatest((SELECT max(coalesce(exit_ns, entry_ns)) - min(entry_ns) FROM call),"
        " (SELECT max(time_ns) - min(time_ns) FROM packet), 0)"
    ).fetchone()
    return int(row[0]) if row and row[0] is not None else 0


def _who_columns(db: duckdb.DuckDBPyConnection) -> int:
    """How wide the widest `name pid` is, within reason."""
    row = db.execute(
        "SELECT 1 + max(length(comm) + length(CAST(pid AS VARCHAR))"
        " + CASE WHEN is_leader THEN 0 ELSE 1 + length(CAST(tid AS VARCHAR)) END) FROM task WHERE traced"
    ).fetchone()
    return min(24, max(10, int(row[0]))) if row and row[0] is not None else 14


def _programs(db: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    rows = db.execute(
        "SELECT pid, any_value(comm ORDER BY start_ns DESC), arg_max(argv, start_ns), min(start_ns) FROM task"
        " WHERE traced AND is_leader AND pid IN (SELECT pid FROM task WHERE how IN ('started', 'attached'))"
        " GROUP BY pid ORDER BY 4, 1"
    ).fetchall()
    return tuple(f"{escape_text(shlex.join(argv) if argv else comm or '?')} (pid {pid})" for pid, comm, argv, _ in rows)


def _sources(db: duckdb.DuckDBPyConnection) -> tuple[list[str], list[Gap], int]:
    said: list[str] = []
    gaps: list[Gap] = []
    cost = 0
    names = {"ptrace": "calls", "ebpf calls": "calls", "packets": "packets"}
    for source, ran, reason, remedy, lost, detail in db.execute(
        "SELECT source, ran, reason, remedy, lost, detail FROM source"
    ).fetchall():
        facts = _detail(detail)
        word = names.get(source, str(source))
        if not ran:
            gaps.append(Gap(f"no {word} were recorded: {escape_text(reason or 'unknown')}", remedy))
            continue
        if reason:
            gaps.append(Gap(f"{word} stopped early: {escape_text(reason)}", remedy))
        if source in names:
            count = _count(db, "call" if word == "calls" else "packet WHERE shown")
            said.append(f"{count} {word}" + _how(facts))
        if source == "ptrace":
            per_stop = facts.get("cpu_ns_per_stop")
            cost = STOPS_PER_CALL * int(per_stop) if isinstance(per_stop, int | float) else 0
        if lost and not _covered(db, source):
            gaps.append(Gap(f"{lost} records of {word} were lost", remedy))
    return said, gaps, cost


def _covered(db: duckdb.DuckDBPyConnection, source: str) -> bool:
    """Whether the table `coverage` already tells of this source's losses."""
    level = {"ptrace": "syscall", "ebpf calls": "syscall", "packets": "packet"}.get(source, "")
    row = db.execute("SELECT 1 FROM coverage WHERE level = ? AND state = 'lost' LIMIT 1", [level]).fetchone()
    return row is not None


def _detail(text: str | None) -> dict[str, object]:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _how(facts: dict[str, object]) -> str:
    """The interfaces or the mode of a source, in brackets."""
    interfaces = facts.get("interfaces")
    if isinstance(interfaces, list) and interfaces:
        named = [str(i.get("interface", i.get("name", "?"))) if isinstance(i, dict) else str(i) for i in interfaces]
        return f" on {escape_text(', '.join(named))}"
    mode = facts.get("mode")
    return f" ({escape_text(mode)})" if isinstance(mode, str) else ""


def _count(db: duckdb.DuckDBPyConnection, what: str) -> int:
    row = db.execute(f"SELECT count(*) FROM {what}").fetchone()  # noqa: S608 (no text of a user or a capture is in it)
    return int(row[0]) if row else 0


def _coverage(db: duckdb.DuckDBPyConnection, condition: str) -> list[Gap]:
    rows = db.execute(
        f"SELECT item, count, state, reason, remedy FROM coverage WHERE {condition} AND count <> 0 ORDER BY rowid"  # noqa: S608 (fixed conditions)
    ).fetchall()
    return [
        Gap(
            f"{count} {escape_text(item)}: {escape_text(state)}" + (f", {escape_text(reason)}" if reason else ""),
            remedy,
        )
        for item, count, state, reason, remedy in rows
    ]


def _early(db: duckdb.DuckDBPyConnection) -> list[Gap]:
    """Packets of attached processes from before their calls were recorded."""
    row = db.execute(
        "SELECT count(DISTINCT p.packet_id), max(t.at) - min(p.time_ns) FROM ("
        " SELECT pid, min(start_ns) AS at FROM task WHERE traced AND how = 'attached' GROUP BY pid"
        ") t JOIN endpoint e USING (pid) JOIN segment s USING (connection_id) JOIN packet p USING (packet_id)"
        " WHERE s.shown AND p.time_ns < t.at"
    ).fetchone()
    if row is None or not row[0]:
        return []
    packets = "1 packet" if row[0] == 1 else f"{row[0]:,} packets"
    return [Gap(
        f"{packets} passed in the {duration(row[1])} before the recorder was attached to the processes at their ends: "
        "no call stands beside them", None,
    )]  # fmt: skip


def foreign_packets(db: duckdb.DuckDBPyConnection) -> int:
    """How many shown packets belong to other programs, and so are left out unless asked for."""
    with_all_tables(db)
    if not traces_connections(db):
        return 0
    row = db.execute(FOREIGN).fetchone()
    return int(row[0]) if row else 0
