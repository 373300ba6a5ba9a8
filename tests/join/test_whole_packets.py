"""Frames and IP packets that raw and packet sockets carry whole: told by their bytes, and never wrongly."""

import struct

import duckdb
import pytest

from tests.join.raw_rows import HERE, RAW, THERE, Net, ip4
from tests.join.rows import NETNS, sockaddr_in
from wiretale.check.check import check

AF_PACKET, AF_INET, SOCK_DGRAM = 17, 2, 2
IPPROTO_RAW, TCP = 255, 6
VETH = 5
IN, OUT = "in", "out"
BROADCAST, MAC, PEER = b"\xff" * 6, bytes(range(6)), bytes(range(16, 22))


def ethernet(to: bytes, source: bytes, kind: int, body: bytes) -> bytes:
    return to + source + struct.pack(">H", kind) + body


def arp(operation: int, target: int) -> bytes:
    return (
        struct.pack(">HHBBH", 1, 0x0800, 6, 4, operation)
        + MAC
        + bytes([10, 0, 0, 1])
        + bytes(6)
        + bytes([10, 0, 0, target])
    )


def tcp(port: int, flags: int = 2, data: bytes = b"") -> bytes:
    return struct.pack(">HHIIBBHHH", 40000, port, 7, 0, 0x50, flags, 1024, 0xABCD, 0) + data


def sockaddr_ll(ifindex: int = VETH, kind: int = 0) -> bytes:
    return struct.pack("<HHiHBB", AF_PACKET, 0x0608, ifindex, 1, kind, 6) + MAC + bytes(2)


class Wire(Net):
    """A host with packet sockets, on a wire of Ethernet."""

    def packet_socket(self, kind: int = RAW, pid: int = 1) -> tuple[int, int]:
        return self._socket(AF_PACKET, kind, 0x0300, pid)

    def raw_socket(self, protocol: int, pid: int = 1) -> tuple[int, int]:
        return self._socket(AF_INET, RAW, protocol, pid)

    def _socket(self, family: int, kind: int, protocol: int, pid: int) -> tuple[int, int]:
        self.fd += 1
        call = self.rows.call(pid, "socket", family, kind, protocol, ret=self.fd)
        inode = self.rows.inode()
        self.rows.descriptor(pid, self.fd, f"socket:[{inode}]", inode, call)
        return pid, self.fd

    def frame(self, data: bytes, tap: str, time: int | None = None, ifindex: int = VETH) -> int:
        time = self.rows.tick() if time is None else time
        packet_id = len(self.rows.tables.get("packet", ())) + 1
        self.rows.add(
            "packet", packet_id=packet_id, time_ns=time, ifindex=ifindex, netns=NETNS, tap=tap, shown=True, linktype=1,
            frame_bytes=len(data), captured_bytes=len(data), frame=data,
        )  # fmt: skip
        self.rows.now = max(self.rows.now, time)
        return packet_id

    def sendto(
        self, socket: tuple[int, int], data: bytes, address: bytes, frame: bytes | None = None
    ) -> tuple[int, int]:
        """The call, and the packet that left during it (0: none)."""
        start = self.rows.tick()
        packet = self.frame(frame, OUT) if frame is not None else 0
        call = self.rows.call(socket[0], "sendto", socket[1], 0, len(data), 0, 0, 20, ret=len(data), start=start)
        self.rows.data(call, "payload", data)
        self.rows.data(call, "sockaddr", address, arg=4)
        return call, packet

    def recvfrom(self, socket: tuple[int, int], data: bytes, address: bytes, room: int = 4096) -> int:
        call = self.rows.call(socket[0], "recvfrom", socket[1], 0, room, 0, 0, 0, ret=len(data))
        self.rows.data(call, "payload", data, at_exit=True)
        self.rows.data(call, "sockaddr", address, arg=4, at_exit=True)
        return call


Link = tuple[int, int | None, int | None, bool | None]


