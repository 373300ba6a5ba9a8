"""Filter text -> for each kind of event one SQL condition with its parameters. Values are never pasted into SQL."""

import difflib
from collections.abc import Callable
from typing import TypeVar

from lark import Token, Tree

from wiretale.errors import UsageFault
from wiretale.filter import values
from wiretale.filter.condition import NEVER, Condition, Filter
from wiretale.filter.events import ORIGIN, EventKind
from wiretale.filter.fields import BY_NAME, Field, FieldType
from wiretale.filter.parse import fault_at, parse
from wiretale.filter.relations import CALL_CONNECTION, CONNECTION_PROCESS
from wiretale.filter.values import BadValueError, Network, Value

_WORDS = {
    "eq": "==",
    "any_eq": "==",
    "ne": "!=",
    "all_ne": "!=",
    "gt": ">",
    "lt": "<",
    "ge": ">=",
    "le": "<=",
    "all_eq": "===",
    "any_ne": "!==",
    "~=": "!==",
}
_SQL = {"==": "=", "!=": "<>", "===": "=", "!==": "<>", "<": "<", ">": ">", "<=": "<=", ">=": ">="}
_OPPOSITE = {"=": "<>", "<>": "="}

# alias in an expression -> the row set its values come from, tied to the event
_ROW_SETS = {
    "cc.": "call_connection cc WHERE cc.call_id = c.call_id",
    "cd.": "call_data cd WHERE cd.call_id = c.call_id AND cd.role = 'payload'",
    "cp.": "connection_process cp WHERE cp.connection_id = g.connection_id",
}
_CTES = {"cc.": CALL_CONNECTION, "cp.": CONNECTION_PROCESS, "origin": ORIGIN}

# Fixed-width hexadecimal key of an address column: compares as addresses do. See values.address_key.
_IPV4_KEY = "array_to_string([lpad(lower(to_hex(CAST(o AS INTEGER))), 2, '0') for o in string_split({a}, '.')], '')"
_IPV6_GROUPS = "[lpad(h, 4, '0') for h in string_split({part}, ':') if h <> '']"
_IPV6_KEY = (
    "(array_to_string(" + _IPV6_GROUPS.format(part="split_part({a}, '::', 1)") + ", '')"
    " || repeat('0', greatest(0, 32 - 4 * (len(" + _IPV6_GROUPS.format(part="split_part({a}, '::', 1)") + ")"
    " + len(" + _IPV6_GROUPS.format(part="split_part({a}, '::', 2)") + "))))"
    " || array_to_string(" + _IPV6_GROUPS.format(part="split_part({a}, '::', 2)") + ", ''))"
)

T = TypeVar("T")
Test = Callable[[str], Condition]  # expression of one value -> its condition


def compile_filter(text: str) -> Filter:
    """Raises UsageFault, with a caret under the place, for anything that is no filter."""
    tree = parse(text)
    conditions = {kind: _Compiler(text, kind).condition(tree) for kind in EventKind}
    sql = " ".join(c.sql for c in conditions.values())
    needed = tuple(cte for mark, cte in _CTES.items() if mark in sql)
    return Filter(text, conditions, needed)


