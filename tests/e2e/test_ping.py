"""Programs that ask by ICMP, and raw sockets: each byte that their calls carried is proven in a packet."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from tests.conftest import require
from tests.e2e.session import WIRETALE, program
from wiretale.check.check import Check, check
from wiretale.decode.ip_message import ip_header
from wiretale.explain.tell import Options, tell
from wiretale.explain.words import plain
from wiretale.show.follow import Data, pieces
from wiretale.store.capture import open_capture

pytestmark = pytest.mark.e2e
HERE = Path(__file__).parent
FILLED = "the kernel fills these in itself: checksum, identifier, fields of the IP header"
REBUILT = "the IP header, which the kernel makes anew for a packet that came in fragments"
ENGINES = ("ptrace", "ebpf")


def record(folder: Path, command: list[str], *options: str, before: str = "true") -> Path:
    """Record `command` in the near of three namespaces in a row (routed.sh)."""
    require(os.geteuid() == 0, "the test runs as root: it makes network namespaces and raw sockets")
    for tool in ("ip", "nsenter", "mkfifo"):
        program(tool)
    capture = folder / "run.wiretale"
    words = [*WIRETALE, "record", "-q", "-o", str(capture), *options, "--", *command]
    script = f"{before}; cd {shlex.quote(str(HERE.parents[1]))}; exec {shlex.join(words)}"
    done = subprocess.run(
        [program("unshare"), "-n", "sh", str(HERE / "routed.sh"), "sh", "-c", script],
        cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert capture.exists(), done.stderr
    return capture


def proven(db: duckdb.DuckDBPyConnection, allowed: tuple[str, ...] = (FILLED,)) -> Check:
    """The check holds, and all that calls carried is linked and equal, but for what is `allowed` to be missing."""
    found = check(db)
    assert found.holds, found.wrong
    assert not found.unexplained
    missing = {g.reason for s in found.streams for g in s.gaps if g.what.startswith(("written, ", "read, "))}
    assert missing <= set(allowed), missing
    gone = sum(g.bytes for s in found.streams for g in s.gaps if g.what.startswith(("written, ", "read, ")))
    assert sum(s.carried for s in found.streams) > 0
    assert sum(s.compared for s in found.streams) == sum(s.carried for s in found.streams) - gone
    assert not any(c.unplaced_calls for c in found.calls if not c.peeked)
    return found


def story(db: duckdb.DuckDBPyConnection) -> str:
    told = tell(db, Options())
    steps = [s for c in told.chapters for part in c.sections for s in part.steps]
    return " ".join(plain(t) for t in (*told.summary, *(s for step in steps for s in (step.title, *step.sentences))))


PINGS = {
    "loopback": ["-c3", "-i0.2", "127.0.0.1"],
    "routed": ["-c2", "-i0.2", "10.0.1.2"],
    "six": ["-6", "-c2", "-i0.2", "fd01::2"],
    "fragments": ["-c2", "-i0.2", "-s", "3000", "10.0.1.2"],
    "fragments six": ["-6", "-c2", "-i0.2", "-s", "3000", "fd01::2"],
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("unprivileged", [False, True])
@pytest.mark.parametrize("name", PINGS)
def test_each_request_and_answer_of_ping_is_joined(name: str, unprivileged: bool, engine: str, tmp_path: Path) -> None:
    group = "0 2147483647" if unprivileged else "1 0"
    before = f"echo {group} >/proc/sys/net/ipv4/ping_group_range"
    options = ("--engine", engine, "--snaplen", "all")
    capture = record(tmp_path, [program("ping"), *PINGS[name]], *options, before=before)
    with open_capture(capture) as db:
        proven(db, (FILLED, REBUILT))
        asked = 3 if name == "loopback" else 2
        assert (
            db.execute("SELECT count(*), any_value(packets) FROM connection WHERE protocol LIKE 'icmp%'").fetchall()[0][
                0
            ]
            == 1
        )
        assert db.execute(
            "SELECT count(DISTINCT write_id), count(DISTINCT read_id) FROM link WHERE packet_id IS NOT NULL"
        ).fetchall() == [(asked, asked)]
        assert db.execute("SELECT type FROM socket JOIN endpoint USING (socket_id)").fetchall() == [
            ("SOCK_DGRAM" if unprivileged else "SOCK_RAW",)
        ]
        said = story(db)
        assert f"sent {asked} echo requests to {PINGS[name][-1]}: all were answered." in said
        assert "No recorded call read it" not in said and "no recorded call sent it" not in said
        filled = {"checksum and identifier": unprivileged, "checksum": "six" in name and not unprivileged}
        followed = [p.data for p in pieces(db, 1, ("c2s", "s2c")) if isinstance(p, Data)]
        if "fragments" not in name:  # whose headers are no part of what is followed
            size = 104 if "six" in name else 84
            headers = [h for data in followed if (h := ip_header(data)) is not None and h.protocol in (1, 58)]
            assert [h.size for h in headers] == [size] * 2 * asked
            assert sum(len(data) for data in followed) == 2 * asked * size
        for what, is_filled in filled.items():
            assert (f"The kernel filled in the {what}." in said) == is_filled


@pytest.mark.parametrize("engine", ENGINES)
def test_a_ping_without_packets_is_told_from_its_calls(engine: str, tmp_path: Path) -> None:
    capture = record(tmp_path, [program("ping"), "-c2", "-i0.2", "10.0.1.2"], "--engine", engine, "--no-packets")
    with open_capture(capture) as db:
        assert check(db).holds
        said = story(db)
        assert "sent 2 echo requests to 10.0.1.2: all were answered." in said
        assert "As the program saw it" in said and "On the wire" not in said


@pytest.mark.parametrize("packets", [True, False])
def test_a_router_that_lets_a_request_die_is_told_with_what_read_of_it(packets: bool, tmp_path: Path) -> None:
    options = () if packets else ("--no-packets",)
    capture = record(tmp_path, [program("ping"), "-c1", "-t1", "-W1", "10.0.1.2"], *options)
    with open_capture(capture) as db:
        assert check(db).holds
        said = story(db)
        assert "sent 1 echo request to 10.0.1.2: an error came back." in said
        assert "from 10.0.0.2" in said and "time to live exceeded in transit" in said
        assert "from the socket's error queue (MSG_ERRQUEUE)" in said


def test_requests_that_nobody_answers_are_told_as_lost(tmp_path: Path) -> None:
    capture = record(tmp_path, [program("ping"), "-c2", "-i0.2", "-W1", "10.0.1.77"])
    with open_capture(capture) as db:
        proven(db)
        said = story(db)
        assert "none was answered and to 2 (100 %) nothing came back" in said
        assert "Sequence numbers 1 and 2: no packet that answers was captured" in said


def test_the_way_of_a_request_through_the_kernel_is_shown(tmp_path: Path) -> None:
    capture = record(tmp_path, [program("ping"), "-c1", "10.0.1.2"], "--kernel")
    words = [*WIRETALE, "path", str(capture), "--connection", "1"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    assert "sendto(fd 3) = 64 by ping" in done.stdout and "bytes 20-83 of its stream, in packet" in done.stdout
    assert "the driver has answered: near" in done.stdout


TRACES = {"four": ["-I", "10.0.1.2"], "six": ["-6", "-I", "fd01::2"]}


@pytest.mark.parametrize("name", TRACES)
def test_the_path_of_traceroute_is_the_sources_of_the_errors(name: str, tmp_path: Path) -> None:
    capture = record(tmp_path, [program("traceroute"), "-n", "-q1", *TRACES[name]])
    with open_capture(capture) as db:
        proven(db)
        story = tell(db, Options())
        steps = [s for s in story.steps() if s.title == "The path"]
        router, host = ("10.0.0.2", "10.0.1.2") if name == "four" else ("fd00::2", "fd01::2")
        assert [hop.what for hop in steps[0].hops] == [router, host]
        assert "2 steps reach it." in steps[0].sentences
        # the ladder has two ends: what a host between them sent says so
        errors = [a.label for figure in story.figures() for a in figure.arrows if "exceeded" in a.label]
        assert errors or name == "six"  # where it may be in the middle, which the ladder leaves out
        assert all(label.endswith(f" from {router}") for label in errors)


@pytest.mark.parametrize("name", ["fping", "mtr"])
def test_other_askers_are_joined(name: str, tmp_path: Path) -> None:
    command = {"fping": ["-c2", "-p100", "10.0.1.2", "10.0.0.2"], "mtr": ["-n", "-r", "-c2", "-i0.2", "10.0.1.2"]}[name]
    capture = record(tmp_path, [program(name), *command])
    with open_capture(capture) as db:
        found = proven(db)
        assert {s.protocol for s in found.streams if s.carried and s.protocol != "udp"} >= {"icmp"}
        # mtr sends by one socket and reads by another: both are the client's
        assert db.execute(
            "SELECT count(*) FROM (SELECT call_id FROM stream_read UNION SELECT call_id FROM stream_write)"
            " WHERE call_id NOT IN (SELECT call_id FROM call_connection)"
        ).fetchall() == [(0,)]


OWN = {
    "two-readers": ("icmp", "SELECT count(*) = 4 FROM link WHERE kind = 'segment_read'"),
    "own-header": ("icmp", "SELECT sum(hi - lo) = 52 - 10 FROM link WHERE kind = 'write_segment'"),
    "small-buffer": ("icmp", "SELECT list(hi - lo) = [100, 100] FROM link WHERE kind = 'segment_read'"),
    "another-protocol": ("raw", "SELECT count(*) = 1 AND sum(packets) = 2 FROM connection"),
    "unprivileged": ("icmp", "SELECT count(*) = 3 FROM stream_read WHERE peeked AND exact"),
    "many": ("icmp", "SELECT count(*) = 2 FROM connection WHERE packets = 40"),
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", OWN)
def test_raw_sockets_of_a_program_are_joined(name: str, engine: str, tmp_path: Path) -> None:
    protocol, witness = OWN[name]
    before = "echo 0 2147483647 >/proc/sys/net/ipv4/ping_group_range"
    command = [sys.executable, "-m", "tests.e2e.raw_programs", name]
    capture = record(tmp_path, command, "--engine", engine, "--snaplen", "all", before=before)
    with open_capture(capture) as db:
        found = proven(db)
        for step in tell(db, Options()).steps():
            assert [hop.time_ns for hop in step.hops] == sorted(hop.time_ns for hop in step.hops)
        assert {s.protocol for s in found.streams if s.carried} == {protocol}
        assert db.execute(witness).fetchall() == [(True,)]
