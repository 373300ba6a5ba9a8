"""From ptrace records to tables: pairing, tasks, data, samples, signals, and what damage does."""

import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.store.load.ptrace_spool import (
    CLONE,
    EXECVE,
    EXIT_GROUP,
    READ,
    RESTART,
    WRITE,
    PtraceSpool,
    empty_tables,
    socket_bytes,
)
from wiretale.model.enums import Arch
from wiretale.model.spool import HEADER_BYTES, EventFlag, EventKind, Role
from wiretale.store.load.calls import load_calls
from wiretale.store.report import SourceReport
from wiretale.store.spool import Manifest, Program, Spool

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def load(made: PtraceSpool, folder: Path, manifest: Manifest | None = None) -> "Any":
    db = empty_tables()
    load_calls(made.write(folder / "spool"), manifest or Manifest(), db)
    return db


def test_a_call_is_its_entry_and_its_exit(tmp_path: Path) -> None:
    made = PtraceSpool()
    made.event(EventKind.ATTACHED)
    made.entry(WRITE, 3, 0x1000, 6)
    made.chunk(Role.PAYLOAD, b"salam\n", arg=1, address=0x1000)
    made.exit(WRITE, 6)
    made.entry(READ, 0xFFFFFFFF, 0x1000, 6)
    made.exit(READ, -9)
    made.entry(READ, 3, 0x1000, 6)
    db = load(made, tmp_path)
    assert db.sql(
        "SELECT name, fd, retval, errno, entry_ns, start_ns, exit_ns, resume_ns, complete FROM call"
    ).fetchall() == [
        ("write", 3, 6, None, 10, 11, 20, 21, True),
        ("read", None, -9, 9, 30, 31, 40, 41, True),
        ("read", 3, None, None, 50, 51, None, None, False),
    ]
    assert db.sql("SELECT call_id, at_exit, role, arg, address, bytes FROM call_data").fetchall() == [
        (1, False, "payload", 1, 0x1000, b"salam\n")
    ]
    assert db.sql("SELECT item, count FROM coverage").fetchall() == [("calls", 3), ("unfinished calls", 1)]


def test_threads_are_paired_each_for_itself(tmp_path: Path) -> None:
    made = PtraceSpool()
    for tid in (10, 11, 12):
        made.event(EventKind.ATTACHED, tid)
    for tid in (10, 11, 12):
        made.entry(READ, tid, tid=tid)
    for tid in (12, 10, 11):
        made.exit(READ, tid * 100, tid=tid)
    db = load(made, tmp_path)
    assert db.sql("SELECT tid, task_id, fd, retval FROM call ORDER BY call_id").fetchall() == [
        (10, 1, 10, 1000),
        (11, 2, 11, 1100),
        (12, 3, 12, 1200),
    ]


def test_an_exit_without_entry_is_counted_and_an_exit_never_returns(tmp_path: Path) -> None:
    made = PtraceSpool()
    made.event(EventKind.ATTACHED)
    made.exit(-1, 5)
    made.entry(EXIT_GROUP, 0)
    db = load(made, tmp_path)
    assert db.sql("SELECT item, count, state FROM coverage").fetchall() == [
        ("calls", 1, "recorded"),
        ("calls", 1, "not recorded"),
    ]


def test_unknown_numbers_have_a_name(tmp_path: Path) -> None:
    made = PtraceSpool()
    made.event(EventKind.ATTACHED)
    made.entry(4000)
    made.exit(4000, -38)
    made.entry(5, arch=0x12345)
    db = load(made, tmp_path)
    assert db.sql("SELECT name, arch FROM call").fetchall() == [
        ("syscall_0xfa0", Arch.X86_64),
        ("syscall_0x5", 0x12345),
    ]


def test_restarts_name_the_call_that_goes_on(tmp_path: Path) -> None:
    made = PtraceSpool()
    made.event(EventKind.ATTACHED)
    made.entry(7, 0)
    made.exit(7, -516)
    for _ in range(2):
        made.entry(RESTART)
        made.exit(RESTART, -516)
    db = load(made, tmp_path)
    assert db.sql("SELECT name, restarts FROM call ORDER BY call_id").fetchall() == [
        ("poll", None),
        ("restart_syscall", "poll"),
        ("restart_syscall", "poll"),
    ]


def test_execve_of_a_thread_is_one_call_of_that_thread(tmp_path: Path) -> None:
    made = PtraceSpool()
    made.event(EventKind.ATTACHED, 10)
    made.event(EventKind.ATTACHED, 11, flags=EventFlag.FOLLOWED)
    made.entry(EXECVE, tid=11)
    made.entry(READ, tid=10)
    made.event(EventKind.EXEC, 10, number=11)
    made.exit(EXECVE, 0, tid=10)
    made.event(EventKind.END, 10, number=3 << 8)
    db = load(made, tmp_path)
    assert db.sql("SELECT tid, name, retval FROM call ORDER BY call_id").fetchall() == [
        (11, "execve", 0),
        (10, "read", None),
    ]
    assert db.sql("SELECT task_id, tid, how, parent_task_id, end_how, exit_status FROM task").fetchall() == [
        (1, 10, "attached", None, "execve", None),
        (2, 11, "thread", None, "execve", None),
        (3, 10, "execve", 2, "exited", 3),
    ]


