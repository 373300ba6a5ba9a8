"""Every netcat over TCP: all bytes of both ends linked through the packets; strace and tshark agree."""

import os
import shlex
import shutil
import subprocess
import threading
from pathlib import Path

import duckdb
import pytest

from tests.conftest import require
from tests.e2e.proof import STREAM_KINDS, faults, misplaced, over, proofs, prove
from tests.e2e.reference import comparable, listening_test, recorded, strace, tshark
from tests.e2e.session import HOST4, OURS, PORT, Session, program, record_alone
from tests.e2e.subjects import TCP, Subject, words
from tests.netcat.programs import wait_until
from wiretale.record.ebpf import calls
from wiretale.store.capture import open_capture

pytestmark = pytest.mark.e2e

MANY, LARGE = 200_000, 50_000_000
EVERYWHERE = [pytest.param(subject, host, id=f"{subject.name}-{host}") for subject in TCP for host in subject.hosts]
EVERYONE = [pytest.param(subject, id=subject.name) for subject in TCP]


def session_of(subject: Subject, host: str, folder: Path, up: bytes | None, down: bytes | None) -> Session:
    """Both ends are the same netcat. None: nothing is sent that way, and that input stays open."""
    client = [*words(subject.client, host)]
    return Session(folder, words(subject.server, host), client, down, up, ["--snaplen", "all"])


@pytest.mark.parametrize(("subject", "host"), EVERYWHERE)
def test_every_byte_is_linked(subject: Subject, host: str, tmp_path: Path) -> None:
    up, down = os.urandom(MANY), os.urandom(MANY + 1) if subject.both else None
    session = session_of(subject, host, tmp_path, up, down)
    session.record()
    assert session.output("server") == up
    assert session.output("client") == (down or b"")
    prove(session.capture, {"c2s": up, "s2c": down or b""})
    packets = tshark(session, "tcp")
    assert packets.to_server == up
    assert packets.to_client == (down or b"")
    assert packets.uncommented == 0
    ours = recorded(session)
    theirs = strace(session, listening_test("tcp"))
    assert session.output("server") == up
    assert comparable(ours, in_order=not subject.threads) == comparable(theirs, in_order=not subject.threads)


@pytest.mark.parametrize("subject", EVERYONE)
def test_one_byte_is_linked(subject: Subject, tmp_path: Path) -> None:
    session = session_of(subject, HOST4, tmp_path, b"x", None if not subject.both else b"y")
    session.record()
    prove(session.capture, {"c2s": b"x", "s2c": b"y" if subject.both else b""})


