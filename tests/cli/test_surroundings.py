"""What wiretale runs in goes wrong: a full disk, signals. The program is left alone, nothing is lost in silence."""

import contextlib
import errno
import os
import pty
import select
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import require
from tests.ordinary_user import run_as_nobody
from wiretale.errors import Exit

pytestmark = pytest.mark.e2e

WIRETALE = str(Path(sys.executable).with_name("wiretale"))
# Some thousand calls, more than fit onto a disk of 1 MiB; then a status that must pass through.
MANY_CALLS = "import os, sys\nfor _ in range(9000): os.getppid()\nprint('finished', flush=True)\nsys.exit(9)"


def on_small_disk(place: Path, size: str, *words: str) -> tuple["subprocess.CompletedProcess[str]", list[str]]:
    """Run a command where the current folder and TMPDIR are a disk of `size`; also what it left there."""
    require(os.geteuid() == 0 and shutil.which("unshare"), "the test runs as root, to mount a small disk")
    left = place / "left"
    script = f"mount -t tmpfs -o size={size} none /mnt; cd /mnt; TMPDIR=/mnt {shlex.join(words)}"
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", f"{script}; code=$?; ls >{shlex.quote(str(left))}; exit $code"],
        capture_output=True, text=True, check=False, timeout=60, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return done, left.read_text().split()


@pytest.mark.parametrize("size", ["4k", "16k", "64k"])
def test_a_disk_too_small_to_begin_is_said_and_nothing_is_left_or_run(tmp_path: Path, size: str) -> None:
    done, left = on_small_disk(tmp_path, size, WIRETALE, "record", "-o", "c.wiretale", "--", "echo", "ran")
    assert (done.returncode, done.stdout, left) == (Exit.RESOURCE, "", [])
    assert "the disk is full" in done.stderr
    assert "-o FILE" in done.stderr


def test_a_disk_that_fills_up_while_recording_keeps_what_there_is(tmp_path: Path) -> None:
    words = [WIRETALE, "record", "-o", "c.wiretale", "--", sys.executable, "-c", MANY_CALLS]
    done, left = on_small_disk(tmp_path, "1m", *words)
    assert (done.returncode, done.stdout) == (Exit.RESOURCE, "finished\n")
    assert "wiretale recover c.wiretale.spool" in done.stderr
    assert left == ["c.wiretale.spool"]


@pytest.mark.parametrize("option", [[], ["-y"]])  # lines printed by the launcher, and by Python
def test_a_program_whose_trace_cannot_be_kept_is_waited_for_and_its_status_passes(
    tmp_path: Path, option: list[str]
) -> None:
    words = [WIRETALE, "strace", *option, "-o", "/dev/null", sys.executable, "-c", MANY_CALLS]
    done, left = on_small_disk(tmp_path, "1m", *words)
    assert (done.returncode, done.stdout, left) == (9, "finished\n", [])
    assert "recording ended early: the disk is full" in done.stderr
    assert "TMPDIR=FOLDER" in done.stderr


STUBBORN = """
import signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, lambda *_: print("asked to end", flush=True))
print("ready", flush=True)
while True:
    signal.pause()
"""


def test_the_third_interrupt_at_a_terminal_ends_a_program_that_ignores_them(tmp_path: Path) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(tmp_path)
        os.execv(WIRETALE, [WIRETALE, "record", "-q", "-o", "c.wiretale", "--", sys.executable, "-c", STUBBORN])
    seen = seen_until(terminal, b"ready", 30)
    for _ in range(50):  # two that come too fast for the recorder count as one
        os.write(terminal, b"\x03")
        seen += seen_until(terminal, b"asked to end", 0.5)
        if b"asked to end" in seen:
            break
    os.write(terminal, b"\x03")
    seen += seen_until(terminal, GONE, 30)
    if GONE not in seen:
        os.kill(pid, signal.SIGKILL)
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 128 + signal.SIGKILL, seen
    assert b"asked to end" in seen
    assert (tmp_path / "c.wiretale").exists()


