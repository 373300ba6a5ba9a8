"""Who talked to whom: tuples that live twice, failed connects, UDP, unix sockets; waits and their causes."""

import struct

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.join.rows import ACK, RST, SYN, Rows, Tcp, column, sockaddr_in, sockaddr_un
from wiretale.decode.icmp_quote import quoted_packet
from wiretale.join.associations import Socket
from wiretale.join.mptcp import put_mptcp

ENETUNREACH, ECONNREFUSED = 101, 111


def new() -> Rows:
    rows = Rows()
    rows.source()
    rows.interface()
    return rows


def test_a_tuple_that_lives_twice_is_two_connections() -> None:
    rows = new()
    for isn, text in ((1000, b"first"), (700_000, b"second")):
        tcp = Tcp(rows, client_isn=isn)
        tcp.open()
        tcp.write(tcp.client, text)
        tcp.read(tcp.server, text)
        tcp.close()
    db = rows.joined()
    assert db.execute("SELECT outcome, client_bytes, packets FROM connection ORDER BY connection_id").fetchall() == [
        ("closed", 5, 8),
        ("closed", 6, 8),
    ]
    assert column(db, "SELECT count(*) FROM link") == [6]
    assert column(db, "SELECT packet_id FROM segment WHERE list_contains(analysis, 'reused_ports')") == [9]


@pytest.mark.parametrize(
    ("listens", "expected"),
    [((), (50051, 40000, "guess")), ((50051,), (40000, 50051, "listener")), ((40000,), (50051, 40000, "listener")),
     ((40000, 50051), (50051, 40000, "guess"))],
)  # fmt: skip
def test_of_a_connection_that_was_there_before_a_listening_socket_tells_the_server(
    listens: tuple[int, ...], expected: tuple[int, int, str]
) -> None:
    """Without one the end with the higher port is taken for the client."""
    rows = new()
    for port in listens:
        rows.socket_sample(rows.inode(), local=("0.0.0.0", port), state="LISTEN")
    rows.packet(("10.0.0.1", 40000), ("10.0.0.2", 50051), b"question", seq=1, ack=1, flags=ACK)
    found = rows.joined().execute("SELECT client_port, server_port, client_known_by FROM connection").fetchall()
    assert found == [expected]


def test_a_tuple_that_lives_twice_without_packets_is_two_connections() -> None:
    rows = new()
    for text in (b"first", b"second"):
        tcp = Tcp(rows, packets=False)
        tcp.open()
        tcp.write(tcp.client, text)
        tcp.read(tcp.server, text)
        tcp.close()
    db = rows.joined()
    assert column(db, "SELECT client_bytes FROM connection ORDER BY connection_id") == [5, 6]
    assert column(db, "SELECT kind FROM link") == ["write_read", "write_read"]


def test_a_refused_connect_is_a_connection() -> None:
    rows = new()
    rows.task(200)
    call = rows.call(200, "socket", 2, 1, 6, ret=3)
    rows.descriptor(200, 3, "socket:[50]", 50, call)
    rows.socket_sample(50, call)
    start = rows.tick()
    rows.packet(("127.0.0.1", 5555), ("127.0.0.1", 4001), seq=1000, ack=0, flags=SYN, window=512, wscale=7)
    rst = rows.packet(("127.0.0.1", 4001), ("127.0.0.1", 5555), seq=0, ack=1001, flags=RST | ACK, window=0)
    call = rows.call(200, "connect", 3, 0, 16, errno=ECONNREFUSED, start=start)
    rows.data(call, "sockaddr", sockaddr_in("127.0.0.1", 4001))
    db = rows.joined()
    assert db.execute("SELECT client_port, server_port, outcome, established_ns FROM connection").fetchall() == [
        (5555, 4001, "refused", None)
    ]
    assert column(db, "SELECT state FROM tcp_state WHERE socket_id = 1 ORDER BY from_ns") == ["SYN-SENT", "CLOSED"]
    assert db.execute("SELECT ended_by, packet_id FROM wait").fetchall() == [("packet", rst)]


