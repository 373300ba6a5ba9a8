"""Socket addresses: the bytes of a struct sockaddr to family, address, port and text.

Sources: linux/socket.h, linux/in.h, linux/in6.h, linux/un.h, linux/netlink.h, linux/if_packet.h, linux/vm_sockets.h.
The text is strace's. A decoder reads what the bytes reach; what is missing is left out and the text says so.
"""

import struct
from _socket import AF_INET, AF_INET6, inet_ntop  # socket makes enumerations of hundreds of constants
from collections.abc import Callable

from wiretale.decode.constants import Named, enumerator
from wiretale.decode.escape import escape_bytes, escape_text
from wiretale.light import dataclass

_PORT = struct.Struct("!H")
_FLOW_SCOPE = struct.Struct("<I")
_NETLINK = struct.Struct("<II")
_VSOCK = struct.Struct("<II")
_PACKET = struct.Struct("<iHBB")
_VSOCK_CIDS = {0: "VMADDR_CID_HYPERVISOR", 1: "VMADDR_CID_LOCAL", 2: "VMADDR_CID_HOST", 0xFFFFFFFF: "VMADDR_CID_ANY"}
_VSOCK_PORT_ANY = 0xFFFFFFFF  # VMADDR_PORT_ANY, linux/vm_sockets.h: no port is chosen yet


@dataclass(frozen=True, slots=True)
class SockAddr:
    """One socket address. `fields` are the parts of its text beyond the family, `numbers` the constants in them.

    `address` is text of RFC 5952 for IPv6, dotted for IPv4, the path of a unix socket (abstract: leading @), escaped
    for display; None where the family has none or the bytes do not reach it. `port` likewise.
    """

    family: int
    address: str | None
    port: int | None
    fields: tuple[str, ...]
    missing: str = ""  # why it is not whole; empty if it is
    numbers: tuple[tuple[str, int], ...] = ()
    scope_id: int | None = None  # IPv6: interface index

    @property
    def family_name(self) -> str:
        """AF_INET and so on; a number if it has no name."""
        return enumerator("family", self.family)[0]

    @property
    def text(self) -> str:
        """As strace writes it."""
        return self.named[0]

    @property
    def named(self) -> Named:
        """Its text, its text with the numbers of its constants, and these numbers."""
        name, numbered, numbers = enumerator("family", self.family)
        rest = "".join(f", {field}" for field in self.fields) + (f", ... /* {self.missing} */" if self.missing else "")
        return f"{{sa_family={name}{rest}}}", f"{{sa_family={numbered}{rest}}}", (*numbers, *self.numbers)


def _short(data: bytes, whole: int) -> str:
    return f"truncated: {len(data)} of {whole} bytes" if len(data) < whole else ""


def _port(data: bytes, name: str) -> tuple[int | None, tuple[str, ...]]:
    if len(data) < 4:
        return None, ()
    port: int = _PORT.unpack_from(data, 2)[0]
    return port, (f"{name}=htons({port})",)


def _inet(family: int, data: bytes) -> SockAddr:
    port, fields = _port(data, "sin_port")
    if len(data) < 8:
        return SockAddr(family, None, port, fields, _short(data, 16))
    address = inet_ntop(AF_INET, data[4:8])
    # The kernel reads 16 bytes of an AF_INET address (sizeof(struct sockaddr_in)), of which the last 8 mean nothing.
    return SockAddr(family, address, port, (*fields, f'sin_addr=inet_addr("{address}")'), _short(data, 16))


def _inet6(family: int, data: bytes) -> SockAddr:
    port, fields = _port(data, "sin6_port")
    if len(data) < 24:
        return SockAddr(family, None, port, fields, _short(data, 28))
    flow = int.from_bytes(data[4:8], "big")
    address = inet_ntop(AF_INET6, data[8:24])
    fields = (*fields, f"sin6_flowinfo=htonl({flow})", f'inet_pton(AF_INET6, "{address}", &sin6_addr)')
    if len(data) < 28:  # SIN6_LEN_RFC2133: an address without scope is accepted
        return SockAddr(family, address, port, fields, _short(data, 28))
    scope: int = _FLOW_SCOPE.unpack_from(data, 24)[0]
    return SockAddr(family, address, port, (*fields, f"sin6_scope_id={scope}"), scope_id=scope)


def _unix(family: int, data: bytes) -> SockAddr:
    path = data[2:110]
    if not path:
        return SockAddr(family, None, None, ())
    if path[0]:
        path = path.split(b"\0", 1)[0]
        return SockAddr(family, _path_text(path), None, (f"sun_path={escape_bytes(path)}",))
    # unix(7): an abstract name is every byte after the NUL up to the given length, further NULs included.
    name = path[1:]
    return SockAddr(family, "@" + _path_text(name), None, (f"sun_path=@{escape_bytes(name)}",))


def _path_text(path: bytes) -> str:
    return escape_text(path.decode("utf-8", "surrogateescape"))


def _netlink(family: int, data: bytes) -> SockAddr:
    if len(data) < 12:
        return SockAddr(family, None, None, (), _short(data, 12))
    pid, groups = _NETLINK.unpack_from(data, 4)
    return SockAddr(family, str(pid), None, (f"nl_pid={pid}", f"nl_groups={groups:08x}"))


def _packet(family: int, data: bytes) -> SockAddr:
    if len(data) < 12:
        return SockAddr(family, None, None, (), _short(data, 20))
    protocol, _, protocol_numbers = enumerator("ethertype", _PORT.unpack_from(data, 2)[0])
    index, hardware, kind, length = _PACKET.unpack_from(data, 4)
    hardware_name, _, hardware_numbers = enumerator("arphrd", hardware)
    kind_name, _, kind_numbers = enumerator("packet_type", kind)
    address = data[12 : 12 + length]
    fields = (
        f"sll_protocol=htons({protocol})",
        f"sll_ifindex={index}",
        f"sll_hatype={hardware_name}",
        f"sll_pkttype={kind_name}",
        f"sll_halen={length}",
        *((f"sll_addr=[{', '.join(f'0x{b:02x}' for b in address)}]",) if address else ()),
    )
    numbers = (*protocol_numbers, *hardware_numbers, *kind_numbers)
    return SockAddr(family, address.hex(":") or None, None, fields, _short(data, min(12 + length, 20)), numbers)


def _vsock(family: int, data: bytes) -> SockAddr:
    if len(data) < 12:
        return SockAddr(family, None, None, (), _short(data, 16))
    port, cid = _VSOCK.unpack_from(data, 4)
    name = str(_VSOCK_CIDS.get(cid, cid))
    fields = (f"svm_cid={name}", f"svm_port={port}")
    return SockAddr(family, name, None if port == _VSOCK_PORT_ANY else port, fields, _short(data, 16))


_FAMILIES: dict[int, Callable[[int, bytes], SockAddr]] = {
    1: _unix,
    2: _inet,
    10: _inet6,
    16: _netlink,
    17: _packet,
    40: _vsock,
}


def decode_sockaddr(data: bytes) -> SockAddr:
    """The address in `data` (as many bytes as the call gave, in the byte order of x86-64 and arm64). Never raises."""
    if len(data) < 2:
        return SockAddr(0, None, None, (), _short(data, 2))
    family = data[0] | data[1] << 8
    decoder = _FAMILIES.get(family)
    if decoder is not None:
        return decoder(family, data)
    fields = (f"sa_data={escape_bytes(data[2:])}",) if len(data) > 2 else ()
    return SockAddr(family, None, None, fields)
