"""`wiretale critical` on real programs: the delay that was put in is the largest share, and is named rightly."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_path import recorded
from tests.cli.test_record import query, run
from wiretale.errors import Exit
from wiretale.store.capture import open_capture

pytestmark = pytest.mark.e2e

ONE_ENGINE = ("--kernel", "--engine", "ebpf")
# A client asks for each delay on a connection of its own, a thread answers after it.
PROGRAM = """
import os, select, socket, sys, threading, time
LONG = 0.5
def sleep(): time.sleep(LONG)
def lock():
    lock, held = threading.Lock(), threading.Event()
    def hold():
        with lock:
            held.set()
            time.sleep(LONG)
    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    with lock: pass
    holder.join()
def child():
    pid = os.fork()
    if pid == 0:
        time.sleep(LONG)
        os._exit(0)
    os.waitpid(pid, 0)
def pipe():
    ends = os.pipe()
    def write():
        time.sleep(LONG)
        os.write(ends[1], b"x")
    writer = threading.Thread(target=write)
    writer.start()
    os.read(ends[0], 1)
    writer.join()
def second_server():
    with socket.create_connection(("127.0.0.1", 4001)) as link:
        link.sendall(b"select")
        link.recv(99)
def unix_socket():
    near, far = socket.socketpair()
    def answer():
        far.recv(9)
        time.sleep(LONG)
        far.send(b"y")
    helper = threading.Thread(target=answer)
    helper.start()
    near.send(b"x")
    near.recv(9)
    helper.join()
def poll():
    quiet = select.poll()
    quiet.register(os.pipe()[0], select.POLLIN)
    quiet.poll(LONG * 1000)
def poll_of_nothing(): select.select([], [], [], LONG)
def cpu():
    n = 0
    for i in range(4_000_000): n += i * i

server, database = (socket.create_server(("127.0.0.1", port)) for port in (4000, 4001))
names = sys.argv[1:]
if "second_server" in names and os.fork() == 0:
    server.close()
    asked, _ = database.accept()
    asked.recv(99)
    time.sleep(LONG)
    asked.sendall(b"rows")
    os._exit(0)
database.close()
def serve():
    for _ in names:
        peer, _ = server.accept()
        with peer:
            globals()[peer.recv(99).decode()]()
            peer.sendall(b"answer")
thread = threading.Thread(target=serve)
thread.start()
for name in names:
    with socket.create_connection(("127.0.0.1", 4000)) as client:
        client.sendall(name.encode())
        client.recv(99)
