"""The procfs source beside ss and lsof, in the same moment of the same namespace."""

import re
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.conftest import require
from tests.record.packets.private import run_code
from wiretale.model.raw import RAW_TABLES
from wiretale.store.load.procfs import load_procfs
from wiretale.store.spool import Manifest, Spool

pytestmark = pytest.mark.e2e

# Sockets of every kind and state that can be held still: listening, with bytes waiting, half closed, in TIME-WAIT,
# bound, connected, by path, abstract, paired; a pipe, a file, a directory; a child that inherits some.
SCENE = """
import json, os, socket, subprocess, sys
from tests.record.packets.waiting import wait_until
from pathlib import Path
from wiretale.record.procfs.source import snapshot
from wiretale.store.spool import Spool
folder = Path({folder!r})
keep = []
def tcp(host, family):
    listener = socket.create_server((host, 0), family=family, backlog=5)
    client = socket.socket(family); client.connect(listener.getsockname())
    server, _ = listener.accept()
    keep.extend([listener, client, server])
    return listener, client, server
listener, client, server = tcp("127.0.0.1", socket.AF_INET)
client.sendall(b"x" * 777); client.shutdown(socket.SHUT_WR)
FIN_WAIT_2 = 5
wait_until(lambda: client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == FIN_WAIT_2, "its ACK")
_, client6, server6 = tcp("::1", socket.AF_INET6)
server6.sendall(b"y" * 55)
_, client, server = tcp("127.0.0.1", socket.AF_INET)
client.close(); server.recv(1); server.close()
waiting = socket.socket(); waiting.connect(listener.getsockname()); keep.append(waiting)
for family, host in (("", "127.0.0.1"), ("6", "::1"), ("", "0.0.0.0"), ("6", "::")):
    family = getattr(socket, "AF_INET" + family)
    bound = socket.socket(family, socket.SOCK_DGRAM); bound.bind((host, 0)); keep.append(bound)
    if host in ("127.0.0.1", "::1"):
        connected = socket.socket(family, socket.SOCK_DGRAM)
        connected.connect(bound.getsockname()); connected.send(b"abc")
        keep.append(connected)
for name in (str(folder / "a path"), "\\0abstract"):
    listening = socket.socket(socket.AF_UNIX); listening.bind(name); listening.listen(3)
    client = socket.socket(socket.AF_UNIX); client.connect(name)
    server, _ = listening.accept(); server.send(b"12345")
    keep.extend([listening, client, server])
for kind in (socket.SOCK_DGRAM, socket.SOCK_SEQPACKET):
    keep.extend(socket.socketpair(socket.AF_UNIX, kind))
keep.append(os.pipe()); keep.append(open(folder / "file", "w")); keep[-1].write("1234567"); keep[-1].flush()
keep.append(os.open(folder, os.O_RDONLY | os.O_DIRECTORY))
os.environ["LC_ALL"] = "C"
child = subprocess.Popen(["cat", "--", "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
child.stdin.write(b"!"); child.stdin.flush()
def lsof(pid):
    # Not through a pipe: it would be one more descriptor.
    os.system(f"lsof -n -P -F ft0in -a -p {{pid}} -d 0-999 > '{{folder}}/lsof'")
    return (folder / "lsof").read_text()
ask = lambda *command: subprocess.run(command, capture_output=True, text=True).stdout
"""
ANSWER = """
spool = Spool(folder)
snapshot(spool, [os.getpid()], "before")
print(json.dumps({
    "pid": os.getpid(), "child": child.pid,
    "ss": ask("ss", "-H", "-n", "-a", "-t", "-u", "-x", "-e", "-i", "-O"),
    "lsof": {pid: lsof(pid) for pid in (os.getpid(), child.pid)},
    "netns": os.stat("/proc/self/ns/net").st_ino,
}))
child.stdin.close(); child.wait()
"""


class Seen:
    def __init__(self, folder: Path, answer: dict[str, Any]) -> None:
        self.answer = answer
        self.db = duckdb.connect()
        for table in RAW_TABLES:
            self.db.execute(table.ddl)
        self.manifest = Manifest()
        load_procfs(Spool(folder), self.manifest, self.db)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.db.execute(sql).fetchall()


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    for tool in ("ss", "lsof"):
        require(shutil.which(tool), f"{tool} is not installed")
    folder = tmp_path_factory.mktemp("procfs")
    return Seen(folder, run_code(SCENE.format(folder=str(folder)) + ANSWER))


