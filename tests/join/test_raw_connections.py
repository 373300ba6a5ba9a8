"""Raw and ICMP sockets: which packet a call carried is told by its bytes alone, and never wrongly."""

import random

import duckdb
import pytest

from tests.join.raw_rows import DGRAM, ECHO, EXCEEDED, HERE, RAW, REPLY, ROUTER, THERE, Net, icmp, ip4
from wiretale.check.check import check
from wiretale.decode.ip_message import icmp_about, ip_header


def links(db: duckdb.DuckDBPyConnection, kind: str) -> list[tuple[int, int, int, int]]:
    """Call, packet, and the range of the link in what the call carried."""
    side = "write" if kind == "write_segment" else "read"
    return db.execute(
        f"SELECT t.call_id, l.packet_id, l.lo - t.lo, l.hi - t.lo FROM link l JOIN stream_{side} t USING ({side}_id)"
        " WHERE l.kind = ? ORDER BY 1, 2, 3",
        [kind],
    ).fetchall()


def test_a_ping_is_one_connection_whose_bytes_are_all_proven() -> None:
    net = Net()
    s = net.socket()
    asked, answered = icmp(ECHO, 7, 1, b"x" * 56), icmp(REPLY, 7, 1, b"x" * 56, 0xCAFE)
    start = net.rows.tick()
    question = net.packet(ip4(HERE, THERE, asked))
    wrote = net.send(s, THERE, asked, start)
    answer = net.packet(ip4(THERE, HERE, answered, ip_id=99))
    read = net.read(s, ip4(THERE, HERE, answered, ip_id=99), THERE)
    db = net.joined()
    assert db.execute(
        "SELECT protocol, client_addr, client_port, server_addr, server_port FROM connection"
    ).fetchall() == [("icmp", HERE, 7, THERE, None)]
    assert links(db, "write_segment") == [(wrote, question, 0, 64)]
    assert links(db, "segment_read") == [(read, answer, 0, 84)]
    found = check(db)
    assert found.holds and not found.unexplained
    assert [(s.written, s.read, s.compared) for s in found.streams] == [(64, 0, 64), (0, 84, 84)]


def test_what_the_kernel_fills_in_is_left_out_of_the_link() -> None:
    net = Net()
    s = net.socket(DGRAM)
    start = net.rows.tick()
    question = net.packet(ip4(HERE, THERE, icmp(ECHO, 4321, 1, b"data")))
    wrote = net.send(s, THERE, icmp(ECHO, 0, 1, b"data", 0), start)
    net.packet(ip4(THERE, HERE, icmp(REPLY, 4321, 1, b"data")))
    net.read(s, icmp(REPLY, 4321, 1, b"data"), THERE)
    db = net.joined()
    assert links(db, "write_segment") == [(wrote, question, 0, 2), (wrote, question, 6, 12)]
    found = check(db)
    assert found.holds and not found.unexplained
    reasons = {g.reason for s in found.streams for g in s.gaps if g.what == "written, not on the wire"}
    assert reasons == {"the kernel fills these in itself: checksum, identifier, fields of the IP header"}


def test_an_error_belongs_to_the_exchange_that_it_quotes() -> None:
    net = Net()
    s = net.socket()
    asked = icmp(ECHO, 7, 1, b"y" * 8)
    start = net.rows.tick()
    net.packet(ip4(HERE, THERE, asked, ttl=1))
    net.send(s, THERE, asked, start)
    error = ip4(ROUTER, HERE, icmp(EXCEEDED, 0, 0, ip4(HERE, THERE, asked, ttl=1)), ip_id=5)
    packet = net.packet(error)
    read = net.read(s, error, ROUTER)
    db = net.joined()
    assert db.execute("SELECT client_addr, server_addr, packets FROM connection").fetchall() == [(HERE, THERE, 2)]
    assert links(db, "segment_read") == [(read, packet, 0, len(error))]
    assert check(db).holds


def test_one_packet_is_read_by_every_raw_socket_and_only_its_sender_is_an_end() -> None:
    net = Net()
    net.rows.task(2)
    asker, listener = net.socket(), net.socket(pid=2)
    asked, answer = icmp(ECHO, 7, 1, b"z" * 8), ip4(THERE, HERE, icmp(REPLY, 7, 1, b"z" * 8), ip_id=3)
    start = net.rows.tick()
    net.packet(ip4(HERE, THERE, asked))
    net.send(asker, THERE, asked, start)
    packet = net.packet(answer)
    reads = [net.read(asker, answer, THERE), net.read(listener, answer, THERE)]
    db = net.joined()
    assert [(call, p) for call, p, *_ in links(db, "segment_read")] == [(call, packet) for call in reads]
    assert db.execute("SELECT pid FROM endpoint WHERE pid IS NOT NULL").fetchall() == [(1,)]
    assert check(db).holds


