"""Expressions of the syntax -> operands: names looked up, literals read as the type they are compared with."""

from collections.abc import Callable
from typing import TypeVar

from wiretale.errors import UsageFault
from wiretale.filter import values
from wiretale.filter.arithmetic import binary, negative
from wiretale.filter.bytes_sql import ADDRESS_BYTES, from_begin, sliced, window_slice
from wiretale.filter.condition import Condition, Network, Value, literal
from wiretale.filter.events import EventKind
from wiretale.filter.fields import BY_NAME
from wiretale.filter.fields.table import Field, Terms
from wiretale.filter.functions import FUNCTIONS, call_function
from wiretale.filter.names import near, terms_of
from wiretale.filter.operand import Alternative, Operand, TooManyError, mapped
from wiretale.filter.syntax import (
    Arithmetic,
    Character,
    Expression,
    Function,
    Layered,
    Minus,
    Place,
    Quoted,
    Slice,
    Span,
    Word,
)  # fmt: skip
from wiretale.filter.types import ADDRESSES, SLICED, FieldType
from wiretale.filter.values import BadValueError

Fault = Callable[..., UsageFault]
T = TypeVar("T")
_MOST_SQL = 60_000  # characters of one value's SQL; slices of slices of slices multiply
_LITERALS = (Quoted, Character)


