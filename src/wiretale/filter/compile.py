"""Filter text -> for each kind of event one SQL condition with its parameters. Values are never pasted into SQL."""

import re

from wiretale.errors import UsageFault
from wiretale.filter import comparison
from wiretale.filter.bytes_sql import NOT_ALL_ZERO
from wiretale.filter.condition import NEVER, Condition, Filter, joined, put
from wiretale.filter.events import EventKind
from wiretale.filter.expressions import Expressions
from wiretale.filter.needles import needles_of
from wiretale.filter.operand import Operand, any_of, mapped, present
from wiretale.filter.parse import fault_at, parse
from wiretale.filter.rows import ctes_for
from wiretale.filter.syntax import (
    Arithmetic,
    Compare,
    Exists,
    Expression,
    Function,
    Joint,
    Member,
    Minus,
    Not,
    Place,
    Search,
    Test,
)  # fmt: skip
from wiretale.filter.types import NUMERIC, FieldType

_MOST_SUBQUERIES = 300  # each is a join of DuckDB's
_SUBQUERY = re.compile(r"\b(?:IN|EXISTS) \(SELECT ")
_JOINTS = {"or": " OR ", "and": " AND ", "xor": " <> "}


def compile_filter(text: str, *, live: bool = False) -> Filter:
    """Raises UsageFault, with a caret under the place, for anything that is no filter.

    `live`: for a recording that still runs. What only its end can tell is then no field.
    """
    test = parse(text)
    compilers = {kind: _Compiler(text, kind, live=live) for kind in EventKind}
    conditions = {kind: compiler.condition(test) for kind, compiler in compilers.items()}
    if any(len(_SUBQUERY.findall(c.sql)) > _MOST_SUBQUERIES for c in conditions.values()):
        raise UsageFault("the filter has too many tests", "one test of many values is: field in {1, 2, 3}")
    needles = {kind: found for kind, c in compilers.items() if (found := needles_of(test, c.expressions))}
    return Filter(text, conditions, ctes_for(" ".join(c.sql for c in conditions.values()), live=live), needles)


class _Compiler:
    """Walks the tests of a filter for one kind of event."""

    def __init__(self, text: str, kind: EventKind, *, live: bool) -> None:
        self._text = text
        self.expressions = Expressions(kind, self._fault, live=live)

    def _fault(self, place: Place, message: str, hint: str = "") -> UsageFault:
        return fault_at(self._text, place.start, place.end - place.start, message, hint)

    def condition(self, test: Test) -> Condition:
        """The condition of a test; never NULL."""
        if isinstance(test, Joint):
            return joined(_JOINTS[test.word], [self.condition(t) for t in test.tests])
        if isinstance(test, Not):
            return put("(NOT {})", self.condition(test.of))
        if isinstance(test, Exists):
            return self._exists(test.of)
        if isinstance(test, Compare):
            return self._compare(test)
        if isinstance(test, Member):
            return self._member(test)
        return self._search(test)

    def _exists(self, node: Expression) -> Condition:
        expressions = self.expressions
        if isinstance(node, Function):
            value = expressions.operand(node, None)
            if value.type not in NUMERIC:
                raise self._fault(node.place, f"{node.name}() gives {value.type}, which is no test", "compare it")
            return self._not_zero(value)
        if not expressions.is_typed(node):
            word = self._text[node.place.start : node.place.end]
            expressions.operand(node, None)
            raise self._fault(node.place, f"{word} is no field, and alone it is no test", "compare a field with it")
        if isinstance(node, (Arithmetic, Minus)):
            return self._not_zero(expressions.operand(node, None))
        presence = expressions.presence(node)
        return present(presence if presence is not None else expressions.operand(node, None))

    def _not_zero(self, operand: Operand) -> Condition:
        if operand.type is FieldType.BYTES:
            return any_of(mapped(NOT_ALL_ZERO, operand))
        return any_of(mapped("{0} <> 0" if operand.type is not FieldType.BOOLEAN else "{0}", operand))

    def _sides(self, left: Expression, right: Expression) -> tuple[Operand, Operand]:
        expressions = self.expressions
        if expressions.is_typed(left):
            one = expressions.operand(left, None)
            return one, expressions.operand(right, one.reads, expressions.field_of(left))
        if expressions.is_typed(right):
            other = expressions.operand(right, None)
            return expressions.operand(left, other.reads, expressions.field_of(right)), other
        expressions.operand(left, None)
        raise self._fault(left.place, "this compares two constants", "one side must be a field")

    def _compare(self, test: Compare) -> Condition:
        left, right = self._sides(test.left, test.right)
        message = comparison.objection(test.sign, left, right, self._said(test.left), self._said(test.right))
        if message:
            raise self._fault(test.sign_place, *message)
        return comparison.compare(test.sign, left, right, test.quantifier)

    def _said(self, node: Expression) -> str:
        text = self._text[node.place.start : node.place.end]
        return text if len(text) <= 40 else "the expression"

    def _search(self, test: Search) -> Condition:
        expressions = self.expressions
        if not expressions.is_typed(test.left):
            expressions.operand(test.left, None)
            raise self._fault(test.left.place, f"{test.sign} searches a field")
        left = expressions.whole(test.left)
        if left.type not in comparison.SEARCHED:
            hint = "string(...) makes a text of a number or an address"
            message = f"{self._said(test.left)} is {left.type}; {test.sign} does not apply to it"
            raise self._fault(test.sign_place, message, hint)
        if test.sign == "matches":
            return comparison.matches(left, test.right, test.quantifier, self._fault)
        right = expressions.operand(test.right, comparison.sought(left.type))
        if not comparison.can_be_sought(right):
            raise self._fault(test.right.place, f"contains looks for a text or bytes, and this is {right.type}")
        return comparison.contains(left, right, test.quantifier)

    def _member(self, test: Member) -> Condition:
        expressions = self.expressions
        if not expressions.is_typed(test.left):
            expressions.operand(test.left, None)
            raise self._fault(test.left.place, "this is no field, and only a field can be in a set")
        left = expressions.operand(test.left, None)
        field = expressions.field_of(test.left)
        if not test.items:
            return NEVER
        found: list[tuple[Operand, Operand | None]] = []
        for low, high in test.items:
            ends = [expressions.operand(end, left.reads, field) for end in (low, high) if end is not None]
            for end in ends:
                sign = "==" if high is None else "<="
                message = comparison.objection(sign, left, end, self._said(test.left), self._said(low))
                if message:
                    raise self._fault(low.place, *message)
            found.append((ends[0], ends[1] if high is not None else None))
        return comparison.member(left, found, test.quantifier)
