"""The tracer on real programs: what it must survive, and that what it says agrees with strace and the programs."""

import os
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import require
from tests.record.ptrace.tracing import PYTHON, Tracing, script, trace
from wiretale.model.enums import Arch
from wiretale.record.ptrace.source import SpawnRequest

pytestmark = pytest.mark.e2e

# What depends on the moment rather than on the program.
UNSTEADY = {"futex", "rt_sigreturn", "wait4", "clone", "rt_sigsuspend", "rt_sigprocmask", "restart_syscall"}


@pytest.mark.parametrize(
    "command",
    [
        ["sh", "-c", "echo a | cat | wc -c"],
        ["sh", "-c", "exec sh -c 'exec true'"],
        ["sh", "-c", "for i in 1 2 3 4 5 6 7 8; do (exit $i) & done; wait"],
        [PYTHON, "-S", "-c", "import os; [os.waitpid(os.posix_spawn('/bin/true', ['true'], {}), 0) for _ in range(4)]"],
        ["sh", "-c", "trap 'echo x' USR1; kill -USR1 $$; kill -TERM $$"],
    ],
    ids=["pipeline", "execs", "forks", "vforks", "signals"],
)
def test_sees_the_calls_that_strace_sees(tmp_path: Path, command: list[str]) -> None:
    require(shutil.which("strace"), "strace is not installed")
    ours = Counter(trace(tmp_path / "spool", *command).names())
    log = tmp_path / "strace"
    null = subprocess.DEVNULL
    subprocess.run(["strace", "-f", "-o", log, *command], stdin=null, stdout=null, check=False)
    theirs = Counter(re.findall(r"^\d+ +([a-z_0-9]+)\(", log.read_text(), re.MULTILINE))
    for name in UNSTEADY:
        ours.pop(name, 0)
        theirs.pop(name, 0)
    assert ours == theirs
    assert ours["execve"] >= 1


def test_sockets_are_described_at_the_stop(tmp_path: Path) -> None:
    program = script(
        tmp_path,
        """
        import socket
        server = socket.create_server(("127.0.0.1", 0))
        client = socket.create_connection(server.getsockname())
        peer, _ = server.accept()
        other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        other.sendto(b"x", server.getsockname())
        print(server.getsockname()[1], client.getsockname()[1], other.getsockname()[1], flush=True)
        """,
    )
    out = os.open(tmp_path / "out", os.O_RDWR | os.O_CREAT)
    traced = trace(tmp_path / "spool", *program, stdout_fd=out)
    os.close(out)
    server, client, other = map(int, (tmp_path / "out").read_text().split())
    samples = traced.rows(
        """SELECT c.name, s.type, s.state, s.local_port, s.peer_port
           FROM socket_sample s JOIN call c USING (call_id) ORDER BY call_id, s.state NULLS LAST"""
    )
    assert ("listen", "SOCK_STREAM", "LISTEN", server, None) in samples
    assert ("connect", "SOCK_STREAM", None, client, server) in samples
    assert ("accept4", "SOCK_STREAM", None, server, client) in samples
    assert ("sendto", "SOCK_DGRAM", None, other, None) in samples
    assert traced.one("SELECT count(DISTINCT cookie) FROM socket_sample") == 4
    inode = traced.one("SELECT DISTINCT inode FROM socket_sample WHERE state = 'LISTEN'")
    assert traced.one("SELECT count(*) FROM descriptor_sample WHERE target = ?", f"socket:[{inode}]") >= 2


def test_received_descriptors_are_named(tmp_path: Path) -> None:
    program = script(
        tmp_path,
        """
        import os, socket
        a, b = socket.socketpair()
        socket.send_fds(a, [b"x"], [os.open("/etc/hostname", os.O_RDONLY), a.fileno()])
        print(socket.recv_fds(b, 10, 2)[1])
        """,
    )
    traced = trace(tmp_path / "spool", *program)
    targets = traced.rows(
        "SELECT d.target FROM descriptor_sample d JOIN call c USING (call_id) WHERE c.name = 'recvmsg' ORDER BY d.fd"
    )
    assert targets[0] == ("/etc/hostname",)
    assert targets[1][0].startswith("socket:[")