STATES = {
    "ESTAB": "ESTABLISHED", "LISTEN": "LISTEN", "UNCONN": None, "TIME-WAIT": "TIME-WAIT", "CLOSE-WAIT": "CLOSE-WAIT",
    "FIN-WAIT-2": "FIN-WAIT-2",
}  # fmt: skip
TYPES = {
    "tcp": "SOCK_STREAM", "udp": "SOCK_DGRAM", "u_str": "SOCK_STREAM", "u_dgr": "SOCK_DGRAM", "u_seq": "SOCK_SEQPACKET",
}  # fmt: skip


def split_address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    host = host.strip("[]")
    return {"*": "::"}.get(host, host), int(port) if port != "*" else 0


def test_inet_sockets_are_those_of_ss(seen: Seen) -> None:
    theirs = []
    for line in seen.answer["ss"].splitlines():
        kind, state, recv, send, local, peer, *_ = line.split()
        if not kind.startswith(("tcp", "udp")):
            continue
        (local_addr, local_port), (peer_addr, peer_port) = split_address(local), split_address(peer)
        connected = peer_port != 0
        inode = re.search(r"\bino:(\d+)", line)
        cookie = re.search(r"\bsk:([0-9a-f]+)", line)
        theirs.append(
            (int(inode[1]) if inode else 0, int(cookie[1], 16) if cookie else 0, TYPES[kind], STATES[state],
             local_addr, local_port, peer_addr if connected else None, peer_port if connected else None,
             int(recv), int(send))
        )  # fmt: skip
    ours = seen.rows(
        "SELECT inode, cookie, type, state, local_addr, local_port, peer_addr, peer_port, recv_queue, send_queue "
        "FROM socket_sample WHERE family IN ('AF_INET', 'AF_INET6')"
    )
    assert sorted(ours, key=str) == sorted(theirs, key=str)
    states = {(o[2], o[3]) for o in ours}
    assert states >= {("SOCK_STREAM", s) for s in ("LISTEN", "ESTABLISHED", "FIN-WAIT-2", "CLOSE-WAIT", "TIME-WAIT")}
    assert {o[8] for o in ours} >= {777 + 1, 55}  # the FIN counts one


def test_tcp_info_is_that_of_ss(seen: Seen) -> None:
    def number(line: str, name: str) -> int:
        found = re.search(rf"\b{name}:(\d+)", line)
        return int(found[1]) if found else 0

    compared = 0
    ours = dict(seen.rows("SELECT cookie, tcp_info FROM socket_sample WHERE tcp_info IS NOT NULL"))
    for line in seen.answer["ss"].splitlines():
        cookie = re.search(r"\bsk:([0-9a-f]+)", line)
        if not line.startswith("tcp") or "ESTAB" not in line or not cookie:
            continue
        info = ours[int(cookie[1], 16)]
        # struct tcp_info of linux/tcp.h: tcpi_snd_mss, tcpi_pmtu, tcpi_snd_cwnd
        fields = {"mss": 16, "pmtu": 60, "cwnd": 80}
        assert {n: int.from_bytes(info[at : at + 4], "little") for n, at in fields.items()} == {
            n: number(line, n) for n in fields
        }
        compared += 1
    assert compared >= 4


def test_unix_sockets_are_those_of_ss(seen: Seen) -> None:
    theirs = {}
    for line in seen.answer["ss"].splitlines():
        if not line.startswith("u_"):
            continue
        found = re.match(r"(\S+)\s+(\S+)\s+(\d+)\s+(\d+)\s+(.*?) (\d+)\s+(.*?) (\d+)\s", line + " ")
        assert found, line
        kind, state, recv, send, name, inode, _, peer = found.groups()
        theirs[int(inode)] = (TYPES[kind], STATES[state], int(recv), int(send), name.strip(), int(peer))
    rows = seen.rows(
        "SELECT inode, type, state, recv_queue, send_queue, local_addr, peer_inode FROM socket_sample "
        "WHERE family = 'AF_UNIX'"
    )
    ours = {r[0]: (*r[1:5], re.sub(r"\s.*", "", r[5] or "*", flags=re.S), r[6] or 0) for r in rows}
    tidy = {i: (*t[:4], re.sub(r"\s.*", "", t[4], flags=re.S), t[5]) for i, t in theirs.items()}
    assert {i: (o[0], o[1], o[5]) for i, o in ours.items()} == {i: (t[0], t[1], t[5]) for i, t in tidy.items()}
    connected = {i for i, o in ours.items() if o[5]}
    assert {i: ours[i][2] for i in connected} == {i: tidy[i][2] for i in connected}
    assert {o[4] for o in ours.values()} >= {"@abstract"}