GONE = b"<nobody has the terminal open any more>"


def seen_until(terminal: int, words: bytes, limit_s: float) -> bytes:
    """What comes to a terminal until these words have, or for so long."""
    seen = b""
    end = time.monotonic() + limit_s
    while words not in seen and select.select([terminal], [], [], max(end - time.monotonic(), 0))[0]:
        try:
            seen += os.read(terminal, 4096)
        except OSError:  # EIO
            seen += GONE
            break
    return seen


@pytest.mark.parametrize("late_s", [0, 0.1, 0.3, 0.6, 1])
def test_an_interrupt_while_the_capture_is_made_loses_nothing(tmp_path: Path, late_s: float) -> None:
    program = [sys.executable, "-c", "print('over', flush=True)"]
    with subprocess.Popen(
        [WIRETALE, "record", "-o", "c.wiretale", "--", *program],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as recorder:  # fmt: skip
        assert recorder.stdout is not None
        assert recorder.stderr is not None
        assert recorder.stdout.read() == "over\n"  # its end, too: nobody but the program has written there
        with contextlib.suppress(subprocess.TimeoutExpired):
            recorder.wait(late_s)  # any moment will do, so this one need not be exact
        recorder.send_signal(signal.SIGINT)
        said = recorder.stderr.read()
    left = sorted(p.name for p in tmp_path.iterdir())
    if recorder.returncode == Exit.INTERRUPTED and left == ["c.wiretale.spool"]:
        assert "wiretale recover c.wiretale.spool" in said
    else:
        assert (recorder.returncode in (0, -signal.SIGINT), left) == (True, ["c.wiretale"]), said
        assert "wiretale: next:" in said
    assert "mistake" not in said
    assert "Traceback" not in said


def run(tmp_path: Path, *words: str, before: str = "", after: str = "") -> "subprocess.CompletedProcess[str]":
    """Run wiretale in an empty folder, from a shell that does `before` and redirects with `after`."""
    line = f"{before} {shlex.join([WIRETALE, *words])} {after}"
    return subprocess.run(
        ["sh", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


OPEN_ONES = "import os, sys; sys.exit(sum(1 << fd for fd in range(3) if os.path.exists(f'/proc/self/fd/{fd}')))"


@pytest.mark.parametrize("words", [["record", "-q", "-o", "c.wiretale", "--"], ["strace", "-y", "-o", "trace"]])
@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)])
def test_a_standard_descriptor_that_is_closed_is_closed_for_the_program(
    tmp_path: Path, words: list[str], closed: tuple[int, ...]
) -> None:
    after = " ".join(f"{fd}>&-" for fd in closed)
    done = run(tmp_path, *words, sys.executable, "-c", OPEN_ONES, after=after)
    assert done.returncode == sum(1 << fd for fd in range(3) if fd not in closed), done.stderr


@pytest.mark.parametrize(
    ("limit", "words", "says", "do"),
    [
        ("ulimit -n 8;", ["record", "-o", "c.wiretale", "--", "true"], "may not open more files", "ulimit -n"),
        ("ulimit -n 8;", ["strace", "-y", "-o", "trace", "true"], "may not open more files", "ulimit -n"),
        ("ulimit -f 0;", ["record", "-o", "c.wiretale", "--", "true"], "the largest size allowed", "-o FILE"),
        ("ulimit -f 200;", ["record", "-o", "c.wiretale", "--", "true"], "the largest size allowed", "recover"),
        ("ulimit -f 0;", ["run", "--", "true"], "temporary files", "TMPDIR"),
    ],
)
def test_a_limit_is_a_sentence_with_what_to_raise(
    tmp_path: Path, limit: str, words: list[str], says: str, do: str
) -> None:
    done = run(tmp_path, *words, before=limit)
    assert done.returncode == Exit.RESOURCE, done.stderr
    first, _, hint = done.stderr.partition("\n")
    assert says in first
    assert do in hint.split("try: ")[1]


