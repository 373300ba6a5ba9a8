"""Conversations of UDP and UDP-Lite: a 4-tuple, and in it one incarnation for each pair of sockets that used it.

A datagram socket may talk to many; what it sent to (or received from) one address is one `Use`. A tuple's next
incarnation begins when one of its ends is another socket than before.
"""

from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise

import duckdb

from wiretale.join.addresses import Address, same_spelling
from wiretale.join.associations import FOREVER, Association, Socket, local_of
from wiretale.join.pairing import Conversation, Flow, Side
from wiretale.join.rows import Row, put
from wiretale.join.senders import udp_senders
from wiretale.light import dataclass


@dataclass(slots=True, eq=False)
class Use:
    """What one socket did with one remote address: instants of its messages, in order."""

    socket: Socket
    remote: Address
    local: Address | None
    times: list[tuple[int, bool]]  # time of exit, sent


def read_uses(db: duckdb.DuckDBPyConnection, sockets: dict[int, Socket], error_ns: int) -> list[Use]:
    """Uses of datagram sockets; makes `j_use`, the remote address of each message.

    That is the address the message names, or else the one its socket was connected to, or that its packet came from.
    """
    found: dict[tuple[int, Address], Use] = {}
    told = udp_senders(db, sockets, error_ns)
    targets: dict[tuple[int, Address], set[Address]] = defaultdict(set)  # where what a socket read was sent to
    rows = db.execute(
        """
        SELECT call_id, message, side, socket_id, start_ns, coalesce(exit_ns, start_ns), remote_addr, remote_port
        FROM j_transfer JOIN socket USING (socket_id) WHERE type = 'SOCK_DGRAM' AND family <> 'AF_UNIX'
        ORDER BY exit_ns, call_id, message
        """
    ).fetchall()
    named: list[Row] = []
    for call_id, message, side, socket_id, start, end, addr, port in rows:
        sent = side == "w"
        socket = sockets.get(socket_id)
        if socket is None or socket.datagrams is None:
            continue
        remote = Address(same_spelling(addr), port) if addr is not None else socket.peer_at(start)
        if remote is None and (call_id, message) in told:
            remote, target = told[call_id, message]
            targets[socket_id, remote].add(target)
        if remote is None:
            continue
        # The kernel sends what goes to 0.0.0.0 to this host; what it received from there did come from there (a host
        # that has no address yet: DHCP).
        if remote.addr == "0.0.0.0" and (sent or addr is None):
            remote = Address("127.0.0.1", remote.port)
        named.append((call_id, message, side, remote.addr, remote.port))
        use = found.get((socket_id, remote))
        if use is None:
            use = found[socket_id, remote] = Use(socket, remote, None, [])
        use.times.append((end if not sent else start, sent))
    columns = (
        ("call_id", "BIGINT"),
        ("message", "INTEGER"),
        ("side", "VARCHAR"),
        ("addr", "VARCHAR"),
        ("port", "INTEGER"),
    )
    put(db, "j_use", columns, named)
    for key, use in found.items():
        use.local = local_of(use.socket, use.remote, use.socket.from_ns, use.socket.end_ns)
        if (use.local is None or use.local.is_wildcard) and len(targets.get(key, ())) == 1:
            (use.local,) = targets[key]
    return list(found.values())


