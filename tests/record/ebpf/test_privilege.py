"""Kernel programs without root, and where they cannot run: what is said, and what the recorded program gets."""

import os
import sys
from pathlib import Path

import pytest

from tests.cli.test_record import query, run
from tests.conftest import require
from tests.ordinary_user import run_as_nobody
from wiretale.errors import Exit
from wiretale.record.ebpf.calls import OBJECT_PATH

pytestmark = pytest.mark.e2e

RECORD = ["-m", "wiretale", "record", "--kernel", "-o", "c.wiretale", "--engine"]
SUFFICIENT = ("bpf", "perfmon")
NO_BTF = "mount -t tmpfs none /sys/kernel/btf"


@pytest.fixture(autouse=True)
def kernel_programs() -> None:
    require(os.geteuid() == 0, "the test runs as root, to become somebody else")
    require(OBJECT_PATH.exists(), "the kernel programs are compiled (clang, llvm, libbpf-dev)")


def test_two_capabilities_suffice_and_the_program_gets_none(tmp_path: Path) -> None:
    command = [*RECORD, "ebpf", "--", "grep", "^Cap[IPE]\\|^CapAmb\\|^Uid", "/proc/self/status"]
    done = run_as_nobody(tmp_path, command, capabilities=SUFFICIENT, before="ulimit -l 64")
    assert done.returncode == 0, done.stderr
    said = dict(line.split(":\t", 1) for line in done.stdout.splitlines())
    assert {said["CapEff"], said["CapPrm"], said["CapAmb"]} == {"0" * 16}
    assert said["Uid"].split() == ["65534"] * 4
    capture = tmp_path / "home" / "c.wiretale"
    assert query(capture, "SELECT source FROM source WHERE ran AND source LIKE 'ebpf%' ORDER BY 1") == [
        ("ebpf",), ("ebpf calls",),
    ]  # fmt: skip
    assert query(capture, "SELECT count(*) > 10 FROM call") == [(True,)]
    life = {"sched:sched_process_fork", "sched:sched_process_exec", "sched:sched_process_exit", "sched:sched_switch"}
    assert life <= {name for (name,) in query(capture, "SELECT DISTINCT name FROM kernel_event")}


@pytest.mark.parametrize(("kept", "missing"), [(("bpf",), "CAP_PERFMON is"), (("perfmon",), "CAP_BPF is")])
def test_the_missing_capability_is_named(tmp_path: Path, kept: tuple[str, ...], missing: str) -> None:
    done = run_as_nobody(tmp_path, [*RECORD, "ebpf", "--", "true"], capabilities=kept)
    assert done.returncode == Exit.PERMISSION and f"{missing} missing" in done.stderr and "try: " in done.stderr


def test_a_kernel_without_its_types_is_said_to_be_one(tmp_path: Path) -> None:
    done = run_as_nobody(tmp_path, [*RECORD, "ebpf", "--", "true"], capabilities=SUFFICIENT, before=NO_BTF)
    assert done.returncode == Exit.RESOURCE and "no type information (BTF)" in done.stderr and "try: " in done.stderr


def test_auto_falls_back_to_ptrace_and_says_so_in_the_capture_too(tmp_path: Path) -> None:
    done = run_as_nobody(tmp_path, [*RECORD, "auto", "--", "true"])
    assert done.returncode == 0 and "recorded by ptrace, because eBPF could not" in done.stderr
    assert "CAP_BPF and CAP_PERFMON are missing" in done.stderr
    capture = tmp_path / "home" / "c.wiretale"
    assert query(capture, "SELECT source FROM source WHERE ran AND level = 'syscall'") == [("ptrace",)]
    assert query(capture, "SELECT count(*) FROM coverage WHERE reason LIKE '%because eBPF could not%'") == [(1,)]


def test_a_program_that_forks_fast_is_recorded_whole_or_what_is_lost_is_counted(tmp_path: Path) -> None:
    children = 1500
    script = tmp_path / "forks.py"
    script.write_text(
        "import os\n"
        f"for round in range({children} // 50):\n"
        "    for child in range(50):\n"
        "        if os.fork() == 0: os._exit(os.getppid() and 7)\n"
        "    for child in range(50): os.wait()\n"
    )
    capture = tmp_path / "c.wiretale"
    done = run(
        "record", "-q", "--no-packets", "--engine", "ebpf", "-o", capture, "--", sys.executable, "-S", "-E", script
    )
    assert done.returncode == 0, done.stderr
    ((lost,),) = query(capture, "SELECT lost FROM source WHERE source = 'ebpf calls'")
    seen = query(
        capture,
        "SELECT count(*), count(*) FILTER (exit_status = 7), (SELECT count(*) FROM call WHERE name = 'getppid'),"
        " (SELECT count(*) FROM call WHERE name = 'exit_group' AND a0 = 7) FROM task WHERE how IN ('fork', 'clone')",
    )
    if lost == 0:
        assert seen == [(children,) * 4]
    assert all(int(str(count)) + int(str(lost)) >= children for count in seen[0])
