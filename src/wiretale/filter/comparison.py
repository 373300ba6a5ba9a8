"""Comparisons of operands: == != < > in, contains, matches, over any or all of their values."""

from collections.abc import Callable
from functools import partial

from wiretale.errors import UsageFault
from wiretale.filter.bytes_sql import ADDRESS_BYTES, holds, order
from wiretale.filter.condition import NEVER, Condition, Network, joined, literal, named, put
from wiretale.filter.operand import Alternative, Elements, Operand, all_of, any_of, combined, mapped, merged
from wiretale.filter.regex import LATIN_1, expression, in_either_case, needed
from wiretale.filter.rows import address_key
from wiretale.filter.syntax import Expression, Quantifier, Quoted
from wiretale.filter.types import ADDRESSES, BYTES_LIKE, FieldType, comparable
from wiretale.filter.values import address_key as address_key_of

SEARCHED = (FieldType.TEXT, *BYTES_LIKE)
_SQL = {"==": "=", "!=": "<>", "===": "=", "!==": "<>", "<": "<", ">": ">", "<=": "<=", ">=": ">="}
_ALL = ("!=", "===")  # of all values, unless a quantifier says otherwise
_ORDERED = ("<", ">", "<=", ">=")


def objection(sign: str, left: Operand, right: Operand, left_text: str, right_text: str) -> tuple[str, str] | None:
    """Why two operands cannot be compared, and a hint; None if they can."""
    for operand, text in ((left, left_text), (right, right_text)):
        if operand.type is FieldType.LABEL:
            return f"{text} has no value; {sign} does not apply to it", f"write {text} alone: it is there or not"
    if not left.constant and not right.constant and not comparable(left.type, right.type):
        return f"{left_text} is {left.type}, and {right_text} is {right.type}: they cannot be compared", ""
    return None


def compare(sign: str, left: Operand, right: Operand, quantifier: Quantifier | None) -> Condition:
    """The condition of `left sign right`."""
    sql = _SQL[sign]
    overall = quantifier is Quantifier.ALL or (quantifier is None and sign in _ALL)
    return _quantified(_pairs(sql, left, right), overall, left, right)


def _quantified(test: tuple[Alternative, ...], overall: bool, *operands: Operand) -> Condition:
    if not overall:
        return any_of(test)
    if len(test) == 1 and not test[0].sources:
        return any_of(test)  # one value: all is any
    return all_of(test, *operands)


def _pairs(sql: str, left: Operand, right: Operand) -> tuple[Alternative, ...]:
    """For each pair of values, the test of this pair."""
    if left.network or right.network:
        swapped = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
        return _network(swapped.get(sql, sql), right, left) if left.network else _network(sql, left, right)
    left, right = _alike(left, right)
    if left.type in ADDRESSES and sql not in ("=", "<>"):
        if right.constant and isinstance(right.value, str):
            key = address_key_of(right.value)
            return _among_known(left, put(f"(key {sql} {{}} AND len(key) = {len(key)})", literal(key)))
        keys = [Operand(o.type, mapped(address_key("{0}"), o)) for o in (left, right)]
        return combined(f"{{0}} {sql} {{1}} AND len({{0}}) = len({{1}})", *keys)
    if left.type in BYTES_LIKE and sql not in ("=", "<>"):
        return combined(order(sql), left, right)
    return combined(f"{{0}} {sql} {{1}}", left, right)


def _alike(left: Operand, right: Operand) -> tuple[Operand, Operand]:
    """Both sides as SQL values of one type."""
    types = {left.type, right.type}
    if FieldType.BOOLEAN in types and len(types) > 1:
        return _cast(left), _cast(right)
    if any(t in ADDRESSES for t in types) and any(t in BYTES_LIKE for t in types):
        return _bytes_of(left), _bytes_of(right)
    return _plain(left), _plain(right)


def _plain(operand: Operand) -> Operand:
    """A constant without the type that arithmetic needs: DuckDB then takes the column's own type."""
    if not operand.constant or operand.value is None or isinstance(operand.value, (bytes, bool)):
        return operand
    if isinstance(operand.value, int) and not -(1 << 63) <= operand.value < 1 << 63:
        return operand
    return Operand(operand.type, (Alternative(Condition("?", (operand.value,))),), constant=True, value=operand.value)


