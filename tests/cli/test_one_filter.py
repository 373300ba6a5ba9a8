"""One filter, one answer: the same rows through show, stats and export."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from wiretale.cli import run as wiretale

pytestmark = pytest.mark.e2e

RUN = [sys.executable, "-m", "wiretale", "run"]
NETCAT = [sys.executable, "-m", "wiretale.netcat"]


def recorded(folder: Path) -> Path:
    """A conversation of two netcats, and a file that is not there."""
    capture = folder / "run.wiretale"
    client = " ".join([*NETCAT, "127.0.0.1", "4000"])
    done = subprocess.run(
        [*RUN, "--private-net", "-o", str(capture), "--log", str(folder / "log"), "--type", "salam",
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


FILTERS = (
    "tcp", "udp", "tcp.port == 4000", "tcp.srcport == 4000", "ip.addr == 127.0.0.1", "frame.len > 60", "!tcp",
    "tcp.flags.syn == 1", 'call.name == "write"', "call.error == ENOENT", "call && !(call.bytes > 100)",
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


def test_a_table_goes_to_the_standard_output(capture: Path, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "wiretale", "export", str(capture), "--to", "csv", "--table", "call", "-o", "-"]
    done = subprocess.run(
        [*words, "-f", "call.error == ENOENT"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert {row["errno"] for row in csv.DictReader(done.stdout.splitlines())} == {"2"}
    assert not list(tmp_path.iterdir())
