"""Sockets of several processes, and the bytes they carry, under the installed strace and under `wiretale strace`."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import require

pytestmark = pytest.mark.e2e
_VARIES = re.compile(r"\d{3,}|0x[0-9a-f]{6,}")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require(shutil.which("strace"), "strace is not installed")
    built = tmp_path_factory.mktemp("speakers") / "speakers"
    subprocess.run(["cc", "-w", "-O1", "-o", built, Path(__file__).with_name("speakers.c")], check=True)
    return built


def lines(tracer: list[str], program: Path, out: Path) -> list[str]:
    subprocess.run([*tracer, "-o", out, program], check=True, capture_output=True)
    return [_VARIES.sub("N", line) for line in out.read_text(errors="replace").splitlines()]


@pytest.mark.parametrize("options", ["-f", "-f -yy", "-f -y -e read=all -e write=all"])
def test_every_line_is_straces(program: Path, tmp_path: Path, options: str) -> None:
    words = [*options.split(), "-e", "trace=%net,close,pipe,pipe2,clone"]
    wiretale = [str(Path(sys.executable).with_name("wiretale")), "strace"]
    ours = lines([*wiretale, *words], program, tmp_path / "ours")
    assert ours == lines(["strace", *words], program, tmp_path / "theirs")


def test_other_ends_are_known_after_everything_has_ended(program: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "wiretale", "strace", "-yy", "-e", "trace=close", "-o", tmp_path / "out", program],
        check=True,
    )
    closed = re.findall(r'UNIX-STREAM:\[\d+->\d+(,@"the other end")?\]', (tmp_path / "out").read_text())
    assert done.returncode == 0
    assert closed == [',@"the other end"', ""]
