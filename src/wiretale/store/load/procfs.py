"""`procfs.jsonl` to rows of `task` (processes not traced) and to samples: descriptors, epoll, sockets, threads."""

import json
from typing import Any

import duckdb

from wiretale.model.raw import DESCRIPTOR_SAMPLE, SOCKET_SAMPLE, TASK, THREAD_SAMPLE, WATCH_SAMPLE
from wiretale.store.load.rows import insert_rows
from wiretale.store.progress import Progress, silent
from wiretale.store.report import SourceReport
from wiretale.store.spool import Manifest, Spool

Fact = dict[str, Any]


def load_procfs(spool: Spool, manifest: Manifest, db: duckdb.DuckDBPyConnection, progress: Progress = silent) -> None:
    """Fill the tables and add the source's own report to `manifest`. Lines that cannot be read are counted as lost."""
    progress("reading processes and sockets")
    facts, damaged = _read(spool)
    netns_cookie = None
    tasks: list[Fact] = []
    descriptors: list[Fact] = []
    watches: list[Fact] = []
    sockets: list[Fact] = []
    threads: list[Fact] = []
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
        elif kind == "watch":
            watches.append(fact)
        elif kind == "socket":
            sockets.append(fact | {"netns_cookie": netns_cookie, "tcp_info": _unhex(fact.get("tcp_info"))})
        elif kind == "thread":
            threads.append(fact)
        else:
            damaged += 1
    insert_rows(db, DESCRIPTOR_SAMPLE, descriptors)
    insert_rows(db, WATCH_SAMPLE, watches)
    insert_rows(db, SOCKET_SAMPLE, sockets)
    insert_rows(db, THREAD_SAMPLE, threads)
    insert_rows(db, TASK, _untraced(db, tasks))
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
