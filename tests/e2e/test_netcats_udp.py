"""Every netcat over UDP: datagrams there and back, linked through the packets; strace and tshark agree."""

import os
from pathlib import Path

import pytest

from tests.e2e.proof import faults, prove
from tests.e2e.reference import comparable, listening_test, recorded, strace, tshark
from tests.e2e.session import HOST4, PORT, Session, record_alone
from tests.e2e.subjects import UDP, Subject, words
from wiretale.store.capture import open_capture

pytestmark = pytest.mark.e2e

# What a socket's receive buffer holds without anybody reading: nothing slows a sender of datagrams down.
MANY = 40_000
EVERYWHERE = [pytest.param(subject, host, id=f"{subject.name}-{host}") for subject in UDP for host in subject.hosts]
EVERYONE = [pytest.param(subject, id=subject.name) for subject in UDP]


def session_of(subject: Subject, host: str, folder: Path, up: bytes, down: bytes | None) -> Session:
    """Datagrams have no end: the client is ended when all have arrived, and the recorder then ends the server."""
    ends = words(subject.server, host), words(subject.client, host)
    session = Session(folder, *ends, down, up, ["--snaplen", "all"], client_stays=True)
    session.input_stays_open, session.server_ticks = subject.input_stays_open, subject.threads
    return session


@pytest.mark.parametrize(("subject", "host"), EVERYWHERE)
def test_every_datagram_is_linked(subject: Subject, host: str, tmp_path: Path) -> None:
    size = min(MANY, subject.most)
    up, down = os.urandom(size), os.urandom(size + 1) if subject.both else None
    session = session_of(subject, host, tmp_path, up, down)
    session.record()
    assert session.output("server") == up
    assert session.output("client") == (down or b"")
    prove(session.capture, {"c2s": up, "s2c": down or b""}, protocol="udp")
    packets = tshark(session, "udp")
    assert packets.to_server == up
    assert packets.to_client == (down or b"")
    assert packets.uncommented == 0
    ours = recorded(session)
    theirs = strace(session, listening_test("udp"), server_stays=True)
    assert session.output("server") == up
    assert comparable(ours, in_order=not subject.threads) == comparable(theirs, in_order=not subject.threads)


@pytest.mark.parametrize("subject", EVERYONE)
def test_one_byte_is_linked(subject: Subject, tmp_path: Path) -> None:
    session = session_of(subject, HOST4, tmp_path, b"x", None)
    session.record()
    prove(session.capture, {"c2s": b"x"}, protocol="udp")


@pytest.mark.parametrize("subject", [pytest.param(s, id=s.name) for s in UDP if s.name in ("openbsd", "ncat", "ours")])
def test_a_refused_datagram_has_its_outcome(subject: Subject, tmp_path: Path) -> None:
    capture = record_alone(words(subject.client, HOST4), tmp_path, data=b"anyone?")
    with open_capture(capture) as db:
        found = db.execute(
            f"SELECT outcome, client_bytes FROM connection WHERE protocol = 'udp' AND server_port = {PORT}"
        ).fetchall()
        assert found == [("refused", 7)]
        assert not [fault for fault in faults(db) if "unmatched" in fault]
