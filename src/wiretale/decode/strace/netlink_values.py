"""What the parts of a netlink message are made of: numbers, names, addresses, structures, attributes in attributes.

A printer takes the writer, the bytes, and the address family of the message; data too short for it is printed as bytes.
"""

import struct
from _socket import AF_INET6, inet_ntop
from collections.abc import Callable, Mapping
from ipaddress import IPv4Address
from typing import Any

from wiretale.decode.escape import escape_bytes
from wiretale.decode.strace.names import known
from wiretale.decode.strace.strings import hex_literal, in_style
from wiretale.decode.strace.style import Names
from wiretale.decode.strace.unnamed import unknown
from wiretale.decode.strace.writer import StraceWriter
from wiretale.decode.writer import pointer_text
from wiretale.light import dataclass

Printer = Callable[[StraceWriter, bytes, int], str]
_NESTED, _BYTE_ORDER = 0x8000, 0x4000  # linux/netlink.h: NLA_F_NESTED, NLA_F_NET_BYTEORDER


class Memory(bytes):
    """Bytes of the program with their address; `full` counts those too that could not be read."""

    address: int
    full: int

    def part(self, start: int, stop: int | None = None) -> "Memory":
        """What lies in [start, stop), readable or not."""
        end = self.full if stop is None else min(stop, self.full)
        return memory(self[start:end], self.address + start, max(end - start, 0))


def memory(data: bytes, address: int, full: int) -> Memory:
    found = Memory(data)
    found.address, found.full = address, full
    return found


def part(data: bytes, start: int, stop: int | None = None) -> bytes:
    """As a slice; of memory it stays memory."""
    return data.part(start, stop) if isinstance(data, Memory) else data[start:stop]


def size_in(data: bytes) -> int:
    """How long it is, readable or not."""
    return data.full if isinstance(data, Memory) else len(data)


def hexadecimal(w: StraceWriter, data: bytes, _: int = 0) -> str:
    """Bytes nobody knows the meaning of; the address of those that cannot be read."""
    if isinstance(data, Memory) and len(data) < min(data.full, w.limit + 1):
        return pointer_text(data.address)
    return hex_literal(data[: w.limit]) + ("..." if len(data) > w.limit else "")


def text(w: StraceWriter, data: bytes, _: int) -> str:
    """A string that ends with its NUL."""
    if isinstance(data, Memory) and len(data) < min(data.full, w.limit + 1):
        ended = data.find(b"\0")
        return escape_bytes(data[:ended]) if ended >= 0 else pointer_text(data.address)
    shown = data[:-1] if data[-1:] == b"\0" else data
    return escape_bytes(shown[: w.limit]) + ("..." if len(shown) > w.limit or shown is data else "")


def _of(code: str, show: Callable[[StraceWriter, Any], str]) -> Printer:
    size = struct.calcsize(code)

    def value(w: StraceWriter, data: bytes, _: int) -> str:
        if len(data) >= size:
            return show(w, struct.unpack_from(code, data)[0])
        if isinstance(data, Memory) and data.full >= size:
            return pointer_text(data.address)
        return hexadecimal(w, data)

    return value


def number(code: str) -> Printer:
    """A number in the format `code` of struct."""
    return _of("<" + code, lambda _, v: str(v))


def hexed(code: str) -> Printer:
    return _of("<" + code, lambda _, v: hex(v) if v else "0")


def one(table: str, code: str = "B") -> Printer:
    return _of(code if code[0] in "<>!" else "<" + code, lambda w, v: w.enum(table, v))


def some(table: str, code: str = "I") -> Printer:
    return _of("<" + code, lambda w, v: w.flags(table, v))


def network_order(table: str) -> Printer:
    """A port or protocol in network order: htons(ETH_P_IP)."""
    return _of("!H", lambda w, v: f"htons({w.enum(table, v)})")


def whole(least: int, show: Printer, most: int = 0) -> Printer:
    """`show`, if at least `least` bytes are there, and all up to `most` can be read."""

    def value(w: StraceWriter, data: bytes, family: int) -> str:
        wanted = max(least, min(size_in(data), most))
        if len(data) >= wanted:
            return show(w, data, family)
        if isinstance(data, Memory) and data.full >= wanted:
            return pointer_text(data.address)
        return hexadecimal(w, data)

    return value