@pytest.mark.parametrize(("errno", "states"), [(ENETUNREACH, []), (ECONNREFUSED, ["SYN-SENT", "CLOSED"])])
def test_without_packets_a_connect_that_found_no_route_sent_no_syn(errno: int, states: list[str]) -> None:
    rows = new()
    rows.task(200)
    call = rows.call(200, "socket", 2, 1, 6, ret=3)
    rows.descriptor(200, 3, "socket:[50]", 50, call)
    rows.socket_sample(50, call)
    call = rows.call(200, "connect", 3, 0, 16, errno=errno)
    rows.data(call, "sockaddr", sockaddr_in("203.0.113.7", 4001))
    db = rows.joined()
    assert len(column(db, "SELECT outcome FROM connection")) == 1
    assert column(db, "SELECT state FROM tcp_state ORDER BY from_ns") == states


def test_a_pending_connect_learns_its_end_from_so_error() -> None:
    rows = new()
    rows.task(200)
    call = rows.call(200, "socket", 2, 1, 6, ret=3)
    rows.descriptor(200, 3, "socket:[50]", 50, call)
    rows.socket_sample(50, call)
    call = rows.call(200, "connect", 3, 0, 16, errno=115)
    rows.data(call, "sockaddr", sockaddr_in("192.0.2.1", 4001))
    call = rows.call(200, "getsockopt", 3, 1, 4)
    rows.data(call, "optval", struct.pack("<i", 110), at_exit=True, arg=3)
    db = rows.joined()
    assert db.execute("SELECT server_addr, outcome FROM connection").fetchall() == [("192.0.2.1", "timed out")]
    assert db.execute("FROM wait").fetchall() == []


@pytest.mark.parametrize("limited", [False, True])
def test_a_receive_that_says_again_waited_only_if_the_socket_has_a_limit_of_time(limited: bool) -> None:
    rows = new()
    tcp = Tcp(rows)
    tcp.open()
    call = rows.call(tcp.server.pid, "setsockopt", 4, 1, 20 if limited else 9, 0, 16)
    late = rows.call(tcp.server.pid, "read", 4, 0, 10, errno=11, start=rows.tick(), end=rows.tick(100_000_000))
    waits = rows.joined().execute("SELECT call_id, ended_by FROM wait WHERE call_id > ?", [call]).fetchall()
    assert waits == ([(late, "timeout")] if limited else [])


class Udp:
    """A client with connect and a server bound to any address that answers with sendto, as nc -u does."""

    def __init__(self, rows: Rows, *, packets: bool = True) -> None:
        self.rows, self.packets = rows, packets
        self.c, self.s = ("127.0.0.1", 5000), ("127.0.0.1", 4000)
        for pid, inode, local in ((100, 61, ("0.0.0.0", 4000)), (200, 62, self.c)):
            rows.task(pid)
            call = rows.call(pid, "socket", 2, 2, 17, ret=3)
            rows.descriptor(pid, 3, f"socket:[{inode}]", inode, call)
            rows.socket_sample(inode, call, type="SOCK_DGRAM")
            call = rows.call(pid, "bind" if pid == 100 else "connect", 3, 0, 16)
            rows.data(call, "sockaddr", sockaddr_in(*(local if pid == 100 else self.s)))
            peer = None if pid == 100 else self.s
            rows.socket_sample(inode, call, type="SOCK_DGRAM", local=local, peer=peer)

    def send(self, text: bytes, *, captured: bool = True) -> None:
        start = self.rows.tick()
        if captured and self.packets:
            self.rows.packet(self.c, self.s, text, proto=17)
        call = self.rows.call(200, "write", 3, 0, len(text), ret=len(text), start=start)
        self.rows.data(call, "payload", text)

    def receive(self, text: bytes, flags: int = 0) -> None:
        call = self.rows.call(100, "recvfrom", 3, 0, 2048, flags, ret=len(text))
        self.rows.data(call, "payload", text, at_exit=True)
        self.rows.data(call, "sockaddr", sockaddr_in(*self.c), arg=4, at_exit=True)


@pytest.mark.parametrize("packets", [True, False])
def test_datagrams_are_matched_by_their_bytes_when_some_are_lost(packets: bool) -> None:
    udp = Udp(new(), packets=packets)
    for text in (b"one", b"two", b"six", b"four"):
        udp.send(text)
    for text in (b"one", b"six", b"four"):
        udp.receive(text)
    db = udp.rows.joined()
    assert db.execute("SELECT client_port, server_port, client_known_by, packets FROM connection").fetchall() == [
        (5000, 4000, "first sender", 4 if packets else 0)
    ]
    reads = db.execute("SELECT lo, hi, exact FROM stream_read ORDER BY read_id").fetchall()
    assert reads == [(0, 3, True), (6, 9, True), (9, 13, True)]
    kinds = db.execute("SELECT kind, count(*) FROM link GROUP BY kind ORDER BY kind").fetchall()
    assert kinds == ([("segment_read", 3), ("write_read", 3), ("write_segment", 4)] if packets else [("write_read", 3)])


