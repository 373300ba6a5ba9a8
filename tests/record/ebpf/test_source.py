"""The kernel source on this kernel: what it keeps, what it leaves out, and what it says when it cannot."""

import os
import re
import shutil
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import require
from tests.netcat.programs import wait_until
from tests.ordinary_user import run_as_nobody
from wiretale.errors import PermissionFault, ResourceFault
from wiretale.model.kernel_ring import EVENT, EVENT_BYTES, KINDS, STACK, STACK_BYTES, STACK_FRAMES
from wiretale.record.ebpf import source
from wiretale.record.ebpf.source import ALL_STACKS, KernelOptions, KernelSource
from wiretale.store.load.kernel_events import read_records
from wiretale.store.load.kernel_stacks import read_stacks
from wiretale.store.spool import Spool

HEADER = (Path(source.__file__).parent / "wiretale.bpf.h").read_text()
PROGRAM = "".join(path.read_text() for path in sorted(Path(source.__file__).parent.glob("on_*.h")))
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


@pytest.mark.parametrize(("struct", "model"), [("wt_kernel_event", EVENT), ("wt_kernel_stack", STACK)])
def test_records_have_the_fields_of_the_model(struct: str, model: list[tuple[str, str, str]]) -> None:
    body = re.search(rf"struct {struct} {{(.*?)\n}};", HEADER, re.DOTALL)
    assert body
    text = re.sub(r"/\*.*?\*/", "", body[1], flags=re.DOTALL)
    names = [n for line in re.findall(r"__\w+ ([^;]+);", text) for n in re.findall(r"(\w+)(?:\[\w+\])?(?:,|$)", line)]
    assert names == [name for name, _, _ in model]


def test_a_stack_has_the_models_room() -> None:
    assert f"#define WT_STACK_FRAMES {STACK_FRAMES}\t" in HEADER


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
    kernel = KernelSource(spool, options or KernelOptions(ring_bytes=1 << 22))
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


def test_a_socket_of_another_where_one_of_ours_lay_is_not_ours(tmp_path: Path) -> None:
    """The kernel uses the memory of closed sockets again, for whoever asks next."""
    require_kernel_level()
    many = "import socket\nfor _ in range(300):\n    a, b = socket.socketpair()\n    a.send(b'x'), a.send(b'x')\n"
    spool = Spool(tmp_path)
    kernel = KernelSource(spool, KernelOptions(ring_bytes=1 << 22))
    kernel.open()
    kernel.start()
    subprocess.run([sys.executable, "-c", many], check=True)
    exec(many, {})  # this process is the recorder, which is not traced
    kernel.stop()
    records, _ = read_records(spool.kernel_path)
    sends = Counter(int(r["tgid"]) == os.getpid() for r in records if KINDS[int(r["kind"]) - 1].name == SEND)
    assert sends[False] >= 600 and not sends[True]


def test_only_the_groups_that_are_asked_for(tmp_path: Path) -> None:
    require_kernel_level()
    kernel, events, _ = recorded(tmp_path, TALK, KernelOptions(ring_bytes=1 << 22, groups=("net", "tcp")))
    names = {name for name, _ in events}
    assert {"net_dev_queue", "netif_receive_skb", "tcp_sendmsg_locked", "tcp_probe"} <= names
    assert not [n for n in names if not n.startswith(("net", "tcp")) and n != "sched_process_fork"]
    assert kernel.report().detail["refused_tracepoints"] == []


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


def test_a_bystander_in_user_space_wakes_nobody(tmp_path: Path) -> None:
    """The timer's interrupt runs on the stack of whoever it hits in user space; it is no deed of theirs."""
    require_kernel_level()
    cpu = min(os.sched_getaffinity(0))
    busy = subprocess.Popen([sys.executable, "-c", f"import os\nos.sched_setaffinity(0, [{cpu}])\nwhile True: pass"])
    try:
        code = f"import os, time\nos.sched_setaffinity(0, [{cpu}])\nfor _ in range(100): time.sleep(.002)"
        _, events, _ = recorded(tmp_path, code)
    finally:
        busy.kill()
        busy.wait()
    contexts = Counter(int(r["context"]) for name, r in events if name == "sched_waking" and int(r["tid"]) == busy.pid)
    assert set(contexts) == {1} and contexts[1] > 10


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


def test_programs_that_interrupt_each_other_leave_every_event_whole(tmp_path: Path) -> None:
    """On loopback a softirq's programs run between those of the call that raised it, on the same CPU."""
    require_kernel_level()
    code = (
        "import os, socket\npid = os.fork()\ns = socket.create_server(('127.0.0.1', 0))\n"
        "c = socket.create_connection(s.getsockname())\na, _ = s.accept()\n"
        "for _ in range(5000):\n    c.sendall(b'x' * 700)\n    a.recv(700, socket.MSG_WAITALL)\n"
        "pid and os.wait()\n"
    )
    kernel, events, _ = recorded(tmp_path, code, KernelOptions())
    report, counted = kernel.report(), Counter(name for name, _ in events)
    assert report.lost == 0 and report.items == len(events)
    assert counted == {n.partition(":")[2]: count for n, count in report.detail["events"].items()}
    sent = [r for n, r in events if n == "net_dev_queue" and r["bytes"] == 700]
    assert len(sent) == 10000 and all(r["seq"] and r["cookie"] == 0 and r["head"] for r in sent)
    assert counted["sock_send_length"] == 10000


SEND = "sock:sock_send_length"
MANY_SENDS = "import socket\na, b = socket.socketpair()\nfor _ in range(9000):\n    a.send(b'x')\n    b.recv(1)\n"


