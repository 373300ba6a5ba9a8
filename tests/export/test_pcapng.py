import shutil
import struct
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import require
from tests.show.synthetic import CLIENT, MS, REAL, SERVER, T0, US, make
from wiretale.cli import run
from wiretale.errors import Exit
from wiretale.export.pcapng import encoded_options, enhanced_packet, interface_description, section_header


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    make(folder / "c.wiretale")
    assert run(["export", "--to", "pcapng", str(folder / "c.wiretale")]) == Exit.OK
    return folder / "c.pcapng"


def walk(data):
    """The blocks of a pcapng file: (type, body)."""
    at = 0
    while at < len(data):
        kind, total = struct.unpack_from("<II", data, at)
        assert total % 4 == 0
        assert struct.unpack_from("<I", data, at + total - 4) == (total,)
        yield kind, data[at + 8 : at + total - 4]
        at += total


def options(data):
    at = 0
    while at < len(data):
        code, length = struct.unpack_from("<HH", data, at)
        if code == 0:
            return
        yield code, data[at + 4 : at + 4 + length]
        at += 4 + (length + 3) // 4 * 4


@given(
    st.binary(max_size=200),
    st.integers(0, 2**63),
    st.lists(st.tuples(st.integers(1, 9), st.binary(max_size=20)), max_size=4),
)
def test_any_packet_can_be_read_back(frame, real_ns, given_options):
    data = (
        section_header([])
        + interface_description(1, "lo", "")
        + enhanced_packet(0, real_ns, frame, 7, encoded_options(given_options))
    )
    (first, _), (second, _), (third, body) = walk(data)
    assert (first, second, third) == (0x0A0D0D0A, 1, 6)
    interface, high, low, captured, wire = struct.unpack_from("<IIIII", body)
    assert (interface, high << 32 | low, captured, wire) == (0, real_ns, len(frame), 7)
    assert body[20 : 20 + captured] == frame
    assert list(options(body[20 + (captured + 3) // 4 * 4 :])) == given_options


def test_each_packet_names_both_ends(exported):
    packets = [body for kind, body in walk(exported.read_bytes()) if kind == 6]
    assert len(packets) == 5
    captured = struct.unpack_from("<I", packets[3], 12)[0]
    found = list(options(packets[3][20 + (captured + 3) // 4 * 4 :]))
    comments = [value.decode() for code, value in found if code == 1]
    assert comments == [
        f"from nc({CLIENT}) fd 3: write (call 20), bytes 0-5", f"to nc({SERVER}) fd 4: read (call 21), bytes 0-5"
    ]  # fmt: skip
    assert dict(found)[8] == struct.pack("<II", CLIENT, CLIENT)
    assert dict(found)[5] == struct.pack("<Q", 4)


def tshark(path, *fields):
    require(shutil.which("tshark"), "tshark is not installed")
    command = ["tshark", "-r", str(path), "-T", "fields", "-E", "separator=|", *(x for f in fields for x in ("-e", f))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [line.split("|") for line in done.stdout.splitlines()]


@pytest.mark.e2e
def test_tshark_reads_what_was_written(exported):
    rows = tshark(
        exported,
        "frame.number",
        "frame.time_epoch",
        "tcp.srcport",
        "tcp.payload",
        "frame.interface_name",
        "frame.comment",
    )
    assert [row[0] for row in rows] == ["1", "2", "3", "4", "5"]
    whole, _, fraction = rows[3][1].partition(".")
    assert int(whole) * 10**9 + int(fraction) == T0 + REAL + 30 * MS + 40 * US + US
    assert rows[3][2:5] == ["4444", b"salam\n".hex(), "lo"]
    assert "write (call 20)" in rows[3][5]
    assert "read (call 21)" in rows[3][5]


@pytest.mark.e2e
def test_capinfos_and_tcpdump_accept_the_file(exported):
    require(shutil.which("capinfos") and shutil.which("tcpdump"), "capinfos or tcpdump is not installed")
    said = subprocess.run(["capinfos", str(exported)], capture_output=True, text=True, check=True).stdout
    assert "Number of packets:   5" in said
    assert "nanoseconds" in said
    lines = subprocess.run(["tcpdump", "-nr", str(exported)], capture_output=True, text=True, check=True).stdout
    assert len(lines.splitlines()) == 5


@pytest.mark.e2e
def test_hostile_names_stay_inside_comments(tmp_path):
    make(tmp_path / "c.wiretale", command="\x1b[31m\n\u202e")
    run(["export", "--to", "pcapng", str(tmp_path / "c.wiretale")])
    assert b"\x1b" not in (tmp_path / "c.pcapng").read_bytes()


def test_a_file_that_is_there_is_kept(tmp_path, capsys):
    make(tmp_path / "c.wiretale")
    target = tmp_path / "c.pcapng"
    target.write_bytes(b"mine")
    assert run(["export", "--to", "pcapng", str(tmp_path / "c.wiretale")]) == Exit.USAGE
    assert target.read_bytes() == b"mine"
    assert run(["export", "--to", "pcapng", str(tmp_path / "c.wiretale"), "--force"]) == Exit.OK
    assert target.stat().st_mode & 0o777 == 0o600
    assert (
        run(["export", "--to", "pcapng", str(tmp_path / "c.wiretale"), "-o", str(tmp_path / "c.wiretale"), "--force"])
        == Exit.USAGE
    )


def test_a_place_that_cannot_be_written_is_said(tmp_path, capsys):
    make(tmp_path / "c.wiretale")
    assert (
        run(["export", "--to", "pcapng", str(tmp_path / "c.wiretale"), "-o", str(tmp_path / "no" / "x")])
        == Exit.CAPTURE
    )
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.e2e
def test_a_full_disk_is_said(tmp_path, capsys):
    from pathlib import Path

    require(Path("/dev/full").exists(), "/dev/full is not there")
    make(tmp_path / "c.wiretale")
    (tmp_path / "x.part").symlink_to("/dev/full")
    assert run(["export", "--to", "pcapng", str(tmp_path / "c.wiretale"), "-o", str(tmp_path / "x")]) == Exit.RESOURCE
    assert "disk is full" in capsys.readouterr().err


def test_a_filter_chooses_the_packets_and_rows(tmp_path):
    make(tmp_path / "c.wiretale")
    out = tmp_path / "part.pcapng"
    given_filter = ["--filter", "tcp.len > 0 || frame.number == 1"]
    assert run(["export", "--to", "pcapng", *given_filter, "-o", str(out), str(tmp_path / "c.wiretale")]) == Exit.OK
    packets = [body for kind, body in walk(out.read_bytes()) if kind == 6]
    assert len(packets) == 2
    rows = tmp_path / "calls.csv"
    chosen = ["--to", "csv", "--table", "call", "--filter", "tcp.port == 4000 && call.bytes > 0"]
    assert run(["export", *chosen, "-o", str(rows), str(tmp_path / "c.wiretale")]) == Exit.OK
    assert len(rows.read_text().splitlines()) == 3


def test_a_filter_that_nothing_matches_is_said(tmp_path, capsys):
    make(tmp_path / "c.wiretale")
    assert run(["export", "--to", "pcapng", "--filter", "udp", str(tmp_path / "c.wiretale")]) == Exit.FAILED
    assert "none matches the filter" in capsys.readouterr().err


def test_a_filter_is_for_events_only(tmp_path, capsys):
    make(tmp_path / "c.wiretale")
    arguments = ["export", "--to", "csv", "--table", "connection", "--filter", "tcp", str(tmp_path / "c.wiretale")]
    assert run(arguments) == Exit.USAGE
    assert "chooses among events" in capsys.readouterr().err
