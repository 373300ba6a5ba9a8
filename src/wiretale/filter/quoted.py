"""Texts and characters in quotes, with the escapes of wireshark-filter(4)."""

import re

from wiretale.filter.syntax import Place, Quoted

_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{1,2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{1,3}|.)", re.DOTALL)
_ESCAPED = {"n": 10, "t": 9, "r": 13, "a": 7, "b": 8, "f": 12, "v": 11, "\\": 92, "'": 39, '"': 34}


class BadEscapeError(ValueError):
    """A backslash before something that it cannot stand before; the message says what."""


def quoted(place: Place, written: str) -> Quoted:
    """A text in double quotes, or a raw one: r"..."."""
    if written[:1] in "rR":
        inner = _utf8(written[2:-1].replace('\\"', '"'))
        return Quoted(place, inner, inner, "")
    inner_text = written[1:-1]
    data, pattern = bytearray(), bytearray()
    position, wrong = 0, ""
    for match in _ESCAPE.finditer(inner_text):
        plain = _utf8(inner_text[position : match.start()])
        try:
            resolved = expression = _resolve(match.group(1))
        except BadEscapeError as fault:
            # \d and the like are part of a regular expression, and a mistake anywhere else.
            wrong = wrong or str(fault)
            resolved, expression = b"", _utf8(match.group(0))
        data += plain + resolved
        pattern += plain + expression
        position = match.end()
    rest = _utf8(inner_text[position:])
    return Quoted(place, bytes(data + rest), bytes(pattern + rest), wrong)


def character(written: str) -> int:
    """The code of a character in single quotes."""
    inner = written[1:-1]
    match = _ESCAPE.fullmatch(inner)
    data = _resolve(match.group(1)) if match else _utf8(inner)
    if len(data) != 1:
        raise BadEscapeError(f"{written} is not one byte")
    return data[0]


def _resolve(body: str) -> bytes:
    if body[0] == "x" and len(body) > 1:
        return bytes([int(body[1:], 16)])
    if body[0] in "uU" and len(body) > 1:
        code = int(body[1:], 16)
        if code > 0x10FFFF or 0xD800 <= code < 0xE000:
            raise BadEscapeError(f"\\{body} is no Unicode character")
        return chr(code).encode()
    if body[0] in "01234567":
        if int(body, 8) > 0xFF:
            raise BadEscapeError(f"\\{body} is larger than a byte")
        return bytes([int(body, 8)])
    if body in _ESCAPED:
        return bytes([_ESCAPED[body]])
    raise BadEscapeError(f"\\{body} is no escape; a backslash is written \\\\")


def _utf8(text: str) -> bytes:
    return text.encode(errors="surrogatepass")