class _Compiler:
    """Walks one tree for one kind of event."""

    def __init__(self, text: str, kind: EventKind) -> None:
        self.text = text
        self.kind = kind

    def condition(self, tree: Tree[Token]) -> Condition:
        rule = str(tree.data)
        if rule in ("any_of", "all_of", "odd_of"):
            joint = {"any_of": " OR ", "all_of": " AND ", "odd_of": " <> "}[rule]
            parts = [self.condition(_subtree(child)) for child in tree.children]
            return Condition(f"({joint.join(p.sql for p in parts)})", tuple(v for p in parts for v in p.parameters))
        if rule == "negation":
            inner = self.condition(_subtree(tree.children[0]))
            return Condition(f"(NOT {inner.sql})", inner.parameters)
        return self._test(rule, tree)

    def _test(self, rule: str, tree: Tree[Token]) -> Condition:
        name = tree.children[0]
        assert isinstance(name, Token)
        field = self._field(name)
        if rule == "exists":
            if field.type is FieldType.PROTOCOL:
                return self._any(field, Condition)
            return self._any(field, lambda e: Condition(f"({e}) IS NOT NULL"))
        if rule in ("member", "no_member"):
            tests = [self._item(field, _subtree(item)) for item in _subtree(tree.children[1]).children]
            found = self._any(field, lambda e: _either([t(e) for t in tests]))
            return found if rule == "member" else Condition(f"(NOT {found.sql})", found.parameters)
        operator = tree.children[1]
        assert isinstance(operator, Token)
        value = _token(_subtree(tree.children[2]))
        if rule == "bits":
            self._require(field, operator, FieldType.NUMBER)
            bits = self._value(field, value)
            return self._any(field, lambda e: Condition(f"(CAST({e} AS HUGEINT) & ?) <> 0", (bits,)))
        if rule in ("contains", "matches"):
            return self._search(rule, field, operator, value)
        return self._compare(field, operator, value)

    def _compare(self, field: Field, operator: Token, value: Token) -> Condition:
        sign = _WORDS.get(operator.lower(), str(operator))
        sql = _SQL[sign]
        if field.type is FieldType.ADDRESS:
            return self._compare_address(field, sign, value)
        if field.type in (FieldType.PROTOCOL, FieldType.BOOLEAN) and sql not in _OPPOSITE:
            raise self._fault(operator, f"{field.name} is {field.type}; it can be compared with == and != only")
        typed = self._value(field, value)
        if sign in ("!=", "==="):
            return self._all(field, lambda e: Condition(f"({e}) {_OPPOSITE[sql]} ?", (typed,)))
        return self._any(field, lambda e: Condition(f"({e}) {sql} ?", (typed,)))

    def _compare_address(self, field: Field, sign: str, value: Token) -> Condition:
        target = self._convert(field, value, values.address)
        if isinstance(target, Network):
            first, last = target.first, target.last
        else:
            first = last = values.address_key(target)
        low, high = {"<": ("", first), ">": (last, "g"), "<=": ("", last), ">=": (first, "g")}.get(sign, (first, last))
        strict_low, strict_high = sign == ">", sign == "<"

        def inside(e: str) -> Condition:
            if isinstance(target, str) and sign not in ("<", ">", "<=", ">="):
                return Condition(f"({e}) = ?", (target,))
            key = _key_of(e, six=field.name.startswith("ipv6"))
            more, less = (">" if strict_low else ">="), ("<" if strict_high else "<=")
            return Condition(f"({key} {more} ? AND {key} {less} ? AND len({key}) = ?)", (low, high, len(first)))

        if sign == "!=":
            return self._all(field, inside)
        if sign in ("===", "!=="):

            def outside(e: str) -> Condition:
                test = inside(e)
                return Condition(f"(NOT coalesce({test.sql}, TRUE))", test.parameters)

            return self._all(field, outside) if sign == "===" else self._any(field, outside)
        return self._any(field, inside)

    def _item(self, field: Field, item: Tree[Token]) -> Test:
        """The test of one element of {..}."""
        tokens = [_token(_subtree(child)) for child in item.children]
        if field.type is FieldType.ADDRESS:
            if len(tokens) == 2:
                try:
                    span = values.address_range(tokens[0], tokens[1])
                except BadValueError as fault:
                    raise self._fault(tokens[0], str(fault)) from None
            else:
                one = self._convert(field, tokens[0], values.address)
                if isinstance(one, str):
                    return lambda e: Condition(f"({e}) = ?", (one,))
                span = one
            six = field.name.startswith("ipv6")
            return lambda e: Condition(
                f"({_key_of(e, six=six)} BETWEEN ? AND ? AND len({_key_of(e, six=six)}) = ?)",
                (span.first, span.last, len(span.first)),
            )
        bounds = tuple(self._value(field, token) for token in tokens)
        if len(bounds) == 2:
            return lambda e: Condition(f"({e}) BETWEEN ? AND ?", bounds)
        return lambda e: Condition(f"({e}) = ?", bounds)

    def _search(self, rule: str, field: Field, operator: Token, value: Token) -> Condition:
        self._require(field, operator, FieldType.TEXT, FieldType.BYTES)
        if rule == "matches":
            pattern = "(?is)" + _pattern(value)
            self._check_pattern(pattern, value)
            if field.type is FieldType.TEXT:
                return self._any(field, lambda e: Condition(f"regexp_matches({e}, ?)", (pattern,)))
            text = "coalesce(try(decode({e})), CAST({e} AS VARCHAR))"
            return self._any(field, lambda e: Condition(f"regexp_matches({text.format(e=e)}, ?)", (pattern,)))
        typed = self._value(field, value)
        if isinstance(typed, bytes):
            # DuckDB has no search in BLOBs: hexadecimal digits, matched at even places only.
            digits = typed.hex().upper()
            return self._any(field, lambda e: Condition(f"regexp_matches(hex({e}), ?)", (f"^(?:..)*{digits}",)))
        return self._any(field, lambda e: Condition(f"contains({e}, ?)", (typed,)))

    def _any(self, field: Field, test: Test) -> Condition:
        """The test holds for at least one value of the field."""
        expressions = field.on.get(self.kind, ())
        if not expressions:
            return NEVER
        tests = [test(e) for e in expressions]
        either = _either(tests)
        row_set = next((rows for mark, rows in _ROW_SETS.items() if mark in expressions[0]), None)
        if row_set is None:
            return either
        return Condition(f"EXISTS (SELECT 1 FROM {row_set} AND {either.sql})", either.parameters)  # noqa: S608 (built from fixed text; values are parameters)

    def _all(self, field: Field, opposite: Test) -> Condition:
        """The field is there, and no value of it passes `opposite`."""
        there = self._any(field, lambda e: Condition(f"({e}) IS NOT NULL"))
        never = self._any(field, opposite)
        return Condition(f"({there.sql} AND NOT {never.sql})", there.parameters + never.parameters)

    def _field(self, token: Token) -> Field:
        field = BY_NAME.get(token.lower())
        if field is None:
            near = difflib.get_close_matches(token.lower(), list(BY_NAME), n=1, cutoff=0.6)
            hint = f"did you mean {near[0]}?" if near else "wiretale show --fields lists the fields"
            raise self._fault(token, f"there is no field {str(token)!r}", hint)
        return field

    def _require(self, field: Field, operator: Token, *types: FieldType) -> None:
        if field.type not in types:
            raise self._fault(operator, f"{field.name} is {field.type}; {operator} does not apply to it")

    def _value(self, field: Field, token: Token) -> Value:
        parser: Callable[[str], Value] = values.PARSERS[field.type]
        return self._convert(field, token, parser)

    def _convert(self, field: Field, token: Token, parser: Callable[[str], T]) -> T:
        try:
            return parser(str(token))
        except BadValueError as fault:
            raise self._fault(token, f"{field.name} is {field.type}, and {fault}") from None

    def _check_pattern(self, pattern: str, token: Token) -> None:
        import duckdb  # noqa: PLC0415 (only this operator needs it)

        try:
            duckdb.execute("SELECT regexp_matches('', ?)", [pattern])
        except duckdb.Error as fault:
            raise self._fault(token, f"this is no regular expression: {str(fault).splitlines()[0]}") from None

    def _fault(self, token: Token, message: str, hint: str = "") -> UsageFault:
        return fault_at(self.text, token.start_pos or 0, len(token), message, hint)


def _either(tests: list[Condition]) -> Condition:
    if not tests:
        return NEVER
    sql = " OR ".join(f"coalesce({t.sql}, FALSE)" for t in tests)
    return Condition(f"({sql})", tuple(v for t in tests for v in t.parameters))


def _pattern(value: str) -> str:
    """A regular expression: in plain quotes only \\" is resolved, all other backslashes belong to the expression."""
    if value[:2].lower() == 'r"':
        return values.unquote(value)
    return value[1:-1].replace('\\"', '"') if values.is_quoted(value) else values.plain(value)


def _key_of(expression: str, *, six: bool) -> str:
    return (_IPV6_KEY if six else _IPV4_KEY).format(a=f"({expression})")


def _subtree(child: Tree[Token] | Token) -> Tree[Token]:
    assert isinstance(child, Tree), child
    return child


def _token(tree: Tree[Token]) -> Token:
    child = tree.children[0]
    assert isinstance(child, Token)
    return child
