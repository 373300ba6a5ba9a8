"""What calls and samples say about whom a socket talked to, and when: the input of pairing.

An `Association` is one socket's side of one conversation. Addresses come from the kernel (the tracer asks when a call
returns) or from the call's own arguments, never from the time or the process.
"""

from collections import defaultdict

import duckdb

from wiretale.join.addresses import Address, address, is_disconnect, parse_sockaddr
from wiretale.light import dataclass, field

INTERNET = ("AF_INET", "AF_INET6")
TCP, UDP, UDPLITE, MPTCP = 6, 17, 136, 262  # linux/in.h
DATAGRAMS = {UDP: "udp", UDPLITE: "udplite"}  # protocols of connections by IP protocol
FOREVER = (1 << 63) - 1
EINTR, EALREADY, EISCONN, EINPROGRESS = 4, 114, 106, 115  # asm-generic/errno.h


@dataclass(frozen=True, slots=True)
class Sample:
    """Addresses of a socket at one instant."""

    time_ns: int
    call_id: int | None
    local: Address | None
    peer: Address | None
    peer_inode: int | None
    state: str | None


@dataclass(frozen=True, slots=True)
class Connect:
    """One connect call; `peer` is None when it dissolves an association."""

    call_id: int
    start_ns: int
    exit_ns: int | None
    errno: int | None
    peer: Address | None
    disconnects: bool

    @property
    def continues(self) -> bool:
        """It only asked after an earlier connect of the same socket."""
        return self.errno in (EALREADY, EISCONN)

    @property
    def pending(self) -> bool:
        """It returned before the outcome was known."""
        return self.errno in (EINPROGRESS, EINTR)


@dataclass(slots=True, eq=False)
class Socket:
    """One row of `socket` with what is known of its addresses."""

    socket_id: int
    family: str | None
    type: str | None
    protocol: int | None
    inode: int | None
    netns_cookie: int | None
    listener_id: int | None
    listening: bool
    made_call_id: int | None
    made_exit_ns: int | None
    from_ns: int
    to_ns: int | None
    traced: bool
    samples: list[Sample] = field(default_factory=list)
    connects: list[Connect] = field(default_factory=list)
    bound: Address | None = None

    @property
    def end_ns(self) -> int:
        return FOREVER if self.to_ns is None else self.to_ns

    @property
    def is_tcp(self) -> bool:
        """TCP, or MPTCP over it; not SCTP, which has stream sockets too. 0 stands for the type's own protocol."""
        return self.family in INTERNET and self.type == "SOCK_STREAM" and self.protocol in (None, 0, TCP, MPTCP)

    @property
    def datagrams(self) -> str | None:
        """The protocol of its connections, if it is one of datagrams over IP; others (ICMP's, L2TP's) have no ports."""
        if self.family not in INTERNET or self.type != "SOCK_DGRAM":
            return None
        return DATAGRAMS.get(self.protocol or UDP)

    def peer_at(self, time_ns: int) -> Address | None:
        """Whom it was connected to at `time_ns`."""
        found = next((s.peer for s in self.samples if s.peer is not None and s.call_id is None), None)
        for connect in self.connects:
            if connect.start_ns > time_ns:
                break
            if connect.errno is None or connect.pending:
                found = connect.peer
        return found


@dataclass(slots=True, eq=False)
class Association:
    """One socket's side of one conversation. `role` is client, server or "" (unknown)."""

    socket: Socket
    role: str
    local: Address | None
    peer: Address
    from_ns: int
    to_ns: int
    call_id: int | None = None
    errno: int | None = None


SOCKETS = """
SELECT s.socket_id, s.family, s.type, s.protocol, s.inode, s.netns_cookie, s.listener_id, s.listening, s.made_call_id,
       c.exit_ns, s.from_ns, s.to_ns, s.file_id IS NOT NULL AND coalesce(t.traced, false)
FROM socket s LEFT JOIN call c ON c.call_id = s.made_call_id
LEFT JOIN (
    SELECT d.file_id, bool_or(k.traced) AS traced FROM descriptor d JOIN task k ON k.pid = d.pid GROUP BY d.file_id
) t ON t.file_id = s.file_id
WHERE s.family IN ('AF_INET', 'AF_INET6', 'AF_UNIX')
ORDER BY s.socket_id
"""

SAMPLES = """
SELECT s.socket_id, m.time_ns, m.call_id, m.local_addr, m.local_port, m.peer_addr, m.peer_port, m.peer_inode, m.state
FROM socket_sample m JOIN socket s ON s.inode = m.inode
WHERE m.inode <> 0 AND m.family IN ('AF_INET', 'AF_INET6', 'AF_UNIX')
ORDER BY m.time_ns
"""

