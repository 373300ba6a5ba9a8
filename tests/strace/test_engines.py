"""`wiretale strace --engine ebpf`: the lines of ptrace, call by call, for the same work."""

import ctypes
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.conftest import require
from wiretale.model.spool import EventKind
from wiretale.record.ebpf.calls import OBJECT_PATH
from wiretale.record.ptrace.library import CallPlan, Op
from wiretale.record.ptrace.plan import native_arches, plan
from wiretale.store.load import tracer_events

pytestmark = pytest.mark.e2e

STRACE = [sys.executable, "-m", "wiretale", "strace"]
# One thread, whose order is its own; ports and paths that do not change.
WORK = """
import fcntl, os, select, socket, struct, termios
server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(("127.0.0.1", 4000))
server.listen(5)
client = socket.socket()
client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
client.bind(("127.0.0.1", 4444))
client.connect(("127.0.0.1", 4000))
peer, _ = server.accept()
client.send(b"salam\\n\\x00\\xff")
peer.sendmsg([b"one", b"two"])
select.select([peer, client], [], [], 1)
poll = select.epoll()
poll.register(peer, select.EPOLLIN)
poll.poll(1)
print(peer.recv(99), client.recvmsg(4)[0])
near, far = socket.socketpair()
socket.send_fds(near, [b"take"], [1])
print(len(socket.recv_fds(far, 9, 1)))
datagram = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
datagram.sendto(b"nobody", ("::1", 4001))
try: socket.socket().connect(("127.0.0.1", 4009))
except OSError as fault: print(fault.errno)
child = os.fork()
if child == 0:
    os.write(1, b"child\\n")
    os._exit(3)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
fcntl.fcntl(1, fcntl.F_GETFL)
terminal, other = os.openpty()
for request in (0x80045430, termios.TIOCGWINSZ, termios.FIONREAD): fcntl.ioctl(terminal, request, bytes(8))
fcntl.ioctl(datagram, 0x8927, b"lo".ljust(40, b"\\0"))  # SIOCGIFHWADDR
os.getpid()
os.kill(os.getpid(), 0)
"""
NET = (
    "trace=%network,read,write,select,pselect6,epoll_ctl,epoll_wait,fcntl,ioctl,fork,clone,wait4,kill,exit_group,close"
)


