"""`wiretale critical` where others had the turn: servers of names, unrecorded hosts, a small window, routers."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_path import recorded
from tests.cli.test_path_places import BETWEEN, HOSTS, ROUTER, TRANSLATED
from tests.cli.test_record import WIRETALE, query, run
from tests.conftest import require

pytestmark = pytest.mark.e2e

ONE_ENGINE = ("--kernel", "--engine", "ebpf")
FAR_HOST = Path(__file__).parent / "far_host.py"


def told(capture: Path, *words: object) -> Any:
    done = run("critical", capture, *words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def busy(answer: Any) -> list[Any]:
    """What the time went to without waiting for a CPU, which a loaded machine makes long."""
    return [t for t in answer["totals"] if "waited for a CPU" not in t["what"]]


# Two questions of one size, as the C library asks for both families of addresses. The first server is silent.
NAMES = """
import select, socket, struct, threading, time
def question(number, kind):
    return struct.pack(">6H", number, 0x100, 1, 0, 0, 0) + b"\\3www\\1x\\4test\\0" + struct.pack(">HH", kind, 1)
def answer(server):
    for _ in range(2):
        asked, peer = server.recvfrom(512)
        if asked[1] == 2:
            time.sleep(0.2)
        server.sendto(asked[:2] + b"\\x81\\x80" + asked[4:], peer)
silent, server = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
silent.bind(("127.0.0.9", 53))
server.bind(("127.0.0.1", 53))
threading.Thread(target=answer, args=(server,)).start()
listener = socket.create_server(("127.0.0.1", 4000))
def ask(address):
    asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    asking.connect((address, 53))
    waiting = select.poll()
    waiting.register(asking, select.POLLIN)
    for number, kind in ((1, 1), (2, 28)):
        asking.send(question(number, kind))
    got = 0
    while got < 2 and waiting.poll(400):
        asking.recv(512)
        got += 1
def serve():
    peer, _ = listener.accept()
    peer.recv(9)
    ask("127.0.0.9")
    ask("127.0.0.1")
    peer.send(b"done")
