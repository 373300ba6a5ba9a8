"""Other kernels, other limits, other tracers: what the kernel programs do there, and what is said."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.test_record import query, run
from tests.conftest import require
from tests.netcat.programs import wait_until
from tests.record.ebpf.other_types import run_with, without
from wiretale.errors import Exit
from wiretale.record.ebpf.calls import OBJECT_PATH

pytestmark = pytest.mark.e2e

WIRETALE = [sys.executable, "-m", "wiretale"]
RECORD = [*WIRETALE, "record", "--kernel", "--no-packets", "-o"]
LOCKED_DOWN = "none integrity [confidentiality]\n"  # as kernel_lockdown(7) shows it
TALK = """
import socket, sys
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
peer, _ = server.accept()
print("ready", flush=True)
for _ in range(int(sys.argv[1])):
    client.sendall(b"x" * 100)
    peer.recv(200)
"""


@pytest.fixture(autouse=True)
def kernel_programs() -> None:
    require(os.geteuid() == 0, "the test runs as root, which loads kernel programs and makes mount namespaces")
    require(OBJECT_PATH.exists(), "the kernel programs are compiled (clang, llvm, libbpf-dev)")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 6 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "none", disk], check=True)
    yield disk
    subprocess.run(["umount", disk], check=True)


def not_recorded(capture: Path) -> dict[object, object]:
    found = query(
        capture, "SELECT item, reason FROM coverage WHERE level = 'kernel' AND state = 'not recorded' ORDER BY item"
    )
    return {row[0]: row[1] for row in found}


def test_tracepoints_that_are_missing_are_told_and_the_others_recorded(tmp_path: Path) -> None:
    types = without(tmp_path / "types", ["btf_trace_tcp_probe", "btf_trace_sk_data_ready"])
    capture = tmp_path / "c.wiretale"
    done = run_with(types, [*RECORD, os.fspath(capture), "--engine", "ebpf", "--", sys.executable, "-c", TALK, "3"])
    assert done.returncode == 0, done.stderr
    assert not_recorded(capture) == dict.fromkeys(("sk_data_ready", "tcp_probe"), "this kernel has no such tracepoint")
    names = {row[0] for row in query(capture, "SELECT DISTINCT name FROM kernel_event")}
    assert {"net:net_dev_queue", "skb:skb_copy_datagram_iovec", "sched:sched_switch"} <= names
    assert not {"tcp:tcp_probe", "sock:sk_data_ready"} & names
    said = run_with(types, [*WIRETALE, "doctor"]).stdout
    assert "sk_data_ready, tcp_probe" in said


def test_a_program_for_whose_fields_the_kernel_has_others_is_left_out_alone(tmp_path: Path) -> None:
    types = without(tmp_path / "types", members=["tcp_sock.snd_cwnd", "sock.sk_err"])
    capture = tmp_path / "c.wiretale"
    done = run_with(types, [*RECORD, os.fspath(capture), "--engine", "ebpf", "--", sys.executable, "-c", TALK, "3"])
    assert done.returncode == 0, done.stderr
    assert not_recorded(capture) == dict.fromkeys(
        ("inet_sk_error_report", "tcp_probe"), "this kernel does not take the program at this tracepoint"
    )
    assert query(capture, "SELECT count(*) > 10 FROM kernel_event") == [(True,)]


def test_an_argument_that_the_tracepoint_does_not_have_is_not_read(tmp_path: Path) -> None:
    """kfree_skb has a reason since Linux 5.17: without, the packet that was dropped is told all the same."""
    types = without(tmp_path / "types", members=["trace_event_raw_kfree_skb.reason"])
    capture = tmp_path / "c.wiretale"
    refused = "import socket\nprint(socket.socket().connect_ex(('127.0.0.1', 9)))"
    done = run_with(types, [*RECORD, os.fspath(capture), "--engine", "ebpf", "--", sys.executable, "-c", refused])
    assert done.stdout == "111\n", done.stderr
    assert not_recorded(capture) == {}
    assert {row[0] for row in query(capture, "SELECT value FROM kernel_event WHERE name = 'skb:kfree_skb'")} == {0}


@pytest.mark.parametrize(
    ("types", "members", "said"),
    [
        (["btf_trace_sys_enter"], [], "this kernel lacks the tracepoints sys_enter"),
        ([], ["bpf_func_id.BPF_FUNC_loop"], "this kernel lacks the helpers loop"),
        ([], ["task_struct.tgid"], "this kernel has no struct task_struct.tgid"),
    ],
)
def test_what_the_calls_need_is_named_and_auto_takes_ptrace(
    tmp_path: Path, types: list[str], members: list[str], said: str
) -> None:
    other = without(tmp_path / "types", types, members)
    capture = os.fspath(tmp_path / "c.wiretale")
    done = run_with(other, [*RECORD, capture, "--engine", "ebpf", "--", "true"])
    assert done.returncode == Exit.RESOURCE and said in done.stderr and "try: " in done.stderr
    done = run_with(other, [*RECORD, capture, "--engine", "auto", "--", "true"])
    assert done.returncode == 0 and f"recorded by ptrace, because eBPF could not: {said}" in done.stderr


def test_no_program_can_be_followed_without_its_fork(tmp_path: Path) -> None:
    types = without(tmp_path / "types", ["btf_trace_sched_process_fork"])
    done = run_with(types, [*RECORD, os.fspath(tmp_path / "c.wiretale"), "--", "true"])
    assert done.returncode == 0
    assert "missing: this kernel lacks the tracepoint sched_process_fork" in done.stderr


def test_lockdown_is_named_where_programs_are_refused(tmp_path: Path) -> None:
    """With it the kernel has no helpers that read its memory: here, no type that is read."""
    (tmp_path / "security").mkdir()
    (tmp_path / "security" / "lockdown").write_text(LOCKED_DOWN)
    types = without(tmp_path / "types", members=["task_struct.tgid"])
    locked = f"mount --bind {tmp_path}/security /sys/kernel/security"
    done = run_with(types, [*RECORD, os.fspath(tmp_path / "c.wiretale"), "--engine", "ebpf", "--", "true"], locked)
    assert done.returncode == Exit.PERMISSION
    assert "locked down for confidentiality" in done.stderr and "try: " in done.stderr
    doctor = run_with(types, [*WIRETALE, "doctor"], locked).stdout
    assert doctor.count("locked down for confidentiality") == 2


def test_a_ring_that_cannot_be_had_is_said_to_be_one(tmp_path: Path) -> None:
    words = [*RECORD, os.fspath(tmp_path / "c.wiretale"), "--engine", "ebpf", "--ring", "256", "--", "true"]
    limited = f"ulimit -v {1 << 19} && exec " + " ".join(f"'{word}'" for word in words)  # 512 MB; it is mapped twice
    done = subprocess.run(["sh", "-c", limited], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == Exit.RESOURCE
    assert "there is no memory for the recorder's ring" in done.stderr and "--ring" in done.stderr


def test_groups_that_were_not_asked_for_are_in_the_coverage(tmp_path: Path) -> None:
    capture = tmp_path / "c.wiretale"
    done = run("record", "--kernel", "--kernel-events", "net,tcp", "--no-packets", "-o", capture, "--", "true")
    assert done.returncode == 0, done.stderr
    found = not_recorded(capture)
    assert found["sched events"] == found["sock events"] == "not asked for" and "net events" not in found
    done = run("record", "--kernel", "--kernel-events", "net,nut", "--", "true")
    assert done.returncode == Exit.USAGE and "'nut'" in done.stderr


def test_a_ring_is_a_power_of_two() -> None:
    done = run("record", "--ring", "3", "--", "true")
    assert done.returncode == Exit.USAGE and "--ring" in done.stderr


def test_a_program_that_another_tracer_holds_is_recorded(tmp_path: Path) -> None:
    capture = tmp_path / "c.wiretale"
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as cat:
        assert cat.stdin and cat.stdout
        with subprocess.Popen(
            ["strace", "-o", "/dev/null", "-p", str(cat.pid)], stderr=subprocess.PIPE, text=True
        ) as tracer:
            assert tracer.stderr and "attached" in tracer.stderr.readline()
            with subprocess.Popen([*RECORD, os.fspath(capture), "--engine", "ebpf", "-p", str(cat.pid)]) as recorder:
                calls = tmp_path / "c.wiretale.spool" / "ptrace.calls"

                def is_recorded() -> bool:
                    assert cat.stdin and cat.stdout
                    os.write(cat.stdin.fileno(), b"x")
                    os.read(cat.stdout.fileno(), 1)
                    return calls.exists() and calls.stat().st_size > 0

                wait_until(is_recorded, "calls of cat are in the spool")
                recorder.send_signal(signal.SIGINT)
                assert recorder.wait(60) == 0
            tracer.kill()
        cat.stdin.close()
    assert query(capture, "SELECT count(*) > 0 FROM call WHERE name = 'write'") == [(True,)]


def test_a_full_disk_is_said_and_what_did_not_fit_is_counted(small_disk: Path) -> None:
    capture = small_disk / "c.wiretale"
    done = subprocess.run(
        [*RECORD, os.fspath(capture), "--engine", "ebpf", "--", sys.executable, "-c", TALK, "30000"],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == Exit.RESOURCE and "the disk is full" in done.stderr and "wiretale recover" in done.stderr
    subprocess.run(["mount", "-o", "remount,size=100m", small_disk], check=True)
    assert run("recover", f"{capture}.spool").returncode == 0
    # beside them what follows from it: threads that were not seen to get a CPU
    lost = dict(query(capture, "SELECT level, count FROM coverage WHERE state = 'lost' AND level IS NOT NULL"))
    assert set(lost) == {"kernel", "syscall"}
    kept = query(capture, "SELECT count(*) FROM kernel_event WHERE name = 'sock:sock_send_length'")[0][0]
    assert 0 < int(str(kept)) < 30000 < int(str(lost["kernel"]))


def test_the_kernel_level_of_a_recorder_that_was_killed_can_be_opened(tmp_path: Path) -> None:
    capture, spool = tmp_path / "c.wiretale", tmp_path / "c.wiretale.spool"
    words = [*RECORD, os.fspath(capture), "--engine", "ebpf", "--", sys.executable, "-c", TALK, "1000000000"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as recorder:
        assert recorder.stdout and recorder.stdout.readline() == "ready\n"
        wait_until(lambda: (spool / "kernel.events").stat().st_size > 1 << 20, "a megabyte of events is written")
        wait_until(lambda: (spool / "ptrace.calls").stat().st_size > 1 << 18, "so are its calls")
        recorder.kill()
        assert recorder.stdout.read() == ""  # the program ended with it
    done = run("recover", spool)
    assert done.returncode == 0, done.stderr
    both = "SELECT (SELECT count(*) > 100 FROM call), (SELECT count(*) > 1000 FROM kernel_event)"
    assert query(capture, both) == [(True, True)]
    assert query(capture, "SELECT count(*) FROM coverage WHERE reason LIKE 'the recorder was killed%'") == [(1,)]
    assert run("path", capture).returncode == 0
