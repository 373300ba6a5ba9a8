"""Which descriptors are netlink sockets, and of which protocol: their bytes are messages."""

from _socket import AF_NETLINK  # socket makes enumerations of hundreds of constants

from wiretale.model.spool import Role
from wiretale.store.load.tracer_events import TracerEvent

_FAMILY_AT, _PROTOCOL_AT = 24, 32  # in model.spool.SOCKET
_SPEAKING = frozenset({"sendto", "recvfrom", "sendmsg", "recvmsg", "sendmmsg", "recvmmsg"})


class NetlinkSockets:
    """Takes the events that carry something, in order."""

    def __init__(self) -> None:
        self._protocols: dict[tuple[int, int], int] = {}  # (process, descriptor)

    @property
    def seen(self) -> bool:
        """Whether there are any."""
        return bool(self._protocols)

    def take(self, e: TracerEvent) -> None:
        """Learn what an event says of sockets."""
        for chunk in e.chunks:
            if chunk.role == Role.SOCKET:
                key = (e.pid, chunk.detail)
                if int.from_bytes(chunk.data[_FAMILY_AT : _FAMILY_AT + 4], "little") == AF_NETLINK:
                    self._protocols[key] = int.from_bytes(chunk.data[_PROTOCOL_AT : _PROTOCOL_AT + 4], "little")
                else:
                    self._protocols.pop(key, None)

    def know(self, pid: int, fd: int, protocol: int) -> None:
        """A descriptor that is such a socket."""
        self._protocols[pid, fd] = protocol

    def protocol(self, begun: TracerEvent, name: str) -> int | None:
        """The protocol whose messages a call carries; None if it carries none."""
        if not self._protocols or name not in _SPEAKING:
            return None
        return self._protocols.get((begun.pid, begun.args[0] & 0xFFFFFFFF))
