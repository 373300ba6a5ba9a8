"""What a field is, and short ways to write one.

An expression in a field names the aliases of `events.py` (`p.ttl`) or of a row set (`cc.own_port`, see `rows.py`); one
that names a row set has as many values as there are rows for the event. NULL means that the event has no such field.
"""

import re
from collections.abc import Mapping

from wiretale.filter.events import EventKind
from wiretale.filter.rows import ROWS
from wiretale.filter.types import FieldType
from wiretale.light import dataclass, field

CALL, PACKET, SIGNAL, TASK = EventKind.CALL, EventKind.PACKET, EventKind.SIGNAL, EventKind.TASK
KERNEL = EventKind.KERNEL

NUMBER, BOOLEAN, TEXT, BYTES = FieldType.NUMBER, FieldType.BOOLEAN, FieldType.TEXT, FieldType.BYTES
PROTOCOL, ETHER, IPV4, IPV6 = FieldType.PROTOCOL, FieldType.ETHER, FieldType.IPV4, FieldType.IPV6
ADDRESS, DURATION, TIME = FieldType.ADDRESS, FieldType.DURATION, FieldType.TIME
ERROR, LABEL = FieldType.ERROR, FieldType.LABEL


@dataclass(frozen=True, slots=True)
class Term:
    """One value of a field. `elements` is a list whose elements are the values, each called `v` in the expression;
    `layer` counts the headers of one protocol in a packet from the outermost, which is 1."""

    expression: str
    elements: str = ""
    layer: int = 1


Terms = tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `on` gives its values per kind of event, `present` the test whether it is there where that is cheaper
    than to read it, `length` its length where that is not the length of its value."""

    name: str
    type: FieldType
    meaning: str
    on: Mapping[EventKind, Terms]
    present: Mapping[EventKind, Terms] = field(default_factory=dict)
    size: int = 8  # bytes of a number: len() of it, and the largest value it can be compared with
    names: Mapping[str, int] = field(default_factory=dict)  # words that stand for values
    length: Mapping[EventKind, Terms] = field(default_factory=dict)
    whole: Mapping[EventKind, Terms] = field(default_factory=dict)  # what contains and matches search, if not the value
    window: tuple[str, str, str] | None = (
        None  # of a protocol: the condition, and the offsets in the frame of its bytes
    )
    same_as: str = ""  # the field this is another name of


def terms(*expressions: str | Term) -> Terms:
    """Values, each from its expression."""
    return tuple(e if isinstance(e, Term) else Term(e) for e in expressions)


def packet(name: str, type_: FieldType, meaning: str, *expressions: str | Term, size: int = 8, **names: int) -> Field:
    """A field of packets."""
    return Field(name, type_, meaning, {PACKET: terms(*expressions)}, size=size, names=names)


def call(name: str, type_: FieldType, meaning: str, *expressions: str) -> Field:
    """A field of calls."""
    return Field(name, type_, meaning, {CALL: terms(*expressions)})


def label(name: str, meaning: str, expression: str) -> Field:
    """Something a packet is or is not: there where the expression is true."""
    return Field(name, LABEL, meaning, {PACKET: terms(f"nullif({expression}, FALSE)")})


def protocol(name: str, meaning: str, present: str, begin: str, end: str = "", length: str = "") -> Field:
    """A protocol: its bytes are those of the frame from offset `begin` to offset `end`, or to the frame's end."""
    last = f"least({end}, p.captured_bytes)" if end else ""
    header = f"CASE WHEN {present} THEN p.frame[CAST({begin} AS BIGINT) + 1 : {last}] END"
    packet_end = "coalesce(CAST(p.payload_offset AS BIGINT) + CAST(p.payload_bytes AS BIGINT), p.captured_bytes)"
    whole = f"CASE WHEN {present} THEN p.frame[CAST({begin} AS BIGINT) + 1 : {packet_end}] END"
    return Field(
        name, PROTOCOL, meaning, {PACKET: terms(header)}, {PACKET: terms(f"nullif({present}, FALSE)")},
        length={PACKET: terms(f"CASE WHEN {present} THEN {length} END")} if length else {},
        whole={PACKET: terms(whole)}, window=(present, begin, last or "p.captured_bytes"),
    )  # fmt: skip


def rows_in(expression: str, kind: EventKind) -> tuple[str, ...]:
    """The aliases of row sets that an expression names."""
    found = re.findall(r"\b([a-z]+)\.", expression)
    return tuple(dict.fromkeys(alias for alias in found if (kind, alias) in ROWS))
