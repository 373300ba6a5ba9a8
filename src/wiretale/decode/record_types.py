"""The values that decoding takes and gives: one call as recorded, and the same call in words."""

from collections.abc import Callable

from wiretale.light import dataclass


@dataclass(frozen=True, slots=True)
class Datum:
    """One row of `call_data`."""

    at_exit: bool
    role: str  # lower-case name of model.spool.Role
    arg: int
    idx: int
    address: int
    offset: int
    full_bytes: int
    error: int
    bytes: bytes


@dataclass(frozen=True, slots=True)
class RawCall:
    """One row of `call` with its `call_data`."""

    name: str
    arch: int
    args: tuple[int, ...]
    retval: int | None
    errno: int | None
    data: tuple[Datum, ...] = ()


@dataclass(frozen=True, slots=True)
class DecodedArg:
    """One argument: its name in the manual, and its text. `numbers` holds (name, value) of every constant in it."""

    name: str
    text: str
    numbers: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class DecodedCall:
    """One call in words. `text` is `name(args) = result`, payload escaped, constants named."""

    name: str
    args: tuple[DecodedArg, ...]
    result: str  # "3", "-1 EINPROGRESS (Operation now in progress)", "?" while unfinished
    numbers: tuple[tuple[str, int], ...] = ()

    @property
    def text(self) -> str:
        """The call on one line."""
        return f"{self.name}({', '.join(a.text for a in self.args)}) = {self.result}"


FdLabel = Callable[[int], str]  # descriptor -> what to print for it: "3<TCP 127.0.0.1:4444->127.0.0.1:4000>"
