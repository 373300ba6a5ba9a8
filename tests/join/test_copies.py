"""Which of several copies of the same bytes arrived first, and what is linked to the read that got them."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.join.rows import ACK, PSH, Rows, Tcp, column
from wiretale.join.copies import Ack, Copy, first_to_arrive, parts

A, B = Copy(1, 0, 10, False, 100), Copy(5, 0, 10, False, 300)


def first(copies: list[Copy], acks: list[Ack]) -> int | None:
    return first_to_arrive(copies, copies[0].lo, copies[0].hi, acks)


def test_where_packets_are_seen_arriving_the_first_is_it() -> None:
    assert first([Copy(1, 0, 10, True, 100), Copy(5, 0, 10, True, 300)], []) == 1


def test_an_acknowledgement_before_the_second_was_sent_is_for_the_first() -> None:
    assert first([A, B], [Ack(3, 10, 0, None, ())]) == 1
    assert first([A, B], [Ack(3, 0, 0, None, ((0, 10),))]) == 1


def test_an_echo_from_before_the_second_copy_is_for_the_first_at_the_left_edge_only() -> None:
    assert first([A, B], [Ack(7, 10, 0, 100, ())]) == 1
    assert first([A, B], [Ack(7, 20, 0, 200, ())]) == 1
    assert first([Copy(1, 5, 10, False, 100), Copy(5, 5, 10, False, 300)], [Ack(7, 10, 0, 100, ())]) is None
    assert first([A, B], [Ack(7, 10, 0, None, ())]) is None


def test_an_echo_of_the_last_copy_tells_nothing() -> None:
    """The acknowledgement of the first may have been lost."""
    assert first([A, B], [Ack(7, 10, 0, 300, ())]) is None


def test_without_an_acknowledgement_nobody_knows() -> None:
    assert first([A, B], [Ack(7, 5, 0, 300, ())]) is None


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(1, 10)), min_size=1, max_size=8),
    st.lists(st.tuples(st.integers(1, 20), st.integers(0, 40)), max_size=4),
)
def test_the_parts_of_each_segment_are_all_of_it(segments: list[tuple[int, int]], acks: list[tuple[int, int]]) -> None:
    copies = [Copy(n, lo, lo + size, False, n) for n, (lo, size) in enumerate(segments, 1)]
    found = [Ack(n, at, 0, n, ()) for n, at in sorted(acks)]
    rows = list(parts(copies, found))
    for copy in copies:
        mine = sorted((lo, hi) for packet, lo, hi, *_ in rows if packet == copy.packet_id)
        assert mine[0][0] == copy.lo
        assert mine[-1][1] == copy.hi
        assert all(a[1] == b[0] for a, b in pairwise(mine))
    for at in range(50):
        here = [(copies_, first) for _, lo, hi, copies_, first in rows if lo <= at < hi]
        assert all(n == len(here) for n, _ in here)
        assert sum(first is True for _, first in here) <= 1
        assert len({first is None for _, first in here}) <= 1


def retransmitted(*, tap: str, echo_second: bool) -> Rows:
    """Six bytes are sent twice; the acknowledgement echoes the timestamp of one of the two."""
    rows = Rows()
    rows.source()
    rows.interface()
    tcp = Tcp(rows)
    tcp.open()
    start = rows.tick()
    packets = [tcp.segment(tcp.client, PSH | ACK, b"salam\n", tsval=100)]
    call = rows.call(tcp.client.pid, "write", tcp.client.fd, 0, 6, ret=6, start=start)
    rows.data(call, "payload", b"salam\n")
    packets.append(tcp.segment(tcp.client, PSH | ACK, b"salam\n", at=0, repeat=True, tsval=300))
    tcp.segment(tcp.server, ACK, tsval=900, tsecr=300 if echo_second else 100)
    tcp.read(tcp.server, b"salam\n")
    for row in rows.tables["packet"]:
        if row["packet_id"] in packets:
            row["tap"] = tap
    return rows


LINKS = "SELECT kind, retransmission, first_copy FROM link WHERE kind <> 'write_read' ORDER BY kind DESC, packet_id"


def test_where_it_cannot_be_told_both_are_candidates_and_neither_is_called_first() -> None:
    db = retransmitted(tap="out", echo_second=True).joined()
    assert db.execute(LINKS).fetchall() == [
        ("write_segment", False, None),
        ("write_segment", True, None),
        ("segment_read", False, None),
        ("segment_read", True, None),
    ]


def test_a_needless_copy_is_linked_to_its_write_and_to_no_read() -> None:
    for rows in (retransmitted(tap="out", echo_second=False), retransmitted(tap="in", echo_second=True)):
        assert rows.joined().execute(LINKS).fetchall() == [
            ("write_segment", False, True),
            ("write_segment", True, False),
            ("segment_read", False, True),
        ]


@settings(max_examples=15, deadline=None)
@given(cut=st.integers(1, 5))  # a last byte alone has the shape of a keep-alive
def test_a_copy_of_a_part_leaves_the_rest_to_the_first(cut: int) -> None:
    rows = Rows()
    rows.source()
    rows.interface()
    tcp = Tcp(rows)
    tcp.open()
    tcp.write(tcp.client, b"salam\n")
    tcp.segment(tcp.client, PSH | ACK, b"salam\n"[cut:], at=cut, repeat=True)
    tcp.segment(tcp.server, ACK)
    tcp.read(tcp.server, b"salam\n")
    db = rows.joined()
    assert column(db, "SELECT sum(hi - lo)::BIGINT FROM link WHERE kind = 'segment_read' AND NOT retransmission") == [6]
    assert not column(db, "SELECT 1 FROM link WHERE kind = 'segment_read' AND retransmission")
    assert db.execute(
        "SELECT lo, hi, retransmission, first_copy FROM link WHERE kind = 'write_segment' ORDER BY packet_id, lo"
    ).fetchall() == [(0, cut, False, True), (cut, 6, False, True), (cut, 6, True, False)]


def test_a_packet_seen_on_two_interfaces_is_no_retransmission_unless_it_was_one_before() -> None:
    """A router sees each packet come and go. Wireshark's rules take the second sight for a repeat."""
    rows = Rows()
    rows.source()
    rows.interface()
    tcp = Tcp(rows)
    tcp.open()
    data = b"salam\n"
    packets = [tcp.segment(tcp.client, PSH | ACK, data, at=0, ip_id=7)]
    packets.append(tcp.segment(tcp.client, PSH | ACK, data, at=0, repeat=True, ip_id=7, ifindex=2))
    rows.tick(300_000_000)
    packets += [tcp.segment(tcp.client, PSH | ACK, data, at=0, repeat=True, ip_id=8, ifindex=n) for n in (1, 2)]
    tcp.write(tcp.client, data, segments=False)
    db = rows.joined()
    found = db.execute(
        "SELECT s.truth, l.retransmission FROM segment s JOIN link l USING (packet_id)"
        " WHERE l.kind = 'write_segment' ORDER BY packet_id"
    ).fetchall()
    assert found == [(None, False), ("other_interface", False), (None, True), ("other_interface", True)]
    assert all("retransmission" in a for a in column(db, "SELECT analysis FROM segment WHERE hi > lo AND lo = 0")[1:])
