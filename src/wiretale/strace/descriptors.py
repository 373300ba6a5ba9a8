"""What every descriptor of the traced processes is, for -y, -yy and -P: told by the tracer at each stop.

A link is read at the entry of every call that takes the descriptor, so that a line never names what was open before;
sockets are described again whenever a call has changed them, so that -yy shows the state they are in now.
"""

import os
import stat
import struct
from collections.abc import Iterable
from pathlib import Path
from socket import AF_INET, AF_INET6, AF_NETLINK, AF_UNIX, SOCK_RAW, SOCK_STREAM

from wiretale.decode.constants.tables import TABLES
from wiretale.decode.record_types import FdLabel
from wiretale.decode.sockaddr import decode_sockaddr
from wiretale.decode.strace.special import ELSEWHERE
from wiretale.decode.strace.strings import label_text
from wiretale.decode.syscalls import call_spec
from wiretale.decode.syscalls.spec import Kind
from wiretale.decode.writer import AT_FDCWD, signed32
from wiretale.light import dataclass, replace
from wiretale.model.spool import EventFlag, EventKind, Role
from wiretale.store.load.tracer_events import TracerChunk, TracerEvent

_SOCKET = struct.Struct("<3Q4i2I128s128s")  # model.spool.SOCKET; a test compares them
_EINPROGRESS = 115
_CLONE_THREAD, _CLONE_PIDFD = 0x10000, 0x1000  # linux/sched.h
_PARENT_TID = 2  # which argument of clone
_DESCRIPTORS = frozenset({Kind.FD, Kind.DIRFD})
_DELETED = " (deleted)"
# Documentation/admin-guide/devices.txt: pseudoterminals have the majors from 136 on, 256 numbers each
_TERMINALS, _TERMINAL_MAJOR, _TERMINALS_OF_MAJOR = "/dev/pts/", 136, 256
_UNIX_KINDS: dict[int, str] = {SOCK_STREAM: "UNIX-STREAM"}  # net/unix/af_unix.h: the names of protocols
_PROTOCOLS = {1: "PING", 6: "TCP", 17: "UDP", 58: "PING", 132: "SCTP", 136: "UDPLITE", 262: "MPTCP"}
_WITHOUT_PORTS = ("PING", "RAW")
_ALWAYS_NAMED = ("TCP", "UDP", *_WITHOUT_PORTS)
_FAMILIES = {17: "PACKET", 40: "AF_VSOCK", 38: "ALG", 29: "CAN", 15: "KEY", 44: "XDP"}


@dataclass(frozen=True, slots=True)
class _Socket:
    inode: int
    family: int
    kind: int
    protocol: int
    local: bytes
    peer: bytes


class _Pidfd(str):
    """The link of a pidfd, which does not say whose it is."""

    process: int


class _Named(str):
    """The link of a file whose own name ends as the kernel marks deleted ones; or of a working directory.

    strace looks for the mark at descriptors only.
    """


def _link(chunk: TracerChunk) -> str:
    text = os.fsdecode(chunk.data)
    if chunk.place and text.endswith(_DELETED):
        return _Named(text)
    return _pidfd(text, chunk.place) if chunk.place else text


def _split(link: str) -> tuple[str, bool]:
    """The path of a link, and whether nothing is there any more."""
    gone = link.endswith(_DELETED) and not isinstance(link, _Named)
    return (link.removesuffix(_DELETED), True) if gone else (link, False)


def _pidfd(text: str, process: int) -> _Pidfd:
    found = _Pidfd(text)
    found.process = process
    return found


def _socket(data: bytes) -> _Socket:
    inode, _, _, family, kind, protocol, _, local_bytes, peer_bytes, local, peer = _SOCKET.unpack(data)
    return _Socket(inode, family, kind, protocol, local[:local_bytes], peer[:peer_bytes])


