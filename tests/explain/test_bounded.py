"""The story says what bounded the slowest answer: the delay that was put in, as `wiretale critical` says it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_critical import CAUSES, ONE_ENGINE, program
from tests.cli.test_path import recorded
from tests.cli.test_record import query, run

pytestmark = pytest.mark.e2e

NAMED = {  # by the story's names of threads
    "sleep": r"thread \d+ of pid \d+ \(python3\) slept in clock_nanosleep\(\), while pid \d+ \(python3\) waited in rec",
    "lock": r"slept in clock_nanosleep\(\), while thread \d+ of pid \d+ \(python3\) waited in futex\(\) for a lock",
    "cpu": r"thread \d+ of pid \d+ \(python3\) ran its own code, while pid \d+ \(python3\) waited in recvfrom",
}


def step_of(capture: Path, *words: str) -> Any:
    done = run("explain", capture, "--format", "json", *words)
    assert done.returncode == 0, done.stderr
    steps = [s for c in json.loads(done.stdout)["chapters"] for section in c["sections"] for s in section["steps"]]
    return next((s for s in steps if s["anchor"] == "sum.slowest-answer"), None)


@pytest.mark.parametrize("cause", NAMED)
def test_the_delay_that_was_put_in_is_told_with_its_calls(tmp_path: Path, cause: str) -> None:
    assert cause in CAUSES
    capture = recorded(tmp_path, program([cause]), *ONE_ENGINE)
    step = step_of(capture)
    assert re.search(NAMED[cause], step["sentences"][0]), step["sentences"]
    done = run("critical", capture, "--json")
    answer = json.loads(done.stdout)
    assert step["sentences"][0].split(" %")[0] == answer["summary"].split(" %")[0]
    refs = {r["id"] for r in step["evidence"] if r["table"] == "call"}
    assert {answer["span"]["begin_call"], answer["span"]["end_call"]} <= refs
    shown = run("show", capture, "--step", "sum.slowest-answer").stdout
    assert "recvfrom" in shown
    connection = query(
        capture, f"SELECT connection_id FROM call_connection WHERE call_id = {answer['span']['end_call']}"
    )
    assert step_of(capture, "--connection", str(connection[0][0]))["sentences"] == step["sentences"]


def test_without_the_kernel_level_nothing_is_said_of_it(tmp_path: Path) -> None:
    capture = recorded(tmp_path, program(["cpu"]), "--engine", "ebpf")
    assert step_of(capture) is None
