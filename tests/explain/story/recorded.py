"""One recording of a script with many small programs, and which process of it was which program."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import duckdb

from tests.conftest import require
from tests.e2e.session import WIRETALE
from wiretale.explain.story import Step
from wiretale.explain.words import plain
from wiretale.explain.world import World, load_world
from wiretale.filter.tables import with_all_tables

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Recorded:
    """A capture, its world, and the programs by the ids of their processes (and those of their children)."""

    db: duckdb.DuckDBPyConnection
    world: World
    pids: dict[str, int]
    programs: dict[int, str]

    def about(self, step: Step) -> set[str]:
        """The programs whose rows are the evidence of a step."""
        found = set()
        for table, query in _OWNERS.items():
            ids = [ref.id for ref in step.evidence if ref.table == table]
            for (pid,) in self.db.execute(query, [ids]).fetchall() if ids else ():
                if pid in self.programs:
                    found.add(self.programs[pid])
        return found

    def connection(self, program: str) -> int:
        """The first connection whose client is that program, rather than a child of it."""
        pids = [pid for pid, name in self.programs.items() if name == program]
        row = self.db.execute(
            "SELECT arg_min(connection_id, (pid <> ?, connection_id)) FROM endpoint"
            " WHERE role = 'client' AND pid IN (SELECT unnest(?))",
            [self.pids[program], pids],
        ).fetchone()
        assert row is not None
        assert row[0] is not None, program
        return int(row[0])


# To whom a row belongs.
_OWNERS = {
    "call": "SELECT DISTINCT pid FROM call WHERE call_id IN (SELECT unnest(?))",
    "descriptor": "SELECT DISTINCT pid FROM descriptor WHERE descriptor_id IN (SELECT unnest(?))",
    "connection": "SELECT DISTINCT pid FROM endpoint WHERE connection_id IN (SELECT unnest(?)) AND pid IS NOT NULL",
    "packet": "SELECT DISTINCT pid FROM segment JOIN endpoint USING (connection_id)"
              " WHERE packet_id IN (SELECT unnest(?)) AND pid IS NOT NULL",
}  # fmt: skip


def text(step: Step) -> str:
    """What a step says, with its code in backticks."""
    return plain(" ".join(step.sentences), "`")


def record(script: str, folder: Path) -> tuple[Path, dict[str, int]]:
    """Record all programs of a script; gives the capture and the process id of each program."""
    capture, log = folder / "run.wiretale", folder / "log"
    words = [*WIRETALE, "record", "-q", "-o", str(capture), "--private-net", "--snaplen", "all", "--"]
    done = subprocess.run(
        [*words, sys.executable, str(_HERE / script), str(log)], capture_output=True, timeout=120, check=False
    )
    said = done.stderr.decode(errors="replace")
    require(capture.exists() or "user namespace" not in said, f"a network of its own can be made: {said}")
    assert capture.exists(), said
    pids = {}
    for line in log.read_text().splitlines():
        name, pid, status = line.split()
        assert status == "0", f"{name} failed: {said}"
        pids[name] = int(pid)
    return capture, pids


def opened(db: duckdb.DuckDBPyConnection, pids: dict[str, int]) -> Recorded:
    """The world of an open capture."""
    programs = {pid: name for name, pid in pids.items()}
    for pid, parent in db.execute("SELECT DISTINCT pid, parent_pid FROM task WHERE is_leader ORDER BY pid").fetchall():
        if parent in programs and pid not in programs:
            programs[pid] = programs[parent]
    return Recorded(db, load_world(with_all_tables(db)), pids, programs)
