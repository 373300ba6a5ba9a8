"""Strings as strace prints them: C literals, with -x in hexadecimal, cut at -s bytes."""

import re

from wiretale.decode.escape import escape_bytes
from wiretale.decode.strace.style import Hex, Names

_SHORT = {0x09: "\\t", 0x0A: "\\n", 0x0B: "\\v", 0x0C: "\\f", 0x0D: "\\r", 0x22: '\\"', 0x5C: "\\\\"}
_TEXT = frozenset(b"\t\n\v\f\r") | frozenset(range(0x20, 0x7F))
_LITERAL = re.compile(r'(?<!\\)"((?:[^"\\]|\\.)*)"', re.DOTALL)
_IS_HEX = re.compile(r"(?<!\\)(?:\\\\)*\\x")
_ELEMENT = re.compile(r"\\[0-7]{1,3}|\\?.", re.DOTALL)
_ESCAPES = {label[1]: byte for byte, label in _SHORT.items()}
_HEX = [f"\\x{b:02x}" for b in range(256)]
_MIXED = [chr(b) if 0x20 <= b < 0x7F and b not in _SHORT else _SHORT.get(b, _HEX[b]) for b in range(256)]


def literal(data: bytes, style: Hex = Hex.NONE) -> str:
    r"""`data` in quotes: "salam\n", or all of it as \x73\x61... where the style wants that."""
    if style is Hex.NONE:
        return escape_bytes(data)
    if style is Hex.ALL or (style is Hex.NON_ASCII and not _TEXT.issuperset(data)):
        return '"' + "".join(_HEX[b] for b in data) + '"'
    return '"' + "".join(_MIXED[b] for b in data) + '"'


def hex_literal(data: bytes) -> str:
    """Random bytes, hardware addresses and the like are hexadecimal whatever the options say."""
    return literal(data, Hex.ALL)


def spelled(text: str, style: Hex) -> str:
    """Arguments with all that stands between quotes in the style; what is hexadecimal already stays so."""

    def again(found: "re.Match[str]") -> str:
        return found[0] if _IS_HEX.search(found[1]) else literal(_meant(found[1]), style)

    return _LITERAL.sub(again, text) if '"' in text else text


def _meant(text: str) -> bytes:
    """The bytes of a literal in which nothing is hexadecimal."""
    return b"".join(_byte(found[0]) for found in _ELEMENT.finditer(text))


def _byte(text: str) -> bytes:
    if text[0] != "\\":
        return text.encode("latin-1", "replace")
    found = _ESCAPES.get(text[1])
    return bytes([int(text[1:], 8) & 0xFF]) if found is None else bytes([found])


def in_style(names: Names, data: bytes, text: str) -> str:
    """What bytes mean; with -X raw the bytes, with -X verbose both."""
    if names is Names.ABBREV:
        return text
    return hex_literal(data) if names is Names.RAW else f"{hex_literal(data)} /* {text} */"


def label_text(data: bytes) -> str:
    """A name between < and >: a string literal in which what would end the label is octal as well."""
    if b"<" not in data and b">" not in data:
        return escape_bytes(data)[1:-1]
    parts = re.split(rb"([<>])", data)
    found = [escape_bytes(part)[1:-1] for part in parts]
    for at in range(1, len(parts), 2):
        long = parts[at + 1][:1].isdigit() and parts[at + 1][:1] < b"8"
        found[at] = f"\\{ord(parts[at]):03o}" if long else f"\\{ord(parts[at]):o}"
    return "".join(found)
