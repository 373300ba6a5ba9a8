"""Calls by kernel programs: the same rows as by ptrace, nothing lost in silence, and sentences where it cannot be."""

import os
import platform
import signal
import socket
import struct
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import require
from tests.netcat.programs import wait_until
from tests.ordinary_user import run_as_nobody
from tests.record.ebpf.test_source import DATAGRAM
from wiretale.errors import ResourceFault
from wiretale.join.build import build
from wiretale.model.kernel_ring import KINDS
from wiretale.model.spool import HEADER_BYTES
from wiretale.record.ebpf import calls
from wiretale.record.ebpf.calls import EbpfCalls, RingOptions
from wiretale.record.ebpf.libbpf import Object, RefusedProgram
from wiretale.record.ebpf.source import KernelOptions, KernelSource
from wiretale.record.ptrace.source import PtraceOptions, PtraceSource, SpawnRequest
from wiretale.store.capture import open_capture
from wiretale.store.load.kernel_events import read_records
from wiretale.store.load.ptrace_files import EVENT_TYPE
from wiretale.store.make import make_capture
from wiretale.store.spool import Manifest, Program, Spool

# Every kind of memory a call can carry, descriptors of every kind, a thread, a child that becomes another program.
PROGRAM = """
import ctypes, os, select, signal, socket, struct, sys, threading
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
peer, _ = server.accept()
client.sendmsg([b"ab", b"cdef"])
peer.recvmsg_into([bytearray(2), bytearray(9)])
client.sendall(bytes(range(256)) * 400)
peer.recv(256 * 400, socket.MSG_WAITALL)
select.select([peer], [client], [], 0)
poll = select.poll()
poll.register(peer)
poll.poll(0)
one, two = socket.socketpair()
reader, writer = os.pipe()
socket.send_fds(one, [b"z"], [writer, client.fileno()])
_, received, _, _ = socket.recv_fds(two, 9, 4)
copy = os.dup(reader)
thread = threading.Thread(target=os.write, args=(received[0], b"1"))
thread.start()
thread.join()
os.read(copy, 1)
datagrams = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
datagrams.bind(("::1", 0))
datagrams.sendto(b"to myself", datagrams.getsockname())
datagrams.recvfrom(99)
code = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0xFFFF))  # BPF_RET: structures behind pointers
datagrams.setsockopt(socket.SOL_SOCKET, 26, struct.pack("HL", 1, ctypes.addressof(code)))  # SO_ATTACH_FILTER
named = socket.socket(socket.AF_UNIX)
named.bind(sys.argv[1])
named.listen()
socket.socket(socket.AF_UNIX).connect(sys.argv[1])
try:
    socket.socket().connect(("127.0.0.1", 1))
except ConnectionRefusedError:
    pass
signal.signal(signal.SIGUSR1, lambda *_: None)
os.kill(os.getpid(), signal.SIGUSR1)
with open("/etc/passwd", "rb") as file:
    file.read(10)
child = os.fork()
if not child:
    os.execv("/bin/sh", ["sh", "-c", "exit 3"])
os.waitpid(child, 0)
"""


def require_ebpf() -> None:
    require(os.geteuid() == 0, "root is needed to load BPF programs")
    require(calls.OBJECT_PATH.exists(), "the kernel programs are compiled (clang, llvm, libbpf-dev)")


def recorded(folder: Path, source: PtraceSource, spool: Spool, argv: list[str]) -> Path:
    """Record one program until its end; returns the capture."""
    source.start()
    manifest = Manifest(recorder_pid=os.getpid())
    with (folder / "out").open("wb") as out:
        pid = source.spawn(SpawnRequest(argv, dict(os.environ), stdout_fd=out.fileno()))
        assert source.wait(60)
    status = source.status_of(pid)
    source.stop()
    manifest.programs = [Program(pid, argv, 0, status=status)]
    manifest.sources = [source.report()]
    spool.write_manifest(manifest)
    (spool.path / "clock.jsonl").write_text("[0, 0, 0]\n")
    make_capture(spool, folder / "run.wiretale", build)
    return folder / "run.wiretale"


