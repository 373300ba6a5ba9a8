"""Why a virtual CPU stopped (-e kvm=vcpu), under the installed strace and under `wiretale strace`."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import require

pytestmark = pytest.mark.e2e
OURS = [sys.executable, "-m", "wiretale", "strace"]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("vcpu") / "vcpu"
    subprocess.run(["cc", "-w", "-O1", "-o", built, Path(__file__).parent / "vcpu.c"], check=True)
    require(subprocess.run([built], check=False).returncode == 0, "there is no KVM here")
    return built


def runs(tracer: list[str], program: Path, *words: str) -> list[str]:
    out = program.with_name("lines")
    traced = [*tracer, "-a1", "-e", "trace=ioctl", "-o", str(out), str(program), *words]
    subprocess.run(traced, check=True, capture_output=True)
    return [line for line in out.read_text().splitlines() if "KVM_RUN" in line]


@pytest.mark.parametrize("options", [[], ["-e", "kvm=vcpu"], ["--kvm=vcpu", "-y"], ["--kvm=vcpu", "-X", "raw"]])
def test_every_line_is_straces(program: Path, options: list[str]) -> None:
    require(shutil.which("strace"), "strace is not installed")
    assert runs([*OURS, *options], program) == runs(["strace", *options], program)


def test_of_two_machines_in_a_process_nothing_is_said(program: Path) -> None:
    lines = runs([*OURS, "--kvm=vcpu"], program, "two")
    assert lines[:2] == ["ioctl(7, KVM_RUN, 0) = 0"] * 2
