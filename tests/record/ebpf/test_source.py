"""The kernel source on this kernel: what it keeps, what it leaves out, and what it says when it cannot."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import require
from tests.netcat.programs import wait_until
from tests.ordinary_user import run_as_nobody
from wiretale.errors import PermissionFault, ResourceFault
from wiretale.model.kernel_ring import EVENT, EVENT_BYTES, KINDS
from wiretale.record.ebpf import source
from wiretale.record.ebpf.source import KernelOptions, KernelSource
from wiretale.store.load.kernel_events import read_records
from wiretale.store.spool import Spool

HEADER = (Path(source.__file__).parent / "wiretale.bpf.h").read_text()
PROGRAM = (Path(source.__file__).parent / "wiretale.bpf.c").read_text()
TALK = """
import socket
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
peer, _ = server.accept()
client.sendall(b"salam")
print(server.getsockname()[1], peer.recv(99).decode(), flush=True)
"""


def require_kernel_level() -> None:
    """Root, and a wiretale that was built where clang is."""
    require(os.geteuid() == 0, "root is needed to load BPF programs")
    require(source.OBJECT_PATH.exists(), "the kernel program is compiled (clang, llvm, libbpf-dev)")


def test_records_have_the_fields_of_the_model() -> None:
    body = re.search(r"struct wt_kernel_event {(.*?)\n};", HEADER, re.DOTALL)
    assert body
    text = re.sub(r"/\*.*?\*/", "", body[1], flags=re.DOTALL)
    names = [n for line in re.findall(r"__\w+ ([^;]+);", text) for n in re.findall(r"(\w+)(?:\[\w+\])?(?:,|$)", line)]
    assert names == [name for name, _, _ in EVENT]


def test_kinds_are_numbered_and_named_as_in_the_header() -> None:
    body = re.search(r"enum wt_kernel_kind {(.*?)\n};", HEADER, re.DOTALL)
    assert body
    assert len(re.findall(r"\bWT_\w+", body[1])) - 1 == len(KINDS)
    assert [k.number for k in KINDS] == list(range(1, len(KINDS) + 1))
    programs = set(re.findall(r'SEC\("tp_btf/(\w+)"\)', PROGRAM)) - {"name"}
    programs |= set(re.findall(r"^(?:PACKET|SOCKET)_EVENT\((\w+),", PROGRAM, re.MULTILINE))
    assert programs - {"sys_exit"} == {k.name.partition(":")[2] for k in KINDS}  # which follows, and writes nothing


def recorded(
    folder: Path, code: str, options: KernelOptions | None = None
) -> tuple[KernelSource, list[tuple[object, ...]], str]:
    """Run a Python program while the source records: the report, its events as (name, record), and its output."""
    spool = Spool(folder)
    kernel = KernelSource(spool, KernelOptions(ring_bytes=1 << 22))
    kernel.open()
    kernel.start()
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    kernel.stop()
    records, unread = read_records(spool.kernel_path)
    assert unread == 0
    names = {k.number: k.name.partition(":")[2] for k in KINDS}
    return kernel, [(names[int(r["kind"])], r) for r in records], done.stdout


def test_a_message_is_seen_from_the_send_to_the_copy_into_the_reader(tmp_path: Path) -> None:
    require_kernel_level()
    kernel, events, output = recorded(tmp_path, TALK)
    port = int(output.split()[0])
    assert kernel.report().lost == 0
    carrying = [r["head"] for name, r in events if name == "net_dev_queue" and r["bytes"] == 5]
    steps = [n for n, r in events if r["destination_port"] == port and r["head"] in carrying and r["bytes"] == 5]
    assert [s for s in steps if s != "consume_skb"][:5] == [
        "net_dev_queue", "net_dev_start_xmit", "netif_rx", "netif_receive_skb", "tcp_probe",
    ]  # fmt: skip
    assert "skb_copy_datagram_iovec" in steps
    states = [(int(r["value"]), int(r["value2"])) for n, r in events if n == "inet_sock_set_state"]
    assert (7, 2) in states and (2, 1) in states and (3, 1) in states  # SYN-SENT, ESTABLISHED at both ends


def test_the_traffic_of_others_is_not_kept(tmp_path: Path) -> None:
    require_kernel_level()
    spool = Spool(tmp_path)
    kernel = KernelSource(spool, KernelOptions(ring_bytes=1 << 22))
    kernel.open()
    kernel.start()
    with socket.create_server(("127.0.0.1", 0)) as server:  # this process is the recorder, which is not traced
        with socket.create_connection(server.getsockname()) as client, server.accept()[0] as peer:
            client.sendall(b"other")
            assert peer.recv(9) == b"other"
        port = server.getsockname()[1]
    kernel.stop()
    records, _ = read_records(spool.kernel_path)
    assert not [r for r in records if port in (r["source_port"], r["destination_port"])]


def test_a_refused_connection_says_why(tmp_path: Path) -> None:
    require_kernel_level()
    code = (
        "import socket\nwith socket.create_server(('127.0.0.1', 0)) as s:\n    address = s.getsockname()\n"
        "print(socket.socket().connect_ex(address))"
    )
    kernel, events, output = recorded(tmp_path, code)
    assert output == "111\n"
    reasons = kernel.report().detail["reasons"]
    resets = [int(r["value"]) for n, r in events if n == "tcp_send_reset"]
    assert [reasons["reset"].get(r) for r in resets] == ["SK_RST_REASON_NO_SOCKET"]
    drops = [reasons["drop"].get(int(r["value"])) for n, r in events if n == "kfree_skb"]
    assert "SKB_DROP_REASON_NO_SOCKET" in drops
    assert next(int(r["value"]) for n, r in events if n == "inet_sk_error_report") == 111


def test_children_are_followed(tmp_path: Path) -> None:
    require_kernel_level()
    code = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {TALK!r}], check=True)"
    _, events, output = recorded(tmp_path, code)
    port = int(output.split()[0])
    assert [n for n, r in events if n == "tcp_sendmsg_locked" and r["destination_port"] == port]


DATAGRAM = """
import socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
server.recv(9)
"""


@pytest.mark.parametrize("attached", [False, True])
def test_the_first_datagram_is_seen_from_an_untraced_sender_to_the_waking(tmp_path: Path, attached: bool) -> None:
    """Nothing else passes before it that would make the socket known: it was made, or was there, and is followed."""
    require_kernel_level()
    spool = Spool(tmp_path)
    kernel = KernelSource(spool, KernelOptions(ring_bytes=1 << 22))
    kernel.open()
    if not attached:
        kernel.start()
    with subprocess.Popen([sys.executable, "-c", DATAGRAM], stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout
        port = int(program.stdout.readline())
        if attached:
            kernel.start()
            kernel.follow(program.pid)
        status = Path(f"/proc/{program.pid}/status")
        wait_until(lambda: "State:\tS" in status.read_text(), "it sleeps in recv()")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"salam", ("127.0.0.1", port))
    kernel.stop()
    records, _ = read_records(spool.kernel_path)
    names = {k.number: k.name.partition(":")[2] for k in KINDS}
    packets = [names[int(r["kind"])] for r in records if r["destination_port"] == port and r["bytes"] == 5]
    assert {"net_dev_queue", "netif_receive_skb"} <= set(packets)
    about = [r for r in records if r["source_port"] == port or r["other_tid"] == program.pid]
    told = next(r["time_ns"] for r in about if names[int(r["kind"])] == "sk_data_ready")
    assert [r for r in about if names[int(r["kind"])] == "sched_waking" and r["time_ns"] >= told]


def test_a_full_ring_is_counted_to_the_event(tmp_path: Path) -> None:
    require_kernel_level()
    spool = Spool(tmp_path)
    kernel = KernelSource(spool, KernelOptions(ring_bytes=1 << 16))
    kernel.open()
    kernel.start()
    code = "import socket\na, b = socket.socketpair()\nfor _ in range(30000):\n    a.send(b'x')\n    b.recv(1)\n"
    subprocess.run([sys.executable, "-c", code], check=True)
    kernel.stop()
    report = kernel.report()
    records, unread = read_records(spool.kernel_path)
    assert unread == 0 and len(records) == report.items
    lengths = [k.number for k in KINDS if k.name in ("sock:sock_send_length", "sock:sock_recv_length")]
    seen = sum(int(r["kind"]) in lengths for r in records)
    lost = sum(report.detail["lost"].get(k.name, 0) for k in KINDS if k.number in lengths)
    assert seen + lost == 60000
    assert report.lost == sum(report.detail["lost"].values())


def test_a_record_is_as_long_as_the_compiler_made_it(tmp_path: Path) -> None:
    require_kernel_level()
    _, events, _ = recorded(tmp_path, "pass")
    assert events
    assert (tmp_path / "kernel.events").stat().st_size % (EVENT_BYTES + 8) == 0


def test_without_the_capability_the_error_says_what_to_do(tmp_path: Path) -> None:
    require_kernel_level()
    code = (
        "from wiretale.errors import PermissionFault\n"
        "from wiretale.record.ebpf.source import can_run\n"
        "try:\n    can_run()\nexcept PermissionFault as fault:\n    print(fault.message)\n"
    )
    done = run_as_nobody(tmp_path, ["-c", code])
    assert "CAP_BPF and CAP_PERFMON" in done.stdout, done.stderr


def test_a_wiretale_built_without_clang_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(source, "OBJECT_PATH", tmp_path / "missing.o")
    with pytest.raises(ResourceFault) as caught:
        KernelSource(Spool(tmp_path), KernelOptions()).open()
    assert "clang" in caught.value.hint
    assert not isinstance(caught.value, PermissionFault)
