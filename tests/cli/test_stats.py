"""`wiretale stats`: the numbers are those of the rows."""

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.large_spool import Size
from tests.join.rows import MSEC, Rows, Tcp
from tests.large import capture_of
from wiretale.cli import run
from wiretale.errors import Exit
from wiretale.filter.condition import EVERYTHING
from wiretale.show.stats import bucket_ns, waits

SIZE = Size(connections=5, rounds=6, at_once=2)


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    return capture_of(tmp_path_factory.mktemp("stats"), SIZE)


@pytest.fixture
def stats(capsys):
    def call(*args):
        code = run(["stats", *(str(a) for a in args)])
        return code, capsys.readouterr().out

    return call


def rows(text, kind):
    return [row for row in map(json.loads, text.splitlines()) if row["kind"] == kind]


def test_calls_by_name(capture, stats):
    _, out = stats(capture, "--json")
    found = {row["what"]: row for row in rows(out, "calls by name")}
    rounds = SIZE.connections * SIZE.rounds
    assert found["write"]["count"] == 2 * rounds
    assert found["accept4"] == {
        "kind": "calls by name", "what": "accept4", "count": 5, "errors": 0, "total_ns": 300_000, "p50_ns": 60_000,
        "p99_ns": 60_000, "max_ns": 60_000, "bytes": 0,
    }  # fmt: skip
    assert sum(row["count"] for row in found.values()) == SIZE.calls
    assert found["read"]["bytes"] == found["write"]["bytes"] > 0


def test_calls_by_descriptor_name_the_connection(capture, stats):
    _, out = stats(capture, "--json")
    found = {row["what"]: row for row in rows(out, "calls by descriptor")}
    client = found["big-client(6000) fd 4 connection 1 (tcp, client)"]
    assert client["count"] == 2 + 2 * SIZE.rounds  # connect, a write and a read each round, close
    assert found["big-server(5000) fd 3 listening 127.0.0.1:4000"]["count"] == 2 + SIZE.connections


def test_traffic_over_time_adds_up(capture, stats):
    _, out = stats(capture, "--json")
    found = rows(out, "connection")
    assert len(found) == SIZE.connections
    for row in found:
        assert sum(row["bytes_over_time"]) == row["c2s_bytes"] + row["s2c_bytes"]
        assert sum(row["packets_over_time"]) == row["packets"] == 6 + 5 * SIZE.rounds


def test_waits_say_what_ended_them(capture, stats):
    _, out = stats(capture, "--json")
    found = rows(out, "wait")
    assert {row["ended_by"] for row in found} == {"packet"}
    polls = [row for row in found if row["call"] == "poll"]
    assert sum(row["count"] for row in polls) == SIZE.connections * (SIZE.rounds + 1)
    assert all(row["on"].startswith("connection ") for row in polls)


def test_a_wait_that_had_not_ended_counts_until_the_recording_did():
    recorded = Rows()
    recorded.source()
    recorded.interface()
    tcp = Tcp(recorded)
    tcp.open()
    begun = recorded.tick()
    recorded.call(tcp.server.pid, "read", tcp.server.fd, 0, 99, start=begun, ret=None)
    ended = recorded.tick(500 * MSEC)
    recorded.call(tcp.client.pid, "getpid", ret=1, start=ended - 10, end=ended)
    (row,) = [row for row in waits(recorded.joined(), EVERYTHING) if row.ended_by == "not ended"]
    assert (row.call, row.unended, row.total_ns, row.max_ns) == ("read", 1, ended - begun, ended - begun)


def test_a_filter_narrows_all(capture, stats):
    _, out = stats(capture, "--json", "--filter", "tcp.port == 5001")
    assert [row["connection_id"] for row in rows(out, "connection")] == [2]
    assert {row["what"]: row["count"] for row in rows(out, "calls by name")}["write"] == 2 * SIZE.rounds
    code, out = stats(capture, "--filter", "tcp.port == 1")
    assert code == Exit.FAILED
    assert not out


@pytest.mark.parametrize("filters", [[], ["--filter", "tcp.port == 1"]])
def test_that_there_is_nothing_to_count_is_said(tmp_path, capsys, filters):
    path = tmp_path / "one.pcap"
    path.write_bytes(
        struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 147) + struct.pack("<4I", 1, 0, 4, 4) + b"user"
    )
    capture = tmp_path / "one.wiretale"
    assert run(["import", str(path), "-o", str(capture)]) == Exit.OK
    capsys.readouterr()
    assert run(["stats", str(capture), *filters]) == Exit.FAILED
    told = capsys.readouterr()
    assert not told.out
    assert told.err.startswith("the filter selects no" if filters else "the capture holds no")


def test_tables_say_what_they_leave_out(capture, stats):
    code, out = stats(capture, "--top", "2")
    assert code == Exit.OK
    assert "more; --top" in out
    assert "Payload bytes over time" in out


@given(st.integers(0, 10**15), st.integers(1, 200))
def test_buckets_are_round_and_few(span_ns, most):
    width = bucket_ns(span_ns, most)
    assert span_ns // width + 1 <= most
    assert str(width).rstrip("0") in ("1", "2", "5")
