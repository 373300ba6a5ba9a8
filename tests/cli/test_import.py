"""`wiretale import` as a user meets it."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.decode.test_packets import ethernet, ip4, tcp
from tests.ingest.files import pcap
from wiretale.cli import run
from wiretale.errors import Exit

FRAMES = [(1_700_000_000_000_000_000 + n * 1000, ethernet(ip4(tcp(b"salam\n")))) for n in range(3)]


def test_a_capture_is_made_and_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("web.pcap").write_bytes(pcap(FRAMES))
    assert run(["import", "web.pcap"]) == Exit.OK
    assert "3 packets (pcap), 1 connection" in capsys.readouterr().err
    assert run(["show", "web.wiretale"]) == Exit.OK
    shown = capsys.readouterr().out
    assert '10.0.0.1:4444 -> 127.0.0.2:4000 TCP [PSH, ACK] seq=1 ack=1 win=502 len=6 "salam\\n"' in shown
    assert "no calls were recorded: web.pcap is a packet capture" in shown
    assert run(["connections", "web.wiretale"]) == Exit.OK
    assert run(["export", "web.wiretale", "--to", "pcapng", "-o", "out.pcapng"]) == Exit.OK
    assert run(["import", "out.pcapng", "-o", "again.wiretale"]) == Exit.OK


def test_what_cannot_be_read_is_said_and_is_the_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, target = tmp_path / "cut.pcap", tmp_path / "cut.wiretale"
    path.write_bytes(pcap(FRAMES)[:-5])
    assert run(["import", str(path), "-o", str(target), "--json"]) == Exit.FAILED
    facts = json.loads(capsys.readouterr().out)
    assert (facts["packets"], facts["faults"][0]["byte"]) == (2, 24 + 2 * (16 + len(FRAMES[0][1])))
    assert run(["show", str(target)]) == Exit.OK
    assert "at byte 176: the file was cut short" in capsys.readouterr().out


def test_an_existing_capture_is_kept_unless_forced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, target = tmp_path / "x.pcap", tmp_path / "x.wiretale"
    path.write_bytes(pcap(FRAMES))
    target.write_bytes(b"mine")
    assert run(["import", str(path), "-o", str(target)]) == Exit.USAGE
    assert target.read_bytes() == b"mine"
    assert run(["import", str(path), "-o", str(target), "--force"]) == Exit.OK


def test_what_is_no_capture_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.pcap"
    path.write_bytes(b"hello")
    assert run(["import", str(path), "-o", str(tmp_path / "x.wiretale")]) == Exit.CAPTURE
    assert "is no capture file" in capsys.readouterr().err
    assert not (tmp_path / "x.wiretale").exists()


def test_standard_input_is_a_capture_too(tmp_path: Path) -> None:
    target = tmp_path / "x.wiretale"
    command = [sys.executable, "-m", "wiretale", "import", "-", "-o", str(target)]
    done = subprocess.run(command, input=gzip.compress(pcap(FRAMES)), capture_output=True, check=False)
    assert (done.returncode, b"3 packets" in done.stderr) == (Exit.OK, True), done.stderr
    assert run(["show", str(target)]) == Exit.OK
