"""Descriptor tables over dup, fork, exec, close and passing, and the files that calls acted on."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from tests.join.rows import Rows, column
from wiretale.join.descriptor_events import rights

EBADF, EINTR = 9, 4
O_CLOEXEC = 0o2000000


def spans(rows: Rows, pid: int) -> list[tuple[object, ...]]:
    """Number, how it began and how it ended, of one process."""
    db = rows.joined()
    return db.execute("SELECT fd, how, end_how FROM descriptor WHERE pid = ? ORDER BY descriptor_id", [pid]).fetchall()


def opened(rows: Rows, pid: int, fd: int, flags: int = 0, path: bytes = b"/etc/services") -> int:
    call = rows.call(pid, "openat", 0xFFFFFF9C, 0, flags, ret=fd)
    rows.data(call, "string", path)
    return call


def test_a_copy_shares_the_file_and_a_replaced_number_ends() -> None:
    rows = Rows()
    rows.task(1)
    opened(rows, 1, 3)
    rows.call(1, "dup", 3, ret=4)
    rows.call(1, "pipe2", 0, 0)
    rows.data(len(rows.tables["call"]), "array", struct.pack("<2i", 5, 6), arg=0, at_exit=True)
    rows.call(1, "dup2", 3, 5, ret=5)
    rows.call(1, "fcntl", 3, 0, 10, ret=10)
    db = rows.joined()
    assert db.execute(
        "SELECT fd, how, end_how, name FROM descriptor JOIN file USING (file_id) ORDER BY descriptor_id"
    ).fetchall() == [
        (3, "open", None, "/etc/services"),
        (4, "dup", None, "/etc/services"),
        (5, "pipe", "dup2 (replaced)", None),
        (6, "pipe", None, None),
        (5, "dup2", None, "/etc/services"),
        (10, "dup", None, "/etc/services"),
    ]


def test_a_failed_close_still_closes_unless_the_number_was_bad() -> None:
    rows = Rows()
    rows.task(1)
    opened(rows, 1, 3)
    rows.call(1, "close", 4, errno=EBADF)
    rows.call(1, "close", 3, errno=EINTR)
    assert spans(rows, 1) == [(3, "open", "close")]


def test_exec_closes_what_is_marked_and_exit_closes_the_rest() -> None:
    rows = Rows()
    first = rows.task(1)
    opened(rows, 1, 3, O_CLOEXEC)
    opened(rows, 1, 4)
    opened(rows, 1, 5)
    rows.call(1, "fcntl", 5, 2, 1)
    rows.call(1, "execve", 0, 0, 0)
    rows.tables["task"][first - 1].update(end_ns=rows.now, end_how="execve")
    rows.task(1, how="execve", parent=first, end_ns=rows.tick() + 1_000_000, end_how="exited")
    assert spans(rows, 1) == [(3, "open", "exec"), (4, "open", "exit"), (5, "open", "exec")]


def test_a_child_gets_a_copy_and_its_close_leaves_the_parents() -> None:
    rows = Rows()
    parent = rows.task(1)
    opened(rows, 1, 3)
    rows.call(1, "clone", 0x11, 0, ret=2)
    rows.task(2, how="fork", parent=parent)
    rows.call(2, "close", 3)
    rows.call(1, "write", 3, 0, 1, ret=1)
    db = rows.joined()
    assert db.execute("SELECT pid, fd, how, end_how FROM descriptor ORDER BY pid").fetchall() == [
        (1, 3, "open", None),
        (2, 3, "fork", "close"),
    ]
    assert column(db, "SELECT count(DISTINCT file_id) FROM descriptor") == [1]
    assert column(db, "SELECT to_ns FROM file") == [None]
    assert column(db, "SELECT name FROM call JOIN call_file USING (call_id) ORDER BY call_id") == ["close", "write"]


def test_clone_files_shares_one_table() -> None:
    rows = Rows()
    parent = rows.task(1)
    rows.call(1, "clone", 0x400, 0, ret=2)
    rows.task(2, how="clone", parent=parent)
    opened(rows, 2, 3)
    rows.call(1, "close", 3)
    db = rows.joined()
    assert db.execute("SELECT pid, fd, end_how FROM descriptor ORDER BY pid").fetchall() == [
        (1, 3, "close"),
        (2, 3, "close"),
    ]


def test_a_number_nobody_explains_was_inherited() -> None:
    rows = Rows()
    parent = rows.task(1)
    rows.call(1, "clone", 0x11, 0, ret=2)
    rows.task(2, how="fork", parent=parent)
    rows.call(1, "write", 1, 0, 1, ret=1)
    rows.call(2, "write", 1, 0, 1, ret=1)
    db = rows.joined()
    assert db.execute("SELECT pid, fd, how FROM descriptor ORDER BY pid").fetchall() == [
        (1, 1, "inherited"),
        (2, 1, "inherited"),
    ]
    assert column(db, "SELECT count(DISTINCT file_id) FROM descriptor") == [1]


def test_a_passed_socket_is_the_same_file_in_the_other_process() -> None:
    rows = Rows()
    rows.task(1)
    rows.task(2)
    call = rows.call(1, "socket", 2, 1, 0, ret=3)
    rows.descriptor(1, 3, "socket:[900]", 900, call)
    rows.socket_sample(900, call)
    control = struct.pack("<Qiii", 20, 1, 1, 7) + bytes(4)
    call = rows.call(2, "recvmsg", 5, 0, 0, ret=1)
    rows.data(call, "control", control, at_exit=True)
    rows.descriptor(2, 7, "socket:[900]", 900, call)
    db = rows.joined()
    assert db.execute("SELECT pid, fd, how FROM descriptor WHERE fd <> 5 ORDER BY pid").fetchall() == [
        (1, 3, "socket"),
        (2, 7, "received (SCM_RIGHTS)"),
    ]
    assert column(db, "SELECT count(DISTINCT file_id) FROM descriptor WHERE fd <> 5") == [1]
    assert column(db, "SELECT count(*) FROM socket") == [1]


def test_close_range_closes_or_marks() -> None:
    rows = Rows()
    first = rows.task(1)
    for fd in (3, 4, 5):
        opened(rows, 1, fd)
    rows.call(1, "close_range", 5, 0xFFFFFFFF, 0)
    rows.call(1, "close_range", 4, 4, 4)
    rows.tables["task"][first - 1].update(end_ns=rows.now, end_how="execve")
    rows.task(1, how="execve", parent=first)
    assert spans(rows, 1) == [(3, "open", None), (4, "open", "exec"), (5, "open", "close")]


@given(st.binary(max_size=80), st.booleans())
def test_any_ancillary_data_gives_a_list(data: bytes, wide: bool) -> None:
    assert all(fd >= 0 for fd in rights(data, wide=wide))
