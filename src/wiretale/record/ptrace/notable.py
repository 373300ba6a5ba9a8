"""Notable events: the few the control thread looks at while recording."""

import ctypes
import struct
from _socket import AF_INET, AF_INET6, AF_UNIX, SOCK_DGRAM  # socket makes enumerations of hundreds of constants

from wiretale.decode.syscalls import table
from wiretale.light import dataclass
from wiretale.model.spool import EventFlag, EventKind, Role

TYPE_CHECKING = False  # typing itself is not loaded: see light.py
if TYPE_CHECKING:
    from wiretale.record.ptrace.library import Chunk, Event

_SOCKET_HEAD = struct.Struct("=QQQiiiiII")  # model.spool.SOCKET up to the addresses
_LOCAL_AT, _PEER_AT = _SOCKET_HEAD.size, _SOCKET_HEAD.size + 128
_INTERNET = (AF_INET, AF_INET6)
_LISTENING_FAMILIES = (*_INTERNET, AF_UNIX)
_CONNECTING = frozenset({"connect", "accept", "accept4", "getsockopt"})


@dataclass(frozen=True, slots=True)
class SocketFact:
    """What a socket was right at the stop. Ports are None unless the family has them and they are set."""

    inode: int
    family: int
    type: int
    protocol: int
    listening: bool
    has_peer: bool
    local_port: int | None
    peer_port: int | None


@dataclass(frozen=True, slots=True)
class Notable:
    """One notable event. `name`, `value` and `args` are of the call, for EXIT; `status` is set for END."""

    kind: EventKind
    time_ns: int
    seq: int
    tid: int
    tgid: int
    name: str = ""
    value: int = 0
    args: tuple[int, ...] = ()
    child_pid: int = 0  # CLONE: the new process; 0 otherwise
    status: int | None = None
    socket: SocketFact | None = None

    @property
    def listens(self) -> bool:
        """A socket is now ready for clients: listen() on a stream, bind() of a datagram socket."""
        s = self.socket
        if self.value < 0 or s is None or s.family not in _LISTENING_FAMILIES:
            return False
        if self.name == "bind":
            return s.type == SOCK_DGRAM and (s.family == AF_UNIX or bool(s.local_port))
        return self.name == "listen"

    @property
    def connected(self) -> bool:
        """A socket now has a peer: connect() or accept() succeeded, or SO_ERROR said that a pending connect did."""
        s = self.socket
        if self.name not in _CONNECTING or s is None or s.family not in _LISTENING_FAMILIES:
            return False
        return self.value >= 0 and s.has_peer


def _port(family: int, address: bytes) -> int | None:
    """sin_port and sin6_port stand at the same place, big-endian (netinet/in.h)."""
    if family not in _INTERNET or len(address) < 4:
        return None
    port = int.from_bytes(address[2:4], "big")
    return port or None


def socket_fact(raw: bytes) -> SocketFact | None:
    """Decode struct wt_socket (model.spool.SOCKET); None if it is cut."""
    if len(raw) < _PEER_AT:
        return None
    inode, _, _, family, kind, protocol, listening, local_bytes, peer_bytes = _SOCKET_HEAD.unpack_from(raw)
    local = raw[_LOCAL_AT : _LOCAL_AT + min(local_bytes, 128)]
    peer = raw[_PEER_AT : _PEER_AT + min(peer_bytes, 128)]
    return SocketFact(
        inode, family, kind, protocol, listening > 0, peer_bytes > 0, _port(family, local), _port(family, peer)
    )


def decode_notable(event: "Event", chunks: "ctypes._Pointer[Chunk]", data: int) -> Notable:
    """One event of the running recording. `data` is the address of the data file's first byte after its header."""
    # A whole call is as notable as its return.
    kind = EventKind.EXIT if event.kind == EventKind.CALL else EventKind(event.kind)
    found: SocketFact | None = None
    name = ""
    if kind is EventKind.EXIT:
        name = table(event.arch).get(event.number, "")
        # The last SOCKET chunk: for accept the new socket, not the listener.
        for i in range(event.first_chunk, event.first_chunk + event.chunks):
            chunk = chunks[i]
            if chunk.role == Role.SOCKET:
                found = socket_fact(ctypes.string_at(data + chunk.offset, chunk.captured_bytes))
    is_new_process = kind is EventKind.CLONE and event.flags & EventFlag.NOTABLE
    return Notable(
        kind=kind,
        time_ns=int(event.time_ns),
        seq=int(event.seq),
        tid=int(event.tid),
        tgid=int(event.tgid),
        name=name,
        value=int(event.value),
        args=tuple(event.args),
        child_pid=int(event.number) if is_new_process else 0,
        status=int(event.number) if kind is EventKind.END else None,
        socket=found,
    )
