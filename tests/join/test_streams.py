"""Positions of bytes: peeks, partial writes, wrap, repeats, threads, urgent data, older connections."""

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.join.rows import ACK, PSH, SYN, Rows, Tcp, column, tcp_info
from wiretale.check.check import check
from wiretale.store.capture import STEPS


def conversation(**options: object) -> Tcp:
    rows = Rows()
    rows.source()
    rows.interface()
    tcp = Tcp(rows, **options)  # type: ignore[arg-type]
    tcp.open()
    return tcp


def linked_bytes(db: duckdb.DuckDBPyConnection, kind: str) -> int:
    """Distinct stream bytes of links of one kind, retransmissions apart."""
    rows = db.execute(
        "SELECT lo, hi FROM link WHERE kind = ? AND NOT retransmission ORDER BY lo, hi", [kind]
    ).fetchall()
    total, top = 0, 0
    for lo, hi in rows:
        total += max(hi - max(lo, top), 0)
        top = max(top, hi)
    return total


def test_a_peek_is_linked_but_does_not_advance_the_stream() -> None:
    tcp = conversation()
    tcp.write(tcp.client, b"abcdef")
    tcp.read(tcp.server, b"abc", name="recvfrom", flags=2)
    tcp.read(tcp.server, b"abcdef")
    db = tcp.rows.joined()
    assert db.execute("SELECT lo, hi, peeked FROM stream_read ORDER BY read_id").fetchall() == [
        (0, 3, True),
        (0, 6, False),
    ]
    assert db.execute("SELECT lo, hi FROM link WHERE kind = 'segment_read' ORDER BY hi").fetchall() == [(0, 3), (0, 6)]


def test_sequence_numbers_may_wrap_inside_a_stream() -> None:
    tcp = conversation(client_isn=0xFFFFFFFE)
    for part in (b"one", b"two", b"three"):
        tcp.write(tcp.client, part)
    tcp.read(tcp.server, b"onetwothree")
    db = tcp.rows.joined()
    assert column(db, "SELECT lo FROM segment WHERE hi > lo ORDER BY packet_id") == [0, 3, 6]
    assert linked_bytes(db, "write_segment") == linked_bytes(db, "segment_read") == 11


@pytest.mark.parametrize(("byte", "acked", "links"), [(b"f", 0, 2), (b"f", 6, 2), (b"\0", 6, 1)])
def test_a_last_byte_sent_again_alone_is_linked_and_a_keep_alive_is_not(byte: bytes, acked: int, links: int) -> None:
    """Both have the same shape. The sender's call tells what the byte is."""
    tcp = conversation()
    tcp.write(tcp.client, b"abcdef")
    tcp.segment(tcp.server, ACK, ack=1001 + acked)
    tcp.rows.tick(50_000_000)
    again = tcp.segment(tcp.client, PSH | ACK, byte, at=5, repeat=True)
    tcp.read(tcp.server, b"abcdef")
    db = tcp.rows.joined()
    (segment,) = db.execute("SELECT analysis, truth FROM segment WHERE packet_id = ?", [again]).fetchall()
    assert segment == (["keep_alive"], "keep_alive" if acked else "retransmission")
    query = "SELECT packet_id = ?, retransmission FROM link WHERE kind = 'write_segment'"
    found = db.execute(query, [again]).fetchall()
    assert set(found) == set([(False, False), (True, True)][:links])
    assert not check(db).wrong


def test_a_repeated_segment_is_linked_as_a_retransmission() -> None:
    tcp = conversation()
    tcp.write(tcp.client, b"abcdef")
    tcp.rows.tick(50_000_000)
    tcp.segment(tcp.client, PSH | ACK, b"abcdef", at=0, repeat=True)
    tcp.read(tcp.server, b"abcdef")
    db = tcp.rows.joined()
    assert db.execute(
        "SELECT kind, retransmission FROM link WHERE packet_id IS NOT NULL ORDER BY kind, retransmission"
    ).fetchall() == [
        ("segment_read", False),
        ("write_segment", False),
        ("write_segment", True),
    ]
    assert column(db, "SELECT analysis FROM segment ORDER BY packet_id DESC LIMIT 1") == [["retransmission"]]


