"""What a user typed after an operator, as the value that is compared with a column."""

import errno
import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass

from wiretale.decode.constants.tables import ERRORS
from wiretale.filter.fields import FieldType

Value = int | str | bytes | bool

_UNITS_NS = {"ns": 1, "us": 1_000, "µs": 1_000, "ms": 1_000_000, "s": 1_000_000_000, "min": 60_000_000_000}
_SPAN = re.compile(r"(-?\d+(?:\.\d*)?)(ns|us|µs|ms|s|min)?", re.IGNORECASE)
_COLON_BYTES = re.compile(r"[0-9a-f]{2}(?:[:.-][0-9a-f]{2})*", re.IGNORECASE)
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{1,2}|[0-7]{1,3}|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_INT64 = range(-(1 << 63), 1 << 64)


class BadValueError(ValueError):
    """The text is no value of the type; the message says why."""


@dataclass(frozen=True, slots=True)
class Network:
    """A range of addresses, as the fixed-width hexadecimal keys of its first and last."""

    first: str
    last: str


def unquote(text: str) -> str:
    """The characters between quotes, with C escapes resolved; raw strings (r"...") keep their backslashes."""
    if text[:2].lower() == 'r"':
        return text[2:-1]

    def resolve(match: re.Match[str]) -> str:
        body = match.group(1)
        if body[0] == "x" and len(body) > 1:
            return chr(int(body[1:], 16))
        if body[0] in "01234567":
            return chr(int(body, 8) & 0xFF)
        return _ESCAPED.get(body, body)

    return _ESCAPE.sub(resolve, text[1:-1])


def is_quoted(text: str) -> bool:
    """Whether the user wrote it as a string."""
    return text[:1] == '"' or text[:2].lower() == 'r"'


def number(text: str) -> int:
    """Decimal, 0x hexadecimal, 0b binary, leading-zero octal, or 'c' (a character's code)."""
    if text[:1] == "'":
        inner = unquote(text)
        if len(inner) == 1:
            return ord(inner)
        raise BadValueError(f"{text} is more than one character")
    if is_quoted(text):
        raise BadValueError("a number is written without quotes")
    try:
        octal = re.fullmatch(r"-?0[0-7]+", text)
        value = int(text, 8 if octal else 0)
    except ValueError:
        raise BadValueError(f"{text} is not a number") from None
    if value not in _INT64:
        raise BadValueError(f"{text} is too large")
    return value


def boolean(text: str) -> bool:
    """1, 0, true or false."""
    known = {"1": True, "0": False, "true": True, "false": False}
    if text.lower() not in known:
        raise BadValueError(f"{text} is neither true nor false")
    return known[text.lower()]


def plain(text: str) -> str:
    """A text, quoted or one bare word."""
    return unquote(text) if text[:1] in "\"'" or is_quoted(text) else text


def byte_string(text: str) -> bytes:
    """A quoted text (\\xNN are bytes, other characters UTF-8), or hexadecimal pairs with colons, or a bare word."""
    if is_quoted(text):
        raw = text[:2].lower() == 'r"'
        return _bytes_of(unquote(text), text if not raw else "")
    if _COLON_BYTES.fullmatch(text) and (":" in text or "-" in text or len(text) == 2):
        return bytes.fromhex(re.sub(r"[:.-]", "", text))
    return plain(text).encode()


def _bytes_of(resolved: str, written: str) -> bytes:
    """Characters that came from \\x escapes are bytes; those typed as they are, UTF-8."""
    if "\\" not in written:
        return resolved.encode(errors="surrogateescape")
    out = bytearray()
    position = 1
    for match in _ESCAPE.finditer(written, 1, len(written) - 1):
        out += written[position : match.start()].encode(errors="surrogateescape")
        out += unquote(f'"{match.group(0)}"').encode("latin-1", errors="replace")
        position = match.end()
    out += written[position : len(written) - 1].encode(errors="surrogateescape")
    return bytes(out)


def duration(text: str) -> int:
    """Nanoseconds; a bare number is seconds."""
    match = _SPAN.fullmatch(text)
    if match is None:
        raise BadValueError(f"{text} is not a time span such as 1ms, 20us or 0.5s")
    whole, _, fraction = match.group(1).partition(".")
    unit = _UNITS_NS[(match.group(2) or "s").lower()]
    digits = fraction[:18]
    value = abs(int(whole or "0")) * unit + (int(digits) * unit // 10 ** len(digits) if digits else 0)
    if value >= 1 << 63:
        raise BadValueError(f"{text} is too long")
    return -value if text.startswith("-") else value


def error_number(text: str) -> int:
    """An errno by number or by its name in errno.h."""
    # Python knows one name for each number; `show` prints the kernel's, which is another for EOPNOTSUPP.
    names = {name: code for code, name in errno.errorcode.items()} | {row[0]: code for code, row in ERRORS.items()}
    names["EWOULDBLOCK"] = errno.EAGAIN
    word = plain(text)
    if word.upper() in names:
        return names[word.upper()]
    if word[:1].isdigit():
        return number(word)
    raise BadValueError(f"{word} is no error name")


def address(text: str) -> str | Network:
    """An IPv4 or IPv6 address in its canonical text, or a range for ADDRESS/BITS."""
    word = plain(text)
    try:
        if "/" in word:
            network = ipaddress.ip_network(word, strict=False)
            return Network(_key(network[0]), _key(network[-1]))
        return str(ipaddress.ip_address(word))
    except ValueError:
        raise BadValueError(f"{word} is not an IP address or network") from None


def address_range(low: str, high: str) -> Network:
    """All addresses from one to the other."""
    try:
        first, last = ipaddress.ip_address(plain(low)), ipaddress.ip_address(plain(high))
    except ValueError:
        raise BadValueError(f"{low}..{high} is not a range of IP addresses") from None
    return Network(_key(first), _key(last))


def address_key(text: str) -> str:
    """Sorts as the address does: hexadecimal digits, 8 for IPv4, 32 for IPv6."""
    return _key(ipaddress.ip_address(text))


def _key(value: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    return value.packed.hex()


PARSERS: dict[FieldType, Callable[[str], Value]] = {
    FieldType.NUMBER: number,
    FieldType.BOOLEAN: boolean,
    FieldType.TEXT: plain,
    FieldType.BYTES: byte_string,
    FieldType.DURATION: duration,
    FieldType.ERROR: error_number,
    FieldType.PROTOCOL: boolean,
}
