"""What a program wants of a descriptor that it has: the commands of fcntl and ioctl, and the calls that only look."""

import re

from wiretale.explain.rows import Call

_F_GETFD, _F_SETFD, _F_GETFL, _F_SETFL, _F_SETOWN = 1, 2, 3, 4, 8  # asm-generic/fcntl.h
_TCGETS, _FIONBIO, _FIONCLEX, _FIOCLEX, _FIOASYNC = 0x5401, 0x5421, 0x5450, 0x5451, 0x5452  # asm-generic/ioctls.h
_ENOTTY = 25  # asm-generic/errno-base.h


def _command(call: Call) -> int:
    return call.raw.args[1] & 0xFFFFFFFF if call.name in ("fcntl", "fcntl64") and len(call.raw.args) > 1 else -1


def reads_flags(call: Call) -> bool:
    """fcntl(F_GETFL)."""
    return _command(call) == _F_GETFL


def sets_flags(call: Call) -> bool:
    """fcntl(F_SETFL)."""
    return _command(call) == _F_SETFL


def flags_of(call: Call) -> list[str]:
    """The flags that F_GETFL returned or F_SETFL was given."""
    if reads_flags(call):
        found = re.search(r"\(flags (.*)\)", call.words.result)
        return found[1].split("|") if found else []
    return (call.argument("flags") or call.argument("arg")).split("|")


def blocking(flags: list[str]) -> str:
    """What O_NONBLOCK or its absence means for calls on the descriptor."""
    return "calls on it return at once instead of waiting" if "O_NONBLOCK" in flags else "calls on it wait"


def reads_descriptor_flags(call: Call) -> bool:
    """fcntl(F_GETFD)."""
    return _command(call) == _F_GETFD


def sets_descriptor_flags(call: Call) -> bool:
    """fcntl(F_SETFD)."""
    return _command(call) == _F_SETFD


def sets_owner(call: Call) -> bool:
    """fcntl(F_SETOWN)."""
    return _command(call) == _F_SETOWN


def _request(call: Call) -> int:
    return call.raw.args[1] & 0xFFFFFFFF if call.name == "ioctl" and len(call.raw.args) > 1 else -1


def sets_blocking(call: Call) -> bool:
    """ioctl(FIONBIO)."""
    return _request(call) == _FIONBIO


def sets_signals(call: Call) -> bool:
    """ioctl(FIOASYNC)."""
    return _request(call) == _FIOASYNC


def keeps_open(call: Call) -> bool | None:
    """Whether ioctl said that the descriptor outlives execve (FIONCLEX) or does not (FIOCLEX); None of other calls."""
    return {_FIONCLEX: True, _FIOCLEX: False}.get(_request(call))


def given(call: Call) -> str:
    """The value behind the last argument; empty if none was recorded."""
    return call.words.args[-1].text.strip("[]") if call.words.args else ""


_LOOKS = ("fstat", "fstat64", "newfstatat", "fstatat64", "statx", "lseek", "_llseek")


def looks(call: Call) -> bool:
    """Whether it only asks what kind of thing a descriptor is: a terminal, a file with a position, a socket."""
    return call.name in _LOOKS or asks_for_terminal(call)


def asks_for_terminal(call: Call) -> bool:
    """ioctl(TCGETS) on what is no terminal."""
    return _request(call) == _TCGETS and call.errno == _ENOTTY
