"""What the forms of requests to devices are written with: what was given and came back, and single structures in words.

A form puts one argument in words. It is called only if the structure was read whole: before the call, or after it where
only the kernel fills it in.
"""

from collections.abc import Callable, Iterable
from itertools import pairwise

from wiretale.decode.record_types import Datum
from wiretale.decode.strace import names
from wiretale.decode.strace.style import Names
from wiretale.decode.strace.writer import StraceWriter
from wiretale.decode.struct_text import field_text
from wiretale.decode.structs import Field, Value, layout, unpack
from wiretale.decode.writer import pointer_text
from wiretale.light import dataclass


@dataclass(frozen=True, slots=True)
class Given:
    """A pointer argument: the bytes of its structure `name` before and after the call."""

    w: StraceWriter
    index: int
    name: str
    before: bytes | None
    after: bytes | None  # None: not read, or the call failed
    kept: bytes | None = None  # as `after`, of a call that failed too

    @property
    def first(self) -> "Struct":
        assert self.before is not None
        return Struct(self.w, self.name, self.before)

    @property
    def last(self) -> "Struct":
        """What came back."""
        assert self.after is not None
        return Struct(self.w, self.name, self.after)

    @property
    def only(self) -> "Struct":
        return self.first if self.before is not None else self.last

    @property
    def address(self) -> str:
        return pointer_text(self.w.unsigned(self.w.values[self.index]))

    def followed(self, struct: "Struct", pointer: str, *, at_exit: bool) -> Datum | None:
        """What a pointer of the structure points to; None if that was not read, at least in part."""
        place = 1 + struct.field(pointer).offset
        found = self.w.datum(self.index, "struct", at_exit=at_exit, idx=place)
        return found if found is not None and not self.w.terse else None


Form = Callable[[Given], str]
_NEVER_CUT = ("padding", "reserved", "values")


class Struct:
    """One structure in words, field by field."""

    def __init__(self, w: StraceWriter, name: str, data: bytes) -> None:
        self.w = w
        self.name = name
        self.data = data
        self._values: dict[str, tuple[Field, Value]] = {f.name: (f, v) for f, v in unpack(name, w.arch, data)}

    def field(self, name: str) -> Field:
        return self._values[name][0]

    def __getitem__(self, name: str) -> int:
        value = self._values[name][1]
        assert isinstance(value, int)
        return value

    def bytes(self, name: str) -> bytes:
        field = self.field(name)
        return self.data[field.offset : field.offset + field.size]

    def value(self, name: str) -> str:
        """An array of numbers is cut as `sequence` cuts it, but for padding."""
        field, value = self._values[name]
        text = field_text(self.w, field, value)
        is_cut = isinstance(value, list) and not field.nested and field.name not in _NEVER_CUT
        return sequence(self.w, text[1:-1].split(", ")) if is_cut else text

    def texts(self, *wanted: str) -> list[str]:
        return [f"{name}={self.value(name)}" for name in wanted or self._values]

    def string(self, name: str, label: str = "") -> str:
        return f"{label or name}={string(self.w, self.bytes(name))}"

    def used(self, *wanted: str) -> list[str]:
        """Those fields of which not all is 0."""
        return [text for name in wanted if any(self.bytes(name)) for text in self.texts(name)]

    def part(self, name: str, struct: str = "") -> "Struct":
        """A structure inside, as `struct` if it is a union."""
        field = self.field(name)
        return Struct(self.w, struct or field.nested, self.data[field.offset :])

    def parts(self, name: str, count: int) -> list["Struct"]:
        """The first elements of an array of structures."""
        field = self.field(name)
        size = layout(field.nested, self.w.arch).size
        starts = range(field.offset, field.offset + min(count, field.count) * size, size)
        return [Struct(self.w, field.nested, self.data[at : at + size]) for at in starts]

    def values(self, name: str) -> list[int]:
        """An array of numbers."""
        value = self._values[name][1]
        assert isinstance(value, list)
        return [number for number in value if isinstance(number, int)]

    def numbers(self, name: str, count: int) -> str:
        """The first numbers of an array."""
        return sequence(self.w, map(str, self.values(name)[:count]))

    def __str__(self) -> str:
        return braces(self.texts())


def braces(*fields: Iterable[str]) -> str:
    return "{" + ", ".join(text for group in fields for text in group) + "}"


def sequence(w: StraceWriter, texts: Iterable[str]) -> str:
    """Elements of an array; without -v only as many as -s says."""
    shown = list(texts)
    if w.brief and len(shown) > w.limit:
        shown = [*shown[: w.limit], "..."]
    return f"[{', '.join(shown)}]"


def string(w: StraceWriter, data: bytes) -> str:
    """Text in a field of fixed size; the last byte is taken for the NUL."""
    text, nul, _ = data.partition(b"\0")
    return w.text(text) if nul else w.text(data[:-1]) + "..."


def styled(w: StraceWriter, value: int, text: str) -> str:
    """A number by its name, or both: as -X wants it."""
    number = names.number(value)
    if w.style.names is Names.RAW or not text:
        return number
    return f"{number} /* {text} */" if w.style.names is Names.VERBOSE else text


def decimal(w: StraceWriter, value: int, text: str) -> str:
    """As `styled`, of a number that is decimal in every style."""
    if w.style.names is Names.RAW or not text:
        return str(value)
    return f"{value} /* {text} */" if w.style.names is Names.VERBOSE else text


def commented(text: str, comment: str) -> str:
    return f"{text} /* {comment} */" if comment else text


def number_noted(w: StraceWriter, text: str, comment: str) -> str:
    """A number that is followed by what it means, but for -X raw."""
    return text if w.style.names is Names.RAW else commented(text, comment)


def limited(s: Struct, name: str) -> str:
    """A number of 64 bits of which the largest means that there is no limit."""
    return f"{name}={decimal(s.w, s[name], 'UINT64_MAX' if s[name] == (1 << 64) - 1 else '')}"


def uuid(s: Struct, name: str) -> str:
    digits = s.bytes(name).hex()
    return f"{name}={'-'.join(digits[a:b] for a, b in pairwise((0, 8, 12, 16, 20, 32)))}"


def answered(given: Given, asked: str, answer: Callable[[Struct], str]) -> str:
    """What was given, and of a call that succeeded what came back."""
    return asked if given.after is None else f"{asked} => {answer(given.last)}"


def elements(
    w: StraceWriter,
    data: bytes,
    address: int,
    text: Callable[[bytes], str],
    *,
    count: int,
    size: int,
    room: int = 1 << 32,
    most: int = 1 << 32,
) -> str:
    """An array of `count` elements, of which there is `room` for some; where it could not be read, the address.

    Without -v at most so many as -s says, and as `most` says.
    """
    shown: list[str] = []
    for number in range(count):
        piece = data[number * size : (number + 1) * size]
        if number >= room:
            shown.append("...")
            break
        if len(piece) < size and not number:
            return pointer_text(address)
        if len(piece) < size:
            shown.append(f"... /* {address + number * size:#x} */")
            break
        if w.brief and number >= min(w.limit, most):
            shown.append("...")
            break
        shown.append(text(piece))
    return f"[{', '.join(shown)}]"


def bits(w: StraceWriter, value: int, known: dict[int, str], unknown: str) -> str:
    """Flags in the order of `known`."""
    shown = [label for mask, label in known.items() if value & mask == mask]
    rest = value & ~sum(known)
    if w.style.names is Names.RAW or not value:
        return names.number(value)
    if not shown:
        return f"{value:#x} /* {unknown} */"
    return styled(w, value, "|".join([*shown, *([hex(rest)] if rest else [])]))
