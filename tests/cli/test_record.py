"""`wiretale record` and `recover` as a user types them: statuses and output pass through, faults say what to do."""

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import require
from tests.ordinary_user import NOBODY, run_as_nobody
from wiretale.errors import Exit
from wiretale.store.capture import open_capture

pytestmark = pytest.mark.e2e

WIRETALE = [sys.executable, "-m", "wiretale"]


def run(*args: object, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # type: ignore[call-overload,no-any-return]
        [*WIRETALE, *map(str, args)], capture_output=True, text=True, check=False, timeout=60, **options
    )


def query(path: Path, sql: str) -> list[tuple[object, ...]]:
    with open_capture(path) as db:
        return db.execute(sql).fetchall()


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    return tmp_path / "c.wiretale"


@contextmanager
def recording(*args: object, **options: object) -> Iterator["subprocess.Popen[str]"]:
    """A recorder that runs while the block does; killed if the block leaves it running."""
    process = subprocess.Popen(  # type: ignore[call-overload]
        [*WIRETALE, *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_status_output_and_files(capture: Path) -> None:
    done = run("record", "-q", "-o", capture, "--", "sh", "-c", "printf out; printf err >&2; exit 7")
    assert (done.returncode, done.stdout, done.stderr) == (7, "out", "err")
    assert [p.name for p in capture.parent.iterdir()] == [capture.name]
    assert stat.S_IMODE(capture.stat().st_mode) == 0o600
    names = [r[0] for r in query(capture, "SELECT name FROM call ORDER BY call_id")]
    assert names[0] == "execve"
    assert names[-1] == "exit_group"


def test_death_by_signal_passes_through(capture: Path) -> None:
    done = run("record", "-q", "-o", capture, "--", "sh", "-c", "kill -TERM $$")
    assert done.returncode == 128 + signal.SIGTERM
    assert query(capture, "SELECT end_how, signal FROM task WHERE end_how = 'killed'") == [("killed", "SIGTERM")]


def test_without_a_name_the_capture_has_the_programs_and_none_is_overwritten(tmp_path: Path) -> None:
    for _ in range(2):
        done = run("record", "--no-packets", "/bin/true", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["true-2.wiretale", "true.wiretale"]
    assert "wiretale: true-2.wiretale: " in done.stderr
    done = run("record", "--no-packets", "--force", "sh", "-c", "exit 3", cwd=tmp_path)
    assert (done.returncode, (tmp_path / "sh.wiretale").exists()) == (3, True)


def test_the_summary_says_what_to_type_next(capture: Path) -> None:
    done = run("record", "-o", capture, "--", "true")
    assert f"wiretale show {capture}" in done.stderr


def test_descriptors_older_than_the_program_are_known_from_its_start(capture: Path) -> None:
    with open("/dev/null") as given:  # noqa: PTH123 (a descriptor to inherit, not a file to read)
        run("record", "-q", "-o", capture, "--", "true", stdin=given)
    rows = query(
        capture, "SELECT fd, kind, name FROM descriptor JOIN file USING (file_id) WHERE how = 'inherited' AND fd < 3"
    )
    assert sorted(rows)[0] == (0, "file", "/dev/null")
    assert [(fd, kind) for fd, kind, _ in sorted(rows)[1:]] == [(1, "pipe"), (2, "pipe")]


def test_environment_and_directory_pass_through(capture: Path, tmp_path: Path) -> None:
    script = 'printf "%s %s" "$MARK" "$PWD"'
    done = run("record", "-q", "-o", capture, "--", "sh", "-c", script, cwd=tmp_path, env={**os.environ, "MARK": "m1"})
    assert done.stdout == f"m1 {tmp_path}"


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["wiretale-no-such-command"], Exit.NO_COMMAND),
        (["/etc/passwd"], Exit.NO_COMMAND_EXEC),
        (["/etc"], Exit.NO_COMMAND_EXEC),
    ],
)
def test_a_command_that_cannot_run_leaves_nothing(capture: Path, command: list[str], code: Exit) -> None:
    done = run("record", "-o", capture, "--", *command)
    assert done.returncode == code
    assert done.stderr.startswith("wiretale: ")
    assert "Traceback" not in done.stderr
    assert list(capture.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (["record", "-o", "F"], Exit.USAGE),
        (["record", "-o", "F", "-p", "1", "--", "true"], Exit.USAGE),
        (["record", "-o", "F", "--type", "a", "--stdin-file", "b", "--", "true"], Exit.USAGE),
        (["record", "-o", "F", "--stdin-file", "no-such-file", "--", "true"], Exit.USAGE),
        (["record", "-o", "no/such/folder/F", "--", "true"], Exit.USAGE),
        (["record", "-o", "F", "--with", "'", "--", "true"], Exit.USAGE),
        (["record", "-o", "F", "--snaplen", "many", "--", "true"], Exit.USAGE),
        (["record", "-o", "F", "--user", "no-such-user", "--", "true"], Exit.USAGE),
        (["record", "-o", "F", "-p", "999999999"], Exit.FAILED),
        (["recover", "no-such.spool"], Exit.CAPTURE),
        (["recover", "."], Exit.CAPTURE),
    ],
)
def test_wrong_usage_is_one_sentence_and_a_next_step(tmp_path: Path, args: list[str], code: Exit) -> None:
    done = run(*args, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    lines = done.stderr.splitlines()
    assert lines[0].startswith("wiretale: ")
    assert lines[-1].startswith(("try: ", "did you mean"))
    assert list(tmp_path.iterdir()) == []


def test_an_existing_capture_is_not_overwritten_unless_forced(capture: Path) -> None:
    capture.write_text("precious")
    assert run("record", "-o", capture, "--", "true").returncode == Exit.USAGE
    assert capture.read_text() == "precious"
    assert run("record", "--force", "-o", capture, "--", "true").returncode == 0
    assert query(capture, "SELECT count(*) > 0 FROM call") == [(True,)]


def test_both_ends_of_a_conversation_are_recorded_and_joined(capture: Path) -> None:
    require(shutil.which("nc.openbsd"), "netcat-openbsd is installed")
    done = run(
        "record", "-o", capture, "--private-net", "--type", "salam", "--interrupt-when-idle",
        "--with", "nc.openbsd -p 4444 127.0.0.1 4000", "--", "nc.openbsd", "-l", "127.0.0.1", "4000",
    )  # fmt: skip
    assert done.stdout == "salam\n"
    assert query(
        capture, "SELECT client_port, server_port, client_bytes, server_bytes FROM connection WHERE protocol = 'tcp'"
    ) == [(4444, 4000, 6, 0)]
    assert query(capture, "SELECT DISTINCT kind, lo, hi, evidence FROM link ORDER BY kind") == [
        ("segment_read", 0, 6, "bytes"),
        ("write_read", 0, 6, "bytes"),
        ("write_segment", 0, 6, "bytes"),
    ]


def test_connections_of_other_programs_are_not_counted(capture: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        client.sendall(b"by others")
        done = run("record", "-o", capture, "--", "true")
    assert ", 0 connections" in done.stderr, done.stderr
    assert query(capture, "SELECT count(*) > 0 FROM connection") == [(True,)]


def test_an_ordinary_user_gets_calls_and_packets(tmp_path: Path) -> None:
    netcat = "{python} -m wiretale.netcat"
    done = run_as_nobody(
        tmp_path,
        ["-m", "wiretale", "record", "-o", "c.wiretale", "--private-net", "--type", "hello", "--interrupt-when-idle",
         "--with", f"{netcat} 127.0.0.1 4000", "--", *netcat.split(), "-l", "127.0.0.1", "4000"],
    )  # fmt: skip
    assert done.stdout == "hello\n", done.stderr
    capture = tmp_path / "home" / "c.wiretale"
    assert query(capture, "SELECT count(*) > 6 FROM packet WHERE shown") == [(True,)]
    assert query(capture, "SELECT DISTINCT uid FROM task WHERE traced") == [(NOBODY,)]


def test_an_ordinary_user_without_a_private_net_gets_calls_and_is_told_about_packets(tmp_path: Path) -> None:
    done = run_as_nobody(tmp_path, ["-m", "wiretale", "record", "-o", "c.wiretale", "--", "true"])
    assert done.returncode == 0, done.stderr
    assert "--private-net" in done.stderr
    rows = query(
        tmp_path / "home" / "c.wiretale", "SELECT ran, remedy IS NOT NULL FROM source WHERE source = 'packets'"
    )
    assert rows == [(False, True)]


def test_a_program_behind_a_closed_folder_is_a_fault_of_the_command(tmp_path: Path) -> None:
    done = run_as_nobody(tmp_path, ["-m", "wiretale", "record", "-o", "c.wiretale", "--", "/proc/1/cwd/closed"])
    assert done.returncode == Exit.NO_COMMAND_EXEC, done.stderr
    assert done.stderr.startswith("wiretale: you may not enter")
    assert list((tmp_path / "home").iterdir()) == []


def test_a_server_that_never_listens_is_a_fault_with_a_capture(capture: Path) -> None:
    done = run("record", "-o", capture, "--with", "true", "--", "sh", "-c", "exit 3")
    assert done.returncode == Exit.RESOURCE
    assert "ended before it listened" in done.stderr
    assert query(capture, "SELECT count(*) > 0 FROM call") == [(True,)]


def test_servers_are_ended_when_the_last_program_is_done(capture: Path) -> None:
    require(shutil.which("ncat"), "ncat is installed")
    done = run(
        "record", "-o", capture, "--private-net", "--with", "ncat --send-only 127.0.0.1 4000",
        "--", "ncat", "-k", "-l", "4000",
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert query(capture, "SELECT count(*) FROM connection WHERE protocol = 'tcp'") == [(1,)]


def test_a_server_that_ticks_for_ever_is_ended_too(capture: Path) -> None:
    server = "import select, socket; s = socket.create_server(('', 4000))\nwhile 1: select.select([s], [], [], 0.02)"
    client = "import socket; socket.create_connection(('127.0.0.1', 4000)).sendall(b'x')"
    done = run(
        "record", "-q", "-o", capture, "--private-net", "--with", f'{sys.executable} -c "{client}"',
        "--", sys.executable, "-c", server,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert query(capture, "SELECT DISTINCT name FROM signal") == [("SIGINT",)]


def wait_for_line(process: "subprocess.Popen[str]", line: str) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == line


def test_interrupting_the_recorder_ends_the_program_and_keeps_the_capture(capture: Path) -> None:
    with recording(
        "record", "-o", capture, "--", "sh", "-c", "echo ready; exec sleep 1000", start_new_session=True
    ) as process:
        wait_for_line(process, "ready\n")
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 128 + signal.SIGINT
    assert query(capture, "SELECT signal FROM task WHERE end_how = 'killed'") == [("SIGINT",)]


def test_attaching_records_and_letting_go_leaves_the_program_running(capture: Path) -> None:
    script = "import sys\nfor line in sys.stdin: print(line, end='', flush=True)"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdin is not None
        program.stdin.write("before\n")
        program.stdin.flush()
        wait_for_line(program, "before\n")
        with recording("record", "-o", capture, "-p", program.pid) as recorder:
            wait_until_traced(program.pid)
            program.stdin.write("during\n")
            program.stdin.flush()
            wait_for_line(program, "during\n")
            recorder.send_signal(signal.SIGINT)
            assert recorder.wait(30) == 0
        program.stdin.write("after\n")
        program.stdin.flush()
        wait_for_line(program, "after\n")
        program.stdin.close()
        assert program.wait(10) == 0
    assert query(
        capture, "SELECT bytes FROM call_data JOIN call USING (call_id) WHERE name = 'write' AND role = 'payload'"
    ) == [(b"during\n",)]


def test_a_recording_of_a_given_duration_interrupts_a_command_and_lets_a_running_process_go_on(capture: Path) -> None:
    assert run("record", "--duration", "0.2", "-o", capture, "--", "sleep", "99").returncode == 128 + signal.SIGINT
    assert query(capture, "SELECT signal FROM task WHERE end_how = 'killed'") == [("SIGINT",)]
    with subprocess.Popen(["sleep", "99"]) as sleeper:
        done = run("record", "--force", "--duration", "0.2", "-o", capture, "-p", sleeper.pid)
        assert done.returncode == 0, done.stderr
        assert sleeper.poll() is None
        sleeper.kill()
    assert query(capture, "SELECT how, end_how FROM task WHERE traced") == [("attached", "detached")]


def wait_until_traced(pid: int) -> None:
    """Until /proc/PID/status names a tracer and the process waits inside a traced call again."""
    while True:
        status = Path(f"/proc/{pid}/status").read_text()
        if "TracerPid:\t0" not in status and "State:\tS" in status:
            return


@pytest.mark.parametrize("choice", ["end", "continue"])
def test_a_killed_recorder_leaves_a_spool_that_recovers(capture: Path, choice: str) -> None:
    # The program says its pid, then waits for its input to end; so it ends in any case when this test does.
    script = "import os, sys; print(os.getpid(), flush=True); sys.stdin.read(); print('went on', flush=True)"
    args = ["record", "-o", capture, "--on-recorder-death", choice, "--", sys.executable, "-c", script]
    with recording(*args, stdin=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        pid = int(process.stdout.readline())
        process.kill()
        process.wait(10)
        process.stdin.close()
        assert process.stdout.read() == ("went on\n" if choice == "continue" else "")
        process.stdin = None
        wait_until_gone(pid)
    spool = capture.with_name(capture.name + ".spool")
    assert spool.is_dir()
    done = run("recover", spool)
    assert done.returncode == 0, done.stderr
    assert not spool.exists()
    assert query(capture, "SELECT count(*) > 10 FROM call") == [(True,)]
    assert query(capture, "SELECT count(*) FROM coverage WHERE state = 'truncated' AND item = 'recording'") == [(1,)]


def wait_until_gone(pid: int) -> None:
    """A process that is no child of ours: until it is no more, or only a zombie."""
    while Path(f"/proc/{pid}").exists() and "State:\tZ" not in Path(f"/proc/{pid}/status").read_text():
        pass


def test_a_leftover_spool_is_in_the_way_and_said_so(capture: Path) -> None:
    capture.with_name(capture.name + ".spool").mkdir()
    done = run("record", "-o", capture, "--", "true")
    assert done.returncode == Exit.RESOURCE
    assert "wiretale recover" in done.stderr
