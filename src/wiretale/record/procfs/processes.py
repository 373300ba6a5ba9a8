"""Processes, their threads and their descriptors as /proc shows them (proc(5)).

A process may end between two looks, or belong to somebody else: what cannot be read is left out or None, never guessed.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict

from wiretale.clock import now_ns

EPOLL_TARGET = "anon_inode:[eventpoll]"  # of the link of an epoll instance (proc(5))
_PROC = Path("/proc")
_INODE = re.compile(r"(?:socket|pipe):\[(\d+)\]$")
_WATCHED = re.compile(r"tfd: *(?P<fd>\d+) events: *(?P<events>[0-9a-f]+) data: *(?P<value>[0-9a-f]+)")


class TaskRow(TypedDict):
    """One thread."""

    time_ns: int
    tid: int
    pid: int
    parent_pid: int | None
    comm: str | None
    exe: str | None
    argv: list[str] | None
    cwd: str | None
    uid: int | None
    netns: int | None


class DescriptorRow(TypedDict):
    """One descriptor; `position` is its file offset."""

    time_ns: int
    pid: int
    fd: int
    target: str | None
    inode: int | None
    flags: int | None
    position: int | None


class WatchRow(TypedDict):
    """One descriptor that an epoll instance watches; `events` and `value` as epoll_ctl(2) was given them."""

    time_ns: int
    pid: int
    epoll_fd: int
    fd: int
    events: int
    value: int


def process_tree(pids: list[int]) -> list[int]:
    """`pids` and all their living descendants."""
    parents = _parents() if pids else {}
    tree = [p for p in dict.fromkeys(pids) if p in parents]
    for pid in tree:  # grows while it is walked
        tree += [child for child, parent in parents.items() if parent == pid and child not in tree]
    return tree


def tasks(pid: int) -> Iterator[TaskRow]:
    """Every thread of the process, the leader first."""
    for tid in sorted(_numbers(_PROC / str(pid) / "task"), key=lambda t: (t != pid, t)):
        row = _task(pid, tid)
        if row is not None:
            yield row


def descriptors(pid: int) -> Iterator[DescriptorRow]:
    """Every open descriptor of the process."""
    folder = _PROC / str(pid)
    for fd in sorted(_numbers(folder / "fd")):
        when = now_ns()
        target = _link(folder / "fd" / str(fd))
        if target is None:
            continue
        inode = _INODE.match(target)
        info = _fields(folder / "fdinfo" / str(fd))
        yield DescriptorRow(
            time_ns=when,
            pid=pid,
            fd=fd,
            target=target,
            inode=int(inode[1]) if inode else None,
            flags=_integer(info.get("flags"), 8),
            position=_integer(info.get("pos"), 10),
        )


def watches(pid: int, fd: int) -> Iterator[WatchRow]:
    """What the process's epoll instance `fd` watches (proc_pid_fdinfo(5)); nothing if it is none."""
    when = now_ns()
    for line in (_text(_PROC / str(pid) / "fdinfo" / str(fd)) or "").splitlines():
        if watched := _WATCHED.match(line):
            yield WatchRow(
                time_ns=when,
                pid=pid,
                epoll_fd=fd,
                fd=int(watched["fd"]),
                events=int(watched["events"], 16),
                value=int(watched["value"], 16),
            )


def network_namespace(pid: int | str = "self") -> int | None:
    """Inode of the process's network namespace; None if it may not be seen."""
    try:
        return (_PROC / str(pid) / "ns/net").stat().st_ino
    except OSError:
        return None


def _task(pid: int, tid: int) -> TaskRow | None:
    folder = _PROC / str(pid) / "task" / str(tid)
    when = now_ns()
    status = _fields(folder / "status")
    if not status:
        return None
    return TaskRow(
        time_ns=when,
        tid=tid,
        pid=pid,
        parent_pid=_integer(status.get("PPid"), 10),
        comm=_text(folder / "comm"),
        exe=_link(folder / "exe"),
        argv=_argv(folder / "cmdline"),
        cwd=_link(folder / "cwd"),
        uid=_integer((status.get("Uid", "").split() or ["", ""])[1:2], 10),
        netns=network_namespace(tid),
    )


def _parents() -> dict[int, int]:
    """Parent of every process there is."""
    found = {}
    for pid in _numbers(_PROC):
        try:
            stat = (_PROC / str(pid) / "stat").read_bytes()
            # The name in parentheses may itself hold spaces and parentheses: the last one ends it.
            found[pid] = int(stat[stat.rindex(b")") + 1 :].split()[1])
        except (OSError, ValueError, IndexError):
            continue
    return found


def _numbers(folder: Path) -> list[int]:
    try:
        return [int(entry.name) for entry in folder.iterdir() if entry.name.isdigit()]
    except OSError:
        return []


def _link(path: Path) -> str | None:
    try:
        target = str(path.readlink())
    except OSError:
        return None
    return target.encode(errors="surrogateescape").decode(errors="backslashreplace")


def _text(path: Path) -> str | None:
    try:
        return path.read_bytes().rstrip(b"\n").decode(errors="backslashreplace")
    except OSError:
        return None


def _argv(path: Path) -> list[str] | None:
    text = _text(path)
    return None if text is None else text.removesuffix("\0").split("\0") if text else []


def _fields(path: Path) -> dict[str, str]:
    """`name: value` lines."""
    pairs = (line.partition(":") for line in (_text(path) or "").splitlines())
    return {name: value.strip() for name, _, value in pairs}


def _integer(text: str | list[str] | None, base: int) -> int | None:
    value = (text[0] if text else None) if isinstance(text, list) else text
    try:
        return int(value, base) if value else None
    except ValueError:
        return None
