"""Strings as strace prints them: C literals, with -x in hexadecimal, cut at -s bytes."""

import re

from wiretale.decode.escape import escape_bytes
from wiretale.decode.strace.style import Hex, Names

_SHORT = {0x09: "\\t", 0x0A: "\\n", 0x0B: "\\v", 0x0C: "\\f", 0x0D: "\\r", 0x22: '\\"', 0x5C: "\\\\"}
_TEXT = frozenset(b"\t\n\v\f\r") | frozenset(range(0x20, 0x7F))
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
