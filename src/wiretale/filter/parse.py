"""Filter text -> syntax tree, with one sentence and a caret where it cannot be understood."""

import difflib
from functools import cache
from pathlib import Path

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedInput, UnexpectedToken

from wiretale.errors import UsageFault

MAX_CHARS = 10_000  # a filter is typed; anything longer is a mistake and would only make deep recursion possible
MAX_DEPTH = 100

_EXPECTED = {
    "FIELD": "a field",
    "COMPARE": "a comparison such as ==",
    "STRING": "a value",
    "WORD": "a value",
    "LBRACE": "{",
    "RPAR": ")",
    "RBRACE": "}",
}


@cache
def _parser() -> Lark:
    grammar = (Path(__file__).parent / "grammar.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", lexer="contextual", propagate_positions=True, maybe_placeholders=False)


def fault_at(text: str, position: int, length: int, message: str, hint: str = "") -> UsageFault:
    """A fault whose message shows the filter with a caret line under the place."""
    shown = "".join(c if c.isprintable() else " " for c in text)
    start = max(0, position - 60)
    window = shown[start : start + 100]
    carets = " " * (position - start) + "^" + "~" * max(0, min(length, len(window) - (position - start)) - 1)
    return UsageFault(f"{message}\n{window}\n{carets}", hint)


def parse(text: str) -> Tree[Token]:
    """The syntax tree (rules as in grammar.lark). Raises UsageFault."""
    if not text.strip():
        raise UsageFault("the filter is empty", "for example: tcp.port == 4000")
    if len(text) > MAX_CHARS:
        raise UsageFault(f"the filter has {len(text)} characters; at most {MAX_CHARS} are read")
    if _depth(text) > MAX_DEPTH:
        raise UsageFault(f"the filter nests deeper than {MAX_DEPTH} levels")
    try:
        tree = _parser().parse(text)
    except UnexpectedCharacters as fault:
        raise fault_at(text, fault.pos_in_stream or 0, 1, _explain_character(text, fault.pos_in_stream or 0)) from None
    except UnexpectedEOF as fault:
        raise fault_at(text, len(text.rstrip()), 1, f"the filter ends where {_wanted(fault)} should follow") from None
    except UnexpectedToken as fault:
        if fault.token.type == "$END":
            raise fault_at(
                text, len(text.rstrip()), 1, f"the filter ends where {_wanted(fault)} should follow"
            ) from None
        position = fault.token.start_pos or 0
        raise fault_at(text, position, len(fault.token), *_explain_token(text, fault)) from None
    return tree if isinstance(tree, Tree) else Tree("exists", [tree])


def _depth(text: str) -> int:
    """An upper bound of how deep the tree will be: open parentheses and runs of `not`."""
    depth = deepest = 0
    for char in text:
        if char in "(!":
            depth += 1
            deepest = max(deepest, depth)
        elif char == ")":
            depth -= 1
    return max(deepest, text.lower().count("not"))


def _wanted(fault: UnexpectedInput) -> str:
    expected: set[str] = set(getattr(fault, "expected", None) or getattr(fault, "accepts", None) or ())
    for name, words in _EXPECTED.items():
        if name in expected:
            return words
    return "something else"


def _explain_character(text: str, position: int) -> str:
    char = text[position] if position < len(text) else ""
    if char in "\"'":
        return "this quote is never closed"
    if char == "=":
        return "a single = is no comparison; equality is =="
    return f"{char!r} is not understood here"


def _explain_token(text: str, fault: UnexpectedToken) -> tuple[str, str]:
    token = str(fault.token)
    if "COMPARE" in (fault.expected or ()):
        words = ["contains", "matches", "and", "or", "in", "not", "eq", "ne"]
        near = difflib.get_close_matches(token.lower(), words, n=1)
        return (
            f"{token!r} is not understood here",
            f"did you mean {near[0]}?"
            if near
            else "a comparison such as == or an operator such as && should stand here",
        )
    return f"{token!r} stands where {_wanted(fault)} should", ""
