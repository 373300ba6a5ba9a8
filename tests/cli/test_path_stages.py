"""The order of the steps of `wiretale path`, exactly, on loopback and between two network namespaces.

Left out are the scheduler's steps, which depend on what else the machine does, the steps of a softirq itself (it may
serve others in the same turn), and the copies that the packet capture frees.
"""

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.cli.test_path import recorded
from tests.cli.test_record import query, run
from tests.conftest import require

pytestmark = pytest.mark.e2e

PROGRAM = """
import ctypes, queue, socket, struct, subprocess, threading
own, peer = ("10.9.0.1", "10.9.0.2") if PLACE == "veth" else ("127.0.0.1", "127.0.0.1")
asked, done = queue.Queue(), queue.Queue()
def there():
    if own != peer:
        assert ctypes.CDLL(None).unshare(0x40000000) == 0
    while (work := asked.get()) is not None:
        done.put(work())
far = threading.Thread(target=there)
far.start()
def at_peer(work):
    asked.put(work)
    return done.get()
def ip(*words):
    subprocess.run(["ip", *words], check=True)
if own != peer:
    tid = at_peer(threading.get_native_id)
    ip("link", "add", "va", "type", "veth", "peer", "name", "vb", "netns", str(tid))
    for end in (("va", own, lambda f: f()), ("vb", peer, at_peer)):
        end[2](lambda: ip("addr", "add", end[1] + "/24", "dev", end[0]))
        end[2](lambda: ip("link", "set", end[0], "up"))
def bound():
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((peer, 4001))
    return sock
receiver = at_peer(bound)
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
    for _ in range(3):
        sender.sendto(b"salam", (peer, 4001))
        receiver.recv(9)
server = at_peer(lambda: socket.create_server((peer, 4000)))
client = socket.create_connection((peer, 4000))
accepted, _ = server.accept()
client.sendall(b"salam")
accepted.recv(9)
client.shutdown(socket.SHUT_WR)
accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
accepted.close()
socket.socket().connect_ex((peer, 4009))
asked.put(None)
"""
_NO_STAGE = re.compile(r"sched:|irq:|napi:|skb:consume_skb|net:net_dev_xmit|tcp:tcp_cong_state_set")
OUT = ["net_dev_queue", "net_dev_start_xmit", "netif_rx"]
ARRIVES = ["netif_receive_skb"]
MESSAGE = [
    "tcp_sendmsg_locked", *OUT, *ARRIVES, "tcp_probe", "sk_data_ready", "skb_copy_datagram_iovec",
    "tcp_rcv_space_adjust", "sock_recv_length",
]  # fmt: skip
REFUSED = [
    "CLOSED to SYN-SENT", *OUT, *ARRIVES, "tcp_send_reset", *OUT, "kfree_skb", *ARRIVES, "tcp_receive_reset",
    "SYN-SENT to CLOSED", "inet_sk_error_report", "inet_sk_error_report",
]  # fmt: skip
STATES = {1: "ESTABLISHED", 2: "SYN-SENT", 4: "FIN-WAIT-1", 5: "FIN-WAIT-2", 7: "CLOSED", 8: "CLOSE-WAIT"}


@pytest.fixture(scope="module", params=["lo", "veth"])
def capture(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    place = str(request.param)
    require(place == "lo" or shutil.which("ip") is not None, "a veth pair is made with ip (iproute2)")
    code = f"PLACE = {place!r}\n{PROGRAM}"
    return place, recorded(tmp_path_factory.mktemp("stages"), code, "--kernel", "--engine", "ebpf")


def stages(capture: Path, condition: str, context: str = "") -> list[str]:
    """The way of the last call for which a condition holds: its steps in order, a change of state by its states."""
    ((call,),) = query(capture, f"SELECT max(call_id) FROM call WHERE {condition}")
    told = json.loads(run("path", capture, call, "--json").stdout)
    events = [e for e in told["events"] if not e["answer"] and not _NO_STAGE.match(e["name"])]
    return [
        f"{STATES[e['value']]} to {STATES[e['value2']]}" if "set_state" in e["name"] else e["name"].partition(":")[2]
        for e in events
        if e["context"].startswith(context) and e["name"] != "sock:sock_send_length"  # beside what the reader does
    ]


def test_a_message_over_tcp(capture: tuple[str, Path]) -> None:
    assert stages(capture[1], "name = 'sendto' AND retval = 5") == MESSAGE


def test_a_datagram_whose_neighbour_is_not_known_waits_for_its_answer(capture: tuple[str, Path]) -> None:
    datagram = "call_id = (SELECT min(call_id) FROM call WHERE name = 'sendto' AND retval = 5)"
    found = stages(capture[1], datagram)
    # what is heard of the neighbour is seen if a recorded thread lends its time: then before the datagram goes out
    heard = found.count("neigh_update")
    assert capture[0] == "veth" or not heard
    assert found[: heard + 4] == [*["neigh_update"] * heard, *OUT, *ARRIVES]


def test_without_captured_packets_it_is_followed_too(tmp_path: Path) -> None:
    """And what it waited for is told: it was not in the receive queue all the time."""
    require(shutil.which("ip") is not None, "a veth pair is made with ip (iproute2)")
    code = f"PLACE = 'veth'\n{PROGRAM}"
    capture = recorded(tmp_path, code, "--kernel", "--engine", "ebpf", "--no-packets")
    datagram = "call_id = (SELECT min(call_id) FROM call WHERE name = 'sendto' AND retval = 5)"
    found = stages(capture, datagram)
    heard = found.count("neigh_update")
    # nobody hears of the neighbour where no recorded thread lends its time
    assert found[heard : heard + 4] == [*OUT, *ARRIVES]
    ((call,),) = query(capture, f"SELECT call_id FROM call WHERE {datagram}")
    assert "in the device, and until the deferred work took the packet" in run("path", capture, call).stdout


def test_a_refused_connection(capture: tuple[str, Path]) -> None:
    assert stages(capture[1], "name = 'connect' AND errno = 111") == REFUSED


def test_a_half_close(capture: tuple[str, Path]) -> None:
    assert stages(capture[1], "name = 'shutdown'", "task") == ["ESTABLISHED to FIN-WAIT-1", *OUT]
    received = stages(capture[1], "name = 'shutdown'", "softirq")
    # shutdown() may return before the other end's softirq is done
    assert received == [*ARRIVES, "tcp_probe", "ESTABLISHED to CLOSE-WAIT", "sk_data_ready"][: len(received)]


def test_a_reset(capture: tuple[str, Path]) -> None:
    closed = "call_id = (SELECT min(c.call_id) FROM call c, call s WHERE c.name = 'close' AND s.name = 'shutdown'"
    closed += " AND c.call_id > s.call_id)"
    assert stages(capture[1], closed, "task") == [
        "CLOSE-WAIT to CLOSED", *OUT, "tcp_send_reset", "inet_sk_error_report", "tcp_destroy_sock",
    ]  # fmt: skip
    received = stages(capture[1], closed, "softirq")
    told = [*ARRIVES, "tcp_receive_reset", "FIN-WAIT-1 to CLOSED", "inet_sk_error_report"]
    assert [s.replace("FIN-WAIT-2", "FIN-WAIT-1") for s in received] == told[: len(received)]
