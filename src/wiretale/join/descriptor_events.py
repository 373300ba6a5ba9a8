"""What changed descriptor tables, read from the raw tables: one `Event` per change, in the order they took effect.

A descriptor is made when its call returns and gone when its closing call begins: between the two the kernel may act at
any moment, and a span must never claim a number that another call could already be given. Only the few calls that make,
copy or close descriptors are read here, never the bulk of reads and writes.
"""

import struct
from collections.abc import Iterator
from enum import IntEnum

import duckdb

from wiretale.join.effects import DESCRIPTOR_CALLS, FD_RESULTS, SETS_FDS
from wiretale.light import dataclass
from wiretale.model.enums import Arch

EBADF = 9  # asm-generic/errno-base.h
O_CLOEXEC = 0o2000000  # asm-generic/fcntl.h; SOCK_CLOEXEC, EPOLL_CLOEXEC and their like have the same value
CLONE_FILES = 0x400  # linux/sched.h
F_DUPFD, F_SETFD, F_DUPFD_CLOEXEC = 0, 2, 1030  # asm-generic/fcntl.h, linux/fcntl.h
FIOCLEX, FIONCLEX = 0x5451, 0x5450  # asm-generic/ioctls.h
CLOSE_RANGE_CLOEXEC = 4  # linux/close_range.h
MSG_CMSG_CLOEXEC = 0x40000000  # linux/socket.h
SOL_SOCKET, SCM_RIGHTS = 1, 1  # linux/socket.h

# call -> (argument, bit) that asks for close-on-exec; (-1, 0): always set
CLOEXEC_ARG: dict[str, tuple[int, int]] = {
    "socket": (1, O_CLOEXEC),
    "socketpair": (1, O_CLOEXEC),
    "accept4": (3, O_CLOEXEC),
    "open": (1, O_CLOEXEC),
    "openat": (2, O_CLOEXEC),
    "pipe2": (1, O_CLOEXEC),
    "dup3": (2, O_CLOEXEC),
    "epoll_create1": (0, O_CLOEXEC),
    "eventfd2": (1, O_CLOEXEC),
    "timerfd_create": (1, O_CLOEXEC),
    "inotify_init1": (0, O_CLOEXEC),
    "signalfd4": (3, O_CLOEXEC),
    "userfaultfd": (0, O_CLOEXEC),
    "memfd_create": (1, 1),  # MFD_CLOEXEC, linux/memfd.h
    "perf_event_open": (4, 8),  # PERF_FLAG_FD_CLOEXEC, linux/perf_event.h
    "pidfd_open": (-1, 0),
    "pidfd_getfd": (-1, 0),
    "io_uring_setup": (-1, 0),
}
HOW = {"accept4": "accept", "openat": "open", "openat2": "open", "creat": "open", "pipe2": "pipe"}


FORKS = """
WITH maker AS (
    SELECT c.call_id, c.tid, c.start_ns, c.name, c.a0,
           (SELECT any_value(d.bytes) FROM call_data d
            WHERE d.call_id = c.call_id AND d.arg = 0 AND d.role = 'struct' AND NOT d.at_exit) AS clone_args
    FROM call c WHERE c.name IN ('fork', 'vfork', 'clone', 'clone3')
),
born AS (
    SELECT t.pid AS child, p.pid AS parent, p.tid, t.start_ns
    FROM task t JOIN task p ON p.task_id = t.parent_task_id
    WHERE t.how IN ('fork', 'vfork', 'clone')
)
SELECT b.child, b.parent, b.start_ns, m.start_ns, m.name, m.a0, m.clone_args
FROM born b ASOF LEFT JOIN maker m ON m.tid = b.tid AND b.start_ns >= m.start_ns
"""


class Change(IntEnum):
    """Kinds of event; the value orders events of the same instant."""

    FORK = 0
    EXEC = 1
    CLOSE = 2
    CLOSE_RANGE = 3
    MAKE = 4
    COPY = 5
    CLOEXEC = 6
    SAMPLE = 7
    USE = 8
    EXIT = 9


@dataclass(frozen=True, slots=True)
class Event:
    """One change. Which fields hold something depends on `change`; `other` is a second descriptor or process."""

    time_ns: int
    change: Change
    pid: int
    fd: int = -1
    other: int = -1
    call_id: int | None = None
    how: str = ""
    cloexec: bool = False
    name: str | None = None
    inode: int | None = None

    @property
    def key(self) -> tuple[int, int, int]:
        return (self.time_ns, int(self.change), self.call_id or 0)


def read_events(db: duckdb.DuckDBPyConnection) -> list[Event]:
    """All events in order of time."""
    events = [*_process_events(db), *_call_events(db), *_sample_events(db), *_use_events(db)]
    events.sort(key=lambda e: e.key)
    return events


def _signed(value: int) -> int:
    """The C int in a register."""
    value &= 0xFFFFFFFF
    return value - (1 << 32) if value & 0x80000000 else value


