"""Pieces of SQL with their parameters, and a compiled filter.

Apart from the compiler, so that showing a capture without a filter need not import a parser.
"""

from collections.abc import Callable

from wiretale.filter.events import EventKind
from wiretale.light import dataclass, field

Value = int | str | bytes | bool


@dataclass(frozen=True, slots=True)
class Network:
    """A range of addresses, as the fixed-width hexadecimal keys of its first and last."""

    first: str
    last: str


@dataclass(frozen=True, slots=True)
class Condition:
    """A SQL condition (never NULL) over the aliases of `events.FROM`, and its parameters in order."""

    sql: str
    parameters: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True)
class Needle:
    """Bytes to look for; `either_case`: of a letter of ASCII its case does not count, and here it is the small one."""

    data: bytes
    either_case: bool


@dataclass(frozen=True, slots=True)
class Filter:
    """A compiled filter. `ctes` are the common table expressions its conditions need, to stand after WITH.
    `needles`: if a kind of event has any, only those match whose bytes hold one of them."""

    text: str
    conditions: dict[EventKind, Condition]
    ctes: tuple[str, ...]
    needles: dict[EventKind, tuple[Needle, ...]] = field(default_factory=dict)


def put(template: str, *parts: Condition) -> Condition:
    """The template with each {} replaced by a part; parameters follow in the order of the text."""
    return Condition(template.format(*(p.sql for p in parts)), tuple(v for p in parts for v in p.parameters))


_LONG = 800  # characters of SQL


def named(value: Condition, use: Callable[[Condition], Condition], name: str = "x") -> Condition:
    """What `use` makes of a value. A long one gets a name, the parameter of a lambda: repeated, it would be longer than
    DuckDB can plan in a second."""
    if len(value.sql) <= _LONG:
        return use(value)
    return put(f"list_transform([{{}}], lambda {name}: {{}})[1]", value, use(Condition(name)))


_IN_A_ROW = 16


def joined(word: str, parts: list[Condition]) -> Condition:
    """Parts joined by AND, OR or a comma, in parentheses. Many are joined by halves: DuckDB bounds how deep an
    expression nests, and a chain nests as deep as it is long."""
    if len(parts) > _IN_A_ROW and word != ", ":
        middle = len(parts) // 2
        parts = [joined(word, parts[:middle]), joined(word, parts[middle:])]
    return Condition(f"({word.join(p.sql for p in parts)})", tuple(v for p in parts for v in p.parameters))


def value(of: Value) -> Condition:
    """A parameter."""
    return Condition("?", (of,))


def literal(of: Value) -> Condition:
    """A parameter whose type DuckDB cannot infer from its place."""
    names = {bool: "BOOLEAN", int: "HUGEINT", str: "VARCHAR", bytes: "BLOB"}
    return Condition(f"CAST(? AS {names[type(of)]})", (of,))


NEVER = Condition("FALSE")
ALWAYS = Condition("TRUE")
EVERYTHING = Filter("", dict.fromkeys(EventKind, ALWAYS), ())
