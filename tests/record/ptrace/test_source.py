"""The tracer on real programs: what it must survive, and that what it says agrees with strace and the programs."""

import errno
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import textwrap
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import require
from tests.record.ptrace.tracing import Tracing, trace, until
from wiretale.errors import Exit, PermissionFault, WiretaleError
from wiretale.model.enums import Arch
from wiretale.model.spool import EventKind
from wiretale.record.ptrace.source import PtraceOptions, PtraceSource, SpawnRequest, attach_fault, find_program
from wiretale.store.load.live_calls import CallReader, LiveEvent
from wiretale.store.spool import Spool
from wiretale.store.tracer_files import TracerFiles

pytestmark = pytest.mark.e2e

PYTHON = sys.executable
# What depends on the moment rather than on the program.
UNSTEADY = {"futex", "rt_sigreturn", "wait4", "clone", "rt_sigsuspend", "rt_sigprocmask", "restart_syscall"}


def script(tmp_path: Path, text: str) -> list[str]:
    """A Python program, ready to run with little start-up."""
    path = tmp_path / "program.py"
    path.write_text(textwrap.dedent(text))
    return [PYTHON, "-S", "-E", str(path)]


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


@pytest.mark.parametrize(("text", "status"), [("exit 7", 7 << 8), ("kill -KILL $$", 9), ("kill -TERM $$", 15)])
def test_exit_status_passes_through(tmp_path: Path, text: str, status: int) -> None:
    traced = trace(tmp_path / "spool", "sh", "-c", text)
    assert list(traced.statuses.values()) == [status]
    how = traced.one("SELECT end_how FROM task ORDER BY task_id DESC LIMIT 1")
    assert how == ("exited" if status >= 256 else "killed")


def test_memory_of_calls_is_what_the_program_wrote(tmp_path: Path) -> None:
    program = script(
        tmp_path,
        """
        import os, socket
        a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        a.send(b"x" * 300)
        b.recv(1000)
        a.sendmsg([b"head", b"-", b"tail" * 100])
        b.recvmsg(1000)
        os.writev(a.fileno(), [b"one", b"two"])
        os.readv(b.fileno(), [bytearray(2), bytearray(10)])
        """,
    )
    traced = trace(tmp_path / "spool", *program)
    sent = traced.rows(
        """SELECT c.name, d.idx, d."offset", d.full_bytes, d.bytes FROM call_data d JOIN call c USING (call_id)
           WHERE d.role = 'payload' AND c.name IN ('sendto', 'recvfrom', 'sendmsg', 'recvmsg', 'writev', 'readv')
           ORDER BY call_id, d.idx"""
    )
    assert sent == [
        ("sendto", 0, 0, 300, b"x" * 256),
        ("recvfrom", 0, 0, 300, b"x" * 256),
        ("sendmsg", 0, 0, 4, b"head"),
        ("sendmsg", 1, 4, 1, b"-"),
        ("sendmsg", 2, 5, 400, (b"tail" * 100)[: 256 - 5]),
        ("recvmsg", 0, 0, 405, (b"head-" + b"tail" * 100)[:256]),
        ("writev", 0, 0, 3, b"one"),
        ("writev", 1, 3, 3, b"two"),
        ("readv", 0, 0, 2, b"on"),
        ("readv", 1, 2, 4, b"etwo"),
    ]


@pytest.mark.parametrize("snaplen", [0, 5, None])
def test_snaplen_cuts_payload_and_keeps_its_length(tmp_path: Path, snaplen: int | None) -> None:
    program = script(tmp_path, "import os; r, w = os.pipe(); os.write(w, bytes(range(200)) * 100)")
    traced = trace(tmp_path / "spool", *program, options={"snaplen": snaplen})
    full, kept = traced.rows(
        """SELECT d.full_bytes, d.bytes FROM call_data d JOIN call c USING (call_id)
           WHERE c.name = 'write' AND d.role = 'payload' AND d.full_bytes = 20000"""
    )[0]
    assert full == 20000
    assert kept == (bytes(range(200)) * 100)[:snaplen]