thread.join()
"""
SLEPT = r"slept in clock_nanosleep\(\), while python3 \S+ waited in "
CAUSES = {
    "sleep": SLEPT + r"recvfrom\(fd \d+\) for its socket",
    "lock": SLEPT + r"futex\(\) for a lock or another thread",
    "child": SLEPT + r"wait4\(\) for a child",
    "pipe": SLEPT + r"read\(fd \d+\) for a pipe",
    "second_server": SLEPT + r"recvfrom\(fd \d+\) for its socket",
    "unix_socket": SLEPT + r"recvfrom\(fd \d+\) for its socket",
    "poll": r"was blocked in poll\(\), on one of its descriptors, while python3 \d+ waited in recvfrom",
    "poll_of_nothing": r"slept in p?select6?\(\), while python3 \d+ waited in recvfrom",
    "cpu": r"python3 \d+/\d+ ran its own code, while python3 \d+ waited in recvfrom",
}


def program(names: list[str]) -> str:
    return f"import sys\nsys.argv[1:] = {names!r}\n{PROGRAM}"


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded(tmp_path_factory.mktemp("critical"), program(list(CAUSES)), *ONE_ENGINE)


def told(capture: Path, *words: object) -> Any:
    done = run("critical", capture, *words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def prove(capture: Path, answer: Any) -> None:
    """The intervals tile the span, and each has rows that exist."""
    ends = [answer["span"]["begin_ns"], *(i["to_ns"] for i in answer["intervals"])]
    assert [i["from_ns"] for i in answer["intervals"]] == ends[:-1] and ends[-1] == answer["span"]["end_ns"]
    assert sum(t["ns"] for t in answer["totals"]) == answer["ns"] == ends[-1] - ends[0]
    keys = {"thread_state": "from_ns", "kernel_event": "event_id", "call": "call_id"}
    assert all(i["evidence"] for i in answer["intervals"])
    with open_capture(capture) as db:
        for table, key in keys.items():
            rows = {e["id"] for i in answer["intervals"] for e in i["evidence"] if e["table"] == table}
            found = db.execute(f"SELECT DISTINCT {key} FROM {table} WHERE {key} IN (SELECT unnest(?))", [list(rows)])
            assert {i for (i,) in found.fetchall()} == rows


def asked_of(capture: Path, cause: str) -> int:
    """The connection that asked for a cause; an environment without SHELL or HOME adds others to nscd."""
    ports = query(capture, "SELECT connection_id FROM connection WHERE server_port = 4000 ORDER BY 1")
    number = ports[list(CAUSES).index(cause)][0]
    assert isinstance(number, int)
    return number


@pytest.mark.parametrize("cause", CAUSES)
def test_the_injected_delay_is_the_largest_share(capture: Path, cause: str) -> None:
    answer = told(capture, "--connection", asked_of(capture, cause))
    prove(capture, answer)
    # A busy machine makes threads wait for a CPU: that is true, and not what was put in.
    shares = [t["what"] for t in answer["totals"] if "waited for a CPU" not in t["what"]]
    assert re.search(CAUSES[cause], shares[0]), answer["totals"]


def test_an_answer_can_be_named_in_several_ways(capture: Path) -> None:
    connection = asked_of(capture, "sleep")
    answer = told(capture, "--connection", connection)
    read, asked = answer["span"]["end_call"], answer["span"]["begin_call"]
    for same in ([read], ["--connection", connection, "--bytes", "s2c:0-5"], [read, "--from", asked]):
        assert told(capture, *same) == answer
    alone = told(capture, asked)
    assert alone["span"]["begin_call"] == alone["span"]["end_call"] == asked
    slowest = told(capture)
    assert slowest["ns"] >= answer["ns"]
    text = run("critical", capture).stdout
    assert text.startswith(slowest["summary"])
    for interval in slowest["intervals"]:
        assert interval["did"] in ("user", "call", "ran", "runnable") or interval["what"] in text


def test_what_cannot_be_answered_is_said_with_the_next_step(capture: Path, tmp_path: Path) -> None:
    for wrong in ([1, "--packet", 1], ["--bytes", "s2c:0-5"], ["--connection", 1, "--bytes", "x"], [99_999_999]):
        refused = run("critical", capture, *wrong)
        assert refused.returncode == Exit.USAGE and "try: " in refused.stderr and not refused.stdout
    without = run("critical", recorded(tmp_path, program(["sleep"])))
    assert without.returncode == Exit.FAILED and not without.stdout
    assert "the kernel level was not recorded" in without.stderr and "try: wiretale record --kernel" in without.stderr


TWO_WRITES = """
import socket, threading
server = socket.create_server(("127.0.0.1", 4000))
def answer():
    peer, _ = server.accept()
    for _ in range(3):
        got = b""
        while len(got) < 400:
            got += peer.recv(1000)
        peer.send(b"ok")
answering = threading.Thread(target=answer)
answering.start()
client = socket.create_connection(("127.0.0.1", 4000))
if AT_ONCE:
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
for _ in range(3):
    client.send(b"x" * 200)
    client.send(b"y" * 200)
    client.recv(9)
answering.join()
"""
FULL_WINDOW = """
import socket, threading, time
server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
server.bind(("127.0.0.1", 4000))
server.listen()
client = socket.socket()
client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16384)
client.connect(("127.0.0.1", 4000))
peer, _ = server.accept()
def read():
    time.sleep(0.3)
    left = 100000
    while left:
        left -= len(peer.recv(8192))
    peer.send(b"done")
reading = threading.Thread(target=read)
reading.start()
client.sendall(b"x" * 100000)
client.recv(9)
reading.join()
"""


@pytest.mark.parametrize("at_once", [False, True])
def test_a_small_segment_that_waits_for_a_delayed_acknowledgement_is_named(tmp_path: Path, *, at_once: bool) -> None:
    capture = recorded(tmp_path, f"AT_ONCE = {at_once}\n{TWO_WRITES}", *ONE_ENGINE)
    told = run("critical", capture).stdout
    assert ("a bare acknowledgement, was held back (delayed ACK)" in told.splitlines()[0]) == (not at_once), told
    assert bool(re.search(r"let the kernel send packet \d+, a small one, which had waited for it \(Nagle\)", told)) == (
        not at_once
    ), told


def test_a_write_that_waits_for_the_other_ends_window_says_so(tmp_path: Path) -> None:
    told = run("critical", recorded(tmp_path, FULL_WINDOW, *ONE_ENGINE)).stdout
    assert "slept in clock_nanosleep()" in told.splitlines()[0], told
    assert "for room: the other end's receive window was full during the call" in told.splitlines()[0], told
    assert re.search(r"it got CPU \d+, which (was idle|\S.* had until then)", told), told