def _process_events(db: duckdb.DuckDBPyConnection) -> Iterator[Event]:
    """fork (with what was shared), exec and exit, from the rows of `task`."""
    # The parent's table is copied inside its call: after that call's start, and before the parent does anything else.
    rows = db.execute(FORKS).fetchall()
    for child, parent, start, call_start, name, a0, clone_args in rows:
        shared = _clone_flags(name, a0, clone_args) & CLONE_FILES != 0
        time = start if call_start is None else min(start, call_start)
        yield Event(time, Change.FORK, parent, other=child, how="share" if shared else "copy")
    for pid, start, call_id in db.execute(
        """
        SELECT t.pid, t.start_ns, max(c.call_id)
        FROM task t LEFT JOIN call c ON c.pid = t.pid AND c.name IN ('execve', 'execveat') AND c.start_ns <= t.start_ns
        WHERE t.how = 'execve' GROUP BY ALL
        """
    ).fetchall():
        yield Event(start, Change.EXEC, pid, call_id=call_id)
    for pid, end in db.execute(
        """
        SELECT pid, max(end_ns) FROM task GROUP BY pid
        HAVING count(*) = count(end_ns) AND max_by(end_how, end_ns) IN ('exited', 'killed')
        """
    ).fetchall():
        yield Event(end, Change.EXIT, pid)


def _clone_flags(name: str | None, a0: int | None, clone_args: bytes | None) -> int:
    """CLONE_* flags of clone (first register) or clone3 (first word of struct clone_args, linux/sched.h)."""
    if name == "clone":
        return a0 or 0
    if name == "clone3" and clone_args is not None and len(clone_args) >= 8:
        return int(struct.unpack_from("<Q", clone_args)[0])
    return 0


CALL_COLUMNS = """
SELECT c.call_id, c.pid, c.name, c.arch, c.a0, c.a1, c.a2, c.a3, c.a4, c.retval, c.errno, c.start_ns, c.exit_ns
FROM call c
"""


def _call_events(db: duckdb.DuckDBPyConnection) -> Iterator[Event]:
    """Events of the calls that make, copy, mark or close descriptors."""
    targets = _targets_by_call(db)
    paths = _paths_by_call(db)
    arrays = _arrays_by_call(db)
    rows = db.execute(
        f"{CALL_COLUMNS} WHERE list_contains($names, c.name) ORDER BY c.call_id", {"names": sorted(DESCRIPTOR_CALLS)}
    )
    while batch := rows.fetchmany(50_000):
        for call_id, pid, name, _, *args, retval, errno, start, end in batch:
            yield from _closing(call_id, pid, name, args, errno=errno, start=start)
            if retval is not None and errno is None:
                made = [retval] if name in FD_RESULTS else arrays.get(call_id, []) if name in SETS_FDS else []
                yield from _copying(call_id, pid, name, args, retval=retval, end=end)
                cloexec = _asks_cloexec(name, args)
                for fd in made:
                    if name == "dup" or name.startswith("dup"):
                        continue
                    target, inode, flags = targets.get((call_id, fd), (None, None, None))
                    yield Event(
                        end,
                        Change.MAKE,
                        pid,
                        fd,
                        call_id=call_id,
                        how=HOW.get(name, name),
                        cloexec=bool(flags & O_CLOEXEC) if flags is not None else cloexec,
                        name=target or paths.get(call_id),
                        inode=inode,
                    )
    yield from _received(db, targets)


def _closing(call_id: int, pid: int, name: str, args: list[int], *, errno: int | None, start: int) -> Iterator[Event]:
    """close and close_range. Linux frees the number even when close fails later (close(2), NOTES)."""
    if name == "close" and errno != EBADF:
        yield Event(start, Change.CLOSE, pid, _signed(args[0]), call_id=call_id, how="close")
    elif name == "close_range" and errno is None:
        how = "cloexec" if args[2] & CLOSE_RANGE_CLOEXEC else "close"
        last = min(args[1] & 0xFFFFFFFF, 0x7FFFFFFF)
        yield Event(start, Change.CLOSE_RANGE, pid, args[0] & 0xFFFFFFFF, other=last, call_id=call_id, how=how)


def _copying(call_id: int, pid: int, name: str, args: list[int], *, retval: int, end: int) -> Iterator[Event]:
    """dup, dup2, dup3 and the commands of fcntl and ioctl that copy or mark a descriptor."""
    old = _signed(args[0])
    if name in ("dup", "dup2", "dup3"):
        if name != "dup2" or old != retval:
            yield Event(end, Change.COPY, pid, retval, old, call_id, name, name == "dup3" and bool(args[2] & O_CLOEXEC))
    elif name in ("fcntl", "fcntl64"):
        if args[1] in (F_DUPFD, F_DUPFD_CLOEXEC):
            yield Event(end, Change.COPY, pid, retval, old, call_id, "dup", args[1] == F_DUPFD_CLOEXEC)
        elif args[1] == F_SETFD:
            yield Event(end, Change.CLOEXEC, pid, old, cloexec=bool(args[2] & 1))
    elif name == "ioctl" and args[1] in (FIOCLEX, FIONCLEX):
        yield Event(end, Change.CLOEXEC, pid, old, cloexec=args[1] == FIOCLEX)