@pytest.mark.parametrize("child_first", [False, True])
def test_a_child_may_be_seen_before_its_makers_report(tmp_path: Path, child_first: bool) -> None:
    made = PtraceSpool()
    made.event(EventKind.ATTACHED)
    made.entry(CLONE, 0x1200011)
    if child_first:
        made.event(EventKind.ATTACHED, 20, 20, flags=EventFlag.FOLLOWED)
    made.event(EventKind.CLONE, number=20, value=1, extra=0x1200000)
    if not child_first:
        made.event(EventKind.ATTACHED, 20, 20, flags=EventFlag.FOLLOWED)
    made.exit(CLONE, 20)
    made.event(EventKind.END, 20, 20, number=9)
    db = load(made, tmp_path, Manifest(programs=[Program(10, ["x"], 0)]))
    assert db.sql("SELECT pid, parent_task_id, parent_pid, how, end_how, signal FROM task").fetchall() == [
        (10, None, None, "started", None, None),
        (20, 1, 10, "fork", "killed", "SIGKILL"),
    ]


def test_flags_of_clone_tell_threads_and_shared_descriptors(tmp_path: Path) -> None:
    made = PtraceSpool()
    made.event(EventKind.ATTACHED)
    made.event(EventKind.CLONE, number=21, value=3, extra=0x10000 | 0x400)
    made.event(EventKind.CLONE, number=22, value=2, extra=0x4100)
    made.event(EventKind.CLONE, number=23, value=3, extra=0x400)
    made.event(EventKind.DETACHED)
    db = load(made, tmp_path)
    assert db.sql("SELECT tid, pid, how, shares_files_with, is_leader, end_how, end_ns FROM task").fetchall() == [
        (10, 10, "attached", None, True, "detached", None),
        (21, 10, "thread", 1, False, None, None),
        (22, 22, "vfork", None, True, None, None),
        (23, 23, "clone", 1, True, None, None),
    ]


def test_a_task_is_who_its_chunks_say(tmp_path: Path) -> None:
    made = PtraceSpool()
    made.event(EventKind.ATTACHED)
    made.chunk(Role.COMM, b"n\xffc\n")
    made.chunk(Role.STATUS, b"Name:\tn\nTgid:\t10\nPPid:\t4\nUid:\t1000\t1001\t0\t0\n")
    made.chunk(Role.NETNS, struct.pack("<Q", 4026531840))
    made.chunk(Role.EXE, b"/usr/bin/nc")
    made.chunk(Role.CMDLINE, b"nc\0-l\0\x004000\0")
    made.chunk(Role.CWD, b"/tmp")
    db = load(made, tmp_path)
    assert db.sql("SELECT comm, parent_pid, uid, netns, exe, argv, cwd FROM task").fetchall() == [
        ("n\\xffc", 4, 1001, 4026531840, "/usr/bin/nc", ["nc", "-l", "", "4000"], "/tmp")
    ]


def test_what_a_descriptor_is_becomes_samples(tmp_path: Path) -> None:
    made = PtraceSpool()
    made.event(EventKind.ATTACHED)
    made.entry(41, 2, 1, 6)
    made.exit(41, 3)
    local = struct.pack("=H", 2) + struct.pack("!H4s8x", 4444, b"\x7f\0\0\1")
    raw = socket_bytes(
        inode=99, cookie=7, netns_cookie=1, family=2, type=1, protocol=6, listening=1, local_bytes=16, local=local
    )
    made.chunk(Role.SOCKET, raw, detail=3)
    made.chunk(Role.LINK, b"pipe:[55]", detail=4)
    made.chunk(Role.LINK, b"/etc/hosts", detail=5)
    made.chunk(Role.SOCKET, raw[:50], detail=6)
    db = load(made, tmp_path)
    assert db.sql("SELECT pid, fd, call_id, target, inode FROM descriptor_sample").fetchall() == [
        (10, 3, 1, "socket:[99]", 99),
        (10, 4, 1, "pipe:[55]", 55),
        (10, 5, 1, "/etc/hosts", None),
    ]
    columns = "call_id, inode, cookie, family, type, protocol, state, local_addr, local_port, peer_addr"
    assert db.sql(f"SELECT {columns} FROM socket_sample").fetchall() == [
        (1, 99, 7, "AF_INET", "SOCK_STREAM", 6, "LISTEN", "127.0.0.1", 4444, None)
    ]
    assert db.execute("SELECT count(*) FROM call_data").fetchone() == (0,)


