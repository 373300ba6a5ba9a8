"""Values of an expression for one kind of event, and the tests "for any value", "for all values".

An expression has alternatives: one for each value a field can have (tcp.port has two). An alternative may also be
spread over a row set (`Rows`: the connections of a call) or over the elements of a list (`Elements`: the options of a
segment), and then stands for as many values as there are rows or elements.
"""

import re
from itertools import product

from wiretale.filter.condition import ALWAYS, NEVER, Condition, Network, Value, joined, named, put
from wiretale.filter.types import FieldType
from wiretale.light import dataclass

MOST_ALTERNATIVES = 64  # of one expression: each operator multiplies those of its sides


@dataclass(frozen=True, slots=True)
class Rows:
    """A row set: FROM text, and the column that ties its rows to the event's."""

    alias: str
    table: str
    inner: str
    outer: str


@dataclass(frozen=True, slots=True)
class Elements:
    """The elements of a list of the event; `variable` stands for one of them."""

    variable: str
    list: str


Source = Rows | Elements


@dataclass(frozen=True, slots=True)
class Alternative:
    """One value, or one for each row or element of `sources`. NULL: absent."""

    sql: Condition
    sources: tuple[Source, ...] = ()
    layer: int = 1


@dataclass(frozen=True, slots=True)
class Operand:
    """The values of an expression. `literal` says how a word beside it is read where that differs from `type`. A
    constant has its `value`, or is a range of addresses."""

    type: FieldType
    alternatives: tuple[Alternative, ...]
    literal: FieldType | None = None
    constant: bool = False
    value: Value | None = None
    network: Network | None = None

    @property
    def reads(self) -> FieldType:
        """The type of a literal that is compared with this."""
        return self.literal or self.type


class TooManyError(ValueError):
    """An expression has more alternatives than are compiled."""


def mapped(template: str, operand: Operand) -> tuple[Alternative, ...]:
    """The template applied to each alternative; {0} stands for it, as often as needed."""
    times = template.count("{0}")
    plain = template.replace("{0}", "{}")

    def applied(value: Condition) -> Condition:
        return put(plain, *[value] * times)

    return tuple(
        Alternative(named(a.sql, applied) if times > 1 else applied(a.sql), a.sources, a.layer)
        for a in operand.alternatives
    )


def combined(template: str, left: Operand, right: Operand) -> tuple[Alternative, ...]:
    """The template applied to each pair of alternatives; {0} and {1} stand for them, in any order."""
    if len(left.alternatives) * len(right.alternatives) > MOST_ALTERNATIVES:
        raise TooManyError
    order = [int(n) for n in re.findall(r"\{([01])\}", template)]
    plain = re.sub(r"\{[01]\}", "{}", template)

    def applied(one: Condition, other: Condition) -> Condition:
        return put(plain, *[(one, other)[n] for n in order])

    def paired(one: Condition, other: Condition) -> Condition:
        if len(order) <= 2:
            return applied(one, other)
        return named(one, lambda x: named(other, lambda y: applied(x, y), "y"))

    return tuple(
        Alternative(paired(a.sql, b.sql), merged(a.sources, b.sources))
        for a, b in product(left.alternatives, right.alternatives)
    )


def merged(*several: tuple[Source, ...]) -> tuple[Source, ...]:
    """Each source once: two fields of one row set are taken from the same row."""
    return tuple(dict.fromkeys(source for sources in several for source in sources))


def any_of(alternatives: tuple[Alternative, ...]) -> Condition:
    """Whether the alternatives, which are conditions, hold for any value. Never NULL."""
    if not alternatives:
        return NEVER
    by_sources: dict[tuple[Source, ...], list[Condition]] = {}
    for alternative in alternatives:
        by_sources.setdefault(alternative.sources, []).append(_sure(alternative.sql))
    tests = [_spread(_either(same), sources) for sources, same in by_sources.items()]
    return _either(tests)


def _either(tests: list[Condition]) -> Condition:
    return tests[0] if len(tests) == 1 else joined(" OR ", tests)


def present(operand: Operand) -> Condition:
    """Whether the expression has any value."""
    if operand.constant:
        return ALWAYS
    return any_of(mapped("({0}) IS NOT NULL", operand))


def all_of(test: tuple[Alternative, ...], *operands: Operand) -> Condition:
    """Whether the operands are there, and the conditions hold for all their values."""
    fails = any_of(tuple(Alternative(put("NOT ({})", a.sql), a.sources) for a in test))
    there = [present(o) for o in operands if not o.constant]
    return joined(" AND ", [*there, put("NOT {}", fails)])


def _sure(test: Condition) -> Condition:
    return test if test.sql.startswith("coalesce(") or _never_null(test.sql) else put("coalesce({}, FALSE)", test)


def _never_null(text: str) -> bool:
    return bool(re.fullmatch(r"\([^()]*\) IS NOT NULL", text))


_OUTER = re.compile(r"\b(?:c|p|g|q|i|s|t)\.")


def _spread(test: Condition, sources: tuple[Source, ...]) -> Condition:
    """The condition for any row or element of the sources."""
    for source in sorted(sources, key=lambda s: isinstance(s, Rows)):
        if isinstance(source, Elements):
            listed = Condition(source.list)
            test = put(f"coalesce(len(list_filter({{}}, lambda {source.variable}: {{}})) > 0, FALSE)", listed, test)
        elif _OUTER.search(test.sql) or _other_rows(test.sql, sources, source):
            # The condition also looks at the event itself, so it must be asked for each event.
            test = put(
                f"EXISTS (SELECT 1 FROM {source.table} WHERE {source.inner} = {source.outer} AND {{}})",  # noqa: S608 (built from fixed text; values are parameters)
                test,
            )
        else:
            test = put(
                f"coalesce({source.outer} IN (SELECT {source.inner} FROM {source.table} WHERE {{}}), FALSE)",  # noqa: S608 (built from fixed text; values are parameters)
                test,
            )
    return test


def _other_rows(text: str, sources: tuple[Source, ...], this: Rows) -> bool:
    others = [s.alias for s in sources if isinstance(s, Rows) and s is not this]
    return any(re.search(rf"\b{alias}\.", text) for alias in others)