class UdpPairing:
    """Give it flows and uses of one protocol; `conversations` holds the result."""

    def __init__(self, protocol: str, flows: Iterable[Flow], uses: Iterable[Use], error_ns: int) -> None:
        self._protocol = protocol
        self.conversations: list[Conversation] = []
        self._error_ns = error_ns
        self._flows: dict[tuple[Address, Address], list[Flow]] = defaultdict(list)
        for flow in flows:
            self._flows[_key(flow.a, flow.b)].append(flow)
        self._uses: dict[tuple[Address, Address], list[Use]] = defaultdict(list)
        self._by_port: dict[tuple[int | None, Address], list[tuple[Address, Address]]] = defaultdict(list)
        for key in self._flows:
            self._index(key)
        vague = [u for u in uses if not self._place(u)]
        for use in vague:
            self._place_vague(use)
        for key in sorted({*self._flows, *self._uses}, key=str):
            self._split(key)

    def _index(self, key: tuple[Address, Address]) -> None:
        a, b = key
        self._by_port[a.port, b].append(key)
        self._by_port[b.port, a].append(key)

    def _place(self, use: Use) -> bool:
        if use.local is None or use.local.is_wildcard or not use.local.port:
            return False
        key = _key(use.local, use.remote)
        if key not in self._flows and key not in self._uses:
            self._index(key)
        self._uses[key].append(use)
        return True

    def _place_vague(self, use: Use) -> None:
        """Bound to "any address": the tuple is the one with this port and this peer, if there is just one."""
        port = use.local.port if use.local is not None else None
        keys = self._by_port.get((port, use.remote), []) if port else self._keys_begun_in(use)
        if len(set(keys)) == 1:
            a, b = keys[0]
            use.local = a if b == use.remote else b
        else:
            use.local = use.local or Address("0.0.0.0", None)
        self._uses[_key(use.local, use.remote)].append(use)

    def _keys_begun_in(self, use: Use) -> list[tuple[Address, Address]]:
        """The port was never learned: tuples to this peer whose first packet left inside this socket's first send."""
        first = min(t for t, _ in use.times)
        return [
            key
            for key, flows in self._flows.items()
            if use.remote in key
            and not self._uses.get(key)
            and any(
                f.sent_first() != use.remote and first <= f.first_ns <= first + self._error_ns + 1_000_000
                for f in flows
            )
        ]

    def _split(self, key: tuple[Address, Address]) -> None:
        uses = self._uses.get(key, [])
        placed: list[Use] = []
        for flow in self._flows.get(key, []):
            mine = [u for u in uses if _same_namespace(flow, u)]
            # A socket of another namespace is the end that none of the captured one is (see tcp_connections).
            ours = {u.local for u in mine}
            mine += [u for u in uses if u not in mine and u.local not in ours and not key[0].is_loopback]
            placed += mine
            self._split_flow(key, flow, mine)
        left: dict[int | None, list[Use]] = defaultdict(list)
        for use in uses:
            if use not in placed:
                left[use.socket.netns_cookie if key[0].is_loopback else None].append(use)
        for same in left.values():
            self._split_flow(key, None, same)

    def _split_flow(self, key: tuple[Address, Address], flow: Flow | None, uses: list[Use]) -> None:
        cuts = _cuts(uses)
        for from_ns, to_ns in zip(cuts, [*cuts[1:], FOREVER], strict=True):
            self._incarnation(key, flow, uses, from_ns, to_ns)

    def _incarnation(
        self, key: tuple[Address, Address], flow: Flow | None, uses: list[Use], from_ns: int, to_ns: int
    ) -> None:
        inside = [(u, [t for t in u.times if from_ns <= t[0] < to_ns]) for u in uses]
        inside = [(u, times) for u, times in inside if times]
        packets = flow is not None and flow.first_ns < to_ns and flow.last_ns >= from_ns
        if not inside and not packets:
            return
        client, known_by = self._client(key, flow, inside, from_ns)
        server = key[0] if key[1] == client else key[1]
        first = min(
            [t[0] for _, times in inside for t in times] + ([max(flow.first_ns, from_ns)] if flow and packets else [])
        )
        cookie = flow.cookie if flow is not None else inside[0][0].socket.netns_cookie
        found = Conversation(
            self._protocol,
            cookie,
            Side(client),
            Side(server),
            known_by,
            first,
            to_ns,
            flow if packets else None,
            from_ns,
        )
        for use, _ in inside:
            side = found.client if use.local == client else found.server
            role = "client" if use.local == client else "server"
            side.sides.append(Association(use.socket, role, use.local, use.remote, from_ns, to_ns))
        self.conversations.append(found)

    @staticmethod
    def _client(
        key: tuple[Address, Address], flow: Flow | None, inside: list[tuple[Use, list[tuple[int, bool]]]], from_ns: int
    ) -> tuple[Address, str]:
        if flow is not None and flow.first_ns >= from_ns:
            return flow.sent_first(), "first sender"
        sent = [(t, u.local) for u, times in inside for t, was_sent in times if was_sent and u.local is not None]
        if sent:
            return min(sent, key=lambda s: s[0])[1], "first sender"
        received = [(t, u.remote) for u, times in inside for t, was_sent in times if not was_sent]
        if received:
            return min(received, key=lambda s: s[0])[1], "first sender"
        return key[0], "guess"


def _cuts(uses: list[Use]) -> list[int]:
    """Where incarnations begin: at 0, and whenever an end became another socket after the former one had ended."""
    cuts = {0}
    by_end: dict[Address | None, list[Socket]] = defaultdict(list)
    for use in uses:
        by_end[use.local].append(use.socket)
    for sockets in by_end.values():
        ordered = sorted(sockets, key=lambda s: s.from_ns)
        cuts |= {b.from_ns for a, b in pairwise(ordered) if a.end_ns <= b.from_ns}
    return sorted(cuts)


def _key(a: Address, b: Address) -> tuple[Address, Address]:
    return (a, b) if (a.addr, a.port or 0) <= (b.addr, b.port or 0) else (b, a)


def _same_namespace(flow: Flow | None, use: Use) -> bool:
    if flow is None or flow.cookie is None or use.socket.netns_cookie is None:
        return True
    return flow.cookie == use.socket.netns_cookie
