"""What ended the waits of a real program, as the program itself says it."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.session import WIRETALE
from wiretale.store.capture import open_capture

pytestmark = pytest.mark.e2e

LEAST_NS = 20_000_000  # shorter ones are of the machine's making


@pytest.mark.parametrize("engine", ["ptrace", "ebpf"])
def test_what_ended_each_wait_is_known(engine: str, tmp_path: Path) -> None:
    capture = tmp_path / "run.wiretale"
    words = [*WIRETALE, "record", "-q", "-o", str(capture), "--engine", engine]
    program = [sys.executable, str(Path(__file__).with_name("waiting_programs.py"))]
    done = subprocess.run([*words, "--", *program], capture_output=True, text=True, timeout=90, check=True)
    with open_capture(capture) as db:
        query = """
            SELECT c.name, w.ended_by, t.pid, c.retval FROM wait w JOIN call c USING (call_id)
            LEFT JOIN task t ON t.task_id = w.cause_task_id
            WHERE c.tid = (SELECT tid FROM task WHERE parent_task_id IS NULL) AND w.to_ns - w.from_ns > ?
            ORDER BY w.to_ns"""
        waits = db.execute(query, [LEAST_NS]).fetchall()
    said = [line.split() for line in done.stdout.splitlines()]
    assert [[name, end] for name, end, *_ in waits if end != "child"] == [s for s in said if s[1] != "child"]
    children = [(name, pid, told) for name, end, pid, told in waits if end == "child"]
    # the third one was stopped: it had not ended
    assert [name for name, *_ in children[:3]] == ["wait4", "waitid", "wait4"]
    assert [pid for _, pid, _ in children[:3]] == [children[0][2], children[1][1], None]
    assert children[1][1] is not None
