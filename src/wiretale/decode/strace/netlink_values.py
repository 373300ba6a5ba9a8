"""What the parts of a netlink message are made of: numbers, names, addresses, structures, attributes in attributes.

A printer takes the writer, the bytes, and the address family of the message; data too short for it is printed as bytes.
"""

import struct
from collections.abc import Callable, Mapping
from ipaddress import IPv4Address, IPv6Address

from wiretale.decode.escape import escape_bytes
from wiretale.decode.strace.strings import hex_literal
from wiretale.decode.strace.writer import StraceWriter
from wiretale.light import dataclass

Printer = Callable[[StraceWriter, bytes, int], str]
_NESTED, _BYTE_ORDER = 0x8000, 0x4000  # linux/netlink.h: NLA_F_NESTED, NLA_F_NET_BYTEORDER


def hexadecimal(w: StraceWriter, data: bytes, _: int = 0) -> str:
    """Bytes nobody knows the meaning of."""
    return hex_literal(data[: w.limit]) + ("..." if len(data) > w.limit else "")


def text(w: StraceWriter, data: bytes, _: int) -> str:
    """A string that ends with its NUL."""
    shown = data[:-1] if data[-1:] == b"\0" else data
    return escape_bytes(shown[: w.limit]) + ("..." if len(shown) > w.limit or shown is data else "")


def number(code: str) -> Printer:
    """A number in the format `code` of struct."""
    size = struct.calcsize("<" + code)
    return lambda w, data, _: (
        str(struct.unpack_from("<" + code, data)[0]) if len(data) >= size else hexadecimal(w, data)
    )


def _of(code: str, show: Callable[[StraceWriter, int], str]) -> Printer:
    size = struct.calcsize(code)
    return lambda w, data, _: show(w, struct.unpack_from(code, data)[0]) if len(data) >= size else hexadecimal(w, data)


def hexed(code: str) -> Printer:
    return _of("<" + code, lambda _, v: hex(v) if v else "0")


def one(table: str, code: str = "B") -> Printer:
    return _of("<" + code, lambda w, v: w.enum(table, v))


def some(table: str, code: str = "I") -> Printer:
    return _of("<" + code, lambda w, v: w.flags(table, v))


def states(w: StraceWriter, data: bytes, _: int) -> str:
    """A set of TCP states, by their numbers."""
    if len(data) < 4:
        return hexadecimal(w, data)
    value = int.from_bytes(data[:4], "little")
    known = [bit for bit in range(1, 12) if value >> bit & 1]
    rest = value & ~sum(1 << bit for bit in known)
    shown = [f"1<<{w.enum('tcp_state', bit)}" for bit in known]
    return "|".join([*shown, *([hex(rest)] if rest else [])]) or "0"


u8, u16, u32, u64, s32 = number("B"), number("H"), number("I"), number("Q"), number("i")
interface = _of("<I", lambda w, v: w.interface(v))
port = _of("!H", lambda _, v: f"htons({v})")


def hardware(w: StraceWriter, data: bytes, _: int) -> str:
    return ":".join(f"{b:02x}" for b in data)


def address(w: StraceWriter, data: bytes, family: int) -> str:
    """An address of the message's family."""
    if family == 2 and len(data) >= 4:
        return f'inet_addr("{IPv4Address(data[:4])}")'
    if family == 10 and len(data) >= 16:
        return f'inet_pton(AF_INET6, "{IPv6Address(data[:16])}")'
    return hexadecimal(w, data)


@dataclass(frozen=True, slots=True)
class Part:
    """One field of a structure: its name ("": padding), the format of struct, how it is printed (None: a number)."""

    name: str
    code: str
    how: Printer | None = None


def parts(rows: str, **how: Printer) -> tuple[Part, ...]:
    """`B name; 3x; I other` as fields; `how` says by name what is more than a number."""
    found = []
    for row in rows.split(";"):
        code, _, name = row.strip().partition(" ")
        found.append(Part(name, code, how.get(name)))
    return tuple(found)


def size_of(fields: tuple[Part, ...]) -> int:
    return struct.calcsize("<" + "".join(f.code for f in fields))


def fields_text(w: StraceWriter, fields: tuple[Part, ...], data: bytes, family: int = 0) -> str:
    """The fields of a structure, as far as the bytes reach: `a=1, b=2`."""
    at, shown = 0, []
    for field in fields:
        size = struct.calcsize("<" + field.code)
        piece = data[at : at + size]
        at += size
        if len(piece) < size:
            break
        if field.name:
            value = field.how(w, piece, family) if field.how else str(struct.unpack("<" + field.code, piece)[0])
            shown.append(value if value.startswith("inet_pton") and "&" in value else f"{field.name}={value}")
    return ", ".join(shown)


def structure(rows: str, **how: Printer) -> Printer:
    """A whole structure; the kernel may have an older, shorter one."""
    fields = parts(rows, **how)
    least = size_of(fields[:1])
    return lambda w, data, family: (
        f"{{{fields_text(w, fields, data, family)}}}" if len(data) >= least else hexadecimal(w, data)
    )


def cookie(w: StraceWriter, data: bytes, _: int) -> str:
    low, high = struct.unpack("<II", data)
    return f"[{low}, {high}]"


Attributes = Mapping[int, Printer]


def nested(table: str, printers: Attributes) -> Printer:
    """Attributes inside an attribute."""
    return lambda w, data, family: attributes(w, table, printers, data, family) or hexadecimal(w, data)


def attributes(w: StraceWriter, table: str, printers: Attributes, data: bytes, family: int) -> str:
    """Attributes back to back: `[{nla_len=8, nla_type=RTA_OIF}, 1]`; several in one more pair of brackets."""
    shown: list[str] = []
    at = 0
    while at + 4 <= len(data) and (len(shown) < w.limit or not w.brief):
        length, kind = struct.unpack_from("<HH", data, at)
        head = f"{{nla_len={length}, nla_type={_type(w, table, kind)}}}"
        body = data[at + 4 : at + length]
        if length < 4:
            shown.append(head)
            at = len(data)
            break
        printer = printers.get(kind & 0x3FFF, hexadecimal)
        shown.append(f"[{head}, {printer(w, body, family)}]" if body else head)
        at += (length + 3) // 4 * 4
    if at + 4 <= len(data):
        shown.append("...")
    elif len(data) - at > 0 and not shown:
        return hexadecimal(w, data)
    return shown[0] if len(shown) == 1 else f"[{', '.join(shown)}]" if shown else ""


def _type(w: StraceWriter, table: str, kind: int) -> str:
    prefix = ("NLA_F_NESTED|" if kind & _NESTED else "") + ("NLA_F_NET_BYTEORDER|" if kind & _BYTE_ORDER else "")
    return prefix + w.enum(table, kind & 0x3FFF)
