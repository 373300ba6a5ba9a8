"""The packet source on this kernel: what it captures is what tcpdump and tshark see of the same traffic."""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.conftest import require
from tests.record.packets.private import ROOT, can_make_private_net
from wiretale.model.raw import RAW_TABLES
from wiretale.store.load.packets import load_packets
from wiretale.store.report import SourceReport
from wiretale.store.spool import Spool

pytestmark = pytest.mark.e2e


@dataclass
class Captured:
    """One capture of a scenario: the loaded tables, the source's report, and tcpdump's file."""

    db: duckdb.DuckDBPyConnection
    report: SourceReport
    pcap: Path

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.db.execute(sql).fetchall()


def load(spool: Spool) -> tuple[duckdb.DuckDBPyConnection, SourceReport]:
    db = duckdb.connect()
    for table in RAW_TABLES:
        db.execute(table.ddl)
    manifest = spool.read_manifest()
    load_packets(spool, manifest, db)
    return db, manifest.sources[0]


def run_python(module: str, *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr


def captured(scenario: str, folder: Path, **options: object) -> Captured:
    for tool in ("nc.openbsd", "tcpdump", "tshark"):
        require(shutil.which(tool), f"{tool} is not installed")
    require(can_make_private_net(), "this user may not make network namespaces")
    run_python("tests.record.packets.capture_both", scenario, str(folder), json.dumps(options))
    db, report = load(Spool(folder / "x.spool"))
    return Captured(db, report, folder / "x.pcap")


# tshark's field, and the expression over `packet` that gives the same
FIELDS = {
    "frame.len": "frame_bytes",
    "eth.type": "ethertype",
    "ip.src": "CASE WHEN ip_version = 4 THEN src END",
    "ip.dst": "CASE WHEN ip_version = 4 THEN dst END",
    "ipv6.src": "CASE WHEN ip_version = 6 THEN src END",
    "ipv6.dst": "CASE WHEN ip_version = 6 THEN dst END",
    "ip.id": "CASE WHEN ip_version = 4 THEN ip_id END",
    "ip.ttl": "CASE WHEN ip_version = 4 THEN ttl END",
    "ip.proto": "CASE WHEN ip_version = 4 THEN ip_protocol END",
    "tcp.srcport": "CASE WHEN ip_protocol = 6 THEN srcport END",
    "tcp.dstport": "CASE WHEN ip_protocol = 6 THEN dstport END",
    "udp.srcport": "CASE WHEN ip_protocol = 17 THEN srcport END",
    "udp.dstport": "CASE WHEN ip_protocol = 17 THEN dstport END",
    "udp.length": "CASE WHEN ip_protocol = 17 THEN payload_bytes + 8 END",
    "tcp.seq_raw": "seq",
    "tcp.ack_raw": "ack",
    "tcp.flags": "flags",
    "tcp.window_size_value": "\"window\"",
    "tcp.len": "CASE WHEN ip_protocol = 6 THEN payload_bytes END",
    "tcp.hdr_len": "CASE WHEN ip_protocol = 6 THEN payload_offset - CASE ip_version WHEN 4 THEN 34 ELSE 54 END END",
    "tcp.options.mss_val": "mss",
    "tcp.options.wscale.shift": "wscale",
    "tcp.options.timestamp.tsval": "tsval",
    "tcp.options.timestamp.tsecr": "tsecr",
    "tcp.options.sack_le": "list_extract(sack, 1)",
    "tcp.options.sack_re": "list_extract(sack, 2)",
    "icmp.type": "CASE WHEN ip_protocol = 1 THEN icmp_type END",
    "icmp.code": "CASE WHEN ip_protocol = 1 THEN icmp_code END",
    "icmpv6.type": "CASE WHEN ip_protocol = 58 THEN icmp_type END",
}  # fmt: skip


def tshark_rows(pcap: Path, fields: list[str]) -> list[list[str | int | None]]:
    arguments = [a for f in fields for a in ("-e", f)]
    preference = ["-o", "tcp.relative_sequence_numbers:FALSE"]
    command = ["tshark", "-n", "-r", str(pcap), *preference, "-T", "fields", "-E", "occurrence=f", *arguments]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [[plain(v) for v in line.split("\t")] for line in out.splitlines()]


def plain(text: str) -> str | int | None:
    try:
        return int(text, 0) if text else None
    except ValueError:
        return text


@pytest.mark.parametrize("scenario", ["nc4", "nc6", "udp", "bulk", "slow"])
def test_the_same_frames_and_fields_as_tshark(scenario: str, tmp_path: Path) -> None:
    got = captured(scenario, tmp_path)
    assert got.report.lost == 0
    theirs = tshark_rows(got.pcap, list(FIELDS))
    ours = [list(r) for r in got.rows(f"SELECT {', '.join(FIELDS.values())} FROM packet WHERE shown ORDER BY number")]
    # Two senders on two CPUs: each socket may see them in another order. One sender's packets keep theirs.
    sender = list(FIELDS).index("tcp.srcport")
    theirs.sort(key=lambda r: str(r[sender]))
    ours.sort(key=lambda r: str(r[sender]))
    # The quoted packet in an ICMP error makes tshark print its fields too.
    quoted = [
        i
        for i, r in enumerate(theirs)
        if r[list(FIELDS).index("icmp.type")] == 3 or r[list(FIELDS).index("icmpv6.type")] == 1
    ]
    assert len(ours) == len(theirs) > 5
    for i in set(range(len(ours))) - set(quoted):
        assert ours[i] == theirs[i], dict(zip(FIELDS, zip(ours[i], theirs[i], strict=True), strict=True))
    assert len(quoted) == (2 if scenario == "udp" else 0)
    for i in quoted:
        assert ours[i][:4] == theirs[i][:4]


@pytest.mark.parametrize("scenario", ["nc4", "bulk"])
def test_every_frame_has_tcpdumps_bytes_and_nearly_its_time(scenario: str, tmp_path: Path) -> None:
    got = captured(scenario, tmp_path)
    theirs = sorted(pcap_frames(got.pcap), key=lambda f: f[1][34:36])  # by source port
    offset = Spool(tmp_path / "x.spool").read_clock_snapshots()[0].offset_ns
    ours = sorted(got.rows("SELECT time_ns, frame FROM packet WHERE shown ORDER BY number"), key=lambda f: f[1][34:36])
    assert [frame for _, frame in ours] == [frame for _, frame in theirs]
    apart = sorted(abs(mine + offset - his) for (mine, _), (his, _) in zip(ours, theirs, strict=True))
    # Two sockets stamp one packet one after the other: microseconds, not the same reading.
    assert apart[len(apart) // 2] < 100_000


def pcap_frames(path: Path) -> list[tuple[int, bytes]]:
    """Time in nanoseconds since 1970, and bytes, of each frame of a pcap file with nanosecond stamps."""
    data = path.read_bytes()
    assert data[:4] == (0xA1B23C4D).to_bytes(4, "little")
    frames, at = [], 24
    while at + 16 <= len(data):
        second, nano, size, _ = (int.from_bytes(data[at + n : at + n + 4], "little") for n in (0, 4, 8, 12))
        frames.append((second * 1_000_000_000 + nano, data[at + 16 : at + 16 + size]))
        at += 16 + size
    return frames


def test_loopback_is_seen_twice_paired_and_counted_once(tmp_path: Path) -> None:
    got = captured("bulk", tmp_path)
    ((out, into, paired, wrong),) = got.rows(
        "SELECT count(*) FILTER (tap = 'out'), count(*) FILTER (tap = 'in'), count(twin_id), "
        "count(*) FILTER (shown != (tap = 'in')) FROM packet"
    )
    assert out == into > 100
    assert paired == out + into
    assert wrong == 0
    # The copy that leaves comes first, is the same segment, and keeps its headers only.
    ((mismatched, early, stored, whole),) = got.rows(
        "SELECT count(*) FILTER ((a.seq, a.ack, a.flags, a.srcport, a.frame_bytes) IS DISTINCT FROM "
        "(b.seq, b.ack, b.flags, b.srcport, b.frame_bytes)), count(*) FILTER (a.time_ns > b.time_ns), "
        "max(a.captured_bytes), max(b.captured_bytes) "
        "FROM packet a JOIN packet b ON a.twin_id = b.packet_id AND b.twin_id = a.packet_id WHERE a.tap = 'out'"
    )
    assert (mismatched, early) == (0, 0)
    assert stored == 128
    assert whole > 10_000


def test_packet_ids_follow_the_time_and_numbers_the_shown(tmp_path: Path) -> None:
    got = captured("nc4", tmp_path)
    rows = got.rows("SELECT packet_id, time_ns, number, shown FROM packet ORDER BY packet_id")
    assert [r[0] for r in rows] == list(range(1, len(rows) + 1))
    assert [r[1] for r in rows] == sorted(r[1] for r in rows)
    assert [r[2] for r in rows if r[3]] == list(range(1, sum(r[3] for r in rows) + 1))
    assert {r[2] for r in rows if not r[3]} == {None}


def test_the_clock_probe_is_measured_and_left_out(tmp_path: Path) -> None:
    got = captured("nc4", tmp_path)
    probe = got.report.detail["probe"]
    assert len(probe["before_ns"]) == 16
    assert got.report.clock_error_ns is not None
    # The stamps lie within the brackets: what remains is the conversion's own error, far below a send's duration.
    assert 0 < got.report.clock_error_ns < 100_000
    assert got.rows(f"SELECT count(*) FROM packet WHERE dstport = {probe['port']}") == [(0,)]
    assert got.rows("SELECT count FROM coverage WHERE item = 'clock probe packets left out'") == [(32,)]
    assert got.report.items == got.rows("SELECT count(*) FROM packet")[0][0] + 32


def test_a_filter_in_tcpdumps_syntax_is_the_kernels(tmp_path: Path) -> None:
    got = captured("udp", tmp_path, filter="udp and greater 1000")
    assert got.rows("SELECT DISTINCT ip_protocol, payload_bytes FROM packet") == [(17, 20_000)]
    assert got.rows("SELECT count(*) FROM packet WHERE shown") == [(2,)]


def test_a_snaplen_cuts_and_coverage_says_so(tmp_path: Path) -> None:
    got = captured("udp", tmp_path, snaplen=100)
    assert got.rows("SELECT max(captured_bytes), max(frame_bytes) > 20000 FROM packet") == [(100, True)]
    assert got.rows("SELECT count(*) FROM packet WHERE twin_id IS NULL") == [(0,)]
    assert got.rows("SELECT max(payload_bytes) FROM packet WHERE ip_protocol = 17") == [(20_000,)]
    ((count, reason),) = got.rows("SELECT count, reason FROM coverage WHERE state = 'truncated'")
    assert count >= 2
    assert "100 bytes" in reason