def test_a_name_that_no_database_can_have_is_refused_before_anything_runs(tmp_path: Path) -> None:
    done = run(tmp_path, "record", "-o", "\udce9.wiretale", "--", "echo", "ran")
    assert (done.returncode, done.stdout) == (Exit.USAGE, "")
    assert "UTF-8" in done.stderr
    assert not list(tmp_path.iterdir())
    (tmp_path / "\udce9.wiretale").touch()
    done = run(tmp_path, "show", "\udce9.wiretale")
    assert done.returncode == Exit.CAPTURE
    assert "rename it" in done.stderr


def test_a_folder_in_the_way_of_the_capture_loses_nothing(tmp_path: Path) -> None:
    (tmp_path / "c.wiretale.part").mkdir()
    done = run(tmp_path, "record", "-o", "c.wiretale", "--", "true")
    assert done.returncode == Exit.CAPTURE
    assert "c.wiretale.part: Is a directory" in done.stderr
    assert "wiretale recover c.wiretale.spool" in done.stderr
    assert (tmp_path / "c.wiretale.part").is_dir()


@pytest.mark.parametrize(
    ("python", "says"),
    [(None, "reinstall"), ("#!/no/such/python\n", "a new environment"), ("not executable", "may enter every folder")],
)
def test_a_command_without_its_python_says_what_is_wrong(tmp_path: Path, python: str | None, says: str) -> None:
    shutil.copy(WIRETALE, tmp_path)
    if python is not None:
        (tmp_path / "wiretale-python").write_text(python)
        (tmp_path / "wiretale-python").chmod(0o755 if python.startswith("#!") else 0o644)
    done = subprocess.run([tmp_path / "wiretale", "fields"], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == Exit.INTERNAL
    assert says in done.stderr


def test_without_proc_that_is_what_is_said(tmp_path: Path) -> None:
    require(os.geteuid() == 0 and shutil.which("unshare"), "the test runs as root, to hide /proc")
    script = f"mount -t tmpfs none /proc; exec {shlex.join([WIRETALE, 'record', '--', 'true'])}"
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == Exit.RESOURCE
    assert "mount -t proc proc /proc" in done.stderr


SET_USER_ID = "cp /usr/bin/id /mnt/gains; chmod 4755 /mnt/gains"


@pytest.mark.parametrize(
    ("words", "reduced"),
    [
        (["record", "-o", "c.wiretale", "--", "/mnt/gains"], True),
        (["record", "-o", "c.wiretale", "--", "sh", "-c", "/mnt/gains; true"], True),
        (["run", "--log", "/dev/null", "--", "/mnt/gains"], True),
        (["record", "--calls", "network", "-o", "c.wiretale", "--", "/mnt/gains"], True),
        (["record", "-o", "c.wiretale", "--", "id"], False),
    ],
)
def test_a_program_that_lost_its_set_user_id_by_being_traced_is_named(
    tmp_path: Path, words: list[str], reduced: bool
) -> None:
    done = run_as_nobody(tmp_path, ["-m", "wiretale", *words], before=SET_USER_ID, may_gain=True)
    assert done.returncode == 0, done.stderr
    assert "euid=0" not in done.stdout
    assert ("/mnt/gains ran without the privileges" in done.stderr) == reduced


def test_root_records_a_set_user_id_program_of_another_user_with_its_privileges(tmp_path: Path) -> None:
    require(os.geteuid() == 0, "the test runs as root, to become nobody")
    program = tmp_path / "gains"
    shutil.copy("/usr/bin/id", program)
    program.chmod(0o4755)
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(folder.stat().st_mode | 0o111)
    done = run(tmp_path, "record", "--user", "nobody", "-o", "c.wiretale", "--", str(program))
    assert "euid=0(root)" in done.stdout, done.stderr
    assert "without the privileges" not in done.stderr


@pytest.mark.parametrize("given", [{}, {"LC_CTYPE": "C.UTF-8"}])
@pytest.mark.parametrize("command", [["run", "--"], ["strace", "-o", "log", "-v"]])
def test_the_program_gets_the_environment_as_it_was(tmp_path: Path, command: list[str], given: dict[str, str]) -> None:
    environment = {"PATH": "/usr/bin:/bin"} | given
    done = subprocess.run(
        [WIRETALE, *command, sys.executable, "-c", "print(open('/proc/self/environ').read(), end='')"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert dict(word.split("=", 1) for word in done.stdout.rstrip("\0").split("\0")) == environment


def test_two_recordings_in_one_folder_do_not_meet(tmp_path: Path) -> None:
    with subprocess.Popen(
        [WIRETALE, "record", "--", "cat"], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    ) as first:  # fmt: skip
        assert first.stdin is not None
        assert first.stdout is not None
        first.stdin.write("reads\n")
        first.stdin.flush()
        assert first.stdout.readline() == "reads\n"
        assert run(tmp_path, "record", "--", "cat").returncode == 0
        same = run(tmp_path, "record", "-o", "cat.wiretale", "--", "cat")
        assert same.returncode == Exit.RESOURCE
        assert "is recording into cat.wiretale.spool" in same.stderr
        assert "delete" not in same.stderr
        first.stdin.close()
        first.stdin = None
        assert first.wait(30) == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cat-2.wiretale", "cat.wiretale"]


def test_a_file_of_packets_that_is_opened_as_a_capture_is_answered_with_import(tmp_path: Path) -> None:
    (tmp_path / "x.pcap").write_bytes(bytes.fromhex("d4c3b2a1 0200 0400") + bytes(16))
    done = run(tmp_path, "show", "x.pcap")
    assert done.returncode == Exit.CAPTURE
    assert "try: wiretale import x.pcap" in done.stderr


# A call for which the filter says SECCOMP_RET_TRACE fails with ENOSYS where no tracer asked for such stops: seccomp(2).
OWN_FILTER = """
import ctypes, errno, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
GETPPID, TRACE, ALLOW = {"x86_64": 110, "aarch64": 173}[__import__("os").uname().machine], 0x7FF00005, 0x7FFF0000
rows = (0x20, 0, 0, 0), (0x15, 0, 1, GETPPID), (6, 0, 0, TRACE), (6, 0, 0, ALLOW)
code = b"".join(struct.pack("HBBI", *row) for row in rows)
kept = ctypes.create_string_buffer(code)
program = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", 4, ctypes.addressof(kept)))
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, program, 0, 0) == 0
sys.exit(ctypes.get_errno() if libc.syscall(GETPPID) == -1 else 0)
"""


@pytest.mark.parametrize("words", [["record", "-q", "-o", "c.wiretale", "--"], ["strace", "-o", "trace"]])
def test_a_program_that_filters_its_calls_gets_what_it_would_without_a_tracer(tmp_path: Path, words: list[str]) -> None:
    alone = subprocess.run([sys.executable, "-c", OWN_FILTER], check=False, timeout=60).returncode
    assert alone == errno.ENOSYS
    assert run(tmp_path, *words, sys.executable, "-c", OWN_FILTER).returncode == alone


def test_a_process_that_proc_hides_is_not_said_to_be_missing(tmp_path: Path) -> None:
    hide = "mount -t proc -o hidepid=2 proc /proc"
    done = run_as_nobody(tmp_path, ["-m", "wiretale", "record", "-o", "c.wiretale", "-p", "1"], before=hide)
    assert done.returncode == Exit.PERMISSION
    assert "process 1 belongs to another user, and /proc hides it" in done.stderr
    assert "sudo wiretale record -p 1" in done.stderr
