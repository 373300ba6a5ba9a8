"""The network interfaces of the current namespace, by the ioctls of netdevice(7): no netlink needed for this little."""

import fcntl
import socket
import struct

from wiretale.errors import UsageFault
from wiretale.light import dataclass
from wiretale.model.packet_ring import ARPHRD_LOOPBACK

_SIOCGIFFLAGS = 0x8913
_SIOCSIFFLAGS = 0x8914
_SIOCGIFMTU = 0x8921
_SIOCGIFHWADDR = 0x8927
_IFF_UP = 1
_IFREQ = struct.Struct("16s24x")  # struct ifreq: the name, then a union of 24 bytes


@dataclass(frozen=True, slots=True)
class Interface:
    """One interface. `hatype` is ARPHRD_* of linux/if_arp.h."""

    name: str
    ifindex: int
    hatype: int
    mtu: int
    is_up: bool

    @property
    def is_loopback(self) -> bool:
        return self.hatype == ARPHRD_LOOPBACK


def list_interfaces() -> list[Interface]:
    """Every interface of the current network namespace; one that goes away meanwhile is left out."""
    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        for ifindex, name in socket.if_nameindex():
            try:
                flags = _ask(sock, _SIOCGIFFLAGS, name, "H")
                hatype = _ask(sock, _SIOCGIFHWADDR, name, "H")
                mtu = _ask(sock, _SIOCGIFMTU, name, "i")
            except OSError:
                continue
            found.append(Interface(name, ifindex, hatype, mtu, bool(flags & _IFF_UP)))
    return found


def find_interfaces(names: tuple[str, ...]) -> tuple[Interface, ...]:
    """The named interfaces. Raises UsageFault with the names there are."""
    known = {i.name: i for i in list_interfaces()}
    missing = [n for n in names if n not in known]
    if missing:
        raise UsageFault(f"there is no interface {missing[0]!r}", f"choose from: any, {', '.join(sorted(known))}")
    return tuple(known[n] for n in names)


def bring_up(name: str) -> None:
    """Set IFF_UP. Raises OSError."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        flags = _ask(sock, _SIOCGIFFLAGS, name, "H")
        fcntl.ioctl(sock, _SIOCSIFFLAGS, struct.pack("16sH22x", name.encode(), flags | _IFF_UP))


def _ask(sock: socket.socket, request: int, name: str, kind: str) -> int:
    answer = fcntl.ioctl(sock, request, _IFREQ.pack(name.encode()))
    return int(struct.unpack_from(kind, answer, 16)[0])
