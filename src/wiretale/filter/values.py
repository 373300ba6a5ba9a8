"""What a user wrote as a value, as the value that is compared with a column."""

import errno
import ipaddress
import re
from collections.abc import Callable, Mapping

from wiretale.decode.constants.tables import ERRORS
from wiretale.filter.condition import Network, Value
from wiretale.filter.moments import moment
from wiretale.filter.types import ADDRESSES, FieldType

_UNITS_NS = {"ns": 1, "us": 1_000, "µs": 1_000, "ms": 1_000_000, "s": 1_000_000_000, "min": 60_000_000_000}
_SPAN = re.compile(r"(-?\d+(?:\.\d+)?)(?:e([+-]?\d{1,2}))?(ns|us|µs|ms|s|min)?", re.IGNORECASE)
_DIGITS = re.compile(r"[0-9a-f]|(?:[0-9a-f]{2})+", re.IGNORECASE)
_SEPARATED = re.compile(
    r"[0-9a-f]{2}(?::[0-9a-f]{2})+|[0-9a-f]{1,2}([.-])[0-9a-f]{1,2}(?:\1[0-9a-f]{1,2})*", re.IGNORECASE
)
_QUADS = re.compile(r"[0-9a-f]{4}(?:\.[0-9a-f]{4})+", re.IGNORECASE)
_ONE_HEX = re.compile(r"0x[0-9a-f]{1,2}", re.IGNORECASE)
_NUMBER = re.compile(r"-?(?:0x[0-9a-f]+|0b[01]+|0[0-7]*|[1-9][0-9]*)", re.IGNORECASE)
_INT64 = range(-(1 << 63), 1 << 64)
_MOST_DIGITS = 80


class BadValueError(ValueError):
    """The text is no value of the type; the message says why."""


def number(text: str, names: Mapping[str, int] | None = None) -> int:
    """Decimal, 0x hexadecimal, 0b binary, leading-zero octal, or one of `names`."""
    if names and text.upper() in names:
        return names[text.upper()]
    if not _NUMBER.fullmatch(text) or len(text) > _MOST_DIGITS:
        raise BadValueError(f"{text} is not a number")
    octal = re.fullmatch(r"-?0[0-7]+", text)
    value = int(text, 8 if octal else 0)
    if value not in _INT64:
        raise BadValueError(f"{text} is too large")
    return value


_FLAG_WORDS = {"set": True, "not set": False}


