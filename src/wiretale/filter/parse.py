"""Filter text -> syntax (`syntax.py`), with one sentence and a caret where it cannot be understood.

Any text is answered in time linear in its length: the grammar is LALR(1), length and nesting are bounded.
"""

import difflib
import re

from lark import Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedInput, UnexpectedToken

from wiretale.errors import UsageFault
from wiretale.filter.build import Builder
from wiretale.filter.grammar import parser
from wiretale.filter.syntax import Test

MAX_CHARS = 10_000  # a filter is typed; anything longer is a mistake and would only make deep recursion possible
MAX_DEPTH = 100
_SHOWN_BEFORE, _SHOWN = 60, 100  # characters of the filter that a fault shows
_LONG_WORD = re.compile(r"(\S{60})\S+")

# $name(...), ${name:...}, ${name;...}: macros of Wireshark; with dots, and nothing behind: the value of a field
_MACRO = re.compile(r"\$(?:\w+\s*\(|\{\w+\s*[:;(]|\w+(?![\w.])|\{\w+\})")

_EXPECTED = {
    "WORD": "a field or value",
    "COMPARE": "a comparison such as ==",
    "RANGE": "a place such as 0:2 or 4",
    "LAYER": "a number",
    "LBRACE": "{",
    "RSQB": "]",
    "RPAR": ")",
    "RBRACE": "}",
}
_OPERATORS = ["contains", "matches", "and", "or", "xor", "in", "not", "eq", "ne", "gt", "lt", "ge", "le"]


def fault_at(text: str, position: int, length: int, message: str, hint: str = "") -> UsageFault:
    """A fault whose message shows the filter with a caret line under the place. A long word in the message is cut."""
    message = _LONG_WORD.sub(lambda match: match.group(1) + "...", message)
    shown = "".join(c if c.isprintable() else " " for c in text)
    start = max(0, position - _SHOWN_BEFORE)
    window = shown[start : start + _SHOWN]
    carets = " " * (position - start) + "^" + "~" * max(0, min(length, len(window) - (position - start)) - 1)
    return UsageFault(f"{message}\n{window}\n{carets}", hint)


def parse(text: str) -> Test:
    """What the text says. Raises UsageFault."""
    if not text.strip():
        raise UsageFault("the filter is empty", "for example: tcp.port == 4000")
    if len(text) > MAX_CHARS:
        raise UsageFault(f"the filter has {len(text)} characters; at most {MAX_CHARS} are read")
    tree = _tree(text)
    if _depth(tree) > MAX_DEPTH:
        raise UsageFault(f"the filter nests deeper than {MAX_DEPTH} levels", "split it into several tests")
    return Builder(
        lambda place, message, hint="": fault_at(text, place.start, place.end - place.start, message, hint)
    ).test(tree)


def _tree(text: str) -> Tree[Token]:
    try:
        return parser().parse(text)
    except UnexpectedCharacters as fault:
        position = fault.pos_in_stream or 0
        raise fault_at(text, position, 1, *_explain_character(text, position)) from None
    except UnexpectedEOF as fault:
        raise _ends_early(text, fault) from None
    except UnexpectedToken as fault:
        if fault.token.type == "$END":
            raise _ends_early(text, fault) from None
        place = fault.token.start_pos or 0
        if fault.token.type in ("RANGE", "LAYER"):  # what is no token but in brackets
            raise fault_at(text, place, 1, *_explain_character(text, place)) from None
        raise fault_at(text, place, len(fault.token), *_explain_token(fault)) from None


def _depth(tree: Tree[Token]) -> int:
    """How deep the syntax will be. Rules with one child add nothing, operators in a row one level each."""
    deepest = 0
    stack: list[tuple[Tree[Token], int]] = [(tree, 0)]
    while stack:
        node, depth = stack.pop()
        if node.data in ("arithmetic", "compare"):
            depth += (len(node.children) - 1) // 2
        elif len(node.children) > 1 or node.data not in ("any_of", "odd_of", "all_of", "exists"):
            depth += 1
        deepest = max(deepest, depth)
        stack += [(child, depth) for child in node.children if isinstance(child, Tree)]
    return deepest


def _ends_early(text: str, fault: UnexpectedInput) -> UsageFault:
    return fault_at(text, len(text.rstrip()), 1, f"the filter ends where {_wanted(fault)} should follow")


def _wanted(fault: UnexpectedInput) -> str:
    expected: set[str] = set(getattr(fault, "expected", None) or getattr(fault, "accepts", None) or ())
    return next((words for name, words in _EXPECTED.items() if name in expected), "something else")


def _explain_character(text: str, position: int) -> tuple[str, str]:
    char = text[position] if position < len(text) else ""
    if char in "\"'":
        return "this quote is never closed", ""
    if char == "=":
        return "a single = is no comparison", "equality is =="
    if _MACRO.match(text, position):
        return "a macro is defined in Wireshark's settings; here are none", "write what it stands for"
    if char == "$":
        return (
            "a field reference ${...} or $... is of the frame selected in Wireshark's window; here none is",
            "write its value",
        )
    if char == "|":
        return "a single | is no operator", "either of two tests is ||"
    return f"{char!r} is not understood here", ""


def _explain_token(fault: UnexpectedToken) -> tuple[str, str]:
    token = str(fault.token)
    if "COMPARE" not in (fault.expected or ()):
        return f"{token!r} stands where {_wanted(fault)} should", ""
    near = difflib.get_close_matches(token.lower(), _OPERATORS, n=1)
    hint = f"did you mean {near[0]}?" if near else "a comparison such as == or an operator such as && should stand here"
    return f"{token!r} is not understood here", hint
