"""Every netcat that knows unix sockets: bytes linked from write to read, without packets; strace agrees."""

import os
from pathlib import Path

import pytest

from tests.e2e.proof import prove
from tests.e2e.reference import recorded, serving_test, strace
from tests.e2e.session import Session
from tests.e2e.subjects import UNIX_DATAGRAM, UNIX_STREAM, Subject, words

pytestmark = pytest.mark.e2e

MANY, LARGE = 200_000, 50_000_000
KINDS = ("write_read",)
STREAMS = [pytest.param(subject, id=subject.name) for subject in UNIX_STREAM]


def session_of(subject: Subject, folder: Path, up: bytes, down: bytes | None) -> Session:
    """A server at a path in the test's folder."""
    path = str(folder / "sock")
    ends = words(subject.server, path=path), words(subject.client, path=path)
    return Session(folder, *ends, down, up, ["--snaplen", "all"])


@pytest.mark.parametrize("subject", STREAMS)
def test_every_byte_of_a_stream_is_linked(subject: Subject, tmp_path: Path) -> None:
    up, down = os.urandom(MANY), os.urandom(MANY + 1)
    session = session_of(subject, tmp_path, up, down)
    session.record()
    assert session.output("server") == up
    assert session.output("client") == down
    prove(session.capture, {"c2s": up, "s2c": down}, KINDS, "unix-stream")
    ours = recorded(session)
    (tmp_path / "sock").unlink(missing_ok=True)
    theirs = strace(session, serving_test(tmp_path / "sock"))
    assert session.output("server") == up
    assert ours == theirs


@pytest.mark.timeout(300)
@pytest.mark.parametrize("subject", STREAMS)
@pytest.mark.parametrize("size", [1, LARGE])
def test_one_byte_and_50_megabytes_are_linked(subject: Subject, size: int, tmp_path: Path) -> None:
    up = os.urandom(size)
    session = session_of(subject, tmp_path, up, None)
    session.options = ["--calls", "network"]
    session.client_stays = True
    session.record()
    assert session.output("server") == up
    prove(session.capture, {"c2s": up}, KINDS, "unix-stream")


@pytest.mark.parametrize("subject", [pytest.param(subject, id=subject.name) for subject in UNIX_DATAGRAM])
def test_every_datagram_is_linked(subject: Subject, tmp_path: Path) -> None:
    size = min(MANY, subject.most)
    up, down = os.urandom(size), os.urandom(size + 1) if subject.both else None
    session = session_of(subject, tmp_path, up, down)
    session.client_stays, session.input_stays_open = True, subject.input_stays_open
    session.record()
    assert session.output("server") == up
    assert session.output("client") == (down or b"")
    prove(session.capture, {"c2s": up, "s2c": down or b""}, KINDS, "unix-dgram")
    ours = recorded(session)
    for name in ("sock", "sock.c"):
        (tmp_path / name).unlink(missing_ok=True)
    theirs = strace(session, serving_test(tmp_path / "sock"), server_stays=True)
    assert session.output("server") == up
    assert ours == theirs