def test_a_peeked_datagram_is_the_one_that_is_read_next() -> None:
    udp = Udp(new())
    udp.send(b"same")
    udp.receive(b"same")
    udp.send(b"same")
    udp.receive(b"same", flags=2)
    udp.receive(b"same")
    db = udp.rows.joined()
    assert db.execute("SELECT lo, peeked FROM stream_read ORDER BY read_id").fetchall() == [
        (0, False),
        (4, True),
        (4, False),
    ]
    assert column(db, "SELECT lo FROM link WHERE kind = 'segment_read' ORDER BY lo") == [0, 4, 4]


def test_a_datagram_the_capture_missed_has_no_packet_link() -> None:
    udp = Udp(new())
    udp.send(b"one")
    udp.send(b"two", captured=False)
    udp.send(b"six")
    for text in (b"one", b"two", b"six"):
        udp.receive(text)
    db = udp.rows.joined()
    assert column(db, "SELECT lo FROM link WHERE kind = 'write_segment' ORDER BY lo") == [0, 6]
    assert column(db, "SELECT lo FROM link WHERE kind = 'segment_read' ORDER BY lo") == [0, 6]
    assert column(db, "SELECT lo FROM link WHERE kind = 'write_read' ORDER BY lo") == [0, 3, 6]


def test_who_has_no_address_yet_is_not_this_host() -> None:
    """DHCP: 0.0.0.0 is the address that the packet came from; only what is sent there goes to 127.0.0.1."""
    udp = Udp(new())
    udp.c, everyone = ("0.0.0.0", 68), ("255.255.255.255", 4000)
    udp.rows.packet(udp.c, everyone, b"discover", proto=17)
    udp.receive(b"discover")
    db = udp.rows.joined()
    assert db.execute("SELECT client_addr, server_addr FROM connection").fetchall() == [(udp.c[0], everyone[0])]
    assert db.execute("SELECT evidence FROM link WHERE kind = 'segment_read'").fetchall() == [("bytes",)]


def test_datagrams_of_no_bytes_are_linked_too() -> None:
    udp = Udp(new())
    udp.send(b"")
    udp.receive(b"")
    db = udp.rows.joined()
    assert column(db, "SELECT count(*) FROM link") == [3]


def test_a_unix_stream_is_paired_by_the_peers_inode_or_by_order() -> None:
    for known in (True, False):
        rows = new()
        rows.task(100)
        rows.task(200)
        unix = {"family": "AF_UNIX"}
        call = rows.call(100, "socket", 1, 1, 0, ret=3)
        rows.descriptor(100, 3, "socket:[70]", 70, call)
        rows.socket_sample(70, call, **unix)
        call = rows.call(100, "bind", 3, 0, 10)
        rows.data(call, "sockaddr", sockaddr_un("/tmp/s"))
        call = rows.call(100, "listen", 3, 5)
        rows.socket_sample(70, call, local=("/tmp/s", None), state="LISTEN", **unix)
        call = rows.call(200, "socket", 1, 1, 0, ret=3)
        rows.descriptor(200, 3, "socket:[71]", 71, call)
        rows.socket_sample(71, call, **unix)
        call = rows.call(200, "connect", 3, 0, 10)
        rows.data(call, "sockaddr", sockaddr_un("/tmp/s"))
        rows.socket_sample(71, call, peer=("/tmp/s", None), **({"peer_inode": 72} if known else {}), **unix)
        call = rows.call(100, "accept4", 3, 0, 0, 0, ret=4)
        rows.descriptor(100, 4, "socket:[72]", 72, call)
        rows.socket_sample(72, call, local=("/tmp/s", None), **unix)
        call = rows.call(200, "write", 3, 0, 5, ret=5)
        rows.data(call, "payload", b"hello")
        call = rows.call(100, "read", 4, 0, 100, ret=5)
        rows.data(call, "payload", b"hello", at_exit=True)
        db = rows.joined()
        assert db.execute("SELECT protocol, server_addr, client_bytes, outcome FROM connection").fetchall() == [
            ("unix-stream", "/tmp/s", 5, "open")
        ]
        assert db.execute("SELECT kind, evidence, compared_bytes FROM link").fetchall() == [("write_read", "bytes", 5)]


