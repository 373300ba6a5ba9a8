"""A program of calls that few programs make, under the installed strace and under `wiretale strace`: the same lines."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import require

pytestmark = pytest.mark.e2e
HERE = Path(__file__).parent
PARTS = ("tracing", "keys", "quotas", "attributes", "waiting", "numbers", "requests", "segments")
# Addresses and registers; process and key numbers, at least in a system that has run a little; what is on the stack.
_VARIES = re.compile(
    r" /\* \d{4}-\d\d-[^*]* \*/|0x[0-9a-f]{3,}|(?<![\w.])-?\d{3,}|xmm_space=\[[^]]*\]|st_space=\[[^]]*\]"
)

_RESULT = re.compile(r"\) +=[ V]*(\S)")  # how far from the call depends on how long the numbers are


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require(shutil.which("strace"), "strace is not installed")
    built = tmp_path_factory.mktemp("rare") / "rare_calls"
    subprocess.run(["cc", "-w", "-O1", "-o", built, HERE / "rare_calls.c"], check=True)
    return built


def parts(tracer: list[str], program: Path, out: Path) -> list[list[str]]:
    """The lines of each part, without what truly varies."""
    subprocess.run([*tracer, "-e", "signal=none", "-o", out, program], check=True, capture_output=True, timeout=60)
    found: list[list[str]] = []
    for line in out.read_text(errors="replace").splitlines():
        if line.startswith('chdir("/next part")'):
            found.append([])
        # With -X raw strace leaves out the number of the flags' first part.
        elif found and not ("raw" in tracer and line.startswith("statx")):
            found[-1].append(_VARIES.sub("V", _RESULT.sub(r") = \1", line)))
    return found


@pytest.mark.parametrize("style", [[], ["-v"], ["-X", "verbose"], ["-X", "raw"], ["-s", "3"]], ids=" ".join)
def test_every_line_is_straces(program: Path, tmp_path: Path, style: list[str]) -> None:
    theirs = parts(["strace", *style], program, tmp_path / "theirs")
    ours = parts([sys.executable, "-m", "wiretale", "strace", *style], program, tmp_path / "ours")
    assert len(theirs) == len(PARTS)
    for name, expected, got in zip(PARTS, theirs, ours, strict=True):
        assert got == expected, name
