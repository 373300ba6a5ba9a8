"""Running real programs under the tracer, for the tests of this folder."""

import os
import sys
import textwrap
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import duckdb

from tests.conftest import require
from wiretale.model.raw import RAW_TABLES
from wiretale.record.ptrace.library import LIBRARY_PATH
from wiretale.record.ptrace.notable import Notable
from wiretale.record.ptrace.source import PtraceOptions, PtraceSource, SpawnRequest
from wiretale.store.load.calls import load_calls
from wiretale.store.report import SourceReport
from wiretale.store.spool import Manifest, Program, Spool

DEADLINE_S = 30
PYTHON = sys.executable


@dataclass
class Traced:
    """A recording that has ended, and its tables."""

    spool: Spool
    manifest: Manifest
    report: SourceReport
    statuses: dict[int, int | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.db = duckdb.connect()
        for table in RAW_TABLES:
            self.db.execute(table.ddl)
        load_calls(self.spool, self.manifest, self.db)

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        return self.db.execute(sql, list(values)).fetchall()

    def one(self, sql: str, *values: object) -> Any:
        """The first column of the only row."""
        ((value, *_),) = self.rows(sql, *values)
        return value

    def names(self, condition: str = "true") -> list[str]:
        """Names of the calls in order of entry."""
        return [n for (n,) in self.rows(f"SELECT name FROM call WHERE {condition} ORDER BY call_id")]


def until(condition: Callable[[], object], what: str = "the condition") -> None:
    """Wait for a condition; fail after the deadline."""
    end = monotonic() + DEADLINE_S
    pause = threading.Event()
    while not condition():
        assert monotonic() < end, f"{what} did not come true in {DEADLINE_S} s"
        pause.wait(0.002)


class Tracing:
    """One PtraceSource with its spool; a context manager that always stops it."""

    def __init__(self, folder: Path, **options: Any) -> None:
        require(Path(LIBRARY_PATH).exists(), "the tracer is not compiled")
        folder.mkdir(parents=True, exist_ok=True)
        self.spool = Spool(folder)
        self.manifest = Manifest()
        self.source = PtraceSource(self.spool.tracer, PtraceOptions(**options))
        self.seen: list[Notable] = []

    def __enter__(self) -> "Tracing":
        self.source.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.source.stop(timeout_s=5)

    def spawn(self, *argv: str, **request: Any) -> int:
        """Start a program with the tests' environment and nothing on standard input."""
        null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
        try:
            request.setdefault("env", dict(os.environ))
            request.setdefault("stdin_fd", null)
            request.setdefault("stdout_fd", null)
            pid = self.source.spawn(SpawnRequest(list(argv), **request))
        finally:
            os.close(null)
        self.manifest.programs.append(Program(pid, list(argv), 0))
        return pid

    def attach(self, pid: int) -> None:
        """Attach to a running process."""
        self.source.attach(pid)
        self.manifest.programs.append(Program(pid, [], 0, attached=True))

    def notable(self) -> list[Notable]:
        """All notable events so far."""
        self.seen += self.source.notable()
        return self.seen

    def finish(self) -> Traced:
        """Wait for the programs, stop, load."""
        assert self.source.wait(DEADLINE_S), f"still traced: {self.source.alive()}"
        return self.stop()

    def stop(self) -> Traced:
        """Stop now, load."""
        self.source.stop(timeout_s=5)
        statuses = {p.pid: self.source.status_of(p.pid) for p in self.manifest.programs}
        return Traced(self.spool, self.manifest, self.source.report(), statuses)


def trace(folder: Path, *argv: str, options: dict[str, Any] | None = None, **request: Any) -> Traced:
    """Run one program to its end under the tracer."""
    with Tracing(folder, **(options or {})) as tracing:
        tracing.spawn(*argv, **request)
        return tracing.finish()


def script(tmp_path: Path, text: str) -> list[str]:
    """A Python program, ready to run with little start-up."""
    path = tmp_path / "program.py"
    path.write_text(textwrap.dedent(text))
    return [PYTHON, "-S", "-E", str(path)]


def state_of(pid: int) -> str:
    """The state letter of /proc/PID/stat."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
