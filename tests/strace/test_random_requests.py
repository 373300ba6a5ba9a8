"""All requests of ioctl that have a name, with random memory, under the installed strace and `wiretale strace`."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import require
from wiretale.decode.constants.requests import REQUESTS
from wiretale.decode.syscalls.requests import rows

pytestmark = pytest.mark.e2e
# PERF_EVENT_IOC_QUERY_BPF: strace shows programs for which there was no room. KDGKBSENT, KDSKBSENT: with -x it shows
# the NUL of a string.
LEFT_OUT = {0xC008240A, 0x4B48, 0x4B49}
STYLES = [["-v"], ["-e", "inject=ioctl:retval=0", "-X", "verbose"], ["-s", "4"], ["-x"], ["-xx"]]


@pytest.mark.parametrize("style", STYLES, ids=" ".join)
def test_every_line_is_straces(tmp_path: Path, style: list[str]) -> None:
    require(shutil.which("strace"), "strace is not installed")
    program, requests = tmp_path / "random_requests", tmp_path / "requests"
    subprocess.run(["cc", "-w", "-O1", "-o", program, Path(__file__).parent / "random_requests.c"], check=True)
    requests.write_text("\n".join(f"{request:x}" for request in sorted({*REQUESTS, *rows()} - LEFT_OUT)))
    lines = []
    for tracer in (["strace"], [sys.executable, "-m", "wiretale", "strace"]):
        words = [
            *tracer,
            *style,
            "-a1",
            "-e",
            "trace=ioctl",
            "-o",
            str(tmp_path / "lines"),
            str(program),
            str(requests),
            "3",
        ]
        subprocess.run(words, check=True, capture_output=True)
        lines.append((tmp_path / "lines").read_text(errors="replace").splitlines())
    theirs, ours = lines
    assert len(theirs) > 3 * len(REQUESTS)
    assert [(a, b) for a, b in zip(theirs, ours, strict=True) if a != b] == []
