"""What was lost and sent again, and what waited because its socket was in use: the exact steps, and what bounded it."""

import json
import os
import re
from pathlib import Path

import pytest

from tests.cli.test_path import recorded
from tests.cli.test_path_stages import ARRIVES, OUT
from tests.cli.test_record import query, run
from tests.conftest import require
from tests.e2e.namespaces import run_in_two
from tests.e2e.session import WIRETALE
from wiretale.record.ebpf.source import OBJECT_PATH

pytestmark = pytest.mark.e2e

SERVER = """
import socket
with socket.create_server(("10.0.0.2", 4000)) as server:
    peer, _ = server.accept()
    got = b""
    while len(got) < SIZE:
        got += peer.recv(1 << 20)
    peer.sendall(b"done")
    peer.recv(1)
"""
CLIENT = """
import socket
client = socket.create_connection(("10.0.0.2", 4000))
client.sendall(b"x" * SIZE)
client.recv(9)
"""
# One thread holds the socket: it copies a large read into memory that was never touched, on one CPU, and takes a fault
# for every page; another sends meanwhile from the other CPU.
BACKLOG = """
import mmap, os, socket, threading
cpus = sorted(os.sched_getaffinity(0))
server = socket.create_server(("127.0.0.1", 4000))
client = socket.create_connection(("127.0.0.1", 4000))
peer, _ = server.accept()
ROUNDS, SIZE = 40, 4 << 20
def read():
    os.sched_setaffinity(0, {cpus[0]})
    for _ in range(ROUNDS):
        left = SIZE
        while left:
            place = mmap.mmap(-1, left)
            left -= peer.recv_into(place)
            place.close()
reader = threading.Thread(target=read)
reader.start()
os.sched_setaffinity(0, {cpus[-1]})
data = bytes(SIZE)
for _ in range(ROUNDS):
    client.sendall(data)
reader.join()
"""
_ASIDE = re.compile(
    r"sched:|irq:|napi:|skb:consume_skb|skb:kfree_skb|net:net_dev_xmit|tcp:tcp_cong_state_set|sock:sock_send"
)


def between_namespaces(tmp_path: Path, size: int, drop: int) -> Path:
    """A client sends `size` bytes over a path that loses its frame number `drop`."""
    require(os.geteuid() == 0, "root is needed to load BPF programs")
    require(OBJECT_PATH.exists(), "the kernel program is compiled (clang, llvm, libbpf-dev)")
    for name, code in (("server.py", SERVER), ("client.py", CLIENT)):
        (tmp_path / name).write_text(f"SIZE = {size}\n{code}")
    command = [
        *WIRETALE, "record", "-q", "--kernel", "--engine", "ebpf", "-o", "run.wiretale", "--with", "python3 client.py",
        "--", "nsenter", "-t", "{far}", "-n", "python3", "server.py",
    ]  # fmt: skip
    said = run_in_two(tmp_path, command, bad_path=f"1 drop={drop}")
    assert (tmp_path / "run.wiretale").exists(), said
    return tmp_path / "run.wiretale"


def steps(capture: Path, call: object) -> list[tuple[str, str]]:
    """Context and name of each step of a way, without the scheduler's and the softirqs' own."""
    told = json.loads(run("path", capture, call, "--json").stdout)
    events = [e for e in told["events"] if not e["answer"] and not _ASIDE.match(e["name"])]
    return [(e["softirq"] or e["context"], e["name"].partition(":")[2]) for e in events]


