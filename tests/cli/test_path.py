"""`wiretale path` on real programs: the order of the steps, and what is said where there is nothing to tell."""

import json
import os
import re
from pathlib import Path

import pytest

from tests.cli.test_record import query, run
from tests.conftest import require
from wiretale.errors import Exit
from wiretale.record.ebpf.source import OBJECT_PATH

pytestmark = pytest.mark.e2e

TALK = """
import socket, threading
server = socket.create_server(("127.0.0.1", 4000))
peer = []
reader = threading.Thread(target=lambda: peer.append(server.accept()[0].recv(99)))
reader.start()
client = socket.create_connection(("127.0.0.1", 4000))
client.sendall(b"salam")
reader.join()
"""
REFUSED = "import socket; socket.socket().connect_ex(('127.0.0.1', 4001))"
TWO_PEERS = """
import socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 4000))
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.sendto(b"ping", ("127.0.0.1", 4000))
server.recv(9)
client.connect(("127.0.0.1", 4001))
client.send(b"nobody")
try: client.recv(9)
except ConnectionRefusedError: pass
"""


def recorded(tmp_path: Path, code: str, *options: str) -> Path:
    require(os.geteuid() == 0, "root is needed to load BPF programs")
    require(OBJECT_PATH.exists(), "the kernel program is compiled (clang, llvm, libbpf-dev)")
    script, capture = tmp_path / "program.py", tmp_path / "c.wiretale"
    script.write_text(code)
    done = run("record", "-q", "--private-net", *options, "-o", capture, "--", "python3", script)
    assert done.returncode == 0, done.stderr
    return capture


def names(text: str) -> list[str]:
    return re.findall(r"^ *\+\S+ \S+ +(\w+:\w+)", text, re.MULTILINE)


def in_order(wanted: list[str], found: list[str]) -> bool:
    rest = iter(found)
    return all(name in rest for name in wanted)


def test_a_message_goes_from_the_send_through_the_softirq_to_the_reader(tmp_path: Path) -> None:
    capture = recorded(tmp_path, TALK, "--kernel")
    shown = run("path", capture)
    assert shown.returncode == 0, shown.stderr
    assert "sendto(fd" in shown.stdout.splitlines()[0] and "bytes 0-4 of its stream, in packet 4" in shown.stdout
    steps = [
        "tcp:tcp_sendmsg_locked", "net:net_dev_queue", "net:net_dev_start_xmit", "net:netif_rx", "irq:softirq_entry",
        "net:netif_receive_skb", "tcp:tcp_probe", "sock:sk_data_ready", "skb:skb_copy_datagram_iovec",
        "sock:sock_recv_length",
    ]  # fmt: skip
    assert in_order(steps, names(shown.stdout)), shown.stdout
    told = json.loads(run("path", capture, "--json").stdout)
    assert [c["name"] for c in told["reads"]] == ["recvfrom"]
    assert sum(s["ns"] for s in told["spans"][:-1]) == told["spans"][-1]["ns"]
    # the read is told by the same way, and so is the packet
    for others in ([str(told["reads"][0]["call_id"])], ["--packet", "4"]):
        assert run("path", capture, *others).stdout == shown.stdout


def test_without_captured_packets_a_message_is_followed_by_where_its_data_lies(tmp_path: Path) -> None:
    capture = recorded(tmp_path, TALK, "--kernel", "--no-packets")
    shown = run("path", capture).stdout
    steps = [
        "net:net_dev_queue", "net:netif_rx", "irq:softirq_entry", "net:netif_receive_skb", "tcp:tcp_probe",
        "sock:sk_data_ready", "irq:softirq_exit", "skb:skb_copy_datagram_iovec", "sock:sock_recv_length",
    ]  # fmt: skip
    assert in_order(steps, names(shown)), shown
    assert "in the receiving stack, until the socket's sleepers were told" in shown
    assert "the packet is handed to the device: 5 bytes, lo" in shown


