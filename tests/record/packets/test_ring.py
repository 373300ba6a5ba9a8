"""The ring and its thread: nothing on the wire before stop() is missing, and what is lost is counted."""

import shutil
from pathlib import Path

import pytest

from tests.conftest import require
from tests.record.packets.private import run_code
from tests.record.packets.test_source import load
from wiretale.store.spool import Spool

pytestmark = pytest.mark.e2e

IMPORTS = """
import json, os, socket, subprocess, sys, threading
from pathlib import Path
from tests.record.packets.waiting import wait_until
from wiretale.clock import take_snapshot, now_ns
from wiretale.record.packets.source import PacketOptions, PacketSource
from wiretale.store.spool import Manifest, Spool
def new_spool(path):
    spool = Spool(Path(path)); spool.path.mkdir(exist_ok=True); spool.add_clock_snapshot(take_snapshot()); return spool
def finish(spool, source):
    spool.write_manifest(Manifest(started_ns=0, ended_ns=now_ns(), sources=[source.report()]))
def pair():
    a = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); b = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    b.bind(("127.0.0.1", 0)); a.connect(b.getsockname()); return a, b
"""


def test_every_packet_sent_before_stop_is_in_the_spool(tmp_path: Path) -> None:
    rounds, datagrams = 15, 37
    run_code(
        f"""
for round in range({rounds}):
    spool = new_spool(f"{tmp_path}/{{round}}")
    timeout = (1, 10, 100)[round % 3]
    source = PacketSource(spool, PacketOptions(ring_bytes=4 << 20, block_timeout_ms=timeout, probe=False))
    source.open(); source.start()
    a, b = pair()
    for n in range({datagrams}):
        a.send(b"%d" % n)
    source.stop(); source.stop()
    finish(spool, source)
print("null")
""",
        imports=IMPORTS,
    )
    for number in range(rounds):
        db, report = load(Spool(tmp_path / str(number)))
        sent = [str(n).encode() for n in range(datagrams)]
        got = db.execute("SELECT frame[43:] FROM packet WHERE shown ORDER BY number").fetchall()
        assert [bytes(g[0]) for g in got] == sent, number
        assert report.items == 2 * datagrams


def test_a_ring_that_went_round_many_times_is_emptied_at_once(tmp_path: Path) -> None:
    reason, items, blocks, milliseconds = run_code(
        f"""
spool = new_spool("{tmp_path}/s")
source = PacketSource(spool, PacketOptions(ring_bytes=1 << 20, block_bytes=1 << 18, probe=False))
source.open(); source.start()
a, b = pair()
for n in range(300):
    a.send(bytes(30000))
    wait_until(lambda: source.report().items >= 2 * n - 20, "the ring is emptied")
before = now_ns()
source.stop()
report = source.report()
print(json.dumps([report.reason, report.items, report.detail["blocks"], (now_ns() - before) // 1_000_000]))
""",
        imports=IMPORTS,
    )
    assert reason is None
    assert items == 600
    assert blocks > 3 * 4
    assert milliseconds < 1000


def test_packets_show_up_in_the_spool_while_recording(tmp_path: Path) -> None:
    seen = run_code(
        f"""
from wiretale.store.load.packets import PacketReader
spool = new_spool("{tmp_path}/s")
source = PacketSource(spool, PacketOptions())
source.open(); source.start()
reader = PacketReader(spool, source.report().detail, spool.read_clock_snapshots())
a, b = pair()
seen = []
for n in range(3):
    a.send(b"salam %d" % n)
    rows = []
    wait_until(lambda: rows.extend(reader.read()) or len(rows) == 2, "both copies")
    seen += [[r["tap"], r["shown"], r["number"], r["frame"][r["payload_offset"]:].decode()] for r in rows]
    assert all(0 < now_ns() - r["time_ns"] < 2_000_000_000 for r in rows)
source.stop()
print(json.dumps(seen))
""",
        imports=IMPORTS,
    )
    assert seen == [
        row for n in range(3) for row in (["out", False, None, f"salam {n}"], ["in", True, n + 1, f"salam {n}"])
    ]