def if_set(w: StraceWriter, data: bytes, _: int) -> str:
    """A field that is shown only if it is not zero."""
    value = int.from_bytes(data, "little")
    return hex(value) if value else ""


def bits(table: str, numbers: range) -> Printer:
    """A set of values of a table, which stand for bits: 1<<IFLA_STATS_LINK_64|1<<IFLA_STATS_AF_SPEC."""

    def value(w: StraceWriter, data: bytes, _: int) -> str:
        number = int.from_bytes(data, "little")
        if not number or w.style.names is Names.RAW:
            return hex(number) if number else "0"
        named = [bit for bit in numbers if number >> bit & 1]
        rest = number & ~sum(1 << bit for bit in named)
        if not named:
            return f"{rest:#x} /* 1<<{unknown(table)} */"
        shown = [f"1<<{known(table, bit, w.arch)}" for bit in named]
        text_of = "|".join([*shown, *([hex(rest)] if rest else [])])
        return f"{number:#x} /* {text_of} */" if w.style.names is Names.VERBOSE else text_of

    return value


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
descriptor = _of("<i", lambda w, v: w.fd(v))
process = _of("<i", lambda w, v: w.pid(v))
port = _of("2s", lambda w, v: in_style(w.style.names, v, f"htons({int.from_bytes(v, 'big')})"))
network_u64 = _of("!Q", lambda _, v: f"htobe64({v})")


owner = _of("<I", lambda _, v: "-1" if v == 0xFFFFFFFF else str(v))  # a user or a group; -1: none
ipv4 = _of("4s", lambda w, v: in_style(w.style.names, v, f'inet_addr("{IPv4Address(v)}")'))
ipv6 = _of("16s", lambda w, v: in_style(w.style.names, v, f'inet_pton(AF_INET6, "{ipv6_text(v)}")'))


def ipv6_text(data: bytes) -> str:
    """Not IPv6Address: of ::ffff:127.0.0.1 that writes the IPv4 address since Python 3.13 only."""
    return inet_ntop(AF_INET6, bytes(data))


_TICKS = 100  # a second, USER_HZ of linux/param.h


def ticks(w: StraceWriter, data: bytes, _: int) -> str:
    """A time in clock ticks, in a number of any size up to 64 bits."""
    if size_in(data) > 8 or len(data) < size_in(data):
        return hexadecimal(w, data)
    value = int.from_bytes(data, "little")
    if w.style.names is Names.RAW:
        return str(value)
    return f"{value} /* {value // _TICKS}.{value % _TICKS:02d} s */" if value else "0"


def hardware(w: StraceWriter, data: bytes, _: int) -> str:
    if isinstance(data, Memory) and len(data) < data.full:
        return pointer_text(data.address)
    return in_style(w.style.names, bytes(data), ":".join(f"{b:02x}" for b in data)) if data else ""


def address(w: StraceWriter, data: bytes, family: int) -> str:
    """An address of the message's family."""
    printer = {2: ipv4, 10: ipv6}.get(family, hexadecimal)
    return printer(w, data, family)


def array(element: Printer, size: int) -> Printer:
    """Elements back to back; what is left over is not shown."""

    def value(w: StraceWriter, data: bytes, family: int) -> str:
        count = size_in(data) // size
        if not count:
            return hexadecimal(w, data)
        shown: list[str] = []
        for at in range(0, count * size, size):
            if len(data) < at + size:
                if not shown:
                    return pointer_text(data.address) if isinstance(data, Memory) else hexadecimal(w, data)
                where = data.address + at if isinstance(data, Memory) else at
                shown.append(f"... /* {where:#x} */")
                break
            if len(shown) >= w.limit and w.brief:
                shown.append("...")
                break
            shown.append(element(w, part(data, at, at + size), family))
        return f"[{', '.join(shown)}]"

    return value