def test_a_socketpair_is_a_connection_of_its_own() -> None:
    rows = new()
    rows.task(1)
    call = rows.call(1, "socketpair", 1, 1, 0, 0)
    rows.data(call, "array", struct.pack("<2i", 3, 4), arg=3, at_exit=True)
    for fd, inode in ((3, 81), (4, 82)):
        rows.descriptor(1, fd, f"socket:[{inode}]", inode, call)
        rows.socket_sample(inode, call, family="AF_UNIX")
    call = rows.call(1, "write", 4, 0, 2, ret=2)
    rows.data(call, "payload", b"hi")
    call = rows.call(1, "read", 3, 0, 2, ret=2)
    rows.data(call, "payload", b"hi", at_exit=True)
    db = rows.joined()
    assert db.execute("SELECT kind, direction, compared_bytes FROM link").fetchall() == [("write_read", "s2c", 2)]


def test_poll_waited_for_the_segment_that_carried_the_next_byte() -> None:
    rows = new()
    tcp = Tcp(rows)
    tcp.open()
    start = rows.tick()
    tcp.write(tcp.client, b"salam\n")
    wanted = column_of_last_packet(rows)
    call = rows.call(tcp.server.pid, "poll", 0, 2, 0xFFFFFFFF, ret=1, start=start)
    rows.data(call, "array", struct.pack("<iHHiHH", 4, 1, 1, -1, 0, 0), arg=0, at_exit=True)
    tcp.read(tcp.server, b"salam\n")
    call = rows.call(tcp.server.pid, "poll", 0, 2, 0, ret=0)
    slept = rows.call(tcp.server.pid, "poll", 0, 2, 100, ret=0, start=rows.tick(), end=rows.tick(100_000_000))
    hung = rows.call(tcp.server.pid, "read", 4, 0, 10, ret=None)
    db = rows.joined()
    waits = db.execute(
        "SELECT call_id, ended_by, packet_id, fd FROM wait WHERE from_ns >= ? ORDER BY wait_id", [start]
    ).fetchall()
    assert waits == [
        (call - 2, "packet", wanted, 4),
        (slept, "timeout", None, None),
        (hung, "not ended", None, 4),
    ]


def test_only_the_commands_of_fcntl_that_wait_for_a_lock_are_waits() -> None:
    rows = new()
    tcp = Tcp(rows)
    tcp.open()
    setlkw, setfl = 7, 4
    locked, _ = (
        rows.call(tcp.server.pid, "fcntl", 3, command, 0, ret=0, start=rows.tick(), end=rows.tick(100_000_000))
        for command in (setlkw, setfl)
    )
    waits = "SELECT call_id FROM wait SEMI JOIN call USING (call_id) WHERE call_id >= ?"
    assert rows.joined().execute(waits, [locked]).fetchall() == [(locked,)]


def column_of_last_packet(rows: Rows) -> int:
    return int(str(rows.tables["packet"][-1]["packet_id"]))


def test_a_link_against_the_clock_is_reported() -> None:
    rows = new()
    tcp = Tcp(rows)
    tcp.open()
    tcp.segment(tcp.client, 24, b"early")
    tcp.write(tcp.client, b"early", segments=False)
    db = rows.joined()
    assert column(db, "SELECT lag_ns < 0 FROM link") == [True]
    assert column(db, "SELECT state FROM coverage WHERE state <> 'recorded'") == ["clock error"]


def test_an_empty_recording_joins() -> None:
    db = Rows().joined()
    assert column(db, "SELECT count(*) FROM link") == [0]


def test_an_icmp_error_ends_the_conversation_it_quotes() -> None:
    udp = Udp(new())
    udp.send(b"X")
    quote = (
        bytes.fromhex("4500001d0000400040110000") + bytes([127, 0, 0, 1]) * 2 + struct.pack(">HHHH", 5000, 4000, 9, 0)
    )
    start = udp.rows.tick()
    packet = udp.rows.packet(udp.s, udp.c, quote, proto=1, icmp_type=3, icmp_code=3)
    udp.rows.tables["packet"][-1].update(srcport=None, dstport=None)
    call = udp.rows.call(200, "poll", 0, 1, 0xFFFFFFFF, ret=1, start=start)
    udp.rows.data(call, "array", struct.pack("<iHH", 3, 1, 8), arg=0, at_exit=True)
    db = udp.rows.joined()
    assert column(db, "SELECT outcome FROM connection") == ["refused"]
    assert db.execute("SELECT ended_by, packet_id FROM wait").fetchall() == [("packet", packet)]