def test_signals_have_senders_where_the_code_has(tmp_path: Path) -> None:
    made = PtraceSpool()
    made.event(EventKind.ATTACHED)
    made.event(EventKind.SIGNAL, number=15)
    made.chunk(Role.SIGINFO, struct.pack("=iiiiiI", 15, 0, 0, 0, 77, 1000).ljust(128, b"\0"))
    made.event(EventKind.SIGNAL, number=11)
    made.chunk(Role.SIGINFO, struct.pack("=iiiiiI", 11, 0, 1, 0, 77, 1000).ljust(128, b"\0"))
    made.event(EventKind.GROUP_STOP, number=19)
    db = load(made, tmp_path)
    assert db.sql("SELECT name, code, sender_pid, sender_uid, stopped FROM signal ORDER BY time_ns").fetchall() == [
        ("SIGTERM", 0, 77, 1000, False),
        ("SIGSEGV", 1, None, None, False),
        ("SIGSTOP", None, None, None, True),
    ]


def test_cut_payload_and_unread_memory_are_counted(tmp_path: Path) -> None:
    made = PtraceSpool()
    made.event(EventKind.ATTACHED)
    made.entry(WRITE, 1, 2, 3)
    made.chunk(Role.PAYLOAD, b"abc", full_bytes=1000, arg=1)
    made.chunk(Role.PAYLOAD, b"", full_bytes=5, error=14, arg=1)
    db = load(made, tmp_path)
    found = db.sql("SELECT item, count, state FROM coverage WHERE state <> 'recorded'").fetchall()
    assert found == [("buffers", 1, "truncated"), ("pieces of memory", 1, "not recorded")]


def test_without_files_nothing_happens(tmp_path: Path) -> None:
    db = empty_tables()
    assert load_calls(Spool(tmp_path), Manifest(), db) == []


def test_a_killed_recorders_report_is_completed(tmp_path: Path) -> None:
    made = PtraceSpool()
    made.event(EventKind.ATTACHED)
    manifest = Manifest(sources=[SourceReport("ptrace", "syscall", ran=True)])
    load_calls(made.write(tmp_path / "spool", lost=5), manifest, empty_tables())
    assert (manifest.sources[0].items, manifest.sources[0].lost) == (1, 5)


def sample() -> PtraceSpool:
    made = PtraceSpool()
    made.event(EventKind.ATTACHED)
    made.chunk(Role.STATUS, b"Uid:\t1\t2\t3\t4\nPPid:\t1\n")
    for i in range(5):
        made.entry(WRITE, 3, 0x1000, 6)
        made.chunk(Role.PAYLOAD, b"salam\n" * i, arg=1)
        made.exit(WRITE, 6 * i)
    made.event(EventKind.CLONE, number=11, value=3, extra=0x10000)
    made.entry(READ, 0, tid=11)
    made.event(EventKind.SIGNAL, number=15)
    made.chunk(Role.SIGINFO, bytes(128))
    made.exit(41, 3)
    made.chunk(Role.SOCKET, socket_bytes(inode=1, family=2, local_bytes=16), detail=3)
    made.event(EventKind.EXEC, number=11)
    made.event(EventKind.END, number=0)
    return made


@QUICK
@given(st.sampled_from(["events_path", "chunks_path", "data_path"]), st.integers(0, 8192))
def test_a_cut_file_keeps_what_is_whole(tmp_path: Path, name: str, size: int) -> None:
    spool = sample().write(tmp_path / "spool")
    path: Path = getattr(spool, name)
    path.write_bytes(path.read_bytes()[:size])
    db = empty_tables()
    load_calls(spool, Manifest(), db)
    (calls,) = db.execute("SELECT count(*) FROM call").fetchone() or (0,)
    assert calls == 6 if name != "events_path" or size >= HEADER_BYTES + 2600 else calls <= 6


@QUICK
@given(
    st.sampled_from(["events_path", "chunks_path", "data_path"]),
    st.lists(st.tuples(st.integers(0, 7000), st.integers(0, 255)), min_size=1, max_size=30),
)
def test_damaged_bytes_are_counted_never_raised(tmp_path: Path, name: str, damage: list[tuple[int, int]]) -> None:
    spool = sample().write(tmp_path / "spool")
    path: Path = getattr(spool, name)
    raw = bytearray(path.read_bytes())
    for at, value in damage:
        raw[at % len(raw)] = value
    path.write_bytes(raw)
    db = empty_tables()
    load_calls(spool, Manifest(), db)
    assert db.execute("SELECT count(*) FROM call WHERE task_id IS NULL").fetchone() == (0,)


@QUICK
@given(st.binary(max_size=6000), st.binary(max_size=3000), st.binary(max_size=200))
def test_arbitrary_records_give_rows_or_counts(tmp_path: Path, events: bytes, chunks: bytes, data: bytes) -> None:
    made = sample()
    spool = made.write(tmp_path / "spool")
    for path, body, size in (
        (spool.events_path, events, 128),
        (spool.chunks_path, chunks, 64),
        (spool.data_path, data, 1),
    ):
        header = bytearray(path.read_bytes()[:HEADER_BYTES])
        struct.pack_into("<Q", header, 16, len(body) // size)
        path.write_bytes(bytes(header) + body)
    db = empty_tables()
    told = load_calls(spool, Manifest(), db)
    [(said, calls)] = db.execute("SELECT (SELECT count(*) FROM coverage), (SELECT count(*) FROM call)").fetchall()
    assert said == len(told) and calls <= len(events) // 128
