"""Regular expressions of filters: PCRE2's, as Wireshark takes them, in the words of RE2, which DuckDB has.

Wireshark matches bytes, one at a time. RE2 matches text, so bytes are read as Latin-1: one character for each.
"""

import re

# Plain ASCII is that already. Of all other bytes the hexadecimal digits become those of UTF-8, pair after pair.
_SPACED = "regexp_replace(hex({}), '(..)', '\\1 ', 'g')"
_UTF8 = f"regexp_replace({_SPACED}, '([89AB].) ', 'C2\\1 ', 'g')"
for _high, _low in zip("CDEF", "89AB", strict=True):
    _UTF8 = f"regexp_replace({_UTF8}, '{_high}(.) ', 'C3{_low}\\1 ', 'g')"
LATIN_1 = (
    "CASE WHEN octet_length({}) = length(decode({}, 'replace')) AND encode(decode({}, 'replace')) = {}"
    f" THEN decode({{}}, 'replace') ELSE decode(unhex(replace({_UTF8}, ' ', ''))) END"
)

_CLASS = r"\[\^?\]?(?:\\.|\[:\^?\w+:\]|[^\]\\])*\]"
_CODE = r"\\o\{(?P<octal>[0-7]+)\}|\\c(?P<control>[ -~])|\\(?P<zero>0[0-7]{0,2})"
_TOKEN = re.compile(
    rf"{_CODE}|\\[pP](?:\{{[^}}]*\}}|.)|\\Q.*?(?:\\E|$)|\\.|(?P<class>{_CLASS})|\(\?\#[^)]*\)|\(\?<(?![=!])|.",
    re.DOTALL,
)
_ESCAPE_IN_CLASS = re.compile(rf"{_CODE}|\\.|.", re.DOTALL)
# pcre2pattern(3): "Generic character types", "Newline sequences", "Simple assertions", "Non-printing characters"
_KINDS = {"h": r"\t \xA0", "v": r"\n\x0B\f\r\x85", "s": r"\s\x0B"}
_ESCAPES = {"R": r"(?:\r\n|[\n\x0B\f\r\x85])", "N": r"[^\n]", "Z": r"(?:\n?\z)", "e": r"\x1B"}


def expression(pattern: bytes, *, of_bytes: bool) -> str:
    """A pattern for RE2. Case does not count.

    `of_bytes`: it is matched against LATIN_1 of bytes, else against a text.
    """
    text = pattern.decode("latin-1" if of_bytes else "utf-8")
    many_lines = "(?m" in text or "(?i-m" in text
    return "(?i)" + "".join(_said(token, many_lines=many_lines) for token in _TOKEN.finditer(text))


def _said(token: re.Match[str], *, many_lines: bool) -> str:
    written = token[0]
    if token["class"]:
        return "".join(_in_class(part) for part in _ESCAPE_IN_CLASS.finditer(written))
    if (code := _code(token)) is not None:
        return f"\\x{{{code:X}}}"
    if written[:2] in ("\\p", "\\P"):
        return f"(?-i:{written})"
    if written.startswith("(?#"):
        return ""
    if written == "(?<":
        return "(?P<"
    if written == "$" and not many_lines:
        return r"(?:\n?\z)"  # before a last newline, too
    if written == "\0":
        return r"\x00"
    kind = written[1:] if written[0] == "\\" else ""
    if kind.lower() in _KINDS:
        return f"[{'^' if kind.isupper() else ''}{_KINDS[kind.lower()]}]"
    return _ESCAPES.get(kind, written)


def _in_class(part: re.Match[str]) -> str:
    if (code := _code(part)) is not None:
        return f"\\x{{{code:X}}}"
    if part[0] == "\0":
        return r"\x00"
    kind = part[0][1:] if part[0][0] == "\\" else ""
    return {**_KINDS, "e": r"\x1B", "b": r"\x08"}.get(kind, part[0])


def _code(token: re.Match[str]) -> int | None:
    """Of a character that is written as \\o{..}, \\cX or \\0."""
    if token["control"]:
        return ord(token["control"].upper()) ^ 64
    octal = token["octal"] or token["zero"]
    return int(octal, 8) if octal else None


# A token of a regular expression: what a group or class holds is not looked at, nor what may be repeated.
_PLAIN = re.compile(
    rf"\\(?P<escaped>\W)|\\.|{_CLASS}|\{{[^}}]*\}}|(?P<plain>[^\\\[\]{{}}().^$*+?])|.",
    re.DOTALL,
)
_OTHER_SYNTAX = re.compile(r"\||\(\?|\\[^\WbBdDfnrsStwW]")  # alternatives, flags, \x41, \Q: not looked into at all


def needed(pattern: bytes) -> str:
    """The longest run of ASCII characters that every match of a regular expression holds, in either case.

    Empty if none is seen. k and s end a run: they also match U+212A and U+017F (Unicode's CaseFolding.txt).
    """
    text = pattern.decode("latin-1")
    if _OTHER_SYNTAX.search(text):
        return ""
    runs, depth = [""], 0
    for token in _PLAIN.finditer(text):
        depth += {"(": 1, ")": -1}.get(token[0], 0)
        character = token["escaped"] or token["plain"] or ""
        follows = text[token.end() : token.end() + 1]
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
