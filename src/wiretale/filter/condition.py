"""A compiled filter, apart from the compiler so that showing a capture without a filter need not import a parser."""

from dataclasses import dataclass

from wiretale.filter.events import EventKind
from wiretale.filter.values import Value


@dataclass(frozen=True, slots=True)
class Condition:
    """A SQL condition (never NULL) over the aliases of `events.FROM`, and its parameters in order."""

    sql: str
    parameters: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True)
class Filter:
    """A compiled filter. `ctes` are the common table expressions its conditions need, to stand after WITH."""

    text: str
    conditions: dict[EventKind, Condition]
    ctes: tuple[str, ...]


NEVER = Condition("FALSE")
EVERYTHING = Filter("", {kind: Condition("TRUE") for kind in EventKind}, ())