def boolean(text: str) -> bool:
    """A number that is 0 or not, or true or false; "Set" and "Not set" are Wireshark's words for flags."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if text.lower() in _FLAG_WORDS:
        return _FLAG_WORDS[text.lower()]
    try:
        return number(text) != 0
    except BadValueError:
        raise BadValueError(f"{text} is neither true nor false") from None


def byte_string(text: str) -> bytes:
    """Pairs of hexadecimal digits, side by side or with colons, dots or hyphens between, or one byte as 0x7f."""
    if _ONE_HEX.fullmatch(text):
        return bytes([int(text, 16)])
    bare = text.removeprefix(":")
    if _DIGITS.fullmatch(bare):
        return bytes.fromhex(bare.zfill(len(bare) + len(bare) % 2))
    if _SEPARATED.fullmatch(bare):
        return bytes(int(part, 16) for part in re.split(r"[:.-]", bare))
    if _QUADS.fullmatch(bare):
        return bytes.fromhex(bare.replace(".", ""))
    raise BadValueError(f"{text} is no byte string such as de:ad:be:ef; a text is written in quotes")


def hardware_address(text: str) -> bytes:
    """Six bytes, in any of the spellings of byte strings."""
    value = byte_string(text)
    if len(value) != 6:
        raise BadValueError(f"{text} has {len(value)} bytes, not 6")
    return value


def duration(text: str) -> int:
    """Nanoseconds; a bare number is seconds."""
    match = _SPAN.fullmatch(text)
    if match is None or len(text) > _MOST_DIGITS:
        raise BadValueError(f"{text} is not a time span such as 1ms, 20us or 0.5s")
    whole, _, fraction = match.group(1).lstrip("-").partition(".")
    exponent = int(match.group(2) or 0)
    unit = _UNITS_NS[(match.group(3) or "s").lower()]
    scaled = int((whole + fraction) or "0") * unit
    power = exponent - len(fraction)
    value: int
    lost: int
    value, lost = (scaled * 10**power, 0) if power >= 0 else divmod(scaled, 10**-power)
    if lost:
        raise BadValueError(f"{text} is finer than a nanosecond")
    if value >= 1 << 63:
        raise BadValueError(f"{text} is too long")
    return -value if text.startswith("-") else value


def error_number(text: str) -> int:
    """An errno by number or by its name in errno.h."""
    # Python knows one name for each number; `show` prints the kernel's, which is another for EOPNOTSUPP.
    names = {name: code for code, name in errno.errorcode.items()} | {row[0]: code for code, row in ERRORS.items()}
    names["EWOULDBLOCK"] = errno.EAGAIN
    if text.upper() in names:
        return names[text.upper()]
    if text.lstrip("-")[:1].isdigit():
        return number(text)
    raise BadValueError(f"{text} is no error name")


def address(text: str, type_: FieldType = FieldType.ADDRESS) -> str | Network:
    """An IPv4 or IPv6 address in its canonical text, or a range for ADDRESS/BITS."""
    try:
        if "/" in text:
            network = ipaddress.ip_network(text, strict=False)
            _check_version(network.version, text, type_)
            return Network(_key(network[0]), _key(network[-1]))
        one = ipaddress.ip_address(text)
        _check_version(one.version, text, type_)
        return address_text(one)
    except BadValueError:
        raise
    except ValueError:
        raise BadValueError(f"{text} is not an IP address or network") from None


def address_text(one: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """As the tables hold it: RFC 5952, with a dotted end where the address is IPv4-mapped (its section 5)."""
    mapped = one.ipv4_mapped if isinstance(one, ipaddress.IPv6Address) else None
    return f"::ffff:{mapped}" if mapped is not None else str(one)


def _check_version(version: int, text: str, type_: FieldType) -> None:
    wanted = {FieldType.IPV4: 4, FieldType.IPV6: 6}.get(type_, version)
    if version != wanted:
        raise BadValueError(f"{text} is IPv{version}")


def address_key(text: str) -> str:
    """Sorts as the address does: hexadecimal digits, 8 for IPv4, 32 for IPv6."""
    return _key(ipaddress.ip_address(text))


def _key(value: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    return value.packed.hex()


def time_of(text: str) -> int:
    """Nanoseconds since 1970."""
    found = moment(text)
    if found is None:
        raise BadValueError(f'{text} is no date and time such as "2026-11-25 04:15:16.5"')
    return found


_READERS: dict[FieldType, Callable[[str], Value]] = {
    FieldType.BOOLEAN: boolean,
    FieldType.BYTES: byte_string,
    FieldType.PROTOCOL: byte_string,
    FieldType.ETHER: hardware_address,
    FieldType.DURATION: duration,
    FieldType.ERROR: error_number,
    FieldType.TIME: time_of,
    FieldType.TEXT: str,
}


def from_word(text: str, type_: FieldType, names: Mapping[str, int] | None = None) -> Value | Network:
    """The value of a word without quotes, of a type."""
    if type_ is FieldType.NUMBER:
        return number(text, names)
    if type_ in ADDRESSES:
        return address(text, type_)
    return _READERS[type_](text)


def from_quoted(data: bytes, type_: FieldType, names: Mapping[str, int] | None = None) -> Value | Network:
    """The value of a text in double quotes. Numbers and addresses are written without."""
    if type_ in (FieldType.BYTES, FieldType.PROTOCOL):
        return data
    text = data.decode(errors="backslashreplace")
    if type_ is FieldType.BOOLEAN and text.lower() in _FLAG_WORDS:
        return _FLAG_WORDS[text.lower()]
    if type_ in (FieldType.TEXT, FieldType.TIME, FieldType.ERROR):
        return from_word(text, type_, names)
    if names and text.upper() in names:
        return names[text.upper()]
    if names:
        raise BadValueError(
            f'"{text}" is none of its words: {", ".join(sorted(names, key=lambda n: names[n])[:8])}, ...'
        )
    raise BadValueError(f'"{text}" is a text; write the value without quotes')


def from_character(code: int, type_: FieldType) -> Value:
    """The value of 'x': a number, or one byte."""
    if type_ in (FieldType.NUMBER, FieldType.ERROR):
        return code
    if type_ is FieldType.BOOLEAN:
        return code != 0
    if type_ in (FieldType.BYTES, FieldType.PROTOCOL):
        return bytes([code])
    if type_ is FieldType.TEXT:
        return chr(code)
    raise BadValueError("a character in single quotes is a number or a byte")
