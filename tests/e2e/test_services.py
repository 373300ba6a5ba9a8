"""Real programs: all payload of the calls of both ends is linked through the packets, none wrongly.

Proven three times: by `wiretale check`, by the bytes that tshark finds in the exported packets, and, where a program
carries the same in every run, by what strace counts.
"""

import subprocess
from collections import defaultdict
from pathlib import Path

import duckdb
import pytest

from tests.e2e.proof import faults
from tests.e2e.reference import listening_test, recorded, recorded_payload, strace, strace_payload
from tests.e2e.services import SERVICES, Service
from tests.e2e.session import WIRETALE, Session, program
from wiretale.check.check import StreamCheck, check
from wiretale.check.reasons import IO_URING, NOT_SEEN, UNREAD
from wiretale.store.capture import open_capture

pytestmark = pytest.mark.e2e

Recording = tuple[Service, Session]


def _name(param: tuple[Service, str]) -> str:
    service, engine = param
    return service.name if len(service.engines) == 1 else f"{service.name}-{engine}"


RECORDED = [(service, engine) for service in SERVICES for engine in service.engines]


@pytest.fixture(scope="module", params=RECORDED, ids=_name)
def recording(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """Recorded once for all tests."""
    service, engine = request.param
    session = service.session(tmp_path_factory.mktemp(service.name), engine)
    session.record()
    return service, session


def streams_to(db: duckdb.DuckDBPyConnection, port: int) -> list[tuple[StreamCheck, int]]:
    """The checked streams of connections to `port`, with the client's port."""
    ports = dict(db.execute(f"SELECT connection_id, client_port FROM connection WHERE server_port = {port}").fetchall())
    return [
        (s, ports[s.connection_id]) for s in check(db).streams if s.connection_id in ports and (s.carried or s.on_wire)
    ]


def test_all_payload_is_linked_through_the_packets(recording: Recording) -> None:
    service, session = recording
    with open_capture(session.capture) as db:
        assert not faults(db)
        found = streams_to(db, service.port)
        protocols = {s.connection_id: s.protocol for s, _ in found}
        assert tuple(protocols[c] for c in sorted(protocols)) == service.protocols
        for stream, _ in found:
            _assert_linked(stream, service)
        on_wire = tshark_payload(session.capture, service.port, session.folder)
        for stream, port in found:
            size, data = on_wire[stream.protocol, port, stream.direction]
            assert size == stream.on_wire
            for side in ("write", "read"):
                carried = call_bytes(db, stream, side)
                assert carried in (data, None), f"{side} {stream.direction}"


def _assert_linked(stream: StreamCheck, service: Service) -> None:
    """Every byte, but for those that the program itself cut off, or that io_uring moved out of sight."""
    reasons = {gap.reason for gap in stream.gaps}
    if service.aborts:
        lacking = sum(g.bytes for g in stream.gaps if g.what.startswith(("written, ", "read, ")))
        assert stream.linked + lacking == stream.carried
        assert reasons <= {NOT_SEEN, UNREAD}
        return
    assert stream.linked == stream.carried, stream
    assert stream.carried == stream.on_wire * service.seen, stream
    if service.seen == 1:
        assert len(reasons) == 1
        assert reasons < {IO_URING.format(end=end) for end in ("sender", "receiver")}
    else:
        assert not reasons


Wire = dict[tuple[str, int, str], tuple[int, bytes]]


def tshark_payload(capture: Path, port: int, folder: Path) -> Wire:
    """What tshark finds in the exported packets to and from `port`, by protocol, client's port and direction.

    Length and bytes of each stream; every TCP position counts once. Bytes that the capture cut are missing.
    """
    target = folder / "run.pcapng"
    subprocess.run([*WIRETALE, "export", "--to", "pcapng", str(capture), "-o", str(target), "--force"], check=True)
    found: Wire = {}
    for protocol, at, length in (("tcp", "tcp.seq", "tcp.len"), ("udp", "frame.number", "udp.length")):
        fields = [f"{protocol}.srcport", f"{protocol}.dstport", at, length, f"{protocol}.payload"]
        words = [program("tshark"), "-n", "-r", str(target), "-Y", f"{protocol}.port == {port}", "-T", "fields"]
        words += [w for name in fields for w in ("-e", name)]
        streams: dict[tuple[str, int, str], list[tuple[int, int, bytes]]] = defaultdict(list)
        for line in subprocess.run(words, check=True, capture_output=True, text=True).stdout.splitlines():
            source, destination, position, size, payload = line.split("\t")
            up = int(destination) == port
            key = (protocol, int(source if up else destination), "c2s" if up else "s2c")
            streams[key].append((int(position), int(size) - (8 if protocol == "udp" else 0), bytes.fromhex(payload)))
        found |= {key: _assembled(pieces, protocol) for key, pieces in streams.items()}
    return found


def _assembled(pieces: list[tuple[int, int, bytes]], protocol: str) -> tuple[int, bytes]:
    if protocol == "udp":
        return sum(size for _, size, _ in pieces), b"".join(data for _, _, data in pieces)
    data, top, total = bytearray(), 1, 0  # relative sequence number 1 is the first byte
    for at, size, part in sorted(pieces):
        total += max(0, at + size - max(at, top))
        data += part[max(0, top - at) :]
        top = max(top, at + size)
    return total, bytes(data)


def call_bytes(db: duckdb.DuckDBPyConnection, stream: StreamCheck, side: str) -> bytes | None:
    """The bytes that the calls of one side held in memory, in stream order; None if they were not all captured."""
    rows = db.execute(
        f"""
        SELECT t.lo + d."offset", d.bytes[1:t.hi - t.lo - d."offset"]
        FROM stream_{side} t JOIN call_data d USING (call_id)
        WHERE t.connection_id = ? AND t.direction = ? AND d.role = 'payload' AND d.at_exit = ?
          AND d.idx // 65536 = t.message AND d."offset" < t.hi - t.lo {"AND NOT t.peeked" if side == "read" else ""}
        ORDER BY 1
        """,
        [stream.connection_id, stream.direction, side == "read"],
    ).fetchall()
    whole = b"".join(data for _, data in rows)
    return whole if whole and len(whole) == stream.on_wire else None


# strace runs them again, so their bytes must be the same in every run; and it does not see io_uring's calls either.
COMPARABLE = [(s, engine) for s, engine in RECORDED if not s.varies and s.seen == 2]


@pytest.mark.parametrize("recording", COMPARABLE, ids=_name, indirect=True)
def test_strace_counts_the_same(recording: Recording) -> None:
    """What set up the connections and what they carried; where only the payload is the same each time, that by call."""
    service, session = recording
    if not service.same_every_time:
        carried = recorded_payload(session, service.port)
        assert all(carried.values())
        assert carried == strace_payload(session, service.port)
        return
    ours = recorded(session)
    theirs = strace(session, listening_test("tcp", service.port), server_stays=True)
    for end in ("server", "client"):
        assert ours[end].without_order() == theirs[end].without_order(), end
