"""`procfs.jsonl` to rows of `task` (processes that were not traced), `descriptor_sample` and `socket_sample`."""

import json
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from wiretale.model.raw import DESCRIPTOR_SAMPLE, SOCKET_SAMPLE, TASK
from wiretale.model.table import Table
from wiretale.store.report import SourceReport
from wiretale.store.spool import Manifest, Spool

Fact = dict[str, Any]

_INT64_MOST = 2**63 - 1
_RANGES = {
    "BIGINT": (-(2**63), _INT64_MOST),
    "UBIGINT": (0, 2**64 - 1),
    "INTEGER": (-(2**31), 2**31 - 1),
    "UINTEGER": (0, 2**32 - 1),
}


def load_procfs(spool: Spool, manifest: Manifest, db: duckdb.DuckDBPyConnection) -> None:
    """Fill the tables and add the source's own report to `manifest`. Lines that cannot be read are counted as lost."""
    facts, damaged = _read(spool)
    netns_cookie = None
    tasks: list[Fact] = []
    descriptors: list[Fact] = []
    sockets: list[Fact] = []
    snapshots: list[Fact] = []
    for fact in facts:
        kind = fact.get("kind")
        if kind == "snapshot":
            netns_cookie = fact.get("netns_cookie")
            snapshots.append(fact)
        elif kind == "task":
            tasks.append(fact)
        elif kind == "descriptor":
            descriptors.append(fact)
        elif kind == "socket":
            sockets.append(fact | {"netns_cookie": netns_cookie, "tcp_info": _unhex(fact.get("tcp_info"))})
        else:
            damaged += 1
    _insert(db, DESCRIPTOR_SAMPLE, descriptors)
    _insert(db, SOCKET_SAMPLE, sockets)
    _insert(db, TASK, _untraced(db, tasks))
    _report(manifest, snapshots, len(facts), damaged)


def _read(spool: Spool) -> tuple[list[Fact], int]:
    try:
        text = spool.procfs_path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return [], 0
    facts: list[Fact] = []
    damaged = 0
    for line in text.splitlines():
        try:
            fact = json.loads(line)
        except (ValueError, RecursionError):
            fact = None
        if isinstance(fact, dict):
            facts.append(fact)
        else:
            damaged += 1
    return facts, damaged


def _untraced(db: duckdb.DuckDBPyConnection, tasks: list[Fact]) -> list[Fact]:
    """Rows for the threads the tracer did not see; of several sightings the first one counts."""
    traced = {int(t) for (t,) in db.execute("SELECT DISTINCT tid FROM task WHERE tid IS NOT NULL").fetchall()}
    (last,) = db.execute("SELECT coalesce(max(task_id), 0) FROM task").fetchone() or (0,)
    rows: dict[int, Fact] = {}
    for fact in tasks:
        tid = fact.get("tid")
        if isinstance(tid, int) and tid not in traced:
            rows.setdefault(tid, fact)
    return [
        fact
        | {
            "task_id": int(last) + number,
            "is_leader": fact.get("tid") == fact.get("pid"),
            "how": "present",
            "traced": False,
            "start_ns": fact.get("time_ns"),
        }
        for number, fact in enumerate(rows.values(), 1)
    ]


def _insert(db: duckdb.DuckDBPyConnection, table: Table, facts: list[Fact]) -> None:
    """All rows at once: a statement per row costs two milliseconds."""
    if not facts:
        return
    batch = {c.name: _array([_fitting(fact.get(c.name), c.type) for fact in facts], c.type) for c in table.columns}
    assert batch  # DuckDB finds it by its name in this function
    casts = ", ".join(f'CAST("{c.name}" AS {c.type})' for c in table.columns)
    db.execute(f'INSERT INTO "{table.name}" SELECT {casts} FROM batch')  # noqa: S608 (a table of the model)


def _array(values: list[Any], kind: str) -> NDArray[Any]:
    """A column for DuckDB, NULL where a value is None."""
    if kind in _RANGES or kind == "BOOLEAN":
        absent = np.array([v is None for v in values])
        number_type = {"UBIGINT": np.uint64, "BOOLEAN": np.bool_}.get(kind, np.int64)
        return np.ma.masked_array(np.array([v or 0 for v in values], number_type), absent)
    column = np.empty(len(values), object)
    column[:] = values
    return column


def _fitting(value: object, kind: str) -> object:
    """`value` if a column of type `kind` can hold it, else None: a damaged line must not end the loading."""
    if kind in _RANGES:
        low, high = _RANGES[kind]
        return value if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high else None
    if kind == "VARCHAR":
        return _clean(value) if isinstance(value, str) else None
    if kind == "VARCHAR[]":
        return [_clean(v) for v in value if isinstance(v, str)] if isinstance(value, list) else None
    if kind == "BLOB":
        return value if isinstance(value, bytes) else None
    return value if isinstance(value, bool) else None


def _clean(text: str) -> str:
    """JSON can spell lone surrogates, UTF-8 cannot."""
    return text.encode(errors="backslashreplace").decode()


def _unhex(text: object) -> bytes | None:
    try:
        return bytes.fromhex(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _report(manifest: Manifest, snapshots: list[Fact], items: int, damaged: int) -> None:
    """The recorder writes no report for this source: its file says all there is to say."""
    if any(s.source == "procfs" for s in manifest.sources):
        return
    times = [t for t in (s.get("time_ns") for s in snapshots) if isinstance(t, int)]
    manifest.sources.append(
        SourceReport(
            "procfs",
            None,
            ran=bool(snapshots),
            reason=("lines of procfs.jsonl are damaged" if damaged else None) if snapshots else "no snapshot was taken",
            start_ns=min(times, default=None),
            end_ns=max(times, default=None),
            items=items,
            lost=damaged,
            clock_error_ns=0,
            detail={"snapshots": [{"label": s.get("label"), "asked": s.get("asked")} for s in snapshots]},
        )
    )