def by_ebpf(
    folder: Path, argv: list[str], options: PtraceOptions | None = None, ring: RingOptions | None = None
) -> tuple[Path, EbpfCalls]:
    require_ebpf()
    folder.mkdir(exist_ok=True)
    spool = Spool(folder / "spool")
    spool.path.mkdir()
    source = EbpfCalls(spool.tracer, options or PtraceOptions(), ring or RingOptions(1 << 22))
    return recorded(folder, source, spool, argv), source


def by_ptrace(folder: Path, argv: list[str], options: PtraceOptions | None = None) -> Path:
    folder.mkdir(exist_ok=True)
    spool = Spool(folder / "spool")
    spool.path.mkdir()
    return recorded(folder, PtraceSource(spool.tracer, options or PtraceOptions()), spool, argv)


def rows(capture: Path, sql: str) -> list[tuple[object, ...]]:
    with open_capture(capture) as db:
        return db.execute(sql).fetchall()


# What depends on addresses, process ids, ports and on which of two threads was faster is left out; and the cookie of a
# socket that was closed before anybody asked.
_PROGRAM_CALLS = """
WITH chosen AS (
    SELECT *, row_number() OVER (PARTITION BY task_id ORDER BY call_id) AS place FROM call
    WHERE name NOT IN ('futex', 'mmap', 'munmap', 'brk', 'mprotect', 'madvise', 'set_robust_list', 'rseq',
                       'set_tid_address', 'getpid', 'getppid', 'gettid', 'kill', 'clone', 'clone3', 'vfork', 'fork',
                       'wait4')
)
"""
SAME = {
    "calls": "SELECT c.task_id, place, name, fd, retval, errno, complete FROM chosen c ORDER BY ALL",
    "data": "SELECT c.task_id, place, d.role, d.at_exit, d.arg, d.idx, d.\"offset\", d.full_bytes, d.error,"
    " CASE WHEN d.role IN ('payload', 'string', 'argv', 'envp') AND c.name NOT IN ('getrandom', 'getdents64')"
    " THEN d.bytes"
    " ELSE octet_length(d.bytes)::VARCHAR::BLOB END FROM chosen c JOIN call_data d USING (call_id)"
    " WHERE NOT regexp_matches(coalesce(decode(CASE WHEN d.role = 'string' THEN d.bytes END), ''), 'spool|/tmp')"
    " ORDER BY ALL",
    "descriptors": "SELECT c.task_id, place, s.fd, regexp_replace(s.target, '[0-9]{3,}|/tmp/.*', 'N', 'g')"
    " FROM descriptor_sample s JOIN chosen c USING (call_id) ORDER BY ALL",
    "sockets": "SELECT c.task_id, place, s.netns_cookie, s.family, s.type, s.protocol, s.state,"
    " CASE WHEN s.family <> 'AF_UNIX' THEN s.local_addr END, s.local_port IS NULL, s.peer_port IS NULL"
    " FROM socket_sample s JOIN chosen c USING (call_id) ORDER BY ALL",
    "tasks": "SELECT task_id, parent_task_id, how, is_leader, end_how, exit_status, comm, exe, cwd, uid, netns,"
    " list_slice(argv, 1, 1) FROM task WHERE how <> 'started' ORDER BY task_id",
}  # fmt: skip


CUT = PtraceOptions(calls="network", snaplen=10)


