"""The procfs source: who is there before and after a recording, what each holds open, and every socket's state.

One line of JSON per fact is appended to `procfs.jsonl`; `store/load/procfs.py` reads it. A line's `kind` is snapshot,
task, descriptor, watch, socket or thread; its other members are those of SnapshotRow, TaskRow, DescriptorRow, WatchRow,
SocketRow and ThreadRow.
"""

import json
import socket
import sys
from collections.abc import Callable, Iterator
from typing import Any, TypedDict

from wiretale.clock import now_ns
from wiretale.record.procfs import net_files, sock_diag
from wiretale.record.procfs.processes import EPOLL_TARGET, descriptors, network_namespace, process_tree, tasks, watches
from wiretale.record.procfs.socket_row import SocketRow
from wiretale.record.procfs.threads import threads
from wiretale.store.spool import Spool

_SO_NETNS_COOKIE = 71  # asm-generic/socket.h


class SnapshotRow(TypedDict):
    """Opens each snapshot. `asked` says how each family of sockets was listed: sock_diag or /proc/net."""

    time_ns: int
    label: str
    netns: int | None
    netns_cookie: int | None
    asked: dict[str, str]


def snapshot(spool: Spool, pids: list[int], label: str) -> None:
    """Append what `pids` and their descendants are and hold now, and the sockets of this network namespace."""
    begin = now_ns()
    asked: dict[str, str] = {}
    sockets: list[dict[str, Any]] = []
    for name, ask, fall_back in (
        ("inet", sock_diag.inet_sockets, net_files.inet_sockets),
        ("unix", sock_diag.unix_sockets, net_files.unix_sockets),
    ):
        when = now_ns()
        rows, asked[name] = _ask(ask, fall_back)
        sockets += [{"kind": "socket", "time_ns": when, **row} for row in rows]
    cookie = _netns_cookie()
    opening = SnapshotRow(time_ns=begin, label=label, netns=network_namespace(), netns_cookie=cookie, asked=asked)
    lines: list[dict[str, Any]] = [{"kind": "snapshot", **opening}]
    for pid in process_tree(pids):
        lines += [{"kind": "task", **row} for row in tasks(pid)]
        held = list(descriptors(pid))
        lines += [{"kind": "descriptor", **row} for row in held]
        polls = [row["fd"] for row in held if row["target"] == EPOLL_TARGET]
        lines += [{"kind": "watch", **row} for fd in polls for row in watches(pid, fd)]
    _append(spool, [*lines, *sockets])


def look_at_threads(spool: Spool, pids: list[int]) -> None:
    """Append what each thread of `pids` is in now, while they are still recorded: letting go wakes them up."""
    _append(spool, [{"kind": "thread", **row} for pid in pids for row in threads(pid)])


def _append(spool: Spool, lines: list[dict[str, Any]]) -> None:
    with spool.procfs_path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)


def _ask(
    diag: Callable[[], Iterator[SocketRow]], files: Callable[[], Iterator[SocketRow]]
) -> tuple[list[SocketRow], str]:
    try:
        return list(diag()), "sock_diag"
    except OSError:
        # The module is missing, or the sandbox has no netlink.
        return list(files()), "/proc/net"


def _netns_cookie() -> int | None:
    """SO_NETNS_COOKIE (Linux 5.14) of the current network namespace."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            return int.from_bytes(sock.getsockopt(socket.SOL_SOCKET, _SO_NETNS_COOKIE, 8), sys.byteorder)
    except OSError:
        return None
