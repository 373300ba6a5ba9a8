"""SQL over bytes: slices, search, order, addresses as bytes, and regular expressions."""

import re

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


# The text of bytes for a regular expression: UTF-8 where they are, which is where nothing must be replaced to read them
# so (TRY(decode()) is a hundred times slower on bytes that are not). Else one character for each byte, U+FFFD for those
# that are no printable ASCII: DuckDB's text of a BLOB writes these, and quotes and backslash, as \\xNN.
_READABLE = (("\\x0A", 10), ("\\x0D", 13), ("\\x09", 9), ("\\x22", 34), ("\\x27", 39))
_BYTE_TEXT = "CAST({} AS VARCHAR)"
for _written, _code in _READABLE:
    _BYTE_TEXT = f"replace({_BYTE_TEXT}, '{_written}', chr({_code}))"
_BYTE_TEXT = f"regexp_replace(replace({_BYTE_TEXT}, '\\x5C', chr(0)), '\\\\x[0-9A-F][0-9A-F]', chr(65533), 'g')"
TEXT_OF_BYTES = (
    "CASE WHEN encode(decode({}, 'replace')) = {} THEN decode({}, 'replace')"
    f" ELSE replace({_BYTE_TEXT}, chr(0), chr(92)) END"
)


def expression(pattern: bytes) -> tuple[str, bool]:
    """A Perl-style regular expression for RE2, and whether it is about bytes that are no text.

    Case does not count, and $ stands before a last newline, too, as in PCRE. A pattern about bytes is matched against
    DuckDB's text of a BLOB, where every byte that is no printable ASCII character is \\xNN.
    """
    about_bytes = _is_about_bytes(pattern)
    text = _escaped_bytes(pattern) if about_bytes else pattern.decode()
    return "(?i)" + _ends(text), about_bytes


# A token of a regular expression: what a group or class holds is not looked at, nor what may be repeated.
_TOKEN = re.compile(
    r"\\(?P<escaped>\W)|\\.|\[\^?\]?(?:\\.|\[:\^?\w+:\]|[^\]\\])*\]|\{[^}]*\}|(?P<plain>[^\\\[\]{}().^$*+?])|.",
    re.DOTALL,
)
_OTHER_SYNTAX = re.compile(r"\||\(\?|\\[^\WbBdDfnrsStwW]")  # alternatives, flags, \x41, \Q: not looked into at all


def needed(pattern: str) -> str:
    """The longest run of ASCII characters that every match of a regular expression holds, in either case.

    Empty if none is seen. k and s end a run: they also match U+212A and U+017F (Unicode's CaseFolding.txt).
    """
    if _OTHER_SYNTAX.search(pattern):
        return ""
    runs, depth = [""], 0
    for token in _TOKEN.finditer(pattern):
        depth += {"(": 1, ")": -1}.get(token[0], 0)
        character = token["escaped"] or token["plain"] or ""
        follows = pattern[token.end() : token.end() + 1]
        if (
            depth == 0
            and character.isascii()
            and character.lower() not in ("", "k", "s")
            and follows not in ("*", "?", "{")
        ):
            runs[-1] += character
            runs += [""] if follows == "+" else []
        else:
            runs.append("")
    return max(runs, key=len)


def in_either_case(text: str) -> str:
    """A regular expression for the hexadecimal digits of ASCII characters. The cases of a letter differ in bit 5."""
    return "".join(
        f"[{ord(c.upper()) >> 4:X}{ord(c.lower()) >> 4:X}]{ord(c) & 15:X}" if c.isalpha() else f"{ord(c):02X}"
        for c in text
    )


def _is_about_bytes(pattern: bytes) -> bool:
    if re.search(rb"\\x(?:[89a-fA-F][0-9a-fA-F]|[01][0-9a-fA-F]|7f)", pattern):
        return True
    try:
        pattern.decode()
    except UnicodeDecodeError:
        return True
    return False


_SPELLED = (b"\\\\", b"\\'", b'\\"')  # escaped characters that DuckDB's text of a BLOB spells as \\xNN


def _escaped_bytes(pattern: bytes) -> str:
    out = []
    for part in re.findall(rb"\\x[0-9a-fA-F]{2}|\\.|.", pattern, re.DOTALL):
        code = int(part[2:], 16) if len(part) == 4 else part[-1] if part in _SPELLED or len(part) == 1 else None
        if code is None or (0x20 <= code < 0x7F and code not in b"\"'\\"):
            out.append(part.decode("latin-1"))
        else:
            out.append(f"(?:\\\\x{code:02X})")
    return "".join(out)


def _ends(text: str) -> str:
    """Each $ that is an anchor, made to allow a last newline."""
    if "(?m" in text or "(?i-m" in text:
        return text
    parts = re.findall(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|.", text, re.DOTALL)
    return "".join(r"(?:\n?\z)" if part == "$" else part for part in parts)