@pytest.mark.parametrize(
    ("options", "live"),
    [(PtraceOptions(), False), (PtraceOptions(), True), (CUT, False)],
    ids=["all", "read while recorded", "cut"],
)
def test_the_rows_are_those_of_ptrace(tmp_path: Path, options: PtraceOptions, live: bool) -> None:
    require_ebpf()
    argv = [sys.executable, "-S", "-E", "-c", PROGRAM]
    argv.append(str(tmp_path / "socket"))
    ours, source = by_ebpf(tmp_path / "e", argv, options, RingOptions(1 << 22, live=live))
    (tmp_path / "socket").unlink()
    theirs = by_ptrace(tmp_path / "p", argv, options)
    assert source.report().lost == 0
    inside = "SELECT count(*) FROM call_data JOIN call USING (call_id) WHERE name = 'setsockopt' AND idx > 0"
    assert rows(ours, inside) == [(1,)]
    for what, sql in SAME.items():
        assert rows(ours, _PROGRAM_CALLS + sql) == rows(theirs, _PROGRAM_CALLS + sql), what


def test_a_large_message_is_kept_whole(tmp_path: Path) -> None:
    """Longer than a record of the ring: it comes in parts."""
    code = "import os, sys\nd = bytes(range(251)) * 4000\nos.write(1, d)\nos.writev(1, [d[:70000], d[:5], d])"
    capture, source = by_ebpf(tmp_path, [sys.executable, "-c", code], PtraceOptions(snaplen=None), RingOptions(1 << 23))
    assert source.report().lost == 0
    whole = bytes(range(251)) * 4000
    found = rows(
        capture,
        "SELECT c.name, d.bytes FROM call c JOIN call_data d USING (call_id) WHERE fd = 1 AND role = 'payload'"
        " AND c.name IN ('write', 'writev') ORDER BY call_id, idx",
    )
    assert found == [("write", whole), ("writev", whole[:70000]), ("writev", whole[:5]), ("writev", whole)]


def test_a_message_of_any_length_is_kept_byte_by_byte(tmp_path: Path) -> None:
    """Short ones are copied in other ways than long ones; what is copied beside them is not kept."""
    lengths = "[*range(1, 300), 4000, 4096, 4097]"
    code = f"import os\nd = bytes(range(1, 252)) * 17\nfor n in {lengths}: os.write(1, (d[n % 251:] + d)[:n])"
    capture, source = by_ebpf(tmp_path, [sys.executable, "-c", code], PtraceOptions(snaplen=None), RingOptions(1 << 23))
    assert source.report().lost == 0
    data = bytes(range(1, 252)) * 17
    found = rows(
        capture,
        "SELECT d.bytes FROM call c JOIN call_data d USING (call_id) WHERE fd = 1 AND role = 'payload'"
        " AND c.name = 'write' ORDER BY call_id",
    )
    assert [row[0] for row in found] == [(data[n % 251 :] + data)[:n] for n in (*range(1, 300), 4000, 4096, 4097)]


def test_the_kernel_level_follows_sockets_that_calls_make(tmp_path: Path) -> None:
    """Its program is run by that of the calls: the first datagram, from an untraced sender, is seen."""
    assert _programs_run_by_calls(tmp_path) == 1


