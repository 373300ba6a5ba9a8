"""SQL over bytes: slices, search, order, and addresses as bytes."""

from wiretale.filter.condition import Condition, put, value
from wiretale.filter.rows import address_key
from wiretale.filter.syntax import Span

# Shorter comes first, as in Wireshark: bytes of different lengths compare by length, of one length byte by byte.
ORDER = "(octet_length({0}) {strict} octet_length({1}) OR octet_length({0}) = octet_length({1}) AND {0} {sign} {1})"

ADDRESS_BYTES = f"unhex({address_key('{0}')})"
HARDWARE_TEXT = "rtrim(regexp_replace(lower(hex({0})), '(..)', '\\1:', 'g'), ':')"
# As far as the shorter goes, as in Wireshark. Of no bytes DuckDB makes no bits. The lambda names both sides once.
BITWISE_AND = (
    "list_transform([struct_pack(a := {0}, b := {1}, n := least(octet_length({0}), octet_length({1})))],"
    " lambda s: CASE WHEN s.n = 0 THEN ''::BLOB"
    " WHEN s.n > 0 THEN CAST(CAST(s.a[1 : s.n] AS BIT) & CAST(s.b[1 : s.n] AS BIT) AS BLOB) END)[1]"
)
NOT_ALL_ZERO = "regexp_matches(hex({0}), '[1-9A-F]')"


def order(sign: str) -> str:
    """The template of `left sign right` for < <= > >=."""
    return ORDER.replace("{strict}", sign[0]).replace("{sign}", sign)


def sliced(spans: tuple[Span, ...]) -> str:
    """The template of the bytes at some places, one after the other; NULL where one of them does not exist."""
    return "(" + " || ".join(_one(span) for span in spans) + ")"


def _one(span: Span) -> str:
    begin = str(span.start) if span.start >= 0 else f"(octet_length({{0}}) - {-span.start})"
    if span.length is not None:
        end = f"{begin} + {span.length}"
    elif span.last is not None:
        end = str(span.last + 1) if span.last >= 0 else f"(octet_length({{0}}) - {-span.last - 1})"
    else:
        end = "octet_length({0})"
    inside = f"{begin} >= 0 AND {begin} < {end} AND {end} <= octet_length({{0}})"
    return f"CASE WHEN {inside} THEN ({{0}})[{begin} + 1 : {end}] END"


def from_begin(spans: tuple[Span, ...]) -> bool:
    """Whether all places count from the begin, and their ends are known."""
    return all(s.start >= 0 and (s.length is not None or (s.last is not None and s.last >= 0)) for s in spans)


def window_slice(window: tuple[str, str, str], spans: tuple[Span, ...]) -> str:
    """SQL: the bytes at such places of a protocol, out of the frame."""
    when, begin, end = window
    parts = []
    for span in spans:
        stop = span.start + span.length if span.length is not None else (span.last or 0) + 1
        first = f"CAST({begin} AS BIGINT)"
        inside = f"{first} + {stop} <= least({end}, p.captured_bytes)"
        parts.append(f"CASE WHEN {when} AND {inside} THEN p.frame[{first} + {span.start + 1} : {first} + {stop}] END")
    return "(" + " || ".join(parts) + ")"


def holds(whole: Condition, part: bytes) -> Condition:
    """Whether bytes hold other bytes. DuckDB has no search in BLOBs: their hexadecimal digits are searched, and what is
    found must stand at an even place. CASE asks a later question only of the rows that need it: nearly all are ruled
    out by the first, and most others are decided by where the first hit stands."""
    digits = part.hex().upper()
    template = (
        "CASE WHEN NOT contains(hex({}), {}) THEN FALSE WHEN instr(hex({}), {}) % 2 = 1 THEN TRUE"
        " ELSE regexp_matches(hex({}), {}) END"
    )
    return put(template, whole, value(digits), whole, value(digits), whole, value(f"^(?:..)*{digits}"))