def test_packets_the_kernel_drops_are_counted(tmp_path: Path) -> None:
    # The blocks go into a pipe that nobody reads, so the ring fills up.
    seen, drops, lost, items, reason, remedy = run_code(
        f"""
spool = new_spool("{tmp_path}/s")
os.mkfifo(spool.packets_path)
reading = os.open(spool.packets_path, os.O_RDONLY | os.O_NONBLOCK)
source = PacketSource(spool, PacketOptions(ring_bytes=1 << 20, block_bytes=1 << 18, probe=False))
source.open(); source.start()
a, b = pair()
for _ in range(400):
    a.send(bytes(30000))
os.set_blocking(reading, True)
threading.Thread(target=lambda: [None for _ in iter(lambda: os.read(reading, 1 << 20), b"")], daemon=True).start()
source.stop()
r = source.report()
print(json.dumps([r.detail["kernel_packets"], r.detail["kernel_drops"], r.lost, r.items, r.reason, r.remedy]))
""",
        imports=IMPORTS,
    )
    assert seen == 800
    assert drops == lost > 0
    assert items == 800 - drops
    assert f"{drops} packets dropped" in reason
    assert remedy


def test_a_full_disk_is_counted_and_what_is_there_stays_readable(tmp_path: Path) -> None:
    items, lost, disk_lost, size, reason = run_code(
        f"""
import resource
spool = new_spool("{tmp_path}/s")
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
source = PacketSource(spool, PacketOptions(ring_bytes=4 << 20, block_bytes=1 << 17, probe=False))
source.open(); source.start()
a, b = pair()
for _ in range(100):
    a.send(bytes(20000))
wait_until(lambda: source.report().lost, "the disk is full")
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
for n in range(10):
    a.send(b"there is room again")
source.stop()
finish(spool, source)
r = source.report()
print(json.dumps([r.items, r.lost, r.detail["disk_lost"], spool.packets_path.stat().st_size, r.reason]))
""",
        imports=IMPORTS,
    )
    assert size > 0
    assert lost == disk_lost > 0
    assert items + lost == 220
    assert "File too large" in reason
    db, _ = load(Spool(tmp_path / "s"))
    assert db.execute("SELECT count(*) FROM packet").fetchone() == (items,)
    assert db.execute("SELECT count(*) FROM packet WHERE payload_bytes = 19").fetchone() == (20,)


def test_without_the_capability_the_error_says_what_to_type() -> None:
    message, hint, code = run_code(
        """
import json
from pathlib import Path
from wiretale.errors import PermissionFault
from wiretale.record.packets.source import PacketOptions, PacketSource
from wiretale.store.spool import Spool
try:
    PacketSource(Spool(Path("/nonexistent")), PacketOptions()).open()
except PermissionFault as fault:
    print(json.dumps([fault.message, fault.hint, fault.exit_code]))
""",
        private=False,
        as_ordinary_user=True,
    )
    assert "CAP_NET_RAW" in message
    assert "sudo" in hint
    assert "--private-net" in hint
    assert code == 4


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ('interfaces=("nosuch0",)', "nosuch0"),
        ('filter="tcp prot 80"', "tcp prot 80"),
        ("snaplen=0", "snaplen"),
        ("loopback_out_bytes=20", "loopback"),
        ("block_bytes=5000", "block"),
    ],
)
def test_wrong_options_are_refused_by_name(options: str, word: str, tmp_path: Path) -> None:
    message = run_code(
        f"""
from wiretale.errors import UsageFault
try:
    PacketSource(new_spool("{tmp_path}/s"), PacketOptions({options})).open()
except UsageFault as fault:
    print(json.dumps(fault.message))
""",
        imports=IMPORTS,
    )
    assert word in message


FRAMES = {
    "vlan": "000000000001" "000000000002" "8100" "2064" "0800",
    "double": "000000000001" "000000000002" "88a8" "0007" "8100" "0064" "0800",
    "plain": "000000000001" "000000000002" "0800",
}  # fmt: skip
IP_UDP = "4500001e000100004011 0000 0a000001 0a00000210e1 0fa0 000a 0000 6869"


