"""Lark's tree of a filter -> `syntax`: operators in a row become pairs, words of operators become their signs."""

import re
from collections.abc import Callable

from lark import Token, Tree

from wiretale.errors import UsageFault
from wiretale.filter import syntax
from wiretale.filter.quoted import BadEscapeError, character, quoted
from wiretale.filter.syntax import Expression, Place, Quantifier, Span, Test, Word

Fault = Callable[..., UsageFault]

_SIGNS = {
    "eq": "==", "any_eq": "==", "ne": "!=", "all_ne": "!=", "gt": ">", "lt": "<", "ge": ">=", "le": "<=",
    "all_eq": "===", "any_ne": "!==", "~=": "!==",
}  # fmt: skip
_JOINTS = {"any_of": "or", "odd_of": "xor", "all_of": "and"}
# wireshark-filter(4), "The slice operator": [i:j] [i-j] [i] [:j] [i:], offsets may be negative; numbers as in C
_OFFSET = r"([+-]?(?:0x[0-9a-f]+|0[0-7]*|[1-9]\d*))"
_FROM_LENGTH = re.compile(rf"{_OFFSET}?\s*:\s*{_OFFSET}?", re.IGNORECASE)
_FROM_TO = re.compile(rf"{_OFFSET}\s*-\s*{_OFFSET}", re.IGNORECASE)
_ONE = re.compile(_OFFSET, re.IGNORECASE)
_MOST = 1 << 31


class Builder:
    """Makes the syntax; `fault(place, message, hint)` makes the error for a place."""

    def __init__(self, fault: Fault) -> None:
        self._fault = fault

    def test(self, tree: Tree[Token]) -> Test:
        """A test, from any of the grammar's rules for tests."""
        while tree.data in _JOINTS and len(tree.children) == 1:
            tree = _tree(tree.children[0])
        rule = str(tree.data)
        place = _place(tree)
        if rule in _JOINTS:
            return syntax.Joint(place, _JOINTS[rule], tuple(self.test(_tree(c)) for c in tree.children))
        if rule == "negation":
            return syntax.Not(place, self.test(_tree(tree.children[1])))
        if rule == "exists":
            return syntax.Exists(place, self.expression(tree.children[0]))
        if rule == "quantified":
            return self._relation(_tree(tree.children[1]), Quantifier(str(tree.children[0]).lower()))
        return self._relation(tree, None)

    def _relation(self, tree: Tree[Token], quantifier: Quantifier | None) -> Test:
        rule, place = str(tree.data), _place(tree)
        if rule == "compare":
            sides = [self.expression(c) for c in tree.children[::2]]
            pairs: list[Test] = []
            for left, sign, right in zip(sides, tree.children[1::2], sides[1:], strict=False):
                written = str(sign).lower()
                where = Place(left.place.start, right.place.end)
                pairs.append(syntax.Compare(where, _SIGNS.get(written, written), _place(sign), left, right, quantifier))
            return pairs[0] if len(pairs) == 1 else syntax.Joint(place, "and", tuple(pairs))
        left = self.expression(tree.children[0])
        if rule in ("member", "no_member"):
            items = tuple(self._item(_tree(c)) for c in _tree(tree.children[-1]).children)
            member = syntax.Member(place, left, items, quantifier)
            return syntax.Not(place, member) if rule == "no_member" else member
        right = self.expression(tree.children[2])
        return syntax.Search(place, rule, _place(tree.children[1]), left, right, quantifier)

    def _item(self, tree: Tree[Token]) -> tuple[Expression, Expression | None]:
        low = self.expression(tree.children[0])
        return low, self.expression(tree.children[1]) if len(tree.children) > 1 else None

    def expression(self, node: Tree[Token] | Token) -> Expression:
        """An expression, from any of the grammar's rules for expressions."""
        tree = _tree(node)
        while tree.data in ("arithmetic", "plus") and len(tree.children) <= 2:
            tree = _tree(tree.children[-1])
        rule, place = str(tree.data), _place(tree)
        first = tree.children[0]
        if rule == "arithmetic":
            return self._arithmetic(tree)
        if rule == "minus":
            return syntax.Minus(place, self.expression(tree.children[1]))
        if rule == "slice":
            return syntax.Slice(place, self.expression(first), tuple(self._span(c) for c in tree.children[1:]))
        if rule in ("layered", "raw"):
            layers = _tree(tree.children[1]).children if len(tree.children) > 1 else []
            return syntax.Layered(place, _word(first), tuple(self._span(c) for c in layers), rule == "raw")
        if rule == "function":
            return syntax.Function(place, str(first).lower(), tuple(self.expression(c) for c in tree.children[1:]))
        if rule == "word":
            return _word(first)
        try:
            if rule == "string":
                return quoted(place, str(first))
            return syntax.Character(place, character(str(first)))
        except BadEscapeError as fault:
            raise self._fault(place, str(fault)) from None

    def _arithmetic(self, tree: Tree[Token]) -> Expression:
        result = self.expression(tree.children[0])
        for operator, operand in zip(tree.children[1::2], tree.children[2::2], strict=True):
            right = self.expression(operand)
            sign = "&" if str(operator).lower() in ("bitand", "bitwise_and") else str(operator)
            result = syntax.Arithmetic(Place(result.place.start, right.place.end), sign, result, right)
        return result

    def _span(self, node: Tree[Token] | Token) -> Span:
        token = node if isinstance(node, Token) else node.children[0]
        text = str(token).strip()
        if len(text) > 24:
            raise self._fault(_place(token), "a number of a slice is too large")
        if match := _FROM_LENGTH.fullmatch(text):
            start, length = _offset(match.group(1) or "0"), _offset(match.group(2)) if match.group(2) else None
            if length is not None and length < 1:
                raise self._fault(_place(token), "a slice of no bytes", "[i:n] is n bytes from byte i on")
            span = Span(start, length, None)
        elif match := _FROM_TO.fullmatch(text):
            start, last = _offset(match.group(1)), _offset(match.group(2))
            if (start < 0) != (last < 0):
                raise self._fault(_place(token), "a slice from one end to the other", "[i:] is all from byte i on")
            if last < start:
                raise self._fault(_place(token), "a slice that ends before it begins", "[i-j] is byte i to byte j")
            span = Span(start, None, last)
        elif _ONE.fullmatch(text):
            span = Span(_offset(text), 1, None)
        else:
            hint = "[i:n] is n bytes from byte i on, [i-j] byte i to byte j, [i] one byte, [i:] all from byte i"
            raise self._fault(_place(token), f"{text!r} is no place of a slice", hint)
        if max(abs(n) for n in (span.start, span.length or 0, span.last or 0)) >= _MOST:
            raise self._fault(_place(token), "a number of a slice is too large")
        return span


def _offset(text: str) -> int:
    return int(text, 8 if re.fullmatch(r"[+-]?0[0-7]+", text) else 0)


def _word(node: Tree[Token] | Token) -> Word:
    text = str(node)
    return Word(_place(node), text.removeprefix("."), text.startswith("."))


def _tree(node: Tree[Token] | Token) -> Tree[Token]:
    assert isinstance(node, Tree), node
    return node


def _place(node: Tree[Token] | Token) -> Place:
    if isinstance(node, Token):
        return Place(node.start_pos or 0, node.end_pos or 0)
    return Place(node.meta.start_pos, node.meta.end_pos) if not node.meta.empty else Place(0, 0)
