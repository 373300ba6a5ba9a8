"""What a filter text says, before any name in it is looked up: tests over expressions, each knowing where it stands."""

from enum import StrEnum

from wiretale.light import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Characters `[start, end)` of the filter text."""

    start: int
    end: int


class Quantifier(StrEnum):
    """Over the values of fields that have several: does one suffice, or must all hold?"""

    ANY = "any"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Span:
    """One part of a slice or layer list, from `start` on (negative: counted from the end) for `length` bytes, or up to
    and with `last`, or to the end."""

    start: int
    length: int | None
    last: int | None


@dataclass(frozen=True, slots=True)
class Word:
    """A name, number, address, date or byte string without quotes. `is_field`: written with a dot before it, it is the
    name of a field, whatever it is compared with."""

    place: Place
    text: str
    is_field: bool = False


@dataclass(frozen=True, slots=True)
class Quoted:
    """A text in double quotes, as bytes. `wrong` says which escape is none; `pattern` keeps that one as it is written,
    as a regular expression needs it."""

    place: Place
    data: bytes
    pattern: bytes
    wrong: str


@dataclass(frozen=True, slots=True)
class Character:
    """'x': a number, or one byte."""

    place: Place
    code: int


@dataclass(frozen=True, slots=True)
class Layered:
    """field#2, and @field where `raw`."""

    place: Place
    name: Word
    layers: tuple[Span, ...]
    raw: bool


@dataclass(frozen=True, slots=True)
class Slice:
    """Bytes of an expression."""

    place: Place
    of: "Expression"
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Function:
    """name(arguments)."""

    place: Place
    name: str
    arguments: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """left operator right; the operator is one of + - * / % &."""

    place: Place
    operator: str
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True, slots=True)
class Minus:
    """-expression."""

    place: Place
    of: "Expression"


Expression = Word | Quoted | Character | Layered | Slice | Function | Arithmetic | Minus


@dataclass(frozen=True, slots=True)
class Exists:
    """An expression alone: a field that is there, or arithmetic that is not zero."""

    place: Place
    of: Expression


@dataclass(frozen=True, slots=True)
class Compare:
    """left sign right, where sign is one of == != === !== < <= > >=. `sign_place` is where the sign stands."""

    place: Place
    sign: str
    sign_place: Place
    left: Expression
    right: Expression
    quantifier: Quantifier | None


@dataclass(frozen=True, slots=True)
class Search:
    """left contains right, or left matches right."""

    place: Place
    sign: str
    sign_place: Place
    left: Expression
    right: Expression
    quantifier: Quantifier | None


@dataclass(frozen=True, slots=True)
class Member:
    """left in {low, low..high, ...}; `high` is None for a single element."""

    place: Place
    left: Expression
    items: tuple[tuple[Expression, Expression | None], ...]
    quantifier: Quantifier | None


@dataclass(frozen=True, slots=True)
class Not:
    """Negation."""

    place: Place
    of: "Test"


@dataclass(frozen=True, slots=True)
class Joint:
    """Several tests joined by one of "or", "and", "xor"."""

    place: Place
    word: str
    tests: tuple["Test", ...]


Test = Exists | Compare | Search | Member | Not | Joint
