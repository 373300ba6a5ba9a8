"""`wiretale critical` on real programs: the delay that was put in is the largest share, and is named rightly."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_path import recorded
from tests.cli.test_record import run
from wiretale.errors import Exit
from wiretale.store.capture import open_capture

pytestmark = pytest.mark.e2e

# A client asks, a thread answers after `handle()`.
PROGRAM = """
import os, select, signal, socket, subprocess, threading, time
LONG = 0.6
server = socket.create_server(("127.0.0.1", 4000))
{setup}
def serve():
    peer, _ = server.accept()
    with peer:
        while peer.recv(99):
            handle()
            peer.sendall(b"answer")
thread = threading.Thread(target=serve)
thread.start()
client = socket.create_connection(("127.0.0.1", 4000))
client.sendall(b"question")
client.recv(99)
client.close()
thread.join()
"""
SLEEP = "def handle(): time.sleep(LONG)"
LOCK = """
lock, held = threading.Lock(), threading.Event()
def holder():
    with lock:
        held.set()
        time.sleep(LONG)
def handle():
    other = threading.Thread(target=holder)
    other.start()
    held.wait()
    with lock: pass
    other.join()
"""
CHILD = "def handle(): subprocess.run(['sleep', str(LONG)])"
PIPE = """
ends = os.pipe()
def writer():
    time.sleep(LONG)
    os.write(ends[1], b"x")
def handle():
    other = threading.Thread(target=writer)
    other.start()
    os.read(ends[0], 1)
    other.join()
"""
SECOND = """
database = socket.create_server(("127.0.0.1", 4001))
if os.fork() == 0:
    server.close()
    asked, _ = database.accept()
    asked.recv(99)
    time.sleep(LONG)
    asked.sendall(b"rows")
    os._exit(0)
database.close()
def handle():
    with socket.create_connection(("127.0.0.1", 4001)) as link:
        link.sendall(b"select")
        link.recv(99)
    os.wait()
"""
UNIX = """
near, far = socket.socketpair()
def other():
    far.recv(9)
    time.sleep(LONG)
    far.send(b"y")
def handle():
    helper = threading.Thread(target=other)
    helper.start()
    near.send(b"x")
    near.recv(9)
    helper.join()
"""
POLL = "def handle(): select.poll().poll(LONG * 1000)"
TIMEOUT = """
deaf = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
deaf.settimeout(LONG)
def handle():
    try: deaf.recv(9)
    except TimeoutError: pass
"""
CPU = """
def handle():
    n = 0
    for i in range(6_000_000): n += i * i
"""
# setup, what the largest share is, and what others did meanwhile
CAUSES = [
    ("sleep", SLEEP, r"slept in clock_nanosleep\(\), while python3 \d+ waited in recvfrom\(fd \d+\) for its socket"),
    ("lock", LOCK, r"slept in clock_nanosleep\(\), while python3 \S+ waited in futex\(\) for a lock"),
    (
        "child",
        CHILD,
        r"sleep \d+ slept in clock_nanosleep\(\), while python3 \S+ waited in (wait4\(\) for a child|\S+)",
    ),
    ("pipe", PIPE, r"slept in clock_nanosleep\(\), while python3 \S+ waited in read\(fd \d+\) for a pipe"),
    ("second server", SECOND, r"slept in clock_nanosleep\(\), while python3 \S+ waited in recvfrom\(fd \d+\)"),
    ("unix socket", UNIX, r"slept in clock_nanosleep\(\), while python3 \S+ waited in recvfrom\(fd \d+\)"),
    ("poll's limit", POLL, r"was blocked in poll\(\), on one of its descriptors, while python3 \d+ waited in recvfrom"),
    ("a socket's limit", TIMEOUT, r"was blocked in poll\(\)|was blocked in ppoll\(\)"),
    ("CPU", CPU, r"python3 \d+/\d+ ran its own code, while python3 \d+ waited in recvfrom"),
]


ONE_ENGINE = ("--kernel", "--engine", "ebpf")


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


@pytest.mark.parametrize(("setup", "largest"), [c[1:] for c in CAUSES], ids=[c[0] for c in CAUSES])
def test_the_injected_delay_is_the_largest_share(tmp_path: Path, setup: str, largest: str) -> None:
    capture = recorded(tmp_path, PROGRAM.format(setup=setup), *ONE_ENGINE)
    answer = told(capture)
    prove(capture, answer)
    # A busy machine makes threads wait for a CPU: that is true, and not what was put in.
    shares = [t["what"] for t in answer["totals"] if "waited for a CPU" not in t["what"]]
    assert re.search(largest, shares[0]), answer["totals"]


def test_what_was_asked_for_is_said_and_where_the_level_is_missing_so_is_the_command(tmp_path: Path) -> None:
    capture = recorded(tmp_path, PROGRAM.format(setup=SLEEP), *ONE_ENGINE)
    answer = told(capture)
    read, asked = answer["span"]["end_call"], answer["span"]["begin_call"]
    for same in ([read], ["--connection", 1], ["--connection", 1, "--bytes", "s2c:0-5"], [read, "--from", asked]):
        assert told(capture, *same) == answer
    text = run("critical", capture).stdout
    assert text.startswith(answer["summary"]) and "slept in clock_nanosleep()" in text and " a timer" in text
    alone = told(capture, asked)
    assert alone["span"]["begin_call"] == alone["span"]["end_call"] == asked
    for wrong in ([read, "--packet", 1], ["--bytes", "s2c:0-5"], ["--connection", 1, "--bytes", "x"], [99_999_999]):
        refused = run("critical", capture, *wrong)
        assert refused.returncode == Exit.USAGE and "try: " in refused.stderr and not refused.stdout
    (tmp_path / "c.wiretale").unlink()
    without = run("critical", recorded(tmp_path, PROGRAM.format(setup=SLEEP)))
    assert without.returncode == Exit.FAILED and not without.stdout
    assert "the kernel level was not recorded" in without.stderr and "try: wiretale record --kernel" in without.stderr
