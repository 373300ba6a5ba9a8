"""Unix socket conversations: socketpairs, streams between a connect and an accept, and datagrams between bound paths.

The kernel names a stream's peer by inode (sock_diag). Where no sample caught it, the k-th connect to a path is the k-th
accept from it: the listener's queue keeps the order (unix(7)).
"""

import posixpath
from collections import defaultdict

import duckdb

from wiretale.join.addresses import Address
from wiretale.join.associations import FOREVER, Association, Socket, by_inode, by_made_call
from wiretale.join.pairing import Conversation, Side

_PROTOCOL = {"SOCK_STREAM": "unix-stream", "SOCK_DGRAM": "unix-dgram", "SOCK_SEQPACKET": "unix-seqpacket"}


class UnixPairing:
    """Give it sockets; `conversations` holds the result."""

    def __init__(self, db: duckdb.DuckDBPyConnection, sockets: dict[int, Socket]) -> None:
        self.conversations: list[Conversation] = []
        self.sent_to: dict[int, list[int]] = defaultdict(list)  # datagrams: receiver's socket_id -> writing calls
        self._sockets = {s.socket_id: s for s in sockets.values() if s.family == "AF_UNIX" and s.type in _PROTOCOL}
        self._inodes = by_inode(self._sockets)
        self._paired: set[int] = set()
        self._paths = {s.socket_id: _path(s) for s in self._sockets.values()}
        self._pair_made_together()
        self._pair_by_inode()
        self._pair_by_order()
        self._failed()
        self._datagrams(db)

    def _join(self, client: Socket, server: Socket, known_by: str, from_ns: int) -> None:
        assert client.type is not None
        path = self._paths[server.socket_id] or self._paths.get(server.listener_id or 0)
        found = Conversation(
            _PROTOCOL[client.type],
            client.netns_cookie,
            Side(_address(self._paths[client.socket_id])),
            Side(_address(path)),
            known_by,
            from_ns,
        )
        for socket, side, role, other in (
            (client, found.client, "client", path),
            (server, found.server, "server", self._paths[client.socket_id]),
        ):
            begin, call = socket.from_ns, next((c.call_id for c in socket.connects if c.errno is None), None)
            remote = Address(other or "", None)
            side.sides.append(
                Association(
                    socket, role, side.addr, remote, begin, FOREVER, call if role == "client" else socket.made_call_id
                )
            )
            self._paired.add(socket.socket_id)
        self.conversations.append(found)

    def _pair_made_together(self) -> None:
        for pair in by_made_call(self._sockets).values():
            if len(pair) == 2:
                self._join(pair[0], pair[1], "guess", pair[0].from_ns)

    def _free(self, socket: Socket | None) -> bool:
        return socket is not None and socket.socket_id not in self._paired and not socket.listening

    def _pair_by_inode(self) -> None:
        for socket in self._sockets.values():
            if not self._free(socket) or socket.type == "SOCK_DGRAM":
                continue
            inode = next((s.peer_inode for s in socket.samples if s.peer_inode), None)
            peer = self._inodes.get(inode) if inode else None
            if peer is None or not self._free(peer):
                continue
            client, server = (peer, socket) if socket.listener_id is not None else (socket, peer)
            known = "connect" if client.connects or server.listener_id is not None else "guess"
            self._join(client, server, known, max(client.from_ns, min(_began(client), _began(server))))

    def _pair_by_order(self) -> None:
        waiting: dict[str, list[tuple[int, Socket]]] = defaultdict(list)
        for socket in self._sockets.values():
            if self._free(socket) and socket.listener_id is None:
                for connect in socket.connects:
                    if connect.errno is None and connect.peer is not None and socket.type != "SOCK_DGRAM":
                        waiting[connect.peer.addr].append((connect.start_ns, socket))
        for queue in waiting.values():
            queue.sort(key=lambda w: w[0])
        accepted = [s for s in self._sockets.values() if s.listener_id is not None and self._free(s)]
        for server in sorted(accepted, key=lambda s: s.made_exit_ns or s.from_ns):
            path = self._paths.get(server.listener_id or 0)
            queue = waiting.get(path or "") or waiting.get(_like(path, waiting) or "") or []
            until = server.made_exit_ns or server.from_ns
            first = next((w for w in queue if w[0] <= until), None)
            if first is not None:
                queue.remove(first)
                self._join(first[1], server, "connect", first[0])

    def _failed(self) -> None:
        """Stream connects without a partner: refused, or to a process that was not traced."""
        for socket in self._sockets.values():
            if not self._free(socket) or socket.type == "SOCK_DGRAM":
                continue
            for connect in socket.connects:
                if connect.peer is None or socket.type is None or connect.pending:
                    continue
                side = Association(
                    socket, "client", None, connect.peer, connect.start_ns, FOREVER, connect.call_id, connect.errno
                )
                self.conversations.append(
                    Conversation(
                        _PROTOCOL[socket.type],
                        socket.netns_cookie,
                        Side(_address(self._paths[socket.socket_id]), [side]),
                        Side(connect.peer),
                        "connect",
                        connect.start_ns,
                    )
                )

    def _datagrams(self, db: duckdb.DuckDBPyConnection) -> None:
        """A sender and the socket bound to the path it named, both ways one conversation."""
        rows = db.execute(
            """
            SELECT call_id, socket_id, start_ns, remote_addr FROM j_transfer JOIN socket USING (socket_id)
            WHERE family = 'AF_UNIX' AND type = 'SOCK_DGRAM' AND side = 'w' ORDER BY start_ns
            """
        ).fetchall()
        seen: set[frozenset[int]] = set()
        for call_id, socket_id, start, addr in rows:
            sender = self._sockets.get(socket_id)
            if sender is None or sender.socket_id in self._paired:
                continue
            target = addr if addr is not None else getattr(sender.peer_at(start), "addr", None)
            receiver = self._bound_to(target, start)
            if receiver is None:
                continue
            self.sent_to[receiver.socket_id].append(call_id)
            if frozenset((sender.socket_id, receiver.socket_id)) in seen:
                continue
            seen.add(frozenset((sender.socket_id, receiver.socket_id)))
            self._join(sender, receiver, "first sender", start)
            self._paired -= {sender.socket_id, receiver.socket_id}

    def _bound_to(self, path: str | None, time_ns: int) -> Socket | None:
        """The socket that had `path` at `time_ns`: of several in turn the last that was made before."""
        fits = [
            s
            for s in self._sockets.values()
            if path and s.type == "SOCK_DGRAM" and s.from_ns <= time_ns <= s.end_ns and self._paths[s.socket_id] == path
        ]
        return fits[-1] if fits else None


def _path(socket: Socket) -> str | None:
    if socket.bound is not None and socket.bound.addr:
        return socket.bound.addr
    return next((s.local.addr for s in socket.samples if s.local is not None and s.local.addr), None)


def _address(path: str | None) -> Address | None:
    return Address(path, None) if path else None


def _began(socket: Socket) -> int:
    return min([c.start_ns for c in socket.connects] + [socket.made_exit_ns or socket.from_ns])


def _like(path: str | None, paths: dict[str, list[tuple[int, Socket]]]) -> str | None:
    """A relative and an absolute spelling of one path: the same last part, if only one has it."""
    if path is None:
        return None
    fits = [p for p in paths if p and posixpath.basename(p) == posixpath.basename(path)]
    return fits[0] if len(fits) == 1 else None