def links(db: duckdb.DuckDBPyConnection) -> list[Link]:
    found = db.execute("SELECT call_id, packet_id, lo, exact FROM packet_call ORDER BY call_id, message").fetchall()
    proof = check(db)
    assert proof.holds, proof.wrong
    return found


def test_a_frame_and_the_network_part_of_one_are_linked_at_their_places() -> None:
    wire = Wire()
    whole, cooked = wire.packet_socket(), wire.packet_socket(SOCK_DGRAM)
    question, answer = arp(1, 2), arp(2, 1)
    asked = ethernet(BROADCAST, MAC, 0x0806, question)
    sent, left = wire.sendto(whole, asked, sockaddr_ll(), asked)
    again, second = wire.sendto(cooked, arp(1, 3), sockaddr_ll(), ethernet(BROADCAST, MAC, 0x0806, arp(1, 3)))
    came = wire.frame(ethernet(MAC, PEER, 0x0806, answer), IN)
    read = wire.recvfrom(cooked, answer, sockaddr_ll())
    db = wire.joined()
    assert links(db) == [(sent, left, 0, True), (again, second, 14, True), (read, came, 14, True)]
    assert [(w.side, w.linked, w.compared) for w in check(db).whole] == [("w", 2, 42 + 28), ("r", 1, 28)]


def test_a_short_frame_is_read_with_what_fills_it_up() -> None:
    wire = Wire()
    cooked = wire.packet_socket(SOCK_DGRAM)
    came = wire.frame(ethernet(MAC, PEER, 0x0806, arp(2, 1) + bytes(18)), IN)
    read = wire.recvfrom(cooked, arp(2, 1) + bytes(18), sockaddr_ll())
    assert links(wire.joined()) == [(read, came, 14, True)]


def test_a_raw_socket_that_carries_tcp_is_linked_and_what_the_kernel_fills_in_is_told() -> None:
    wire = Wire()
    scanner = wire.raw_socket(IPPROTO_RAW)
    reader = wire.raw_socket(TCP)
    written = ip4("0.0.0.0", THERE, tcp(80), protocol=TCP)
    written = written[:2] + bytes(2) + written[4:10] + bytes(2) + written[12:]  # no length, no checksum
    on_wire = ip4(HERE, THERE, tcp(80), protocol=TCP, ip_id=777)
    sent, left = wire.sendto(scanner, written, sockaddr_in(THERE, 0), ethernet(PEER, MAC, 0x0800, on_wire))
    answer = ip4(THERE, HERE, tcp(80, 0x14), protocol=TCP)
    came = wire.frame(ethernet(MAC, PEER, 0x0800, answer + bytes(6)), IN)
    read = wire.recvfrom(reader, answer, sockaddr_in(THERE, 0))
    db = wire.joined()
    assert links(db) == [(sent, left, 14, True), (read, came, 14, True)]
    assert [(w.side, w.compared, w.filled) for w in check(db).whole] == [("w", 30, 10), ("r", 40, 0)]
    assert db.execute("SELECT filled FROM packet_call WHERE side = 'w'").fetchone() == ([2, 4, 4, 6, 10, 12, 12, 16],)
    assert not any(c.unplaced_calls for c in check(db).calls)


@pytest.mark.parametrize("differs", ["identification", "port", "interface", "direction", "length"])
def test_a_packet_that_differs_is_not_the_one(differs: str) -> None:
    wire = Wire()
    scanner = wire.raw_socket(IPPROTO_RAW)
    reader = wire.packet_socket()
    sent = ip4(HERE, THERE, tcp(80), protocol=TCP, ip_id=5)
    other = ip4(
        HERE, THERE, tcp(81 if differs == "port" else 80), protocol=TCP, ip_id=6 if differs == "identification" else 5
    )
    frame = ethernet(PEER, MAC, 0x0800, other + (b"x" if differs == "length" else b""))
    if differs in ("identification", "port"):
        wire.sendto(scanner, sent, sockaddr_in(THERE, 0), frame)
    else:
        wire.frame(frame, IN, ifindex=VETH + (differs == "interface"))
        wire.recvfrom(reader, ethernet(PEER, MAC, 0x0800, sent), sockaddr_ll(kind=4 if differs == "direction" else 0))
    db = wire.joined()
    assert [(packet, exact) for _, packet, _, exact in links(db)] == [(None, None)]
    assert db.execute("SELECT state FROM coverage WHERE item = 'messages of raw and packet sockets'").fetchall() == [
        ("unmatched",)
    ]