def test_a_string_at_the_end_of_a_mapping_is_read(tmp_path: Path) -> None:
    program = script(
        tmp_path,
        """
        import ctypes, mmap
        libc = ctypes.CDLL(None)
        libc.mmap.restype = ctypes.c_void_p
        libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
        libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
        at = libc.mmap(None, 8192, 3, 0x22, -1, 0)
        libc.munmap(at + 4096, 4096)
        ctypes.memmove(at + 4096 - 9, b"/nowhere", 9)
        libc.access(ctypes.c_void_p(at + 4096 - 9), 0)
        libc.access(ctypes.c_void_p(at + 4096), 0)
        """,
    )
    traced = trace(tmp_path / "spool", *program)
    assert traced.rows(
        """SELECT d.bytes, d.error FROM call_data d JOIN call c USING (call_id)
           WHERE c.name = 'access' AND (d.bytes = '/nowhere'::BLOB OR d.error <> 0) ORDER BY call_id"""
    ) == [(b"/nowhere", 0), (b"", errno.EFAULT)]


NAMED = r"""
import ctypes, os, threading
def name(text):
    ctypes.CDLL(None).prctl(15, text, 0, 0, 0)
def told():
    with open("/proc/thread-self/comm", "rb") as file:
        print(file.read().hex(), flush=True)
for text in (b"plain", b"a b", b"back\\slash", b"line\nend", b"\\n", b"(1)\t\xff", b"fifteen_letters"):
    name(text)
    told()
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
"""