def test_frames_of_other_interfaces_come_as_they_were_on_the_wire(tmp_path: Path) -> None:
    require(shutil.which("ip"), "ip (iproute2) is not installed")
    sent = [bytes.fromhex(head + IP_UDP.replace(" ", "")) for head in FRAMES.values()]
    run_code(
        f"""
for near, far in (("v0", "v1"), ("w0", "w1")):
    subprocess.run(["ip", "link", "add", near, "type", "veth", "peer", "name", far], check=True)
    for name in (near, far):
        subprocess.run(["ip", "link", "set", name, "up"], check=True)
spool = new_spool("{tmp_path}/s")
source = PacketSource(spool, PacketOptions(interfaces=("lo", "v0"), filter=""))
source.open(); source.start()
wire = {{name: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) for name in ("v1", "w1")}}
for name, sock in wire.items():
    sock.bind((name, 0))
    for frame in {sent!r}:
        sock.send(frame)
a, b = pair(); a.send(b"on loopback")
source.stop(); finish(spool, source)
print("null")
""",
        imports=IMPORTS,
    )
    db, _ = load(Spool(tmp_path / "s"))
    rows = db.execute(
        "SELECT interface, tap, frame, frame_bytes, ethertype, srcport, dstport, payload_bytes, undecoded "
        "FROM packet JOIN interface USING (ifindex) WHERE ip_protocol = 17 AND shown AND src NOT LIKE 'fe80%' "
        "AND srcport != 5353 ORDER BY number"
    ).fetchall()
    assert [r[0] for r in rows] == ["v0", "v0", "v0", "lo"]
    assert [bytes(r[2]) for r in rows[:3]] == sent
    assert [r[3] for r in rows[:3]] == [len(f) for f in sent]
    assert {r[4:] for r in rows[:3]} == {(0x0800, 4321, 4000, 2, None)}
    assert {r[1] for r in rows} == {"in"}


def test_one_interface_and_what_becomes_of_it(tmp_path: Path) -> None:
    require(shutil.which("ip"), "ip (iproute2) is not installed")
    interfaces, reason, blocks_before_stop = run_code(
        f"""
subprocess.run(["ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1"], check=True)
for name in ("v0", "v1"):
    subprocess.run(["ip", "link", "set", name, "up"], check=True)
spool = new_spool("{tmp_path}/s")
source = PacketSource(spool, PacketOptions(interfaces=("v0",)))
source.open(); source.start()
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0); wire.bind(("v1", 0))
wire.send(bytes.fromhex("000000000001" "000000000002" "0800" {IP_UDP.replace(" ", "")!r}))
a, b = pair(); a.send(b"on loopback")
wait_until(lambda: source.report().items, "the packet is in the spool")
subprocess.run(["ip", "link", "del", "v0"], check=True)
wait_until(lambda: source.report().reason, "the interface is gone")
report = source.report()
blocks = report.detail["blocks"]
source.stop(); finish(spool, source)
print(json.dumps([[i["name"] for i in report.detail["interfaces"]], report.reason, blocks]))
""",
        imports=IMPORTS,
    )
    assert interfaces == ["v0"]
    assert reason == "Network is down"
    assert blocks_before_stop >= 1
    db, report = load(Spool(tmp_path / "s"))
    assert db.execute("SELECT DISTINCT interface FROM packet JOIN interface USING (ifindex)").fetchall() == [("v0",)]
    assert db.execute("SELECT count(*) FROM packet WHERE dstport = 4000 AND tap = 'in'").fetchone() == (1,)
    assert report.detail["probe"] is None


def test_a_tun_device_gives_raw_ip(tmp_path: Path) -> None:
    require(Path("/dev/net/tun").exists(), "there is no /dev/net/tun")
    require(shutil.which("ip"), "ip (iproute2) is not installed")
    run_code(
        f"""
import fcntl, struct
tun = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tun, 0x400454CA, struct.pack("16sH22x", b"t0", 0x0001 | 0x1000))  # TUNSETIFF: IFF_TUN, IFF_NO_PI
subprocess.run(["ip", "link", "set", "t0", "up"], check=True)
spool = new_spool("{tmp_path}/s")
source = PacketSource(spool, PacketOptions(filter="udp dst port 4000"))
source.open(); source.start()
os.write(tun, bytes.fromhex({IP_UDP.replace(" ", "")!r}))
source.stop(); finish(spool, source)
print("null")
""",
        imports=IMPORTS,
    )
    db, _ = load(Spool(tmp_path / "s"))
    assert db.execute(
        "SELECT interface, packet.linktype, tap, src, dstport, payload_offset, frame_bytes, undecoded "
        "FROM packet JOIN interface USING (ifindex)"
    ).fetchall() == [("t0", 101, "in", "10.0.0.1", 4000, 28, 30, None)]
