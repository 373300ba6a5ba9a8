"""Bytes through calls that few programs make: all linked, none wrongly, and what is not is said."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from tests.conftest import require
from tests.e2e.proof import faults, misplaced
from tests.e2e.session import WIRETALE, program
from tests.e2e.unusual_calls import payload
from wiretale.check.check import StreamCheck, check
from wiretale.check.reasons import CUT, NO_PACKETS
from wiretale.store.capture import open_capture

pytestmark = pytest.mark.e2e

_FILE = payload(200_000)
SENT = {
    "sendfile-offset": _FILE[50_000:120_000] + _FILE[1000:31_000],
    "splice-and-tee": payload(60_000),
    "discarded": payload(9000),
    "empty-writes": payload(4000),
    "bad-vector": payload(200_000),
    "device": payload(5000),
}
WITNESS = {
    # what proves that the scenario took place
    "sendfile-offset": "SELECT count(*) >= 2 FROM call WHERE name = 'sendfile' AND retval > 0",
    "splice-and-tee": "SELECT count(DISTINCT name) = 2 FROM call WHERE name IN ('splice', 'tee') AND retval > 0",
    "discarded": "SELECT count(*) > 0 FROM call WHERE name = 'recvfrom' AND a3 & 32 <> 0 AND retval > 0",
    "empty-writes": "SELECT count(*) >= 12 FROM call WHERE name IN ('write', 'writev', 'sendto') AND retval = 0",
    "bad-vector": "SELECT list(retval > 0 ORDER BY call_id) = [true, false] FROM call WHERE name = 'writev'",
    "device": "SELECT count(*) = 2 FROM call WHERE name = 'setsockopt' AND a2 = 25 AND retval = 0",
}


def recorded(name: str, folder: Path) -> duckdb.DuckDBPyConnection:
    """Both ends of one scenario, recorded in a network of their own."""
    require(os.geteuid() == 0, "the test runs as root: it makes network namespaces and binds to a device")
    capture = folder / "run.wiretale"
    target = [sys.executable, "-m", "tests.e2e.unusual_calls", name]
    record = [*WIRETALE, "record", "-q", "-o", str(capture), "--snaplen", "all", "--", *target]
    done = subprocess.run(
        [program("unshare"), "-n", "sh", "-c", f"ip link set lo up; exec {shlex.join(record)}"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=90, check=False,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return open_capture(capture)


def carrying(db: duckdb.DuckDBPyConnection, *protocols: str) -> list[StreamCheck]:
    return [s for s in check(db).streams if s.protocol in protocols and s.carried]


@pytest.mark.parametrize("name", SENT)
def test_every_byte_is_linked_and_stands_where_it_belongs(name: str, tmp_path: Path) -> None:
    with recorded(name, tmp_path) as db:
        assert db.execute(WITNESS[name]).fetchall() == [(True,)]
        (stream,) = carrying(db, "tcp")
        assert stream.written == stream.read == stream.on_wire == len(SENT[name])
        assert stream.linked == 2 * stream.on_wire, stream
        assert not misplaced(db, stream.connection_id, {stream.direction: SENT[name]})
        assert not faults(db)


def test_messages_keep_their_borders_and_what_did_not_fit_is_said(tmp_path: Path) -> None:
    with recorded("packets-in-order", tmp_path) as db:
        (stream,) = carrying(db, "unix-seqpacket")
        assert (stream.written, stream.read, [(g.bytes, g.reason) for g in stream.gaps]) == (1311, 1111, [(200, CUT)])
        assert not faults(db)


def test_of_many_messages_those_that_went_are_linked(tmp_path: Path) -> None:
    """The others, which had no memory to go from or to, are nobody's bytes."""
    with recorded("some-of-many", tmp_path) as db:
        (stream,) = carrying(db, "udp")
        assert stream.written == stream.read == stream.on_wire == 300
        assert stream.linked == stream.compared == 600
        assert not faults(db)


def test_equal_addresses_in_two_namespaces_are_two_connections(tmp_path: Path) -> None:
    """The packets of the one namespace are linked to its own calls, and to none of the other's."""
    with recorded("same-in-two-networks", tmp_path) as db:
        streams = sorted(carrying(db, "tcp"), key=lambda s: s.on_wire)
        assert [(s.written, s.on_wire, s.read) for s in streams] == [(50_000, 0, 50_000), (50_000, 50_000, 50_000)]
        assert {g.reason for g in streams[0].gaps} == {NO_PACKETS}
        assert streams[1].linked == streams[1].compared == 100_000
        assert not misplaced(db, streams[0].connection_id, {streams[0].direction: payload(50_000, 2)})
        assert not misplaced(db, streams[1].connection_id, {streams[1].direction: payload(50_000, 1)})
        assert not check(db).wrong
