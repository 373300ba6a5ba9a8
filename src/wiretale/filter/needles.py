"""Byte strings of which an event must hold one to match: what can be looked for before anything else is asked.

SQL has no search in bytes but by way of their hexadecimal digits; looking for a few needles first, in the bytes
themselves, leaves it few events (`show.narrowing`).
"""

import re

from wiretale.filter.condition import Needle
from wiretale.filter.events import EventKind
from wiretale.filter.expressions import Expressions
from wiretale.filter.regex import needed
from wiretale.filter.syntax import Expression, Joint, Quoted, Search, Test, Word
from wiretale.filter.types import FieldType

Needles = tuple[Needle, ...]

# Values that are a piece of what is searched: of a packet its frame, of a call each memory it carried for the program.
_PIECE = {
    EventKind.PACKET: re.compile(r"\(?(?:CASE WHEN [^|]+ THEN )?p\.frame(?:\[[^\[\]]*\])?(?: END)*\)?"),
    EventKind.CALL: re.compile(r"\(?cd\.bytes\)?"),
}


def needles_of(test: Test, expressions: Expressions) -> Needles:
    """No event matches that holds none of these. Empty: nothing is known."""
    if isinstance(test, Joint):
        each = [needles_of(t, expressions) for t in test.tests]
        if test.word == "and":
            return max(each, key=lambda n: min((len(m.data) for m in n), default=0))
        return tuple(n for needles in each for n in needles) if test.word == "or" and all(each) else ()
    if not isinstance(test, Search) or not _is_piece(test.left, expressions):
        return ()
    if test.sign == "contains":
        data = expressions.operand(test.right, FieldType.BYTES).value
        return (Needle(data, either_case=False),) if isinstance(data, bytes) and data else ()
    assert isinstance(test.right, Quoted)
    run = needed(test.right.pattern)
    return (Needle(run.lower().encode(), either_case=True),) if run else ()


def _is_piece(node: Expression, expressions: Expressions) -> bool:
    pattern = _PIECE.get(expressions.kind)
    if pattern is None or not isinstance(node, Word):
        return False
    values = expressions.whole(node).alternatives
    return bool(values) and all(pattern.fullmatch(a.sql.sql) and not a.sql.parameters for a in values)