def test_a_lost_segment_is_sent_again_by_the_timer(tmp_path: Path) -> None:
    capture = between_namespaces(tmp_path, 5, drop=3)  # after the SYN and the third segment of the handshake
    ((call,),) = query(capture, "SELECT call_id FROM call WHERE name = 'sendto' AND retval = 5")
    found = steps(capture, call)
    names = [name for _, name in found]
    sends = [i for i, (_, name) in enumerate(found) if name == "tcp_retransmit_skb"]
    # TLP, or the retransmission timer: both are timers; on a busy machine a copy may be sent once more than was needed
    assert sends, found
    assert names[: sends[0] + 1] == [
        "tcp_sendmsg_locked", *OUT, *ARRIVES,  # where the path loses it
        *OUT, "tcp_retransmit_skb",
    ]  # fmt: skip
    assert found[sends[0]][0] == "TIMER" and found[sends[0] - 1][0] == "TIMER"
    once = names[: sends[1] - len(OUT)] if len(sends) > 1 else names
    assert once[sends[0] + 1 :] == [
        *ARRIVES, *OUT, *ARRIVES, "tcp_probe", "sk_data_ready", "skb_copy_datagram_iovec", "tcp_rcv_space_adjust",
        "sock_recv_length",
    ][: len(once) - sends[0] - 1]  # fmt: skip
    copies = query(
        capture,
        "SELECT l.retransmission FROM link l JOIN stream_write w USING (write_id)"
        f" WHERE w.call_id = {call} AND l.kind = 'write_segment' ORDER BY l.packet_id",
    )
    assert copies == [(False,), *[(True,)] * len(sends)]
    answer = json.loads(run("critical", capture, "--json").stdout)
    assert "was lost; its bytes waited for the retransmission timer" in answer["totals"][0]["what"], answer["totals"]


def test_a_lost_segment_among_others_is_sent_again_when_the_answers_show_it(tmp_path: Path) -> None:
    capture = between_namespaces(tmp_path, 12_000, drop=4)
    again = query(
        capture,
        "SELECT DISTINCT e.softirq, k.call_id IS NOT NULL FROM kernel_event e JOIN kernel_link k USING (event_id)"
        " WHERE e.name = 'tcp:tcp_retransmit_skb'",
    )
    # An answer, in its softirq or out of the backlog in a call; or a timer of RACK for what comes late (RFC 8985).
    assert again and all(softirq in ("NET_RX", "TIMER", "HRTIMER") or in_call for softirq, in_call in again), again
    answers = "SELECT count(*) > 0 FROM segment WHERE list_contains(analysis, 'duplicate_ack')"
    assert query(capture, answers) == [(True,)]


BYSTANDER = """
import os, time
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
busy = os.fork()
if busy == 0:
    while True: pass
for _ in range(200): time.sleep(0.002)
os.kill(busy, 9)
os.waitpid(busy, 0)
"""


def test_whom_an_interrupt_stops_in_its_own_code_wakes_nobody(tmp_path: Path) -> None:
    capture = recorded(tmp_path, BYSTANDER, "--kernel", "--engine", "ebpf", "--no-packets")
    wakings = query(
        capture,
        "SELECT e.context, count(*) FROM kernel_event e JOIN kernel_link k USING (event_id)"
        " WHERE e.name = 'sched:sched_waking' AND k.call_id IS NULL"
        " AND e.tid = (SELECT max(tid) FROM task WHERE traced AND how = 'fork') GROUP BY 1",
    )
    assert [context for context, _ in wakings] == ["softirq"], wakings


def test_what_arrives_while_the_socket_is_in_use_waits_in_its_backlog(tmp_path: Path) -> None:
    require(len(os.sched_getaffinity(0)) > 1, "two CPUs are needed to send while another one reads")
    capture = recorded(tmp_path, BACKLOG, "--kernel", "--engine", "ebpf", "--no-packets")
    # What was received in a softirq reaches its connection later, in the reader's own time.
    waited = query(
        capture,
        "SELECT r.context, p.context, p.cpu <> r.cpu AND c.name = 'recvfrom' FROM kernel_event p"
        " JOIN kernel_link k USING (event_id) JOIN call c USING (call_id)"
        " ASOF JOIN kernel_event r ON r.head = p.head AND r.name = 'net:netif_receive_skb' AND p.time_ns >= r.time_ns"
        " WHERE p.name = 'tcp:tcp_probe' AND p.context = 'task' AND p.dstport = 4000 GROUP BY ALL",
    )
    assert ("softirq", "task", True) in waited, waited