def test_a_partial_write_counts_what_was_taken() -> None:
    tcp = conversation()
    start = tcp.rows.tick()
    tcp.segment(tcp.client, PSH | ACK, b"abcd")
    call = tcp.rows.call(tcp.client.pid, "write", tcp.client.fd, 0, 10, ret=4, start=start)
    tcp.rows.data(call, "payload", b"abcdefghij")
    tcp.write(tcp.client, b"efghij")
    tcp.read(tcp.server, b"abcdefghij")
    db = tcp.rows.joined()
    assert db.execute("SELECT lo, hi FROM stream_write ORDER BY lo").fetchall() == [(0, 4), (4, 10)]
    assert linked_bytes(db, "write_segment") == linked_bytes(db, "write_read") == 10
    assert not column(db, "SELECT item FROM coverage WHERE state <> 'recorded'")


def test_loopbacks_hidden_copy_has_the_position_but_no_link() -> None:
    tcp = conversation(twin=True)
    tcp.write(tcp.client, b"abcdef")
    db = tcp.rows.joined()
    assert db.execute("SELECT shown, lo, hi FROM segment WHERE hi > lo ORDER BY packet_id").fetchall() == [
        (False, 0, 6),
        (True, 0, 6),
    ]
    assert column(db, "SELECT shown FROM link JOIN packet USING (packet_id)") == [True]


def test_bytes_decide_the_order_of_two_threads() -> None:
    tcp = conversation()
    first, second = tcp.rows.tick(), tcp.rows.tick()
    tcp.segment(tcp.client, PSH | ACK, b"later")
    tcp.segment(tcp.client, PSH | ACK, b"sooner")
    for text, start, tid in ((b"sooner", first, 200), (b"later", second, 201)):
        call = tcp.rows.call(tcp.client.pid, "write", tcp.client.fd, 0, len(text), ret=len(text), start=start, tid=tid)
        tcp.rows.data(call, "payload", text)
    tcp.read(tcp.server, b"latersooner")
    db = tcp.rows.joined()
    assert db.execute(
        "SELECT w.lo, w.hi, w.exact, c.tid FROM stream_write w JOIN call c USING (call_id) ORDER BY w.lo"
    ).fetchall() == [(0, 5, True, 201), (5, 11, True, 200)]
    assert linked_bytes(db, "write_segment") == 11


def test_equal_bytes_of_two_threads_are_ambiguous() -> None:
    tcp = conversation()
    first, second = tcp.rows.tick(), tcp.rows.tick()
    tcp.segment(tcp.client, PSH | ACK, b"same")
    tcp.segment(tcp.client, PSH | ACK, b"same")
    for start, tid in ((first, 200), (second, 201)):
        call = tcp.rows.call(tcp.client.pid, "write", tcp.client.fd, 0, 4, ret=4, start=start, tid=tid)
        tcp.rows.data(call, "payload", b"same")
    db = tcp.rows.joined()
    rows = db.execute("SELECT exact, reason IS NULL FROM stream_write").fetchall()
    assert rows == [(False, False), (False, False)]


def test_urgent_data_is_taken_out_of_the_stream() -> None:
    tcp = conversation()
    start = tcp.rows.tick()
    tcp.segment(tcp.client, PSH | ACK, b"abc!")
    call = tcp.rows.call(tcp.client.pid, "sendto", tcp.client.fd, 0, 4, 1, ret=4, start=start)
    tcp.rows.data(call, "payload", b"abc!")
    tcp.write(tcp.client, b"def")
    tcp.read(tcp.server, b"abc")
    tcp.read(tcp.server, b"!", name="recvfrom", flags=1)
    tcp.read(tcp.server, b"def")
    db = tcp.rows.joined()
    assert db.execute("SELECT lo, hi FROM stream_read ORDER BY read_id").fetchall() == [(0, 3), (3, 4), (4, 7)]
    assert linked_bytes(db, "segment_read") == 7
    assert not column(db, "SELECT item FROM coverage WHERE state <> 'recorded'")