def test_equal_packets_keep_their_order_and_are_certain_where_time_leaves_no_choice() -> None:
    wire = Wire()
    cooked = wire.packet_socket(SOCK_DGRAM)
    answer = ethernet(MAC, PEER, 0x0806, arp(2, 1))
    first = wire.frame(answer, IN)
    read = wire.recvfrom(cooked, arp(2, 1), sockaddr_ll())
    second = wire.frame(answer, IN)
    again = wire.recvfrom(cooked, arp(2, 1), sockaddr_ll())
    wire.frame(answer, IN)  # nobody reads it
    assert links(wire.joined()) == [(read, first, 14, True), (again, second, 14, True)]


def test_where_time_leaves_a_choice_it_is_told() -> None:
    wire = Wire()
    cooked = wire.packet_socket(SOCK_DGRAM)
    first, _ = (wire.frame(ethernet(MAC, PEER, 0x0806, arp(2, 1)), IN) for _ in range(2))
    read = wire.recvfrom(cooked, arp(2, 1), sockaddr_ll())
    db = wire.joined()
    assert links(db) == [(read, first, 14, False)]
    assert check(db).whole[0].doubtful == 1


def test_what_had_come_before_there_was_the_socket_is_not_what_it_read() -> None:
    wire = Wire()
    wire.frame(ethernet(MAC, PEER, 0x0806, arp(2, 1)), IN)
    cooked = wire.packet_socket(SOCK_DGRAM)
    second = wire.frame(ethernet(MAC, PEER, 0x0806, arp(2, 1)), IN)
    read = wire.recvfrom(cooked, arp(2, 1), sockaddr_ll())
    assert links(wire.joined()) == [(read, second, 14, True)]


def test_a_packet_that_two_sockets_read_is_linked_with_both() -> None:
    wire = Wire()
    wire.rows.task(2)
    one, other = wire.packet_socket(), wire.packet_socket(pid=2)
    frame = ethernet(MAC, PEER, 0x0806, arp(2, 1))
    came = wire.frame(frame, IN)
    reads = [wire.recvfrom(s, frame, sockaddr_ll()) for s in (one, other)]
    assert links(wire.joined()) == [(read, came, 0, True) for read in reads]


def test_a_read_with_too_little_room_has_the_beginning() -> None:
    wire = Wire()
    reader = wire.packet_socket()
    frame = ethernet(MAC, PEER, 0x0800, ip4(THERE, HERE, tcp(80, 24, b"x" * 900), protocol=TCP))
    came = wire.frame(frame, IN)
    read = wire.recvfrom(reader, frame[:68], sockaddr_ll(), room=68)
    assert links(wire.joined()) == [(read, came, 0, True)]


def test_long_packets_that_differ_at_their_end_are_not_mistaken() -> None:
    wire = Wire()
    reader = wire.packet_socket()
    frames = [
        ethernet(MAC, PEER, 0x0800, ip4(THERE, HERE, tcp(80, 24, b"x" * 900 + e), protocol=TCP)) for e in (b"1", b"2")
    ]
    wire.frame(frames[0], IN)
    wire.recvfrom(reader, frames[1], sockaddr_ll())
    assert [packet for _, packet, *_ in links(wire.joined())] == [None]


def test_check_does_not_trust_the_links() -> None:
    wire = Wire()
    whole = wire.packet_socket()
    asked = [ethernet(BROADCAST, MAC, 0x0806, arp(1, target)) for target in (2, 3)]
    for frame in asked:
        wire.sendto(whole, frame, sockaddr_ll(), frame)
    db = wire.joined()
    db.execute("UPDATE packet_call SET packet_id = 3 - packet_id")
    assert len(check(db).wrong) == 2