threading.Thread(target=serve).start()
client = socket.create_connection(("127.0.0.1", 4000))
client.send(b"go")
client.recv(9)
"""


def test_a_name_that_was_waited_for_is_told_with_its_server(tmp_path: Path) -> None:
    capture = recorded(tmp_path, NAMES, *ONE_ENGINE)
    ((connection,),) = query(capture, "SELECT connection_id FROM connection WHERE server_port = 4000")
    answer = told(capture, "--connection", connection)
    first, second = busy(answer)[:2]
    assert re.fullmatch(
        r"python3 \S+ was blocked in poll\(\), on the DNS answer to www\.x\.test \(A, AAAA\) of 127\.0\.0\.9 port 53,"
        r" which did not come in time, while python3 \S+ waited in recvfrom\(fd \d+\) for its socket",
        first["what"],
    ), first
    assert second["ns"] >= 200_000_000 and "slept in clock_nanosleep(), while" in second["what"]
    assert second["what"].endswith("for the DNS answer to www.x.test (AAAA) of 127.0.0.1 port 53"), second
    names = [note for note in answer["notes"] if note.startswith("DNS: ")]
    assert names[0].endswith("asked 127.0.0.9 port 53 for www.x.test (A, AAAA): it read no answer")
    assert re.search(r"asked 127\.0\.0\.1 port 53 for www\.x\.test \(A, AAAA\): answered 2\d\d ms later$", names[1])


def test_datagrams_of_one_size_are_not_taken_for_one_that_was_lost(tmp_path: Path) -> None:
    capture = recorded(tmp_path, NAMES, *ONE_ENGINE)
    found = query(capture, "SELECT connection_id FROM connection WHERE server_port IN (53, 4000)")
    for (connection,) in found[:1] + found[2:]:
        assert not {i["did"] for i in told(capture, "--connection", connection)["intervals"]} & {"lost"}
    # each event of a datagram is its own packet's: where its data lies does not change on its way
    mixed = """SELECT count(*) FROM (SELECT e.head, e.skb FROM kernel_event e JOIN kernel_link k USING (event_id)
        WHERE e.dstport = 53 AND e.name IN ('net:net_dev_queue', 'net:netif_rx', 'net:netif_receive_skb')
        GROUP BY ALL HAVING count(DISTINCT k.packet_id) > count(*) FILTER (e.name = 'net:net_dev_queue'))"""
    assert query(capture, mixed) == [(0,)]


UNTRACED = """
import socket, sys
link = socket.create_connection(("127.0.0.1", 4000))
link.send(b"question")
link.recv(99)
"""
SERVER = """
import socket, subprocess, sys, time
server = socket.create_server(("127.0.0.1", 4000))
recorder = subprocess.Popen(sys.argv[1:])
peer, _ = server.accept()
peer.recv(99)
time.sleep(0.2)
peer.send(b"answer")
sys.exit(recorder.wait())
"""


def recorded_beside(tmp_path: Path, code: str, *beside: object) -> Path:
    """A program is recorded in a network of its own, by a command that another one, unrecorded, runs as its child."""
    require(os.geteuid() == 0, "root is needed to load BPF programs")
    (tmp_path / "program.py").write_text(code)
    capture = tmp_path / "c.wiretale"
    record = [
        *WIRETALE,
        "record",
        "-q",
        *ONE_ENGINE,
        "-o",
        str(capture),
        "--",
        sys.executable,
        str(tmp_path / "program.py"),
    ]
    words = shlex.join([sys.executable, *map(str, beside), *record])
    done = subprocess.run(
        ["unshare", "-n", "sh", "-c", f"ip link set lo up; {words}"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return capture


def test_an_unrecorded_server_has_the_time_from_the_question_to_its_answer(tmp_path: Path) -> None:
    (tmp_path / "server.py").write_text(SERVER)
    answer = told(recorded_beside(tmp_path, UNTRACED, tmp_path / "server.py"))
    first = busy(answer)[0]
    assert first["ns"] >= 200_000_000
    assert re.match(
        r"the other end, 127\.0\.0\.1 port 4000, was at work or waited, or what lies between, while py", first["what"]
    )
    asked, waited = answer["intervals"][:2] if answer["intervals"][1]["did"] == "outside" else answer["intervals"][1:3]
    assert asked["until"] == "sent packet 4" and re.fullmatch(
        r"python\S* \d+ \(not recorded\) sent packet 6", waited["until"]
    )


FAR = """
import socket
link = socket.create_connection(("10.8.0.2", 80))
link.send(b"x" * {size} + b"\\n")
link.recv(99)
"""


def test_of_a_host_far_away_the_network_has_at_least_a_round_trip(tmp_path: Path) -> None:
    answer = told(recorded_beside(tmp_path, FAR.format(size=10), FAR_HOST, 0.05, 0.3, 60_000))
    first = busy(answer)[0]
    assert first["ns"] >= 350_000_000 and len(answer["intervals"]) >= 3
    found = re.match(
        r"the network and the other end, 10\.8\.0\.2 port 80: the connection's fastest round trip took"
        r" (\d+(?:\.\d+)?) ms, so at most (\d+(?:\.\d+)?) ms were the other end's, while python",
        first["what"],
    )
    assert found, first
    assert float(found[1]) >= 50 and float(found[2]) >= 250
    assert abs(float(found[1]) + float(found[2]) - first["ns"] / 1e6) < 2


def test_a_small_window_that_bounds_the_sender_is_named_with_its_size(tmp_path: Path) -> None:
    answer = told(recorded_beside(tmp_path, FAR.format(size=30_000), FAR_HOST, 0.02, 0.02, 4_000))
    first = busy(answer)[0]
    assert "10.8.0.2 port 80, whose receive window of 4,000 bytes had no room for more, while" in first["what"], first
    assert first["ns"] >= 5 * 20_000_000  # 30,000 bytes, 4,000 in each round trip
    opened = [i["until"] for i in answer["intervals"] if "4,000 bytes had no room" in i["until"]]
    assert len(opened) >= 5 and all(re.match(r"let the kernel send packet \d+, for which the re", u) for u in opened)
    (tmp_path / "roomy").mkdir()
    roomy = told(recorded_beside(tmp_path / "roomy", FAR.format(size=30_000), FAR_HOST, 0.02, 0.02, 60_000))
    assert "no room" not in json.dumps(roomy)


# The reader waits in its call before the writer writes.
WAITING = """
def receive(host, sock):
    host.asked.put(lambda: sock.recv(9))
    tid = host.thread.native_id
    while not open(f"/proc/self/task/{tid}/syscall").read().startswith(f"{RECVFROM} "):
        pass
