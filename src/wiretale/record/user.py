"""Who the recorded programs run as: under sudo, the user who typed the command, not root."""

import os
import pwd

from wiretale.errors import UsageFault
from wiretale.light import dataclass

TYPE_CHECKING = False  # typing itself is not loaded: see light.py
if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class User:
    """One account, with all its groups."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]


def named(name: str) -> User:
    """The account `name`. Raises UsageFault if there is none."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise UsageFault(f"there is no user {name!r}", "see: getent passwd") from None
    return User(name, entry.pw_uid, entry.pw_gid, tuple(os.getgrouplist(name, entry.pw_gid)))


def invoking_user() -> User | None:
    """The user behind sudo, if this process is root by sudo; None otherwise."""
    uid = os.environ.get("SUDO_UID", "")
    if os.geteuid() != 0 or not uid.isdigit() or int(uid) == 0:
        return None
    try:
        return named(pwd.getpwuid(int(uid)).pw_name)
    except KeyError:
        return None


def give_to(user: User | None, path: "Path") -> None:
    """Make `path` the user's own, so that a capture recorded with sudo can be opened without it."""
    if user is not None:
        os.chown(path, user.uid, user.gid)
