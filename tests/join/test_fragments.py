"""Datagrams put together from IP fragments."""

import struct

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.join.rows import Rows, column, sockaddr_in
from wiretale.check.check import check
from wiretale.join.fragments import KEPT_NS, Fragment, Part, assemble

UDP = 8


@given(sizes=st.lists(st.integers(1, 5), min_size=1, max_size=6), data=st.data(), tail=st.integers(1, 8))
def test_the_parts_are_the_whole_in_any_order(sizes: list[int], data: st.DataObject, tail: int) -> None:
    offsets = [0]
    for size in sizes:
        offsets.append(offsets[-1] + size * 8)
    length = offsets[-1] + tail
    order = data.draw(st.permutations(range(len(offsets))))
    fragments = []
    for packet, n in enumerate(order, 1):
        end = offsets[n + 1] if n + 1 < len(offsets) else length
        head = UDP if n == 0 else 0
        fragments.append(Fragment(packet, packet, offsets[n], end - offsets[n] - head, None if n else length))
    ((size, parts),) = assemble(fragments).values()
    assert size == length - UDP
    at = 0
    for part in parts:
        assert part.at == at
        at += part.size
    assert at == size


def test_an_identification_that_comes_back_is_another_datagram() -> None:
    late = 2 * KEPT_NS
    fragments = [
        Fragment(1, 0, 0, 8, 26), Fragment(2, 1, 16, 10, None),
        Fragment(3, late, 0, 8, 26), Fragment(4, late + 1, 16, 10, None), Fragment(5, 2 * late, 16, 10, None),
    ]  # fmt: skip
    assert assemble(fragments) == {
        1: (18, (Part(1, 0, 8), Part(2, 8, 10))),
        3: (18, (Part(3, 0, 8), Part(4, 8, 10))),
    }


def test_a_fragment_beyond_the_datagram_is_no_part_of_it() -> None:
    assert assemble([Fragment(1, 0, 0, 8, 20), Fragment(2, 1, 16, 10, None)]) == {1: (12, (Part(1, 0, 8),))}


def datagram(payload: bytes, *, cut: int, first: bool = True) -> Rows:
    """A datagram sent and received on loopback, cut at `cut` bytes of UDP; without its first fragment if asked."""
    rows = Rows()
    rows.source()
    rows.interface()
    client, server = ("127.0.0.1", 5000), ("127.0.0.1", 4000)
    inodes = {}
    for pid, address, peer in ((100, server, None), (200, client, server)):
        rows.task(pid)
        inode = inodes[pid] = rows.inode()
        call = rows.call(pid, "socket", 2, 2, 17, ret=3)
        rows.descriptor(pid, 3, f"socket:[{inode}]", inode, call)
        rows.socket_sample(inode, call, type="SOCK_DGRAM")
        call = rows.call(pid, "bind", 3, 0, 16)
        rows.data(call, "sockaddr", sockaddr_in(*address))
        rows.socket_sample(inode, call, local=address, type="SOCK_DGRAM")
        if peer:
            call = rows.call(pid, "connect", 3, 0, 16)
            rows.data(call, "sockaddr", sockaddr_in(*peer))
            rows.socket_sample(inode, call, local=address, peer=peer, type="SOCK_DGRAM")
    start = rows.tick()
    whole = struct.pack(">HHHH", client[1], server[1], UDP + len(payload), 0) + payload
    for at in range(0, len(whole), cut):
        part, more = whole[at : at + cut], at + cut < len(whole)
        head = bytes(14) + b"\x45" + bytes(5) + struct.pack(">H", at // 8 | (0x2000 if more else 0)) + bytes(12)
        if at == 0 and not first:
            continue
        ports = {"srcport": client[1], "dstport": server[1], "transport_offset": 34} if at == 0 else {}
        rows.add(
            "packet", packet_id=len(rows.tables.get("packet", ())) + 1, time_ns=rows.tick(), ifindex=1,
            netns=4026531840, tap="in", shown=True, ip_version=4, ip_protocol=17, ip_id=7, fragment=True,
            src=client[0], dst=server[0], network_offset=14, payload_offset=42 if at == 0 else 34,
            payload_bytes=len(part) - (UDP if at == 0 else 0), frame=head + part, **ports,
        )  # fmt: skip
    call = rows.call(200, "sendto", 3, 0, len(payload), 0, ret=len(payload), start=start)
    rows.data(call, "payload", payload)
    call = rows.call(100, "recvfrom", 3, 0, 65536, 0, ret=len(payload))
    rows.data(call, "payload", payload, at_exit=True)
    rows.data(call, "sockaddr", sockaddr_in(*client), arg=4, at_exit=True)
    return rows


@settings(max_examples=20, deadline=None)
@given(size=st.integers(30, 300), units=st.integers(2, 8))
def test_each_fragment_is_linked_to_the_call_with_its_own_bytes(size: int, units: int) -> None:
    payload = bytes(n % 251 for n in range(size))
    db = datagram(payload, cut=8 * units).joined()
    packets = len(column(db, "SELECT 1 FROM packet"))
    assert column(db, "SELECT count(*) FROM link WHERE kind <> 'write_read' GROUP BY kind") == [packets, packets]
    found = check(db)
    assert found.holds
    (stream,) = (s for s in found.streams if s.carried)
    assert stream.linked == stream.compared == stream.carried == 2 * size
    assert not column(db, "SELECT item FROM coverage WHERE state <> 'recorded'")


def test_without_the_first_fragment_nobody_knows_whose_the_others_are() -> None:
    db = datagram(bytes(range(100)), cut=32, first=False).joined()
    assert db.execute("SELECT item, count FROM coverage WHERE item LIKE 'IP fragments%'").fetchall() == [
        ("IP fragments without their first", 3)
    ]
    assert not column(db, "SELECT 1 FROM link WHERE kind <> 'write_read'")
