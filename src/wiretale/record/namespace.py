"""A network of our own: where a user without any privilege may capture packets, and where every port is free.

Facts: unshare(2), user_namespaces(7), network_namespaces(7).
"""

import ctypes
import errno
import os
from pathlib import Path

from wiretale.errors import PermissionFault, ResourceFault
from wiretale.record.packets.interfaces import bring_up

_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000

# What can forbid user namespaces: file, the value that does, and the line that allows them again
_SWITCHES = (
    ("/proc/sys/kernel/unprivileged_userns_clone", "0", "sudo sysctl kernel.unprivileged_userns_clone=1"),
    ("/proc/sys/user/max_user_namespaces", "0", "sudo sysctl user.max_user_namespaces=10000"),
    ("/proc/sys/user/max_net_namespaces", "0", "sudo sysctl user.max_net_namespaces=10000"),
    (
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0",
    ),
)


class PrivateNetFault(PermissionFault):
    """The system gives this user no network of its own; recording without one may still be possible."""


def enter_private_net() -> None:
    """Move this process into a new network namespace with nothing but a loopback interface that is up.

    Root only needs the network namespace. Anybody else gets a user namespace around it in which uid and gid stay what
    they are: the process holds all capabilities there, and programs it executes hold none, as before.

    The process must have one thread (unshare(2) asks for it). Raises PermissionFault where the system forbids it.
    """
    threads = len(os.listdir("/proc/self/task"))  # noqa: PTH208 (a count of names, no paths)
    if threads != 1:
        raise RuntimeError(f"enter_private_net needs a process of one thread, this one has {threads}")
    uid, gid = os.geteuid(), os.getegid()
    # With CAP_SYS_ADMIN the network namespace can be had alone.
    if _unshare(_CLONE_NEWNET) != 0:
        _check(_unshare(_CLONE_NEWUSER | _CLONE_NEWNET))
        _map_ids(uid, gid)
    try:
        bring_up("lo")
    except PermissionError as fault:
        # AppArmor lets the namespace be made and then takes its capabilities away.
        raise _forbidden() from fault


def _unshare(flags: int) -> int:
    """The error number; 0 if it was done. Python has os.unshare only since 3.12."""
    libc = ctypes.CDLL(None, use_errno=True)
    return 0 if libc.unshare(flags) == 0 else ctypes.get_errno()


def _check(number: int) -> None:
    if number in (errno.EPERM, errno.ENOSPC, errno.EUSERS):
        raise _forbidden()
    if number:
        raise ResourceFault(
            f"this kernel gives no private network: {os.strerror(number)}", "record without --private-net"
        )


def _map_ids(uid: int, gid: int) -> None:
    """Inside, this user and group are who they are outside; no other exists."""
    try:
        Path("/proc/self/setgroups").write_text("deny", encoding="utf-8")  # the condition for gid_map without privilege
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1", encoding="utf-8")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1", encoding="utf-8")
    except OSError as fault:
        raise _forbidden() from fault


def _forbidden() -> PrivateNetFault:
    for file, value, remedy in _SWITCHES:
        try:
            found = Path(file).read_text(encoding="utf-8").strip()
        except OSError:
            continue
        if found == value:
            name = file.removeprefix("/proc/sys/").replace("/", ".")
            return PrivateNetFault(f"this system forbids private networks to ordinary users: {name} is {value}", remedy)
    return PrivateNetFault(
        "this system forbids private networks to this user (a container's seccomp profile does, too)",
        "run it with sudo, or without --private-net",
    )