def _cast(operand: Operand) -> Operand:
    return Operand(FieldType.NUMBER, mapped("CAST({0} AS HUGEINT)", operand), constant=operand.constant)


def _bytes_of(operand: Operand) -> Operand:
    if operand.type not in ADDRESSES:
        return operand
    return Operand(FieldType.BYTES, mapped(ADDRESS_BYTES, operand), constant=operand.constant)


def inside(left: Operand, network: Operand) -> tuple[Alternative, ...]:
    """Of each value, whether it is an address of a network."""
    return _network("=", left, network)


def _network(sql: str, left: Operand, right: Operand) -> tuple[Alternative, ...]:
    """An address against a range: inside, below or above it, in either case an address of the same version."""
    span = right.network
    assert span is not None
    within = {
        "=": ("key BETWEEN {} AND {}", span.first, span.last),
        "<>": ("key NOT BETWEEN {} AND {}", span.first, span.last),
        "<": ("key < {}", span.first),
        ">": ("key > {}", span.last),
        "<=": ("key <= {}", span.last),
        ">=": ("key >= {}", span.first),
    }[sql]
    template, *bounds = within
    condition = put(template, *(literal(b) for b in bounds))
    of_version = put("({} AND len(key) = {})", condition, literal(len(span.first)))
    if left.type in ADDRESSES and sql == "=" and (prefix := _prefix(span)):
        begins = put("starts_with({}, {})", Condition("{}"), literal(prefix))
        return tuple(
            Alternative(Condition(begins.sql.format(a.sql.sql), (*a.sql.parameters, prefix)), a.sources)
            for a in left.alternatives
        )
    if left.type in ADDRESSES:
        return _among_known(left, of_version)
    # bytes that a mask left of an address
    test = Condition(of_version.sql.replace("key", "lower(hex({}))"), of_version.parameters)
    times = test.sql.count("{}")
    return tuple(
        Alternative(Condition(test.sql.format(*[a.sql.sql] * times), _interleaved(test, a)), a.sources)
        for a in left.alternatives
    )


_OF_EVENT = "{} IN (SELECT address FROM known_address WHERE {})"
_KEY = address_key("address").replace("{", "{{").replace("}", "}}")
_OF_ELEMENT = f"list_transform([list_transform([{{}}], lambda address: {_KEY})[1]], lambda key: {{}})[1]"


def _among_known(left: Operand, condition: Condition) -> tuple[Alternative, ...]:
    """Whether an address is one of the capture's whose `key` fulfils a condition: asked once for each of these.

    Elements of a list are none of the capture's addresses, and DuckDB allows no query for them: each gets its key.
    """
    return tuple(
        Alternative(
            put(_OF_ELEMENT if any(isinstance(s, Elements) for s in a.sources) else _OF_EVENT, a.sql, condition),
            a.sources,
        )
        for a in left.alternatives
    )


def _prefix(span: Network) -> str:
    """How all addresses of an IPv4 network begin whose bits end with a byte; empty for any other range."""
    same = next((n for n in (6, 4, 2) if span.first[:n] == span.last[:n]), 0)
    if len(span.first) != 8 or not 0 < same < 8 or set(span.first[same:]) != {"0"} or set(span.last[same:]) != {"f"}:
        return ""
    return "".join(f"{byte}." for byte in bytes.fromhex(span.first[:same]))


def _interleaved(test: Condition, alternative: Alternative) -> tuple[str | int | bytes | bool, ...]:
    """Parameters of a text in which the alternative's text replaced each {}, in the order of that text."""
    out: list[str | int | bytes | bool] = []
    own = list(test.parameters)
    pieces = test.sql.split("{}")
    for n, piece in enumerate(pieces):
        out += [own.pop(0) for _ in range(piece.count("?"))]
        if n < len(pieces) - 1:
            out += alternative.sql.parameters
    return tuple(out)


def member(left: Operand, items: list[tuple[Operand, Operand | None]], quantifier: Quantifier | None) -> Condition:
    """The condition of `left in {...}`: any value of the field is one of the items, or inside a range of them."""
    tests: list[Alternative] = []
    for one in left.alternatives:
        alone = Operand(left.type, (one,), left.literal)
        found = [_in_item(alone, low, high) for low, high in items]
        inside = put("CASE WHEN {} IS NOT NULL THEN {} END", one.sql, joined(" OR ", found))
        tests.append(Alternative(inside, one.sources))
    return _quantified(tuple(tests), quantifier is Quantifier.ALL, left)


