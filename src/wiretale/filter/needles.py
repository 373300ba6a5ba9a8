"""Byte strings of which an event must hold one to match: what can be looked for before anything else is asked.

SQL has no search in bytes but by way of their hexadecimal digits; looking for a few needles first, in the bytes
themselves, leaves it few events (`show.narrowing`).
"""

import re

from wiretale.filter.condition import Needle
from wiretale.filter.events import EventKind
from wiretale.filter.expressions import Expressions
from wiretale.filter.operand import Operand
from wiretale.filter.regex import needed
from wiretale.filter.syntax import Compare, Joint, Quoted, Search, Slice, Test, Word
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
    if isinstance(test, Compare):
        return _of_equal(test, expressions)
    if not isinstance(test, Search) or not isinstance(test.left, Word):
        return ()
    if not _are_pieces(expressions, expressions.whole(test.left)):
        return ()
    if test.sign == "contains":
        data = expressions.operand(test.right, FieldType.BYTES).value
        return (Needle(data, either_case=False),) if isinstance(data, bytes) and data else ()
    assert isinstance(test.right, Quoted)
    run = needed(test.right.pattern)
    return (Needle(run.lower().encode(), either_case=True),) if run else ()


def _of_equal(test: Compare, expressions: Expressions) -> Needles:
    """What is equal to some bytes, or has a stretch that is, holds them."""
    of = test.left.of if isinstance(test.left, Slice) and len(test.left.spans) == 1 else test.left
    if test.sign != "==" or not isinstance(of, Word) or not expressions.is_typed(of):
        return ()
    if not _are_pieces(expressions, expressions.operand(of, None)):
        return ()
    left = expressions.operand(test.left, None)
    data = expressions.operand(test.right, left.reads, expressions.field_of(test.left)).value
    return (Needle(data, either_case=False),) if isinstance(data, bytes) and data else ()


def _are_pieces(expressions: Expressions, searched: Operand) -> bool:
    pattern = _PIECE.get(expressions.kind)
    values = searched.alternatives
    return (
        pattern is not None
        and bool(values)
        and all(pattern.fullmatch(a.sql.sql) and not a.sql.parameters for a in values)
    )