# A connection can also be asked for by the first send (TCP Fast Open, flag MSG_FASTOPEN of linux/socket.h).
CONNECTS = """
SELECT f.socket_id, c.name, c.call_id, c.start_ns, c.exit_ns, c.errno, c.retval, first(d.bytes)
FROM call c JOIN call_file f USING (call_id) LEFT JOIN call_data d ON d.call_id = c.call_id AND d.role = 'sockaddr'
WHERE f.socket_id IS NOT NULL AND (c.name IN ('connect', 'bind') OR (c.name = 'sendto' AND c.a3 & 536870912 <> 0))
GROUP BY ALL ORDER BY c.call_id
"""


def read_sockets(db: duckdb.DuckDBPyConnection) -> dict[int, Socket]:
    """All internet and unix sockets by id, with samples and connects in order of time."""
    sockets = {row[0]: Socket(*row) for row in db.execute(SOCKETS).fetchall()}
    for socket_id, time, call_id, local, local_port, peer, peer_port, peer_inode, state in db.execute(
        SAMPLES
    ).fetchall():
        if socket_id in sockets:
            sockets[socket_id].samples.append(
                Sample(
                    time,
                    call_id,
                    address(local or None, local_port),
                    address(peer or None, peer_port) if peer_port != 0 else None,
                    peer_inode or None,
                    state,
                )
            )
    for socket_id, name, call_id, start, end, errno, retval, data in db.execute(CONNECTS).fetchall():
        socket = sockets.get(socket_id)
        if socket is None:
            continue
        peer = parse_sockaddr(data or b"")
        if name == "bind":
            socket.bound = peer if retval == 0 else socket.bound
        else:
            socket.connects.append(Connect(call_id, start, end, errno, peer, is_disconnect(data or b"")))
    return sockets


def local_of(socket: Socket, peer: Address | None, from_ns: int, to_ns: int) -> Address | None:
    """The socket's own address while it talked to `peer`: a sample of that time says it, else what was bound."""
    best: Address | None = socket.bound
    for sample in socket.samples:
        if sample.local is None or not from_ns <= sample.time_ns <= to_ns:
            continue
        if peer is not None and sample.peer == peer:
            return sample.local
        if sample.local.port and (best is None or best.is_wildcard or not best.port):
            best = sample.local
    return best


def tcp_associations(sockets: dict[int, Socket]) -> list[Association]:
    """Every TCP conversation that a socket began, accepted or was seen in."""
    found: list[Association] = []
    for socket in sockets.values():
        if socket.is_tcp:
            begun = list(_begun(socket))
            found += begun
            if not begun:
                found += _met(socket)
    return found


def _begun(socket: Socket) -> list[Association]:
    attempts: list[Connect] = []
    for connect in socket.connects:
        if connect.peer is None:
            continue
        last = attempts[-1] if attempts else None
        if connect.continues or (last is not None and last.pending and last.peer == connect.peer):
            continue  # the answer to an attempt under way, not another one
        attempts.append(connect)
    found = []
    for n, connect in enumerate(attempts):
        end = attempts[n + 1].start_ns if n + 1 < len(attempts) else socket.end_ns
        assert connect.peer is not None
        peer = Address("127.0.0.1", connect.peer.port) if connect.peer.addr == "0.0.0.0" else connect.peer
        peer = Address("::1", peer.port) if peer.addr == "::" else peer  # connecting to "any" means this host
        local = local_of(socket, peer, connect.start_ns, end)
        errno = None if connect.pending else connect.errno
        if errno is not None and connect.exit_ns is not None:
            end = connect.exit_ns  # it failed: what other sockets do to that address later is not its doing
        found.append(Association(socket, "client", local, peer, connect.start_ns, end, connect.call_id, errno))
    return found


def _met(socket: Socket) -> list[Association]:
    """Accepted sockets, and those older than the recording: the first sample that names a peer says all."""
    for sample in socket.samples:
        if sample.peer is not None and sample.local is not None and sample.state != "LISTEN":
            accepted = socket.listener_id is not None
            from_ns = socket.made_exit_ns if accepted and socket.made_exit_ns is not None else socket.from_ns
            return [
                Association(
                    socket,
                    "server" if accepted else "",
                    sample.local,
                    sample.peer,
                    from_ns,
                    socket.end_ns,
                    socket.made_call_id if accepted else None,
                )
            ]
    return []


def by_inode(sockets: dict[int, Socket]) -> dict[int, Socket]:
    return {s.inode: s for s in sockets.values() if s.inode}


def by_made_call(sockets: dict[int, Socket]) -> dict[int, list[Socket]]:
    """Sockets by the call that made them (two for socketpair)."""
    found: dict[int, list[Socket]] = defaultdict(list)
    for socket in sockets.values():
        if socket.made_call_id is not None:
            found[socket.made_call_id].append(socket)
    return found