def _in_item(one: Operand, low: Operand, high: Operand | None) -> Condition:
    """Whether a value is an item. The row sets of the value itself are spread around all items, later."""
    own = one.alternatives[0].sources
    if high is None:
        tests = _pairs("=", one, low)
    else:
        above, below = _pairs(">=", one, low), _pairs("<=", one, high)
        tests = tuple(
            Alternative(put("({} AND {})", a.sql, b.sql), merged(a.sources, b.sources)) for a in above for b in below
        )
    if not tests:
        return NEVER
    return any_of(tuple(Alternative(t.sql, tuple(s for s in t.sources if s not in own)) for t in tests))


def can_be_sought(operand: Operand) -> bool:
    """Whether an operand is something to look for: a text, bytes, or an address that a field has."""
    return operand.type in SEARCHED or (operand.type in ADDRESSES and not operand.constant)


def sought(left: FieldType) -> FieldType:
    """How a literal after `contains` is read."""
    return FieldType.TEXT if left is FieldType.TEXT else FieldType.BYTES


def contains(left: Operand, right: Operand, quantifier: Quantifier | None) -> Condition:
    """The condition of `left contains right`."""
    overall = quantifier is Quantifier.ALL
    if left.type is FieldType.TEXT and right.type is FieldType.TEXT:
        return _quantified(combined("contains({0}, {1})", left, right), overall, left, right)
    if left.type is FieldType.TEXT:
        left = Operand(FieldType.BYTES, mapped("encode({0})", left))
    if right.type is FieldType.TEXT:
        right = Operand(FieldType.BYTES, mapped("encode({0})", right))
    right = _bytes_of(right)
    if isinstance(right.value, bytes):
        held = partial(holds, part=right.value)
        return _quantified(tuple(Alternative(named(a.sql, held), a.sources) for a in left.alternatives), overall, left)
    return _quantified(combined("regexp_matches(hex({0}), '^(?:..)*' || hex({1}))", left, right), overall, left, right)


def matches(
    left: Operand, right: Expression, quantifier: Quantifier | None, fault: Callable[..., UsageFault]
) -> Condition:
    """The condition of `left matches "expression"`."""
    if not isinstance(right, Quoted):
        raise fault(right.place, "matches takes a regular expression in double quotes")
    of_bytes = left.type is not FieldType.TEXT
    try:
        pattern = expression(right.pattern, of_bytes=of_bytes)
    except UnicodeDecodeError:
        hint = "a field of bytes can be searched for them"
        raise fault(right.place, "these bytes are no text, and the field is one", hint) from None
    _check_pattern(pattern, right, fault)
    parameter = Condition("?", (pattern,))
    text = LATIN_1 if of_bytes else "{}"
    # To read bytes as a text takes ten times as long as to look for what every match holds.
    run = needed(right.pattern) if of_bytes else ""
    seen = Condition("?", (in_either_case(run),))

    def found_in(value: Condition) -> Condition:
        exact = put("regexp_matches({}, {})", put(text, *[value] * text.count("{}")), parameter)
        return put("CASE WHEN regexp_matches(hex({}), {}) THEN {} ELSE FALSE END", value, seen, exact) if run else exact

    test = tuple(Alternative(named(a.sql, found_in), a.sources) for a in left.alternatives)
    return _quantified(test, quantifier is Quantifier.ALL, left)


def _check_pattern(pattern: str, node: Quoted, fault: Callable[..., UsageFault]) -> None:
    import duckdb  # noqa: PLC0415 (only this operator needs it)

    try:
        duckdb.execute("SELECT regexp_matches('', ?)", [pattern])
    except duckdb.Error as error:
        said = str(error).splitlines()[0].removeprefix("Invalid Input Error: ")
        missing = "RE2 has no look-around, back-references, atomic groups or possessive repetitions"
        hint = missing if "(?" in said or "escape" in said or "repetition operator" in said else ""
        raise fault(node.place, f"this is no regular expression: {said}", hint) from None