class Descriptors:
    """Takes all events in order. `details`: members of options.DETAILS. `more`: name the families of all sockets."""

    def __init__(self, details: frozenset[str], *, more: bool = False) -> None:
        self._details = details
        self._families = _FAMILIES if more else {}
        self._links: dict[int, dict[int, str]] = {}  # process -> descriptor -> what its link says
        self._sockets: dict[int, _Socket] = {}  # by inode
        self._peers: dict[int, int] = {}  # of unix sockets, by inode

    # -- events ------------------------------------------------------------------------------------------------------

    def take(self, e: TracerEvent, name: str) -> None:
        """Learn from an event what descriptors are; `name` is that of the call, if it is one."""
        links = self._links.setdefault(e.pid, {})
        if e.kind == EventKind.ENTRY:
            self._forget_unknown(links, e, name)
        elif e.kind == EventKind.CLONE and not e.extra & _CLONE_THREAD:
            self._links[e.number] = {**links, **self._links.get(e.number, {})}
        elif e.kind == EventKind.EXEC:
            links.clear()
        elif e.kind == EventKind.EXIT and name == "socketpair":
            both = [_inode(c) for c in e.chunks if c.role == Role.SOCKET]
            if len(both) == 2:
                self._peers |= {both[0]: both[1], both[1]: both[0]}
        for chunk in e.chunks:
            if chunk.role == Role.LINK:
                links[signed32(chunk.detail) if chunk.detail < ELSEWHERE else chunk.detail] = _link(chunk)
            elif chunk.role == Role.CWD:
                links[AT_FDCWD] = _Named(os.fsdecode(chunk.data))
            elif chunk.role == Role.SOCKET and len(chunk.data) == _SOCKET.size:
                found = self._sockets[_inode(chunk)] = _socket(chunk.data)
                links[signed32(chunk.detail)] = f"socket:[{found.inode}]"
            elif chunk.role == Role.OTHER_END:
                self._peers[chunk.detail] = _inode(chunk)
            elif name == "clone" and chunk.arg == _PARENT_TID and e.kind == EventKind.EXIT and e.args[0] & _CLONE_PIDFD:
                links[signed32(_inode(chunk))] = _pidfd("anon_inode:[pidfd]", e.value)

    @staticmethod
    def _forget_unknown(links: dict[int, str], e: TracerEvent, name: str) -> None:
        known = {signed32(c.detail) for c in e.chunks if c.role == Role.LINK}
        spec = call_spec(name, e.arch)
        for arg, value in zip(spec.args if spec else (), e.args, strict=False):
            if arg.kind in _DESCRIPTORS and signed32(value) not in known:
                links.pop(signed32(value), None)

    def returned(self, begun: TracerEvent, e: TracerEvent, name: str) -> None:
        """After the line of a call was printed: what it changed for the lines to come."""
        failed = bool(e.flags & EventFlag.ERROR)
        if name == "connect":
            self._connecting(begun, e)
        elif name == "close" and not failed:
            self._links.get(e.pid, {}).pop(signed32(begun.args[0]), None)

    def _connecting(self, begun: TracerEvent, e: TracerEvent) -> None:
        """A connect that goes on in the background: the kernel knows the peer, but does not tell it yet."""
        if -e.value != _EINPROGRESS:
            return
        address = next((c.data for c in begun.chunks if c.role == Role.SOCKADDR), b"")
        for inode in (_inode(c) for c in e.chunks if c.role == Role.SOCKET):
            if not self._sockets[inode].peer:
                self._sockets[inode] = replace(self._sockets[inode], peer=address)

    # -- words -------------------------------------------------------------------------------------------------------

    def label(self, pid: int) -> FdLabel:
        """How descriptors of a process are printed, and with ELSEWHERE those that it names of another."""
        return lambda number: self._text(pid, number)

    def links(self, pid: int, numbers: Iterable[int]) -> list[str]:
        """The links of some descriptors, as far as they are known; of deleted files where they were."""
        known = self._links.get(pid, {})
        return [_split(known[n])[0] for n in numbers if n in known]

    def _text(self, pid: int, number: int) -> str:
        link = self._links.get(pid, {}).get(number)
        number -= ELSEWHERE if ELSEWHERE <= number < 2 * ELSEWHERE else 0  # a result may be injected, and larger
        if link is None:
            return str(number)
        if link.startswith("socket:[") and "socket" in self._details:
            return f"{number}<{self._socket_text(link)}>"
        if isinstance(link, _Pidfd) and "pidfd" in self._details:
            return f"{number}<pid:{link.process}>"
        found, gone = _split(link)
        path = label_text(os.fsencode(found))
        device = _device(link) if "dev" in self._details and link.startswith("/") and not gone else ""
        if not device and "path" not in self._details:
            return str(number)
        return f"{number}<{path}{device}>" + ("(deleted)" if gone else "")

    def _socket_text(self, link: str) -> str:
        s = self._sockets.get(int(link[8:-1]))
        if s is None:
            return link
        if s.family == AF_UNIX:
            return self._unix_text(s)
        if s.family == AF_NETLINK:
            return _netlink_text(s)
        if s.family in (AF_INET, AF_INET6):
            kind = "RAW" if s.kind == SOCK_RAW else _PROTOCOLS.get(s.protocol, "RAW")
            name = kind + ("v6" if s.family == AF_INET6 else "")
            ends = [t for t in (_end(s.local), _end(s.peer)) if t]
            if kind not in _WITHOUT_PORTS and (len(ends) > 1 or (ends and not ends[0].endswith(":0"))):
                return f"{name}:[{'->'.join(ends)}]"
            return f"{name if kind in _ALWAYS_NAMED or self._families else 'socket'}:[{s.inode}]"
        return f"{self._families.get(s.family, 'socket')}:[{s.inode}]"

    def _unix_text(self, s: _Socket) -> str:
        peer = self._peers.get(s.inode)
        path = decode_sockaddr(s.local).fields if len(s.local) > 2 else ()
        name = f",{path[0].removeprefix('sun_path=')}" if path else ""
        return f"{_UNIX_KINDS.get(s.kind, 'UNIX')}:[{s.inode}{f'->{peer}' if peer else ''}{name}]"


def _inode(chunk: TracerChunk) -> int:
    return int.from_bytes(chunk.data[:8], "little")


def _end(address: bytes) -> str:
    found = decode_sockaddr(address) if len(address) > 2 else None
    if found is None or found.address is None or found.port is None:
        return ""
    return f"[{found.address}]:{found.port}" if found.family == AF_INET6 else f"{found.address}:{found.port}"


def _netlink_text(s: _Socket) -> str:
    protocol = TABLES["netlink_protocol"].get(s.protocol, "").removeprefix("NETLINK_")
    port = int.from_bytes(s.local[4:8], "little")
    return f"NETLINK:[{protocol}:{port}]" if protocol and port else f"NETLINK:[{s.inode}]"


def _device(path: str) -> str:
    """What a special file is; of a terminal that is gone its path still says it."""
    try:
        found = Path(path).stat()
    except OSError:
        number = path.removeprefix(_TERMINALS)
        if number == path or not number.isdecimal():
            return ""
        major, minor = divmod(int(number), _TERMINALS_OF_MAJOR)
        return f"<char {_TERMINAL_MAJOR + major}:{minor}>"
    kind = {stat.S_IFCHR: "char", stat.S_IFBLK: "block"}.get(stat.S_IFMT(found.st_mode))
    return f"<{kind} {os.major(found.st_rdev)}:{os.minor(found.st_rdev)}>" if kind else ""