def by_index(table: str, element: Printer, size: int, first: int) -> Printer:
    """An array whose places are named: `[[DEVCONF_X - 1] = 0]`."""

    def value(w: StraceWriter, data: bytes, family: int) -> str:
        if size_in(data) < size:
            return hexadecimal(w, data)
        shown: list[str] = []
        for at in range(0, size_in(data) // size * size, size):
            if len(data) < at + size:
                assert isinstance(data, Memory)
                if not shown:
                    return pointer_text(data.address)
                shown.append(f"... /* {data.address + at:#x} */")
                break
            if len(shown) >= w.limit and w.brief:
                shown.append("...")
                break
            number_of = at // size + first
            if w.style.names is Names.RAW:
                shown.append(f"[{number_of}]={element(w, data[at : at + size], family)}")
                continue
            name = w.enum(table, number_of)
            name = f"{number_of}{name[name.index(' ') :]}" if name.startswith("0x") and " " in name else name
            shown.append(
                f"[{name}-{first}]={element(w, data[at : at + size], family)}"
                if first
                else f"[{name}]={element(w, data[at : at + size], family)}"
            )
        return f"[{', '.join(shown)}]"

    return value


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
            if value.startswith("inet_pton") and "&" in value:
                shown.append(value)
            elif value:
                shown.append(f"{field.name}={value}")
    return ", ".join(shown)


def structure(rows: str, **how: Printer) -> Printer:
    """A whole structure."""
    return grown(rows, "", **how)


def grown(rows: str, least: str, **how: Printer) -> Printer:
    """A structure whose last fields are newer: it may end before the field `least`."""
    fields = parts(rows, **how)
    names = [f.name for f in fields]
    needed = size_of(fields[: names.index(least)] if least else fields)
    return whole(needed, lambda w, data, family: f"{{{fields_text(w, fields, data, family)}}}", size_of(fields))


def with_rest(show: Printer, size: int) -> Printer:
    """A structure, and what lies behind it as bytes."""

    def value(w: StraceWriter, data: bytes, family: int) -> str:
        shown, rest = show(w, data, family), part(data, size)
        return f"{shown}, {hexadecimal(w, rest)}" if size_in(rest) and shown[:1] == "{" else shown

    return value


def cookie(w: StraceWriter, data: bytes, _: int) -> str:
    low, high = struct.unpack("<II", data)
    return f"[{low}, {high}]"


Attributes = Mapping[int, Printer]


def nested(table: str, printers: Attributes) -> Printer:
    """Attributes inside an attribute."""
    return lambda w, data, family: attributes(w, table, printers, data, family)


def attributes(w: StraceWriter, table: str, printers: Attributes, data: bytes, family: int) -> str:
    """Attributes back to back: `[{nla_len=8, nla_type=RTA_OIF}, 1]`; several in one more pair of brackets."""
    shown: list[str] = []
    at, full = 0, size_in(data)
    while at + 4 <= len(data) and (len(shown) < w.limit or not w.brief):
        length, kind = struct.unpack_from("<HH", data, at)
        head = f"{{nla_len={length}, nla_type={_type(w, table, kind)}}}"
        if length < 4:
            shown.append(head)
            at = full
            break
        body = part(data, at + 4, at + length)
        printer = printers.get(kind & 0x3FFF, hexadecimal)
        shown.append(f"[{head}, {printer(w, body, family)}]" if size_in(body) else head)
        at += (length + 3) // 4 * 4
    if not shown:
        unread = isinstance(data, Memory) and full >= 4 and len(data) < 4
        if unread and isinstance(data, Memory):
            return pointer_text(data.address)
        return hexadecimal(w, data) if full else ""
    if at < full:
        shown.append(_rest(w, part(data, at)))
    return shown[0] if len(shown) == 1 else f"[{', '.join(shown)}]"


def _rest(w: StraceWriter, data: bytes) -> str:
    """What lies behind the attributes that were shown."""
    if size_in(data) < 4:
        return hexadecimal(w, data)
    return f"... /* {data.address:#x} */" if isinstance(data, Memory) and len(data) < 4 else "..."


def _type(w: StraceWriter, table: str, kind: int) -> str:
    prefix = (w.note("NLA_F_NESTED", _NESTED) + "|" if kind & _NESTED else "") + (
        w.note("NLA_F_NET_BYTEORDER", _BYTE_ORDER) + "|" if kind & _BYTE_ORDER else ""
    )
    return prefix + (w.enum(table, kind & 0x3FFF) if table else hex(kind & 0x3FFF) if kind & 0x3FFF else "0")