def older(*, info: bool, written: bytes = b"some bytes of the middle") -> duckdb.DuckDBPyConnection:
    """A connection whose sockets and packets began before the recording."""
    payload = b"some bytes of the middle"
    rows = Rows()
    rows.source()
    rows.interface()
    tcp = Tcp(rows)
    for end, peer, received, sent in ((tcp.client, tcp.server, 7, 5000), (tcp.server, tcp.client, 5000, 7)):
        rows.task(end.pid, how="attached")
        end.inode = rows.inode()
        rows.descriptor(end.pid, end.fd, f"socket:[{end.inode}]", end.inode)
        more: dict[str, object] = {"tcp_info": tcp_info(received, sent)} if info else {}
        rows.socket_sample(end.inode, local=end.addr, peer=peer.addr, **more)
    tcp.client.sent = 5000
    tcp.segment(tcp.client, PSH | ACK, payload)
    tcp.write(tcp.client, written, segments=False)
    tcp.segment(tcp.server, ACK)
    tcp.read(tcp.server, written)
    return rows.joined()


MSEC = 1_000_000
PING, PONG = b"PING\r\n", b"+PONG\r\n"


def pings(*, corked: int = 0, pause: int = 20 * MSEC) -> duckdb.DuckDBPyConnection:
    """A connection older than the recording: a server is asked the same again and again, and answers the same.

    The calls of the first two answers are not recorded. Of the answers from number `corked` on, one is kept back.
    """
    rows = Rows()
    rows.source()
    rows.interface()
    tcp = Tcp(rows, calls=(False, True), twin=True)
    rows.task(tcp.server.pid, how="attached")
    tcp.server.inode = rows.inode()
    rows.descriptor(tcp.server.pid, tcp.server.fd, f"socket:[{tcp.server.inode}]", tcp.server.inode)
    info = tcp_info(700 + 2 * len(PING), 800 + 2 * len(PONG))
    tcp.client.sent, tcp.server.sent = 700, 800
    for n in range(8):
        tcp.calls = (False, n >= 2)
        if n == 2:
            rows.socket_sample(tcp.server.inode, local=tcp.server.addr, peer=tcp.client.addr, tcp_info=info)
        rows.tick(pause)
        tcp.segment(tcp.client, PSH | ACK, PING)
        tcp.read(tcp.server, PING)
        tcp.write(tcp.server, PONG, segments=n < corked or not corked)
    return rows.joined()


def test_equal_messages_of_an_older_connection_are_placed_by_the_pauses_between_them() -> None:
    db = pings()
    begins = [
        (kind, lo) for kind, lo in db.execute("SELECT kind, min(lo) FROM link GROUP BY kind ORDER BY kind").fetchall()
    ]
    assert begins == [("segment_read", 712), ("write_segment", 814)]
    assert linked_bytes(db, "segment_read") == 6 * len(PING)
    assert linked_bytes(db, "write_segment") == 6 * len(PONG)
    late = "SELECT count(*) FROM link WHERE lag_ns NOT BETWEEN -1000000 AND 1000000"
    assert column(db, late) == [0]


def test_equal_messages_without_a_pause_are_placed_where_all_was_acknowledged() -> None:
    """Nothing says then what the reads left behind."""
    db = pings(pause=1000)
    assert (linked_bytes(db, "segment_read"), linked_bytes(db, "write_segment")) == (0, 6 * len(PONG))
    assert column(db, "SELECT count(*) FROM link WHERE lag_ns NOT BETWEEN -5000 AND 5000") == [0]


def test_equal_messages_of_which_one_was_kept_back_are_not_placed() -> None:
    """The pauses tell different places then."""
    db = pings(corked=5)
    assert linked_bytes(db, "segment_read") == 6 * len(PING)
    assert linked_bytes(db, "write_segment") == 0