def test_a_header_that_the_program_made_is_linked_but_for_what_the_kernel_sets() -> None:
    net = Net()
    s = net.socket(protocol=255)  # IPPROTO_RAW: the header is the program's
    asked = icmp(ECHO, 7, 1, b"own header")
    start = net.rows.tick()
    packet = net.packet(ip4(HERE, THERE, asked, ip_id=77))
    given = bytearray(ip4("0.0.0.0", THERE, asked))
    given[2:4] = given[10:12] = bytes(2)
    wrote = net.send(s, THERE, bytes(given), start)
    db = net.joined()
    found = links(db, "write_segment")
    assert {(call, p) for call, p, *_ in found} == {(wrote, packet)}
    assert sum(hi - lo for *_, lo, hi in found) == len(given) - 2 - 2 - 2 - 4
    assert check(db).holds


def test_without_packets_calls_and_their_bytes_tell_the_exchange() -> None:
    net = Net()
    s = net.socket()
    net.send(s, THERE, icmp(ECHO, 7, 1, b"q"))
    net.read(s, ip4(THERE, HERE, icmp(REPLY, 7, 1, b"q")), THERE)
    db = net.joined()
    assert db.execute("SELECT client_addr, client_port, server_addr FROM connection").fetchall() == [(HERE, 7, THERE)]
    assert db.execute("SELECT count(*) FROM link").fetchall() == [(0,)]


def test_neighbours_and_routers_business_makes_no_connection() -> None:
    net = Net()
    net.packet(ip4(ROUTER, HERE, icmp(9, 1, 1, b"advertisement")))
    net.packet(ip4(ROUTER, HERE, icmp(3, 0, 0, ip4(HERE, THERE, bytes(8), protocol=17))))
    db = net.joined()
    assert db.execute("SELECT count(*) FROM connection").fetchall() == [(0,)]


@pytest.mark.parametrize("seed", range(60))
def test_no_link_is_false(seed: int) -> None:
    """Several sockets ask several hosts, with equal bytes often; packets are lost, doubled, not read. What is said
    to be certain must be what happened, and no link may join what was not the same packet."""
    chance = random.Random(seed)
    net = Net()
    sockets = [(net.socket(chance.choice((RAW, DGRAM))), chance.randrange(1, 3)) for _ in range(chance.randrange(1, 4))]
    kinds = {fd: net.rows.tables["call"][n]["a1"] for n, ((_, fd), _) in enumerate(sockets)}
    wrote: dict[int, int | None] = {}
    took: dict[int, int] = {}
    waiting: list[tuple[tuple[int, int], bytes, int]] = []
    for n in range(chance.randrange(5, 40)):
        (socket, ident), host = chance.choice(sockets), chance.choice((THERE, ROUTER))
        is_raw = kinds[socket[1]] == RAW
        own = ident if is_raw else 1000 + socket[1]
        asked = icmp(ECHO, own, chance.randrange(3), chance.choice((b"same", b"same", str(n).encode())) * 4)
        start, packet = net.rows.tick(), None
        if chance.random() < 0.85:
            packet = net.packet(ip4(HERE, host, asked, ip_id=chance.choice((0, n + 1))))
        given = asked if is_raw else asked[:2] + bytes(4) + asked[6:]
        wrote[net.send(socket, host, given, start)] = packet
        for _ in range(chance.choice((0, 1, 1, 1, 2)) if packet is not None else 0):
            answer = ip4(host, HERE, b"\0" + asked[1:], ip_id=chance.randrange(1, 1 << 16))
            seen = net.packet(answer)
            waiting += [(s, answer, seen) for s, _ in sockets if kinds[s[1]] == RAW or s == socket]
        while waiting and chance.random() < 0.7:
            reader, data, seen = waiting.pop(0)
            if chance.random() < 0.9:
                took[net.read(reader, data if kinds[reader[1]] == RAW else data[20:], ip_header(data).src)] = seen  # type: ignore[union-attr]
    db = net.joined()
    found = check(db)
    assert found.holds, found.wrong
    for call, packet, exact in db.execute(
        "SELECT w.call_id, l.packet_id, w.exact FROM link l JOIN stream_write w USING (write_id)"
        " WHERE kind = 'write_segment'"
    ).fetchall():
        assert wrote[call] == packet or not exact, (call, packet, wrote[call])
    for call, packet, exact in db.execute(
        "SELECT r.call_id, l.packet_id, r.exact FROM link l JOIN stream_read r USING (read_id)"
        " WHERE kind = 'segment_read'"
    ).fetchall():
        assert took[call] == packet or not exact, (call, packet, took[call])


@pytest.mark.parametrize("seed", range(20))
def test_any_bytes_are_a_header_or_none(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(500):
        data = bytes([chance.choice((0x45, 0x46, 0x60, chance.randrange(256)))]) + chance.randbytes(
            chance.randrange(120)
        )
        header = ip_header(data)
        if header is not None:
            assert 20 <= header.head <= header.size and header.head <= len(data) + 8
        icmp_about(chance.choice((4, 6)), "a", "b", data)