def test_names_of_new_processes_are_those_that_the_kernel_tells(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as out:
        traced = trace(tmp_path / "spool", sys.executable, "-c", NAMED, stdout_fd=out.fileno())
    told = [bytes.fromhex(line) for line in (tmp_path / "out").read_text().split()]
    assert len(told) == 7
    shown = [line.rstrip(b"\n").decode(errors="backslashreplace") for line in told]
    born = traced.rows("SELECT comm FROM task WHERE how <> 'execve' AND parent_task_id IS NOT NULL ORDER BY start_ns")
    assert [comm for (comm,) in born] == shown


SCATTERED = r"""
import ctypes, mmap, os, select
libc = ctypes.CDLL(None, use_errno=True)
page = mmap.PAGESIZE
libc.mmap.restype = ctypes.c_void_p
base = libc.mmap(None, 3 * page, 3, 0x22, -1, 0)
libc.munmap(ctypes.c_void_p(base + page), page)
# argv: strings at the end of a mapping, at its start, and across nothing; a pointer into the hole
words = [(base + page - 4, b"end"), (base + 2 * page, b"start"), (base + 8, b"x" * 300)]
for address, text in words:
    ctypes.memmove(address, text + b"\0", len(text) + 1)
vector = (ctypes.c_void_p * 5)(words[0][0], words[1][0], words[2][0], base + page, None)
libc.execve(b"/nonexistent", vector, None)
# the same place between two calls is read anew
for text in (b"first", b"second"):
    ctypes.memmove(base + 8, text + b"\0", len(text) + 1)
    vector = (ctypes.c_void_p * 3)(words[2][0], words[1][0], None)
    libc.execve(b"/nonexistent", vector, None)
"""


def test_scattered_strings_are_read_whole_and_never_from_an_earlier_stop(tmp_path: Path) -> None:
    traced = trace(tmp_path / "spool", sys.executable, "-c", SCATTERED)
    found = traced.rows(
        "SELECT bytes FROM call_data JOIN call USING (call_id) WHERE call.name = 'execve' AND call_id IN "
        "(SELECT call_id FROM call_data WHERE bytes = '/nonexistent'::BLOB) "
        "AND role = 'argv' ORDER BY call.entry_ns, idx"
    )
    expected = [b"end", b"start", b"x" * 300, b"", b"first", b"start", b"second", b"start"]
    assert [bytes(data or b"") for (data,) in found] == expected


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


def test_threads_processes_and_images_become_tasks(tmp_path: Path) -> None:
    program = script(
        tmp_path,
        """
        import os, threading
        threads = [threading.Thread(target=lambda: os.getppid()) for _ in range(10)]
        [t.start() for t in threads]
        [t.join() for t in threads]
        if not (pid := os.fork()):
            os.execv("/bin/sh", ["sh", "-c", "exit 3"])
        os.waitpid(pid, 0)
        """,
    )
    traced = trace(tmp_path / "spool", *program)
    (pid,) = traced.statuses
    how = Counter(h for (h,) in traced.rows("SELECT how FROM task"))
    assert how == {"started": 1, "thread": 10, "fork": 1, "execve": 2}
    assert traced.one("SELECT count(*) FROM task WHERE how = 'thread' AND shares_files_with = 2 AND pid = ?", pid) == 10
    child = traced.rows("SELECT pid, parent_pid, argv, exit_status FROM task WHERE how = 'execve' AND pid <> ?", pid)
    assert [c[1:] for c in child] == [(pid, ["sh", "-c", "exit 3"], 3)]
    calls = "SELECT count(*) FROM call c JOIN task t USING (task_id) WHERE c.name = 'getppid' AND t.how = 'thread'"
    assert traced.one(calls) == 10
    assert traced.one("SELECT count(*) FROM call c JOIN task t USING (task_id) WHERE c.tid <> t.tid") == 0


def test_execve_of_a_thread_returns_in_the_leaders_name(tmp_path: Path) -> None:
    program = script(
        tmp_path,
        """
        import os, threading, time
        def image():
            leader = f"/proc/self/task/{os.getpid()}/wchan"
            while "nanosleep" not in open(leader).read():
                pass
            os.execv("/bin/sh", ["sh", "-c", "exit 5"])
        threading.Thread(target=image).start()
        time.sleep(60)
        """,
    )
    traced = trace(tmp_path / "spool", *program)
    (pid,) = traced.statuses
    assert traced.statuses == {pid: 5 << 8}
    (caller, retval, complete) = traced.rows(
        "SELECT tid, retval, complete FROM call WHERE name = 'execve' ORDER BY call_id DESC LIMIT 1"
    )[0]
    assert caller != pid and retval == 0 and complete
    assert traced.rows("SELECT how, tid, exit_status FROM task ORDER BY task_id DESC LIMIT 1") == [("execve", pid, 5)]
    sleeps = traced.rows("SELECT complete FROM call WHERE name = 'clock_nanosleep'")
    assert sleeps == [(False,)]


def test_signals_are_recorded_with_their_sender(tmp_path: Path) -> None:
    program = script(
        tmp_path,
        """
        import os, signal
        got = []
        signal.signal(signal.SIGUSR1, lambda n, f: got.append(n))
        os.kill(os.getpid(), signal.SIGUSR1)
        raise SystemExit(len(got))
        """,
    )
    traced = trace(tmp_path / "spool", *program)
    (pid,) = traced.statuses
    assert traced.statuses[pid] == 1 << 8
    assert traced.rows("SELECT name, sender_pid, stopped FROM signal") == [("SIGUSR1", pid, False)]


def state_of(pid: int) -> str:
    """The state letter of /proc/PID/stat."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_stop_and_continue_reach_the_program(tmp_path: Path) -> None:
    with Tracing(tmp_path / "spool") as tracing:
        pid = tracing.spawn("sleep", "60")
        events: list[LiveEvent] = []
        reader = CallReader(tracing.spool)

        def seen(kind: EventKind, name: str = "") -> bool:
            events.extend(reader.read())
            return any(e.kind is kind and (not name or (e.call is not None and e.call.name == name)) for e in events)

        until(lambda: seen(EventKind.ENTRY, "clock_nanosleep"), "sleep sleeps")
        os.kill(pid, signal.SIGSTOP)
        until(lambda: seen(EventKind.GROUP_STOP), "it is stopped")
        os.kill(pid, signal.SIGCONT)
        until(lambda: seen(EventKind.ENTRY, "restart_syscall"), "it sleeps again")
        os.kill(pid, signal.SIGTERM)
        traced = tracing.finish()
    assert traced.statuses == {pid: signal.SIGTERM}
    kinds = traced.rows("SELECT name, stopped FROM signal ORDER BY time_ns")
    assert kinds[:2] == [("SIGSTOP", False), ("SIGSTOP", True)]
    assert ("SIGCONT", False) in kinds
    restarted = traced.rows("SELECT restarts FROM call WHERE name = 'restart_syscall'")
    assert restarted == [("clock_nanosleep",)]


def test_attach_and_detach_leave_a_threaded_program_running(tmp_path: Path) -> None:
    program = script(
        tmp_path,
        """
        import os, threading, time
        def work():
            while not os.path.exists("/proc/self/nothing"):
                time.sleep(0.005)
        threads = [threading.Thread(target=work, daemon=True) for _ in range(5)]
        [t.start() for t in threads]
        print("ready", flush=True)
        input()
        print("done", flush=True)
        """,
    )
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None and running.stdout.readline() == "ready\n"
        with Tracing(tmp_path / "spool", kill_on_recorder_exit=False) as tracing:
            tracing.attach(running.pid)
            until(lambda: tracing.source.report().items > 200, "calls are recorded")
            assert tracing.source.alive() == [running.pid]
            assert "TracerPid:\t0" not in Path(f"/proc/{running.pid}/status").read_text()
            traced = tracing.stop()
        assert "TracerPid:\t0" in Path(f"/proc/{running.pid}/status").read_text()
        out, _ = running.communicate("x\n", timeout=20)
        assert out == "done\n" and running.returncode == 0
    assert traced.statuses == {running.pid: None}
    assert traced.rows("SELECT how, end_how, count(*) FROM task GROUP BY ALL") == [("attached", "detached", 6)]
    assert traced.one("SELECT count(DISTINCT tid) FROM call") >= 5


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


def test_network_mode_without_filter_says_so(tmp_path: Path) -> None:
    traced = trace(tmp_path / "spool", "true", options={"calls": "network", "kill_on_recorder_exit": False})
    assert traced.report.detail["mode"] == "every call"
    assert "outlives" in str(traced.report.detail["mode_reason"])


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


def test_environment_directory_and_signals_reach_the_program_unchanged(tmp_path: Path) -> None:
    out = os.open(tmp_path / "out", os.O_RDWR | os.O_CREAT)
    text = "import os, signal; print(os.getcwd(), os.environ['WORD'], len(os.environ), signal.pthread_sigmask(0, []))"
    trace(
        tmp_path / "spool",
        PYTHON,
        "-S",
        "-E",
        "-c",
        text + "; print(open('/proc/self/status').read().split('SigIgn:')[1].split()[0], os.listdir('/proc/self/fd'))",
        env={"WORD": "héllo", "LC_ALL": "C.UTF-8"},
        cwd="/usr",
        stdout_fd=out,
    )
    os.close(out)
    first, second = (tmp_path / "out").read_text().splitlines()
    assert first == "/usr héllo 2 set()"
    ignored, descriptors = second.split(" ", 1)
    own = Path("/proc/self/status").read_text().split("SigIgn:")[1].split()[0]
    by_python = 1 << 12 | 1 << 24  # every interpreter ignores SIGPIPE and SIGXFSZ, this one and the traced one
    assert int(ignored, 16) | by_python == int(own, 16) | by_python
    inherited = subprocess.run(["ls", "/proc/self/fd"], capture_output=True, text=True, close_fds=False, check=True)
    assert set(re.findall(r"\d+", descriptors)) == set(inherited.stdout.split())  # nothing of the recorder's own


def test_it_runs_as_another_user_with_a_terminal(tmp_path: Path) -> None:
    require(os.geteuid() == 0, "root is needed to become another user")
    master, slave = os.openpty()
    out = os.open(tmp_path / "out", os.O_RDWR | os.O_CREAT)
    trace(
        tmp_path / "spool",
        "sh",
        "-c",
        "id -u; id -g; id -G; tty < /dev/tty; ps -o sid= -p $$ | tr -d ' '; echo $$",
        stdin_fd=slave,
        stdout_fd=out,
        new_session=True,
        uid=65534,
        gid=65534,
        groups=[65534, 7],
    )
    os.close(out)
    uid, gid, groups, tty, session, pid = (tmp_path / "out").read_text().split("\n")[:6]
    assert (uid, gid, set(groups.split())) == ("65534", "65534", {"65534", "7"})
    assert tty in ("/dev/tty", os.ttyname(slave)) and session == pid
    os.close(master)
    os.close(slave)


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


@pytest.mark.parametrize("impatient", [False, True])
def test_only_an_impatient_caller_is_woken_before_the_programs_are_gone(tmp_path: Path, impatient: bool) -> None:
    program = script(
        tmp_path,
        f"""
        import os
        if not os.fork():
            os._exit(0)
        os.wait()
        os.mkfifo({str(tmp_path / "born")!r})
        open({str(tmp_path / "born")!r}).read()
        """,
    )
    with Tracing(tmp_path / "spool") as tracing:
        tracing.source.be_impatient(impatient)
        tracing.spawn(*program)
        until((tmp_path / "born").exists, "the child has come and gone")
        assert bool(select.select([tracing.source.notable_fd], [], [], 0)[0]) is impatient
        (tmp_path / "born").write_text("")
        assert select.select([tracing.source.notable_fd], [], [], 20)[0]
        assert impatient or not tracing.source.alive()
        assert [n.child_pid for n in tracing.notable() if n.child_pid]


@pytest.mark.alone
def test_two_busy_programs_share_the_tracer_fairly(tmp_path: Path) -> None:
    program = script(
        tmp_path,
        f"""
        import os
        os.close(os.open({str(tmp_path)!r} + f"/ready{{os.getpid()}}", os.O_CREAT))
        while not os.path.exists({str(tmp_path / "begin")!r}): pass
        while not os.path.exists({str(tmp_path / "end")!r}): os.getppid()
        """,
    )
    with Tracing(tmp_path / "spool") as tracing:
        pids = [tracing.spawn(*program) for _ in range(3)]
        until(lambda: all((tmp_path / f"ready{pid}").exists() for pid in pids), "all have started")
        (tmp_path / "begin").touch()
        before = tracing.source.report().items
        until(lambda: tracing.source.report().items > before + 30000, "calls are recorded")
        (tmp_path / "end").touch()
        traced = tracing.finish()
    counts = dict(traced.rows("SELECT pid, count(*) FROM call WHERE name = 'getppid' GROUP BY pid"))
    assert set(counts) == set(pids)
    assert min(counts.values()) * 10 > max(counts.values())


def test_records_are_in_order_and_complete(tmp_path: Path) -> None:
    traced = trace(tmp_path / "spool", *script(tmp_path, "import os; [os.getppid() for _ in range(500)]"))
    assert traced.names().count("getppid") == 500
    assert traced.one("SELECT count(*) FROM call WHERE NOT complete AND name <> 'exit_group'") == 0
    late = "SELECT count(*) FROM call WHERE NOT (entry_ns <= start_ns AND start_ns <= exit_ns AND exit_ns <= resume_ns)"
    assert traced.one(late) == 0
    assert traced.rows("SELECT state FROM coverage WHERE item IN ('events', 'pieces of memory')") == []


def test_files_that_cannot_be_made_are_a_fault(tmp_path: Path) -> None:
    source = PtraceSource(TracerFiles(str(tmp_path / "missing")), PtraceOptions())
    with pytest.raises(WiretaleError, match="cannot be written"):
        source.start()


def test_a_request_has_the_default_descriptors() -> None:
    request = SpawnRequest(["true"])
    assert (request.stdin_fd, request.stdout_fd, request.stderr_fd) == (0, 1, 2)


def test_a_wild_length_does_not_fill_the_disk(tmp_path: Path) -> None:
    program = script(
        tmp_path,
        """
        import ctypes, os
        r, w = os.pipe()
        libc = ctypes.CDLL(None)
        text = ctypes.create_string_buffer(b"y" * 100000)
        libc.write(w, text, ctypes.c_size_t(1 << 46))
        """,
    )
    traced = trace(tmp_path / "spool", *program, options={"snaplen": None})
    full, error, kept = traced.rows(
        "SELECT full_bytes, error, octet_length(bytes) FROM call_data WHERE role = 'payload' ORDER BY full_bytes DESC"
    )[0]
    assert full == 1 << 46 and error == errno.EFAULT and kept >= 100000
    assert traced.report.lost == 0


def test_programs_under_the_filter_end_with_the_recording(tmp_path: Path) -> None:
    with Tracing(tmp_path / "spool", calls="network") as tracing:
        pid = tracing.spawn("sleep", "60")
        tracing.source.stop(timeout_s=0.05)
        assert tracing.source.status_of(pid) == signal.SIGKILL


def test_a_stopped_program_is_attached_and_left_stopped(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as sleeper:
        sleeper.send_signal(signal.SIGSTOP)
        until(lambda: state_of(sleeper.pid) == "T", "it is stopped")
        with Tracing(tmp_path / "spool", kill_on_recorder_exit=False) as tracing:
            tracing.attach(sleeper.pid)
            until(lambda: tracing.source.report().items >= 2, "its stop is recorded")
            traced = tracing.stop()
        until(lambda: state_of(sleeper.pid) == "T", "it is stopped still")
        assert traced.rows("SELECT name, stopped FROM signal")[0] == ("SIGSTOP", True)
        sleeper.kill()
