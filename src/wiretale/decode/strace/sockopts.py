"""Values of socket options in strace's words: what is too short for its option is an address, or as much as was given.

strace 6.1 decodes no option of TCP, UDP and TLS and no timeout; `--more` does (`decode/sockopt.py`).
"""

import struct
from collections.abc import Callable
from ipaddress import IPv4Address
from socket import AF_INET6, inet_ntop

from wiretale.decode import sockopt as shared
from wiretale.decode.record_types import Datum
from wiretale.decode.sockopt import (
    SOL_IP,
    SOL_IPV6,
    SOL_NETLINK,
    SOL_PACKET,
    SOL_RAW,
    SOL_SOCKET,
)
from wiretale.decode.strace import filters, names
from wiretale.decode.strace.strings import hex_literal, in_style
from wiretale.decode.strace.style import Names
from wiretale.decode.strace.writer import StraceWriter
from wiretale.decode.struct_text import field_text, struct_text
from wiretale.decode.structs import layout, struct_size, unpack
from wiretale.decode.writer import pointer_text, signed32

Printer = Callable[[StraceWriter, bytes], str]
_SO_ERROR, _SO_LINGER, _SO_PEERCRED = 4, 13, 17
_HALF = 16


def _icmp_filter(w: StraceWriter, data: bytes) -> str:
    value = int.from_bytes(data[:4], "little")
    inverted = value.bit_count() > _HALF
    bits = value ^ 0xFFFFFFFF if inverted else value
    kinds = [w.enum("icmp", bit) for bit in range(32) if bits >> bit & 1]
    return f"{'~' if inverted else ''}[{' '.join(kinds)}]"


def _packet_request(w: StraceWriter, data: bytes) -> str:
    index, kind, length = struct.unpack_from("<IHH", data)
    address = data[8 : 8 + min(length, 8)]
    nothing = "" if w.style.names is Names.ABBREV else '""'
    shown = in_style(w.style.names, address, ":".join(f"{b:02x}" for b in address)) if address else nothing
    return (
        f"{{mr_ifindex={w.interface(index)}, mr_type={w.enum('packet_mr', kind)}, mr_alen={length}, "
        f"mr_address={shown}}}"
    )


def _group(w: StraceWriter, data: bytes) -> str:
    index = int.from_bytes(data[:4], "little")
    return f"{{gr_interface={w.interface(index)}, gr_group={w.sockaddr(data[w.word : w.word + 128])}}}"


def _request(w: StraceWriter, data: bytes) -> str:
    group = in_style(w.style.names, data[:4], f'inet_addr("{IPv4Address(data[:4])}")')
    interface = in_style(w.style.names, data[4:8], f'inet_addr("{IPv4Address(data[4:8])}")')
    return f"{{imr_multiaddr={group}, imr_interface={interface}}}"


def _ipv6_request(w: StraceWriter, data: bytes) -> str:
    """With the address as an argument of inet_pton, but in the styles that give its bytes as a field of its own."""
    address, interface = inet_ntop(AF_INET6, data[:16]), w.interface(int.from_bytes(data[16:20], "little"))
    group = f'inet_pton(AF_INET6, "{address}", &ipv6mr_multiaddr)'
    if w.style.names is not Names.ABBREV:
        group = "ipv6mr_multiaddr=" + in_style(w.style.names, data[:16], f'inet_pton(AF_INET6, "{address}")')
    return f"{{{group}, ipv6mr_interface={interface}}}"


def _struct(name: str) -> Printer:
    return lambda w, data: struct_text(w, name, data)


_SETS: dict[tuple[int, int], tuple[int, bool, Printer]] = {  # option -> size, whether no other size will do, printer
    (SOL_SOCKET, _SO_LINGER): (8, False, _struct("linger")),
    **{(SOL_IP, n): (8, False, _request) for n in (35, 36)},
    **{(SOL_IPV6, n): (20, False, _ipv6_request) for n in (20, 21, 27, 28)},
    **{(level, n): (136, False, _group) for level in (SOL_IP, SOL_IPV6) for n in (42, 45)},
    **{(SOL_PACKET, n): (16, True, _packet_request) for n in (1, 2)},
    **{(SOL_PACKET, n): (16, True, _struct("tpacket_req")) for n in (5, 13)},
    (SOL_RAW, 1): (4, False, _icmp_filter),
}
_PARTS = {(SOL_SOCKET, _SO_LINGER): "linger", (SOL_SOCKET, _SO_PEERCRED): "ucred", (SOL_PACKET, 6): "tpacket_stats_v3"}


def option(w: StraceWriter, index: int, *, out: bool) -> str:
    """setsockopt's or getsockopt's value, by level and option."""
    datum = w.readable(index, "optval", at_exit=out)
    level = signed32(w.values[1])
    key = level, signed32(w.values[2])
    address = pointer_text(w.unsigned(w.values[index]))
    length = signed32(w.values[4])
    sets = None if out else _SETS.get(key)
    if datum is None:
        numeric = key in _INTEGERS or key in _FILTERS or level == SOL_NETLINK
        return '""' if not out and w.values[index] and not length and not sets and not numeric else address
    if sets is not None:
        size, exact, printer = sets
        fits = length == size if exact else length >= size
        return printer(w, datum.bytes[:size]) if fits and len(datum.bytes) >= size else address
    whole_number = key in _INTEGERS or level == SOL_NETLINK
    part = _PARTS.get(key) if out else None
    needed = 4 if whole_number else struct_size(part, w.arch) if part is not None else w.limit
    if datum.error and len(datum.bytes) < min(datum.full_bytes, needed):
        return address
    if key == (SOL_SOCKET, _SO_ERROR) and out:
        return _error(w, datum.bytes)
    if out and key in _PARTS:
        return _part(w, _PARTS[key], datum.bytes)
    return shared.option_value(w, index, out=out) if w.style.more else _plain(w, key, datum, address, out=out)


