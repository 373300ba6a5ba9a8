"""Socket addresses as joining compares them: one spelling for one address."""

import ipaddress
import struct

from wiretale.light import dataclass

AF_UNSPEC, AF_UNIX, AF_INET, AF_INET6 = 0, 1, 2, 10  # linux/socket.h


@dataclass(frozen=True, slots=True)
class Address:
    """An internet address and port, or a unix socket's path (abstract: leading @) with port None."""

    addr: str
    port: int | None

    @property
    def is_wildcard(self) -> bool:
        """The address part says "any"."""
        return self.addr in ("0.0.0.0", "::", "")

    @property
    def is_loopback(self) -> bool:
        """It never leaves its network namespace (RFC 6890)."""
        return self.addr == "::1" or (self.addr.startswith("127.") and self.port is not None)


def same_spelling(addr: str) -> str:
    """One text for one address: an IPv4-mapped IPv6 address becomes the IPv4 one that the packets carry."""
    if addr.startswith("::ffff:") and "." in addr:
        return addr[7:]
    return addr.split("%", 1)[0] if ":" in addr and not addr.startswith(("/", "@")) else addr


def address(addr: str | None, port: int | None) -> Address | None:
    """An address from two columns; None if it is unknown."""
    if addr is None:
        return None
    return Address(same_spelling(addr), port)


def parse_sockaddr(data: bytes) -> Address | None:
    """The address in a struct sockaddr; None for AF_UNSPEC, other families and data cut short."""
    if len(data) < 2:
        return None
    family = struct.unpack_from("<H", data)[0]
    if family == AF_INET and len(data) >= 8:
        return Address(str(ipaddress.IPv4Address(data[4:8])), struct.unpack_from(">H", data, 2)[0])
    if family == AF_INET6 and len(data) >= 24:
        v6 = ipaddress.IPv6Address(data[8:24])
        text = str(v6 if v6.ipv4_mapped is None else v6.ipv4_mapped)
        return Address(text, struct.unpack_from(">H", data, 2)[0])
    if family == AF_UNIX and len(data) > 2:
        path = data[2:]
        name = b"@" + path[1:] if path[:1] == b"\0" else path.split(b"\0", 1)[0]
        return Address(name.decode("utf-8", "backslashreplace"), None)
    return None


def is_disconnect(data: bytes) -> bool:
    """connect() with AF_UNSPEC dissolves a datagram socket's association (connect(2))."""
    return len(data) >= 2 and struct.unpack_from("<H", data)[0] == AF_UNSPEC
