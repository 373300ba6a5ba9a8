"""Programs of calls at the edges, under the installed strace and under `wiretale strace`: the same lines."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import require

pytestmark = pytest.mark.e2e
HERE = Path(__file__).parent
PARTS = {
    "edges": (
        "options", "filters", "waiting", "messages", "actions", "commands", "files",
        "processes", "memory", "folders",
    ),
    "addresses": ("addresses", "attributes"),
    "options": ("names_of_options",),
    "submitted": ("submitted",),
    "rings": ("rings", "counters", "programs"),
    "sockets": ("kinds", "routes", "generic", "timers", "handles", "mounts"),
    "labels": ("pairs", "ready", "credentials", "processes", "personalities", "filters", "bytes", "gone"),
}  # fmt: skip
_OF_PROCESSES = ("labels", "sockets")  # whose lines have numbers of processes
_LABELS = [["-y"], ["-yy"], ["-Y"], ["-e", "read=all", "-e", "write=all"]]
_STYLES = [[], ["-v"], ["-X", "verbose"], ["-X", "raw"], ["-s", "3"], ["-x"], ["-xx"]]
_NEXT_PART = ("/next part", "".join(f"\\x{byte:02x}" for byte in b"/next part"))
_VARIES = re.compile(r"0x[0-9a-f]{6,}|d_ino=\d+|d_off=-?\d+|\"\d+\"")
_NUMBERED = re.compile(r"0x[0-9a-f]{6,}|\b\d{3,}\b")  # processes and inodes too


@pytest.fixture(scope="module", params=PARTS)
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    require(shutil.which("strace"), "strace is not installed")
    built = tmp_path_factory.mktemp("edges") / str(request.param)
    subprocess.run(["cc", "-w", "-O1", "-o", built, HERE / f"{request.param}.c"], check=True)
    return built


def parts(tracer: list[str], program: Path, out: Path, varies: re.Pattern[str] = _VARIES) -> list[list[str]]:
    """The lines of each part, without what truly varies."""
    subprocess.run([*tracer, "-o", out, program], check=True, capture_output=True, cwd=out.parent)
    found: list[list[str]] = []
    for line in out.read_text(errors="replace").splitlines():
        if line.startswith(tuple(f'chdir("{path}")' for path in _NEXT_PART)):
            found.append([])
        elif found:
            found[-1].append(varies.sub("V", line))
    return found


def compared(program: Path, folder: Path, style: list[str], varies: re.Pattern[str]) -> None:
    theirs = parts(["strace", *style], program, folder / "theirs", varies)
    ours = parts([sys.executable, "-m", "wiretale", "strace", *style], program, folder / "ours", varies)
    names = PARTS[program.name]
    assert len(theirs) == len(names)
    for name, expected, got in zip(names, theirs, ours, strict=True):
        assert got == expected, name


@pytest.mark.parametrize("style", _STYLES, ids=" ".join)
def test_every_line_is_straces(program: Path, tmp_path: Path, style: list[str]) -> None:
    compared(program, tmp_path, style, _NUMBERED if program.name in _OF_PROCESSES else _VARIES)


@pytest.mark.parametrize("program", ["labels"], indirect=True)
@pytest.mark.parametrize("name", ["once", "place", "so (deleted)", "linked", "so"])
def test_a_path_chooses_the_calls_that_strace_chooses(program: Path, tmp_path: Path, name: str) -> None:
    """Of files that were deleted, too: what is asked for is where they were."""
    found = []
    for tracer in (["strace"], [sys.executable, "-m", "wiretale", "strace"]):
        out = tmp_path / tracer[-1]
        command = [*tracer, "-o", out, "-P", tmp_path / name, "-P", "/next part", "-e", "trace=!rename", program]
        subprocess.run(command, check=True, capture_output=True, cwd=tmp_path)
        found.append(_VARIES.sub("V", out.read_text()).splitlines())
    assert found[1] == found[0]
    assert len(found[0]) > 8 or name == "so"


@pytest.mark.parametrize("program", ["labels"], indirect=True)
@pytest.mark.parametrize("style", _LABELS, ids=" ".join)
def test_what_descriptors_are_and_carry_is_straces(program: Path, tmp_path: Path, style: list[str]) -> None:
    compared(program, tmp_path, style, _NUMBERED)
