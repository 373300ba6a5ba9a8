"""What ended a wait: only what can have ended it."""

import struct

import pytest

from tests.join.rows import ACK, MSEC, Rows, Tcp

MSS = 4000  # a buffer of 20 segments at least: more than 16 bits count


def sending(before: int, size: int, *, chosen: bool = False) -> list[tuple[str, str]]:
    """The waits of a client that wrote `before` bytes and, while none of them is acknowledged, `size` more in 10 ms.

    The acknowledgement of all comes meanwhile; `chosen`: the program set SO_SNDBUF.
    """
    rows = Rows()
    rows.source()
    rows.interface()
    tcp = Tcp(rows, mss=MSS)
    tcp.open()
    if chosen:
        call = rows.call(tcp.client.pid, "setsockopt", tcp.client.fd, 1, 7, 0, 4)
        rows.data(call, "opt", struct.pack("<I", 4096), arg=3)
    if before:
        tcp.write(tcp.client, bytes(before))
    start = rows.tick()
    tcp.client.sent += size  # their segments were not captured
    rows.tick(5 * MSEC)
    tcp.segment(tcp.server, ACK)
    rows.tick(5 * MSEC)
    call = rows.call(tcp.client.pid, "sendto", tcp.client.fd, 0, size, ret=size, start=start)
    rows.data(call, "payload", bytes(size))
    query = "SELECT c.name, w.ended_by FROM wait w JOIN call c USING (call_id) WHERE c.name = 'sendto'"
    return rows.joined().execute(query).fetchall()


@pytest.mark.parametrize(("before", "size"), [(0, 21 * MSS), (15 * MSS, 6 * MSS)])
def test_an_acknowledgement_ends_the_wait_of_a_call_that_had_no_room(before: int, size: int) -> None:
    assert sending(before, size) == [("sendto", "packet")]


@pytest.mark.parametrize(("before", "size"), [(0, 5), (0, 20 * MSS), (15 * MSS, 5 * MSS)])
def test_a_call_that_had_room_did_not_wait(before: int, size: int) -> None:
    """Its thread had lost its CPU; the acknowledgement that came meanwhile ended nothing."""
    assert sending(before, size) == []


def test_a_buffer_that_the_program_made_small_can_be_full_of_less() -> None:
    assert sending(100, 5, chosen=True) == [("sendto", "packet")]
    assert sending(0, MSS, chosen=True) == []


def waited_in_vain(name: str, sets: list[tuple[str, int, bytes]], *args: int) -> list[tuple[int | None, bool, str]]:
    """The wait of a client in a call that reported nothing: its descriptor, whether its socket is known, its end."""
    rows = Rows()
    rows.source()
    rows.interface()
    tcp = Tcp(rows)
    tcp.open()
    start = rows.tick()
    rows.tick(1200 * MSEC)
    call = rows.call(tcp.client.pid, name, *args, ret=0, start=start)
    for role, arg, data in sets:
        rows.data(call, role, data.replace(b"FD", struct.pack("<i", tcp.client.fd)), arg=arg)
    query = (
        "SELECT w.fd - ?, w.socket_id IS NOT NULL, ended_by FROM wait w JOIN call c USING (call_id) WHERE c.name = ?"
    )
    return rows.joined().execute(query, [tcp.client.fd, name]).fetchall()


IN, OUT = struct.pack("<HH", 1, 0), struct.pack("<HH", 4, 0)


def test_a_poll_of_one_descriptor_that_reports_nothing_waited_for_that_one() -> None:
    assert waited_in_vain("poll", [("array", 0, b"FD" + IN)], 0, 1, 1200) == [(0, True, "timeout")]
    assert waited_in_vain("poll", [("array", 0, b"FD" + OUT)], 0, 1, 1200) == [(0, True, "timeout")]


def test_a_poll_of_several_that_reports_nothing_waited_for_none_in_particular() -> None:
    several = b"FD" + IN + struct.pack("<i", 77) + IN
    assert waited_in_vain("poll", [("array", 0, several)], 0, 2, 1200) == [(None, False, "timeout")]
    assert waited_in_vain("poll", [], 0, 0, 1200) == [(None, False, "timeout")]


def test_a_select_of_one_descriptor_that_reports_nothing_waited_for_that_one() -> None:
    fd = Tcp(Rows()).client.fd
    one, two = (sum(1 << n for n in numbers).to_bytes(8, "little") for numbers in ((fd,), (fd, fd + 1)))
    assert waited_in_vain("select", [("fdset", 1, one)], 64) == [(0, True, "timeout")]
    assert waited_in_vain("select", [("fdset", 1, one), ("fdset", 2, one)], 64) == [(0, True, "timeout")]
    assert waited_in_vain("select", [("fdset", 1, two)], 64) == [(None, False, "timeout")]
    assert waited_in_vain("select", [("fdset", 1, one), ("fdset", 2, two)], 64) == [(None, False, "timeout")]
