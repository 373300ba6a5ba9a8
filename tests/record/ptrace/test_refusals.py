"""What goes wrong for the tracer, and that it says so in one sentence: disks, programs, processes, killed recorders."""

import errno
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import require
from tests.record.ptrace.tracing import PYTHON, Tracing, script, state_of, trace, until
from wiretale.errors import Exit, PermissionFault, WiretaleError
from wiretale.record.ptrace import faults
from wiretale.record.ptrace.source import PtraceOptions, PtraceSource, attach_fault, find_program
from wiretale.store.spool import Spool
from wiretale.store.tracer_files import TracerFiles

pytestmark = pytest.mark.e2e


RECORDER = """
import os, sys
from wiretale.record.ptrace.source import PtraceOptions, PtraceSource, SpawnRequest
from wiretale.model.spool import EventKind
from wiretale.store.load.live_calls import CallReader, LiveEvent

from wiretale.store.tracer_files import TracerFiles
source = PtraceSource(TracerFiles(sys.argv[1]), PtraceOptions(kill_on_recorder_exit=sys.argv[2] == "end"))
source.start()
pid = source.spawn(SpawnRequest([sys.argv[3], "-S", "-E", sys.argv[4]], dict(os.environ)))
print(pid, flush=True)
source.wait()
"""


@pytest.mark.parametrize("on_death", ["end", "continue"])
def test_a_killed_recorder_leaves_its_records(tmp_path: Path, on_death: str) -> None:
    alive = tmp_path / "alive"
    os.mkfifo(alive)
    program = script(
        tmp_path,
        f"""
        import os, time
        for i in range(1000):
            os.getppid()
        os.write(1, b"ready\\n")
        while not os.path.exists({str(tmp_path / "end")!r}):
            time.sleep(0.01)
        open({str(alive)!r}, "w").write("survived")
        """,
    )
    spool = tmp_path / "spool"
    spool.mkdir()
    arguments = [PYTHON, "-c", RECORDER, str(spool), on_death, PYTHON, program[-1]]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as recorder:
        assert recorder.stdout is not None
        first = {recorder.stdout.readline().strip(), recorder.stdout.readline().strip()}
        pid = int((first - {"ready"}).pop())
        recorder.kill()
    if on_death == "end":
        until(lambda: not Path(f"/proc/{pid}").exists() or state_of(pid) == "Z", "the program dies")
    else:
        (tmp_path / "end").touch()
        assert alive.read_text() == "survived"
    with Tracing(tmp_path / "unused") as unused:
        unused.spool = Spool(spool)
        unused.manifest.programs = []
        traced = unused.stop()
    assert traced.names().count("getppid") == 1000


def test_network_mode_without_filter_says_so(tmp_path: Path) -> None:
    traced = trace(tmp_path / "spool", "true", options={"calls": "network", "kill_on_recorder_exit": False})
    assert traced.report.detail["mode"] == "every call"
    assert "outlives" in str(traced.report.detail["mode_reason"])


def test_the_disk_may_fill_and_the_program_goes_on(tmp_path: Path) -> None:
    require(os.geteuid() == 0, "root is needed to mount a small file system")
    require(shutil.which("mount"), "mount is not installed")
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(small)], check=True)
    try:
        program = script(tmp_path, "import os; [os.getppid() for _ in range(20000)]; os._exit(6)")
        with Tracing(small / "spool") as tracing:
            pid = tracing.spawn(*program)
            until(tracing.source.finished, "recording ends")
            assert tracing.source.wait(20)
            until(lambda: tracing.source.status_of(pid) is not None, "the program ends")
            traced = tracing.stop()
        assert traced.statuses == {pid: 6 << 8}
        assert traced.report.lost > 0 and "disk is full" in str(traced.report.reason)
        assert 1000 < len(traced.names()) < 20000
        traced.db.close()
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)


