"""Requests of ioctl whose structures lead to other memory, under the installed strace and under `wiretale strace`."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import require

pytestmark = pytest.mark.e2e
HERE = Path(__file__).parent
SUCCEED = ["-e", "inject=ioctl:retval=0"]
STYLES = [
    [],
    ["-v"],
    ["-v", "-s", "3"],
    ["-X", "raw", "-v"],
    ["-X", "verbose"],
    SUCCEED,
    [*SUCCEED, "-v"],
    [*SUCCEED, "-v", "-X", "raw"],
    [*SUCCEED, "-v", "-X", "verbose"],
]
COUNTS = {"scsi": "3000", "btrfs": "700", "dedupe": "6000"}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require(shutil.which("strace"), "strace is not installed")
    built = tmp_path_factory.mktemp("requests") / "deep_requests"
    subprocess.run(["cc", "-w", "-O1", "-o", built, HERE / "deep_requests.c"], check=True)
    return built


def trace(tracer: list[str], style: list[str], program: Path, kind: str, out: Path) -> list[str]:
    words = [*tracer, *style, "-a1", "-e", "trace=ioctl", "-o", str(out), str(program), kind, "1", COUNTS[kind]]
    subprocess.run(words, check=True, capture_output=True)
    return out.read_text().splitlines()


@pytest.mark.parametrize("style", STYLES, ids=" ".join)
@pytest.mark.parametrize("kind", COUNTS)
def test_every_line_is_straces(program: Path, tmp_path: Path, kind: str, style: list[str]) -> None:
    theirs = trace(["strace"], style, program, kind, tmp_path / "theirs")
    ours = trace([sys.executable, "-m", "wiretale", "strace"], style, program, kind, tmp_path / "ours")
    assert len(theirs) > 100, "the program hardly called"
    assert ours == theirs
