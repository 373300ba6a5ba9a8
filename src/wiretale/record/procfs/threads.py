"""What each thread of a process is in at one instant, as /proc shows it, and who owns the mutex it waits for.

A thread may go on between two looks: what was read of its call holds only if the call is the same after it, and is
else left out.
"""

import os
import platform
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypedDict

from wiretale.clock import now_ns
from wiretale.record.procfs.mutexes import SIZE, mutex_at

_FUTEX = {"x86_64": 202, "aarch64": 98}.get(platform.machine())
_FIRST_64_BIT = 1 << 32  # a stack below it is that of a 32-bit program, whose calls have other numbers
_ADDRESSES = 1 << 63


class ThreadRow(TypedDict):
    """One thread. `number` to `lock_owner_pid`: of the call it is in; None if it is in none or that may not be read."""

    time_ns: int
    pid: int
    tid: int
    state: str | None
    cpu_ns: int | None
    delay_ns: int | None
    number: int | None
    wchan: str | None
    lock_address: int | None
    lock_kind: str | None
    lock_owner_tid: int | None
    lock_owner_pid: int | None


def threads(pid: int) -> Iterator[ThreadRow]:
    """Every thread of the process."""
    folder = Path("/proc", str(pid), "task")
    tids: list[int] = []
    with suppress(OSError):
        tids = sorted(int(name) for name in os.listdir(folder))  # noqa: PTH208 (names, not paths)
    for tid in tids:
        row = _thread(pid, folder / str(tid), tids)
        if row is not None:
            yield row


def _thread(pid: int, folder: Path, tids: list[int]) -> ThreadRow | None:
    when = now_ns()
    stat = _read(folder / "stat")
    if stat is None:
        return None
    ran, delay = _schedstat(folder)
    row = ThreadRow(
        time_ns=when, pid=pid, tid=int(folder.name), state=stat[stat.rindex(")") + 2 :][:1], cpu_ns=ran,
        delay_ns=delay, number=None, wchan=None, lock_address=None, lock_kind=None, lock_owner_tid=None,
        lock_owner_pid=None,
    )  # fmt: skip
    call = _call(folder)
    if call is None:
        return row
    row["number"] = call[0]
    row["wchan"] = (_read(folder / "wchan") or "").strip("0\n") or None
    if call[0] == _FUTEX and call[-2] >= _FIRST_64_BIT:
        _add_owner(row, folder, call, tids)
    return row


def _call(folder: Path) -> tuple[int, ...] | None:
    """Number, six arguments, stack and instruction pointer of the call a thread is blocked in (proc_pid_syscall(5))."""
    words = (_read(folder / "syscall") or "").split()
    if len(words) != 9 or words[0] == "-1":
        return None
    return (int(words[0]), *(int(word, 16) for word in words[1:]))


def _add_owner(row: ThreadRow, folder: Path, call: tuple[int, ...], tids: list[int]) -> None:
    _, address, flags, expected, *_ = call
    before = _memory(row["pid"], address)
    if before is None or before != _memory(row["pid"], address) or call != _call(folder):
        return
    mutex = mutex_at(before, flags & 0xFFFFFFFF, expected & 0xFFFFFFFF)
    if mutex is None:
        return
    owner = _seen_from_here(row["pid"], mutex.owner, tids)
    owner_pid = row["pid"] if owner in tids else _process_of(owner) if owner is not None else None
    if owner is not None:
        row["lock_address"], row["lock_kind"] = address, mutex.kind
        row["lock_owner_tid"], row["lock_owner_pid"] = owner, owner_pid


def _seen_from_here(pid: int, owner: int, tids: list[int]) -> int | None:
    """The number that a thread of the process's own pid namespace has in ours; None if it has another namespace's."""
    namespaces = (_status(Path("/proc", str(pid)), "NSpid") or str(pid)).split()
    if len(namespaces) == 1:
        return owner
    for tid in tids:
        inside = (_status(Path("/proc", str(pid), "task", str(tid)), "NSpid") or "").split()
        if inside and inside[-1] == str(owner):
            return tid
    return None


def _process_of(tid: int) -> int | None:
    """The process a thread of any process belongs to; None if there is no such thread."""
    tgid = _status(Path("/proc", str(tid)), "Tgid")
    return int(tgid) if tgid else None


def _status(folder: Path, name: str) -> str | None:
    for line in (_read(folder / "status") or "").splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return value.strip()
    return None


def _schedstat(folder: Path) -> tuple[int | None, int | None]:
    """Time on a CPU and time waiting for one, in ns (sched-stats.rst); None where the kernel keeps none."""
    words = (_read(folder / "schedstat") or "").split()
    return (int(words[0]), int(words[1])) if len(words) == 3 else (None, None)


def _memory(pid: int, address: int) -> bytes | None:
    if not 0 < address < _ADDRESSES or sys.byteorder != "little":
        return None
    try:
        with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:  # noqa: PTH123 (Path.open buffers)
            return os.pread(memory.fileno(), SIZE, address)
    except OSError:
        return None


def _read(path: Path) -> str | None:
    try:
        return path.read_bytes().decode(errors="replace")
    except OSError:
        return None
