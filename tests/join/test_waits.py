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


EPOLL, VALUE = 9, 0x7F00_0000_1235


def test_epoll_tells_of_a_descriptor_that_was_watched_before_the_recording() -> None:
    """Of three values the first was asked for before, the second changed since, the third is unknown."""
    rows = Rows()
    rows.source()
    rows.interface()
    tcp = Tcp(rows)
    tcp.open()
    server = tcp.server
    for epoll in (EPOLL, EPOLL + 1):
        rows.descriptor(server.pid, epoll, "anon_inode:[eventpoll]", None)
    for value, fd in ((VALUE, server.fd), (VALUE + 1, 77)):
        rows.add("watch_sample", time_ns=rows.now, pid=server.pid, epoll_fd=EPOLL, fd=fd, events=1, value=value)
    call = rows.call(server.pid, "epoll_ctl", EPOLL, 3, 78, 0)
    rows.data(call, "struct", struct.pack("<IQ", 1, VALUE + 1), arg=3)
    found = []
    for epoll, values in ((EPOLL, (VALUE,)), (EPOLL, (VALUE + 1,)), (EPOLL, (VALUE + 2,)), (EPOLL + 1, (VALUE,))):
        start = rows.tick()
        tcp.write(tcp.client, b"salam")
        call = rows.call(server.pid, "epoll_wait", epoll, 0, 8, 1000, ret=1, start=start, end=rows.tick(50 * MSEC))
        rows.data(call, "array", b"".join(struct.pack("<IQ", 1, v) for v in values), at_exit=True)
        tcp.read(server, b"salam")
        found.append(call)
    query = "SELECT w.fd, w.ended_by FROM wait w JOIN call USING (call_id) WHERE name = 'epoll_wait' ORDER BY call_id"
    assert rows.joined().execute(query).fetchall() == [
        (server.fd, "packet"),
        (78, "unknown"),
        (None, "unknown"),
        (None, "unknown"),
    ]


def two_threads(*calls: tuple[int, str, tuple[int, ...], int | None]) -> list[tuple[str, int | None, int | None]]:
    """Thread 101 of process 100 waits for 20 ms; meanwhile each of `calls` (tid, name, arguments, result) is made.

    The first of `calls` is the wait. Of that: how it ended, and the number of the call and the task that ended it.
    """
    rows = Rows()
    rows.source()
    rows.task(100)
    rows.task(100, "thread", 1, tid=101, end_how="exited", end_ns=rows.now + 10 * MSEC)
    rows.task(200, "fork", 1, end_how="execve", end_ns=rows.now + 2 * MSEC)
    rows.task(200, "execve", 1, end_how="exited", end_ns=rows.now + 12 * MSEC)
    (tid, name, args, ret), *others = calls
    start = rows.tick()
    rows.tick(5 * MSEC)
    for at, (who, what, given, result) in enumerate(others):
        rows.call(who, what, *given, ret=result, tid=who, start=rows.now + at * MSEC)
        rows.tables["call"][-1]["pid"] = 100
    end = start + 20 * MSEC
    call = rows.call(100, name, *args, ret=ret, tid=tid, start=start, end=end)
    if name == "waitid":
        rows.data(call, "struct", struct.pack("<iiiiii", 17, 0, 1, 0, 200, 0), arg=2, at_exit=True)
    query = "SELECT ended_by, cause_call_id, cause_task_id FROM wait WHERE call_id = ?"
    return rows.joined().execute(query, [call]).fetchall()


WAIT, WAKE, REQUEUE, PRIVATE = 0, 1, 3, 128  # linux/futex.h
LOCK = 0x7F0000001000


def test_a_futex_was_woken_by_the_only_call_that_can_have() -> None:
    waits = (100, "futex", (LOCK, WAIT | PRIVATE, 2), 0)
    wakes = (101, "futex", (LOCK, WAKE | PRIVATE, 1), 1)
    assert two_threads(waits, wakes) == [("peer", 1, None)]
    for other in (
        wakes,  # one of the two
        (101, "futex", (LOCK, REQUEUE | PRIVATE, 1, 1, LOCK + 64), 1),  # or a wake-up at the other address
    ):
        assert two_threads(waits, wakes, other) == [("unknown", None, None)]
    for vain in ((LOCK, WAKE | PRIVATE, 1), 0), ((LOCK + 4, WAKE | PRIVATE, 1), 1):
        assert two_threads(waits, (101, "futex", *vain)) == [("unknown", None, None)]
    shared = (100, "futex", (LOCK, WAIT, 2), 0)  # another process may have woken it
    assert two_threads(shared, wakes) == [("unknown", None, None)]


def test_who_waits_for_the_id_of_a_thread_waits_for_its_end() -> None:
    assert two_threads((100, "futex", (LOCK, WAIT, 101), 0)) == [("thread", None, 2)]
    assert two_threads((100, "futex", (LOCK, WAIT, 102), 0)) == [("unknown", None, None)]


def test_a_wait_for_children_ended_by_the_child_it_told_of() -> None:
    assert two_threads((100, "wait4", (-1, 0, 0, 0), 200)) == [("child", None, 4)]
    assert two_threads((100, "waitid", (0, 0, 0, 4, 0), 0)) == [("child", None, 4)]
    assert two_threads((100, "wait4", (-1, 0, 2, 0), 300)) == [("child", None, None)]  # nobody saw it end: stopped
    no_hang = 1
    assert two_threads((100, "wait4", (-1, 0, no_hang, 0), 200)) == []


def test_a_signal_that_was_waited_for_ended_the_wait() -> None:
    assert two_threads((100, "rt_sigtimedwait", (0, 0, 0, 8), 10)) == [("signal", None, None)]
