"""How `wiretale strace` prints: the options of strace(1) that change the text of a call."""

from collections.abc import Callable
from enum import StrEnum

from wiretale.light import dataclass


class Names(StrEnum):
    """-X: how constants are printed."""

    ABBREV = "abbrev"  # AF_INET
    RAW = "raw"  # 0x2
    VERBOSE = "verbose"  # 0x2 /* AF_INET */


class Hex(StrEnum):
    """-x, -xx, --strings-in-hex: which strings are printed in hexadecimal."""

    NONE = "none"
    NON_ASCII_CHARS = "non-ascii-chars"
    NON_ASCII = "non-ascii"
    ALL = "all"


def _every(*_: object) -> bool:
    return True


def _no(*_: object) -> bool:
    return False


def _no_time() -> None:
    return None


@dataclass(frozen=True, slots=True)
class StraceStyle:
    """The predicates take the name of a call and its Arch."""

    strings: int = 32  # -s
    names: Names = Names.ABBREV
    hex: Hex = Hex.NONE
    abbreviated: Callable[[str, int], bool] = _every  # -e abbrev, -v
    raw: Callable[[str, int], bool] = _no  # -e raw
    verbose: Callable[[str, int], bool] = _every  # -e verbose: whose structures are shown
    argument_names: bool = False  # -N
    interfaces: Callable[[int], str] = lambda _: ""  # the name of a network interface, if there is such a one
    families: Callable[[int], str] = lambda _: ""  # the name of a family of generic netlink, as it is for interfaces
    booted_ns: Callable[[], int | None] = _no_time  # when the machine was started, in time since 1970
    more: bool = False  # --more: decode what strace leaves raw


DEFAULT_STYLE = StraceStyle()