def test_who_is_answered_after_an_icmp_error_was_not_refused() -> None:
    """A server that began a moment later than its client."""
    udp = Udp(new())
    udp.send(b"X")
    quote = (
        bytes.fromhex("4500001d0000400040110000") + bytes([127, 0, 0, 1]) * 2 + struct.pack(">HHHH", 5000, 4000, 9, 0)
    )
    udp.rows.packet(udp.s, udp.c, quote, proto=1, icmp_type=3, icmp_code=3)
    udp.rows.tables["packet"][-1].update(srcport=None, dstport=None)
    udp.rows.call(200, "recvfrom", 3, 0, 100, 0, 0, 0, errno=111)
    udp.rows.packet(udp.s, udp.c, b"Y", proto=17)
    assert column(udp.rows.joined(), "SELECT outcome FROM connection") == ["open"]


@given(st.sampled_from([4, 6]), st.binary(max_size=80))
def test_any_quoted_bytes_give_a_packet_or_none(version: int, data: bytes) -> None:
    quoted = quoted_packet(version, data)
    assert quoted is None or 0 <= quoted.dstport < 65536


@pytest.mark.parametrize(
    ("type_", "protocol", "is_tcp", "datagrams"),
    [
        ("SOCK_STREAM", 0, True, None),
        ("SOCK_STREAM", 6, True, None),
        ("SOCK_STREAM", 262, True, None),  # MPTCP
        ("SOCK_STREAM", 132, False, None),  # SCTP
        ("SOCK_SEQPACKET", 132, False, None),
        ("SOCK_DCCP", 33, False, None),
        ("SOCK_DGRAM", 0, False, "udp"),
        ("SOCK_DGRAM", None, False, "udp"),
        ("SOCK_DGRAM", 17, False, "udp"),
        ("SOCK_DGRAM", 136, False, "udplite"),
        ("SOCK_DGRAM", 1, False, None),  # ICMP echo requests: its ports are identifiers
        ("SOCK_DGRAM", 115, False, None),  # L2TP
        ("SOCK_RAW", 17, False, None),
    ],
)
def test_a_socket_is_joined_by_what_it_speaks(
    type_: str, protocol: int | None, is_tcp: bool, datagrams: str | None
) -> None:
    socket = Socket(1, "AF_INET", type_, protocol, 7, None, None, False, None, None, 0, None, True)
    assert (socket.is_tcp, socket.datagrams) == (is_tcp, datagrams)


def _subflows(how: dict[int, str], monkeypatch: pytest.MonkeyPatch) -> str:
    """The outcome of one MPTCP connection whose subflows ended as told: closed, reset or not at all."""

    def joined(db: duckdb.DuckDBPyConnection) -> set[int]:
        put_mptcp(db)
        rows = db.execute("SELECT flow_id FROM j_flow ORDER BY first_ns").fetchall()
        (main,), *others = rows
        for (flow,) in others:
            db.execute("INSERT INTO j_joined VALUES (?, ?, true)", [flow, main])
        return {flow for (flow,) in others}

    monkeypatch.setattr("wiretale.join.connections.put_mptcp", joined)
    rows = new()
    for port, end in how.items():
        talk = Tcp(rows, calls=(False, False), client_port=port)
        talk.open()
        if end == "closed":
            talk.close()
        elif end == "reset":
            talk.segment(talk.client, RST)
    found = rows.joined().execute("SELECT outcome FROM connection").fetchall()
    assert len(found) == 1
    return str(found[0][0])


@pytest.mark.parametrize(
    ("first", "second", "outcome"),
    [
        ("reset", "closed", "closed"),
        ("closed", "reset", "closed"),
        ("reset", "reset", "reset"),
        ("reset", "open", "open"),
        ("open", "reset", "open"),
    ],
)
def test_mptcp_ends_with_all_of_its_subflows(
    first: str, second: str, outcome: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _subflows({4444: first, 4445: second}, monkeypatch) == outcome
