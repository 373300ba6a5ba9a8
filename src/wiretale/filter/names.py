"""Names of fields: the nearest right one, and the values of a field for one kind of event."""

import difflib
import re
from functools import cache

from wiretale.filter.condition import Condition
from wiretale.filter.events import EventKind
from wiretale.filter.fields import BY_NAME, FIELDS
from wiretale.filter.fields.table import Field, Term, Terms, rows_in
from wiretale.filter.operand import Alternative, Elements
from wiretale.filter.rows import LIVE_ROWS, ROWS

# What follows from a whole recording only. A live view knows of a segment and of a task what is excepted here.
_NOT_LIVE = re.compile(
    r"\bg\.(?!rel_seq\b|rel_ack\b|shown_seq\b|shown_ack\b|scaled_window\b)|\bt\.(?!comm\b|pid\b|tid\b|end_how\b|exit_status\b)|\bi\."
    r"|^c\.call_id |\bc\.(?:number|restarts)\b"
)


def near(name: str) -> tuple[str, str]:
    """Message and hint for a name that no field has."""
    found = closest(name)
    hint = f"did you mean {found}?" if found else "wiretale fields lists the fields"
    return f"there is no field {name!r}", hint


def closest(name: str) -> str | None:
    """The field whose name is most like this; in doubt one of the same protocol, or one whose last part is the same."""
    word = name.lower()
    if found := difflib.get_close_matches(word, list(BY_NAME), n=1, cutoff=0.75):
        return found[0]
    first, dot, _ = word.partition(".")
    siblings = [f.name for f in FIELDS if dot and f.name.startswith(f"{first}.")]
    if found := difflib.get_close_matches(word, siblings, n=1, cutoff=0.5):
        return found[0]
    last = word.rpartition(".")[2]
    same_end = [f.name for f in FIELDS if f.name.rpartition(".")[2] == last and not f.same_as]
    return same_end[0] if same_end else next(iter(difflib.get_close_matches(word, list(BY_NAME), n=1)), None)


def terms_of(field: Field, kind: EventKind, *, live: bool, terms: Terms | None = None) -> tuple[Alternative, ...]:
    """The values of a field; while a recording runs, those that do not need what only its end can tell."""
    chosen = field.on.get(kind, ()) if terms is None else terms
    return tuple(_alternative(kind, term) for term in chosen if not live or _is_live(kind, term))


@cache
def _alternative(kind: EventKind, term: Term) -> Alternative:
    rows = tuple(ROWS[kind, alias] for alias in rows_in(term.expression, kind))
    if term.elements:
        return Alternative(Condition(f"({term.expression})"), (Elements("v", term.elements), *rows), term.layer)
    return Alternative(Condition(f"({term.expression})"), rows, term.layer)


@cache
def _is_live(kind: EventKind, term: Term) -> bool:
    if kind is EventKind.KERNEL:  # a live view has none of these events
        return False
    if any((kind, alias) not in LIVE_ROWS for alias in rows_in(term.expression, kind)):
        return False
    return not _NOT_LIVE.search(f"{term.expression} {term.elements}")
