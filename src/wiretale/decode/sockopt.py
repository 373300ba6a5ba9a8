"""Socket options: their names by level, and their values by option.

Sources: asm-generic/socket.h, linux/in.h, linux/in6.h, linux/tcp.h, linux/udp.h, linux/if_packet.h, linux/netlink.h,
linux/filter.h, linux/netfilter_*/*_tables.h; socket(7), ip(7), ipv6(7), tcp(7), udp(7), packet(7). Options not in
VALUES hold an int (or are bytes).
"""

import struct
from collections.abc import Callable

from wiretale.decode.constants.tables import TABLES
from wiretale.decode.escape import escape_bytes
from wiretale.decode.sockaddr import decode_sockaddr
from wiretale.decode.struct_text import struct_text
from wiretale.decode.structs import struct_size
from wiretale.decode.tcp_info import decode_tcp_info
from wiretale.decode.writer import Writer, pointer_text, signed32

SOL_IP, SOL_SOCKET, SOL_TCP, SOL_UDP, SOL_IPV6, SOL_ICMPV6 = 0, 1, 6, 17, 41, 58
SOL_RAW, SOL_PACKET, SOL_NETLINK, SOL_TLS = 255, 263, 270, 282
AF_VSOCK = 40

OPTION_TABLES: dict[int, str] = {
    SOL_SOCKET: "so",
    SOL_IP: "ip",
    SOL_IPV6: "ipv6",
    SOL_TCP: "tcp",
    SOL_UDP: "udp",
    SOL_ICMPV6: "icmpv6",
    SOL_RAW: "raw",
    SOL_PACKET: "packet",
    SOL_NETLINK: "netlink",
    SOL_TLS: "tls",
    AF_VSOCK: "vsock",
    101: "can_raw",  # the other levels: include/linux/socket.h
    132: "sctp",
    256: "ipx",
    257: "ax25",
    266: "irda",
    268: "llc",
    269: "dccp",
    271: "tipc",
    272: "rxrpc",
    273: "pppol2tp",
    274: "bluetooth",
    275: "pnpipe",
    276: "rds",
    277: "iucv",
    278: "caif",
    279: "alg",
    280: "nfc",
    281: "kcm",
    283: "xdp",
}
ASKED_TABLES: dict[int, str] = {SOL_IP: "ip_get", SOL_IPV6: "ipv6_get"}  # other options than those that are set
_RECVTIMEO_NEW = (66, 67)


def option_name(w: Writer, level: int, option: int) -> str:
    """SO_REUSEADDR and so on."""
    table = OPTION_TABLES.get(level)
    asked = ASKED_TABLES.get(level, "") if w.call.name == "getsockopt" else ""
    if option in TABLES.get(asked, {}):
        return w.enum(asked, option)
    return w.enum(table, option) if table else str(option & 0xFFFFFFFF)


Printer = Callable[[Writer, bytes], str]


def _integer(w: Writer, data: bytes) -> str:
    if len(data) == 4:
        return f"[{int.from_bytes(data, 'little', signed=True)}]"
    if len(data) == 1:  # IP_TTL, IP_MULTICAST_LOOP and others take a char as well
        return f"[{data[0]}]"
    return w.data(data, len(data))


def _error(w: Writer, data: bytes) -> str:
    number = int.from_bytes(data[:4], "little", signed=True)
    return f"[{w.error(number)}]" if number > 0 else "[0]" if number == 0 else _integer(w, data)


def _text(w: Writer, data: bytes) -> str:
    return escape_bytes(data.split(b"\0", 1)[0])


def _struct(name: str) -> Printer:
    def text(w: Writer, data: bytes) -> str:
        # An option's length may be smaller than its structure: the kernel then reads or writes only that much.
        return struct_text(w, name, data[: struct_size(name, w.arch)]) if data else '""'

    return text


def _one_of(table: str) -> Printer:
    return lambda w, data: f"[{w.enum(table, int.from_bytes(data, 'little'))}]" if len(data) == 4 else _integer(w, data)


