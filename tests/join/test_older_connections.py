"""Connections older than the recording: every call is linked to its own packet, though bytes repeat themselves.

A process goes on while it is looked at and attached to, so some of its calls are missing between the two.
"""

from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.join.rows import ACK, MSEC, PSH, Rows, Tcp, tcp_info

PAIRS = """
SELECT l.kind, w.call_id, l.packet_id, r.call_id
FROM link l LEFT JOIN stream_write w USING (write_id) LEFT JOIN stream_read r USING (read_id)
"""


@dataclass(frozen=True)
class Older:
    """A client's messages to a server, and from which of them on each source saw them."""

    messages: tuple[bytes, ...]
    captured_from: int
    sampled_at: int
    written_from: int
    read_from: int
    counted: bool = True  # whether the kernel says how much had passed at the sample
    blocks: bool = False  # whether a read begins before its message comes
    packets: bool = True


def found(older: Older) -> tuple[set[tuple[object, ...]], set[tuple[object, ...]]]:
    """The links that were made, and those that are true."""
    rows = Rows()
    true = recorded(older, rows)
    shown = {row["packet_id"] for row in rows.tables.get("packet", ()) if row["shown"]}
    db = rows.joined()
    made = {(kind, w, p, r) for kind, w, p, r in db.execute(PAIRS).fetchall() if p is None or p in shown}
    return made, true


def recorded(older: Older, rows: Rows) -> set[tuple[object, ...]]:
    """Adds what the sources saw; the links that are true."""
    rows.source()
    rows.interface()
    tcp = Tcp(rows, twin=True, packets=older.packets)
    client, server = tcp.client, tcp.server
    true: set[tuple[object, ...]] = set()
    passed = 0
    for n, message in enumerate(older.messages):
        rows.tick(MSEC)
        if n == older.sampled_at:
            for end, peer, received, sent in ((client, server, 0, passed), (server, client, passed, 0)):
                rows.task(end.pid, how="attached")
                end.inode = rows.inode()
                rows.descriptor(end.pid, end.fd, f"socket:[{end.inode}]", end.inode)
                info: dict[str, object] = {"tcp_info": tcp_info(received, sent)} if older.counted else {}
                rows.socket_sample(end.inode, local=end.addr, peer=peer.addr, **info)
        begin = rows.tick(MSEC)
        write = read = packet = None
        captured = older.packets and n >= older.captured_from
        if n >= older.written_from:
            write = tcp.write(client, message, segments=captured)
        elif captured:
            tcp.segment(client, PSH | ACK, message)
        if captured:
            packet = len(rows.tables["packet"])
        else:
            client.sent += len(message)
        if captured:
            tcp.segment(server, ACK)
        rows.tick(20_000)
        if n >= older.read_from:
            read = tcp.read(server, message, **({"start": begin - MSEC // 2} if older.blocks else {}))
        passed += len(message)
        if write and packet:
            true.add(("write_segment", write, packet, None))
        if read and packet:
            true.add(("segment_read", None, packet, read))
        if write and read:
            true.add(("write_read", write, None, read))
    return true


MESSAGES = st.lists(st.sampled_from([b"a", b"aa", b"ab", b"ba", b"abab"]), min_size=1, max_size=8)


@st.composite
def cases(draw: st.DrawFn, *, packets: bool) -> Older:
    messages = draw(st.one_of(MESSAGES, MESSAGES.map(lambda m: m[:1] * len(m))))
    last = len(messages) - 1
    captured_from = draw(st.integers(0, last))
    sampled_at = draw(st.integers(captured_from, last))
    begins = st.integers(sampled_at, len(messages))
    flags = draw(st.tuples(st.booleans(), st.booleans()))
    return Older(tuple(messages), captured_from, sampled_at, draw(begins), draw(begins), *flags, packets)


@given(cases(packets=True))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_each_call_is_linked_to_its_own_packet(older: Older) -> None:
    """One that waits in its read is told by the next: of the last alone nothing says what was there before."""
    made, true = found(older)
    assert made <= true
    if not older.blocks or len(older.messages) - older.read_from > 1:
        assert made == true


@pytest.mark.parametrize("blocks", [True, False])
@pytest.mark.parametrize("read_from", [2, 3, 4])
@pytest.mark.parametrize("messages", [(b"salam",) * 9, tuple(b"%05d" % n for n in range(9))], ids=["alike", "counted"])
def test_without_packets_bytes_place_what_the_two_sides_did(
    messages: tuple[bytes, ...], read_from: int, blocks: bool
) -> None:
    """Of messages that are all alike times may say too little without a packet: no link is better than a wrong one."""
    made, true = found(Older(messages, 0, 2, 3, read_from, blocks=blocks, packets=False))
    if messages[0] == messages[1]:
        assert made <= true
    else:
        assert made == true


def test_one_side_was_attached_to_hundreds_of_messages_after_the_other() -> None:
    made, true = found(Older(tuple(b"%05d" % n for n in range(300)), 0, 2, 200, 3, packets=False))
    assert made == true and len(true) == 100


def test_what_has_no_place_is_not_told_as_lost() -> None:
    """Of one read that waited, among messages that are alike, nothing tells which it took."""
    rows = Rows()
    recorded(Older((b"a", b"a"), 0, 0, 2, 1, counted=False, blocks=True), rows)
    items = "SELECT item, count FROM coverage WHERE state = 'unmatched'"
    assert rows.joined().execute(items).fetchall() == [("read bytes whose place in the stream is unknown", 1)]
