"""One filter, one answer: the same rows through show, stats, export, follow and run; of packets also as Wireshark's."""

import csv
import json
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import require
from tests.filter.sharkd import Sharkd
from wiretale.cli import run as wiretale
from wiretale.store.capture import open_capture

pytestmark = pytest.mark.e2e

RUN = [sys.executable, "-m", "wiretale", "run"]
NETCAT = [sys.executable, "-m", "wiretale.netcat"]


def recorded(folder: Path, *options: str) -> Path:
    """A conversation of two netcats, and a file that is not there."""
    capture = folder / "run.wiretale"
    client = " ".join([*NETCAT, "127.0.0.1", "4000"])
    done = subprocess.run(
        [*RUN, *options, "--private-net", "-o", str(capture), "--log", str(folder / "log"), "--type", "salam",
         "--with", client, "--", "sh", "-c", f"{' '.join(NETCAT)} -l 127.0.0.1 4000; ls /nowhere; kill -TERM $$"],
        capture_output=True, text=True, check=False, timeout=90,
    )  # fmt: skip
    assert capture.exists(), done.stderr
    return capture


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded(tmp_path_factory.mktemp("one-filter"))


def said(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """What a command prints; a filter that matches nothing is an answer, too."""
    capsys.readouterr()
    code = wiretale([str(w) for w in words])
    out, err = capsys.readouterr()
    assert code in (0, 1), err
    return out


# Of packets only, in Wireshark's words; no other event has these fields.
PACKET_FILTERS = (
    "frame.len > 60", "tcp.flags.syn == 1", "tcp.flags.syn == 1 && tcp.flags.ack == 0", "tcp.analysis.acks_frame",
    "tcp.len in {1..10}", "tcp.options.mss", "ip.ttl == 64 && tcp.hdr_len > 20", "tcp.payload[0:3] == 73:61:6c",
    'tcp.payload contains "sal"', "frame.number > 3 && frame.number <= 6", "tcp.flags & 0x12 == 0x12", "tcp.ack == 1",
    "tcp.window_size > 1000 || tcp.flags.reset", "len(frame) < 70", "tcp.connection.fin",
)  # fmt: skip
FILTERS = (
    *PACKET_FILTERS, "wait", "link", "socket", "evt", "tcp.analysis",
    'wait.ended_by == "packet"', "wait && tcp", 'wait.ended_by in {"child", "timeout"}', "socket && !link",
    'fd.type == "socket" && proc.name contains "python"', "connection.server_port == 4000 && call.bytes",
    "tcp", "udp", "tcp.port == 4000", "tcp.srcport == 4000", "ip.addr == 127.0.0.1", "frame.len > 60", "!tcp",
    'call.name == "write"', "call.error == ENOENT", "call && !(call.bytes > 100)",
    'proc.name contains "python" && fd == 3', 'payload contains "sal"', "tcp.len > 0 || call.bytes > 1000",
    "connection == 1", 'connection.protocol == "tcp"', "wait.duration > 100us", "signal", "link.packet == 4",
    "frame.time_relative < 0.001", 'evt.type == "read"', 'fd.name contains "/"', "proc.pid > 0", "process",
    'call.name in {"read", "recvfrom"} && tcp', 'fd.filename contains "libc"', "call.duration > 1ms",
)  # fmt: skip


@pytest.mark.parametrize("text", FILTERS)
def test_show_stats_and_export_select_the_same_rows(
    capture: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str
) -> None:
    rows = [json.loads(line) for line in said(capsys, "show", capture, "--json", "--unfold", "-f", text).splitlines()]
    shown = {kind: [row for row in rows if row["kind"] == kind] for kind in ("call", "packet", "signal", "begin")}
    exported = {}
    for table in ("call", "packet", "signal"):
        target = tmp_path / f"{table}.csv"
        said(capsys, "export", capture, "--table", table, "-f", text, "-o", target)
        with target.open(newline="") as stream:
            exported[table] = list(csv.DictReader(stream))
    calls = {row["call_id"] for row in shown["call"]}
    assert {int(row["call_id"]) for row in exported["call"]} == calls
    packets = {row["packet_id"] for row in shown["packet"]}
    assert {int(row["packet_id"]) for row in exported["packet"] if row["shown"] == "true"} == packets
    assert len(exported["signal"]) == len(shown["signal"])
    counted = [json.loads(line) for line in said(capsys, "stats", capture, "--json", "-f", text).splitlines()]
    assert sum(row["count"] for row in counted if row["kind"] == "calls by name") == len(calls)
    numbers = [row["number"] for row in shown["packet"]]
    frames = frames_of(capture)
    target = tmp_path / "some.pcapng"
    said(capsys, "export", capture, "--to", "pcapng", "-f", text, "-o", target)
    assert packets_in(target) == [frames[number] for number in numbers]


def frames_of(capture: Path) -> dict[int, bytes]:
    """The shown packets by number, with what was captured of them."""
    with open_capture(capture) as db:
        return dict(db.execute("SELECT number, frame FROM packet WHERE shown").fetchall())


def packets_in(path: Path) -> list[bytes]:
    """The frames of a pcapng file: its Enhanced Packet Blocks (draft-ietf-opsawg-pcapng, 4.3)."""
    if not path.exists():
        return []  # nothing matched
    data, at, found = path.read_bytes(), 0, []
    while at < len(data):
        kind, total = struct.unpack_from("<II", data, at)
        if kind == 6:
            size = struct.unpack_from("<I", data, at + 20)[0]
            found.append(data[at + 28 : at + 28 + size])
        at += total
    return found


def test_wireshark_selects_the_same_packets(capture: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    require(shutil.which("sharkd"), "sharkd is not installed")
    whole = tmp_path / "whole.pcapng"
    said(capsys, "export", capture, "--to", "pcapng", "-o", whole)
    with Sharkd(whole) as wireshark:
        for text in PACKET_FILTERS:
            shown = said(capsys, "show", capture, "--json", "--all", "--level", "packet", "-f", text).splitlines()
            rows = [json.loads(line) for line in shown]
            numbers = [row["number"] for row in rows if row["kind"] == "packet" and row["shown"]]
            assert numbers == wireshark.frames(text), text
            assert numbers, text


@pytest.mark.parametrize(
    "text", ["tcp.port == 4000", 'connection.protocol == "tcp"', 'payload contains "sal" && tcp', "tcp && call.bytes"]
)
def test_follow_takes_the_connection_that_show_selects(
    capture: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    rows = [json.loads(line) for line in said(capsys, "show", capture, "--json", "-f", text).splitlines()]
    of_packets = {row["connection"] for row in rows if row["kind"] == "packet"}
    of_calls = {r["connection"] for row in rows if row["kind"] == "call" for r in (*row["reads"], *row["writes"])}
    (connection,) = of_packets | of_calls
    followed = said(capsys, "follow", capture, text, "--json")
    assert "salam" in followed or "c2FsYW0" in followed
    assert followed == said(capsys, "follow", capture, connection, "--json")


LIVE = (
    'tcp.len > 0 || call.name == "read"',
    'call && proc.name contains "python" && fd == 3',  # whose packets are is known only in the end
    "call.error == ENOENT || tcp.flags.syn == 1",
    'call.bytes > 100 || frame.len > 70 || call.path contains "nowhere"',
)


@pytest.mark.parametrize("text", LIVE)
def test_run_prints_what_show_selects(capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str) -> None:
    capture = recorded(tmp_path, "--unfold", "--filter", text)
    live = lines_of((tmp_path / "log").read_text())
    assert live
    assert live == lines_of(said(capsys, "show", capture, "--unfold", "-f", text))


_PACKET = re.compile(r" pkt +\S+ #(\d+) ")
_CALL = re.compile(r" call \S+ ([\d/]+) +(\w+)(?:\(| resumed).* = (.*?)  <~?(.*?)>")


def lines_of(text: str) -> list[tuple[str, ...]]:
    """Packets by number and calls by what they returned, when, in order: a call is one line, or two where it waited."""
    found = [m.groups() for line in text.splitlines() if (m := _PACKET.search(line) or _CALL.search(line))]
    return sorted(found)


def test_a_table_goes_to_the_standard_output(capture: Path, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "wiretale", "export", str(capture), "--to", "csv", "--table", "call", "-o", "-"]
    done = subprocess.run(
        [*words, "-f", "call.error == ENOENT"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert {row["errno"] for row in csv.DictReader(done.stdout.splitlines())} == {"2"}
    assert not list(tmp_path.iterdir())