RECVFROM = 45 if __import__("platform").machine() == "x86_64" else 207
"""
MESSAGE = """
def listening():
    server = socket.create_server(BOUND)
    return server
server, client = b(listening), a(lambda: socket.socket())
a(lambda: client.connect(ASKED))
peer, _ = b(server.accept)
receive(b, peer)
a(lambda: client.sendall(b"salam"))
b.done.get()
"""
DIRECT = 'ASKED = BOUND = ("10.9.2.2", 4000)\n'
BY_NAT = TRANSLATED[: TRANSLATED.index("talk(")] + 'ASKED, BOUND = ("10.9.1.1", 4000), ("10.9.2.2", 4001)\n'


def message(capture: Path) -> Any:
    """The intervals from the call that wrote five bytes to the one that read them."""
    ((reads, writes),) = query(
        capture, "SELECT max(call_id) FILTER (name = 'recvfrom'), max(call_id) FILTER (name = 'sendto') FROM call"
        " WHERE retval = 5",
    )  # fmt: skip
    return writes, told(capture, reads, "--from", writes)["intervals"]


@pytest.mark.parametrize(
    ("place", "became"), [(DIRECT, ""), (BY_NAT, "; NAT made it 10.9.2.1 port ")], ids=["routed", "nat"]
)
def test_a_packet_is_followed_through_a_router_to_its_sender(tmp_path: Path, place: str, became: str) -> None:
    if became:
        require(subprocess.run(["nft", "--version"], capture_output=True, check=False).returncode == 0, "nft is there")
    capture = recorded(tmp_path, HOSTS + BETWEEN + WAITING + ROUTER + place + MESSAGE, *ONE_ENGINE)
    writes, intervals = message(capture)
    assert [i["ended_by"] for i in intervals if i["did"] == "wire"] == ["forwarded", "delivered"], intervals
    handed = next(i for i in intervals if i["ended_by"] == "forwarded")
    assert handed["until"].startswith(f"it was forwarded to another device{became}")
    assert ("NAT" in handed["until"]) == bool(became)
    before = [i for i in intervals if i["to_ns"] <= handed["from_ns"]]
    assert before[-1]["ended_by"] == "sent" and before[-1]["call_id"] == writes


COLD = """
a, b = Host(), Host()
sh(f"ip link add va type veth peer name vb netns {b(threading.get_native_id)}")
sh("ip addr add 10.7.0.1/24 dev va; ip link set va up")
b(lambda: sh("ip addr add 10.7.0.2/24 dev vb; ip link set vb up"))
def server():
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("10.7.0.2", 4000))
    return sock
far, near = b(server), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
receive(b, far)
near.sendto(b"salam", ("10.7.0.2", 4000))
b.done.get()
"""


def test_a_datagram_that_waited_for_its_neighbour_leads_to_its_writer(tmp_path: Path) -> None:
    capture = recorded(tmp_path, HOSTS + WAITING + COLD, *ONE_ENGINE)
    writes, intervals = message(capture)
    assert intervals[0]["call_id"] == writes and "queue" not in json.dumps(intervals)
