"""The functions of wireshark-filter(4). Of 4.4 are dec, hex and those that ask what kind of address one is."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from wiretale.filter import comparison
from wiretale.filter.bytes_sql import HARDWARE_TEXT
from wiretale.filter.condition import Condition, Network, joined, put
from wiretale.filter.operand import Alternative, Elements, Operand, TooManyError, mapped
from wiretale.filter.rows import address_key
from wiretale.filter.syntax import Expression, Function
from wiretale.filter.types import ADDRESSES, NUMERIC, FieldType
from wiretale.filter.values import address

if TYPE_CHECKING:
    from wiretale.filter.expressions import Expressions

_NUMBER, _TEXT = FieldType.NUMBER, FieldType.TEXT
_RESULT_BYTES = 4  # of what a function gives
_TIME_BYTES = 0  # as Wireshark has it: a time is no bytes of the packet
Call = Callable[["Expressions", Function, FieldType | None], Operand]


def call_function(expressions: "Expressions", node: Function, expected: FieldType | None) -> Operand:
    """The operand of a function call."""
    function = FUNCTIONS.get(node.name)
    if node.name in _ABSENT:
        raise expressions.fault(
            node.place, f"{node.name}() of Wireshark is not there: {_ABSENT[node.name][0]}", _ABSENT[node.name][1]
        )
    if function is None:
        raise expressions.fault(node.place, f"there is no function {node.name}", f"functions: {', '.join(FUNCTIONS)}")
    if node.name not in ("max", "min") and len(node.arguments) != 1:
        raise expressions.fault(node.place, f"{node.name} takes one argument")
    if not node.arguments:
        raise expressions.fault(node.place, f"{node.name} takes one argument or more")
    if not any(expressions.is_typed(a) for a in node.arguments) and node.name not in ("max", "min", "abs"):
        raise expressions.fault(node.arguments[0].place, f"{node.name} takes a field")
    return function(expressions, node, expected)


def _length(expressions: "Expressions", node: Function, _: FieldType | None) -> Operand:
    argument = node.arguments[0]
    field = expressions.field_of(argument)
    if field is not None and (lengths := expressions.lengths(argument)) is not None:
        return lengths
    of = expressions.operand(argument, None)
    if of.type is _TEXT:
        return Operand(_NUMBER, mapped("octet_length(encode({0}))", of))
    if of.type in (FieldType.BYTES, FieldType.PROTOCOL, FieldType.ETHER):
        return Operand(_NUMBER, mapped("octet_length({0})", of))
    if of.type in ADDRESSES:
        return Operand(_NUMBER, mapped("CASE WHEN contains({0}, ':') THEN 16 WHEN {0} IS NOT NULL THEN 4 END", of))
    if of.type is FieldType.LABEL:
        raise expressions.fault(argument.place, "this has no value and no length")
    size = _TIME_BYTES if of.type in (FieldType.TIME, FieldType.DURATION) else field.size if field else 8
    return Operand(_NUMBER, mapped(f"CASE WHEN {{0}} IS NOT NULL THEN {size} END", of))


def _count(expressions: "Expressions", node: Function, _: FieldType | None) -> Operand:
    of = expressions.operand(node.arguments[0], None)
    if not of.alternatives:
        return Operand(_NUMBER, ())
    parts = [_aggregate("count", put("({}) IS NOT NULL", a.sql), a, "+") for a in of.alternatives]
    return Operand(_NUMBER, (Alternative(put("nullif({}, 0)", joined(" + ", parts))),))


def _aggregate(how: str, sql: Condition, alternative: Alternative, sign: str) -> Condition:
    """One value out of all that an alternative stands for: their number, or the largest or smallest of them."""
    if len(alternative.sources) > 1:
        raise TooManyError
    for source in alternative.sources:
        if isinstance(source, Elements):
            listed = Condition(source.list)
            if sign == "+":
                return put(f"coalesce(len(list_filter({{}}, lambda {source.variable}: {{}})), 0)", listed, sql)
            return put(f"list_{how}(list_transform({{}}, lambda {source.variable}: {{}}))", listed, sql)
        counted = put("count(*) FILTER ({})", sql) if sign == "+" else put(f"{how}({{}})", sql)
        return put(f"(SELECT {{}} FROM {source.table} WHERE {source.inner} = {source.outer})", counted)  # noqa: S608 (built from fixed text; values are parameters)
    return put("CAST({} AS INTEGER)", sql) if sign == "+" else sql


def _case(name: str) -> Call:
    def function(expressions: "Expressions", node: Function, _: FieldType | None) -> Operand:
        of = expressions.operand(node.arguments[0], None)
        if of.type is not _TEXT:
            raise expressions.fault(node.arguments[0].place, f"{name} takes a text, and this is {of.type}")
        return Operand(_TEXT, mapped(f"{name}({{0}})", of))

    return function


_TO_TEXT = {
    FieldType.NUMBER: "CAST({0} AS VARCHAR)", FieldType.ERROR: "CAST({0} AS VARCHAR)", FieldType.ETHER: HARDWARE_TEXT,
    FieldType.BOOLEAN: "CASE {0} WHEN TRUE THEN 'True' WHEN FALSE THEN 'False' END",
    **dict.fromkeys(ADDRESSES, "{0}"),
}  # fmt: skip


def _string(expressions: "Expressions", node: Function, _: FieldType | None) -> Operand:
    of = expressions.operand(node.arguments[0], None)
    if of.type not in _TO_TEXT:
        raise expressions.fault(node.arguments[0].place, f"string takes a number or an address, and this is {of.type}")
    return Operand(_TEXT, mapped(_TO_TEXT[of.type], of))


# Of what is no number: what sorts as it does, and it out of that. Texts sort as they are, bytes by length first.
_ORDERED = {
    FieldType.TEXT: ("{0}", "{}"),
    FieldType.ETHER: ("{0}", "{}"),
    FieldType.BYTES: ("lpad(CAST(octet_length({0}) AS VARCHAR), 10, '0') || hex({0})", "unhex(substr({}, 11))"),
    **dict.fromkeys(ADDRESSES, (f"(({address_key('{0}')}) || ' ' || {{0}})", "split_part({}, ' ', 2)")),
}


def _arguments(expressions: "Expressions", node: Function, expected: FieldType | None) -> list[Operand]:
    typed: Expression | None = next((a for a in node.arguments if expressions.is_typed(a)), None)
    type_ = expressions.operand(typed, None).type if typed is not None else expected or _NUMBER
    found = [expressions.operand(a, type_) for a in node.arguments]
    kinds = {_NUMBER if o.type in NUMERIC else o.type for o in found}
    known = {_NUMBER, FieldType.DURATION, FieldType.TIME, *(_ORDERED if node.name != "abs" else ())}
    if len(kinds) > 1 or not kinds <= known or any(o.network for o in found):
        words = " and ".join(dict.fromkeys("a network" if o.network else o.type for o in found))
        kind = "numbers or times" if node.name == "abs" else "values that have an order, all of one kind"
        raise expressions.fault(node.place, f"{node.name} takes {kind}, and here is {words}")
    return found


def _extreme(how: str) -> Call:
    def function(expressions: "Expressions", node: Function, expected: FieldType | None) -> Operand:
        found = _arguments(expressions, node, expected)
        key, value_of = _ORDERED.get(found[0].type, ("CAST({0} AS HUGEINT)", "{}"))
        parts = [_aggregate(how, a.sql, a, how) for o in found for a in Operand(o.type, mapped(key, o)).alternatives]
        if not parts:
            return Operand(found[0].type, ())
        type_ = _NUMBER if found[0].type in NUMERIC else found[0].type
        pick = {"max": "greatest", "min": "least"}[how]
        value = put(value_of.replace("{}", f"{pick}{{}}"), joined(", ", parts))
        return Operand(type_, (Alternative(value),), constant=all(o.constant for o in found))

    return function


def _absolute(expressions: "Expressions", node: Function, expected: FieldType | None) -> Operand:
    (of,) = _arguments(expressions, node, expected)
    type_ = _NUMBER if of.type in NUMERIC else of.type
    return Operand(type_, mapped("abs(CAST({0} AS HUGEINT))", of), constant=of.constant)


def _decimal(expressions: "Expressions", node: Function, _: FieldType | None) -> Operand:
    return Operand(_TEXT, mapped("CAST({0} AS VARCHAR)", _whole_number(expressions, node)))


def _hexadecimal(expressions: "Expressions", node: Function, _: FieldType | None) -> Operand:
    """As many digits as the field has."""
    of = _whole_number(expressions, node)
    field = expressions.field_of(node.arguments[0])
    digits = 2 * (field.size if field else _RESULT_BYTES)
    return Operand(_TEXT, mapped(f"'0x' || lower(lpad(to_hex(TRY_CAST({{0}} AS UBIGINT)), {digits}, '0'))", of))


def _whole_number(expressions: "Expressions", node: Function) -> Operand:
    of = expressions.operand(node.arguments[0], None)
    if of.type is not _NUMBER:
        raise expressions.fault(node.arguments[0].place, f"{node.name} takes a number, and this is {of.type}")
    return of


# RFC 3927 and 4291; RFC 5771 and 4291; RFC 1918; RFC 4193
_BLOCKS = {
    "ip_linklocal": ("169.254.0.0/16", "fe80::/10"),
    "ip_multicast": ("224.0.0.0/4", "ff00::/8"),
    "ip_rfc1918": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),
    "ip_ula": ("fc00::/7",),
}


def _is_in_blocks(expressions: "Expressions", node: Function, _: FieldType | None) -> Operand:
    """Whether an address lies in one of the blocks that the function is named after."""
    of, wanted = expressions.operand(node.arguments[0], None), _BLOCKS[node.name]
    versions = {FieldType.IPV4 if "." in block else FieldType.IPV6 for block in wanted}
    if of.type is not FieldType.ADDRESS and of.type not in versions:
        kinds = " or ".join(sorted(versions))
        raise expressions.fault(node.arguments[0].place, f"{node.name} takes {kinds}, and this is {of.type}")
    blocks = [Operand(FieldType.ADDRESS, (), constant=True, network=_network(block)) for block in wanted]
    tests = [comparison.inside(of, block) for block in blocks]
    return Operand(
        FieldType.BOOLEAN,
        tuple(Alternative(joined(" OR ", [t.sql for t in each]), each[0].sources) for each in zip(*tests, strict=True)),
    )


def _network(block: str) -> Network:
    found = address(block)
    assert isinstance(found, Network)
    return found


_NO_FRACTIONS = ("numbers are whole here", "write times and spans as they are: frame.time_delta > 1.5")
_NO_REGISTER = (
    "IANA's register of special addresses is not kept",
    "ip_linklocal, ip_multicast, ip_rfc1918 and ip_ula are there; or write the network: ip.src == 127.0.0.0/8",
)
_ABSENT = {
    "vals": ("not all of Wireshark's words for values are known", 'compare with the word: arp.opcode == "request"'),
    "float": _NO_FRACTIONS, "double": _NO_FRACTIONS,
    "ip_special_name": _NO_REGISTER, "ip_special_mask": _NO_REGISTER,
}  # fmt: skip

FUNCTIONS: dict[str, Call] = {
    "len": _length, "count": _count, "upper": _case("upper"), "lower": _case("lower"), "string": _string,
    "max": _extreme("max"), "min": _extreme("min"), "abs": _absolute, "dec": _decimal, "hex": _hexadecimal,
    **dict.fromkeys(_BLOCKS, _is_in_blocks),
}  # fmt: skip