class Expressions:
    """Compiles the expressions of one filter for one kind of event."""

    def __init__(self, kind: EventKind, fault: Fault, *, live: bool) -> None:
        self.kind = kind
        self.fault = fault
        self.live = live

    # -- what has a type of its own ----------------------------------------------------------------------------------

    def is_typed(self, node: Expression) -> bool:
        """Whether an expression has a type by itself: it names a field or calls a function."""
        if isinstance(node, Word):
            return node.text.lower() in BY_NAME
        if isinstance(node, Arithmetic):
            return self.is_typed(node.left) or self.is_typed(node.right)
        if isinstance(node, Minus):
            return self.is_typed(node.of)
        if isinstance(node, Function) and node.name in ("max", "min", "abs"):
            return any(self.is_typed(a) for a in node.arguments)
        return not isinstance(node, _LITERALS)

    def field_of(self, node: Expression) -> Field | None:
        """The field that an expression is, if it is one."""
        if isinstance(node, Layered):
            return self.named(node.name)
        return BY_NAME.get(node.text.lower()) if isinstance(node, Word) else None

    def named(self, word: Word) -> Field:
        """The field of a name."""
        field = BY_NAME.get(word.text.lower())
        if field is None:
            raise self.fault(word.place, *near(word.text))
        return field

    # -- values ------------------------------------------------------------------------------------------------------

    def operand(self, node: Expression, expected: FieldType | None, field: Field | None = None) -> Operand:
        """The values of an expression. A literal in it is read as `expected`, with the words of `field` for values."""
        try:
            found = self._operand(node, expected, field)
        except TooManyError:
            raise self.fault(
                node.place, "this combines too many values", "test the values of one field at a time"
            ) from None
        if any(len(a.sql.sql) > _MOST_SQL for a in found.alternatives):
            raise self.fault(node.place, "this expression is too complex", "split it into several tests")
        return found

    def _operand(self, node: Expression, expected: FieldType | None, field: Field | None) -> Operand:
        if isinstance(node, Word):
            own = self.named(node) if node.is_field else BY_NAME.get(node.text.lower())
            if own is not None and (node.is_field or not _is_rather_a_word(node.text, own, expected, field)):
                return self.of_field(own, node.place)
            return self._literal(node, node.text, expected, field)
        if isinstance(node, Quoted):
            return self._quoted(node, expected, field)
        if isinstance(node, Character):
            code = node.code
            return self._constant(node.place, expected or FieldType.NUMBER, lambda t: values.from_character(code, t))
        if isinstance(node, Layered):
            return self._layered(node)
        if isinstance(node, Slice):
            return self._slice(node)
        if isinstance(node, Function):
            return call_function(self, node, expected)
        if isinstance(node, Minus):
            if isinstance(node.of, Word) and not self.is_typed(node.of):
                return self._literal(node, "-" + node.of.text, expected, field)
            return negative(self.operand(node.of, expected, field), node.place, self.fault)
        return binary(self, node, expected)

    def of_field(self, field: Field, place: Place, layers: tuple[Span, ...] = ()) -> Operand:
        """The values of a field."""
        return Operand(field.type, self._alternatives(field, field.on.get(self.kind, ()), place, layers))

    def whole(self, node: Expression) -> Operand:
        """The values to search in. A protocol is searched from its header to the end of the packet, as in Wireshark."""
        field = self.field_of(node)
        if field is None or self.kind not in field.whole:
            return self.operand(node, None)
        layers = node.layers if isinstance(node, Layered) else ()
        return Operand(field.type, self._alternatives(field, field.whole[self.kind], node.place, layers))

    def presence(self, node: Expression) -> Operand | None:
        """What tells whether a field is there, where that is not its values."""
        field = self.field_of(node)
        if field is None or self.kind not in field.present:
            return None
        layers = node.layers if isinstance(node, Layered) else ()
        return Operand(FieldType.LABEL, self._alternatives(field, field.present[self.kind], node.place, layers))

    def lengths(self, node: Expression) -> Operand | None:
        """What tells how long a field is, where that is not the length of its values."""
        field = self.field_of(node)
        if field is None or self.kind not in field.length:
            return None
        layers = node.layers if isinstance(node, Layered) else ()
        return Operand(FieldType.NUMBER, self._alternatives(field, field.length[self.kind], node.place, layers))

    def _alternatives(
        self, field: Field, terms: Terms, place: Place, layers: tuple[Span, ...]
    ) -> tuple[Alternative, ...]:
        if self.live and not any(terms_of(field, kind, live=True) for kind in EventKind):
            hint = "record with -o FILE and use wiretale show --filter"
            raise self.fault(place, f"{field.name} is known only when everything has been recorded", hint)
        wanted = [t for t in terms if not layers or any(_holds(span, t.layer) for span in layers)]
        return terms_of(field, self.kind, live=self.live, terms=tuple(wanted))

    def _layered(self, node: Layered) -> Operand:
        field = self.named(node.name)
        for span in node.layers:
            if span.start < 1 or (span.last is not None and span.last < 1):
                raise self.fault(node.place, "layers are counted from 1, the outermost")
        found = self.of_field(field, node.place, node.layers)
        return self.to_bytes(found, node.place, field) if node.raw else found

    def _slice(self, node: Slice) -> Operand:
        if not self.is_typed(node.of):
            raise self.fault(node.of.place, "a slice is taken of a field or function")
        field = self.field_of(node.of)
        if field is not None and field.window and isinstance(node.of, Word) and from_begin(node.spans):
            # Straight out of the frame, without making the protocol's bytes first.
            found = (Alternative(Condition(window_slice(field.window, node.spans))),)
            return Operand(FieldType.BYTES, found if self.kind in field.on else ())
        of = self.operand(node.of, None)
        if of.type not in SLICED:
            raise self.fault(node.place, f"a slice is taken of a text or of bytes, and this is {of.type}")
        return Operand(FieldType.BYTES, mapped(sliced(node.spans), self.to_bytes(of, node.place, None)))

    def to_bytes(self, of: Operand, place: Place, field: Field | None) -> Operand:
        """The values as bytes: a number as it stands in the packet, in network byte order."""
        if of.type is FieldType.TEXT:
            return Operand(FieldType.BYTES, mapped("encode({0})", of))
        if of.type in ADDRESSES:
            return Operand(FieldType.BYTES, mapped(ADDRESS_BYTES, of))
        if of.type in (FieldType.NUMBER, FieldType.ERROR, FieldType.BOOLEAN) and field is not None:
            size = 1 if of.type is FieldType.BOOLEAN else field.size
            digits = f"unhex(lpad(to_hex(CAST({{0}} AS UBIGINT)), {2 * size}, '0'))"
            return Operand(FieldType.BYTES, mapped(digits, of))
        if of.type in (FieldType.BYTES, FieldType.PROTOCOL, FieldType.ETHER):
            return Operand(FieldType.BYTES, of.alternatives)
        raise self.fault(place, f"{field.name if field else 'this'} is {of.type} and has no bytes")

    # -- literals ----------------------------------------------------------------------------------------------------

    def _literal(self, node: Word | Minus, text: str, expected: FieldType | None, field: Field | None) -> Operand:
        if expected is None:
            if text[:1].isdigit() or text[:2] == "0x":
                expected = FieldType.NUMBER
            else:
                raise self.fault(node.place, *near(text))
        names = field.names if field else None
        return self._constant(node.place, expected, lambda t: values.from_word(text, t, names), field)

    def _quoted(self, node: Quoted, expected: FieldType | None, field: Field | None) -> Operand:
        if node.wrong:
            raise self.fault(node.place, node.wrong)
        names = field.names if field else None
        type_ = expected or FieldType.TEXT
        return self._constant(node.place, type_, lambda t: values.from_quoted(node.data, t, names), field)

    def _constant(
        self,
        place: Place,
        type_: FieldType,
        read: Callable[[FieldType], Value | Network],
        field: Field | None = None,
    ) -> Operand:
        try:
            found = read(type_)
        except BadValueError as fault:
            whose = f"{field.name} is {type_}, and " if field else ""
            raise self.fault(place, f"{whose}{fault}") from None
        except KeyError:
            raise self.fault(place, f"this is compared with {type_}") from None
        if isinstance(found, Network):
            return Operand(type_, (), constant=True, network=found)
        if field is not None and type_ is FieldType.NUMBER and not isinstance(found, (str, bytes)):
            most = (1 << 8 * field.size) - 1
            if found > most:
                raise self.fault(place, f"{field.name} is never more than {most}")
        return Operand(type_, (Alternative(literal(found)),), constant=True, value=found)


def _is_rather_a_word(text: str, own: Field, expected: FieldType | None, other: Field | None) -> bool:
    """Whether the name of a field stands for itself: ip.proto == tcp, proc.name == data."""
    if other is not None and text.upper() in other.names:
        return True
    return expected is FieldType.TEXT and own.type is not FieldType.TEXT and "." not in text


def _holds(span: Span, layer: int) -> bool:
    if span.length is not None:
        return span.start <= layer < span.start + span.length
    return span.start <= layer and (span.last is None or layer <= span.last)


assert FUNCTIONS