def lines(tmp_path: Path, engine: str, *options: str, command: Sequence[str | Path] = ()) -> list[str]:
    """The trace, with what differs from run to run made equal; each process's lines together, in its own order."""
    script, trace = tmp_path / "work.py", tmp_path / f"{engine}.txt"
    script.write_text(WORK)
    command = command or ["/usr/bin/python3", "-S", "-E", "-s", script]
    done = subprocess.run(
        ["unshare", "-n", "sh", "-c", 'ip link set lo up; exec "$@"', "sh", *STRACE, "--engine", engine, "-f", *options,
         "-o", str(trace), *map(str, command)],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert ("not shown: signals that the program ignores" in done.stderr) == (engine == "ebpf")
    whole: list[str] = []
    begun: dict[str, str] = {}
    for line in trace.read_text().splitlines():  # where a line is cut is the scheduler's choice
        pid, _, text = line.partition(" ")
        if text.endswith(" <unfinished ...>"):
            begun[pid] = text.removesuffix(" <unfinished ...>")
        elif resumed := re.match(r"\s*<\.\.\. \w+ resumed>(.*)", text):
            whole.append(f"{pid} {begun.pop(pid)}{resumed[1]}")
        else:
            whole.append(line)
    pids = list(dict.fromkeys(line.split()[0] for line in whole))
    text = "\n".join(sorted(whole, key=lambda line: pids.index(line.split()[0])))
    for number, pid in enumerate(pids):
        text = re.sub(rf"\b{pid}\b", f"PID{number}", text)
    text = re.sub(r"0x[0-9a-f]{6,}", "ADDRESS", text)
    text = re.sub(r"left \{tv_sec=0, tv_nsec=\d+\}", "left SOME", text)
    text = re.sub(r"(sin6?_port=htons)\((3[2-9]|[456]\d)\d{3}\)", r"\1(ANY)", text)  # ip_local_port_range
    text = re.sub(r"u64=\d+", "u64=ANY", text)  # whose upper half Python does not set
    text = re.sub(r" +=", " =", text)
    return [line for line in text.splitlines() if "--- SIGCHLD" not in line]  # ignored: eBPF does not see it


@pytest.mark.parametrize("options", [(), ("-v", "-x"), ("-s", "5", "-N")])
def test_both_engines_print_the_same_lines(tmp_path: Path, options: tuple[str, ...]) -> None:
    require(os.geteuid() == 0, "root is needed to load BPF programs")
    require(OBJECT_PATH.exists(), "the kernel programs are compiled (clang, llvm, libbpf-dev)")
    by_ptrace, by_ebpf = (lines(tmp_path, engine, "-e", NET, *options) for engine in ("ptrace", "ebpf"))
    assert by_ebpf == by_ptrace
    assert any("connect(" in line for line in by_ebpf) and any("ECONNREFUSED" in line for line in by_ebpf)


@pytest.mark.parametrize("options", [(), ("-v", "-s", "4096")])
def test_what_arguments_lead_to_is_read_by_both_engines(tmp_path: Path, options: tuple[str, ...]) -> None:
    """Also what no page held before the call (constants), and what execve() pointed to, whose memory it ends."""
    require(os.geteuid() == 0, "root is needed to load BPF programs")
    require(OBJECT_PATH.exists(), "the kernel programs are compiled (clang, llvm, libbpf-dev)")
    program = tmp_path / "pointed"
    compiler = shutil.which("cc")
    assert compiler is not None
    subprocess.run([compiler, "-O1", "-w", "-o", program, Path(__file__).parent / "pointed.c"], check=True)
    by_ptrace, by_ebpf = (
        [line for line in lines(tmp_path, engine, *options, command=[program]) if "getrandom" not in line]
        for engine in ("ptrace", "ebpf")
    )
    if options:  # of the environment only ptrace reads values
        assert any('"A=1", "B=two"' in line for line in by_ptrace)
        by_ptrace = [re.sub(r'"(\w+)=[^"]*"(?:\.\.\.)?', r'"\1"', line) for line in by_ptrace]
    assert by_ebpf == by_ptrace
    executed = [line for line in by_ebpf if 'execve("' in line and line.endswith("= 0")]
    assert len(executed) == 2 and '"qqqqqqqqq"' in executed[1] and "0x8" in "".join(by_ebpf)


def test_the_kernel_programs_have_room_for_what_the_plan_asks_of_any_call() -> None:
    source = "".join(path.read_text() for path in OBJECT_PATH.parent.glob("calls_*.h"))
    room = {name: int(number) for name, number in re.findall(r"#define (\w+_OPS) (\d+)", source)}
    ops, tables = plan(native_arches())
    calls = [
        call
        for _, table in tables
        for call in (CallPlan * (len(table) // ctypes.sizeof(CallPlan))).from_buffer_copy(table)
    ]
    assert max(call.ops for call in calls) <= room["CALL_OPS"]
    assert len(ops) // ctypes.sizeof(Op) <= room["MOST_OPS"]


def test_what_only_a_stop_can_do_is_refused() -> None:
    for options in (
        ["-e", "inject=read:error=EIO"],
        ["-b", "execve"],
        ["-f", "--seccomp-bpf", "-e", "close"],
        ["-yy"],
        ["-P", "/etc"],
        ["--engine", "x"],
    ):
        done = subprocess.run(
            [*STRACE, "--engine", "ebpf", *options, "true"], capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 1 and "--engine" in done.stderr and not done.stdout, options


def test_the_kinds_of_events_are_those_of_the_spool() -> None:
    assert (tracer_events.ENTRY, tracer_events.EXIT, tracer_events.CALL) == (
        EventKind.ENTRY, EventKind.EXIT, EventKind.CALL,
    )  # fmt: skip
