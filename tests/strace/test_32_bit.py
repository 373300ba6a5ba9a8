"""A 32-bit program under the installed strace and under `wiretale strace`: the same lines."""

import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import require

pytestmark = pytest.mark.e2e
SOURCE = Path(__file__).parent / "words32.c"
_VARIES = re.compile(r"0x[0-9a-f]{6,}|\b\d{3,}\b")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require(platform.machine() == "x86_64" and shutil.which("gcc"), "gcc on x86-64")
    require(shutil.which("strace"), "strace is not installed")
    built = tmp_path_factory.mktemp("words32") / "words32"
    flags = ["-w", "-O1", "-m32", "-nostdlib", "-static", "-fno-pic", "-fno-stack-protector"]
    subprocess.run(["gcc", *flags, "-o", built, SOURCE], check=True)
    return built


def lines(tracer: list[str], program: Path) -> list[str]:
    """On standard error, as there it is told in which mode a process runs."""
    done = subprocess.run([*tracer, program], check=True, capture_output=True, text=True)
    return [_VARIES.sub("V", line) for line in done.stderr.splitlines() if "execve" not in line]


@pytest.mark.parametrize(
    "style",
    [
        [],
        ["-v"],
        ["-yy"],
        ["-n"],
        ["-n", "-e", "trace=%net"],
        ["-q"],
        ["-f", "-e", "trace=getuid"],
        ["-c", "-S", "name", "-U", "calls,name"],
    ],
    ids=" ".join,
)
def test_every_line_is_straces(program: Path, style: list[str]) -> None:
    theirs = lines(["strace", *style], program)
    assert lines([sys.executable, "-m", "wiretale", "strace", *style], program) == theirs
    assert "-q" in style or any("[ Process PID=V runs in 32 bit mode. ]" in line for line in theirs)
