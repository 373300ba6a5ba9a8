"""The proof of synthetic captures: good ones hold, any damage is found, every unlinked byte has its reason."""

import duckdb
import pytest

from tests.join.rows import ACK, PSH, RST, Rows, Tcp
from wiretale.check.check import Check, StreamCheck, check


def conversation(*, snaplen: int = 1 << 20, calls: tuple[bool, bool] = (True, True), packets: bool = True) -> Tcp:
    rows = Rows(snaplen=snaplen)
    rows.source()
    rows.interface()
    tcp = Tcp(rows, calls=calls, packets=packets)
    tcp.open()
    return tcp


def up(found: Check) -> StreamCheck:
    return next(s for s in found.streams if s.direction == "c2s")


def said(stream: StreamCheck) -> dict[str, int]:
    return {f"{gap.what}: {gap.reason}": gap.bytes for gap in stream.gaps}


@pytest.fixture
def joined() -> duckdb.DuckDBPyConnection:
    tcp = conversation()
    tcp.write(tcp.client, b"salam\n")
    tcp.write(tcp.client, b"chetori\n")
    tcp.read(tcp.server, b"salam\nche")
    tcp.read(tcp.server, b"tori\n")
    tcp.close()
    return tcp.rows.joined()


def test_a_good_capture_holds(joined: duckdb.DuckDBPyConnection) -> None:
    found = check(joined)
    assert found.holds
    assert found.unexplained == 0
    stream = up(found)
    assert (stream.written, stream.on_wire, stream.read) == (14, 14, 14)
    assert (stream.carried, stream.linked, stream.compared) == (28, 28, 28)
    assert not stream.gaps
    assert [(c.side, c.calls, c.bytes, c.unplaced_calls) for c in found.calls] == [("r", 2, 14, 0), ("w", 2, 14, 0)]


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        ("UPDATE link SET hi = hi + 1 WHERE kind = 'write_read' AND link_id = (SELECT max(link_id) FROM link WHERE"
         " kind = 'write_read')", "not inside both"),
        ("UPDATE stream_read SET lo = lo + 1, hi = hi + 1", "is not inside both"),
        ("UPDATE segment SET lo = lo + 1, hi = hi + 1", "its sequence number says"),
        ("UPDATE packet SET frame = replace(frame::VARCHAR, 'salam', 'sALam')::BLOB", "the captured bytes differ at 1"),
        ("UPDATE call_data SET bytes = 'chetoRi\n'::BLOB WHERE bytes = 'chetori\n'::BLOB", "differ at 11"),
        ("UPDATE call SET retval = retval + 1 WHERE name = 'read'", "placed with another size"),
        ("UPDATE packet SET srcport = 5 WHERE payload_bytes > 0", "does not come from the client's address"),
        ("UPDATE link SET lag_ns = -5 WHERE kind = 'segment_read'", "end before they begin"),
    ],
)  # fmt: skip
def test_every_damage_is_found(joined: duckdb.DuckDBPyConnection, damage: str, complaint: str) -> None:
    joined.execute(damage)
    found = check(joined)
    assert not found.holds
    assert any(complaint in text for text in found.wrong), found.wrong


def test_a_missing_link_is_unexplained(joined: duckdb.DuckDBPyConnection) -> None:
    joined.execute("DELETE FROM link WHERE kind = 'segment_read'")
    found = check(joined)
    assert found.holds
    assert up(found).linked == 14
    assert found.unexplained == 14 * 2  # of the packets, and of the calls


def test_what_a_reset_cut_off_was_never_sent() -> None:
    tcp = conversation()
    tcp.write(tcp.client, b"abc")
    tcp.read(tcp.server, b"abc")
    tcp.write(tcp.client, b"defgh", segments=False)
    tcp.segment(tcp.server, RST | ACK)
    db = tcp.rows.joined()
    stream = up(check(db))
    reason = "not in any captured packet: unsent when the connection or the recording ended"
    assert said(stream) == {f"written, not on the wire: {reason}": 5}
    assert db.execute("SELECT count FROM coverage WHERE item = 'written bytes that were never sent'").fetchall() == [
        (5,)
    ]
    assert not db.execute("SELECT * FROM coverage WHERE state = 'unmatched'").fetchall()


def test_what_the_reader_had_was_lost_by_the_capture() -> None:
    tcp = conversation()
    tcp.write(tcp.client, b"abc")
    tcp.read(tcp.server, b"abc")
    tcp.write(tcp.client, b"defgh", segments=False)
    tcp.read(tcp.server, b"defgh")
    db = tcp.rows.joined()
    reason = "not in any captured packet, though the other end had them: lost by the capture"
    assert said(up(check(db))) == {
        f"written, not on the wire: {reason}": 5,
        f"read, not on the wire: {reason}": 5,
    }
    assert db.execute("SELECT item, count FROM coverage WHERE state = 'unmatched' ORDER BY item").fetchall() == [
        ("read bytes without a packet", 5),
        ("written bytes without a packet", 5),
    ]


def test_a_hole_was_lost() -> None:
    tcp = conversation()
    tcp.write(tcp.client, b"abc")
    tcp.write(tcp.client, b"def", segments=False)
    tcp.segment(tcp.client, PSH | ACK, b"ghi", at=6)
    assert list(said(up(check(tcp.rows.joined())))) == [
        "written, not on the wire: not in any captured packet, though later bytes are:"
        " lost by the capture or on the way",
        "on the wire, not written: unexplained",
        "on the wire, not read: not read when the connection or the recording ended",
    ]


