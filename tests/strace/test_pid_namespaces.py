"""--decode-pids under strace and under `wiretale strace`: numbers of a PID namespace, and what they are here."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import require

pytestmark = pytest.mark.e2e
OURS = [sys.executable, "-m", "wiretale", "strace"]
PROGRAM = ["unshare", "--pid", "--fork", "sh", "-c", "kill -0 $$; sh -c 'kill -0 $$; kill -0 1; :'; setsid true"]
WAYS = [["--decode-pids=pidns"], ["-Y"], ["-Y", "--pidns-translation"], ["--decode-pids=comm,pidns"]]


def trace(tracer: list[str], out: Path, *options: str) -> list[str]:
    """The calls with numbers, where those of our namespace are letters in the order in which they come."""
    subprocess.run(
        [*tracer, "-f", "-e", "trace=kill,setsid", "-e", "signal=none", "-o", str(out), *options, *PROGRAM], check=True
    )
    calls = "\n".join(line for line in out.read_text().splitlines() if "(" in line and "exited" not in line)
    letters: dict[str, str] = {}
    return re.sub(r"\b\d{3,}\b", lambda m: letters.setdefault(m[0], chr(65 + len(letters))), calls).splitlines()


@pytest.mark.parametrize("way", WAYS, ids=" ".join)
def test_numbers_of_another_namespace(tmp_path: Path, way: list[str]) -> None:
    require(shutil.which("strace"), "strace is not installed")
    require(os.geteuid() == 0, "root, to make a PID namespace")
    ours = [" ".join(line.split()) for line in trace(OURS, tmp_path / "ours", *way)]
    assert any("kill(1" in line for line in ours)
    assert ours == [" ".join(line.split()) for line in trace(["strace"], tmp_path / "theirs", *way)]


def test_as_the_first_process_of_a_namespace_under_the_proc_of_another(tmp_path: Path) -> None:
    require(os.geteuid() == 0, "root, to make a PID namespace")
    out = tmp_path / "out"
    words = ["unshare", "--pid", "--fork", *OURS, "-f", "--decode-pids=pidns,comm", "-e", "trace=kill", "-o", str(out)]
    done = subprocess.run([*words, *PROGRAM], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0
    first = next(line for line in out.read_text().splitlines() if "kill(" in line)
    assert re.match(r"(\d+)<sh> +kill\(1<sh> /\* \1 in strace's PID NS \*/, 0\)", first), first