def kinds_of(records: Iterable[Any]) -> Counter[tuple[str, int]]:
    return Counter((KINDS[int(r["kind"]) - 1].name.partition(":")[2], int(r["context"])) for r in records)


def test_every_event_has_its_stack_where_all_are_asked_for(tmp_path: Path) -> None:
    require_kernel_level()
    kernel, events, _ = recorded(tmp_path, TALK, KernelOptions(stacks=ALL_STACKS))
    stacks, unread = read_stacks(Spool(tmp_path).stacks_path)
    assert unread == 0 and kernel.report().detail["stacks_lost"] == 0
    have = {(int(s["time_ns"]), int(s["cpu"]), int(s["kind"])) for s in stacks}
    without = {name for name, r in events if (int(r["time_ns"]), int(r["cpu"]), int(r["kind"])) not in have}
    # the entry of a softirq is written later; a switch to a thread has the stack of the one before
    assert without == {"softirq_entry", "sched_switch"}
    assert len(have) == len(stacks) == kernel.report().detail["stacks_recorded"]
    assert all(0 < s["bytes"] <= 8 * STACK_FRAMES for s in stacks)


def test_the_first_stacks_of_each_kind_and_context(tmp_path: Path) -> None:
    require_kernel_level()
    most, cpus = 5, os.cpu_count() or 1
    _, events, _ = recorded(tmp_path, MANY_SENDS, KernelOptions(stacks=most))
    stacks, _ = read_stacks(Spool(tmp_path).stacks_path)
    taken = Counter(KINDS[int(s["kind"]) - 1].name.partition(":")[2] for s in stacks)
    passed = kinds_of(r for _, r in events)
    assert passed["sock_send_length", 0] == 9000
    # CPUs that count at the same time may each take one more
    assert most <= taken["sock_send_length"] <= most + cpus
    assert all(count <= 2 * (most + cpus) for count in taken.values())
    first = sorted(int(r["time_ns"]) for name, r in events if name == "sock_send_length")[:most]
    sends = {int(s["time_ns"]) for s in stacks if KINDS[int(s["kind"]) - 1].name == "sock:sock_send_length"}
    assert set(first) <= sends


def test_no_stack_is_taken_unless_asked_for(tmp_path: Path) -> None:
    require_kernel_level()
    kernel, _, _ = recorded(tmp_path, TALK)
    assert not Spool(tmp_path).stacks_path.exists() and not Spool(tmp_path).symbols_path.exists()
    assert "stacks" not in kernel.report().detail


def test_stacks_that_find_their_ring_full_are_counted(tmp_path: Path) -> None:
    require_kernel_level()
    options = KernelOptions(stacks=ALL_STACKS, stack_ring_bytes=1 << 16)
    kernel, events, _ = recorded(tmp_path, MANY_SENDS, options)
    stacks, _ = read_stacks(Spool(tmp_path).stacks_path)
    lost = kernel.report().detail["stacks_lost"]
    sends = sum(name == "sock_send_length" for name, _ in events)
    assert lost > 0 and sends + kernel.report().lost >= 9000
    assert len(stacks) + lost >= sum(name in ("sock_send_length", "sock_recv_length") for name, _ in events)
    assert (tmp_path / "kernel.stacks").stat().st_size == len(stacks) * (STACK_BYTES + 8)


@pytest.mark.parametrize("hidden_by", ["no CAP_SYSLOG", "kptr_restrict=2"])
def test_names_that_the_kernel_hides_are_said_to_be_missing(tmp_path: Path, hidden_by: str) -> None:
    """As the kernel answers with kptr_restrict=2: its two files are put there, for this one process."""
    require_kernel_level()
    code = f"""
import pathlib
from wiretale.record.ebpf.symbols import Symbols
symbols = Symbols(pathlib.Path({os.fspath(tmp_path / "kept")!r}))
symbols.take()
print(symbols.facts().get("hidden"), pathlib.Path({os.fspath(tmp_path / "kept")!r}).exists())
"""
    if hidden_by == "no CAP_SYSLOG":
        require(shutil.which("setpriv") is not None, "setpriv is installed (util-linux)")
        readable = Path("/proc/sys/kernel/kptr_restrict").read_text() == "0\n"
        require(not readable or int(Path("/proc/sys/kernel/perf_event_paranoid").read_text()) > 1, "names are private")
        words = ["setpriv", "--bounding-set=-syslog", sys.executable, "-c", code]
        said = "that takes root or CAP_SYSLOG"
    else:
        (tmp_path / "kallsyms").write_text(f"{0:016x} T _text\n{0:016x} T tcp_sendmsg\n")
        (tmp_path / "restrict").write_text("2\n")
        mounts = f"mount --bind {tmp_path}/kallsyms /proc/kallsyms && mount --bind {tmp_path}/restrict"
        mounts += ' /proc/sys/kernel/kptr_restrict && exec "$@"'
        words = ["unshare", "--mount", "sh", "-c", mounts, "sh", sys.executable, "-c", code]
        said = "kernel.kptr_restrict is 2"
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.stdout == f"{said} False\n", done.stderr


def test_the_names_of_this_kernel_are_kept_with_its_build(tmp_path: Path) -> None:
    require_kernel_level()
    kernel, _, _ = recorded(tmp_path, "pass", KernelOptions(stacks=1))
    facts = kernel.report().detail["symbols"]
    assert facts["version"] == Path("/proc/version").read_text().strip() and "hidden" not in facts
    kept = Spool(tmp_path).symbols_path.read_text()
    assert " tcp_sendmsg\n" in kept and "_on_sched_waking\t[bpf]" in kept  # taken while the programs are loaded


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