def test_it_follows_them_where_the_kernel_refuses_tail_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then both levels have a program of their own at the returns of calls."""
    monkeypatch.setattr(calls, "Object", RefusesTailCalls)
    assert _programs_run_by_calls(tmp_path) == 0


class RefusesTailCalls(Object):
    """As on arm64 before Linux 6.0."""

    makes_one = True

    def set_constant(self, section: str, value: bytes) -> None:
        super().set_constant(section, value)
        if section == ".rodata.tail":
            self.makes_one = any(value)

    def load(self) -> None:
        if self.makes_one:
            raise RefusedProgram("sys_exit", "tail_calls are not allowed in programs with bpf-to-bpf calls")
        super().load()


def _programs_run_by_calls(tmp_path: Path) -> int:
    require_ebpf()
    spool = Spool(tmp_path / "spool")
    spool.path.mkdir()
    kernel = KernelSource(spool, KernelOptions(ring_bytes=1 << 22))
    kernel.open()
    kernel.start()
    source = EbpfCalls(spool.tracer, PtraceOptions(), RingOptions(1 << 22))
    source.start()
    source.run_also(kernel)
    run_by_calls = len(source._object.entries("at_socket_calls", 4, 4))
    reader, writer = os.pipe()
    pid = source.spawn(SpawnRequest([sys.executable, "-c", DATAGRAM], dict(os.environ), stdout_fd=writer))
    os.close(writer)
    with os.fdopen(reader) as out:
        port = int(out.readline())
        status = Path(f"/proc/{pid}/status")
        wait_until(lambda: "State:\tS" in status.read_text(), "it sleeps in recv()")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"salam", ("127.0.0.1", port))
        assert source.wait(60)
    source.stop()
    kernel.stop()
    records, _ = read_records(spool.kernel_path)
    queued = next(kind.number for kind in KINDS if kind.name == "net:net_dev_queue")
    assert [r for r in records if r["destination_port"] == port and r["bytes"] == 5 and r["kind"] == queued]
    return run_by_calls


def test_a_constant_that_was_never_touched_is_read(tmp_path: Path) -> None:
    """Its page is not there at the entry; the entry is told when the kernel has read it."""
    page = tmp_path / "text"
    page.write_bytes(b"never touched" + bytes(8000))
    code = (
        "import mmap, os, ctypes\n"
        f"m = mmap.mmap(os.open({str(page)!r}, os.O_RDWR), 8000)\n"
        "at = ctypes.addressof(ctypes.c_char.from_buffer(m))\nctypes.CDLL(None).write(1, ctypes.c_void_p(at), 13)\n"
    )
    capture, _ = by_ebpf(tmp_path / "run", [sys.executable, "-c", code])
    sql = "SELECT bytes, error, at_exit FROM call JOIN call_data USING (call_id) WHERE name = 'write' AND fd = 1"
    assert rows(capture, sql) == [(b"never touched", 0, False)]


def test_calls_that_do_not_return_are_there(tmp_path: Path) -> None:
    code = (
        "import os, signal, threading\n"
        "def kill_when_it_reads():\n"
        "    while open(f'/proc/self/task/{os.getpid()}/syscall').read().split()[1:2] != ['0x0']: pass\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "threading.Thread(target=kill_when_it_reads).start()\nos.read(0, 1)"
    )
    reader, writer = os.pipe()
    saved = os.dup(0)
    os.dup2(reader, 0)
    try:
        capture, _ = by_ebpf(tmp_path, [sys.executable, "-c", code])
    finally:
        os.dup2(saved, 0)
        for fd in (saved, reader, writer):
            os.close(fd)
    last = "SELECT name, retval FROM call WHERE name = 'read' AND fd = 0"
    assert rows(capture, last) == [("read", -512)]  # ERESTARTSYS: what the kernel itself returned, and then died
    ends = "SELECT DISTINCT end_how, signal FROM task WHERE end_how <> 'execve'"
    assert rows(capture, ends) == [("killed", "SIGKILL")]


def test_a_full_ring_is_counted_to_the_call(tmp_path: Path) -> None:
    """The program goes on until something was lost: how soon that is depends on what else the machine does."""
    require_ebpf()
    enough = tmp_path / "enough"
    code = (
        "import os\nmade = 0\n"
        f"while not os.path.exists({str(enough)!r}):\n"
        "    for _ in range(20000): os.getppid()\n"
        "    made += 20000\n"
        "print(made)"
    )
    spool = Spool(tmp_path / "spool")
    spool.path.mkdir()
    source = EbpfCalls(spool.tracer, PtraceOptions(), RingOptions(1 << 16))

    def end_when_lost() -> None:
        try:
            wait_until(lambda: source.report().detail["lost"].get("calls", 0) > 0, "a call that found the ring full")
        finally:
            enough.touch()

    watching = threading.Thread(target=end_when_lost)
    watching.start()
    capture = recorded(tmp_path, source, spool, [sys.executable, "-c", code])
    watching.join()
    made, report = int((tmp_path / "out").read_text()), source.report()
    seen = rows(capture, "SELECT count(*) FROM call WHERE name = 'getppid'")[0][0]
    assert isinstance(seen, int)
    lost = report.detail["lost"].get("calls", 0)
    assert lost and seen <= made <= seen + lost
    assert f"{lost} calls" in (report.reason or "")
    (said,) = rows(capture, "SELECT item, count, state FROM coverage WHERE state = 'lost'")
    assert said == ("ebpf calls records", report.lost, "lost")


def test_what_nobody_waits_for_is_copied_unseen(tmp_path: Path) -> None:
    """24 bytes of a call without arguments: what is copied is what recording costs the recorder."""
    code = "import os\nfor _ in range(50000): os.getppid()"
    capture, source = by_ebpf(tmp_path, [sys.executable, "-c", code], ring=RingOptions(1 << 23))
    spool = Spool(tmp_path / "spool")
    assert source.report().lost == 0 and source.report().items > 50000
    looked_at = np.fromfile(spool.events_path, EVENT_TYPE, offset=HEADER_BYTES)
    assert 0 < len(looked_at) < 1000  # its sockets, its files, its life
    assert 24 * 50000 <= spool.packed_bytes() < 30 * 50000
    assert rows(capture, "SELECT count(*), max(a0) FROM call WHERE name = 'getppid'") == [(50000, 0)]


def test_a_running_process_is_followed_and_let_go(tmp_path: Path) -> None:
    require_ebpf()
    code = "import os, sys\nfor line in sys.stdin: os.write(1, line.encode())"
    spool = Spool(tmp_path / "spool")
    spool.path.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        assert process.stdin and process.stdout
        process.stdin.write("before\n")
        assert process.stdout.readline() == "before\n"
        source = EbpfCalls(spool.tracer, PtraceOptions(), RingOptions(1 << 22))
        source.start()
        source.attach(process.pid)
        process.stdin.write("during\n")
        assert process.stdout.readline() == "during\n"
        source.detach_all()
        assert source.alive() == []
        process.stdin.write("after\n")
        assert process.stdout.readline() == "after\n"
        source.stop()
        process.stdin.close()
        assert process.wait(20) == 0
    spool.write_manifest(Manifest(sources=[source.report()], programs=[Program(process.pid, [], 0, attached=True)]))
    (spool.path / "clock.jsonl").write_text("[0, 0, 0]\n")
    make_capture(spool, tmp_path / "run.wiretale", build)
    written = rows(
        tmp_path / "run.wiretale",
        "SELECT bytes FROM call JOIN call_data USING (call_id) WHERE name = 'write' AND fd = 1",
    )
    assert written == [(b"during\n",)]
    assert rows(tmp_path / "run.wiretale", "SELECT how, end_how FROM task") == [("attached", "detached")]


def test_what_a_call_was_given_is_kept_though_it_never_returns(tmp_path: Path) -> None:
    require_ebpf()
    code = (
        "import os, select, sys\nreader, writer = os.pipe()\npolled = select.poll()\npolled.register(reader, 1)\n"
        "print(reader, flush=True)\nsys.stdin.readline()\npolled.poll()"
    )
    spool = Spool(tmp_path / "spool")
    spool.path.mkdir()
    argv = [sys.executable, "-c", code]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin and process.stdout
        polled = int(process.stdout.readline())
        source = EbpfCalls(spool.tracer, PtraceOptions(), RingOptions(1 << 22))
        source.start()
        source.attach(process.pid)
        process.stdin.write("on\n")
        process.stdin.flush()
        state = Path(f"/proc/{process.pid}/syscall")
        # poll, or ppoll where there is no poll
        wait_until(lambda: state.read_text().split()[0] in ("7", "73"), "poll")
        source.detach_all()
        source.stop()
        process.kill()
    spool.write_manifest(Manifest(sources=[source.report()], programs=[Program(process.pid, argv, 0, attached=True)]))
    (spool.path / "clock.jsonl").write_text("[0, 0, 0]\n")
    make_capture(spool, tmp_path / "run.wiretale", build)
    given = (
        "SELECT complete, at_exit, bytes FROM call JOIN call_data USING (call_id)"
        " WHERE name IN ('poll', 'ppoll') AND role = 'array'"
    )
    assert rows(tmp_path / "run.wiretale", given) == [(False, False, struct.pack("ihh", polled, 1, 0))]


def test_a_call_that_returns_more_than_it_was_given_has_both(tmp_path: Path) -> None:
    """An interrupted nanosleep(2) says how long is left: its entry has one piece, its return two."""
    number = {"x86_64": 35, "aarch64": 101}[platform.machine()]
    code = (
        "import ctypes, signal, struct\nsignal.signal(signal.SIGALRM, lambda *_: None)\n"
        "times = ctypes.create_string_buffer(struct.pack('4q', 50, 7, 0, 0))\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.02)\n"
        f"ctypes.CDLL(None).syscall({number}, times, ctypes.byref(times, 16))"
    )
    capture, _ = by_ebpf(tmp_path, [sys.executable, "-c", code])
    sql = (
        "SELECT retval, at_exit, arg, bytes FROM call JOIN call_data USING (call_id) WHERE name = 'nanosleep'"
        " ORDER BY at_exit, arg"
    )
    found = rows(capture, sql)
    assert [row[1:3] for row in found] == [(False, 0), (True, 0), (True, 1)]
    assert {row[0] for row in found} == {-516}  # ERESTART_RESTARTBLOCK
    asked = struct.pack("2q", 50, 7)
    assert found[0][3] == found[1][3] == asked
    (left, _) = struct.unpack("2q", bytes(found[2][3]))  # type: ignore[call-overload]
    assert left == 49


SLEEPERS = """
import os, select, socket, sys, threading, time
a, b = socket.socketpair()
c, d = socket.socketpair()
threading.Thread(target=lambda: a.recv(77)).start()
threading.Thread(target=lambda: select.select([c], [], [], 500)).start()
threading.Thread(target=lambda: time.sleep(2000), daemon=True).start()
os.write(1, b"ready")
os.read(0, 5)
b.send(b"salam")
d.send(b"x")
os.write(1, b"done")
os.read(0, 6)
os._exit(0)
"""


def has_recorded(source: PtraceSource, items: int) -> bool:
    return source.report().items >= items


def asleep(pid: int, threads: int) -> bool:
    """Whether all threads of a process are in a call, and so many of them there are."""
    calls = [p.read_text().split()[0] for p in Path(f"/proc/{pid}/task").glob("*/syscall")]
    return len(calls) == threads and "running" not in calls and "-1" not in calls


@pytest.mark.parametrize("calls", ["all", "network"])
def test_the_calls_in_which_an_attached_process_sleeps_are_those_of_ptrace(tmp_path: Path, calls: str) -> None:
    require_ebpf()
    found = []
    for engine in (PtraceSource, EbpfCalls):
        spool = Spool(tmp_path / engine.__name__)
        spool.path.mkdir()
        with subprocess.Popen(
            [sys.executable, "-c", SLEEPERS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        ) as process:
            assert process.stdin and process.stdout and process.stdout.read(5) == b"ready"
            wait_until(partial(asleep, process.pid, 4), "its threads sleep")
            options = PtraceOptions(calls=calls)  # type: ignore[arg-type]
            source = (
                PtraceSource(spool.tracer, options)
                if engine is PtraceSource
                else EbpfCalls(spool.tracer, options, RingOptions(1 << 22))
            )
            source.start()
            source.attach(process.pid)
            if engine is PtraceSource:  # it interrupts them: each must have entered its call again
                # of each thread: attached, and in its call again
                wait_until(partial(has_recorded, source, 8), "the calls are entered again")
            process.stdin.write(b"begin")
            assert process.stdout.read(4) == b"done"
            wait_until(partial(asleep, process.pid, 2), "it sleeps again")
            source.stop()
            process.kill()
        spool.write_manifest(Manifest(sources=[source.report()], programs=[Program(process.pid, [], 0, attached=True)]))
        (spool.path / "clock.jsonl").write_text("[0, 0, 0]\n")
        make_capture(spool, tmp_path / f"{engine.__name__}.wiretale", build)
        found.append(
            rows(
                tmp_path / f"{engine.__name__}.wiretale",
                "SELECT name, retval, complete, fd, a2, "
                " (SELECT min(bytes) FROM call_data d WHERE d.call_id = c.call_id)"
                " FROM call c WHERE name IN ('read', 'recvfrom', 'select', 'pselect6', 'clock_nanosleep')"
                " ORDER BY name, retval NULLS LAST",
            )
        )
    given = (
        "SELECT count(*) FILTER (d.at_exit) > 0, count(*) FILTER (NOT d.at_exit)"
        " FROM call_data d JOIN call c USING (call_id)"
        " WHERE c.name IN ('select', 'pselect6') AND d.role = 'fdset' AND c.retval IS NOT NULL"
    )
    # The kernel has written over what it was given.
    assert rows(tmp_path / "EbpfCalls.wiretale", given) == [(True, 0)]
    by_ptrace, by_ebpf = found
    assert ("recvfrom", 5, True, 3, 77, b"salam") in by_ebpf
    if calls == "all":
        sleep = "clock_nanosleep"  # ptrace interrupts it, and it goes on as restart_syscall
        assert [(r[1], r[2]) for r in by_ebpf if r[0] == sleep] == [(None, False)]
        assert [r for r in by_ebpf if r[2]] == [r for r in by_ptrace if r[2] and r[0] != sleep]
        assert [(r[1], r[2]) for r in by_ebpf if r[0] == "read"] == [(5, True), (None, False)]
    else:  # ptrace has every call of an attached process: it cannot be given a filter any more
        assert {str(r[0]) for r in by_ebpf} <= {"recvfrom", "read", "select", "pselect6"}
        assert {r for r in by_ebpf if r[2]} <= set(by_ptrace)


def test_the_program_runs_as_the_invoking_user(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "wiretale", "record", "-q", "--engine", "ebpf", "--no-packets", "--user", "nobody"]
    require_ebpf()
    done = subprocess.run(
        [*command, "-o", str(tmp_path / "run.wiretale"), "--", "id", "-u"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "65534\n"
    assert rows(tmp_path / "run.wiretale", "SELECT DISTINCT uid FROM task WHERE how = 'execve'") == [(65534,)]


@pytest.mark.parametrize(("engine", "status"), [("ebpf", 4), ("auto", 0)])
def test_without_privilege_it_fails_or_says_that_ptrace_was_taken(tmp_path: Path, engine: str, status: int) -> None:
    done = run_as_nobody(
        tmp_path, ["-m", "wiretale", "record", "--engine", engine, "--no-packets", "-o", "a.wiretale", "--", "true"]
    )
    assert done.returncode == status, done.stderr
    assert "CAP_BPF and CAP_PERFMON" in done.stderr
    if engine == "auto":
        assert rows(tmp_path / "home/a.wiretale", "SELECT count(*) > 0 FROM call WHERE name = 'execve'") == [(True,)]


def test_a_missing_tracepoint_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    require_ebpf()
    monkeypatch.setattr(calls.Object, "leave_out_missing", lambda *_: ["sys_enter"])
    with pytest.raises(ResourceFault, match="lacks the tracepoints sys_enter"):
        calls.load()


def test_the_program_ends_with_a_recorder_that_is_killed(tmp_path: Path) -> None:
    require_ebpf()
    words = [sys.executable, "-m", "wiretale", "record", "-q", "--engine", "ebpf", "--no-packets"]
    words += ["-o", str(tmp_path / "a.wiretale"), "--", "sh", "-c", "echo $$; exec sleep 1000"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as recorder:
        assert recorder.stdout
        assert int(recorder.stdout.readline())
        recorder.send_signal(signal.SIGKILL)
        assert recorder.stdout.read() == ""  # the program's end closes the pipe
