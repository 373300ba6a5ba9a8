"""Multicast groups: which packets tell the network that a program asked to be in one, or no longer."""

import subprocess
from pathlib import Path

import duckdb
import pytest

from tests.e2e.namespaces import run_in_two
from tests.e2e.session import WIRETALE
from wiretale.explain.tell import Options, tell
from wiretale.explain.words import plain
from wiretale.join.memberships import memberships
from wiretale.store.capture import open_capture

pytestmark = pytest.mark.e2e
# It listens for its own host's reports, and leaves once the last of what it waits for went out.
PROGRAM = """
import select, socket, struct, sys
heard = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
heard.bind(("va", 0))
def until(group, kind):
    while True:
        assert select.select([heard], [], [], 20)[0], "no report went out"
        data, address = heard.recvfrom(2048)
        if address[2] == socket.PACKET_OUTGOING and data[-36:].find(group) >= 0 and kind in data:
            return
four, six = socket.inet_aton("239.1.2.3"), socket.inet_pton(socket.AF_INET6, "ff15::77")
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, four + socket.inet_aton("10.0.0.1"))
until(four, b"")
other = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
other.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, six + struct.pack("@I", socket.if_nametoindex("va")))
until(six, b"")
s.setsockopt(socket.IPPROTO_IP, socket.IP_DROP_MEMBERSHIP, four + socket.inet_aton("10.0.0.1"))
until(four, b"")
"""


def record(folder: Path, version: int, engine: str) -> Path:
    capture, program = folder / "run.wiretale", folder / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    recording = [*WIRETALE, "record", "-q", "--engine", engine, "--snaplen", "all", "-o", str(capture), "--"]
    before = f"echo {version} >/proc/sys/net/ipv4/conf/va/force_igmp_version"
    said = run_in_two(folder, ["eval", f"{before}; {' '.join(recording)} /usr/bin/python3 {program}"])
    assert capture.exists(), said
    return capture


def story(db: duckdb.DuckDBPyConnection) -> str:
    chapters = tell(db, Options()).chapters
    return " ".join(plain(s) for c in chapters for part in c.sections for step in part.steps for s in step.sentences)


@pytest.mark.parametrize("engine", ["ptrace", "ebpf"])
@pytest.mark.parametrize("version", [2, 3])
def test_a_report_is_told_with_the_call_that_asked(version: int, engine: str, tmp_path: Path) -> None:
    capture = record(tmp_path, version, engine)
    with open_capture(capture) as db:
        found = memberships(db)
        assert [(m.group, m.joins) for m in found] == [("239.1.2.3", True), ("ff15::77", True), ("239.1.2.3", False)]
        assert all(m.reports for m in found)
        for m in found:
            times = [r.time_ns for r in m.reports]
            assert times == sorted(times) and times[0] > m.time_ns
        joined, _, left = found
        assert {r.told.version for r in (*joined.reports, *left.reports)} == {version}
        assert {r.packet_id for r in joined.reports}.isdisjoint(r.packet_id for r in left.reports)
        said = story(db)
        assert f"asked to be in group 239.1.2.3. The report went out as packet {joined.reports[0].number}," in said
        assert f"asked to leave group 239.1.2.3. What tells of it went out as packet {left.reports[0].number}," in said
    shown = subprocess.run([*WIRETALE, "show", str(capture)], capture_output=True, text=True, timeout=60, check=True)
    lines = shown.stdout.splitlines()
    assert any("IP_ADD_MEMBERSHIP" in line and "told of in packet" in line for line in lines)
    assert any(f"IGMPv{version} report: " in line and "239.1.2.3" in line for line in lines)