def test_an_end_that_was_not_traced_is_named() -> None:
    tcp = conversation(calls=(True, False))
    tcp.write(tcp.client, b"abc")
    assert said(up(check(tcp.rows.joined()))) == {"on the wire, not read: the receiver was not traced": 3}


def test_who_sends_through_a_raw_socket_may_be_an_end_and_has_no_connection() -> None:
    tcp = conversation(calls=(True, False))
    tcp.write(tcp.client, b"abc")
    rows = tcp.rows
    rows.task(900)
    made = rows.call(900, "socket", 2, 3, 1, ret=3)  # AF_INET, SOCK_RAW, IPPROTO_ICMP
    rows.descriptor(900, 3, "socket:[77]", 77, made)
    rows.socket_sample(77, made, type="SOCK_RAW")
    rows.data(rows.call(900, "sendto", 3, 0, 8, ret=8), "payload", bytes(8))
    db = rows.joined()
    found = check(db)
    assert said(up(found)) == {"on the wire, not read: the receiver was not traced, or used a raw or packet socket": 3}
    assert [(c.side, c.unplaced_calls, c.other_calls, c.other_bytes) for c in found.calls] == [("w", 1, 1, 8)]
    assert db.execute("SELECT count FROM coverage WHERE item = 'messages of other sockets'").fetchall() == [(1,)]
    assert not db.execute("FROM coverage WHERE item = 'messages without a connection'").fetchall()


def test_without_packets_it_says_so() -> None:
    tcp = conversation(packets=False)
    tcp.write(tcp.client, b"abc")
    tcp.read(tcp.server, b"abc")
    stream = up(check(tcp.rows.joined()))
    assert stream.linked == 0
    assert stream.covered["write_read"] == stream.equal["write_read"] == 3
    assert {gap.reason for gap in stream.gaps} == {"no packet of this connection was captured"}


def test_what_was_cut_is_linked_and_not_compared() -> None:
    tcp = conversation(snaplen=2)
    tcp.write(tcp.client, b"abcdef")
    tcp.read(tcp.server, b"abcdef")
    stream = up(check(tcp.rows.joined()))
    assert (stream.linked, stream.compared) == (12, 4)
    assert {(gap.what, gap.bytes, gap.reason) for gap in stream.uncompared} == {
        (
            "write to segment, not compared",
            4,
            "the call's bytes were cut at the capture's length, or taken without being copied (MSG_TRUNC)",
        ),
        (
            "segment to read, not compared",
            4,
            "the call's bytes were cut at the capture's length, or taken without being copied (MSG_TRUNC)",
        ),
    }


def test_io_uring_is_named_as_the_unseen_party() -> None:
    tcp = conversation()
    tcp.rows.call(tcp.server.pid, "io_uring_setup", 8, 0, ret=7)
    tcp.write(tcp.client, b"abc")
    stream = up(check(tcp.rows.joined()))
    assert list(said(stream)) == [
        "on the wire, not read: the receiver uses io_uring: ptrace does not see its operations"
    ]


def test_what_a_call_gave_that_did_not_return_is_explained() -> None:
    tcp = conversation()
    tcp.write(tcp.client, b"salam\n")
    tcp.read(tcp.server, b"salam\n")
    start = tcp.rows.tick()
    tcp.segment(tcp.client, PSH | ACK, b"chetori\n")
    call = tcp.rows.call(tcp.client.pid, "write", tcp.client.fd, 0, 8, ret=None, start=start)
    tcp.rows.data(call, "payload", b"chetori\n")
    tcp.read(tcp.server, b"chetori\n")
    found = check(tcp.rows.joined())
    assert found.holds and not found.unexplained
    assert said(up(found)) == {
        "on the wire, not written: a call that gave these bytes did not return: its process ended meanwhile": 8
    }


def test_what_came_and_went_after_a_process_was_let_go_is_told_so() -> None:
    tcp = conversation(calls=(False, True))
    tcp.write(tcp.client, b"salam\n")
    tcp.read(tcp.server, b"salam\n")
    tcp.write(tcp.server, b"salam!\n")
    tcp.calls = (False, False)
    tcp.write(tcp.client, b"chetori\n")
    tcp.write(tcp.server, b"khubam!!\n")
    for task in tcp.rows.tables["task"]:
        task["end_how"] = "detached"
    found = check(tcp.rows.joined())
    assert found.holds and not found.unexplained
    there, back = (said(stream) for stream in found.streams)
    assert there["on the wire, not read: came after the last recorded call"] == 8
    assert back["on the wire, not written: sent after the last recorded call"] == 9


def test_packets_without_a_position_are_not_said_to_be_missing() -> None:
    rows = Rows()
    rows.source()
    rows.interface()
    tcp = Tcp(rows, calls=(True, False))
    rows.task(tcp.client.pid, how="attached")
    tcp.client.inode = rows.inode()
    rows.descriptor(tcp.client.pid, tcp.client.fd, f"socket:[{tcp.client.inode}]", tcp.client.inode)
    rows.socket_sample(tcp.client.inode, local=tcp.client.addr, peer=tcp.server.addr)
    tcp.segment(tcp.client, PSH | ACK, b"these are others")
    tcp.write(tcp.client, b"than these", segments=False)
    reasons = said(check(rows.joined()).streams[0])
    assert (
        reasons["written, not on the wire: where the stream begins is not known, so its packets have no position"] == 10
    )
