"""Requests to the device mapper under the installed strace and under `wiretale strace`: the same lines.

No device is needed: the calls fail, or are said to have succeeded.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import require

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require(shutil.which("strace"), "strace is not installed")
    built = tmp_path_factory.mktemp("mapper") / "mapper"
    subprocess.run(["cc", "-w", "-O1", "-o", built, Path(__file__).with_name("mapper.c")], check=True)
    return built


def lines(tracer: list[str], program: Path, out: Path) -> list[str]:
    subprocess.run([*tracer, "-e", "trace=ioctl", "-o", out, program], check=True, capture_output=True)
    return [re.sub(r"0x[0-9a-f]{9,}", "ADDRESS", line) for line in out.read_text().splitlines()]


@pytest.mark.parametrize("result", [[], ["-e", "inject=ioctl:retval=0"]], ids=["failed", "succeeded"])
@pytest.mark.parametrize("style", [[], ["-v"], ["-v", "-s", "3"], ["-X", "raw", "-v"], ["-X", "verbose"]], ids=" ".join)
def test_every_line_is_straces(program: Path, tmp_path: Path, style: list[str], result: list[str]) -> None:
    ours = lines([sys.executable, "-m", "wiretale", "strace", *style, *result], program, tmp_path / "ours")
    assert ours == lines(["strace", *style, *result], program, tmp_path / "theirs")
    assert len(ours) > 200