@pytest.mark.timeout(300)
@pytest.mark.parametrize("subject", EVERYONE)
def test_50_megabytes_are_linked(subject: Subject, tmp_path: Path) -> None:
    """In calls of a kilobyte (busybox) to 16 (OpenBSD); a prefix of each is captured and compared.

    pwncat needs minutes for as much: it reads ahead line by line and sends a few hundred bytes a call.
    """
    up = os.urandom(LARGE if subject.name != "pwncat" else LARGE // 10)
    session = session_of(subject, HOST4, tmp_path, up, None)
    session.options = ["--packet-snaplen", "512", "--packet-ring", "512", "--calls", "network"]
    session.client_stays = True
    session.record()
    assert session.output("server") == up
    prove(session.capture, {"c2s": up})


@pytest.mark.parametrize(("subject", "host"), EVERYWHERE)
def test_a_refused_connection_has_its_outcome_and_its_packets(subject: Subject, host: str, tmp_path: Path) -> None:
    """Recorded alone, in a network where nobody listens."""
    capture = record_alone(words(subject.client, host), tmp_path)
    with open_capture(capture) as db:
        found = db.execute(
            "SELECT outcome, server_port, client_bytes, packets FROM connection WHERE protocol = 'tcp' AND packets > 0"
        ).fetchall()
        assert found == [("refused", PORT, 0, 2)]
        flags = db.execute("SELECT flags & 63 FROM packet WHERE shown AND flags IS NOT NULL ORDER BY packet_id")
        assert [f for (f,) in flags.fetchall()] == [0x02, 0x14]  # SYN; RST, ACK
        assert not faults(db)


def test_half_close_carries_the_answer_and_the_states_say_so(tmp_path: Path) -> None:
    """The client stops sending first; the server's answer comes over the half-closed connection."""
    up, down = b"question", os.urandom(MANY)
    subject = next(s for s in TCP if s.name == "ours")
    session = session_of(subject, HOST4, tmp_path, up, down)
    session.client.insert(len(OURS), "-N")
    session.record()
    assert session.output("client") == down
    connection = prove(session.capture, {"c2s": up, "s2c": down})
    with open_capture(session.capture) as db:
        states = db.execute(
            "SELECT role, state FROM tcp_state JOIN endpoint USING (endpoint_id)"
            f" WHERE endpoint.connection_id = {connection} ORDER BY from_ns"
        ).fetchall()
    assert ("client", "FIN-WAIT-2") in states
    assert ("server", "CLOSE-WAIT") in states
    assert ("server", "LAST-ACK") in states


MANY_AT_ONCE = {
    "ours": [*OURS, "-l", "-k", HOST4, str(PORT)],
    "ncat": ["ncat", "-l", "-k", HOST4, str(PORT)],
    "openbsd": ["nc.openbsd", "-l", "-k", HOST4, str(PORT)],
    "socat": ["socat", "-u", f"TCP-LISTEN:{PORT},bind={HOST4},reuseaddr,fork", "-"],
}


@pytest.mark.parametrize("name", MANY_AT_ONCE)
def test_several_clients_at_once_keep_their_bytes_apart(name: str, tmp_path: Path) -> None:
    """Three clients are connected at the same time, and each sends its own bytes after all of them are."""
    server = MANY_AT_ONCE[name]
    payloads = [os.urandom(50_000 + n) for n in range(3)]
    for n in range(3):
        os.mkfifo(tmp_path / f"fifo{n}")
    client = [program("nc.openbsd"), "-N", HOST4, str(PORT)]
    script = " ".join(f'{{ "$@" <{shlex.quote(str(tmp_path / f"fifo{n}"))} & }};' for n in range(3)) + " wait"
    session = Session(tmp_path, [program(server[0]), *server[1:]], ["sh", "-c", script, "sh", *client])
    session.options = ["--snaplen", "all"]

    def feed(_: subprocess.Popen[bytes]) -> None:
        pipes = [os.open(tmp_path / f"fifo{n}", os.O_WRONLY) for n in range(3)]
        wait_until(lambda: _established(session) >= 3, "three connections")
        for pipe, data in zip(pipes, payloads, strict=True):
            threading.Thread(target=_write_all, args=(pipe, data)).start()

    session.record(feed)
    with open_capture(session.capture) as db:
        assert not faults(db)
        carried = {c: proof for c, proof in proofs(db).items() if c in over(db, "tcp")}
        assert sorted(proof.sent["c2s"] for proof in carried.values()) == [len(p) for p in payloads]
        for connection, proof in carried.items():
            size = proof.sent["c2s"]
            assert proof.received == {"c2s": size}
            assert proof.covered == {"c2s": dict.fromkeys(STREAM_KINDS, size)}
            assert not misplaced(db, connection, {"c2s": payloads[size - 50_000], "s2c": b""})


def _established(session: Session) -> int:
    """How many connections to the port the server's network namespace has."""
    pid = (session.folder / "server.pid").read_text().strip()
    lines = Path(f"/proc/{pid}/net/tcp").read_text().splitlines()
    return sum(f":{PORT:04X} " in line.split(":", 1)[1][:20] and line.split()[3] == "01" for line in lines[1:])


def _write_all(pipe: int, data: bytes) -> None:
    with os.fdopen(pipe, "wb") as file:
        file.write(data)


def test_the_proof_notices_a_missing_and_a_moved_link(tmp_path: Path) -> None:
    """The tests above are worth as much as their proof: break a good capture and see it fail."""
    subject = next(s for s in TCP if s.name == "openbsd")
    up = os.urandom(1000)
    session = session_of(subject, HOST4, tmp_path, up, b"")
    session.record()
    prove(session.capture, {"c2s": up})
    with pytest.raises(AssertionError):
        prove(session.capture, {"c2s": up[::-1]})
    for statement in (
        "DELETE FROM link WHERE kind = 'segment_read'",
        "UPDATE link SET hi = hi + 1 WHERE kind = 'write_read'",
        "UPDATE stream_read SET lo = lo + 1, hi = hi + 1",
    ):
        broken = tmp_path / "broken.wiretale"
        shutil.copy(session.capture, broken)
        with duckdb.connect(str(broken)) as db:
            db.execute(statement)
        with pytest.raises(AssertionError):
            prove(broken, {"c2s": up})


def test_every_byte_is_linked_when_kernel_programs_record_the_calls(tmp_path: Path) -> None:
    """The same proof with `--engine ebpf`, and strace's own view of the same netcat."""
    require(os.geteuid() == 0 and calls.OBJECT_PATH.exists(), "root, and the kernel programs compiled")
    up, down = os.urandom(MANY), os.urandom(MANY + 1)
    subject = next(s for s in TCP if s.name == "ours")
    session = session_of(subject, HOST4, tmp_path, up, down)
    session.options += ["--engine", "ebpf"]
    session.record()
    assert (session.output("server"), session.output("client")) == (up, down)
    prove(session.capture, {"c2s": up, "s2c": down})
    with open_capture(session.capture) as db:
        assert db.execute("SELECT source, lost FROM source WHERE level = 'syscall'").fetchall() == [("ebpf calls", 0)]
    ours = recorded(session)
    assert ours == strace(session, listening_test("tcp"))
