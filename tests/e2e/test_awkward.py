"""Awkward beginnings, paths and uses of sockets: every byte linked, or an honest statement of what is not."""

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from tests.conftest import require
from tests.e2e.awkward_programs import FIRST_SEQUENCE
from tests.e2e.namespaces import record_transfer
from tests.e2e.proof import faults
from tests.e2e.session import WIRETALE, program
from tests.netcat.programs import wait_until
from wiretale.check.check import StreamCheck, check
from wiretale.check.reasons import IN_PARTS, UNTRACED
from wiretale.store.capture import open_capture

pytestmark = pytest.mark.e2e

SIZE = 300_000
SENT = {
    "threads": 80_000, "passed": 9_000, "wrapped": 200_003, "fast-open": 5_008, "fast-open-connect": 5_008,
    "urgent": 3_009, "urgent-inline": 3_005, "keep-alive": 15, "zero-window": 300_000, "fragments": 79_432,
    "extension-headers": 50_016,
}  # fmt: skip


def record_scenario(name: str, folder: Path) -> Path:
    """Record both ends of one scenario in a network of its own. Where datagrams are to be cut, lo has a small MTU."""
    require(os.geteuid() == 0, "the test runs as root: TCP_REPAIR, extension headers and sysctls need it")
    capture = folder / "run.wiretale"
    target = [sys.executable, str(Path(__file__).parent / "awkward_programs.py"), name]
    record = [*WIRETALE, "record", "-q", "-o", str(capture), "--snaplen", "all", "--calls", "network", "--", *target]
    mtu = "ip link set lo mtu 1500; " if name == "fragments" else ""
    done = subprocess.run(
        [program("unshare"), "-n", "sh", "-c", f"ip link set lo up; {mtu}exec {shlex.join(record)}"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return capture


def over_packets(db: duckdb.DuckDBPyConnection) -> list[StreamCheck]:
    return [s for s in check(db).streams if s.protocol in ("tcp", "udp") and s.carried]


WITNESS = {
    # what proves that the scenario took place
    "wrapped": f"SELECT count(*) > 1 FROM endpoint WHERE initial_seq = {FIRST_SEQUENCE} OR role = 'server'",
    "fast-open": "SELECT count(*) = 1 FROM packet WHERE shown AND flags & 18 = 2 AND payload_bytes = 500",
    "fast-open-connect": "SELECT count(*) = 1 FROM packet WHERE shown AND flags & 18 = 2 AND payload_bytes = 500",
    "urgent": "SELECT count(*) > 0 FROM packet WHERE shown AND flags & 32 <> 0",
    "urgent-inline": "SELECT count(*) > 0 FROM packet WHERE shown AND flags & 32 <> 0",
    "keep-alive": "SELECT count(*) > 0 FROM segment WHERE shown AND list_contains(analysis, 'keep_alive')",
    "zero-window": 'SELECT count(*) > 0 FROM packet WHERE shown AND "window" = 0 AND flags & 7 = 0',
    "fragments": "SELECT count(*) > 50 FROM packet WHERE shown AND fragment",
    "extension-headers": "SELECT count(*) > 2 FROM packet WHERE shown AND payload_offset > 14 + 40 + 32 + 8",
    "passed": "SELECT count(*) > 0 FROM descriptor WHERE how LIKE 'received%'",
    "threads": "SELECT count(DISTINCT tid) >= 4 FROM stream_write JOIN call USING (call_id)",
}


@pytest.mark.parametrize("name", SENT)
def test_every_byte_is_linked(name: str, tmp_path: Path) -> None:
    with open_capture(record_scenario(name, tmp_path)) as db:
        assert db.execute(WITNESS[name]).fetchall() == [(True,)]
        streams = over_packets(db)
        assert sum(s.written for s in streams) == SENT[name]
        for stream in streams:
            assert stream.linked == stream.carried == 2 * stream.on_wire, stream
            if name == "fragments":  # no one frame has their bytes: write and read are compared with each other
                assert {gap.reason for gap in stream.uncompared} == {IN_PARTS}, stream
                assert stream.equal["write_read"] == stream.on_wire
            else:
                assert stream.compared == stream.carried, stream
        assert not faults(db)


def test_where_a_peek_with_an_offset_began_is_not_claimed(tmp_path: Path) -> None:
    with open_capture(record_scenario("peek-offset", tmp_path)) as db:
        reads = db.execute("SELECT lo, hi, peeked, exact FROM stream_read ORDER BY call_id").fetchall()
        assert [exact for *_, peeked, exact in reads if peeked] == [False, False]
        assert reads[-1] == (0, 64, False, True)
        assert not check(db).wrong


def test_segments_larger_than_the_mtu_between_two_traced_namespaces(tmp_path: Path) -> None:
    """veth carries what the stack would have cut for a real wire (GSO)."""
    (tmp_path / "data").write_bytes(os.urandom(SIZE))
    with open_capture(record_transfer(tmp_path)) as db:
        (stream,) = over_packets(db)
        assert stream.linked == stream.compared == 2 * SIZE
        assert not stream.gaps
        larger = "SELECT count(*) > 0 FROM packet JOIN interface USING (ifindex) WHERE frame_bytes > mtu + 14"
        assert db.execute(larger).fetchall() == [(True,)]


@pytest.mark.parametrize("options", [(), ("-i", "any"), ("-i", "va")], ids=["default", "any", "named"])
def test_an_untraced_peer_in_another_namespace_is_named(options: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(os.urandom(SIZE))
    with open_capture(record_transfer(tmp_path, trace_server=False, options=options)) as db:
        (stream,) = over_packets(db)
        assert stream.written == stream.linked == stream.compared == SIZE
        assert [(g.what, g.bytes, g.reason) for g in stream.gaps] == [
            ("on the wire, not read", SIZE, UNTRACED.format(end="receiver"))
        ]
        assert not faults(db)


_HALF_WAY = """
import os, socket, sys
folder, attached = sys.argv[1:]
a = socket.create_server(("127.0.0.1", 4000))
child = os.fork()
sock = socket.create_connection(("127.0.0.1", 4000)) if not child else a.accept()[0]
data = bytes(range(256)) * 40
def take(n):
    while n:
        n -= len(sock.recv(n))
if child:
    take(10000); sock.sendall(data[:3000])
    open(folder + "/pids", "w").write(f"{os.getpid()} {child}")
    open(attached + "0").read()
    take(10240); sock.sendall(data[:5000]); os.waitpid(child, 0)
else:
    sock.sendall(data[:10000]); take(3000)
    open(attached + "1").read()
    sock.sendall(data); take(5000)
"""


@pytest.mark.parametrize("both", [True, False], ids=["both ends", "one end"])
def test_a_recording_that_begins_in_the_middle_knows_how_much_passed_before(both: bool, tmp_path: Path) -> None:
    """TCP_INFO counts what went before; positions continue from there."""
    go = tmp_path / "go"
    for n in range(2):
        os.mkfifo(f"{go}{n}")
    script = tmp_path / "half_way.py"
    script.write_text(_HALF_WAY)
    capture = tmp_path / "run.wiretale"
    record = shlex.join([*WIRETALE, "record", "-q", "-o", str(capture), "--snaplen", "all"])
    chosen = "-p $1 -p $2" if both else "-p $2"
    shell = (
        f"ip link set lo up; {shlex.join([sys.executable, str(script), str(tmp_path), str(go)])} &\n"
        f"until [ -s {tmp_path}/pids ]; do :; done; set -- $(cat {tmp_path}/pids); exec {record} {chosen}"
    )
    with subprocess.Popen([program("unshare"), "-n", "sh", "-c", shell], stdin=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: (tmp_path / "pids").exists() and (tmp_path / "pids").read_text(), "the first half")
            pids = (tmp_path / "pids").read_text().split()
            wait_until(lambda: all(_is_traced(pid) for pid in (pids if both else pids[1:])), "the tracer")
            for n in range(2):
                Path(f"{go}{n}").write_text("go")
            process.wait(60)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
    with open_capture(capture) as db:
        found = {s.direction: s for s in over_packets(db)}
        up, down = found["c2s"], found["s2c"]
        assert (up.on_wire, down.on_wire) == (10_240, 5_000)
        for stream in (up, down):
            assert stream.linked == stream.compared == stream.carried
        assert db.execute("SELECT min(lo), max(hi) FROM segment WHERE direction = 'c2s' AND hi > lo").fetchall() == [
            (10_000, 20_240)
        ]
        reasons = {g.reason for s in found.values() for g in s.gaps}
        assert reasons == (set() if both else {UNTRACED.format(end="sender"), UNTRACED.format(end="receiver")})
        assert not faults(db)


_BUSY = """
import os, socket, sys, time
kind = sys.argv[1]
family, address = (socket.AF_INET, ("127.0.0.1", 0)) if kind == "tcp" else (socket.AF_UNIX, f"\\0busy {os.getpid()}")
listener = socket.socket(family)
listener.bind(address)
listener.listen()
child = os.fork()
if child:
    print(os.getpid(), child, flush=True)
    sock = socket.socket(family)
    sock.connect(listener.getsockname())
    while True:
        sock.sendall(b"salam")
        sock.recv(99)
        time.sleep(0.005)
sock = listener.accept()[0]
while data := sock.recv(99):
    sock.sendall(data)
"""


@pytest.mark.parametrize("engine", ["ptrace", "ebpf"])
@pytest.mark.parametrize(("kind", "who"), [("tcp", (0, 1)), ("tcp", (1,)), ("unix", (0, 1))])
def test_a_busy_connection_of_messages_that_are_all_alike(
    kind: str, who: tuple[int, ...], engine: str, tmp_path: Path
) -> None:
    """It goes on while both ends are attached to, one after the other: when the bytes passed tells which were whose."""
    capture = tmp_path / "run.wiretale"
    words = [*WIRETALE, "record", "-q", "-o", str(capture), "--engine", engine, "--duration", "0.5"]
    with subprocess.Popen([sys.executable, "-c", _BUSY, kind], stdout=subprocess.PIPE, text=True) as talk:
        try:
            assert talk.stdout is not None
            pids = talk.stdout.readline().split()
            subprocess.run([*words, *(word for n in who for word in ("-p", pids[n]))], check=True, timeout=90)
        finally:
            talk.kill()  # its child reads the end
    with open_capture(capture) as db:
        assert not faults(db)
        streams = [s for s in check(db).streams if s.written or s.read]
    assert len(streams) == 2
    for stream in streams:
        assert {gap.reason for gap in stream.gaps if not gap.explained} == set()
        if kind == "tcp":
            assert stream.linked == stream.compared == stream.carried > 10
        else:
            assert stream.linked == stream.compared > 10


def _is_traced(pid: str) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(line for line in status.splitlines() if line.startswith("TracerPid:")).split()[1] != "0"