def test_what_was_counted_a_moment_too_early_does_not_part_the_two_ends() -> None:
    """The server went on for one message between the count and its first recorded call."""
    rows = Rows()
    rows.source()
    rows.interface()
    tcp = Tcp(rows)
    for end, peer, received, sent in ((tcp.client, tcp.server, 0, 5000), (tcp.server, tcp.client, 4990, 0)):
        rows.task(end.pid, how="attached")
        end.inode = rows.inode()
        rows.descriptor(end.pid, end.fd, f"socket:[{end.inode}]", end.inode)
        rows.socket_sample(end.inode, local=end.addr, peer=peer.addr, tcp_info=tcp_info(received, sent))
    tcp.client.sent = 5000
    tcp.write(tcp.client, b"some bytes of the middle")
    tcp.read(tcp.server, b"some bytes of the middle")
    db = rows.joined()
    assert db.execute("SELECT kind, lo, hi FROM link ORDER BY kind").fetchall() == [
        ("segment_read", 5000, 5024), ("write_read", 5000, 5024), ("write_segment", 5000, 5024),
    ]  # fmt: skip


ACKED = "SELECT acked FROM segment WHERE direction = 's2c'"


def test_tcp_info_places_a_connection_older_than_the_recording() -> None:
    db = older(info=True)
    assert db.execute("SELECT kind, lo, hi, evidence FROM link ORDER BY kind").fetchall() == [
        ("segment_read", 5000, 5024, "bytes"),
        ("write_read", 5000, 5024, "bytes"),
        ("write_segment", 5000, 5024, "bytes"),
    ]
    assert column(db, "SELECT exact FROM stream_write") == [True]
    assert column(db, ACKED) == [5024]


def test_without_tcp_info_the_captured_bytes_place_it() -> None:
    db = older(info=False)
    assert sorted(column(db, "SELECT kind FROM link")) == ["segment_read", "write_read", "write_segment"]
    assert column(db, ACKED) == column(db, "SELECT hi FROM stream_write")


def test_an_acknowledgement_has_no_position_in_a_stream_whose_start_nothing_tells() -> None:
    db = older(info=False, written=b"these are not of the packets")
    assert (column(db, "SELECT rel_ack FROM segment WHERE direction = 's2c'"), column(db, ACKED)) == ([25], [None])


@pytest.mark.parametrize("info", [True, False])
def test_a_capture_from_before_acknowledged_positions_gets_them(info: bool) -> None:
    db = older(info=info)
    now = db.execute("SELECT * FROM segment ORDER BY packet_id").fetchall()
    db.execute("ALTER TABLE segment DROP COLUMN acked")
    step, changed = STEPS[2]
    step(db)
    assert changed == ("segment",)
    assert db.execute("SELECT * FROM segment ORDER BY packet_id").fetchall() == now


@pytest.mark.parametrize(("calls", "packets"), [((True, True), False), ((False, False), True), ((True, False), True)])
def test_a_missing_level_leaves_what_the_others_know(calls: tuple[bool, bool], packets: bool) -> None:
    tcp = conversation(calls=calls, packets=packets)
    tcp.write(tcp.client, b"salam\n")
    tcp.read(tcp.server, b"salam\n")
    tcp.close()
    db = tcp.rows.joined()
    kinds = set(column(db, "SELECT kind FROM link"))
    assert kinds == ({"write_read"} if not packets else {"write_segment"} if calls[0] else set())
    assert db.execute("SELECT protocol, outcome, client_bytes, client_port FROM connection").fetchall() == [
        ("tcp", "closed", 6, 4444)
    ]
    states = db.execute(
        "SELECT role, last(state ORDER BY from_ns) FROM tcp_state JOIN endpoint USING (endpoint_id) "
        "GROUP BY role ORDER BY role"
    ).fetchall()
    assert states == [("client", "TIME-WAIT"), ("server", "CLOSED")]


