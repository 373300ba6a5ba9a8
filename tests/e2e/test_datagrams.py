"""Datagrams read in ways that say little, and TCP sockets that are their own peer: every byte linked, none wrongly."""

import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from tests.e2e.datagram_programs import PORTS
from tests.e2e.session import WIRETALE, program
from wiretale.check.check import StreamCheck, check
from wiretale.check.reasons import CUT
from wiretale.store.capture import open_capture

pytestmark = pytest.mark.e2e

# written, on the wire, read
EXPECTED = {
    "nameless": (450, 450, 450), "multicast": (200, 200, 600), "cut": (1000, 1000, 50 + 200 + 70 + 16),
    "segments": (10_123, 10_123, 10_123), "empty": (100, 100, 100), "dropped": (31 * 700, 31 * 700, 1400),
}  # fmt: skip


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    path = tmp_path_factory.mktemp("datagrams") / "run.wiretale"
    target = [sys.executable, str(Path(__file__).parent / "datagram_programs.py")]
    record = [*WIRETALE, "record", "-q", "-o", str(path), "--snaplen", "all", "--calls", "network", "--", *target]
    done = subprocess.run(
        [program("unshare"), "-rn", "sh", "-c", f"ip link set lo up; exec {shlex.join(record)}"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    with open_capture(path) as db:
        yield db


def streams(db: duckdb.DuckDBPyConnection, port: int) -> list[StreamCheck]:
    ours = {c for (c,) in db.execute(f"SELECT connection_id FROM connection WHERE server_port = {port}").fetchall()}
    return [s for s in check(db).streams if s.connection_id in ours and s.carried]


@pytest.mark.parametrize("name", EXPECTED)
def test_what_calls_carried_is_linked(name: str, capture: duckdb.DuckDBPyConnection) -> None:
    found = streams(capture, PORTS[name])
    assert tuple(map(sum, zip(*((s.written, s.on_wire, s.read) for s in found), strict=True))) == EXPECTED[name]
    for stream in found:
        assert stream.linked == stream.carried, stream
        assert {gap.what for gap in stream.gaps} <= {"on the wire, not read"}
        assert name in ("cut", "dropped") or not stream.gaps
        assert name != "cut" or {gap.reason for gap in stream.gaps} == {CUT}


def test_nothing_is_wrong_or_left_over(capture: duckdb.DuckDBPyConnection) -> None:
    assert not check(capture).wrong
    lost = "SELECT item, count FROM coverage WHERE state IN ('lost', 'unmatched', 'ambiguous', 'clock error')"
    assert not capture.execute(lost).fetchall()


def test_equal_datagrams_of_several_senders_go_to_each_by_the_order_in_the_queue(
    capture: duckdb.DuckDBPyConnection,
) -> None:
    """The reader took the k-th datagram at its k-th call, so the k-th call's bytes came from sender k mod 3."""
    rows = capture.execute(
        """
        SELECT k.client_port, row_number() OVER (ORDER BY c.exit_ns) - 1
        FROM stream_read r JOIN call c USING (call_id) JOIN connection k USING (connection_id)
        WHERE k.server_port = $port AND NOT r.peeked ORDER BY c.exit_ns
        """,
        {"port": PORTS["nameless"]},
    ).fetchall()
    assert len(rows) == 9
    assert Counter((port, n % 3) for port, n in rows) == dict.fromkeys({(port, n % 3) for port, n in rows[:3]}, 3)


def test_which_of_equal_datagrams_survived_is_not_claimed(capture: duckdb.DuckDBPyConnection) -> None:
    rows = capture.execute(
        """
        SELECT DISTINCT k.server_port, l.kind, l.evidence FROM link l JOIN connection k USING (connection_id)
        WHERE k.server_port IN ($dropped, $multicast)
        """,
        {"dropped": PORTS["dropped"], "multicast": PORTS["multicast"]},
    ).fetchall()
    assert {(kind, evidence) for port, kind, evidence in rows if port == PORTS["dropped"]} == {
        ("write_segment", "bytes"),
        ("segment_read", "ambiguous"),
        ("write_read", "ambiguous"),
    }
    assert {evidence for port, _, evidence in rows if port == PORTS["multicast"]} == {"bytes"}


def test_unix_datagrams_of_nameless_clients_are_told_apart(capture: duckdb.DuckDBPyConnection) -> None:
    found = [s for s in check(capture).streams if s.protocol == "unix-dgram" and s.carried]
    assert sorted((s.written, s.read, s.linked) for s in found) == [(50, 50, 100), *[(150, 150, 300)] * 3]


def test_a_socket_connected_to_itself_reads_what_it_wrote(capture: duckdb.DuckDBPyConnection) -> None:
    (stream,) = streams(capture, 4007)
    assert (stream.written, stream.read, stream.linked) == (4000, 4000, 8000)
    assert stream.compared == 7000  # what MSG_TRUNC threw away was in no buffer
