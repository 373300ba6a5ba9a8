"""struct ifreq in words: the ioctl request decides which member of its union counts (netdevice(7), linux/sockios.h)."""

import struct
from collections.abc import Callable

from wiretale.decode.writer import Writer

_NAME_BYTES = 16  # linux/if.h: IFNAMSIZ
_SIOCGIFNAME = 0x8910
_MAP_BYTES = 21
_GETS = frozenset({0x8929, 0x8970, 0x8913, 0x8915, 0x8917, 0x8919, 0x891B, 0x891D, 0x8921, 0x8927, 0x8933, 0x8942})


def _integer(label: str) -> Callable[[Writer, bytes], str]:
    return lambda w, data: f"{label}={int.from_bytes(data[:4], 'little', signed=True)}"


def _address(label: str) -> Callable[[Writer, bytes], str]:
    return lambda w, data: f"{label}={w.sockaddr(data[:16])}"


_SA_DATA_BYTES = 14
# linux/if_arp.h: how long an address of each kind of hardware is; of others all that there is room for
_HARDWARE_BYTES: dict[int, int] = {
    **dict.fromkeys((0, 3), 7),  # ARPHRD_NETROM, ARPHRD_AX25
    **dict.fromkeys((1, 6, 772, 774, 780, 801, 802, 803), 6),  # ARPHRD_ETHER, ...
    **dict.fromkeys((7, 290, 773, 820, 821, 822), 1),  # ARPHRD_ARCNET, ...
    15: 2,  # ARPHRD_DLCI
    **dict.fromkeys((27, 804, 805, 825, 826), 8),  # ARPHRD_EUI64, ...
    **dict.fromkeys((270, 271), 5),  # ARPHRD_ROSE, ARPHRD_X25
    **dict.fromkeys((768, 776, 777, 778, 779, 783), 4),  # ARPHRD_TUNNEL, ...
}


def _hardware(w: Writer, data: bytes) -> str:
    kind = w.enum("arphrd", int.from_bytes(data[:2], "little"))
    length = _HARDWARE_BYTES.get(int.from_bytes(data[:2], "little"), _SA_DATA_BYTES)
    return f"ifr_hwaddr={{sa_family={kind}, sa_data={w.hardware(data[2 : 2 + _SA_DATA_BYTES], length)}}}"


def _flags(w: Writer, data: bytes) -> str:
    return f"ifr_flags={w.flags('iff', int.from_bytes(data[:2], 'little'))}"


def _name(w: Writer, data: bytes) -> str:
    """A name; its last byte is taken for the NUL, as the kernel does (net/core/dev_ioctl.c)."""
    text, nul, _ = data[:_NAME_BYTES].partition(b"\0")
    return w.text(text) if nul else w.text(text[: _NAME_BYTES - 1]) + "..."


def _map(w: Writer, data: bytes) -> str:
    """struct ifmap of linux/if.h, for 64-bit tasks."""
    values = struct.unpack_from("<2QH3B", data) if len(data) >= _MAP_BYTES else ()
    named = zip(("mem_start", "mem_end", "base_addr", "irq", "dma", "port"), values, strict=False)
    return "ifr_map={" + ", ".join(f"{label}={hex(v) if v else '0'}" for label, v in named) + "}"


_MEMBERS: dict[int, Callable[[Writer, bytes], str]] = {
    _SIOCGIFNAME: _integer("ifr_ifindex"),
    0x8933: _integer("ifr_ifindex"),
    **dict.fromkeys((0x8913, 0x8914), _flags),
    **dict.fromkeys((0x8915, 0x8916), _address("ifr_addr")),
    **dict.fromkeys((0x8917, 0x8918), _address("ifr_dstaddr")),
    **dict.fromkeys((0x8919, 0x891A), _address("ifr_broadaddr")),
    **dict.fromkeys((0x891B, 0x891C), _address("ifr_netmask")),
    **dict.fromkeys((0x891D, 0x891E), _integer("ifr_metric")),
    **dict.fromkeys((0x8921, 0x8922), _integer("ifr_mtu")),
    **dict.fromkeys((0x8927, 0x8924), _hardware),
    **dict.fromkeys((0x8942, 0x8943), _integer("ifr_qlen")),
    0x8923: lambda w, data: f"ifr_newname={_name(w, data)}",
    **dict.fromkeys((0x8929, 0x8930), lambda w, data: f"ifr_slave={_name(w, data)}"),  # SIOCGIFSLAVE, SIOCSIFSLAVE
    **dict.fromkeys((0x8937, 0x8931, 0x8932), _hardware),  # SIOCSIFHWBROADCAST, SIOCADDMULTI, SIOCDELMULTI
    **dict.fromkeys((0x8970, 0x8971), _map),  # SIOCGIFMAP, SIOCSIFMAP
}


def ifreq_text(w: Writer, request: int, before: bytes | None, after: bytes | None) -> str | None:
    """The name and the member that the request uses; None if the memory was not recorded."""
    given = after if after is not None else before
    if given is None:
        return None
    name = f"ifr_name={_name(w, given)}"
    member = _MEMBERS.get(request)
    if len(given) <= _NAME_BYTES + 8:
        return f"{{{name}, ...}}" if len(given) >= _NAME_BYTES else None
    if member is None:
        return f"{{{name}, ...}}"
    value = member(w, given[_NAME_BYTES:])
    if request == _SIOCGIFNAME:
        return f"{{{value}, {name}}}" if after is not None else f"{{{value}}}"
    return f"{{{name}}}" if after is None and request in _GETS else f"{{{name}, {value}}}"