def test_unix_peers_have_the_names_of_their_listeners(seen: Seen) -> None:
    peers = {r[0] for r in seen.rows("SELECT peer_addr FROM socket_sample WHERE family = 'AF_UNIX'")}
    assert "@abstract" in peers
    assert any(p and p.endswith("/a path") for p in peers)


def test_descriptors_are_those_of_lsof(seen: Seen) -> None:
    for pid, output in seen.answer["lsof"].items():
        theirs = {}
        fd = -1
        for line in output.split("\n"):
            for part in line.split("\0"):
                if part[:1] == "f":
                    fd = int(part[1:])
                    theirs[fd] = ["", 0]
                elif part[:1] == "t" and fd >= 0:
                    theirs[fd][0] = part[1:]
                elif part[:1] == "i" and fd >= 0:
                    theirs[fd][1] = int(part[1:])
        ours = {r[0]: r[1:] for r in seen.rows(f"SELECT fd, target, inode FROM descriptor_sample WHERE pid = {pid}")}
        assert set(ours) == set(theirs)
        assert len(ours) >= 3
        for number, (target, inode) in ours.items():
            if target.startswith("pipe:"):
                assert theirs[number] == ["FIFO", inode]
            elif target.startswith("socket:"):
                # lsof gives no inode in this field for sockets; their kinds must agree.
                assert theirs[number][0] in ("IPv4", "IPv6", "unix", "sock")


def test_every_descriptor_of_a_socket_is_among_the_sockets(seen: Seen) -> None:
    ((missing, found),) = seen.rows(
        "SELECT count(*) FILTER (s.inode IS NULL), count(s.inode) FROM descriptor_sample d "
        "LEFT JOIN socket_sample s ON d.inode = s.inode WHERE d.target LIKE 'socket:%'"
    )
    assert missing == 0
    assert found > 15


def test_flags_and_times_of_descriptors(seen: Seen) -> None:
    pid = seen.answer["pid"]
    flags = dict(seen.rows(f"SELECT target, flags FROM descriptor_sample WHERE pid = {pid} AND target LIKE '/%'"))
    (writing,) = (f for t, f in flags.items() if t.endswith("/file"))
    assert writing & 0o3 == 1
    assert writing & 0o2000000  # O_CLOEXEC, which Python sets
    ((first, last),) = seen.rows("SELECT min(time_ns), max(time_ns) FROM descriptor_sample")
    assert 0 < first <= last


def test_processes_that_were_not_traced_become_tasks(seen: Seen) -> None:
    rows = seen.rows(
        "SELECT pid, tid, parent_pid, is_leader, how, traced, comm, argv, netns, uid FROM task ORDER BY task_id"
    )
    pid, child, netns = seen.answer["pid"], seen.answer["child"], seen.answer["netns"]
    (mine,) = (r for r in rows if r[0] == pid)
    (its,) = (r for r in rows if r[0] == child)
    assert mine[3:6] == (True, "present", False)
    assert its[1:8] == (child, pid, True, "present", False, "cat", ["cat", "--", "-"])
    assert mine[8] == its[8] == netns
    assert its[9] == 0


def test_without_sock_diag_the_files_of_proc_say_the_same(tmp_path: Path) -> None:
    answer = run_code(
        SCENE.format(folder=str(tmp_path))
        + """
from wiretale.record.procfs import net_files, sock_diag
def keyed(rows, names):
    return sorted([[r[n] for n in names] for r in rows], key=str)
inet = ["inode", "family", "type", "protocol", "state", "local_addr", "local_port", "peer_addr", "peer_port", "uid"]
unix = ["inode", "type", "state"]
# A socket in TIME-WAIT has a moving timer, and nothing else that may differ.
print(json.dumps([
    [keyed(m.inet_sockets(), inet) for m in (sock_diag, net_files)],
    [keyed(m.unix_sockets(), unix) for m in (sock_diag, net_files)],
]))
child.stdin.close(); child.wait()
""",
    )
    for diag, files in answer:
        assert diag == files
        assert len(diag) > 8