def _flags_of(table: str) -> Printer:
    return lambda w, data: (
        f"[{w.flags(table, int.from_bytes(data[:4], 'little'))}]" if len(data) >= 4 else _integer(w, data)
    )


def _wide(w: Writer, data: bytes) -> str:
    return f"[{int.from_bytes(data, 'little')}]" if len(data) == 8 else _integer(w, data)


def _socket_type(w: Writer, data: bytes) -> str:
    return _one_of("socket_kind")(w, data)


def _credentials(w: Writer, data: bytes) -> str:
    if len(data) < 12:
        return _struct("ucred")(w, data)
    pid, uid, gid = struct.unpack_from("<iii", data)  # -1: nobody, as for a TCP socket
    return f"{{pid={pid}, uid={uid}, gid={gid}}}"


def _groups(w: Writer, data: bytes) -> str:
    return "[" + ", ".join(str(v) for (v,) in struct.iter_unpack("<I", data[: len(data) // 4 * 4])) + "]"


def _tcp_info(w: Writer, data: bytes) -> str:
    """All fields that are not zero: most of the sixty are, and a line holds only so much."""
    values = decode_tcp_info(data)
    shown = []
    for name, value in values.items():
        if name == "tcpi_state":
            shown.append(f"{name}={w.enum('tcp_state', value)}")
        elif name == "tcpi_ca_state":
            shown.append(f"{name}={w.enum('tcp_ca_state', value)}")
        elif name == "tcpi_options":
            shown.append(f"{name}={w.flags('tcp_info_options', value)}")
        elif value == 0xFFFFFFFFFFFFFFFF:
            shown.append(f"{name}=-1")  # no limit
        elif value:
            shown.append(f"{name}={value}")
    return "{" + ", ".join([*shown, "..."]) + "}"


def _multicast(w: Writer, data: bytes) -> str:
    return _struct("ip_mreqn" if len(data) >= 12 else "ip_mreq")(w, data)


def _multicast_if(w: Writer, data: bytes) -> str:
    if len(data) >= 8:
        return _multicast(w, data)
    address = decode_sockaddr(b"\2\0\0\0" + data[:4]).address
    return f'[inet_addr("{address}")]' if address else _integer(w, data)


def _group_request(w: Writer, data: bytes) -> str:
    """struct group_req and group_source_req: an interface, then one or two sockaddr_storage."""
    index = int.from_bytes(data[:4], "little")
    start = w.word
    addresses = [w.sockaddr(data[at : at + 28]) for at in range(start, len(data) - 27, 128)][:2]
    names = ("gr_group", "gsr_source")
    shown = [f"gr_interface={w.interface(index)}", *(f"{n}={a}" for n, a in zip(names, addresses, strict=False))]
    return "{" + ", ".join(shown) + ("" if addresses else ", ...") + "}"


def _port_range(w: Writer, data: bytes) -> str:
    if len(data) != 4:
        return _integer(w, data)
    low, high = struct.unpack("<HH", data)
    return f"[{low}-{high}]" if low or high else "[0]"


def _address(w: Writer, data: bytes) -> str:
    return w.sockaddr(data)


def _tos(w: Writer, data: bytes) -> str:
    value = int.from_bytes(data[:4], "little")
    return f"[{hex(value) if value else 0}]" if len(data) in (1, 4) else _integer(w, data)


def _ring(w: Writer, data: bytes) -> str:
    return _struct("tpacket_req3" if len(data) >= 28 else "tpacket_req")(w, data)


def _statistics(w: Writer, data: bytes) -> str:
    return _struct("tpacket_stats_v3" if len(data) >= 12 else "tpacket_stats")(w, data)


def _fanout(w: Writer, data: bytes) -> str:
    if len(data) != 4:
        return _integer(w, data)
    value = int.from_bytes(data, "little")
    return f"{{id={value & 0xFFFF}, type={w.enum('packet_fanout', value >> 16 & 0xFF)}, flags={value >> 24:#x}}}"


def _meminfo(w: Writer, data: bytes) -> str:
    # linux/sock_diag.h: SK_MEMINFO_*
    names = ("rmem_alloc", "rcvbuf", "wmem_alloc", "sndbuf", "fwd_alloc", "wmem_queued", "optmem", "backlog", "drops")
    values = [v for (v,) in struct.iter_unpack("<I", data[: len(data) // 4 * 4])]
    return "{" + ", ".join(f"{n}={v}" for n, v in zip(names, values, strict=False)) + "}"


def _time(w: Writer, data: bytes) -> str:
    return struct_text(w, "timeval", data) if len(data) >= 2 * w.word else _integer(w, data)


def _time64(w: Writer, data: bytes) -> str:
    return struct_text(w, "timeval64", data) if len(data) >= 16 else _integer(w, data)


_MEMBERSHIP = dict.fromkeys((42, 45, 43, 44, 46, 47), _group_request)
VALUES: dict[tuple[int, int], Printer] = {
    **{(SOL_SOCKET, n): _time for n in (20, 21)},
    **{(SOL_SOCKET, n): _time64 for n in _RECVTIMEO_NEW},
    **{(SOL_SOCKET, n): _struct("sock_fprog") for n in (26, 51)},
    **{(SOL_SOCKET, n): _flags_of("timestamping") for n in (37, 65)},
    **{(SOL_SOCKET, n): _wide for n in (57, 71, 47)},
    (SOL_SOCKET, 3): _socket_type,
    (SOL_SOCKET, 4): _error,
    (SOL_SOCKET, 13): _struct("linger"),
    (SOL_SOCKET, 17): _credentials,
    (SOL_SOCKET, 25): _text,
    (SOL_SOCKET, 28): _address,
    (SOL_SOCKET, 31): _text,
    (SOL_SOCKET, 38): _one_of("ip_protocol"),
    (SOL_SOCKET, 39): _one_of("family"),
    (SOL_SOCKET, 55): _meminfo,
    (SOL_SOCKET, 59): _groups,
    **{(SOL_IP, n): _multicast for n in (35, 36)},
    **{(SOL_IP, n): _struct("ip_mreq_source") for n in (37, 38, 39, 40)},
    **{(level, n): printer for level in (SOL_IP, SOL_IPV6) for n, printer in _MEMBERSHIP.items()},
    (SOL_IP, 1): _tos,
    (SOL_IP, 10): _one_of("ip_pmtudisc"),
    (SOL_IP, 32): _multicast_if,
    (SOL_IP, 51): _port_range,
    (SOL_IP, 80): _address,
    **{(SOL_IPV6, n): _struct("ipv6_mreq") for n in (20, 21, 27, 28)},
    (SOL_IPV6, 1): _one_of("family"),
    (SOL_IPV6, 23): _one_of("ipv6_pmtudisc"),
    (SOL_IPV6, 50): _struct("in6_pktinfo"),
    (SOL_IPV6, 67): _tos,
    (SOL_IPV6, 80): _address,
    (SOL_TCP, 11): _tcp_info,
    (SOL_TCP, 13): _text,
    (SOL_TCP, 31): _text,
    **{(SOL_PACKET, n): _struct("packet_mreq") for n in (1, 2)},
    **{(SOL_PACKET, n): _ring for n in (5, 13)},
    (SOL_PACKET, 6): _statistics,
    (SOL_PACKET, 10): _one_of("tpacket_version"),
    (SOL_PACKET, 18): _fanout,
}
_BYTES = frozenset({(SOL_TCP, 14), (SOL_TCP, 28), (SOL_TCP, 33), (SOL_TLS, 1), (SOL_TLS, 2)})


def option_value(w: Writer, index: int, *, out: bool) -> str:
    """setsockopt's or getsockopt's value, by level and option."""
    datum = w.readable(index, "optval", at_exit=out)
    if datum is None:
        return pointer_text(w.values[index])
    key = (signed32(w.values[1]), signed32(w.values[2]))
    if len(datum.bytes) < datum.full_bytes or key in _BYTES:
        return w.data(datum.bytes, datum.full_bytes)
    return VALUES.get(key, _integer)(w, datum.bytes)
