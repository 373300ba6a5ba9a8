"""Processes, threads and descriptors of this test itself and of a child."""

import os
import select
import socket
import subprocess
import sys
import threading
from pathlib import Path

from tests.record.packets.waiting import wait_until
from wiretale.record.procfs.processes import descriptors, network_namespace, process_tree, tasks, watches

SLEEPER = "import subprocess, sys; p = subprocess.Popen(['cat'], stdin=sys.stdin); print(p.pid, flush=True); p.wait()"


def test_a_tree_has_children_and_grandchildren() -> None:
    with subprocess.Popen([sys.executable, "-c", SLEEPER], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout
        grandchild = int(child.stdout.readline())
        assert set(process_tree([child.pid])) == {child.pid, grandchild}
        assert set(process_tree([os.getpid()])) >= {os.getpid(), child.pid, grandchild}
        assert process_tree([child.pid, child.pid, grandchild]) == [child.pid, grandchild]
    assert process_tree([child.pid]) == []
    assert process_tree([]) == []


def test_threads_come_after_their_leader() -> None:
    over = threading.Event()
    thread = threading.Thread(target=over.wait)
    thread.start()
    try:
        rows = list(tasks(os.getpid()))
    finally:
        over.set()
        thread.join()
    assert rows[0]["tid"] == rows[0]["pid"] == os.getpid()
    assert thread.native_id in [r["tid"] for r in rows[1:]]
    assert {(r["parent_pid"], r["uid"], r["netns"]) for r in rows} == {
        (os.getppid(), os.geteuid(), network_namespace())
    }
    assert rows[0]["exe"] == str(Path(sys.executable).resolve())
    assert rows[0]["cwd"] == str(Path.cwd())


def test_names_that_are_no_text_are_escaped(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/\xff\n("
    Path(os.fsdecode(name)).symlink_to(sys.executable)
    with subprocess.Popen([name, "-c", "import sys; sys.stdin.read()", ""], stdin=subprocess.PIPE) as child:
        wait_until(lambda: any(r["comm"] == "\\xff\n(" for r in tasks(child.pid)), "it runs under its name")
        (row, *_) = tasks(child.pid)
        assert row["argv"] is not None
        assert row["argv"][0].endswith("/\\xff\n(")
        assert row["argv"][-1] == ""
        assert process_tree([child.pid]) == [child.pid]


def test_descriptors_with_flags_and_positions(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    with path.open("rb", buffering=0) as file:
        file.seek(7)
        (row,) = (r for r in descriptors(os.getpid()) if r["fd"] == file.fileno())
    assert (row["target"], row["position"], row["inode"]) == (str(path), 7, None)
    assert row["flags"] is not None
    assert row["flags"] & os.O_ACCMODE == os.O_RDONLY


def test_what_an_epoll_instance_watches() -> None:
    with select.epoll() as poll, socket.socket() as one, socket.socket() as other:
        assert list(watches(os.getpid(), poll.fileno())) == []
        for sock, events in ((one, select.EPOLLIN), (other, select.EPOLLOUT | select.EPOLLET)):
            poll.register(sock, events)
        rows = list(watches(os.getpid(), poll.fileno()))
        assert list(watches(os.getpid(), one.fileno())) == []
        numbers = one.fileno(), other.fileno()
    always = select.EPOLLERR | select.EPOLLHUP
    asked = select.EPOLLIN | always, select.EPOLLOUT | select.EPOLLET | always
    assert {row["fd"]: row["events"] for row in rows} == dict(zip(numbers, asked, strict=True))
    assert all(row["value"] & 0xFFFFFFFF == row["fd"] for row in rows)  # as Python asks: the descriptor's number


def test_a_process_that_is_gone_has_nothing() -> None:
    child = subprocess.Popen(["true"])
    child.wait()
    assert list(tasks(child.pid)) == list(descriptors(child.pid)) == []
    assert network_namespace(child.pid) is None