def test_a_byte_that_differs_is_no_link_but_is_counted() -> None:
    tcp = conversation()
    tcp.write(tcp.client, b"abcdef")
    tcp.read(tcp.server, b"abcdEf")
    db = tcp.rows.joined()
    assert column(db, "SELECT kind FROM link") == ["write_segment"]
    assert db.execute("SELECT item, count, state FROM coverage WHERE state <> 'recorded' ORDER BY item").fetchall() == [
        ("read bytes without a packet", 6, "unmatched"),
        ("segment_read pairs whose bytes differ", 1, "unmatched"),
        ("write_read pairs whose bytes differ", 1, "unmatched"),
    ]


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    parts, at = [], 0
    for size in sizes:
        if at >= len(data):
            break
        parts.append(data[at : at + size])
        at += size
    if at < len(data):
        parts.append(data[at:])
    return parts


sizes = st.lists(st.integers(1, 40), max_size=12)


@pytest.mark.timeout(300)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    data=st.binary(min_size=1, max_size=200),
    writes=sizes,
    segments=sizes,
    reads=sizes,
    isn=st.sampled_from([0, 1000, 0x7FFFFFF0, 0xFFFFFFFF, 0xFFFFFFD0]),
    repeats=st.lists(st.integers(0, 20), max_size=4),
    swaps=st.lists(st.integers(0, 20), max_size=4),
    snaplen=st.sampled_from([0, 1, 7, 1 << 20]),
    flip=st.none() | st.integers(0, 199),
)
def test_every_byte_is_linked_however_it_was_cut(
    *,
    data: bytes,
    writes: list[int],
    segments: list[int],
    reads: list[int],
    isn: int,
    repeats: list[int],
    swaps: list[int],
    snaplen: int,
    flip: int | None,
) -> None:
    tcp = conversation(client_isn=isn)
    tcp.rows.snaplen = snaplen
    for part in cut(data, writes):
        tcp.write(tcp.client, part, segments=False)
    sent, at = [], 0
    for part in cut(data, segments):
        sent.append((at, part))
        at += len(part)
    sent += [sent[n % len(sent)] for n in repeats]
    for swap in swaps:
        n = swap % len(sent)
        sent[n - 1], sent[n] = sent[n], sent[n - 1]
    for at, part in sent:
        tcp.segment(tcp.client, PSH | ACK, part, at=at)
    wrong = bytearray(data)
    if flip is not None:
        wrong[flip % len(data)] ^= 0x55
    for part in cut(bytes(wrong), reads):
        tcp.read(tcp.server, part)
    db = tcp.rows.joined()
    assert linked_bytes(db, "write_segment") == len(data)
    assert not column(db, "SELECT 1 FROM link WHERE kind = 'write_segment' AND evidence = 'ambiguous'")
    differing = column(db, "SELECT sum(count)::BIGINT FROM coverage WHERE item LIKE '%bytes differ'")[0]
    unlinked = column(db, "SELECT sum(count)::BIGINT FROM coverage WHERE item = 'read bytes without a packet'")[0]
    assert linked_bytes(db, "segment_read") + int(str(unlinked or 0)) == len(data)
    seen = flip is not None and _captured(reads, len(data), flip % len(data), snaplen)
    assert bool(differing) == seen
    if not seen:
        assert linked_bytes(db, "segment_read") == linked_bytes(db, "write_read") == len(data)


def _captured(reads: list[int], length: int, at: int, snaplen: int) -> bool:
    """Whether the byte at `at` was within the captured part of its read."""
    start = 0
    for part in cut(bytes(length), reads):
        if start <= at < start + len(part):
            return at - start < snaplen
        start += len(part)
    return False


def test_syn_data_begins_the_stream() -> None:
    rows = Rows()
    rows.source()
    rows.interface()
    tcp = Tcp(rows, calls=(False, False))
    rows.packet(tcp.client.addr, tcp.server.addr, b"hello", seq=1000, ack=0, flags=SYN, window=512, wscale=7)
    db = rows.joined()
    assert db.execute("SELECT lo, hi FROM segment").fetchall() == [(0, 5)]
