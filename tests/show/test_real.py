"""Real recordings shown, and compared with tshark and lsof on the same run."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import require

pytestmark = pytest.mark.e2e
WIRETALE = [sys.executable, "-m", "wiretale"]
NETCAT = [sys.executable, "-m", "wiretale.netcat"]

FILTERS = (
    "tcp", "udp", "icmp", "ip", "ipv6", "tcp.port == {port}", "tcp.srcport == {port}", "tcp.dstport != {port}",
    "tcp.flags.syn == 1", "tcp.flags.syn == 1 && tcp.flags.ack == 0", "tcp.flags.fin == 1 or tcp.flags.reset == 1",
    "tcp.len > 0", "tcp.len == 0 and not tcp.flags.syn == 1", "ip.addr == 127.0.0.0/8", "ip.src == 10.0.0.1",
    "tcp.seq > 1", "tcp.ack == 1", "tcp.window_size > 60000", "tcp.flags & 2", "frame.len > 70", "ip.ttl == 64",
    "tcp.port in {{1..{port}}}", "!(tcp.port == {port})", "tcp.flags == 0x18", "frame contains \"needle\"",
    "tcp.options.mss_val > 1000", "frame.number in {{1, 3..4}}", "tcp.seq_raw > 0 and tcp.ack_raw == 0",
    "tcp or udp and frame.number == 0", "tcp.analysis.retransmission", "tcp.srcport === {port}",
    'frame.interface_name == "lo"', "tcp.dstport gt {port} or tcp.srcport lt {port}",
)  # fmt: skip


def wiretale(*args, check=True):
    done = subprocess.run([*WIRETALE, *map(str, args)], capture_output=True, text=True, check=False, timeout=100)
    assert not check or done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def talk(tmp_path_factory):
    """A conversation over TCP in a network of its own."""
    folder = tmp_path_factory.mktemp("real")
    capture, port = folder / "talk.wiretale", "4711"
    wiretale(
        "record", "-q", "-o", capture, "--private-net", "--type", "a needle in a stack", "--interrupt-when-idle",
        "--with", " ".join([*NETCAT, "127.0.0.1", port]), "--", *NETCAT, "-l", "127.0.0.1", port,
        check=False,  # the exit status is that of the client, which was interrupted
    )  # fmt: skip
    wiretale("export", "--to", "pcapng", capture, "-o", folder / "talk.pcapng")
    return capture, folder / "talk.pcapng", port


@pytest.mark.parametrize("template", FILTERS)
def test_filters_select_the_packets_that_tshark_selects(talk, template):
    require(shutil.which("tshark"), "tshark is not installed")
    capture, pcapng, port = talk
    text = template.format(port=port)
    tshark = subprocess.run(
        ["tshark", "-r", str(pcapng), "-Y", text, "-T", "fields", "-e", "frame.number"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    expected = [int(line) for line in tshark.stdout.split()]
    shown = wiretale("show", capture, "--json", "--level", "packet", "--all", "--filter", text, check=False)
    numbers = [json.loads(line)["number"] for line in shown.splitlines()]
    assert [n for n in numbers if n is not None] == expected


def test_the_written_line_is_followed_from_call_to_call(talk):
    capture, _, _ = talk
    events = [json.loads(line) for line in wiretale("show", capture, "--json").splitlines()]
    write = next(e for e in events if e.get("name") == "write" and e["writes"])
    (stretch,) = write["writes"]
    assert (stretch["lo"], stretch["hi"], stretch["exact"]) == (0, 20, True)
    (number,) = stretch["packets"]
    packet = next(e for e in events if e["kind"] == "packet" and e["number"] == number)
    read = next(e for e in events if e["kind"] == "call" and e["call_id"] in packet["read_by"])
    assert read["pid"] != write["pid"]
    text = wiretale("show", capture, "--no-header")
    assert re.search(rf'write\(\d+, "a needle in a stack\\n", 20\) = 20 .*-> bytes 0-19, packet {number}', text)
    assert re.search(rf"read\(\d+, .* = 20 .*<- packet {number}, bytes 0-19", text)
    # The client starts when the server listens, so the server is always waiting in accept: the handshake's third
    # segment wakes it.
    assert re.search(r"accept4 resumed = \d+ .*woken by packet 3 after", text)


def test_lines_are_in_the_order_of_their_times(talk):
    text = wiretale("show", talk[0], "--no-header", "--unfold", "--all", "--time", "monotonic")
    times = [line.split()[0] for line in text.splitlines()]
    assert times == sorted(times)


def test_the_comments_of_the_export_name_both_ends(talk):
    require(shutil.which("tshark"), "tshark is not installed")
    said = subprocess.run(
        ["tshark", "-r", str(talk[1]), "-Y", "tcp.len > 0", "-T", "fields", "-e", "frame.comment"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert re.search(r"from \S+\(\d+\) fd \d+: write \(call \d+\), bytes 0-19", said)
    assert re.search(r"to \S+\(\d+\) fd \d+: read \(call \d+\), bytes 0-19", said)


SOCKETS_AND_LSOF = """
import os, socket, subprocess, sys
listener = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(listener.getsockname())
server, _ = listener.accept()
datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
datagram.bind(("127.0.0.1", 0))
copy = os.dup(client.fileno())
file = open(sys.argv[0])
gone = socket.socket(); gone.close()
out = subprocess.run(["lsof", "-nP", "-p", str(os.getpid()), "-F", "ftnT"], capture_output=True, text=True).stdout
open(sys.argv[1], "w").write(out)
"""


def lsof_fields(text):
    """lsof -F output: fd -> (type, name, TCP state)."""
    found, fd = {}, None
    for line in text.splitlines():
        if line[0] == "f":
            fd = int(line[1:]) if line[1:].isdigit() else None
        elif fd is not None:
            key = line[:4] if line[0] == "T" else line[0]
            found.setdefault(fd, {})[key] = line[1:].removeprefix("ST=")
    return found


def test_fds_are_what_lsof_printed_at_that_moment(tmp_path):
    require(shutil.which("lsof"), "lsof is not installed")
    script, listed, capture = tmp_path / "sockets.py", tmp_path / "lsof.txt", tmp_path / "fds.wiretale"
    script.write_text(SOCKETS_AND_LSOF)
    wiretale("record", "-q", "-o", capture, "--private-net", "--", sys.executable, script, listed)
    by_lsof = {fd: row for fd, row in lsof_fields(listed.read_text()).items() if fd > 2 and row["t"] in ("IPv4", "REG")}
    assert len(by_lsof) == 6
    moment = json.loads(
        wiretale(
            "sql", capture, "--format", "json",
            "select c.call_id, t.parent_pid from call c join task t using (task_id)"
            " where c.name = 'execve' and c.retval = 0"
            " and t.parent_pid in (select pid from task where how = 'started')",
        ).splitlines()[-1]
    )  # fmt: skip
    rows = wiretale("fds", capture, "--at", f"call:{moment['call_id']}", "--pid", moment["parent_pid"], "--json")
    ours = {row["fd"]: row for row in map(json.loads, rows.splitlines()) if row["fd"] > 2}
    for fd, row in by_lsof.items():
        assert fd in ours, f"{fd} {row}"
        assert ours[fd]["name"] == row["n"]
        assert ours[fd]["state"] == row.get("TST=")
    missing = set(ours) - set(by_lsof)
    assert all(ours[fd]["kind"] in ("pipe", "file", "event") for fd in missing), [ours[fd] for fd in missing]
    assert not Path(capture.with_suffix(".spool")).exists()