def test_a_packet_without_payload_and_a_byte_of_a_connection_have_ways_too(tmp_path: Path) -> None:
    capture = recorded(tmp_path, TALK, "--kernel", "--engine", "ebpf")
    syn = run("path", capture, "--packet", "1")
    assert syn.stdout.startswith("packet 1, which carried no bytes of a recorded call\n\nin connect() (call ")
    wanted = ["net:net_dev_queue", "net:netif_rx", "irq:softirq_entry", "net:netif_receive_skb"]
    assert in_order(wanted, names(syn.stdout)), syn.stdout
    told = json.loads(run("path", capture, "--packet", "1", "--json").stdout)
    assert told["call"] is None and told["spans"] == []
    byte = run("path", capture, "--connection", "1", "--bytes", "c2s:2-3")
    assert "bytes 0-4 of its stream" in byte.stdout and byte.stdout == run("path", capture).stdout
    for words in (["--bytes", "c2s:0"], ["--connection", "1", "--bytes", "c2s:9"], ["--packet", "999"]):
        wrong = run("path", capture, *words)
        assert (wrong.returncode, wrong.stdout) == (Exit.USAGE, "") and "try: " in wrong.stderr


def test_what_reaches_a_socket_whose_calls_are_not_known_is_part_of_the_way(tmp_path: Path) -> None:
    """The receiving end is another process's, which nobody records: its port is known from the packets."""
    code = """
import os, socket
server = socket.create_server(("127.0.0.1", 4000))
client = socket.create_connection(("127.0.0.1", 4000))
client.sendall(b"salam")
"""
    capture = recorded(tmp_path, code, "--kernel", "--engine", "ebpf")
    shown = run("path", capture, "--connection", "1").stdout
    assert "no recorded call is known to have read them" in shown
    assert in_order(["net:netif_receive_skb", "tcp:tcp_probe", "sock:sk_data_ready"], names(shown)), shown


def test_a_refused_connect_names_the_reset_its_reason_and_the_error(tmp_path: Path) -> None:
    capture = recorded(tmp_path, REFUSED, "--kernel")
    ((call,),) = query(capture, "SELECT max(call_id) FROM call WHERE name = 'connect' AND errno = 111")
    shown = run("path", capture, call).stdout
    assert "= -1 ECONNREFUSED" in shown
    assert "SK_RST_REASON_NO_SOCKET" in shown and "SKB_DROP_REASON_NO_SOCKET" in shown
    assert in_order(["tcp:tcp_send_reset", "tcp:tcp_receive_reset", "sock:inet_sk_error_report"], names(shown)), shown


def test_every_event_of_the_conversation_finds_its_packet(tmp_path: Path) -> None:
    capture = recorded(tmp_path, TALK, "--kernel")
    packets = query(
        capture,
        "SELECT p.number, count(*) FILTER (e.name = 'net:net_dev_queue'),"
        " count(*) FILTER (e.name = 'net:netif_receive_skb')"
        " FROM packet p JOIN kernel_link k USING (packet_id) JOIN kernel_event e USING (event_id)"
        " WHERE p.shown GROUP BY 1 ORDER BY 1",
    )
    ((shown,),) = query(capture, "SELECT count(*) FROM packet WHERE shown AND srcport IS NOT NULL")
    assert packets == [(n, 1, 1) for n in range(1, int(str(shown)) + 1)]


def test_an_error_about_one_peer_is_no_fault_of_another(tmp_path: Path) -> None:
    """One UDP socket, two peers: only the one that is not there refused; and sending did not wait for the answer."""
    capture = recorded(tmp_path, TWO_PEERS)
    found = query(capture, "SELECT server_port, outcome FROM connection WHERE protocol = 'udp' ORDER BY 1")
    assert [port for port, _ in found] == [4000, 4001]
    assert found[0][1] != "refused" and found[1][1] == "refused"
    assert query(capture, "SELECT count(*) FROM wait JOIN call USING (call_id) WHERE name = 'sendto'") == [(0,)]


def test_without_the_kernel_level_the_next_step_is_said(tmp_path: Path) -> None:
    shown = run("path", recorded(tmp_path, REFUSED))
    assert shown.returncode == Exit.FAILED
    assert "try: wiretale record --kernel" in shown.stderr and shown.stdout == ""


def test_a_call_and_a_packet_exclude_each_other(tmp_path: Path) -> None:
    assert run("path", tmp_path / "x.wiretale", "1", "--packet", "1").returncode == Exit.USAGE