_LIST_MEMBERSHIPS, _ATTACH_FILTER, _ATTACH_REUSEPORT = 9, 26, 51
_TXREHASH = (SOL_SOCKET, 74)
_FILTERS = frozenset({(SOL_SOCKET, _ATTACH_FILTER), (SOL_SOCKET, _ATTACH_REUSEPORT)})
_INTEGERS = frozenset(  # asm-generic/socket.h: options that are numbers, however long the value is
    (SOL_SOCKET, n)
    for n in (
        1, 2, *range(5, 13), 14, 15, 16, 18, 19, 27, 29, 30, 32, 33, 34, 35, 36, 37, *range(40, 47), 49, 53, 56, 60,
        63, 64, 65, 68, 69, 70, 73, 74, 75,
    )
)  # fmt: skip


def _plain(w: StraceWriter, key: tuple[int, int], datum: Datum, address: str, *, out: bool) -> str:
    """A number, or bytes where the option is none."""
    data, level = datum.bytes, key[0]
    number = f"[{int.from_bytes(data[:4], 'little', signed=True)}]"
    if key in _FILTERS and not out:
        size = struct_size("sock_fprog", w.arch)
        return filters.program_of(w, 3, data) if len(data) == size == signed32(w.values[4]) else address
    if key == (SOL_SOCKET, _ATTACH_FILTER):
        return _got_filter(w, address)
    if key == (SOL_NETLINK, _LIST_MEMBERSHIPS) and out:
        return _memberships(w, data, address)
    if key in _INTEGERS or level == SOL_NETLINK:
        if len(data) >= 4 and (out or signed32(w.values[4]) >= 4):
            return _rehash(w, int.from_bytes(data[:4], "little", signed=True)) if key == _TXREHASH else number
        return hex_literal(data) if out else address
    return number if len(data) == 4 == datum.full_bytes else w.data(data, datum.full_bytes)


def _memberships(w: StraceWriter, data: bytes, address: str) -> str:
    """As many as there was room for: the kernel says how much it has, not how much it gave."""
    length = w.readable(4, "socklen", at_exit=False)
    room = int.from_bytes(length.bytes[:4], "little") if length is not None else len(data)
    whole = min(room, len(data)) // 4 * 4
    return f"[{', '.join(str(v) for (v,) in struct.iter_unpack('<I', data[:whole]))}]" if room else address


def _rehash(w: StraceWriter, value: int) -> str:
    """SO_TXREHASH: a name, with its number in decimal where that is shown."""
    name = names.known("txrehash", value, w.arch)
    if w.style.names is Names.RAW:
        return f"[{value}]"
    if name and w.style.names is Names.ABBREV:
        return f"[{name}]"
    return f"[{value} /* {name or 'SOCK_TXREHASH_???'} */]"


def _got_filter(w: StraceWriter, address: str) -> str:
    """SO_GET_FILTER: its length counts instructions."""
    length = w.readable(4, "socklen", at_exit=False)
    room = int.from_bytes(length.bytes[:4], "little") if length is not None else 0
    found = w.readable(3, "array", at_exit=True)
    if w.brief or found is None or not room or found.error:
        return address
    return filters.program(w, found.bytes, len(found.bytes) // 8, found.address)


def _error(w: StraceWriter, data: bytes) -> str:
    if len(data) < 4:
        return hex_literal(data) if data else ""
    number = int.from_bytes(data[:4], "little", signed=True)
    return f"[{w.error(number).split(' ')[0]}]" if number > 0 else f"[{number}]"


def _part(w: StraceWriter, name: str, data: bytes) -> str:
    """As many fields as the kernel gave; the bytes of one that is cut."""
    if len(data) >= struct_size(name, w.arch):
        return _whole(w, name, data)
    shown = []
    fields = {f.name: v for f, v in unpack(name, w.arch, data)}
    for field in layout(name, w.arch).fields:
        if field.name in fields:
            value = fields[field.name]
            nobody = name == "ucred" and value == 0xFFFFFFFF
            shown.append(f"{field.name}={-1 if nobody else field_text(w, field, value)}")
        elif field.offset < len(data):
            shown.append(f"{field.name}={hex_literal(data[field.offset :])}")
            break
    return "{" + ", ".join(shown) + "}"


def _whole(w: StraceWriter, name: str, data: bytes) -> str:
    if name != "ucred":
        return struct_text(w, name, data[: struct_size(name, w.arch)])
    pid, uid, gid = struct.unpack_from("<iii", data)  # -1: nobody, as for a TCP socket
    return f"{{pid={w.pid(pid)}, uid={uid}, gid={gid}}}"
