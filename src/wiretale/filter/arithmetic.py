"""+ - * / % & and the sign: which types they combine, and their SQL. What needs more than 128 bits is no value."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from wiretale.errors import UsageFault
from wiretale.filter.bytes_sql import BITWISE_AND
from wiretale.filter.operand import Operand, combined, mapped
from wiretale.filter.syntax import Arithmetic, Place
from wiretale.filter.types import ADDRESSES, BYTES_LIKE, NUMERIC, FieldType

if TYPE_CHECKING:
    from wiretale.filter.expressions import Expressions

_NUMBER, _SPAN, _TIME = FieldType.NUMBER, FieldType.DURATION, FieldType.TIME
_SQL = {sign: f"(CAST({{0}} AS HUGEINT) {sign} CAST({{1}} AS HUGEINT))" for sign in "+-&"} | {
    sign: f"(CAST({{0}} AS HUGEINT) {sql} nullif(CAST({{1}} AS HUGEINT), 0))" for sign, sql in (("/", "//"), ("%", "%"))
}
# A product that could leave 128 bits, even when it is added up, is no value; DuckDB would end the query.
_SQL["*"] = (
    "CASE WHEN abs(CAST({0} AS DOUBLE) * CAST({1} AS DOUBLE)) < 1e36"
    " THEN CAST({0} AS HUGEINT) * CAST({1} AS HUGEINT) END"
)
_RESULTS = {
    ("+", _SPAN, _SPAN): _SPAN, ("-", _SPAN, _SPAN): _SPAN, ("+", _TIME, _SPAN): _TIME, ("+", _SPAN, _TIME): _TIME,
    ("-", _TIME, _SPAN): _TIME, ("-", _TIME, _TIME): _SPAN, ("*", _SPAN, _NUMBER): _SPAN, ("*", _NUMBER, _SPAN): _SPAN,
    ("/", _SPAN, _NUMBER): _SPAN, ("%", _SPAN, _SPAN): _SPAN,
}  # fmt: skip


def binary(expressions: "Expressions", node: Arithmetic, expected: FieldType | None) -> Operand:
    """The operand of `left operator right`."""
    left, right = _sides(expressions, node, expected)
    if left.network or right.network:
        raise expressions.fault(node.place, "a network is compared, not calculated with")
    if node.operator == "&" and left.type not in NUMERIC:
        return _bitwise(expressions, node, left, right)
    one, other = (_NUMBER if o.type in NUMERIC else o.type for o in (left, right))
    result = _NUMBER if one is other is _NUMBER else _RESULTS.get((node.operator, one, other))
    if result is None:
        raise expressions.fault(node.place, f"{node.operator} does not apply to {left.type} and {right.type}")
    if node.operator in "/%" and right.constant and right.value == 0:
        raise expressions.fault(node.place, "a division by zero has no value")
    return Operand(result, combined(_SQL[node.operator], left, right), constant=left.constant and right.constant)


def _sides(expressions: "Expressions", node: Arithmetic, expected: FieldType | None) -> tuple[Operand, Operand]:
    """Both operands; a literal is read as the type that fits the other side."""
    if expressions.is_typed(node.left):
        left = expressions.operand(node.left, None)
        return left, expressions.operand(node.right, _beside(node.operator, left))
    if expressions.is_typed(node.right):
        right = expressions.operand(node.right, None)
        return expressions.operand(node.left, _beside(node.operator, right)), right
    first = expected if expected in (_SPAN, _TIME) else _NUMBER
    second = _SPAN if expected is not None and first is not _NUMBER and node.operator in "+-" else _NUMBER
    return expressions.operand(node.left, first), expressions.operand(node.right, second)


def _beside(operator: str, typed: Operand) -> FieldType:
    if operator in "+-%":
        return _SPAN if typed.type in (_SPAN, _TIME) else _NUMBER
    if operator == "&" and typed.type not in NUMERIC:
        return typed.reads
    return _NUMBER


def _bitwise(expressions: "Expressions", node: Arithmetic, left: Operand, right: Operand) -> Operand:
    fields = [expressions.field_of(n) for n in (node.left, node.right)]
    if any(f is not None and f.window for f in fields):
        raise expressions.fault(
            node.place, "& does not apply to a protocol", "write && to join two tests, or take a slice"
        )
    as_bytes = [expressions.to_bytes(o, node.place, None) for o in (left, right)
                if o.type in BYTES_LIKE or o.type in ADDRESSES]  # fmt: skip
    if len(as_bytes) != 2:
        raise expressions.fault(node.place, f"& does not apply to {left.type} and {right.type}")
    return Operand(FieldType.BYTES, combined(BITWISE_AND, *as_bytes), literal=left.reads)


def negative(of: Operand, place: Place, fault: Callable[..., UsageFault]) -> Operand:
    """The operand of -expression."""
    if of.type not in NUMERIC and of.type is not _SPAN:
        raise fault(place, f"- does not apply to {of.type}")
    result = _SPAN if of.type is _SPAN else _NUMBER
    return Operand(result, mapped("(-CAST({0} AS HUGEINT))", of), constant=of.constant)