def _asks_cloexec(name: str, args: list[int]) -> bool:
    arg, bit = CLOEXEC_ARG.get(name, (0, 0))
    return arg < 0 or bool(args[arg] & bit)


Targets = dict[tuple[int, int], tuple[str | None, int | None, int | None]]


def _targets_by_call(db: duckdb.DuckDBPyConnection) -> Targets:
    """(call, descriptor) -> text, inode and flags that the tracer read when the call returned."""
    rows = db.execute(
        "SELECT call_id, fd, target, inode, flags FROM descriptor_sample WHERE call_id IS NOT NULL"
    ).fetchall()
    return {(call, fd): (target, inode, flags) for call, fd, target, inode, flags in rows}


def _paths_by_call(db: duckdb.DuckDBPyConnection) -> dict[int, str]:
    rows = db.execute(
        """
        SELECT d.call_id, any_value(d.bytes) FROM call_data d JOIN call c USING (call_id)
        WHERE d.role = 'string' AND c.name IN ('open', 'creat', 'openat', 'openat2')
          AND d.arg = CASE WHEN c.name IN ('open', 'creat') THEN 0 ELSE 1 END
        GROUP BY d.call_id
        """
    ).fetchall()
    return {call: path.decode("utf-8", "backslashreplace") for call, path in rows if path is not None}


def _arrays_by_call(db: duckdb.DuckDBPyConnection) -> dict[int, list[int]]:
    """The two descriptors that pipe and socketpair wrote at their exit."""
    rows = db.execute(
        """
        SELECT d.call_id, d.bytes FROM call_data d JOIN call c USING (call_id)
        WHERE d.role = 'array' AND d.at_exit AND list_contains($names, c.name)
        """,
        {"names": sorted(SETS_FDS)},
    ).fetchall()
    return {call: list(struct.unpack_from("<2i", data)) for call, data in rows if data is not None and len(data) >= 8}


def _received(db: duckdb.DuckDBPyConnection, targets: Targets) -> Iterator[Event]:
    """Descriptors that arrived in ancillary data (SCM_RIGHTS, unix(7))."""
    rows = db.execute(
        """
        SELECT c.call_id, c.pid, c.arch, c.exit_ns, c.name, c.a2, c.a3, d.bytes
        FROM call_data d JOIN call c USING (call_id)
        WHERE d.role = 'control' AND d.at_exit AND c.errno IS NULL AND c.exit_ns IS NOT NULL
          AND c.name IN ('recvmsg', 'recvmmsg', 'recvmmsg_time64')
        """
    ).fetchall()
    for call_id, pid, arch, end, name, a2, a3, data in rows:
        cloexec = bool((a2 if name == "recvmsg" else a3) & MSG_CMSG_CLOEXEC)
        for fd in rights(data or b"", wide=arch in (Arch.X86_64, Arch.AARCH64)):
            target, inode, _ = targets.get((call_id, fd), (None, None, None))
            yield Event(
                end,
                Change.MAKE,
                pid,
                fd,
                call_id=call_id,
                how="received (SCM_RIGHTS)",
                cloexec=cloexec,
                name=target,
                inode=inode,
            )


def rights(control: bytes, *, wide: bool) -> list[int]:
    """Descriptors in ancillary data (struct cmsghdr, cmsg(3)); `wide`: 64-bit layout. Stops at the first bad length."""
    word = 8 if wide else 4
    head = word + 8
    found: list[int] = []
    at = 0
    while at + head <= len(control):
        length = int.from_bytes(control[at : at + word], "little")
        level, kind = struct.unpack_from("<2i", control, at + word)
        if length < head:
            break
        body = control[at + head : min(at + length, len(control))]
        if (level, kind) == (SOL_SOCKET, SCM_RIGHTS):
            found += [fd for (fd,) in struct.iter_unpack("<i", body[: len(body) // 4 * 4]) if fd >= 0]
        at += (length + word - 1) // word * word
    return found


def _sample_events(db: duckdb.DuckDBPyConnection) -> Iterator[Event]:
    """What procfs saw before and after the recording."""
    for time, pid, fd, target, inode, flags in db.execute(
        "SELECT time_ns, pid, fd, target, inode, flags FROM descriptor_sample WHERE call_id IS NULL"
    ).fetchall():
        yield Event(time, Change.SAMPLE, pid, fd, cloexec=bool((flags or 0) & O_CLOEXEC), name=target, inode=inode)


def _use_events(db: duckdb.DuckDBPyConnection) -> Iterator[Event]:
    """The first use of each number in each process: proof that it existed, even if nothing says where it came from."""
    for time, pid, fd, call_id in db.execute(
        """
        SELECT min(entry_ns), pid, fd, arg_min(call_id, entry_ns) FROM call
        WHERE fd IS NOT NULL AND fd >= 0 AND errno IS DISTINCT FROM 9 AND complete GROUP BY pid, fd
        """
    ).fetchall():
        yield Event(time, Change.USE, pid, fd, call_id=call_id)