@pytest.mark.parametrize(
    ("name", "text", "mode", "code"),
    [
        ("missing", None, 0, Exit.NO_COMMAND),
        ("plain", "#!/bin/sh\n", 0o644, Exit.NO_COMMAND_EXEC),
        ("format", "no program\n", 0o755, Exit.NO_COMMAND_EXEC),
        ("interpreter", "#!/nowhere/sh\n", 0o755, Exit.NO_COMMAND),
        ("folder/", None, 0, Exit.NO_COMMAND),
    ],
)
def test_a_program_that_cannot_start_is_one_sentence(
    tmp_path: Path, name: str, text: str | None, mode: int, code: Exit
) -> None:
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
        path.chmod(mode)
    with Tracing(tmp_path / "spool") as tracing, pytest.raises(WiretaleError) as fault:
        tracing.spawn(str(path))
    assert fault.value.exit_code == code
    assert "\n" not in fault.value.message


def test_a_command_is_looked_up_as_a_shell_does(tmp_path: Path) -> None:
    tool = tmp_path / "tool"
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    assert find_program("tool", {"PATH": f"/nowhere:{tmp_path}"}) == str(tool)
    with pytest.raises(WiretaleError) as fault:
        find_program("tool", {"PATH": "/nowhere"})
    assert fault.value.exit_code == Exit.NO_COMMAND
    with pytest.raises(WiretaleError) as fault:
        find_program(str(tmp_path), {})
    assert fault.value.exit_code == Exit.NO_COMMAND_EXEC


def test_attaching_to_what_is_gone_or_taken_says_why(tmp_path: Path) -> None:
    require(shutil.which("strace"), "strace is not installed")
    with Tracing(tmp_path / "spool") as tracing:
        with pytest.raises(WiretaleError, match="there is no process"):
            tracing.source.attach(2**22 - 1)
        with pytest.raises(WiretaleError, match="cannot trace itself"):
            tracing.source.attach(os.getpid())
        with subprocess.Popen(["sleep", "60"]) as sleeper:
            with subprocess.Popen(
                ["strace", "-o", "/dev/null", "-p", str(sleeper.pid)], stderr=subprocess.DEVNULL
            ) as st:
                status = Path(f"/proc/{sleeper.pid}/status")
                until(lambda: f"TracerPid:\t{st.pid}" in status.read_text(), "strace is attached")
                with pytest.raises(PermissionFault, match=f"already traced by process {st.pid}"):
                    tracing.source.attach(sleeper.pid)
                st.terminate()
            sleeper.kill()


def test_a_refused_attach_says_what_to_do() -> None:
    fault = attach_fault(1, errno.EPERM)
    assert isinstance(fault, PermissionFault) and fault.hint


def test_files_that_cannot_be_made_are_a_fault(tmp_path: Path) -> None:
    source = PtraceSource(TracerFiles(str(tmp_path / "missing")), PtraceOptions())
    with pytest.raises(WiretaleError, match="cannot be written"):
        source.start()


def test_a_thread_of_the_kernel_is_named_as_one() -> None:
    require("Kthread:\t1" in Path("/proc/2/status").read_text(), "the kernel says which threads are its own (6.11)")
    fault = attach_fault(2, errno.EPERM)
    assert isinstance(fault, PermissionFault)
    assert "thread of the kernel" in fault.message


def test_where_nobody_may_trace_the_way_without_ptrace_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "scope").write_text("3\n")
    monkeypatch.setattr(faults, "_YAMA", str(tmp_path / "scope"))
    seize = 2
    for fault in (attach_fault(os.getpid(), errno.EPERM), faults.spawn_fault("x", seize, errno.EPERM)):
        assert fault.exit_code == Exit.PERMISSION
        assert "--engine ebpf" in fault.hint


@pytest.mark.parametrize("number", [errno.E2BIG, errno.EFAULT, errno.ETXTBSY, errno.ELOOP, errno.EIO])
def test_every_reason_not_to_execute_has_a_next_step(number: int) -> None:
    fault = faults.spawn_fault("./x", faults.EXEC_STAGE, number)
    assert fault.exit_code == Exit.NO_COMMAND_EXEC
    assert fault.hint
