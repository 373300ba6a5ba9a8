"""`wiretale path` with stacks: the functions really passed, and stacks for flame graphs."""

import json
import platform
import re
import shutil
from pathlib import Path

import pytest

from tests.cli.test_path import REFUSED, TALK, in_order, recorded
from tests.cli.test_path_stages import PROGRAM
from tests.cli.test_record import query, run
from wiretale.decode.kernel_stack import plain_name
from wiretale.errors import Exit
from wiretale.explain.lookup import function_sentences, sentence_of

pytestmark = pytest.mark.e2e


FAMILIES = {  # the functions of one message over TCP on loopback, without those that a compiler may fold into others
    "tcp:tcp_sendmsg_locked": ["tcp_sendmsg", "tcp_sendmsg_locked"],
    "net:net_dev_queue": [
        "tcp_sendmsg", "tcp_sendmsg_locked", "tcp_write_xmit", "__tcp_transmit_skb", "__ip_queue_xmit", "ip_output",
        "ip_finish_output2", "__dev_queue_xmit",
    ],
    "net:netif_rx": ["tcp_sendmsg", "tcp_write_xmit", "__dev_queue_xmit", "dev_hard_start_xmit", "loopback_xmit"],
    "net:netif_receive_skb": [
        "tcp_sendmsg", "tcp_write_xmit", "__dev_queue_xmit", "__local_bh_enable_ip", "net_rx_action", "process_backlog",
    ],
    "tcp:tcp_probe": [
        "tcp_sendmsg", "__local_bh_enable_ip", "net_rx_action", "process_backlog", "ip_local_deliver_finish",
        "tcp_v4_rcv", "tcp_v4_do_rcv", "tcp_rcv_established",
    ],
    "sock:sk_data_ready": [
        "tcp_sendmsg", "__local_bh_enable_ip", "tcp_v4_rcv", "tcp_v4_do_rcv", "tcp_rcv_established", "tcp_data_queue",
        "sock_def_readable",
    ],
    "skb:skb_copy_datagram_iovec": ["tcp_recvmsg", "tcp_recvmsg_locked", "skb_copy_datagram_iter"],
}  # fmt: skip
TRACERS = re.compile("bpf_|__traceiter|__bpf")


def test_the_functions_of_a_message_are_those_really_passed_in_order(tmp_path: Path) -> None:
    capture = recorded(tmp_path, TALK, "--kernel", "--stacks", "--engine", "ebpf")
    told = json.loads(run("path", capture, "--json").stdout)
    stacks = {s["stack_id"]: s for s in told["stacks"]}
    events = [e for e in told["events"] if not e["answer"]]
    for name, functions in FAMILIES.items():
        stack = stacks[next(e["stack_id"] for e in events if e["name"] == name)]
        passed = [f["function"] for f in reversed(stack["frames"]) if f["part"] in ("work", "entry", "caller")]
        assert in_order(functions, passed), (name, passed)
        assert not [f for f in passed if f is None or TRACERS.match(f)], passed
    received = [e for e in events if e["context"] == "softirq" and e["stack_id"]]
    of_inline = [e for e in received if stacks[e["stack_id"]]["context"] == "softirq in a call"]
    if of_inline:  # another interrupt may have taken the packet over
        assert {e["event_id"] for e in of_inline} <= set(told["caused"])
    shown = run("path", capture, "--functions").stdout
    lines = [line.split(":")[0].strip() for line in shown.splitlines()]
    assert in_order(["tcp_sendmsg_locked", "tcp_write_xmit", "loopback_xmit", "tcp_v4_rcv", "sock_def_readable"], lines)
    assert in_order(["tcp_recvmsg", "tcp_recvmsg_locked", "skb_copy_datagram_iter"], lines)
    # each function is shown where it was entered, and not again at every step
    assert lines.count("tcp_sendmsg_locked") == 1, shown


def test_the_functions_of_messages_and_failures_have_their_sentence(tmp_path: Path) -> None:
    """On this kernel all but what timers may add; another kernel may have functions of its own."""
    program = f"PLACE = 'veth'\n{PROGRAM}" if shutil.which("ip") else TALK
    capture = recorded(tmp_path, program + UNIX, "--kernel", "--stacks", "--engine", "ebpf")
    passed = query(
        capture,
        "SELECT DISTINCT function FROM kernel_event JOIN kernel_frame USING (stack_id) WHERE name NOT LIKE 'sched:%'"
        " AND name NOT LIKE 'signal:%' AND part IN ('work', 'entry', 'caller') AND function IS NOT NULL"
        " AND module IS NULL",
    )
    known = function_sentences()
    names = {plain_name(str(function)) for (function,) in passed}
    unknown = sorted(name for name in names if not sentence_of(name, known))
    assert len(names) > 100 and {"tcp_v4_rcv", "unix_stream_sendmsg", "udp_sendmsg"} <= names
    assert len(unknown) <= len(names) // (30 if platform.release().startswith("6.18.") else 5), unknown


UNIX = """
import socket
one, other = socket.socketpair()
one.send(b"salam")
other.recv(9)
"""

FOLDED = re.compile(r"[^;\s][^;]*(;[^;]+)+ [1-9]\d*")  # flamegraph.pl: (.*)\s+(\d+), frames split at semicolons


def test_folded_stacks_weigh_the_way_with_its_time_and_the_capture_with_events(tmp_path: Path) -> None:
    capture = recorded(tmp_path, TALK, "--kernel", "--stacks", "--engine", "ebpf")
    way = run("path", capture, "--format", "folded")
    assert way.returncode == 0, way.stderr
    lines = way.stdout.splitlines()
    assert lines and all(FOLDED.fullmatch(line) for line in lines), way.stdout
    told = json.loads(run("path", capture, "--json").stdout)
    weights = [int(line.rpartition(" ")[2]) for line in lines]
    assert sum(weights) == told["events"][-1]["time_ns"] - told["call"]["start_ns"]
    assert run("export", capture, "--to", "folded", "-o", tmp_path / "all.folded").returncode == 0
    lines = (tmp_path / "all.folded").read_text().splitlines()
    assert all(FOLDED.fullmatch(line) for line in lines), lines
    ((events,),) = query(capture, "SELECT count(*) FROM kernel_event WHERE stack_id IS NOT NULL")
    assert sum(int(line.rpartition(" ")[2]) for line in lines) == events
    assert [line for line in lines if "tcp_sendmsg" in line and line.startswith("python3 ")]
    interrupted = query(capture, "SELECT count(*) FROM kernel_frame WHERE part = 'interrupted'")
    assert interrupted == [(0,)] or [line for line in lines if line.startswith("kernel;")]


def test_without_stacks_there_is_nothing_to_fold(tmp_path: Path) -> None:
    capture = recorded(tmp_path, REFUSED, "--kernel")
    done = run("export", capture, "--to", "folded", "-o", tmp_path / "none.folded")
    assert done.returncode == Exit.FAILED and "--stacks" in done.stderr
    assert run("path", capture, "--format", "folded", "--json").returncode == Exit.USAGE
