"""A capture printed as strace prints: the same lines that were printed while it was made."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import require
from tests.strace.test_run import strace

pytestmark = pytest.mark.e2e


def test_a_capture_reads_as_the_lines_that_were_printed(tmp_path: Path) -> None:
    require(shutil.which("nc.openbsd"), "nc.openbsd")
    capture = tmp_path / "x.wiretale"
    live = strace("-f", "-o", str(capture), "sh", "-c", "nc.openbsd 127.0.0.1 1; kill -9 $$")
    code = "import sys; from wiretale.start import main; sys.argv[1:] = sys.argv[1:]; main()"
    words = [sys.executable, "-c", code, "show", "--format", "strace", "--strings", "32", str(capture)]
    shown = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True).stdout
    sides = []
    for text in (live.stderr, shown):
        lines = [re.sub(r"^(\[pid +\d+\] |\d+ +)", "", line) for line in text.splitlines()]
        calls = [re.sub(r"\) += ", ") = ", line) for line in lines if re.match(r"\w+\(.* = ", line)]
        sides.append([line for line in calls if not line.startswith(("execve", "wait4"))])
    assert len(sides[0]) > 50
    assert sides[0] == sides[1]
    assert shown.rstrip().endswith("+++ killed by SIGKILL +++")