def test_network_mode_records_descriptors_and_life_only(tmp_path: Path) -> None:
    program = script(
        tmp_path,
        """
        import os, socket, threading
        for i in range(100):
            os.getppid()
        a, b = socket.socketpair()
        threading.Thread(target=lambda: a.send(b"hello")).start()
        b.recv(5)
        if not (pid := os.fork()):
            os.write(1, b"child")
            os._exit(4)
        os.waitpid(pid, 0)
        """,
    )
    traced = trace(tmp_path / "spool", *program, options={"calls": "network"})
    names = Counter(traced.names())
    assert not names.keys() & {"getppid", "brk", "munmap", "rt_sigaction"}
    assert names["execve"] == 1 and names["sendto"] == 1 and names["recvfrom"] == 1
    assert names["exit_group"] == 2 and names["clone"] + names["clone3"] == 2
    assert list(traced.statuses.values()) == [0]
    assert traced.one("SELECT count(*) FROM call_data WHERE bytes = 'child'::BLOB") == 1
    assert traced.report.detail["mode"] == "filtered"


INT80 = r"""
#define CALL(n, a, b, c, r) __asm__ volatile("int $0x80" : "=a"(r) : "a"(n), "b"(a), "c"(b), "d"(c) : "memory")
static char text[] = "from int80\n";
void _start(void) {
    long r;
    CALL(4, 1, (long)text, 11, r);  /* write */
    unsigned args[3] = {1, 1, 0};   /* socketcall(SYS_SOCKET, {AF_UNIX, SOCK_STREAM, 0}) */
    CALL(102, 1, (long)args, 0, r);
    CALL(1, 7, 0, 0, r);            /* exit */
}
"""


def build(tmp_path: Path, *flags: str) -> Path:
    """The program above, without any library."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    require(compiler and os.uname().machine == "x86_64", "gcc for x86-64 is not installed")
    source, binary = tmp_path / "int80.c", tmp_path / "int80"
    source.write_text(INT80)
    code = ["-static", "-nostdlib", "-fno-pie", "-no-pie", "-fno-stack-protector", *flags]
    subprocess.run([str(compiler), *code, "-o", str(binary), str(source)], check=True)
    return binary


def test_a_32_bit_program_is_recorded_with_its_own_numbers(tmp_path: Path) -> None:
    traced = trace(tmp_path / "spool", str(build(tmp_path, "-m32")))
    assert list(traced.statuses.values()) == [7 << 8]
    calls = traced.rows("SELECT name, arch, a0, a1, retval FROM call WHERE arch <> ? ORDER BY call_id", Arch.X86_64)
    assert [(c[0], c[1]) for c in calls][-3:] == [(n, Arch.I386) for n in ("write", "socket", "exit")]
    assert calls[-2][2:] == (1, 1, 3)
    assert traced.one("SELECT bytes FROM call_data WHERE role = 'payload'") == b"from int80\n"
    assert traced.one("SELECT family FROM socket_sample") == "AF_UNIX"


def test_notable_events_tell_who_listens_and_who_is_connected(tmp_path: Path) -> None:
    program = script(
        tmp_path,
        """
        import os, socket
        server = socket.create_server(("127.0.0.1", 0))
        if not os.fork():
            socket.create_connection(server.getsockname())
            os._exit(0)
        server.accept()
        os.wait()
        """,
    )
    with Tracing(tmp_path / "spool") as tracing:
        pid = tracing.spawn(*program)
        tracing.source.wait(20)
        seen = tracing.notable()
    child = next(n.child_pid for n in seen if n.child_pid)
    assert [n.tgid for n in seen if n.listens] == [pid]
    assert sorted(n.tgid for n in seen if n.connected) == sorted([pid, child])
    listening = next(n for n in seen if n.listens)
    assert listening.socket is not None and listening.socket.local_port
    assert {n.tgid: n.status for n in seen if n.status is not None} == {pid: 0, child: 0}


def test_records_are_in_order_and_complete(tmp_path: Path) -> None:
    traced = trace(tmp_path / "spool", *script(tmp_path, "import os; [os.getppid() for _ in range(500)]"))
    assert traced.names().count("getppid") == 500
    assert traced.one("SELECT count(*) FROM call WHERE NOT complete AND name <> 'exit_group'") == 0
    late = "SELECT count(*) FROM call WHERE NOT (entry_ns <= start_ns AND start_ns <= exit_ns AND exit_ns <= resume_ns)"
    assert traced.one(late) == 0
    assert traced.rows("SELECT state FROM coverage WHERE item IN ('events', 'pieces of memory')") == []


def test_a_request_has_the_default_descriptors() -> None:
    request = SpawnRequest(["true"])
    assert (request.stdin_fd, request.stdout_fd, request.stderr_fd) == (0, 1, 2)
