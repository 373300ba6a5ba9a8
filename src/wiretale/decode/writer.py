"""What every printer of one call shares: the call's data, how to print numbers, and the constants met so far."""

from collections.abc import Callable, Mapping

from wiretale.decode.constants import Named, enumerator, error_text, flag_set, join_named, signal_name
from wiretale.decode.constants.tables import ERRORS
from wiretale.decode.escape import escape_bytes, escape_text
from wiretale.decode.record_types import Datum, FdLabel, RawCall
from wiretale.decode.signals import signal_set
from wiretale.decode.sockaddr import decode_sockaddr
from wiretale.decode.structs import word_size

AT_FDCWD, ACCESS_MASK = -100, 0o3  # linux/fcntl.h, asm-generic/fcntl.h: O_ACCMODE


def signed32(value: int) -> int:
    """The low 32 bits of a register as an int."""
    value &= 0xFFFFFFFF
    return value - 0x100000000 if value & 0x80000000 else value


def pointer_text(value: int) -> str:
    return hex(value) if value else "NULL"


class Writer:
    """One call while it is put in words. `found` collects the constants that were named; the caller empties it."""

    __slots__ = ("_data", "arch", "call", "found", "label", "limit", "numbered", "values", "word")

    # A dialect's own words for some structures: name of the structure -> printer (`decode/strace` fills it).
    structs: Mapping[str, "Callable[[Writer, str, bytes], str]"] = {}
    brief = False  # whether a dialect cuts long lists at `limit`

    def __init__(self, call: RawCall, *, label: FdLabel | None, limit: int, numbered: bool) -> None:
        self.call = call
        self.arch = call.arch
        self.word = word_size(call.arch)
        self.label = label
        self.limit = limit
        self.numbered = numbered
        self.found: list[tuple[str, int]] = []
        self.values: tuple[int, ...] = call.args  # one per argument of the specification
        self._data = {(d.arg, d.at_exit, d.role, d.idx): d for d in call.data}

    # -- what the call carried -------------------------------------------------------------------------------------

    def datum(self, arg: int, role: str, *, at_exit: bool, idx: int = 0) -> Datum | None:
        """One piece of the call's data; None if it was not recorded."""
        return self._data.get((arg, at_exit, role, idx))

    def readable(self, arg: int, role: str, *, at_exit: bool, idx: int = 0) -> Datum | None:
        """As `datum`, but None also if nothing of it could be read."""
        found = self._data.get((arg, at_exit, role, idx))
        return None if found is None or (found.error and not found.bytes) else found

    def several(self, arg: int, role: str, *, at_exit: bool) -> list[Datum]:
        """All elements of a vector, in order."""
        return sorted((d for k, d in self._data.items() if k[:3] == (arg, at_exit, role)), key=lambda d: d.idx)

    @property
    def failed(self) -> bool:
        """The call returned an error."""
        return self.call.errno is not None

    @property
    def succeeded(self) -> bool:
        return self.call.retval is not None and self.call.errno is None

    # -- numbers ---------------------------------------------------------------------------------------------------

    def named(self, named: Named) -> str:
        """A constant, or an OR of them, as text; noted."""
        self.found += named[2]
        return named[1] if self.numbered else named[0]

    def enum(self, table: str, value: int) -> str:
        return self.named(enumerator(table, value, self.arch))

    def flags(self, table: str, value: int) -> str:
        return self.named(flag_set(table, value, self.arch))

    def open_flags(self, value: int) -> str:
        """O_RDWR|O_CREAT: the access mode is a number, not bits."""
        rest = value & ~ACCESS_MASK & 0xFFFFFFFF
        access = enumerator("open_access", value & ACCESS_MASK)
        return self.named(join_named(access, flag_set("open_flags", rest, self.arch)) if rest else access)

    def note(self, name: str, value: int) -> str:
        """A constant that is in no table, by name."""
        self.found.append((name, value))
        return f"{name}({value})" if self.numbered else name

    def signal(self, number: int) -> str:
        name = signal_name(number)
        return self.note(name, number) if name.startswith("SIG") else name

    def decimal(self, text: str, value: int) -> str:
        """A number in words that the dialects show with the number, or without them."""
        return text

    def plain_signal(self, number: int) -> str:
        """A signal inside a condition, where no dialect writes numbers."""
        return self.signal(number)

    def plain_enum(self, table: str, value: int) -> str:
        """A constant in what a call returned, where no dialect writes numbers."""
        return self.enum(table, value)

    def signal_set(self, mask: int) -> str:
        """[INT TERM]."""
        return signal_set(mask)

    def error(self, number: int) -> str:
        """An errno with its message, for example `ECONNREFUSED (Connection refused)`."""
        row = ERRORS.get(number)
        if row is None:
            return error_text(number)
        self.found.append((row[0], number))
        return f"{row[0]}({number}) ({row[1]})" if self.numbered else error_text(number)

    def fd(self, number: int) -> str:
        """A descriptor, with what it is if the caller knows."""
        if self.label is not None and number >= 0:
            return escape_text(self.label(number))
        return str(number)

    def dirfd(self, number: int) -> str:
        return self.note("AT_FDCWD", AT_FDCWD) if number == AT_FDCWD else self.fd(number)

    def pid(self, number: int) -> str:
        """A process or thread."""
        return str(number)

    def hardware(self, data: bytes, length: int) -> str:
        """An address of a network card; `data` is all that there is room for."""
        return ":".join(f"{byte:02x}" for byte in data[:length])

    def interface(self, index: int) -> str:
        """A network interface by its index."""
        return str(index)

    def unsigned(self, value: int) -> int:
        """A register as an unsigned long of the task."""
        return value & 0xFFFFFFFF if self.word == 4 else value & 0xFFFFFFFFFFFFFFFF

    def signed(self, value: int) -> int:
        """A register as a long of the task."""
        value = self.unsigned(value)
        top = 1 << (8 * self.word - 1)
        return value - 2 * top if value & top else value

    # -- bytes -----------------------------------------------------------------------------------------------------

    def text(self, data: bytes) -> str:
        """A path or name: never cut."""
        return escape_bytes(data)

    def data(self, data: bytes, full: int) -> str:
        """Payload, cut at the limit; "..." also where the recording holds less than there was."""
        limit = self.limit
        if len(data) > limit:
            return escape_bytes(data, limit)
        return escape_bytes(data) + ("..." if full > len(data) else "")

    def sockaddr(self, data: bytes) -> str:
        return self.named(decode_sockaddr(data).named)
