"""What `wiretale strace -e inject` does to calls; `part_tamper.h` carries it out."""

from wiretale.light import dataclass


@dataclass(frozen=True, slots=True)
class Poke:
    """Bytes that overwrite what an argument (from 0) points to, before the call or after it."""

    argument: int
    data: bytes
    at_exit: bool


@dataclass(frozen=True, slots=True)
class Tamper:
    """What to do to the calls `first`, `first + step` ... `last` of one number that each task makes."""

    arch: int
    number: int
    result: int | None = None  # what the call returns, without being made; -errno for an error
    fails: bool = False  # whether that is told as an error
    other: int | None = None  # the call made in its place
    signal: int = 0
    delay_enter_ns: int = 0
    delay_exit_ns: int = 0
    first: int = 1
    last: int = 0xFFFFFFFF
    step: int = 1
    pokes: tuple[Poke, ...] = ()
